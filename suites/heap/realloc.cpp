// A buffer grows to its final size by realloc, and keeps its content
//
// Models a program that reads a stream of unknown length into one buffer: a parser, a download, a
// line editor. `doubling` is what textbooks advise and std::vector does: from 16 B, twice as large
// each time, so that all copies together are shorter than the result. `constant-step` is the same
// in sixteen equal steps, as programs do that add a fixed amount: its copies are eight times the
// result, if each step copies. The two are the standard example of amortised analysis (Cormen et
// al., "Introduction to Algorithms", the chapter on dynamic tables).
//
// One operation is one whole growth: the last buffer is freed, a new one obtained and grown to its
// final size, and what is added in each step is written.
//
// Good: `constant-step` near `doubling` (the allocator extends the block where it lies, or lets the
// kernel move the pages instead of copying them), and both near `no-alloc`. Bad: `constant-step`
// several times slower, or large final sizes far above `no-alloc`: copies, and pages that come
// fresh from the kernel in every growth. Nothing else is allocated meanwhile, so the memory behind
// the buffer may be free: heap/vectors is the crowded case.
//
// `no-alloc` writes the same steps, those of `doubling`, into a buffer that has its final size.
//
// In each step the first and the last byte of what was there before are compared with what was
// written (two loads beside a call); verify compares every byte of the last buffer.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/heap/sources.hpp"

namespace stackheap {
namespace {

constexpr std::size_t kFirstBytes = 16;  // of doubling
constexpr std::size_t kSteps = 16;       // of the constant step
constexpr std::size_t kSmallest = 64;
constexpr std::size_t kLargest = std::size_t{1} << 30U;
constexpr std::size_t kMostSizes = 32;

enum class Kind { kDoubling, kConstantStep, kNoAlloc };
constexpr VariantName<Kind> kKinds[] = {
    {"doubling", Kind::kDoubling},
    {"constant-step", Kind::kConstantStep},
    {"no-alloc", Kind::kNoAlloc},
};

struct Reallocated {
  unsigned char* grow(unsigned char* block, std::size_t bytes) const {
    return static_cast<unsigned char*>(or_bad_alloc(std::realloc(block, bytes)));
  }
  void give_back(unsigned char* block) const { std::free(block); }
};

struct InPlace {
  unsigned char* place = nullptr;
  unsigned char* grow(unsigned char*, std::size_t) const { return place; }
  void give_back(unsigned char* block) const { escape(block); }
};

struct alignas(2 * kCacheLine) LaneState {
  unsigned char* block = nullptr;
  MappedArray<unsigned char> place;  // of no-alloc
  std::uint64_t grown = 0;
  std::uint64_t changed = 0;  // bytes that a step did not keep
};

class Realloc {
 public:
  explicit Realloc(const CellSpec& spec)
      : final_bytes_(static_cast<std::size_t>(spec.parameter)),
        kind_(variant_of(spec, kKinds)),
        sizes_(kMostSizes),
        states_(spec.threads) {
    const std::size_t step = std::max<std::size_t>(1, final_bytes_ / kSteps);
    std::size_t bytes = kind_ == Kind::kConstantStep ? step : kFirstBytes;
    for (; bytes < final_bytes_; bytes += kind_ == Kind::kConstantStep ? step : bytes) {
      sizes_[count_++] = bytes;
    }
    sizes_[count_++] = final_bytes_;
  }
  Realloc(const Realloc&) = delete;
  Realloc& operator=(const Realloc&) = delete;
  // What a growth that threw has left.
  ~Realloc() {
    if (kind_ == Kind::kNoAlloc) return;
    for (LaneState& state : states_) std::free(state.block);
  }

  // Two growths: later ones find the heap as an earlier one has left it.
  void setup(Lane& lane) {
    LaneState& state = states_[lane.index];
    if (kind_ == Kind::kNoAlloc) state.place = MappedArray<unsigned char>(final_bytes_);
    lane.allocated(final_bytes_);
    step(lane, 2);
    if (planted_fault() == Fault::kDrop) --state.grown;
  }

  void step(Lane& lane, std::uint64_t n) {
    LaneState& state = states_[lane.index];
    for (std::uint64_t i = 0; i < n; ++i) {
      if (kind_ == Kind::kNoAlloc) {
        grow(state, lane.index, InPlace{state.place.data()});
      } else {
        grow(state, lane.index, Reallocated{});
      }
    }
    lane.counter += n;
  }

  void verify(Lane& lane) {
    LaneState& state = states_[lane.index];
    const Fault fault = planted_fault();
    if (fault == Fault::kFlipByte) state.block[final_bytes_ / 2] ^= 0xffU;
    const char* problem = nullptr;
    std::size_t old = 0;
    for (std::size_t i = 0; i < count_; old = sizes_[i++]) {
      if (!holds_only(state.block + old, sizes_[i] - old, content_of(lane.index, i))) {
        problem = "the buffer does not hold what was written";
      }
    }
    if (kind_ != Kind::kNoAlloc) std::free(state.block);
    state.block = nullptr;
    // Skips only the count, so that a leak checker has nothing to say of the test.
    if (fault != Fault::kSkipFree) lane.freed(final_bytes_);
    if (state.changed != 0) problem = "a step of a growth lost content";
    if (lane.live_bytes != 0) problem = "a buffer was not freed";
    if (state.grown != lane.counter) problem = "growths were lost";
    if (problem != nullptr) {
      throw CheckFailed("heap/realloc: lane " + std::to_string(lane.index) + ": " + problem);
    }
  }

 private:
  // Of the part that step `i` adds.
  static unsigned char content_of(unsigned lane, std::size_t i) {
    return static_cast<unsigned char>(i * 38 + std::size_t{lane} * 102 + 1);
  }

  // `state.block` is always what the memory has given last: a realloc that fails leaves it be.
  template <class Memory>
  void grow(LaneState& state, unsigned lane, Memory memory) const {
    if (state.block != nullptr) memory.give_back(std::exchange(state.block, nullptr));
    std::size_t old = 0;
    std::uint64_t changed = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      const std::size_t bytes = sizes_[i];
      unsigned char* const block = memory.grow(state.block, bytes);
      state.block = block;
      escape(block);
      if (i > 0) {
        changed += block[0] == content_of(lane, 0) ? 0U : 1U;
        changed += block[old - 1] == content_of(lane, i - 1) ? 0U : 1U;
      }
      std::memset(block + old, content_of(lane, i), bytes - old);
      old = bytes;
    }
    escape(state.block);
    state.changed += changed;
    ++state.grown;
  }

  std::size_t final_bytes_;
  Kind kind_;
  MappedArray<std::size_t> sizes_;  // rising to final_bytes_
  std::size_t count_ = 0;           // of them
  MappedArray<LaneState> states_;   // by lane
};

const Registration kRegistration{
    {
        .name = "heap/realloc",
        .summary = "A buffer grows to its final size by realloc, and keeps its content",
        .operation = "one buffer freed and another grown to its final size, step by step",
        .shape = Shape::kWindowed,
        .variants =
            {
                {.name = "doubling", .description = "from 16 B, twice as large in each step"},
                {.name = "constant-step", .description = "in sixteen steps of the same length"},
                {.name = "no-alloc",
                 .description = "the steps of `doubling` written to memory that is there",
                 .uses_heap = false},
            },
        .baseline_variant = "doubling",
        .parameter =
            ParameterInfo{.name = "final", .unit = "B", .minimum = kSmallest, .maximum = kLargest},
        .smoke = {{.values = {1024}, .threads = TierThreads::kOne}},
        .standard = {{.variants = {"doubling", "no-alloc"}, .values = {1 << 20}},
                     {.variants = {"constant-step"},
                      .values = {1 << 20},
                      .threads = TierThreads::kOne}},
        .full = {{.values = {1 << 10, 1 << 13, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24},
                  .threads = TierThreads::kSweep}},
        .expected_seconds = 0.11,
        .seconds_per_parameter = 3e-8,
        .live_bytes = {.per_thread_and_parameter = 1},
        .roles = {"scaling", "ratio"},
    },
    make_workload<Realloc>};

}  // namespace
}  // namespace stackheap
