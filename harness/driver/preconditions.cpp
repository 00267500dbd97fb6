#include "harness/driver/preconditions.hpp"

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "harness/allocators/preload.hpp"
#include "harness/base/text.hpp"
#include "harness/driver/timeline.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

// Measured: a row of samples.csv has 500 to 800 bytes, its ten to sixty windows 30 each.
constexpr std::uint64_t kBytesPerSample = 4096;
constexpr std::uint64_t kBytesPerReading = 48;  // a row of timeline.csv
// summary.csv and its sisters: a row for each of forty metrics, of estimates and comparisons.
constexpr std::uint64_t kBytesPerCell = 20'000;
constexpr std::uint64_t kBytesOfRun = 2
                                      << 20;  // run.json, logs, what is written beside another file
constexpr std::uint64_t kFileNames = 64;
// Driver, keeper, and what else a worker starts: a sampler, a library's background threads.
constexpr std::uint64_t kThreadsAround = 16;
constexpr std::uint64_t kDescriptors = 64;
constexpr std::uint64_t kHighDescriptors = 256;
// A worker with nothing allocated, the driver and the keeper.
constexpr std::uint64_t kLeastMemory = 64 << 20;
// Where less can be mapped, libraries and thread stacks alone do not fit.
constexpr std::uint64_t kLeastAddressSpace = 512 << 20;

std::string bytes(std::uint64_t number) {
  return human_bytes(static_cast<double>(number));
}

// Empty: no limit is known, or it is wide enough.
using Check = std::string (*)(const RunNeeds&, const RunMeans&);

constexpr Check kChecks[] = {
    [](const RunNeeds&, const RunMeans& means) {
      return means.read_only.empty()
                 ? std::string()
                 : fmt::format(
                       "{} cannot be written to: {}; name another place with --out, or run "
                       "as a user who may: ls -ld {}",
                       means.place.string(), means.read_only, means.place.string());
    },
    [](const RunNeeds& needs, const RunMeans& means) {
      if (!means.disk_bytes || *means.disk_bytes >= needs.disk_bytes) return std::string();
      return fmt::format(
          "the results may take {}, and {} has {} left; free some space there, or "
          "name another place with --out",
          bytes(needs.disk_bytes), means.place.string(), bytes(*means.disk_bytes));
    },
    [](const RunNeeds&, const RunMeans& means) {
      if (!means.file_names || *means.file_names >= kFileNames) return std::string();
      return fmt::format(
          "{} has room for {} more files, and a run has some {} (df -i shows it); "
          "delete some, or name another place with --out",
          means.place.string(), *means.file_names, kFileNames);
    },
    [](const RunNeeds& needs, const RunMeans& means) {
      if (!means.file_size_limit || *means.file_size_limit >= needs.largest_file_bytes) {
        return std::string();
      }
      return fmt::format("RLIMIT_FSIZE ends files at {}, and one may take {}: ulimit -f unlimited",
                         bytes(*means.file_size_limit), bytes(needs.largest_file_bytes));
    },
    [](const RunNeeds& needs, const RunMeans& means) {
      const std::uint64_t wanted = needs.high_descriptors ? kHighDescriptors : needs.descriptors;
      if (!means.descriptor_limit || *means.descriptor_limit >= wanted) return std::string();
      return fmt::format("RLIMIT_NOFILE allows {} open files{}: ulimit -n 1024",
                         *means.descriptor_limit,
                         needs.high_descriptors
                             ? fmt::format(", and a library whose path holds a space or a colon is "
                                           "handed over at a number from 200 on")
                             : fmt::format(", and {} are needed", wanted));
    },
    [](const RunNeeds&, const RunMeans& means) {
      if (!means.address_space || *means.address_space >= kLeastAddressSpace) return std::string();
      return fmt::format(
          "RLIMIT_AS or RLIMIT_DATA lets a process map {}, and a worker needs {}: "
          "ulimit -v unlimited; ulimit -d unlimited",
          bytes(*means.address_space), bytes(kLeastAddressSpace));
    },
    [](const RunNeeds& needs, const RunMeans& means) {
      if (!means.process_limit || *means.process_limit >= needs.threads) return std::string();
      return fmt::format(
          "RLIMIT_NPROC allows this user {} threads, and the plan needs {}: ulimit -u "
          "{}, or fewer with --threads",
          *means.process_limit, needs.threads, needs.threads);
    },
    [](const RunNeeds& needs, const RunMeans& means) {
      if (!means.pids || *means.pids >= needs.threads) return std::string();
      return fmt::format(
          "the cgroup's pids.max leaves {} threads, and the plan needs {}; on the host: docker "
          "update --pids-limit -1 CONTAINER, or sudo systemctl set-property UNIT "
          "TasksMax=infinity; "
          "or fewer with --threads",
          *means.pids, needs.threads);
    },
    [](const RunNeeds&, const RunMeans& means) {
      if (!means.memory_bytes || *means.memory_bytes >= kLeastMemory) return std::string();
      return fmt::format(
          "the cgroup grants {} of memory, and a worker that does nothing needs {}; on the host: "
          "docker update --memory 2g --memory-swap 2g CONTAINER, or sudo systemctl set-property "
          "UNIT MemoryMax=2G",
          bytes(*means.memory_bytes), bytes(kLeastMemory));
    },
};

fs::path deepest_existing(const fs::path& out) {
  std::error_code error;
  fs::path place = fs::absolute(out, error);
  while (!fs::exists(place, error) && place.has_relative_path()) place = place.parent_path();
  return place;
}

std::optional<std::uint64_t> soft_limit(const Environment& environment, std::string_view name) {
  const ResourceLimit* limit = environment.find_limit(name);
  return limit == nullptr ? std::nullopt : limit->soft;
}

}  // namespace

RunNeeds needs_of(const Plan& plan, unsigned rounds, const std::vector<Allocator>& allocators) {
  RunNeeds needs;
  std::uint64_t readings = 0;
  for (const Block& block : plan.blocks) {
    for (const PlannedCell& planned : block.cells) {
      if (!planned.skip_status.empty()) continue;
      needs.threads = std::max<std::uint64_t>(needs.threads, planned.cell.threads);
      if (!block.timeline) continue;
      readings +=
          static_cast<std::uint64_t>(planned.expected_seconds * 1000 / kTimelineTickMs + 1) *
          block.rounds_of(rounds);
    }
  }
  needs.threads += kThreadsAround;
  const std::uint64_t samples = plan.samples(rounds) + plan.cells();  // and the instrumented ones
  needs.largest_file_bytes = kBytesOfRun + samples * kBytesPerSample / 2;
  needs.disk_bytes = kBytesOfRun + samples * kBytesPerSample + readings * kBytesPerReading +
                     plan.cells() * kBytesPerCell;
  needs.descriptors = kDescriptors;
  for (const Allocator& allocator : allocators) {
    for (const std::string& library : allocator.libraries) {
      needs.high_descriptors = needs.high_descriptors || needs_descriptor(library);
    }
  }
  return needs;
}

RunMeans means_at(const fs::path& out, const Environment& environment) {
  RunMeans means;
  means.place = deepest_existing(out);
  struct statvfs disk = {};
  // One without blocks (/proc) has no such numbers.
  if (::statvfs(means.place.c_str(), &disk) == 0 && disk.f_blocks != 0) {
    means.disk_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
    if (disk.f_files != 0) means.file_names = disk.f_favail;
  }
  // Permissions are told where the folder is created.
  if (::access(means.place.c_str(), W_OK) != 0 && errno == EROFS) {
    means.read_only = std::strerror(errno);
  }
  means.file_size_limit = soft_limit(environment, "file_size");
  means.descriptor_limit = soft_limit(environment, "open_files");
  for (const std::string_view name : {"address_space", "data_size"}) {
    const auto limit = soft_limit(environment, name);
    if (limit) means.address_space = std::min(means.address_space.value_or(*limit), *limit);
  }
  // Who has CAP_SYS_RESOURCE is not bound (getrlimit(2)).
  if (!environment.kernel.cap_sys_resource.value_or(false)) {
    means.process_limit = soft_limit(environment, "processes");
  }
  means.pids = environment.cgroup.pids_left;
  means.memory_bytes = environment.cgroup.memory_bytes;
  return means;
}

std::vector<std::string> obstacles_to(const RunNeeds& needs, const RunMeans& means) {
  std::vector<std::string> obstacles;
  for (const Check check : kChecks) {
    std::string problem = check(needs, means);
    if (!problem.empty()) obstacles.push_back(std::move(problem));
  }
  return obstacles;
}

}  // namespace stackheap
