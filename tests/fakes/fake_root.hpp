// A folder that stands in for "/": the test writes the /proc and /sys files a machine would show.
#pragma once

#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace stackheap {

// Owns a new temporary folder and removes it.
class FakeRoot {
 public:
  FakeRoot() {
    std::string path = (std::filesystem::temp_directory_path() / "stackheap-root-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp " + path);
    path_ = path;
  }
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;
  ~FakeRoot() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }

  // `name` relative to the root; makes the folders; replaces an earlier file.
  FakeRoot& write(std::string_view name, std::string_view content) {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream stream(file, std::ios::binary);
    stream << content;
    if (!stream.flush()) throw std::runtime_error("write " + file.string());
    return *this;
  }
  FakeRoot& remove(std::string_view name) {
    if (std::filesystem::remove_all(path_ / name) == 0) {
      throw std::runtime_error("nothing to remove: " + std::string(name));
    }
    return *this;
  }

 private:
  std::filesystem::path path_;
};

// A quiet server of 2 cores without SMT on which nothing is to be complained of.
inline void write_fit_machine(FakeRoot& root) {
  root.write("proc/cpuinfo",
             "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Fake CPU @ 3.00GHz\n"
             "flags\t\t: fpu tsc constant_tsc rdtscp nonstop_tsc avx2\n\n"
             "processor\t: 1\nvendor_id\t: GenuineIntel\nmodel name\t: Fake CPU @ 3.00GHz\n"
             "flags\t\t: fpu tsc constant_tsc rdtscp nonstop_tsc avx2\n");
  for (const char* cpu : {"0", "1"}) {
    const std::string folder = std::string("sys/devices/system/cpu/cpu") + cpu + "/";
    root.write(folder + "topology/physical_package_id", "0\n");
    root.write(folder + "topology/core_cpus_list", std::string(cpu) + "\n");
    root.write(folder + "cpufreq/scaling_governor", "performance\n");
    root.write(folder + "cpufreq/scaling_driver", "intel_pstate\n");
  }
  root.write("sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "performance\n")
      .write("sys/devices/system/cpu/cpu0/cache/index0/level", "1\n")
      .write("sys/devices/system/cpu/cpu0/cache/index0/type", "Data\n")
      .write("sys/devices/system/cpu/cpu0/cache/index0/size", "48K\n")
      .write("sys/devices/system/cpu/cpu0/cache/index0/shared_cpu_list", "0\n")
      .write("sys/devices/system/cpu/cpu0/cache/index1/level", "3\n")
      .write("sys/devices/system/cpu/cpu0/cache/index1/type", "Unified\n")
      .write("sys/devices/system/cpu/cpu0/cache/index1/size", "32M\n")
      .write("sys/devices/system/cpu/cpu0/cache/index1/shared_cpu_list", "0-1\n")
      .write("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n")
      .write("sys/devices/system/cpu/smt/active", "0\n")
      .write("sys/devices/system/cpu/vulnerabilities/meltdown", "Mitigation: PTI\n")
      .write("sys/devices/system/node/node0/cpulist", "0-1\n")
      .write("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n")
      .write("sys/devices/system/clocksource/clocksource0/available_clocksource",
             "tsc hpet acpi_pm \n")
      .write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n")
      .write("sys/kernel/mm/transparent_hugepage/defrag",
             "always defer defer+madvise [madvise] never\n")
      .write("sys/kernel/tracing/events/syscalls/sys_enter_futex/id", "522\n")
      .write("proc/filesystems", "nodev\tsysfs\nnodev\ttracefs\n\text4\n")
      .write("proc/self/mounts",
             "proc /proc proc rw 0 0\ntracefs /sys/kernel/tracing tracefs rw 0 0\n")
      .write("proc/self/status", "Name:\tcat\nCapEff:\t000001ffffffffff\nThreads:\t1\n")
      .write("proc/self/personality", "00000000\n")
      .write("proc/self/schedstat", "1000 200 3\n")
      .write("proc/self/cgroup", "0::/user.slice\n")
      .write("proc/self/environ", std::string("HOME=/root\0PATH=/bin\0", 21))
      .write("proc/self/limits",
             "Limit                     Soft Limit           Hard Limit           Units     \n"
             "Max data size             unlimited            unlimited            bytes     \n"
             "Max stack size            8388608              unlimited            bytes     \n"
             "Max processes             63000                63000                processes \n"
             "Max address space         unlimited            unlimited            bytes     \n")
      .write("proc/meminfo",
             "MemTotal:       16777216 kB\nMemFree: 1 kB\nSwapTotal:             0 kB\n")
      .write("proc/loadavg", "0.10 0.20 0.30 1/103 6803\n")
      .write("proc/pressure/cpu",
             "some avg10=0.51 avg60=0.78 avg300=0.38 total=6775950\n"
             "full avg10=0.00 avg60=0.00 avg300=0.00 total=70\n")
      .write("proc/stat",
             "cpu  4000 0 3000 180000 800 0 200 2 0 0\ncpu0 2000 0 1500 90000 400 0 100 1 0 0\n")
      .write("proc/interrupts",
             "            CPU0       CPU1\n"
             " 41:       1722          0 PCI-MSIX-0000:00:04.0   1-edge      virtio3-rx\n"
             "TLB:       2137       1613   TLB shootdowns\n"
             "ERR:          0\n")
      .write("proc/cmdline",
             "BOOT_IMAGE=/vmlinuz root=/dev/sda1 quiet nohz_full=2-7 transparent_hugepage=never\n")
      .write("proc/sys/kernel/osrelease", "6.1.0-13-amd64\n")
      .write("proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC Debian\n")
      .write("proc/sys/kernel/perf_event_paranoid", "3\n")
      .write("proc/sys/kernel/randomize_va_space", "2\n")
      .write("proc/sys/kernel/numa_balancing", "0\n")
      .write("proc/sys/kernel/threads-max", "126000\n")
      .write("proc/sys/kernel/pid_max", "4194304\n")
      .write("proc/sys/vm/overcommit_memory", "0\n")
      .write("proc/sys/vm/max_map_count", "1048576\n")
      .write("etc/os-release", "PRETTY_NAME=\"Fake Linux 12\"\nID=fake\n");
}

}  // namespace stackheap
