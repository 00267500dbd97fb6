// Processes that take turns, window by window: while one measures, the others sleep. On a machine
// whose speed wanders two windows a few milliseconds apart are alike, where two processes one after
// the other are not.
//
// The right to run is one byte that goes round a ring of sockets. A lock in shared memory would do
// too, but a process that died holding it would have to be told from one that works.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "harness/measure/lane.hpp"

namespace stackheap {

// Descriptors of a ring's place: the turn comes in by one and goes out by the other; -1: no ring.
struct TurnPlace {
  int in = -1;
  int out = -1;
};

class Turns {
 public:
  explicit Turns(TurnPlace place) : place_(place) {}

  bool active() const { return place_.in >= 0; }
  // Spent in acquire() so far; to be read in turn.
  std::uint64_t waited_ns() const { return waited_ns_; }

  // By one thread: sleeps until the turn is here. A ring that has ended lets everybody run: its
  // samples are no longer used.
  void acquire();
  // Hands the turn on; nothing where it is not here.
  void release();

  // Says that a window has been closed. The turn goes on when acquire_together() is called next,
  // once all lanes but one have come to rest: one that still ran would run in another's window.
  void spend() { spent_ = true; }
  // By each of so many lanes, `number` growing by one from 1 from call to call: lane 0 hands a
  // spent turn on and waits for the next, the others sleep until it has it.
  void acquire_together(const Lane& lane, std::uint64_t number, std::size_t lanes);

 private:
  TurnPlace place_;
  bool held_ = false;
  bool spent_ = false;
  std::uint64_t waited_ns_ = 0;
  alignas(2 * kCacheLine) std::atomic<std::uint64_t> number_{0};
  std::atomic<std::uint64_t> resting_{0};  // lanes that came to rest, over all calls
};

}  // namespace stackheap
