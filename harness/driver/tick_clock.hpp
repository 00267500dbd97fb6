// When the next tick is due. On a fixed grid from the first tick on, so that ticks do not drift by
// what each costs, and one that was missed is left out instead of being made up for in a burst: a
// poll's own timeout starts anew after every wake-up and so does neither.
#pragma once

#include <cstdint>

namespace stackheap {

class TickClock {
 public:
  // `interval_ns` above 0. The tick at `first_ns` itself is the caller's; the next is due one
  // interval later.
  TickClock(std::uint64_t first_ns, std::uint64_t interval_ns)
      : next_ns_(first_ns + interval_ns), interval_ns_(interval_ns) {}

  // True once for each point of the grid that has passed, and once only for several.
  bool due(std::uint64_t now_ns) {
    if (now_ns < next_ns_) return false;
    next_ns_ += ((now_ns - next_ns_) / interval_ns_ + 1) * interval_ns_;
    return true;
  }

  std::uint64_t wait_ns(std::uint64_t now_ns) const {
    return now_ns < next_ns_ ? next_ns_ - now_ns : 0;
  }

 private:
  std::uint64_t next_ns_;
  std::uint64_t interval_ns_;
};

}  // namespace stackheap
