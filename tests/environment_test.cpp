#include "harness/machine/environment.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "harness/machine/load.hpp"
#include "tests/fakes/fake_root.hpp"

namespace stackheap {
namespace {

using Words = std::vector<std::string>;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;

Environment capture_fit() {
  FakeRoot root;
  write_fit_machine(root);
  return capture_environment(root.path());
}

TEST(EnvironmentTest, ReadsTheProcessor) {
  const CpuEnvironment cpu = capture_fit().cpu;
  EXPECT_EQ(cpu.model, "Fake CPU @ 3.00GHz");
  EXPECT_EQ(cpu.vendor, "GenuineIntel");
  EXPECT_EQ(cpu.flags, (Words{"constant_tsc", "rdtscp", "nonstop_tsc", "avx2"}));
  EXPECT_EQ(cpu.logical_cpus, 2U);
  EXPECT_EQ(cpu.cores, 2U);
  EXPECT_EQ(cpu.packages, 1U);
  EXPECT_EQ(cpu.numa_nodes, 1U);
  EXPECT_EQ(cpu.smt_active, false);
  EXPECT_EQ(cpu.governors, Words{"performance"});
  EXPECT_EQ(cpu.frequency_driver, "intel_pstate");
  EXPECT_EQ(cpu.turbo, false);
  EXPECT_EQ(cpu.virtual_machine, false);
  EXPECT_EQ(cpu.invariant_tsc, true);
  EXPECT_EQ(cpu.on_battery, std::nullopt);
  ASSERT_EQ(cpu.caches.size(), 2U);
  EXPECT_EQ(cpu.caches[0].level, 1U);
  EXPECT_EQ(cpu.caches[0].type, "Data");
  EXPECT_EQ(cpu.caches[0].bytes, 48U * 1024U);
  EXPECT_EQ(cpu.caches[1].bytes, 32U * 1024U * 1024U);
  EXPECT_EQ(cpu.caches[1].shared_cpus, "0-1");
}

TEST(EnvironmentTest, ReadsTheKernel) {
  const KernelEnvironment kernel = capture_fit().kernel;
  EXPECT_EQ(kernel.release, "6.1.0-13-amd64");
  EXPECT_EQ(kernel.version, "#1 SMP PREEMPT_DYNAMIC Debian");
  EXPECT_EQ(kernel.command_line, "nohz_full=2-7 transparent_hugepage=never");
  EXPECT_EQ(kernel.vulnerabilities,
            (std::vector<std::pair<std::string, std::string>>{{"meltdown", "Mitigation: PTI"}}));
  EXPECT_EQ(kernel.clocksource, "tsc");
  EXPECT_EQ(kernel.clocksources_available, (Words{"tsc", "hpet", "acpi_pm"}));
  EXPECT_EQ(kernel.schedstat, true);
  EXPECT_TRUE(kernel.pressure);
  EXPECT_EQ(kernel.perf_event_paranoid, 3);
  EXPECT_EQ(kernel.cap_perfmon, true);
  EXPECT_EQ(kernel.cap_sys_resource, true);
  EXPECT_TRUE(kernel.tracefs_supported);
  EXPECT_EQ(kernel.tracefs_mount, "/sys/kernel/tracing");
  EXPECT_TRUE(kernel.tracepoints_readable);
  EXPECT_EQ(kernel.threads_max, 126000U);
  EXPECT_EQ(kernel.pid_max, 4194304U);
}

TEST(EnvironmentTest, ReadsMemoryAndLimits) {
  const Environment environment = capture_fit();
  EXPECT_EQ(environment.memory.total_bytes, 16 * kGiB);
  EXPECT_EQ(environment.memory.swap_bytes, 0U);
  EXPECT_EQ(environment.memory.thp, "madvise");
  EXPECT_EQ(environment.memory.thp_defrag, "madvise");
  EXPECT_EQ(environment.memory.overcommit, 0);
  EXPECT_EQ(environment.memory.max_map_count, 1048576U);
  EXPECT_EQ(environment.memory.aslr, 2);
  EXPECT_EQ(environment.memory.aslr_off_here, false);
  EXPECT_EQ(environment.memory.numa_balancing, false);
  EXPECT_EQ(environment.os, "Fake Linux 12");
  const ResourceLimit* stack = environment.find_limit("stack_size");
  ASSERT_NE(stack, nullptr);
  EXPECT_EQ(stack->soft, 8388608U);
  EXPECT_EQ(stack->hard, std::nullopt);
  EXPECT_EQ(environment.find_limit("nonsense"), nullptr);
  EXPECT_EQ(environment.limits.size(), 4U);
}

TEST(EnvironmentTest, AnEmptyRootGivesNothingAndGuessesNothing) {
  FakeRoot root;
  const auto json = nlohmann::json::parse(environment_to_json(capture_environment(root.path())));
  for (const char* group : {"cpu", "kernel", "memory", "cgroup"}) {
    for (const auto& [key, value] : json.at(group).items()) {
      EXPECT_TRUE(value.is_null() || value.empty() || value == false) << group << "." << key;
    }
  }
  EXPECT_TRUE(json.at("cpu").at("flags").is_null());
  EXPECT_TRUE(json.at("cpu").at("virtual_machine").is_null());
  EXPECT_TRUE(json.at("kernel").at("schedstat").is_null());
  EXPECT_TRUE(json.at("limits").empty());
  EXPECT_TRUE(json.at("os").is_null());
  EXPECT_TRUE(json.at("probes").is_null());
}

TEST(EnvironmentTest, HypervisorFlagMakesAVirtualMachine) {
  FakeRoot root;
  root.write("proc/cpuinfo", "processor : 0\nflags : constant_tsc hypervisor\n");
  const CpuEnvironment cpu = capture_environment(root.path()).cpu;
  EXPECT_EQ(cpu.virtual_machine, true);
  EXPECT_EQ(cpu.invariant_tsc, false);
}

TEST(EnvironmentTest, ProcessorThatShowsNoFlagsIsNotCalledBareMetal) {
  FakeRoot root;
  root.write("proc/cpuinfo", "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\n");
  const CpuEnvironment cpu = capture_environment(root.path()).cpu;
  EXPECT_EQ(cpu.logical_cpus, 1U);
  EXPECT_EQ(cpu.virtual_machine, std::nullopt);
  EXPECT_EQ(cpu.invariant_tsc, std::nullopt);
}

TEST(EnvironmentTest, BoostFileTellsTurboWhereThereIsNoIntelPstate) {
  FakeRoot root;
  root.write("sys/devices/system/cpu/cpufreq/boost", "1\n");
  EXPECT_EQ(capture_environment(root.path()).cpu.turbo, true);
}

TEST(EnvironmentTest, EfficiencyCoresAreListed) {
  FakeRoot root;
  root.write("sys/devices/cpu_atom/cpus", "4-6,9\n");
  EXPECT_EQ(capture_environment(root.path()).cpu.efficiency_cpus,
            (std::vector<unsigned>{4, 5, 6, 9}));
}

TEST(EnvironmentTest, DamagedCpuListIsNoList) {
  FakeRoot root;
  root.write("sys/devices/cpu_atom/cpus", "0-99999999999\n");
  EXPECT_TRUE(capture_environment(root.path()).cpu.efficiency_cpus.empty());
}

TEST(EnvironmentTest, OneConnectedChargerIsMainsPower) {
  FakeRoot root;
  root.write("sys/class/power_supply/AC/type", "Mains\n")
      .write("sys/class/power_supply/AC/online", "0\n")
      .write("sys/class/power_supply/BAT0/type", "Battery\n");
  EXPECT_EQ(capture_environment(root.path()).cpu.on_battery, true);
  root.write("sys/class/power_supply/AC2/type", "Mains\n")
      .write("sys/class/power_supply/AC2/online", "1\n");
  EXPECT_EQ(capture_environment(root.path()).cpu.on_battery, false);
}

TEST(EnvironmentTest, CapabilitiesAreReadBitByBit) {
  FakeRoot root;
  root.write("proc/self/status", "CapEff:\t0000004000000000\n");  // 38: CAP_PERFMON alone
  EXPECT_EQ(capture_environment(root.path()).kernel.cap_perfmon, true);
  EXPECT_EQ(capture_environment(root.path()).kernel.cap_sys_resource, false);
  root.write("proc/self/status", "CapEff:\t0000000000200000\n");  // 21: CAP_SYS_ADMIN alone
  EXPECT_EQ(capture_environment(root.path()).kernel.cap_perfmon, true);
  root.write("proc/self/status", "CapEff:\t0000000001000000\n");  // 24: CAP_SYS_RESOURCE alone
  EXPECT_EQ(capture_environment(root.path()).kernel.cap_perfmon, false);
  EXPECT_EQ(capture_environment(root.path()).kernel.cap_sys_resource, true);
}

TEST(EnvironmentTest, SchedstatOfZerosIsNotCounting) {
  FakeRoot root;
  root.write("proc/self/schedstat", "0 0 0\n");
  EXPECT_EQ(capture_environment(root.path()).kernel.schedstat, false);
}

TEST(EnvironmentTest, VariablesThatTuneAnAllocatorAreRecordedWithoutTheHomeFolder) {
  const std::string home = ::getenv("HOME") == nullptr ? "" : ::getenv("HOME");
  ASSERT_GT(home.size(), 1U) << "needs HOME";
  FakeRoot root;
  const std::string variables = "PATH=/bin" + std::string(1, '\0') + "MALLOC_ARENA_MAX=1" +
                                std::string(1, '\0') + "LD_PRELOAD=" + home + "/lib.so" +
                                std::string(1, '\0');
  root.write("proc/self/environ", variables);
  EXPECT_EQ(capture_environment(root.path()).allocator_variables,
            (Words{"LD_PRELOAD=~/lib.so", "MALLOC_ARENA_MAX=1"}));
}

TEST(EnvironmentTest, ArgumentsOfInitAreNotRecorded) {
  FakeRoot root;
  root.write("proc/cmdline", "quiet psi=1 root=/dev/sda secret=x -- mitigations=off\n");
  EXPECT_EQ(capture_environment(root.path()).kernel.command_line, "psi=1");
  root.write("proc/cmdline", "-- psi=1\n");
  EXPECT_EQ(capture_environment(root.path()).kernel.command_line, "");
  root.write("proc/cmdline", "console=a--b idle=poll\n");
  EXPECT_EQ(capture_environment(root.path()).kernel.command_line, "idle=poll");
}

TEST(EnvironmentTest, PersonalityWithoutRandomisationIsSeen) {
  FakeRoot root;
  root.write("proc/self/personality", "00040000\n");
  EXPECT_EQ(capture_environment(root.path()).memory.aslr_off_here, true);
}

TEST(EnvironmentTest, JsonKeepsUnlimitedApartFromUnknown) {
  const auto json = nlohmann::json::parse(environment_to_json(capture_fit()));
  EXPECT_EQ(json.at("limits").at("stack_size").at("soft"), 8388608);
  EXPECT_EQ(json.at("limits").at("stack_size").at("hard"), "unlimited");
  EXPECT_TRUE(json.at("cpu").at("on_battery").is_null());
  EXPECT_EQ(json.at("cpu").at("turbo"), false);
  EXPECT_EQ(json.at("kernel").at("vulnerabilities").at("meltdown"), "Mitigation: PTI");
}

TEST(EnvironmentTest, BytesThatAreNoUtf8DoNotLoseTheJson) {
  FakeRoot root;
  root.write("proc/cmdline", "quiet idle=\xff\xfe\n");
  const auto json = nlohmann::json::parse(environment_to_json(capture_environment(root.path())));
  EXPECT_EQ(json.at("kernel").at("command_line"), "idle=\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(EnvironmentTest, ThisMachineAnswersTheProbes) {
  const Environment environment = capture_environment();
  ASSERT_TRUE(environment.probes);
  EXPECT_GT(environment.probes->timer.monotonic_ns_per_read, 0);
  EXPECT_GT(environment.probes->timer.thread_cpu_ns_per_read, 0);
  EXPECT_GT(environment.probes->timer.resolution_ns, 0U);
  EXPECT_NE(environment.probes->glibc, "");
  EXPECT_EQ(environment.cpu.logical_cpus, static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_ONLN)));
  EXPECT_NE(environment.compiler, "unknown");
}

TEST(CgroupLimitsTest, VersionTwoTakesTheTightestOnTheWayUp) {
  FakeRoot root;
  root.write("proc/self/cgroup", "0::/outer/inner\n")
      .write("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n")
      .write("sys/fs/cgroup/outer/cpu.max", "50000 100000\n")
      .write("sys/fs/cgroup/outer/inner/memory.max", "1073741824\n")
      .write("sys/fs/cgroup/outer/memory.max", "max\n")
      .write("sys/fs/cgroup/outer/inner/pids.max", "500\n")
      .write("sys/fs/cgroup/outer/pids.max", "100\n");
  const CgroupLimits limits = read_cgroup_limits(root.path());
  EXPECT_EQ(limits.cpus, 0.5);
  EXPECT_EQ(limits.memory_bytes, kGiB);
  EXPECT_EQ(limits.pids, 100U);
}

TEST(CgroupLimitsTest, ContainerWhosePathIsTheHostsReadsTheRootOfTheMount) {
  FakeRoot root;
  root.write("proc/self/cgroup", "3:cpu,cpuacct:/docker/abc\n2:memory:/docker/abc\n")
      .write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n")
      .write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n")
      .write("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n");
  const CgroupLimits limits = read_cgroup_limits(root.path());
  EXPECT_EQ(limits.cpus, 1.5);
  EXPECT_EQ(limits.memory_bytes, kGiB / 2);
  EXPECT_EQ(limits.pids, std::nullopt);
}

TEST(CgroupLimitsTest, VersionOneWithoutLimitsHasNone) {
  FakeRoot root;
  root.write("proc/self/cgroup", "8:pids:/\n4:memory:/job\n1:cpu:/\n0::/\n")
      .write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
      .write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
      .write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n")
      .write("sys/fs/cgroup/pids/pids.max", "max\n");
  const CgroupLimits limits = read_cgroup_limits(root.path());
  EXPECT_EQ(limits.cpus, std::nullopt);
  EXPECT_EQ(limits.memory_bytes, std::nullopt);
  EXPECT_EQ(limits.pids, std::nullopt);
}

TEST(LoadSnapshotTest, ReadsLoadPressureAndSteal) {
  FakeRoot root;
  write_fit_machine(root);
  const LoadSnapshot load = capture_load(root.path());
  const std::uint64_t tick_ns = 1'000'000'000U / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  EXPECT_EQ(load.load_1min, 0.10);
  EXPECT_EQ(load.load_5min, 0.20);
  EXPECT_EQ(load.load_15min, 0.30);
  EXPECT_EQ(load.running, 1U);
  EXPECT_EQ(load.psi_cpu_some_us, 6775950U);
  EXPECT_EQ(load.psi_cpu_full_us, 70U);
  EXPECT_EQ(load.steal_ns, 2 * tick_ns);
  EXPECT_EQ(load.cpu_total_ns, 188002 * tick_ns);
}

TEST(LoadSnapshotTest, JsonHasNullForWhatTheKernelDoesNotShow) {
  FakeRoot root;
  write_fit_machine(root);
  root.remove("proc/pressure");
  const auto json = nlohmann::json::parse(load_to_json(capture_load(root.path())));
  EXPECT_EQ(json.at("load_1min"), 0.10);
  EXPECT_TRUE(json.at("psi_cpu_some_us").is_null());
  EXPECT_TRUE(json.at("psi_cpu_full_us").is_null());
}

}  // namespace
}  // namespace stackheap
