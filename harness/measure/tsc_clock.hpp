// The processor's time stamp counter as a clock for single operations. clock_gettime takes as long
// as a malloc and rounds to a nanosecond; the counter itself is finer and nearer. It is a clock
// only where it counts at one rate in every power state, which is checked, and its rate is nowhere
// to be read, so it is measured. x86-64 only.
#pragma once

#include <cstdint>
#include <string>

#include "harness/measure/latency_histogram.hpp"

namespace stackheap {

// Ticks. RDTSCP waits until everything before it has been executed, and LFENCE lets nothing after
// it start earlier (Intel SDM volume 2, RDTSCP; AMD APM volume 3, LFENCE), so that the operation
// between two reads is between them. 0 on other processors, where calibrate_tsc() refuses.
inline std::uint64_t read_tsc() {
#if defined(__x86_64__)
  std::uint32_t low;
  std::uint32_t high;
  std::uint32_t cpu;
  asm volatile("rdtscp\n\tlfence" : "=a"(low), "=d"(high), "=c"(cpu) : : "memory");
  return (std::uint64_t{high} << 32U) | low;
#else
  return 0;
#endif
}

struct CpuidRegisters {
  std::uint32_t eax = 0;
  std::uint32_t ebx = 0;
  std::uint32_t ecx = 0;
  std::uint32_t edx = 0;
};

// What the clock is made of; tests put others in place.
struct TscSource {
  CpuidRegisters (*cpuid)(std::uint32_t leaf);
  std::uint64_t (*ticks)();
  std::uint64_t (*nanoseconds)();  // the clock that the ticks are compared with
};
// CPUID (all zero on other processors), read_tsc and CLOCK_MONOTONIC, the clock of the windows.
TscSource tsc_of_this_machine();

// Why the counter is no clock here; empty where it is one.
std::string tsc_problem(const TscSource& source = tsc_of_this_machine());

// Nanoseconds per tick, measured over several intervals of 2 ms: takes 10 ms. Throws CannotRun
// where tsc_problem() has one, or where the two best intervals differ by more than 0.1 %.
double calibrate_tsc(const TscSource& source = tsc_of_this_machine());

// Records `pairs` differences, in ticks, of two reads with nothing between: what the timing of an
// operation costs and how finely the counter counts.
void time_nothing(LatencyHistogram& into, std::uint64_t pairs);

}  // namespace stackheap
