// Finds a lane that went into a call and does not come back. The process's deadline finds that too,
// but only after half a minute, and cannot say in which call.
//
// Told apart by what the kernel accounts: a lane that used half a second of CPU time in one call
// spins; one that slept for half a second without a break is blocked, which counts only while
// no other lane is held up on the way to a CPU: that one may hold the lock. So a busy machine,
// which takes CPUs away for seconds, accuses nobody.
#pragma once

#include <pthread.h>
#include <semaphore.h>

#include <cstdint>
#include <span>

#include "harness/base/mapped.hpp"
#include "harness/worker/check.hpp"

namespace stackheap {

class StallWatch {
 public:
  // Watches until it is destroyed. Both outlive it.
  StallWatch(CheckRun& run, std::span<CheckLane> lanes);
  StallWatch(const StallWatch&) = delete;
  StallWatch& operator=(const StallWatch&) = delete;
  ~StallWatch();

 private:
  // What is known of a lane's present call.
  struct View {
    std::uint64_t calls = 0;
    std::uint64_t since_ns = 0;    // 0: it came back since the last look
    std::uint64_t cpu_ns = 0;      // at since_ns
    std::uint64_t used_ns = 0;     // since then
    std::uint64_t blocked_ns = 0;  // between looks at which it slept
  };

  void look(std::uint64_t now, std::uint64_t last);
  void judge(const CheckLane& lane, const View& view);
  bool others_may_hold_it_up(std::size_t lane) const;

  CheckRun& run_;
  std::span<CheckLane> lanes_;
  MappedArray<View> views_;
  std::uint64_t blocked_limit_ns_;
  sem_t end_;
  pthread_t thread_;
};

}  // namespace stackheap
