// A vector of strings is built, sorted and destroyed; short ones never reach the heap
//
// Models what text processing does all day: splitting a line, collecting names, sorting them. The
// claim behind it is that of every textbook, "strings live on the heap". The current standard
// libraries keep short ones inside the string object (libstdc++ up to 15 characters, since GCC 5 of
// 2015), so the mean length is the parameter: at 8 no string of the workload is on the heap, at 16
// half of them, at 64 seven of eight.
//
// A string is a piece of random text, of a length from 1 to twice the mean, all equally frequent;
// 256 of them are a vector, whose room is reserved (heap/vectors measures growth).
//
// One operation is one vector: 256 strings constructed, sorted, read (first and last character, and
// length) and destroyed.
//
// Good: a small step where strings outgrow the object, the same at every number of threads. Bad: a
// step as large as the sorting itself, or one that grows with threads. `pmr-monotonic` has the
// strings of a vector in one arena that goes as a whole. `no-alloc` has them on mapped memory that
// is there, in strings of the same size and kind: what is left is copying, sorting and reading.
#include <algorithm>
#include <memory_resource>
#include <string>
#include <vector>

#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/heap/bump.hpp"
#include "suites/heap/text.hpp"

namespace stackheap {
namespace {

constexpr std::uint32_t kStrings = 256;
constexpr std::int64_t kLeastMean = 1;
constexpr std::int64_t kLargestMean = 4096;

enum class Kind { kStdString, kPmrMonotonic, kNoAlloc };
constexpr VariantName<Kind> kKinds[] = {{"std-string", Kind::kStdString},
                                        {"pmr-monotonic", Kind::kPmrMonotonic},
                                        {"no-alloc", Kind::kNoAlloc}};

using BumpString = std::basic_string<char, std::char_traits<char>, BumpAllocator<char>>;
using BumpStrings = std::vector<BumpString, BumpAllocator<BumpString>>;

struct alignas(2 * kCacheLine) LaneState {
  std::uint64_t vectors = 0;
  std::uint64_t written = 0;  // sums of stamp_of(): of what went into the strings
  std::uint64_t read = 0;     // and of what was found in them
  MappedArray<std::string_view> pieces;
  MappedArray<unsigned char> place;  // of no-alloc
  BumpArena arena;
};

// All of a string that the loop reads back.
std::uint64_t stamp_of(std::string_view text) {
  return text.size() + (std::uint64_t{static_cast<unsigned char>(text.front())} << 16U) +
         (std::uint64_t{static_cast<unsigned char>(text.back())} << 32U);
}

class Strings {
 public:
  explicit Strings(const CellSpec& spec)
      : mean_(static_cast<std::uint32_t>(spec.parameter)),
        kind_(variant_of(spec, kKinds)),
        text_(Random(derive_seed(spec.seed, spec.threads)), 2 * mean_),
        states_(spec.threads) {}

  // The first vectors make the thread's arena and caches, so that no window does.
  void setup(Lane& lane) {
    LaneState& state = states_[lane.index];
    state.pieces = MappedArray<std::string_view>(kStrings);
    if (kind_ == Kind::kNoAlloc) {
      state.place =
          MappedArray<unsigned char>(kStrings * (sizeof(BumpString) + std::size_t{2} * mean_ + 16));
      state.arena = BumpArena(state.place.data(), state.place.size());
    }
    step(lane, kFirstVectors);
    if (planted_fault() == Fault::kDrop) --state.vectors;
  }

  void step(Lane& lane, std::uint64_t n) {
    LaneState& state = states_[lane.index];
    for (std::uint64_t i = 0; i < n; ++i) {
      with_strings(state, [&](auto& strings) {
        build(lane, strings,
              [&](std::size_t, std::string_view piece) { state.written += stamp_of(piece); });
        std::sort(strings.begin(), strings.end());
        for (const auto& string : strings) state.read += stamp_of(string);
        ++state.vectors;
      });
    }
    lane.counter += n;
  }

  // One more vector, compared with a sorted table of the pieces it was built of; and what the loop
  // has left. The planted kSkipFree skips only the count, so that a leak checker has nothing to
  // say.
  void verify(Lane& lane) {
    LaneState& state = states_[lane.index];
    const Fault fault = planted_fault();
    const char* problem = nullptr;
    with_strings(state, [&](auto& strings) {
      build(lane, strings, [&](std::size_t i, std::string_view piece) { state.pieces[i] = piece; });
      for (const auto& string : strings) lane.allocated(string.size());
      std::sort(strings.begin(), strings.end());
      std::sort(state.pieces.begin(), state.pieces.end());
      if (fault == Fault::kFlipByte) strings[kStrings / 2][0] ^= '\x7f';
      for (std::size_t i = 0; i < kStrings; ++i) {
        if (std::string_view(strings[i]) != state.pieces[i]) problem = "strings were not sorted";
        if (i != 0 || fault != Fault::kSkipFree) lane.freed(strings[i].size());
      }
    });
    if (lane.live_bytes != 0) problem = "a string was not destroyed";
    if (state.arena.live_bytes() != 0) problem = "a string did not give back its memory";
    if (state.written != state.read) problem = "strings do not hold what was written";
    if (state.vectors != lane.counter) problem = "vectors were lost";
    if (problem != nullptr) {
      throw CheckFailed("heap/strings: lane " + std::to_string(lane.index) + ": " + problem);
    }
  }

 private:
  static constexpr std::uint64_t kFirstVectors = 8;

  // Calls `use(strings)` with an empty vector, which then goes.
  template <class Use>
  void with_strings(LaneState& state, Use&& use) {
    switch (kind_) {
      case Kind::kStdString: {
        std::vector<std::string> strings;
        return use(strings);
      }
      case Kind::kPmrMonotonic: {
        // Its first block is what an average vector needs.
        std::pmr::monotonic_buffer_resource arena(kStrings * (sizeof(std::pmr::string) + mean_),
                                                  std::pmr::new_delete_resource());
        std::pmr::vector<std::pmr::string> strings(&arena);
        return use(strings);
      }
      case Kind::kNoAlloc: {
        state.arena.reset();
        bump_arena = &state.arena;
        BumpStrings strings;
        return use(strings);
      }
    }
  }

  template <class Vector, class Note>
  void build(Lane& lane, Vector& strings, Note&& note) const {
    strings.reserve(kStrings);
    for (std::size_t i = 0; i < kStrings; ++i) {
      const std::uint64_t drawn = lane.random();
      const std::string_view piece =
          text_.piece(static_cast<std::uint32_t>(drawn) % RandomText::kOffsets,
                      string_length(static_cast<std::uint32_t>(drawn >> 32U), mean_));
      strings.emplace_back(piece.data(), piece.size());
      escape(strings.back().data());
      note(i, piece);
    }
  }

  std::uint32_t mean_;
  Kind kind_;
  RandomText text_;                // read by all lanes
  MappedArray<LaneState> states_;  // by lane
};

const Registration kRegistration{
    {
        .name = "heap/strings",
        .summary =
            "A vector of strings is built, sorted and destroyed; short ones never reach the heap",
        .operation = "one vector of 256 strings built, sorted, read and destroyed",
        .shape = Shape::kWindowed,
        .variants =
            {
                {.name = "std-string", .description = "std::vector<std::string>"},
                {.name = "pmr-monotonic",
                 .description = "std::pmr::string, all of a vector in one monotonic arena"},
                {.name = "no-alloc",
                 .description = "strings of the same kind on memory that is there",
                 .uses_heap = false},
            },
        .baseline_variant = "std-string",
        .parameter =
            ParameterInfo{
                .name = "length", .unit = "B", .minimum = kLeastMean, .maximum = kLargestMean},
        .smoke = {{.values = {8}, .threads = TierThreads::kOne}},
        .standard = {{.variants = {"std-string", "no-alloc"}, .values = {64}},
                     {.values = {8, 16, 64},
                      .threads = TierThreads::kOne,
                      .allocators = TierAllocators::kBaseline}},
        .full = {{.values = {8, 12, 16, 24, 32, 64}, .threads = TierThreads::kSweep}},
        .live_bytes = {.per_thread = double{kStrings} * sizeof(std::string),
                       .per_thread_and_parameter = kStrings},
        .roles = {"scaling", "ratio"},
        .claims = {opening(takes_longer(10, {"std-string"}, "no-alloc",
                                        "strings took {} times the same on memory that is there"))},
    },
    make_workload<Strings>};

}  // namespace
}  // namespace stackheap
