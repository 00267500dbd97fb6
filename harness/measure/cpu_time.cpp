#include "harness/measure/cpu_time.hpp"

#include <ctime>

namespace stackheap {
namespace {

// A clock's id holds the number of whom it is of, and in its lowest bits which clock and whether it
// is a thread's (linux/posix-timers.h): what pthread_getcpuclockid(3) makes of a pthread_t.
constexpr unsigned kScheduled = 2;
constexpr unsigned kOfThread = 4;

std::optional<std::uint64_t> read_cpu_clock(int id, unsigned bits) {
  const auto clock = static_cast<clockid_t>((~static_cast<unsigned>(id) << 3U) | bits);
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) return {};
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace

std::optional<std::uint64_t> cpu_ns_of_thread(int thread_id) {
  return read_cpu_clock(thread_id, kScheduled | kOfThread);
}

std::optional<std::uint64_t> cpu_ns_of_process(pid_t process) {
  return read_cpu_clock(process, kScheduled);
}

}  // namespace stackheap
