#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "harness/base/text.hpp"
#include "harness/machine/doctor_checks.hpp"
#include "harness/machine/proc_text.hpp"

namespace stackheap {
namespace {

constexpr std::string_view kUseTsc =
    "echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource";

bool can_switch_to_tsc(const KernelEnvironment& kernel) {
  const auto& available = kernel.clocksources_available;
  return kernel.clocksource != "tsc" &&
         std::find(available.begin(), available.end(), "tsc") != available.end();
}

Diagnosis check_clocksource(const Patient& patient) {
  // Those the C library reads without entering the kernel.
  constexpr std::array<std::string_view, 4> kFast = {
      "tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter"};
  const KernelEnvironment& kernel = patient.environment.kernel;
  if (!kernel.clocksource) return unknown("the clocksource");
  const std::string what = "clocksource " + *kernel.clocksource;
  if (std::find(kFast.begin(), kFast.end(), *kernel.clocksource) != kFast.end()) return ok(what);
  if (can_switch_to_tsc(kernel)) return warning(what, std::string(kUseTsc));
  return warning(
      what + "; nothing can be done from inside: the kernel has rejected the TSC of this machine");
}

Diagnosis check_timer(const Patient& patient) {
  constexpr double kDear = 100;  // a system call rather than a few instructions
  constexpr std::uint64_t kCoarse = 1000;
  const auto& probes = patient.environment.probes;
  if (!probes) return note("clocks were not timed: this is not the machine itself");
  const TimerCost& timer = probes->timer;
  const std::string what = fmt::format("reading the clock takes {:.0f} ns, its steps are {} ns",
                                       timer.monotonic_ns_per_read, timer.resolution_ns);
  if (timer.monotonic_ns_per_read <= kDear && timer.resolution_ns <= kCoarse) return ok(what);
  if (can_switch_to_tsc(patient.environment.kernel)) return warning(what, std::string(kUseTsc));
  return warning(what + "; nothing can be done from inside: no faster clock is on offer");
}

Diagnosis check_invariant_tsc(const Patient& patient) {
  const auto& invariant = patient.environment.cpu.invariant_tsc;
  if (!invariant) return unknown("whether there is an invariant TSC");
  if (*invariant) return ok("the TSC runs at a constant rate");
  return warning("the TSC is not invariant; nothing can be done from inside");
}

Diagnosis check_perf(const Patient& patient) {
  const KernelEnvironment& kernel = patient.environment.kernel;
  if (!kernel.perf_event_paranoid) {
    return note("the kernel has no perf events; nothing can be done but another kernel");
  }
  const std::string what =
      fmt::format("kernel.perf_event_paranoid is {}", *kernel.perf_event_paranoid);
  if (kernel.cap_perfmon.value_or(false)) return ok(what + ", and this process has CAP_PERFMON");
  if (*kernel.perf_event_paranoid <= 1) return ok(what);
  return note(what + ", and this process has no CAP_PERFMON",
              "sudo sysctl kernel.perf_event_paranoid=1");
}

Diagnosis check_tracefs(const Patient& patient) {
  const KernelEnvironment& kernel = patient.environment.kernel;
  if (kernel.tracepoints_readable) return ok("tracepoints can be read in " + *kernel.tracefs_mount);
  if (kernel.tracefs_mount) {
    return note("tracepoints in " + *kernel.tracefs_mount + " cannot be read by this process",
                "sudo mount -o remount,mode=0750,gid=$(id -g) " + *kernel.tracefs_mount);
  }
  if (kernel.tracefs_supported) {
    return note("tracefs is not mounted",
                "sudo mount -t tracefs -o mode=0750,gid=$(id -g) tracefs /sys/kernel/tracing");
  }
  return note("the kernel has no tracefs; nothing can be done but another kernel");
}

Diagnosis check_pmu(const Patient& patient) {
  const Environment& environment = patient.environment;
  if (!environment.probes) return note("the PMU was not probed: this is not the machine itself");
  switch (environment.probes->pmu) {
    case PmuState::kWorks:
      return ok("hardware counters work");
    case PmuState::kDenied:
      return note("hardware counters are denied to this process",
                  "sudo sysctl kernel.perf_event_paranoid=1   # in a container also: docker run "
                  "--cap-add PERFMON");
    case PmuState::kAbsent:
      break;
  }
  if (environment.cpu.virtual_machine.value_or(false)) {
    return note(
        "the virtual machine has no hardware counters; nothing can be done from inside: the host "
        "decides (QEMU: -cpu host,pmu=on)");
  }
  return note("the kernel offers no hardware counters; nothing can be done from inside");
}

Diagnosis check_schedstat(const Patient& patient) {
  const auto& schedstat = patient.environment.kernel.schedstat;
  if (!schedstat) {
    return note(
        "no /proc/self/schedstat: the kernel was built without CONFIG_SCHED_INFO; nothing can be "
        "done but another kernel");
  }
  if (*schedstat) return ok("the kernel counts run queue time");
  return note("/proc/self/schedstat stays zero", "sudo sysctl kernel.task_delayacct=1");
}

Diagnosis check_pressure(const Patient& patient) {
  if (patient.environment.kernel.pressure) return ok("/proc/pressure/cpu can be read");
  const std::string options = patient.environment.kernel.command_line.value_or("");
  if (glob_match("* psi=1 *", " " + options + " ")) {
    return note("no /proc/pressure/cpu in spite of psi=1; nothing can be done but another kernel");
  }
  return note(
      "no /proc/pressure/cpu",
      "sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&psi=1 /' /etc/default/grub && sudo update-grub "
      "&& sudo reboot");
}

Diagnosis check_build(const Patient& patient) {
  std::vector<std::string> wrong;
  bool optimised = false;
  bool frame_pointers = false;
  for (const std::string_view flag : words(patient.build_flags)) {
    // The last -O wins, as with the compiler.
    if (flag.substr(0, 2) == "-O") optimised = flag == "-O2";
    if (flag == "-fno-omit-frame-pointer") frame_pointers = true;
    for (const std::string_view pattern :
         {"-march=*", "-mtune=*", "-flto*", "-fsanitize=*", "--coverage"}) {
      if (glob_match(pattern, flag)) wrong.emplace_back(flag);
    }
  }
  if (!optimised) wrong.insert(wrong.begin(), "not -O2");
  if (!frame_pointers) wrong.emplace_back("no -fno-omit-frame-pointer");
  if (wrong.empty()) return ok("built with the fixed flags");
  return warning("this build is not the one that is measured: " + join(wrong, ", "),
                 "cmake --preset release && cmake --build --preset release");
}

constexpr std::array<Check, 9> kChecks = {{
    {"clocksource",
     "With a slow clocksource every reading enters the kernel: that is in each window and "
     "latency.",
     check_clocksource},
    {"timer", "A window is two readings of this clock; it cannot tell less than its own cost.",
     check_timer},
    {"invariant TSC",
     "The latency suite times single operations with it; without it its cells are not run.",
     check_invariant_tsc},
    {"perf permissions",
     "futex_waits and kernel_lock_waits are counted through perf events on kernel tracepoints; "
     "without permission these columns stay empty.",
     check_perf},
    {"tracefs",
     "The kernel's number for a tracepoint stands there; without it futex_waits and "
     "kernel_lock_waits stay empty.",
     check_tracefs},
    {"hardware counters", "Without them cycles, instructions and cache_misses stay empty.",
     check_pmu},
    {"schedstat",
     "It tells waiting for a CPU from being blocked; without it run_queue_ns_per_op and "
     "blocked_ns_per_op stay empty.",
     check_schedstat},
    {"pressure",
     "psi_cpu_us flags samples during which something waited for a CPU; without it it stays empty.",
     check_pressure},
    {"build flags",
     "Published numbers are of -O2 with frame pointers and without -march and LTO; others do not "
     "compare with them.",
     check_build},
}};

}  // namespace

std::span<const Check> observer_checks() {
  return kChecks;
}

}  // namespace stackheap
