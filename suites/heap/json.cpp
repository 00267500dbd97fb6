// JSON documents are parsed, read, kept for a while and destroyed, as a service does
//
// Models the web service that most programs have become: a request is parsed into a tree of
// objects, arrays, strings and numbers, the tree is read, lives as long as the request does, and
// goes. Parsing into trees is the pattern of nativejson-benchmark (M. Yip, 2014-2016) and of
// simdjson's DOM benchmarks (G. Langdale and D. Lemire, VLDB Journal 2019); the library is
// nlohmann's json with its defaults: a block for each object, array and string, each text beyond 15
// characters and each entry of an object. That is 85 blocks a document on average, of some 3.7 KiB.
//
// 64 documents (orders of a shop, json_documents.hpp) are written from the seed into mapped memory
// before. Each thread keeps `documents` parsed ones.
//
// One operation is one of the kept documents, chosen at random, destroyed, another parsed in its
// place, and its id looked up and compared.
//
// Good: near `no-alloc`, the same at every number of threads. Bad: a share of the allocator (1 -
// loop_share) of more than a third, or one that grows with the documents kept, as their blocks
// scatter. `no-alloc` is the same parser and tree, each kept document in a piece of mapped memory
// of its own. What remains of the heap are the few stacks that parser and destructor have for
// themselves, whose allocator cannot be chosen: 14 short-lived blocks of the 85. So `loop_share` is
// a little more than the loop's.
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/heap/bump.hpp"
#include "suites/heap/json_documents.hpp"

namespace stackheap {
namespace {

constexpr std::uint32_t kTexts = 64;
constexpr std::size_t kLargestTree = std::size_t{32} << 10U;

enum class Kind { kNlohmann, kNoAlloc };
constexpr VariantName<Kind> kKinds[] = {{"nlohmann", Kind::kNlohmann},
                                        {"no-alloc", Kind::kNoAlloc}};

using Json = nlohmann::json;
using BumpString = std::basic_string<char, std::char_traits<char>, BumpAllocator<char>>;
using BumpJson = nlohmann::basic_json<std::map, std::vector, BumpString, bool, std::int64_t,
                                      std::uint64_t, double, BumpAllocator>;

template <class Tree>
Tree parse(const JsonDocument& document) {
  return Tree::parse(document.text.begin(), document.text.end());
}

// A document and what its tree asks the heap for.
struct Text {
  JsonDocument document;
  std::size_t tree_bytes = 0;
};

template <class Tree>
struct Kept {
  Tree tree;
  const Text* text = nullptr;
  BumpArena arena;  // of no-alloc
};

struct alignas(2 * kCacheLine) LaneState {
  MappedArray<Kept<Json>> kept;
  MappedArray<Kept<BumpJson>> placed;  // of no-alloc, as is the next
  MappedArray<unsigned char> place;
  std::uint64_t parsed = 0;
  std::uint64_t wrong = 0;  // documents with another id
};

// Values and the sum of integers of a tree.
template <class Tree>
void count(const Tree& tree, JsonDocument& found) {
  ++found.values;
  if (tree.is_number_integer()) found.integers += tree.template get<std::uint64_t>();
  if (tree.is_structured()) {
    for (const auto& child : tree) count(child, found);
  }
}

class JsonService {
 public:
  explicit JsonService(const CellSpec& spec)
      : documents_(static_cast<std::uint32_t>(spec.parameter)),
        kind_(variant_of(spec, kKinds)),
        writer_(kTexts),
        texts_(kTexts),
        states_(spec.threads) {
    Random random(derive_seed(spec.seed, spec.threads));
    MappedArray<unsigned char> place(kLargestTree);
    for (Text& text : texts_) {
      text.document = writer_.write(random);
      BumpArena arena(place.data(), place.size());
      bump_arena = &arena;
      const auto tree = parse<BumpJson>(text.document);
      text.tree_bytes = arena.live_bytes();
      most_used_ = std::max(most_used_, arena.used_bytes());
    }
  }

  // Filled, and each document replaced several times.
  void setup(Lane& lane) {
    LaneState& state = states_[lane.index];
    if (kind_ == Kind::kNoAlloc) {
      state.placed = MappedArray<Kept<BumpJson>>(documents_);
      state.place = MappedArray<unsigned char>(documents_ * most_used_);
      unsigned char* next = state.place.data();
      for (Kept<BumpJson>& kept : state.placed) {
        kept.arena = BumpArena(next, most_used_);
        next += most_used_;
        refill(lane, state, kept, random_text(lane.random()));
      }
    } else {
      state.kept = MappedArray<Kept<Json>>(documents_);
      for (Kept<Json>& kept : state.kept) {
        refill(lane, state, kept, random_text(lane.random()));
      }
    }
    state.parsed = 0;
    step(lane, kReplacements * documents_);
    if (planted_fault() == Fault::kDrop) --state.parsed;
  }

  void step(Lane& lane, std::uint64_t n) {
    LaneState& state = states_[lane.index];
    if (kind_ == Kind::kNoAlloc) {
      run(lane, state, state.placed, n);
    } else {
      run(lane, state, state.kept, n);
    }
  }

  void verify(Lane& lane) {
    LaneState& state = states_[lane.index];
    const char* const problem =
        kind_ == Kind::kNoAlloc ? check(lane, state, state.placed) : check(lane, state, state.kept);
    if (problem != nullptr) {
      throw CheckFailed("heap/json: lane " + std::to_string(lane.index) + ": " + problem);
    }
  }

 private:
  static constexpr std::uint64_t kReplacements = 2;

  const Text& random_text(std::uint64_t drawn) const { return texts_[drawn % kTexts]; }

  template <class Tree>
  static void destroy(Kept<Tree>& kept) {
    if constexpr (std::is_same_v<Tree, BumpJson>) bump_arena = &kept.arena;
    kept.tree = nullptr;
    if constexpr (std::is_same_v<Tree, BumpJson>) kept.arena.reset();
  }

  // `kept` has no tree.
  template <class Tree>
  static void refill(Lane& lane, LaneState& state, Kept<Tree>& kept, const Text& text) {
    if constexpr (std::is_same_v<Tree, BumpJson>) bump_arena = &kept.arena;
    kept.tree = parse<Tree>(text.document);
    kept.text = &text;
    escape(&kept.tree);
    const Tree& tree = kept.tree;
    state.wrong += tree["id"].template get<std::uint64_t>() == text.document.id ? 0U : 1U;
    ++state.parsed;
    lane.allocated(text.tree_bytes);
  }

  template <class Tree>
  void run(Lane& lane, LaneState& state, MappedArray<Kept<Tree>>& all, std::uint64_t n) const {
    for (std::uint64_t i = 0; i < n; ++i) {
      const std::uint64_t drawn = lane.random();
      Kept<Tree>& kept = all[((drawn >> 32U) * documents_) >> 32U];
      lane.freed(kept.text->tree_bytes);
      destroy(kept);
      refill(lane, state, kept, random_text(drawn));
    }
    lane.counter += n;
  }

  // The planted kSkipFree skips only the count, so that a leak checker has nothing to say. Null
  // where all is well.
  template <class Tree>
  const char* check(Lane& lane, LaneState& state, MappedArray<Kept<Tree>>& all) const {
    const Fault fault = planted_fault();
    if (fault == Fault::kFlipByte) {
      Tree& id = *all[0].tree.find("id");  // operator[] would take a node, of an arena that is full
      id = id.template get<std::uint64_t>() ^ 0xffU;
    }
    const char* problem = nullptr;
    if (state.parsed != lane.counter) problem = "documents were lost";
    if (state.wrong != 0) problem = "a document had another's id";
    for (Kept<Tree>& kept : all) {
      JsonDocument found;
      count(kept.tree, found);
      if (found.values != kept.text->document.values) problem = "a tree has lost or gained values";
      if (found.integers != kept.text->document.integers) problem = "a tree has other numbers";
      if (&kept != &all[0] || fault != Fault::kSkipFree) lane.freed(kept.text->tree_bytes);
      destroy(kept);
      if (kept.arena.live_bytes() != 0) problem = "a tree kept memory";
    }
    if (lane.live_bytes != 0) problem = "not everything was freed";
    return problem;
  }

  std::uint32_t documents_;
  Kind kind_;
  JsonWriter writer_;              // owns the texts
  MappedArray<Text> texts_;        // read by all lanes
  std::size_t most_used_ = 0;      // bytes of an arena that suffices for any of them
  MappedArray<LaneState> states_;  // by lane
};

const Registration kRegistration{
    {
        .name = "heap/json",
        .summary =
            "JSON documents are parsed, read, kept for a while and destroyed, as a service does",
        .operation = "one document destroyed, another parsed and read",
        .shape = Shape::kWindowed,
        .variants =
            {
                {.name = "nlohmann", .description = "nlohmann::json with its defaults"},
                {.name = "no-alloc",
                 .description = "the same parser; trees and texts on memory that is there",
                 .uses_heap = false},
            },
        .baseline_variant = "nlohmann",
        .parameter =
            ParameterInfo{.name = "documents", .unit = "count", .minimum = 1, .maximum = 1 << 14},
        .smoke = {{.values = {4}, .threads = TierThreads::kOne}},
        .standard = {{.values = {64}}},
        .full = {{.values = {4, 64, 1024}, .threads = TierThreads::kSweep}},
        .seconds_per_parameter = 1e-4,
        // An upper bound: what no-alloc maps for a document is enough for the largest tree.
        .live_bytes = {.per_thread_and_parameter = 8192},
        .roles = {"scaling", "ratio", "pareto"},
    },
    make_workload<JsonService>};

}  // namespace
}  // namespace stackheap
