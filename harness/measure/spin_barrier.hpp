// A barrier for the few places outside the windows where all lanes must have arrived. It yields, so
// that any number of threads may meet on few CPUs; std::barrier sleeps in a futex, whose staggered
// wake-up is what the windows avoid, and this keeps one behaviour everywhere.
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>

namespace stackheap {

class SpinBarrier {
 public:
  explicit SpinBarrier(unsigned parties) : parties_(parties) {}

  void arrive_and_wait() {
    const std::uint64_t round = round_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == parties_) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    while (round_.load(std::memory_order_acquire) == round) sched_yield();
  }

 private:
  const unsigned parties_;
  std::atomic<unsigned> arrived_{0};
  std::atomic<std::uint64_t> round_{0};
};

}  // namespace stackheap
