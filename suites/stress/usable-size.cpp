// malloc_usable_size: not less than what was asked for, and every byte of it is the caller's: a row
// of neighbours fills all that each may use.
#include <algorithm>

#include "harness/worker/block_contents.hpp"
#include "harness/worker/check.hpp"
#include "harness/worker/entry_points.hpp"
#include "harness/worker/verified_heap.hpp"
#include "suites/stress/draw.hpp"

namespace stackheap {
namespace {

using namespace stress;

constexpr std::size_t kRow = 64;

struct Filled {
  void* address = nullptr;
  std::size_t asked = 0;
  std::size_t usable = 0;
  std::uint64_t id = 0;
};

void fill(CheckLane& lane, BlockRegistry& registry, Filled& place, std::size_t size) {
  place.address = heap::malloc(size);
  if (place.address == nullptr) lane.unsafe("malloc(%zu) is null", size);
  place.asked = size;
  place.usable = heap::usable_size(place.address);
  if (place.usable < size) {
    lane.unsafe("malloc_usable_size of malloc(%zu) is %zu, which is less", size, place.usable);
  }
  if (const auto other = registry.insert(place.address, place.usable)) {
    lane.unsafe(
        "malloc(%zu) gave %p with %zu usable bytes, which reach into the block at %#zx to %#zx",
        size, place.address, place.usable, other->begin, other->end);
  }
  place.id = lane.next_id++;
  contents::fill(place.address, place.usable, place.id);
}

void empty(CheckLane& lane, BlockRegistry& registry, Filled& place) {
  if (place.address == nullptr) return;
  const std::size_t usable = heap::usable_size(place.address);
  if (usable < place.asked) {
    lane.unsafe("malloc_usable_size of malloc(%zu) at %p is %zu at its end", place.asked,
                place.address, usable);
  }
  if (!contents::intact(place.address, place.usable, place.id)) {
    const contents::Damage damage = contents::damage_of(place.address, place.usable, place.id);
    lane.unsafe("malloc(%zu) at %p with %zu usable bytes: %zu of them changed, the first at %zu",
                place.asked, place.address, place.usable, damage.bytes, damage.first);
  }
  registry.remove(place.address, place.usable);
  heap::free(place.address);
  place = {};
}

void run_usable(CheckRun& run) {
  BlockRegistry registry;
  MappedArray<Filled> row(kRow);
  run.lanes([&](CheckLane& lane) {
    if (heap::usable_size(nullptr) != 0) lane.unsafe("malloc_usable_size(null) is not 0");
    while (lane.time_left()) {
      // Neighbours are likely to be of one size.
      const std::size_t size = draw_size(lane.random, 100'000);
      const std::size_t batch = size <= 4096 ? kRow : 4;
      for (std::size_t i = 0; i < batch; ++i) {
        lane.operation();
        fill(lane, registry, row[i], size - std::min<std::size_t>(size - 1, i % 4));
      }
      // The rest is freed by the next that needs its place.
      for (std::size_t i = 0; i < kRow; ++i) empty(lane, registry, row[lane.random.below(kRow)]);
      for (Filled& place : row) empty(lane, registry, place);
    }
  });
}

const CheckRegistration kUsable{
    {.name = "blocks/usable-size",
     .summary = "at least what was asked for, and every byte of it survives",
     .source = "malloc_usable_size(3)",
     .rank = 15,
     .randomised = true,
     .quick_seconds = 0.02,
     .seconds = 0.3,
     .threads = {CheckThreads::kOne}},
    run_usable};

}  // namespace
}  // namespace stackheap
