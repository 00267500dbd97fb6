// Vectors grow by push_back: one for each thread, or one that all threads share.
//
// Models results that are collected while nobody knows how many there will be: records of a query,
// tokens of a file, edges of a graph. A std::vector doubles, copies and frees its old block; a
// oneapi::tbb::concurrent_vector (J. Reinders, "Intel Threading Building Blocks", 2007) adds
// segments that double and never moves an element. A growth is from empty to 16,384 elements of 16
// B for each thread; the grown vector is given up when the next growth begins. With the shared ones
// that happens between two barriers of all threads, a small part of a growth, which is in the
// number.
//
// `reserved-per-thread` asks for the whole block beforehand, as one does who does know: what it
// saves is the price of growing. `mutex-vector` is the plain way to share. `concurrent-vector`
// takes its segments from the allocator under test, `concurrent-vector-default` by the allocator
// that the class has by default (libtbbmalloc, which libtbb loads by itself). `no-alloc` writes the
// elements to memory that is there.
//
// Good: std-vector-per-thread near reserved-per-thread, at many threads as at one. Bad: page
// faults in each growth (blocks of some 100 KiB go back to the kernel at once), or per-thread
// vectors that get slower with threads that have nothing in common. The shared ones pay for one
// counter or one lock; what differs between allocators there is small, and what differs between
// the variants is the lesson.
//
// One operation: one push_back. Every lane does whole growths; there is no uncounted work, since a
// growth of all cannot go on without those that have left.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "harness/measure/spin_barrier.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/threads/growing_vectors.hpp"

namespace stackheap {
namespace {

using namespace reserve;

// One virtual call for each window.
struct Growing {
  virtual ~Growing() = default;
  virtual void setup(Lane& lane) = 0;
  virtual void step(Lane& lane, std::uint64_t n) = 0;
  virtual void verify(Lane& lane) = 0;
};

template <class Vector, bool kShared>
class GrowingOf final : public Growing {
 public:
  explicit GrowingOf(unsigned threads) : parts_(threads), barrier_(threads) {}

  void setup(Lane& lane) override {
    if (!kShared || lane.index == 0) parts_[lane.index].vector.emplace();
  }

  void step(Lane& lane, std::uint64_t n) override {
    Part& part = parts_[lane.index];
    Vector& vector = *owner(lane).vector;
    for (std::uint64_t left = n; left > 0; left -= part.grown) {
      begin(lane);
      part.grown = std::min(left, kGrowth);
      const auto count = static_cast<std::uint32_t>(part.grown);
      for (std::uint32_t index = 0; index != count; ++index) {
        vector.append({lane.index, index, stamp_of(lane.index, index)});
      }
      lane.allocated(count * sizeof(Element));
    }
  }

  void verify(Lane& lane) override {
    const Fault fault = lane.index == 0 ? planted_fault() : Fault::kNone;
    std::string complaint;
    if (!kShared || lane.index == 0) {
      Part& part = parts_[lane.index];
      Vector& vector = *part.vector;
      if (fault == Fault::kFlipByte) vector[0].stamp ^= 1U;
      if (fault == Fault::kDrop) vector[0] = vector[vector.size() - 1];
      complaint =
          complaint_of(vector, part.grown, kShared ? 0 : lane.index, kShared ? parts_.size() : 1);
      if (part.short_growths != 0) {
        complaint = std::to_string(part.short_growths) + " growths had not all elements";
      }
      part.vector.reset();
    }
    if (fault != Fault::kSkipFree) lane.freed(parts_[lane.index].grown * sizeof(Element));
    if (complaint.empty() && lane.live_bytes != 0) {
      complaint = std::to_string(lane.live_bytes) + " bytes are still live";
    }
    if (!complaint.empty()) {
      throw CheckFailed("threads/reserve: lane " + std::to_string(lane.index) + ": " + complaint);
    }
  }

 private:
  struct alignas(2 * kCacheLine) Part {
    std::optional<Vector> vector;
    std::uint64_t grown = 0;  // elements of this lane in the vector
    std::uint64_t short_growths = 0;
  };

  Part& owner(const Lane& lane) { return parts_[kShared ? 0 : lane.index]; }

  // What the last growth has left is given up, and everybody sees an empty vector.
  void begin(Lane& lane) {
    Part& part = parts_[lane.index];
    if constexpr (kShared) barrier_.arrive_and_wait();
    if (!kShared || lane.index == 0) {
      const std::uint64_t due = part.grown * (kShared ? parts_.size() : 1);
      part.short_growths += part.vector->size() == due ? 0U : 1U;
      part.vector->begin();
    }
    if constexpr (kShared) barrier_.arrive_and_wait();
    lane.freed(part.grown * sizeof(Element));
  }

  MappedArray<Part> parts_;
  SpinBarrier barrier_;
};

template <class Vector, bool kShared>
std::unique_ptr<Growing> make_growing(unsigned threads) {
  return std::make_unique<GrowingOf<Vector, kShared>>(threads);
}

using MakeGrowing = std::unique_ptr<Growing> (*)(unsigned threads);
constexpr VariantName<MakeGrowing> kVariants[] = {
    {"std-vector-per-thread", make_growing<OwnVector, false>},
    {"reserved-per-thread", make_growing<ReservedVector, false>},
    {"mutex-vector", make_growing<MutexVector, true>},
    {"concurrent-vector", make_growing<ConcurrentVector<std::allocator<Element>>, true>},
    {"concurrent-vector-default",
     make_growing<ConcurrentVector<oneapi::tbb::cache_aligned_allocator<Element>>, true>},
    {"no-alloc", make_growing<MappedVector, false>},
};

class Reserve {
 public:
  explicit Reserve(const CellSpec& spec) : growing_(variant_of(spec, kVariants)(spec.threads)) {}
  std::uint64_t lot() const { return kGrowth; }
  void setup(Lane& lane) { growing_->setup(lane); }
  void step(Lane& lane, std::uint64_t n) { growing_->step(lane, n); }
  void verify(Lane& lane) { growing_->verify(lane); }

 private:
  std::unique_ptr<Growing> growing_;
};

const Registration kRegistration{
    {
        .name = "threads/reserve",
        .summary = "Vectors grow by push_back: one for each thread, or one that all threads share.",
        .operation = "one push_back",
        .shape = Shape::kWindowed,
        .variants = {{.name = "std-vector-per-thread",
                      .description = "each thread's own std::vector"},
                     {.name = "reserved-per-thread",
                      .description = "each thread's own std::vector, reserved beforehand"},
                     {.name = "mutex-vector", .description = "one std::vector behind a std::mutex"},
                     {.name = "concurrent-vector",
                      .description =
                          "one oneapi::tbb::concurrent_vector, segments by operator new"},
                     {.name = "concurrent-vector-default",
                      .description = "the same with its default allocator, oneTBB's own",
                      .uses_heap = false},
                     {.name = "no-alloc",
                      .description = "the elements are written to memory that is there",
                      .uses_heap = false}},
        .baseline_variant = "std-vector-per-thread",
        .smoke = {{.threads = TierThreads::kAll}},
        .standard = {{.variants = {"std-vector-per-thread"}},
                     {.variants = {"concurrent-vector"}, .threads = TierThreads::kAll},
                     {.variants = {"no-alloc"}, .allocators = TierAllocators::kBaseline},
                     {.variants = {"reserved-per-thread", "mutex-vector",
                                   "concurrent-vector-default"},
                      .threads = TierThreads::kAll,
                      .allocators = TierAllocators::kBaseline}},
        .full = {{.threads = TierThreads::kSweep}},
        .expected_seconds = 0.08,
        // A vector has its old block beside the new one, of twice the size, when it grows last.
        .live_bytes = {.per_thread = 1.5 * kGrowth * sizeof(Element)},
        .uncounted_work = false,
        .roles = {"scaling", "ratio"},
    },
    make_workload<Reserve>};

}  // namespace
}  // namespace stackheap
