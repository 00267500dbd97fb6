// Which objects of different threads lie on one cache line, told from their addresses: a hardware
// counter of such transfers is missing in virtual machines, and time alone has many other causes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "harness/base/mapped.hpp"

namespace stackheap {

// An object, which one thread writes.
struct Extent {
  std::uintptr_t address = 0;
  std::size_t bytes = 1;
};

inline bool share_a_line(const Extent& a, const Extent& b) {
  const auto first = [](const Extent& e) { return e.address / kCacheLine; };
  const auto last = [](const Extent& e) { return (e.address + e.bytes - 1) / kCacheLine; };
  return first(a) <= last(b) && first(b) <= last(a);
}

// Of all pairs of these objects, each of another thread, the share that have a line of 64 bytes in
// common: 0 to 1. Takes two objects or more.
inline double shared_line_share(std::span<const Extent> objects) {
  std::size_t shared = 0;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) shared += share_a_line(objects[i], objects[j]) ? 1U : 0U;
  }
  const double count = static_cast<double>(objects.size());
  return static_cast<double>(shared) / (count * (count - 1) / 2);
}

}  // namespace stackheap
