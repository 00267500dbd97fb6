// What a run needs of the machine besides the libraries, looked at before the first sample: to fail
// in the fifth hour because of a full disk or a limit on threads is to lose five hours.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/driver/plan.hpp"
#include "harness/machine/environment.hpp"

namespace stackheap {

// What will be used at most.
struct RunNeeds {
  std::uint64_t disk_bytes = 0;
  std::uint64_t largest_file_bytes = 0;
  std::uint64_t threads = 0;      // at once: a cell's, and those around it
  std::uint64_t descriptors = 0;  // of one process
  bool high_descriptors = false;  // libraries are handed over at numbers from 200 on
};

RunNeeds needs_of(const Plan& plan, unsigned rounds, const std::vector<Allocator>& allocators);

// What is there.
struct RunMeans {
  std::filesystem::path place;  // where the folder will be: the deepest folder that exists
  std::optional<std::uint64_t> disk_bytes;
  std::optional<std::uint64_t>
      file_names;  // free inodes; nothing where the file system has no count
  std::optional<std::uint64_t> file_size_limit;
  std::optional<std::uint64_t> descriptor_limit;
  std::optional<std::uint64_t> address_space;  // that one process may map
  std::optional<std::uint64_t> process_limit;  // nothing where it does not bind us
  std::optional<std::uint64_t> pids;           // left in the tightest cgroup
  std::optional<std::uint64_t> memory_bytes;   // of the tightest cgroup
  std::string read_only;                       // why the place cannot be written to; empty: it can
};

RunMeans means_at(const std::filesystem::path& out, const Environment& environment);

// What lacks, each as what, why and the remedy; empty where the run can begin. Pure.
std::vector<std::string> obstacles_to(const RunNeeds& needs, const RunMeans& means);

}  // namespace stackheap
