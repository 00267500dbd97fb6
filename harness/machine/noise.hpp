// Machine-wide counters read by the driver around a sample, which flag it and never correct it:
// load that is none of ours shows in no counter of the worker itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace stackheap {

// Since boot; a counter that this kernel does not show is absent, not 0.
struct MachineCounters {
  std::optional<std::uint64_t> steal_ns;    // all CPUs: ready to run, but the hypervisor ran others
  std::optional<std::uint64_t> psi_cpu_us;  // some task was waiting for a CPU
  std::optional<std::uint64_t> tlb_shootdowns;  // interrupts, all CPUs

  bool operator==(const MachineCounters&) const = default;
};

// steal_ns has the resolution of the kernel's clock tick (usually 10 ms).
MachineCounters read_machine_counters(const std::filesystem::path& root = "/");

// after - before, where both are known; absent too where a counter went backwards (a CPU that went
// offline takes its interrupts with it).
MachineCounters difference(const MachineCounters& before, const MachineCounters& after);

// The total of "some" or "full" in a /proc/pressure file, in microseconds.
std::optional<std::uint64_t> parse_pressure_total_us(std::string_view text, std::string_view line);

// The machine's line of /proc/stat: proc(5), `cpu`. Absent on kernels that count no steal.
struct CpuTimes {
  std::uint64_t steal_ns = 0;
  std::uint64_t total_ns = 0;  // user to steal; guest time is within user time
};
std::optional<CpuTimes> parse_cpu_times(std::string_view proc_stat);

}  // namespace stackheap
