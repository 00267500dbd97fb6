// How large each call's memory is, for the loops of call_loop.hpp: the same for all, or drawn.
#pragma once

#include <cstddef>
#include <cstdint>

#include "harness/worker/distributions.hpp"

namespace stackheap {

struct FixedSize {
  std::size_t bytes = 0;

  std::size_t next(Random&) const { return bytes; }
};

// Inverse-square from 4 B to `largest`: the law of glibc's benchmark bench-malloc-thread
// (benchtests, 2014), whose largest is 32,768 B. Most calls need little, the few large ones as many
// bytes in each doubling as the small ones.
class InverseSquareSize {
 public:
  static constexpr std::uint32_t kSmallest = 4;

  explicit InverseSquareSize(std::uint32_t largest) : table_(2.0, kSmallest, largest) {}

  std::size_t next(Random& random) const { return table_.draw(random); }

 private:
  SizeTable table_;
};

}  // namespace stackheap
