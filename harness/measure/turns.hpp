// Processes that take turns, window by window: while one measures, the others sleep. On a machine
// whose speed wanders two windows a few milliseconds apart are alike, where two processes one after
// the other are not.
//
// The right to run is one byte that goes round a ring of sockets. A lock in shared memory would do
// too, but a process that died holding it would have to be told from one that works.
#pragma once

#include <atomic>
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

  // By every lane, `number` growing from 1 from call to call: lane 0 acquires the turn, the others
  // sleep until it has.
  void acquire_together(const Lane& lane, std::uint64_t number);

 private:
  TurnPlace place_;
  bool held_ = false;
  std::uint64_t waited_ns_ = 0;
  alignas(2 * kCacheLine) std::atomic<std::uint64_t> number_{0};
};

}  // namespace stackheap
