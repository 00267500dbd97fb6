#include "harness/measure/turns.hpp"

#include <sched.h>
#include <sys/socket.h>

#include <cerrno>

#include "harness/base/clock.hpp"

namespace stackheap {

void Turns::acquire() {
  if (!active() || held_) return;
  const std::uint64_t begin = monotonic_ns();
  char turn = 0;
  while (::recv(place_.in, &turn, 1, 0) < 0 && errno == EINTR) {
  }
  waited_ns_ += monotonic_ns() - begin;
  held_ = true;
}

void Turns::release() {
  if (!active() || !held_) return;
  held_ = false;
  const char turn = 1;
  // Whoever comes next may have ended: then nobody waits for it.
  while (::send(place_.out, &turn, 1, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

void Turns::acquire_together(const Lane& lane, std::uint64_t number, std::size_t lanes) {
  if (!active()) return;
  if (lane.index == 0) {
    if (spent_) {
      // They have little to do, and others may need this CPU to do it.
      while (resting_.load(std::memory_order_acquire) < number * (lanes - 1)) ::sched_yield();
      spent_ = false;
      release();
    }
    acquire();
    number_.store(number, std::memory_order_release);
    number_.notify_all();
    return;
  }
  resting_.fetch_add(1, std::memory_order_release);
  for (std::uint64_t seen = number_.load(std::memory_order_acquire); seen < number;
       seen = number_.load(std::memory_order_acquire)) {
    number_.wait(seen, std::memory_order_acquire);
  }
}

}  // namespace stackheap
