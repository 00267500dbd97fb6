#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "harness/base/text.hpp"
#include "harness/machine/doctor_checks.hpp"

namespace stackheap {
namespace {

Diagnosis check_governor(const Patient& patient) {
  const auto& governors = patient.environment.cpu.governors;
  if (governors.empty()) {
    return note(
        "no frequency governor is visible: firmware or host decides, and nothing can be done from "
        "inside");
  }
  const std::string names = join(governors, ", ");
  if (names == "performance") return ok("governor performance on every CPU");
  return warning(
      fmt::format("governor {}", names),
      "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor");
}

Diagnosis check_turbo(const Patient& patient) {
  const CpuEnvironment& cpu = patient.environment.cpu;
  if (!cpu.turbo) {
    return note("whether turbo is on is not visible; nothing can be done from inside");
  }
  if (!*cpu.turbo) return ok("turbo is off");
  const bool intel =
      cpu.frequency_driver == "intel_pstate" || cpu.frequency_driver == "intel_cpufreq";
  return note("turbo is on", intel
                                 ? "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo"
                                 : "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost");
}

Diagnosis check_smt(const Patient& patient) {
  const Topology& topology = patient.topology;
  const std::string count =
      fmt::format("{} usable hardware threads on {} cores", topology.cpus.size(), topology.cores());
  if (!topology.has_smt_siblings()) return ok(count);
  return note(count, "echo off | sudo tee /sys/devices/system/cpu/smt/control");
}

Diagnosis check_core_kinds(const Patient& patient) {
  const auto& slower = patient.environment.cpu.efficiency_cpus;
  const auto is_slower = [&](const LogicalCpu& cpu) {
    return std::find(slower.begin(), slower.end(), cpu.os_index) != slower.end();
  };
  const auto& cpus = patient.topology.cpus;
  const auto count = std::count_if(cpus.begin(), cpus.end(), is_slower);
  if (count == 0 || count == static_cast<std::ptrdiff_t>(cpus.size())) {
    return ok("no two kinds of cores among the usable CPUs");
  }
  return warning(
      fmt::format("{} of the {} usable CPUs are slower efficiency cores", count, cpus.size()),
      "taskset -cp $(cat /sys/devices/cpu_core/cpus) $$");
}

Diagnosis check_power(const Patient& patient) {
  const auto& on_battery = patient.environment.cpu.on_battery;
  if (!on_battery) return ok("no power supply that could be unplugged is visible");
  if (!*on_battery) return ok("running on mains power");
  return warning("running on battery; no command mends it: plug the charger in");
}

Diagnosis check_cpu_quota(const Patient& patient) {
  const Topology& topology = patient.topology;
  const auto count = topology.cpus.size();
  if (topology.cpu_quota >= static_cast<double>(count)) {
    return ok(fmt::format("no quota below the {} usable CPUs", count));
  }
  return warning(
      fmt::format("the cgroup grants the time of {:.4g} CPUs on {} CPUs", topology.cpu_quota,
                  count),
      fmt::format("# on the host, no quota below the CPUs:\n"
                  "docker update --cpus {0} CONTAINER   # or: sudo systemctl set-property UNIT "
                  "CPUQuota={0}00%",
                  count));
}

// A tenth of the machine, but on small machines half a CPU: the kernel's own work is below that.
Diagnosis check_load(const Patient& patient) {
  const auto& load = patient.load.load_1min;
  if (!load) return unknown("/proc/loadavg");
  const auto cpus = patient.environment.cpu.logical_cpus.value_or(
      static_cast<unsigned>(patient.topology.cpus.size()));
  const std::string what =
      fmt::format("load average {:.2f} over the last minute on {} CPUs", *load, cpus);
  if (*load < std::max(0.5, 0.1 * cpus)) return ok(what);
  return warning(what,
                 "ps -eo pid,pcpu,etime,comm --sort=-pcpu | head   # then end what need not run");
}

Diagnosis check_steal(const Patient& patient) {
  constexpr double kMuch = 0.01;
  const LoadSnapshot& load = patient.load;
  if (!load.steal_ns || load.cpu_total_ns.value_or(0) == 0)
    return unknown("steal time in /proc/stat");
  const double share =
      static_cast<double>(*load.steal_ns) / static_cast<double>(*load.cpu_total_ns);
  const std::string what = fmt::format("{:.2f} % of CPU time since boot was stolen", 100 * share);
  if (share < kMuch) return ok(what);
  return warning(
      what + "; nothing can be done from inside: the host needs fewer guests, or dedicated CPUs");
}

Diagnosis check_virtual_machine(const Patient& patient) {
  const Environment& environment = patient.environment;
  const auto& virtual_machine = environment.cpu.virtual_machine;
  if (!virtual_machine) return unknown("whether this is a virtual machine");
  if (!*virtual_machine) return ok("no hypervisor");
  const std::string name = environment.probes && environment.probes->hypervisor
                               ? " (" + *environment.probes->hypervisor + ")"
                               : "";
  return note("this is a virtual machine" + name + "; nothing can be done from inside");
}

Diagnosis check_numa_balancing(const Patient& patient) {
  const auto& balancing = patient.environment.memory.numa_balancing;
  const unsigned nodes = patient.environment.cpu.numa_nodes.value_or(1);
  if (!balancing || !*balancing) return ok("NUMA balancing is off");
  if (nodes < 2) return ok("NUMA balancing has nothing to do: one memory node");
  return warning(fmt::format("NUMA balancing is on, with {} memory nodes", nodes),
                 "sudo sysctl kernel.numa_balancing=0");
}

Diagnosis check_mitigations(const Patient& patient) {
  const auto& command_line = patient.environment.kernel.command_line;
  if (!command_line) return unknown("the kernel's command line");
  if (!glob_match("* mitigations=off *", " " + *command_line + " ")) {
    return ok("CPU mitigations are not switched off");
  }
  return note(
      "CPU mitigations are switched off (mitigations=off)",
      "sudo sed -i 's/ *mitigations=off//' /etc/default/grub && sudo update-grub && sudo reboot");
}

// A cpuset that narrows it too is the container's own business.
Diagnosis check_affinity(const Patient& patient) {
  const auto& online = patient.environment.cpu.logical_cpus;
  const std::size_t usable = patient.topology.cpus.size();
  if (!online) return unknown("/sys/devices/system/cpu/online");
  if (usable >= *online) return ok("every CPU that is online may be used");
  return note(fmt::format("{} of the {} CPUs that are online may be used", usable, *online),
              fmt::format("taskset -p -c 0-{} $$", *online - 1));
}

constexpr std::array<Check, 12> kChecks = {{
    {"frequency governor",
     "The clock follows the load: the first windows of a process and threads that wait run slower "
     "than the rest, and the difference is taken for the allocator's.",
     check_governor},
    {"turbo",
     "One busy core clocks higher than many, so the scaling over threads shows the clock besides "
     "the allocator; and heat lowers it during a run.",
     check_turbo},
    {"SMT",
     "Two hardware threads of a core share its caches and execution units: with more threads than "
     "cores each gets slower for a reason that is not the allocator's.",
     check_smt},
    {"kinds of cores",
     "Threads on slower cores finish later; which thread lands there changes from sample to "
     "sample.",
     check_core_kinds},
    {"affinity mask",
     "Threads are planned for the CPUs of the affinity mask and the cpuset: `--threads auto` and "
     "the "
     "profiles leave out the others, and more threads share what is left.",
     check_affinity},
    {"power supply", "On battery the firmware caps the clock, and lowers the cap while it drains.",
     check_power},
    {"CPU quota",
     "Once a quota is used up the kernel stops every thread until the period (100 ms) is over: "
     "windows take several times longer at random, and latencies show the pause.",
     check_cpu_quota},
    {"other load",
     "Whatever else runs takes CPUs and caches from some samples and not from others.", check_load},
    {"stolen time",
     "The hypervisor ran other guests while a thread here was ready: it lands in blocked time, "
     "and no counter of the thread tells it apart.",
     check_steal},
    {"virtual machine",
     "The host moves virtual CPUs around and page faults cost a second walk: times are noisier "
     "and what touches new memory is dearer than on bare metal.",
     check_virtual_machine},
    {"NUMA balancing",
     "The kernel unmaps pages to learn who uses them and moves them: faults that the program did "
     "not cause.",
     check_numa_balancing},
    {"CPU mitigations",
     "They make every entry into the kernel dearer (mmap, page faults, futexes); results compare "
     "only between machines that agree.",
     check_mitigations},
}};

}  // namespace

std::span<const Check> processor_checks() {
  return kChecks;
}

}  // namespace stackheap
