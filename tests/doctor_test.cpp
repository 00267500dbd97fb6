#include "harness/machine/doctor.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tests/fakes/fake_root.hpp"

namespace stackheap {
namespace {

constexpr std::string_view kFixedFlags = "-O2 -g1 -fno-omit-frame-pointer";
constexpr std::size_t kChecks = 32;

Probes good_probes() {
  return {
      .pmu = PmuState::kWorks,
      .timer = {.resolution_ns = 20, .monotonic_ns_per_read = 25, .thread_cpu_ns_per_read = 200},
      .glibc = "2.36",
      .hypervisor = {}};
}

// The fit machine, to be spoilt by the test.
class DoctorTest : public testing::Test {
 protected:
  DoctorTest() { write_fit_machine(root); }

  std::vector<Finding> findings() {
    Environment environment = capture_environment(root.path());
    environment.probes = probes;
    return examine(environment, capture_load(root.path()), topology, flags);
  }

  // "severity | subject | what | mend" of everything that is not ok.
  std::vector<std::string> complaints() {
    std::vector<std::string> lines;
    for (const Finding& finding : findings()) {
      if (finding.severity == Severity::kOk) continue;
      lines.push_back(std::string(to_string(finding.severity)) + " | " + finding.subject + " | " +
                      finding.what + " | " + finding.mend);
    }
    return lines;
  }

  using Lines = std::vector<std::string>;
  FakeRoot root;
  Topology topology = synthetic_topology("core:2 pu:1");
  std::optional<Probes> probes = good_probes();
  std::string_view flags = kFixedFlags;
};

TEST_F(DoctorTest, FitMachineHasNoComplaints) {
  EXPECT_EQ(complaints(), Lines{});
  EXPECT_EQ(findings().size(), kChecks);
}

TEST_F(DoctorTest, EveryFindingSaysWhyAndHasASubjectOfItsOwn) {
  std::set<std::string> subjects;
  for (const Finding& finding : findings()) {
    EXPECT_TRUE(subjects.insert(finding.subject).second) << finding.subject;
    EXPECT_NE(finding.what, "") << finding.subject;
    EXPECT_GT(finding.why.size(), 30U) << finding.subject;
    EXPECT_EQ(finding.mend, "") << finding.subject;
  }
}

TEST_F(DoctorTest, LaptopWithPowersaveGovernor) {
  const std::string cpu = "sys/devices/system/cpu/";
  root.write(cpu + "cpu0/cpufreq/scaling_governor", "powersave\n")
      .write(cpu + "cpu1/cpufreq/scaling_governor", "powersave\n")
      .write(cpu + "intel_pstate/no_turbo", "0\n")
      .write("sys/class/power_supply/AC/type", "Mains\n")
      .write("sys/class/power_supply/AC/online", "0\n")
      .write("proc/meminfo", "MemTotal: 8388608 kB\nSwapTotal: 2097152 kB\n")
      .write("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n")
      .write("proc/sys/vm/max_map_count", "65530\n")
      .write("proc/loadavg", "1.75 0.20 0.30 3/900 6803\n");
  topology = synthetic_topology("core:2 pu:2");
  EXPECT_EQ(
      complaints(),
      (Lines{"warning | frequency governor | governor powersave | echo performance | sudo tee "
             "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
             "note | turbo | turbo is on | echo 1 | sudo tee "
             "/sys/devices/system/cpu/intel_pstate/no_turbo",
             "note | SMT | 4 usable hardware threads on 2 cores | echo off | sudo tee "
             "/sys/devices/system/cpu/smt/control",
             "warning | power supply | running on battery; no command mends it: plug the charger "
             "in | ",
             "warning | other load | load average 1.75 over the last minute on 2 CPUs | ps -eo "
             "pid,pcpu,etime,comm --sort=-pcpu | head   # then end what need not run",
             "note | huge pages | transparent huge pages: always | echo madvise | sudo tee "
             "/sys/kernel/mm/transparent_hugepage/enabled",
             "note | mappings per process | vm.max_map_count is 65530 | sudo sysctl "
             "vm.max_map_count=1048576",
             "note | swap | 2 GiB of swap | sudo swapoff -a"}));
}

TEST_F(DoctorTest, MixedGovernorsAreAllNamed) {
  root.write("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "schedutil\n");
  EXPECT_EQ(
      complaints(),
      (Lines{"warning | frequency governor | governor performance, schedutil | echo "
             "performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"}));
}

TEST_F(DoctorTest, TurboOfOtherDriversIsSwitchedOffThroughBoost) {
  root.remove("sys/devices/system/cpu/intel_pstate")
      .write("sys/devices/system/cpu/cpufreq/boost", "1\n")
      .write("sys/devices/system/cpu/cpu0/cpufreq/scaling_driver", "acpi-cpufreq\n");
  EXPECT_EQ(complaints(), (Lines{"note | turbo | turbo is on | echo 0 | sudo tee "
                                 "/sys/devices/system/cpu/cpufreq/boost"}));
}

TEST_F(DoctorTest, ContainerOfHalfACpuAndLittleMemory) {
  root.write("sys/fs/cgroup/user.slice/memory.max", "536870912\n")
      .write("sys/fs/cgroup/user.slice/pids.max", "100\n");
  topology = synthetic_topology("core:2 pu:1", {}, 0.5);
  EXPECT_EQ(
      complaints(),
      (Lines{"warning | CPU quota | the cgroup grants the time of 0.5 CPUs on 2 CPUs | # on the "
             "host, no quota below the CPUs:\ndocker update --cpus 2 CONTAINER   # or: sudo "
             "systemctl set-property UNIT CPUQuota=200%",
             "warning | memory limit | the cgroup grants 512 MiB of 16 GiB | # on the "
             "host:\ndocker update --memory 8g --memory-swap 8g CONTAINER   # or: sudo systemctl "
             "set-property UNIT MemoryMax=8G",
             "warning | thread limit | the cgroup's pids.max allows 100 threads | # on the "
             "host:\ndocker update --pids-limit -1 CONTAINER   # or: sudo systemctl set-property "
             "UNIT TasksMax=infinity"}));
}

TEST_F(DoctorTest, QuotaOfAllCpusIsNoComplaint) {
  topology = synthetic_topology("core:2 pu:1", {}, 2.0);
  EXPECT_EQ(complaints(), Lines{});
}

TEST_F(DoctorTest, KernelWithoutPressureTracefsAndSchedstat) {
  root.remove("proc/pressure").remove("proc/self/schedstat").remove("sys/kernel/tracing");
  root.write("proc/filesystems", "nodev\tsysfs\n")
      .write("proc/self/mounts", "proc /proc proc rw 0 0\n");
  EXPECT_EQ(
      complaints(),
      (Lines{"note | tracefs | the kernel has no tracefs; nothing can be done but another kernel "
             "| ",
             "note | schedstat | no /proc/self/schedstat: the kernel was built without "
             "CONFIG_SCHED_INFO; nothing can be done but another kernel | ",
             "note | pressure | no /proc/pressure/cpu | sudo sed -i "
             "'s/^GRUB_CMDLINE_LINUX=\"/&psi=1 /' /etc/default/grub && sudo update-grub && sudo "
             "reboot"}));
}

TEST_F(DoctorTest, KernelThatWasToldToMeasurePressureAndDoesNotCannotBeMended) {
  root.remove("proc/pressure").write("proc/cmdline", "quiet psi=1\n");
  EXPECT_EQ(complaints(),
            (Lines{"note | pressure | no /proc/pressure/cpu in spite of psi=1; nothing "
                   "can be done but another kernel | "}));
}

TEST_F(DoctorTest, TracefsThatIsNotMountedIsToBeMounted) {
  root.write("proc/self/mounts", "proc /proc proc rw 0 0\n");
  EXPECT_EQ(complaints(),
            (Lines{"note | tracefs | tracefs is not mounted | sudo mount -t tracefs -o "
                   "mode=0750,gid=$(id -g) tracefs /sys/kernel/tracing"}));
}

TEST_F(DoctorTest, OrdinaryUserOfADebianKernelMayNotObserve) {
  root.write("proc/self/status", "CapEff:\t0000000000000000\n")
      .remove("sys/kernel/tracing/events/syscalls/sys_enter_futex/id");
  probes->pmu = PmuState::kDenied;
  EXPECT_EQ(
      complaints(),
      (Lines{"note | perf permissions | kernel.perf_event_paranoid is 3, and this process has "
             "no CAP_PERFMON | sudo sysctl kernel.perf_event_paranoid=1",
             "note | tracefs | tracepoints in /sys/kernel/tracing cannot be read by this "
             "process | sudo mount -o remount,mode=0750,gid=$(id -g) /sys/kernel/tracing",
             "note | hardware counters | hardware counters are denied to this process | sudo "
             "sysctl kernel.perf_event_paranoid=1   # in a container also: docker run "
             "--cap-add PERFMON"}));
}

TEST_F(DoctorTest, VirtualMachineWithoutPmuWhoseTimeIsStolen) {
  root.write("proc/cpuinfo",
             "processor : 0\nprocessor : 1\nflags : constant_tsc nonstop_tsc hypervisor\n")
      .remove("sys/devices/system/cpu/intel_pstate")
      .remove("sys/devices/system/cpu/cpu0/cpufreq")
      .remove("sys/devices/system/cpu/cpu1/cpufreq")
      .write("proc/stat", "cpu  100 0 100 700 0 0 0 100 0 0\n");
  probes->pmu = PmuState::kAbsent;
  probes->hypervisor = "KVMKVMKVM";
  EXPECT_EQ(
      complaints(),
      (Lines{
          "note | frequency governor | no frequency governor is visible: firmware or host "
          "decides, and nothing can be done from inside | ",
          "note | turbo | whether turbo is on is not visible; nothing can be done from inside | ",
          "warning | stolen time | 10.00 % of CPU time since boot was stolen; nothing can be "
          "done from inside: the host needs fewer guests, or dedicated CPUs | ",
          "note | virtual machine | this is a virtual machine (KVMKVMKVM); nothing can be done "
          "from inside | ",
          "note | hardware counters | the virtual machine has no hardware counters; nothing can "
          "be done from inside: the host decides (QEMU: -cpu host,pmu=on) | "}));
}

TEST_F(DoctorTest, SlowClockIsSwitchedWhereTheTscIsOnOffer) {
  root.write("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n");
  probes->timer.monotonic_ns_per_read = 1200;
  const std::string mend =
      "echo tsc | sudo tee /sys/devices/system/clocksource/clocksource0/current_clocksource";
  EXPECT_EQ(
      complaints(),
      (Lines{"warning | clocksource | clocksource hpet | " + mend,
             "warning | timer | reading the clock takes 1200 ns, its steps are 20 ns | " + mend}));
}

TEST_F(DoctorTest, SlowClockWithoutAnAlternativeSaysThatNothingHelps) {
  root.write("sys/devices/system/clocksource/clocksource0/current_clocksource", "acpi_pm\n")
      .write("sys/devices/system/clocksource/clocksource0/available_clocksource", "acpi_pm\n")
      .write("proc/cpuinfo", "processor : 0\nprocessor : 1\nflags : tsc\n");
  probes->timer.resolution_ns = 4000;
  EXPECT_EQ(
      complaints(),
      (Lines{"warning | clocksource | clocksource acpi_pm; nothing can be done from inside: the "
             "kernel has rejected the TSC of this machine | ",
             "warning | timer | reading the clock takes 25 ns, its steps are 4000 ns; nothing can "
             "be done from inside: no faster clock is on offer | ",
             "warning | invariant TSC | the TSC is not invariant; nothing can be done from inside "
             "| "}));
}

TEST_F(DoctorTest, SysctlsThatSpoilMeasurements) {
  root.write("proc/sys/vm/overcommit_memory", "2\n")
      .write("proc/sys/vm/max_map_count", "1000\n")
      .write("proc/sys/kernel/randomize_va_space", "0\n")
      .write("proc/sys/kernel/numa_balancing", "1\n")
      .write("sys/devices/system/node/node1/cpulist", "\n")
      .write("sys/kernel/mm/transparent_hugepage/defrag", "[always] defer madvise never\n")
      .write("proc/cmdline", "quiet mitigations=off\n");
  EXPECT_EQ(
      complaints(),
      (Lines{
          "warning | NUMA balancing | NUMA balancing is on, with 2 memory nodes | sudo sysctl "
          "kernel.numa_balancing=0",
          "note | CPU mitigations | CPU mitigations are switched off (mitigations=off) | sudo sed "
          "-i 's/ *mitigations=off//' /etc/default/grub && sudo update-grub && sudo reboot",
          "note | huge page compaction | huge page compaction: always | echo madvise | sudo tee "
          "/sys/kernel/mm/transparent_hugepage/defrag",
          "warning | overcommit | vm.overcommit_memory is 2: reservations count as used memory | "
          "sudo sysctl vm.overcommit_memory=0",
          "warning | mappings per process | vm.max_map_count is 1000 | sudo sysctl "
          "vm.max_map_count=1048576",
          "warning | address randomisation | kernel.randomize_va_space is 0 | sudo sysctl "
          "kernel.randomize_va_space=2"}));
}

TEST_F(DoctorTest, ResourceLimitsThatBind) {
  root.write("proc/self/limits",
             "Limit                     Soft Limit           Hard Limit           Units     \n"
             "Max data size             unlimited            unlimited            bytes     \n"
             "Max stack size            unlimited            unlimited            bytes     \n"
             "Max processes             64                   64                   processes \n"
             "Max address space         4294967296           unlimited            bytes     \n")
      .write("proc/self/status", "CapEff:\t0000004000000000\n");  // without CAP_SYS_RESOURCE
  EXPECT_EQ(complaints(),
            (Lines{"warning | address space limit | address_space is limited to 4 GiB | sudo "
                   "prlimit --pid $$ --as=unlimited:unlimited",
                   "warning | stack limit | the stack limit is unlimited | ulimit -S -s 8192",
                   "warning | thread limit | RLIMIT_NPROC allows 64 threads | sudo prlimit --pid "
                   "$$ --nproc=unlimited:unlimited"}));
}

TEST_F(DoctorTest, ProcessLimitDoesNotBindThePrivileged) {
  root.write("proc/self/limits",
             "Limit                     Soft Limit           Hard Limit           Units     \n"
             "Max data size             unlimited            unlimited            bytes     \n"
             "Max stack size            8388608              unlimited            bytes     \n"
             "Max processes             64                   64                   processes \n"
             "Max address space         unlimited            unlimited            bytes     \n");
  EXPECT_EQ(complaints(), Lines{});
}

TEST_F(DoctorTest, SmallStackUnderASmallHardLimitNeedsPrivilege) {
  root.write("proc/self/limits",
             "Max data size             unlimited            unlimited            bytes     \n"
             "Max stack size            65536                65536                bytes     \n"
             "Max address space         unlimited            unlimited            bytes     \n");
  EXPECT_EQ(complaints(), (Lines{"warning | stack limit | the stack limit is 64 KiB | sudo prlimit "
                                 "--pid $$ --stack=8388608:unlimited"}));
}

TEST_F(DoctorTest, VariablesThatTuneAnAllocatorAreToBeUnset) {
  root.write("proc/self/environ", std::string("MALLOC_ARENA_MAX=1\0MALLOC_CONF=a:b\0", 35));
  EXPECT_EQ(complaints(), (Lines{"warning | allocator variables | set in the environment: "
                                 "MALLOC_ARENA_MAX=1, MALLOC_CONF=a:b | unset MALLOC_ARENA_MAX "
                                 "MALLOC_CONF"}));
}

TEST_F(DoctorTest, OnlyAMixtureOfCoreKindsIsAComplaint) {
  root.write("sys/devices/cpu_atom/cpus", "1\n");
  EXPECT_EQ(
      complaints(),
      (Lines{"warning | kinds of cores | 1 of the 2 usable CPUs are slower efficiency cores | "
             "taskset -cp $(cat /sys/devices/cpu_core/cpus) $$"}));
  topology = synthetic_topology("core:2 pu:1", std::vector<unsigned>{0});
  EXPECT_EQ(complaints(),
            (Lines{"note | affinity mask | 1 of the 2 CPUs that are online may be used | "
                   "taskset -p -c 0-1 $$"}));
}

TEST_F(DoctorTest, BuildsThatAreNotTheMeasuredOneAreNamed) {
  const std::string mend = " | cmake --preset release && cmake --build --preset release";
  const std::string start = "warning | build flags | this build is not the one that is measured: ";
  flags = "-O2 -O0 -march=native -fsanitize=address,undefined";
  EXPECT_EQ(complaints(), (Lines{start +
                                 "not -O2, -march=native, -fsanitize=address,undefined, no "
                                 "-fno-omit-frame-pointer" +
                                 mend}));
  flags = "";
  EXPECT_EQ(complaints(), (Lines{start + "not -O2, no -fno-omit-frame-pointer" + mend}));
}

TEST_F(DoctorTest, EmptyMachineIsUnknownAndNeverFine) {
  FakeRoot empty;
  const auto all =
      examine(capture_environment(empty.path()), capture_load(empty.path()), topology, kFixedFlags);
  ASSERT_EQ(all.size(), kChecks);
  for (const Finding& finding : all) {
    EXPECT_NE(finding.severity, Severity::kWarning) << finding.subject << ": " << finding.what;
    if (finding.severity == Severity::kNote && finding.mend.empty()) {
      EXPECT_TRUE(finding.what.find("nothing can be done") != std::string::npos ||
                  finding.what.find("not the machine itself") != std::string::npos)
          << finding.what;
    }
  }
  std::set<std::string> fine;
  for (const Finding& finding : all) {
    if (finding.severity == Severity::kOk) fine.insert(finding.subject);
  }
  // What was handed in, and what is fine exactly because the file is absent.
  EXPECT_EQ(fine, (std::set<std::string>{"SMT", "kinds of cores", "power supply", "CPU quota",
                                         "NUMA balancing", "huge pages", "huge page compaction",
                                         "memory limit", "thread limit", "allocator variables",
                                         "build flags"}));
}

}  // namespace
}  // namespace stackheap
