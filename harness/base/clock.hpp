// The two clocks of a window. Both are POSIX clocks read through clock_gettime: the wall clock is
// CLOCK_MONOTONIC, so that a stepped system time changes nothing.
#pragma once

#include <cstdint>

namespace stackheap {

// Nanoseconds on CLOCK_MONOTONIC; only differences mean anything.
std::uint64_t monotonic_ns();

// CPU time of the calling thread in nanoseconds (CLOCK_THREAD_CPUTIME_ID). A system call, about
// 0.3 us; reading it also brings /proc/thread-self/schedstat up to date.
std::uint64_t thread_cpu_ns();

// CPU time of the whole process in nanoseconds.
std::uint64_t process_cpu_ns();

}  // namespace stackheap
