// The policy of suites/common/shared_slots.hpp that verifies everything, for a stress check: the
// objects and the calls are those of `Plain`, but every live range is known to a registry, calloc's
// zeroes are looked at, and each object's words follow from an id of its own.
#pragma once

#include <cstdint>
#include <new>

#include "harness/measure/lane.hpp"
#include "harness/worker/block_contents.hpp"
#include "harness/worker/block_registry.hpp"
#include "harness/worker/entry_points.hpp"

namespace stackheap::shared_slots {

// Told once, from any thread; must not return.
struct SlotFault {
  const char* what = "";
  const void* address = nullptr;
  std::size_t bytes = 0;
  BlockRegistry::Range other;  // where it overlaps one
};
using SlotReport = void (*)(const Lane& lane, const SlotFault& fault);

class Verified {
 public:
  explicit Verified(SlotReport report) : report_(report) {}

  std::uint64_t* obtain(Lane& lane, std::uint32_t words) {
    const std::size_t bytes = std::size_t{words} * sizeof(std::uint64_t);
    auto* object = static_cast<std::uint64_t*>(heap::calloc(words, sizeof(std::uint64_t)));
    if (object == nullptr) [[unlikely]] {
      throw std::bad_alloc();
    }
    if (const auto other = registry_.insert(object, bytes)) [[unlikely]] {
      report_(lane, {"calloc gave a block within a live one", object, bytes, *other});
    }
    if (!contents::is_zero(object, bytes)) [[unlikely]] {
      report_(lane, {"calloc gave bytes that are not 0", object, bytes, {}});
    }
    // The lane's counter is for the workload's own use.
    const std::uint64_t id = (lane.counter++ << 8U) + lane.index;
    object[0] = header_of(words, id);
    contents::fill(object + 1, bytes - sizeof(std::uint64_t), object[0]);
    return object;
  }

  std::uint32_t give_back(Lane& lane, std::uint64_t* object) {
    const std::uint64_t header = object[0];
    const auto words = static_cast<std::uint32_t>(header & kWordsMask);
    if (header != header_of(words, header >> kWordsBits & kIdMask)) [[unlikely]] {
      report_(lane, {"the first word of an object changed", object, 0, {}});
    }
    const std::size_t bytes = std::size_t{words} * sizeof(std::uint64_t);
    if (!contents::intact(object + 1, bytes - sizeof(std::uint64_t), header)) [[unlikely]] {
      report_(lane, {"words of an object changed", object, bytes, {}});
    }
    if (!registry_.remove(object, bytes)) [[unlikely]] {
      report_(lane, {"an object is no longer the only one in its place", object, bytes, {}});
    }
    heap::free(object);
    return words;
  }

  BlockRegistry& registry() { return registry_; }

 private:
  static constexpr unsigned kWordsBits = 20;  // at most 640,000
  static constexpr unsigned kIdBits = 32;
  static constexpr std::uint64_t kWordsMask = (std::uint64_t{1} << kWordsBits) - 1;
  static constexpr std::uint64_t kIdMask = (std::uint64_t{1} << kIdBits) - 1;

  // The size, the id and twelve bits that follow from both, so that a damaged one is not believed.
  static constexpr std::uint64_t header_of(std::uint32_t words, std::uint64_t id) {
    const std::uint64_t known = words | (id & kIdMask) << kWordsBits;
    return known | (known * contents::kStep >> 52U) << (kWordsBits + kIdBits);
  }

  BlockRegistry registry_;
  SlotReport report_;
};

}  // namespace stackheap::shared_slots
