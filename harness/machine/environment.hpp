// Everything about the machine, kernel and process that can change a result, for run.json.
// uname and lscpu give a fraction of it; what invalidates a measurement is usually elsewhere: a
// quota, a sysctl, a variable that tunes an allocator. What cannot be read stays absent or empty
// and is never guessed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/machine/cgroup.hpp"
#include "harness/machine/probes.hpp"

namespace stackheap {

struct CacheInfo {
  unsigned level = 0;
  std::string type;  // Data, Instruction, Unified
  std::uint64_t bytes = 0;
  std::string shared_cpus;  // list of CPUs behind the same cache as CPU 0
};

// /proc/self/limits; `name` is the kernel's in snake case without "Max": stack_size.
struct ResourceLimit {
  std::string name;
  std::optional<std::uint64_t> soft;  // absent: unlimited
  std::optional<std::uint64_t> hard;
};

struct CpuEnvironment {
  std::optional<std::string> model;
  std::optional<std::string> vendor;
  std::vector<std::string> flags;  // those that matter here, in the kernel's order
  bool flags_known = false;        // false: /proc/cpuinfo shows no flags, so none can be missed
  std::vector<CacheInfo> caches;   // of CPU 0
  std::optional<unsigned> logical_cpus;  // online
  std::optional<unsigned> cores;
  std::optional<unsigned> packages;
  std::optional<unsigned> numa_nodes;
  std::optional<bool> smt_active;
  std::vector<unsigned> efficiency_cpus;  // of hybrid Intel CPUs; elsewhere empty
  std::vector<std::string> governors;     // distinct, sorted
  std::optional<std::string> frequency_driver;
  std::optional<bool> turbo;
  std::optional<bool> on_battery;
  std::optional<bool> virtual_machine;
  std::optional<bool> invariant_tsc;

  bool has_flag(std::string_view flag) const;
};

struct KernelEnvironment {
  std::optional<std::string> release;
  std::optional<std::string> version;
  std::optional<std::string> command_line;  // only parameters that change times or memory
  std::vector<std::pair<std::string, std::string>> vulnerabilities;  // name, kernel's answer
  std::optional<std::string> clocksource;
  std::vector<std::string> clocksources_available;
  std::optional<bool> schedstat;  // false: the file is there, but the kernel does not fill it
  bool pressure = false;          // /proc/pressure/cpu can be read
  std::optional<std::int64_t> perf_event_paranoid;
  std::optional<bool> cap_perfmon;       // CAP_PERFMON or CAP_SYS_ADMIN is effective
  std::optional<bool> cap_sys_resource;  // may raise hard limits
  bool tracefs_supported = false;
  std::optional<std::string> tracefs_mount;
  bool tracepoints_readable = false;  // the id of syscalls:sys_enter_futex can be read
  std::optional<std::uint64_t> threads_max;
  std::optional<std::uint64_t> pid_max;
};

struct MemoryEnvironment {
  std::optional<std::uint64_t> total_bytes;
  std::optional<std::uint64_t> swap_bytes;
  std::optional<std::string> thp;  // always, madvise, never
  std::optional<std::string> thp_defrag;
  std::optional<std::int64_t> overcommit;
  std::optional<std::uint64_t> max_map_count;
  std::optional<std::int64_t> aslr;   // randomize_va_space: 2 is everything
  std::optional<bool> aslr_off_here;  // by this process's personality (setarch -R)
  std::optional<bool> numa_balancing;
};

struct Environment {
  CpuEnvironment cpu;
  KernelEnvironment kernel;
  MemoryEnvironment memory;
  CgroupLimits cgroup;
  std::vector<ResourceLimit> limits;
  // NAME=value of this process's variables that tune an allocator; paths under home with ~.
  std::vector<std::string> allocator_variables;
  std::optional<std::string> os;  // PRETTY_NAME
  std::string compiler;           // of this binary
  // Absent for a foreign root: they can be asked only of the machine the process runs on.
  std::optional<Probes> probes;

  const ResourceLimit* find_limit(std::string_view name) const;
};

// Reads below `root`; the probes (about 1 ms of one CPU) run for "/" only.
Environment capture_environment(const std::filesystem::path& root = "/");

// One JSON object; what is absent is null. Bytes that are no UTF-8 are replaced.
std::string environment_to_json(const Environment& environment);

}  // namespace stackheap
