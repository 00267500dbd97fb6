// Waiting for an instant, and what is resident then. A condition variable or a timer thread would
// do but for the memory that they may take from the heap under test.
#pragma once

#include <time.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>

#include "harness/base/clock.hpp"
#include "harness/measure/memory.hpp"
#include "harness/worker/script.hpp"

namespace stackheap {

// Until CLOCK_MONOTONIC shows this.
inline void sleep_until_ns(std::uint64_t monotonic) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  const timespec at{static_cast<time_t>(monotonic / kSecond),
                    static_cast<long>(monotonic % kSecond)};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
}

// Resident 100 ms after the last free. Called on the thread that leads, after the barrier at which
// all have freed; the others must not end meanwhile, since an ending thread gives its cache back.
class WatchAfterFree {
 public:
  void watch(Script& script) {
    const std::uint64_t freed = monotonic_ns();
    script.mark("freed");
    sleep_until_ns(freed + 100'000'000);
    memory_ = read_resident_memory();
    script.mark("watched");
  }

  // Only after the watch is over: reporting takes the heap that is being watched.
  void report(Script& script) const {
    if (memory_) {
      script.report_text("rss_after_free_100ms_bytes", std::to_string(memory_->now_bytes));
    }
  }

 private:
  std::optional<ResidentMemory> memory_;
};

}  // namespace stackheap
