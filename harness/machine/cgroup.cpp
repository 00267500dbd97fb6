#include "harness/machine/cgroup.hpp"

#include <string_view>

#include "harness/base/file.hpp"
#include "harness/base/text.hpp"
#include "harness/machine/proc_text.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

// Version 1 writes "no limit" as the largest multiple of the page size that fits in 63 bits.
constexpr std::uint64_t kVersion1Unlimited = std::uint64_t{1} << 62U;

template <class T>
void tighten(std::optional<T>& limit, std::optional<T> other) {
  if (other && (!limit || *other < *limit)) limit = other;
}

// "max 100000" or "50000 100000": microseconds of CPU time per period.
std::optional<double> read_cpu_max(const fs::path& file) {
  const auto text = read_trimmed(file);
  if (!text) return std::nullopt;
  const auto fields = words(*text);
  if (fields.size() != 2) return std::nullopt;
  const auto quota = parse_count(fields[0]);
  const auto period = parse_count(fields[1]);
  if (!quota || !period || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

// A quota of -1 is no quota.
std::optional<double> read_cfs_quota(const fs::path& group) {
  const auto quota = read_integer(group / "cpu.cfs_quota_us");
  const auto period = read_integer(group / "cpu.cfs_period_us");
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

void tighten_from(CgroupLimits& limits, const fs::path& group) {
  tighten(limits.cpus, read_cpu_max(group / "cpu.max"));
  tighten(limits.cpus, read_cfs_quota(group));
  tighten(limits.memory_bytes, read_count(group / "memory.max"));
  const auto version1 = read_count(group / "memory.limit_in_bytes");
  if (version1 && *version1 < kVersion1Unlimited) tighten(limits.memory_bytes, version1);
  const auto pids = read_count(group / "pids.max");
  tighten(limits.pids, pids);
  const std::uint64_t running = read_count(group / "pids.current").value_or(0);
  if (pids) tighten(limits.pids_left, std::optional(*pids > running ? *pids - running : 0));
}

// Inside a container the path in /proc/self/cgroup may be the host's and name no folder here; the
// walk then finds the limits at the root of the mount.
void tighten_upwards(CgroupLimits& limits, const fs::path& mount, std::string_view own) {
  fs::path group = fs::path(own).relative_path();
  for (;;) {
    tighten_from(limits, mount / group);
    if (!group.has_relative_path()) return;
    group = group.parent_path();
  }
}

}  // namespace

CgroupLimits read_cgroup_limits(const fs::path& root) {
  CgroupLimits limits;
  const fs::path mount = root / "sys/fs/cgroup";
  const auto groups = try_read_file(root / "proc/self/cgroup");
  if (!groups) return limits;
  for (const std::string_view line : lines(*groups)) {
    // "hierarchy:controllers:path"; the path itself may hold colons.
    const auto first = line.find(':');
    const auto second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view own = line.substr(second + 1);
    if (controllers.empty()) {
      tighten_upwards(limits, mount, own);
      tighten_upwards(limits, mount / "unified", own);
      continue;
    }
    // The folder is called after all of a hierarchy's controllers, with a link for each; a mount
    // made by hand may have only the one or the other.
    tighten_upwards(limits, mount / controllers, own);
    for (const std::string_view controller : split(controllers, ',')) {
      tighten_upwards(limits, mount / controller, own);
    }
  }
  return limits;
}

}  // namespace stackheap
