#include "harness/measure/tsc_clock.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "harness/base/clock.hpp"
#include "harness/base/error.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace stackheap {
namespace {

constexpr std::uint64_t kIntervalNs = 2'000'000;
constexpr unsigned kIntervals = 5;
constexpr unsigned kReadings = 16;  // of both clocks, at each end of an interval
constexpr double kLargestDifference = 1e-3;

// Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E.
constexpr std::uint32_t kLargestExtendedLeaf = 0x8000'0000U;
constexpr std::uint32_t kFeatureLeaf = 0x8000'0001U;
constexpr std::uint32_t kPowerLeaf = 0x8000'0007U;
constexpr std::uint32_t kRdtscpBit = 1U << 27U;    // of kFeatureLeaf's EDX
constexpr std::uint32_t kInvariantBit = 1U << 8U;  // of kPowerLeaf's EDX

CpuidRegisters cpuid_of_this_machine([[maybe_unused]] std::uint32_t leaf) {
  CpuidRegisters registers;
#if defined(__x86_64__)
  __cpuid_count(leaf, 0, registers.eax, registers.ebx, registers.ecx, registers.edx);
#endif
  return registers;
}

// Both clocks at one moment, as nearly as that can be had.
struct Moment {
  std::uint64_t ticks = 0;
  std::uint64_t nanoseconds = 0;
  std::uint64_t doubt_ns = UINT64_MAX;  // the ticks were read within so many nanoseconds
};

Moment read_moment(const TscSource& source) {
  Moment best;
  for (unsigned i = 0; i < kReadings; ++i) {
    const std::uint64_t before = source.nanoseconds();
    const std::uint64_t ticks = source.ticks();
    const std::uint64_t doubt = source.nanoseconds() - before;
    if (doubt < best.doubt_ns) best = {ticks, before + doubt / 2, doubt};
  }
  return best;
}

struct Rate {
  double ns_per_tick = 0;
  std::uint64_t doubt_ns = 0;
};

Rate rate_between(const Moment& start, const Moment& end) {
  if (end.ticks <= start.ticks) {
    throw CannotRun(
        "the time stamp counter does not advance, so single operations cannot be timed; on a "
        "virtual machine, ask its host to pass the counter through");
  }
  return {static_cast<double>(end.nanoseconds - start.nanoseconds) /
              static_cast<double>(end.ticks - start.ticks),
          start.doubt_ns + end.doubt_ns};
}

}  // namespace

TscSource tsc_of_this_machine() {
  return {cpuid_of_this_machine, read_tsc, monotonic_ns};
}

std::string tsc_problem(const TscSource& source) {
  const std::uint32_t largest = source.cpuid(kLargestExtendedLeaf).eax;
  if (largest < kFeatureLeaf) {
    return "single operations are timed with the time stamp counter of x86-64, which this "
           "processor does not have; workloads of other suites measure here";
  }
  if ((source.cpuid(kFeatureLeaf).edx & kRdtscpBit) == 0) {
    return "this processor has no RDTSCP, with which single operations are timed; on a virtual "
           "machine, choose a CPU model that has it";
  }
  if (largest < kPowerLeaf || (source.cpuid(kPowerLeaf).edx & kInvariantBit) == 0) {
    return "the time stamp counter is not invariant (CPUID 0x80000007, EDX bit 8), so its ticks "
           "are no time; on a virtual machine, have the host pass invtsc through";
  }
  return {};
}

double calibrate_tsc(const TscSource& source) {
  if (const std::string problem = tsc_problem(source); !problem.empty()) throw CannotRun(problem);
  std::array<Rate, kIntervals> rates;
  Moment start = read_moment(source);
  for (Rate& rate : rates) {
    while (source.nanoseconds() - start.nanoseconds < kIntervalNs) {
    }
    const Moment end = read_moment(source);
    rate = rate_between(start, end);
    start = end;
  }
  // An interval at whose ends this thread was interrupted has large doubts.
  std::sort(rates.begin(), rates.end(),
            [](const Rate& a, const Rate& b) { return a.doubt_ns < b.doubt_ns; });
  const double difference = std::abs(rates[1].ns_per_tick / rates[0].ns_per_tick - 1);
  if (difference > kLargestDifference) {
    throw CannotRun(fmt::format(
        "two calibrations of the time stamp counter differ by {:.2f} %: {:.6g} and {:.6g} ns per "
        "tick; try again on a machine that is idle",
        100 * difference, rates[0].ns_per_tick, rates[1].ns_per_tick));
  }
  return rates[0].ns_per_tick;
}

void time_nothing(LatencyHistogram& into, std::uint64_t pairs) {
  for (std::uint64_t i = 0; i < pairs; ++i) {
    const std::uint64_t start = read_tsc();
    into.record(read_tsc() - start);
  }
}

}  // namespace stackheap
