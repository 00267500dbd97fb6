// What else the machine was doing, at the start and at the end of a run. The load average alone is
// blind to a hypervisor that runs other guests, and inside a container it is the host's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace stackheap {

struct LoadSnapshot {
  std::optional<double> load_1min;
  std::optional<double> load_5min;
  std::optional<double> load_15min;
  std::optional<std::uint64_t> running;  // runnable threads of the machine, this one included
  // Since boot: time in which some, and in which every non-idle task waited for a CPU.
  std::optional<std::uint64_t> psi_cpu_some_us;
  std::optional<std::uint64_t> psi_cpu_full_us;
  // Since boot, of all CPUs.
  std::optional<std::uint64_t> steal_ns;
  std::optional<std::uint64_t> cpu_total_ns;  // idle time included; steal is a part of it
};

LoadSnapshot capture_load(const std::filesystem::path& root = "/");

// One JSON object; what is absent is null.
std::string load_to_json(const LoadSnapshot& load);

}  // namespace stackheap
