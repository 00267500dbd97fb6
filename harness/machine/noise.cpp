#include "harness/machine/noise.hpp"

#include <unistd.h>

#include <string>

#include "harness/base/error.hpp"
#include "harness/base/file.hpp"
#include "harness/base/text.hpp"
#include "harness/machine/proc_text.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

std::uint64_t ns_per_tick() {
  const long ticks_per_second = ::sysconf(_SC_CLK_TCK);
  STACKHEAP_CHECK(ticks_per_second > 0);
  return 1'000'000'000U / static_cast<std::uint64_t>(ticks_per_second);
}

// "TLB:  2137  1613   TLB shootdowns": one number per online CPU, then words.
std::optional<std::uint64_t> parse_tlb_shootdowns(std::string_view interrupts) {
  const auto line = value_of(interrupts, "TLB");
  if (!line) return std::nullopt;
  std::uint64_t sum = 0;
  bool any = false;
  for (const std::string_view field : words(*line)) {
    const auto count = parse_count(field);
    if (!count) break;
    sum += *count;
    any = true;
  }
  return any ? std::optional(sum) : std::nullopt;
}

std::optional<std::uint64_t> minus(std::optional<std::uint64_t> after,
                                   std::optional<std::uint64_t> before) {
  if (!after || !before || *after < *before) return std::nullopt;
  return *after - *before;
}

}  // namespace

std::optional<std::uint64_t> parse_pressure_total_us(std::string_view text, std::string_view line) {
  constexpr std::string_view kTotal = "total=";
  for (const std::string_view candidate : lines(text)) {
    const auto fields = words(candidate);
    if (fields.empty() || fields.front() != line) continue;
    for (const std::string_view field : fields) {
      if (field.substr(0, kTotal.size()) == kTotal) return parse_count(field.substr(kTotal.size()));
    }
  }
  return std::nullopt;
}

std::optional<CpuTimes> parse_cpu_times(std::string_view proc_stat) {
  constexpr std::size_t kStealField = 7;  // user nice system idle iowait irq softirq steal
  for (const std::string_view line : lines(proc_stat)) {
    const auto fields = words(line);
    if (fields.empty() || fields.front() != "cpu") continue;
    if (fields.size() <= kStealField + 1) return std::nullopt;
    CpuTimes times;
    for (std::size_t i = 0; i <= kStealField; ++i) {
      const auto ticks = parse_count(fields[i + 1]);
      if (!ticks) return std::nullopt;
      times.total_ns += *ticks * ns_per_tick();
      if (i == kStealField) times.steal_ns = *ticks * ns_per_tick();
    }
    return times;
  }
  return std::nullopt;
}

MachineCounters read_machine_counters(const fs::path& root) {
  MachineCounters counters;
  if (const auto stat = try_read_file(root / "proc/stat")) {
    if (const auto times = parse_cpu_times(*stat)) counters.steal_ns = times->steal_ns;
  }
  if (const auto pressure = try_read_file(root / "proc/pressure/cpu")) {
    counters.psi_cpu_us = parse_pressure_total_us(*pressure, "some");
  }
  if (const auto interrupts = try_read_file(root / "proc/interrupts")) {
    counters.tlb_shootdowns = parse_tlb_shootdowns(*interrupts);
  }
  return counters;
}

MachineCounters difference(const MachineCounters& before, const MachineCounters& after) {
  return {.steal_ns = minus(after.steal_ns, before.steal_ns),
          .psi_cpu_us = minus(after.psi_cpu_us, before.psi_cpu_us),
          .tlb_shootdowns = minus(after.tlb_shootdowns, before.tlb_shootdowns)};
}

}  // namespace stackheap
