// The limits a container or a systemd slice puts on this process. getrlimit and sysinfo do not know
// them: a process in a container of half a CPU and 512 MiB sees the host's 64 CPUs and 256 GiB.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace stackheap {

struct CgroupLimits {
  std::optional<double> cpus;                 // CPU time per second of wall time
  std::optional<std::uint64_t> memory_bytes;  // beyond it the kernel kills
  std::optional<std::uint64_t> pids;          // threads count too
  std::optional<std::uint64_t> pids_left;     // less those that are there already
};

// Of version 2 (cpu.max, memory.max, pids.max), version 1 (cfs quota, memory.limit_in_bytes) or
// both: the tightest on the way from the process's own group up to the root of the mount, as a
// limit of a parent binds its children. Absent means no limit or none that can be seen.
CgroupLimits read_cgroup_limits(const std::filesystem::path& root = "/");

}  // namespace stackheap
