// What the kernel allows one process: mappings and threads, compared with what a cell needs before
// it starts. Trying and failing would do for threads, but not for guard pages: in
// Boost.Context 1.74 an mprotect that fails for lack of mappings goes unnoticed outside debug
// builds.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "harness/base/error.hpp"
#include "harness/base/file.hpp"
#include "harness/base/text.hpp"
#include "harness/measure/memory.hpp"

namespace stackheap {

// A kernel setting or controller file that holds one number; nothing where it is absent or "max".
inline std::optional<std::uint64_t> kernel_number(const char* path) {
  const std::optional<std::string> content = try_read_file(path);
  if (!content) return {};
  const std::optional<std::int64_t> number = parse_integer(trim(*content));
  if (!number || *number < 0) return {};
  return static_cast<std::uint64_t>(*number);
}

// Left free for the allocator, the libraries and the harness.
inline constexpr std::uint64_t kMappingReserve = 1'000;
inline constexpr std::uint64_t kThreadReserve = 200;
// Above this a workload with one thread for each context measures the kernel's run queue.
inline constexpr std::uint64_t kMostKernelThreads = 4'000;

// Mappings that this process may still make before it comes near vm.max_map_count; the largest
// number where the kernel has no such limit.
inline std::uint64_t mappings_left() {
  const std::optional<std::uint64_t> most = kernel_number("/proc/sys/vm/max_map_count");
  if (!most) return UINT64_MAX;
  return *most - std::min(*most, count_mapped_regions().value_or(0) + kMappingReserve);
}

// Throws CannotRun, with `what` as the subject, where `needed` more would reach it.
inline void require_mappings(const std::string& what, std::uint64_t needed) {
  if (needed == 0) return;
  const std::uint64_t left = mappings_left();
  if (needed <= left) return;
  const std::uint64_t most = kernel_number("/proc/sys/vm/max_map_count").value_or(0);
  throw CannotRun(what + " need " + std::to_string(needed) + " mappings, vm.max_map_count leaves " +
                  std::to_string(left) + ": raise it with sysctl -w vm.max_map_count=" +
                  std::to_string(most + needed - left));
}

// How many threads are sensible and allowed, and what says so.
struct ThreadLimit {
  std::uint64_t most = kMostKernelThreads;
  std::string name = "this suite's cap";
};
inline ThreadLimit kernel_thread_limit() {
  ThreadLimit limit;
  const auto lower = [&](std::uint64_t value, const char* name) {
    value -= std::min(value, kThreadReserve);
    if (value < limit.most) limit = {value, name};
  };
  for (const char* path : {"/proc/sys/kernel/threads-max", "/proc/sys/kernel/pid_max",
                           "/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"}) {
    if (const auto value = kernel_number(path)) lower(*value, path);
  }
  rlimit processes{};
  if (::getrlimit(RLIMIT_NPROC, &processes) != 0) throw_errno("getrlimit(RLIMIT_NPROC)");
  if (processes.rlim_cur != RLIM_INFINITY) lower(processes.rlim_cur, "RLIMIT_NPROC (ulimit -u)");
  return limit;
}

// Throws CannotRun where `needed` threads are more than that.
inline void require_kernel_threads(const std::string& what, std::uint64_t needed) {
  if (needed == 0) return;
  const ThreadLimit limit = kernel_thread_limit();
  if (needed <= limit.most) return;
  throw CannotRun(what + " need " + std::to_string(needed) + " kernel threads, " + limit.name +
                  " leaves " + std::to_string(limit.most));
}

}  // namespace stackheap
