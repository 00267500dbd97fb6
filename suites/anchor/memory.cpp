// Pointers are followed through 64 MiB: how fast the machine's memory is at the moment
//
// An anchor, like anchor/registers: no allocator and no system call is in it, but nearly every step
// misses the caches, so its time changes when neighbours on the same host take cache or bandwidth.
// It is run once a round, outside every comparison, and a run tells how far it drifted.
//
// One operation: one step along a cycle through all cache lines of 64 MiB in random order
// (Sattolo's algorithm: S. Sattolo, Information Processing Letters 22, 1986, which makes one cycle
// and not several), the classic chase of lmbench's lat_mem_rd (McVoy & Staelin, USENIX 1996). Each
// line knows its place in the cycle, so where n steps end is known. The lines are mapped, not
// allocated.
#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {
namespace {

constexpr std::uint32_t kLines = (64U << 20U) / kCacheLine;

struct alignas(kCacheLine) Line {
  std::uint32_t next = 0;
  std::uint32_t place = 0;
};

class Memory {
 public:
  explicit Memory(const CellSpec&) : lines_(kLines) {}

  void setup(Lane& lane) {
    for (std::uint32_t i = 0; i < kLines; ++i) lines_[i].next = i;
    for (std::uint32_t i = kLines - 1; i > 0; --i) {
      std::swap(lines_[i].next, lines_[lane.random.below(i)].next);
    }
    for (std::uint32_t at = 0, place = 0; place < kLines; ++place, at = lines_[at].next) {
      lines_[at].place = place;
    }
    if (planted_fault() == Fault::kDrop) ++done_;
  }

  void step(Lane& lane, std::uint64_t n) {
    std::uint32_t at = at_;
    for (std::uint64_t i = 0; i != n; ++i) at = lines_[at].next;
    at_ = at;
    done_ += n;
    lane.counter += n;
  }

  void verify(Lane&) {
    if (planted_fault() == Fault::kFlipByte) lines_[at_].place ^= 0xffU;
    if (lines_[at_].place != done_ % kLines) {
      throw CheckFailed("anchor/memory: the steps do not end where the cycle leads");
    }
  }

 private:
  MappedArray<Line> lines_;
  std::uint32_t at_ = 0;
  std::uint64_t done_ = 0;
};

const Registration kRegistration{
    {
        .name = "anchor/memory",
        .summary =
            "Pointers are followed through 64 MiB: how fast the machine's memory is at the moment",
        .operation = "one step along a random cycle of cache lines",
        .shape = Shape::kWindowed,
        .variants = {{.name = "chase", .description = "mapped lines", .uses_heap = false}},
        .baseline_variant = "chase",
        .threads = {.maximum = 1},
        .expected_seconds = 0.3,
        .live_bytes = {.fixed = kLines * sizeof(Line)},
        .anchor = true,
    },
    make_workload<Memory>};

}  // namespace
}  // namespace stackheap
