#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/base/file.hpp"
#include "harness/base/text.hpp"
#include "harness/machine/environment.hpp"
#include "harness/machine/environment_parts.hpp"
#include "harness/machine/proc_text.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

// linux/capability.h
constexpr unsigned kCapSysAdmin = 21;
constexpr unsigned kCapSysResource = 24;
constexpr unsigned kCapPerfmon = 38;

// Parameters that change times or memory, by what Documentation/admin-guide/kernel-parameters.rst
// says of them. The others stay out of what is published: they name disks, hosts and secrets.
constexpr std::string_view kTellingParameters[] = {"amd_pstate*",
                                                   "cgroup_disable",
                                                   "clocksource",
                                                   "cpufreq.*",
                                                   "cpuidle.*",
                                                   "cpuidle_haltpoll.*",
                                                   "default_hugepagesz",
                                                   "haltpoll.*",
                                                   "hugepages",
                                                   "hugepagesz",
                                                   "idle",
                                                   "init_on_alloc",
                                                   "init_on_free",
                                                   "intel_idle.*",
                                                   "intel_pstate",
                                                   "irqaffinity",
                                                   "isolcpus",
                                                   "kasan*",
                                                   "kfence.*",
                                                   "maxcpus",
                                                   "mem",
                                                   "mitigations",
                                                   "nmi_watchdog",
                                                   "no_hz",
                                                   "no_timer_check",
                                                   "nohz",
                                                   "nohz_full",
                                                   "nosmt",
                                                   "nosmp",
                                                   "notsc",
                                                   "nowatchdog",
                                                   "nr_cpus",
                                                   "numa",
                                                   "numa_balancing",
                                                   "page_owner",
                                                   "page_poison",
                                                   "pcie_aspm",
                                                   "possible_cpus",
                                                   "preempt",
                                                   "processor.*",
                                                   "psi",
                                                   "pti",
                                                   "nopti",
                                                   "rcu_nocb*",
                                                   "rcutree.*",
                                                   "rcupdate.*",
                                                   "retbleed",
                                                   "sched_*",
                                                   "skew_tick",
                                                   "slab_*",
                                                   "slub_*",
                                                   "spec_*",
                                                   "spectre_*",
                                                   "nospectre_*",
                                                   "srbds",
                                                   "swapaccount",
                                                   "thp_anon",
                                                   "threadirqs",
                                                   "transparent_hugepage*",
                                                   "tsc",
                                                   "tsx",
                                                   "tsx_async_abort",
                                                   "workqueue.*"};

bool is_telling(std::string_view word) {
  const std::string_view name = word.substr(0, word.find('='));
  return std::any_of(std::begin(kTellingParameters), std::end(kTellingParameters),
                     [&](std::string_view known) { return glob_match(known, name); });
}

// What follows "--" is handed to init.
std::optional<std::string> read_command_line(const fs::path& root) {
  const auto line = read_trimmed(root / "proc/cmdline");
  if (!line) return std::nullopt;
  std::vector<std::string> telling;
  for (const std::string_view word : words(*line)) {
    if (word == "--") break;
    if (is_telling(word)) telling.emplace_back(word);
  }
  return join(telling, " ");
}

void read_capabilities(KernelEnvironment& kernel, const fs::path& root) {
  const auto status = try_read_file(root / "proc/self/status");
  const auto effective = status ? value_of(*status, "CapEff") : std::nullopt;
  if (!effective) return;
  const auto mask = parse_hex(*effective);
  if (!mask) return;
  const auto has = [mask](unsigned capability) { return (*mask >> capability & 1U) != 0; };
  kernel.cap_perfmon = has(kCapPerfmon) || has(kCapSysAdmin);
  kernel.cap_sys_resource = has(kCapSysResource);
}

void read_tracefs(KernelEnvironment& kernel, const fs::path& root) {
  const std::string systems = try_read_file(root / "proc/filesystems").value_or("");
  for (const std::string_view line : lines(systems)) {
    const auto fields = words(line);
    if (!fields.empty() && fields.back() == "tracefs") kernel.tracefs_supported = true;
  }
  const std::string mounts = try_read_file(root / "proc/self/mounts").value_or("");
  for (const std::string_view line : lines(mounts)) {
    const auto fields = words(line);
    if (fields.size() < 3 || fields[2] != "tracefs" || kernel.tracefs_mount) continue;
    kernel.tracefs_mount = std::string(fields[1]);
    kernel.tracepoints_readable = read_count(root / fs::path(fields[1]).relative_path() /
                                             "events/syscalls/sys_enter_futex/id")
                                      .has_value();
  }
}

void read_scheduling(KernelEnvironment& kernel, const fs::path& root) {
  kernel.pressure = try_read_file(root / "proc/pressure/cpu").has_value();
  // CPU time, time in the run queue, number of time slices; a kernel that does not count them
  // writes three zeros, and a process that can read the file has had at least one slice.
  if (const auto text = read_trimmed(root / "proc/self/schedstat")) {
    const auto fields = words(*text);
    kernel.schedstat = fields.size() == 3 && fields[2] != "0";
  }
}

// "MemTotal:  16384 kB"
std::optional<std::uint64_t> meminfo_bytes(std::string_view meminfo, std::string_view key) {
  const auto value = value_of(meminfo, key);
  if (!value) return std::nullopt;
  const auto fields = words(*value);
  const auto count = fields.empty() ? std::nullopt : parse_count(fields[0]);
  if (!count) return std::nullopt;
  return *count * 1024U;
}

}  // namespace

KernelEnvironment read_kernel_environment(const fs::path& root) {
  KernelEnvironment kernel;
  const fs::path sysctl = root / "proc/sys/kernel";
  kernel.release = read_trimmed(sysctl / "osrelease");
  kernel.version = read_trimmed(sysctl / "version");
  kernel.command_line = read_command_line(root);
  for (const fs::path& entry : sorted_entries(root / "sys/devices/system/cpu/vulnerabilities")) {
    if (auto answer = read_trimmed(entry)) {
      kernel.vulnerabilities.emplace_back(entry.filename().string(), *std::move(answer));
    }
  }
  const fs::path clock = root / "sys/devices/system/clocksource/clocksource0";
  kernel.clocksource = read_trimmed(clock / "current_clocksource");
  const std::string available = read_trimmed(clock / "available_clocksource").value_or("");
  for (const std::string_view word : words(available)) {
    kernel.clocksources_available.emplace_back(word);
  }
  read_scheduling(kernel, root);
  kernel.perf_event_paranoid = read_integer(sysctl / "perf_event_paranoid");
  read_capabilities(kernel, root);
  read_tracefs(kernel, root);
  kernel.threads_max = read_count(sysctl / "threads-max");
  kernel.pid_max = read_count(sysctl / "pid_max");
  return kernel;
}

MemoryEnvironment read_memory_environment(const fs::path& root) {
  MemoryEnvironment memory;
  const std::string meminfo = try_read_file(root / "proc/meminfo").value_or("");
  memory.total_bytes = meminfo_bytes(meminfo, "MemTotal");
  memory.swap_bytes = meminfo_bytes(meminfo, "SwapTotal");
  const fs::path thp = root / "sys/kernel/mm/transparent_hugepage";
  memory.thp = read_selected(thp / "enabled");
  memory.thp_defrag = read_selected(thp / "defrag");
  memory.overcommit = read_integer(root / "proc/sys/vm/overcommit_memory");
  memory.max_map_count = read_count(root / "proc/sys/vm/max_map_count");
  memory.aslr = read_integer(root / "proc/sys/kernel/randomize_va_space");
  constexpr std::uint64_t kAddrNoRandomize = 0x0040000;  // linux/personality.h
  const auto personality = read_trimmed(root / "proc/self/personality");
  if (const auto bits = personality ? parse_hex(*personality) : std::nullopt) {
    memory.aslr_off_here = (*bits & kAddrNoRandomize) != 0;
  }
  memory.numa_balancing = read_flag(root / "proc/sys/kernel/numa_balancing");
  return memory;
}

}  // namespace stackheap
