// Entries of a std::map or std::unordered_map are erased, inserted and looked up, their number
// fixed
//
// Models an index in its steady state: a session table, a cache of rows, an order book. Node-based
// containers are the reason why small fixed-size blocks matter to C++ programs: every entry is a
// block of its own, here 48 B in the tree and 24 B in the hash table (libstdc++), freed in another
// order than it was allocated in. Keys are random 64-bit numbers, so a tree has no order to profit
// from and a hash table no clusters. The operations and their mix are those of the usual container
// benchmarks (M. Ankerl's map benchmarks, 2019 and 2022, "random insert and erase" with a find).
//
// Each thread has a container of its own with `entries` entries, and a mapped table of their keys.
//
// One operation is one random entry erased (by key), a new one inserted, and one looked up, whose
// value is compared.
//
// Good: near the `no-alloc` of the same container, at every number of threads. Bad: far above it,
// or growing with the entries faster than it: nodes of one container then lie on many pages.
// `pmr-pool` has the tree's nodes in a std::pmr::unsynchronized_pool_resource of the thread.
// `no-alloc` and `no-alloc-unordered-map` take the erased entry's node out of the container, give
// it the new key and put it back: the same searching, unlinking, linking and touching, on nodes
// that were placed side by side in mapped memory. `loop_share` compares each with its own.
#include <map>
#include <memory_resource>
#include <optional>
#include <string>
#include <unordered_map>

#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/heap/bump.hpp"

namespace stackheap {
namespace {

constexpr std::int64_t kMostEntries = 1 << 20;

enum class Kind { kMap, kUnorderedMap, kPmrPool, kNoAlloc, kNoAllocUnorderedMap };
constexpr VariantName<Kind> kKinds[] = {{"map", Kind::kMap},
                                        {"unordered-map", Kind::kUnorderedMap},
                                        {"pmr-pool", Kind::kPmrPool},
                                        {"no-alloc", Kind::kNoAlloc},
                                        {"no-alloc-unordered-map", Kind::kNoAllocUnorderedMap}};

using Key = std::uint64_t;
using Value = std::uint64_t;
using EntryAllocator = BumpAllocator<std::pair<const Key, Value>>;
using Map = std::map<Key, Value>;
using UnorderedMap = std::unordered_map<Key, Value>;
using PmrMap = std::pmr::map<Key, Value>;
using BumpMap = std::map<Key, Value, std::less<>, EntryAllocator>;
using BumpUnorderedMap =
    std::unordered_map<Key, Value, std::hash<Key>, std::equal_to<>, EntryAllocator>;

// What libstdc++ asks for: a tree's node has three links and a colour, a hash table's one link.
constexpr std::size_t kTreeNode = 48;
constexpr std::size_t kHashNode = 24;

template <class Container>
inline constexpr bool kIsHashed = requires(Container c) {
  c.bucket_count();
};
template <class Container>
inline constexpr bool kKeepsNodes =
    std::is_same_v<typename Container::allocator_type, EntryAllocator>;

Value value_of(Key key) {
  return key * 0x9e3779b97f4a7c15U + 1;
}

struct alignas(2 * kCacheLine) LaneState {
  MappedArray<Key> keys;  // of the entries
  std::uint64_t replaced = 0;
  std::uint64_t wrong = 0;  // entries that were not there, there already, or had another value
  // The variant's own of these:
  std::optional<Map> map;
  std::optional<UnorderedMap> unordered_map;
  std::optional<std::pmr::unsynchronized_pool_resource> pool;
  std::optional<PmrMap> pmr_map;
  MappedArray<unsigned char> place;
  BumpArena arena;
  std::optional<BumpMap> bump_map;
  std::optional<BumpUnorderedMap> bump_unordered_map;
};

class Maps {
 public:
  explicit Maps(const CellSpec& spec)
      : entries_(static_cast<std::uint32_t>(spec.parameter)),
        kind_(variant_of(spec, kKinds)),
        states_(spec.threads) {}

  // Filled, and each entry replaced once on average, so that no window sees a young container.
  void setup(Lane& lane) {
    LaneState& state = states_[lane.index];
    state.keys = MappedArray<Key>(entries_);
    make_container(state);
    with_container(state, [&](auto& container) {
      if constexpr (requires { container.reserve(entries_); }) container.reserve(entries_);
      for (Key& key : state.keys) {
        key = lane.random();
        if (!container.try_emplace(key, value_of(key)).second) ++state.wrong;
      }
      lane.allocated(requested_bytes(container));
    });
    step(lane, entries_);
    if (planted_fault() == Fault::kDrop) --state.replaced;
  }

  void step(Lane& lane, std::uint64_t n) {
    LaneState& state = states_[lane.index];
    with_container(state, [&](auto& container) { replace(lane, state, container, n); });
  }

  void verify(Lane& lane) {
    LaneState& state = states_[lane.index];
    const char* problem = nullptr;
    with_container(state, [&](auto& container) { problem = check(lane, state, container); });
    state.map.reset();
    state.unordered_map.reset();
    state.pmr_map.reset();
    state.pool.reset();
    state.bump_map.reset();
    state.bump_unordered_map.reset();
    if (state.arena.live_bytes() != 0) problem = "the container kept memory";
    if (problem != nullptr) {
      throw CheckFailed("heap/maps: lane " + std::to_string(lane.index) + ": " + problem);
    }
  }

 private:
  void make_container(LaneState& state) const {
    switch (kind_) {
      case Kind::kMap:
        state.map.emplace();
        break;
      case Kind::kUnorderedMap:
        state.unordered_map.emplace();
        break;
      case Kind::kPmrPool:
        state.pool.emplace(std::pmr::new_delete_resource());
        state.pmr_map.emplace(&*state.pool);
        break;
      case Kind::kNoAlloc:
      case Kind::kNoAllocUnorderedMap:
        // A node each, or a smaller one and its part of the buckets; and buckets of a small table.
        state.place = MappedArray<unsigned char>((entries_ + 16) * (kTreeNode + 16));
        state.arena = BumpArena(state.place.data(), state.place.size());
        bump_arena = &state.arena;
        if (kind_ == Kind::kNoAlloc) {
          state.bump_map.emplace();
        } else {
          state.bump_unordered_map.emplace();
        }
        break;
    }
  }

  template <class Use>
  void with_container(LaneState& state, Use&& use) const {
    switch (kind_) {
      case Kind::kMap:
        return use(*state.map);
      case Kind::kUnorderedMap:
        return use(*state.unordered_map);
      case Kind::kPmrPool:
        return use(*state.pmr_map);
      case Kind::kNoAlloc:
        return use(*state.bump_map);
      case Kind::kNoAllocUnorderedMap:
        return use(*state.bump_unordered_map);
    }
  }

  template <class Container>
  std::size_t requested_bytes(const Container& container) const {
    if constexpr (kIsHashed<Container>) {
      return entries_ * kHashNode + container.bucket_count() * sizeof(void*);
    } else {
      return entries_ * kTreeNode;
    }
  }

  template <class Container>
  void replace(Lane& lane, LaneState& state, Container& container, std::uint64_t n) const {
    Key* const keys = state.keys.data();
    std::uint64_t wrong = 0;
    std::uint64_t replaced = 0;
    for (; replaced != n; ++replaced) {
      const std::uint64_t drawn = lane.random();
      Key& old = keys[((drawn & 0xffffffffU) * entries_) >> 32U];
      const Key key = lane.random();
      if constexpr (kKeepsNodes<Container>) {
        auto node = container.extract(old);
        node.key() = key;
        node.mapped() = value_of(key);
        wrong += container.insert(std::move(node)).inserted ? 0U : 1U;
      } else {
        wrong += container.erase(old) == 1 ? 0U : 1U;
        wrong += container.try_emplace(key, value_of(key)).second ? 0U : 1U;
      }
      old = key;
      const Key wanted = keys[((drawn >> 32U) * entries_) >> 32U];
      const auto found = container.find(wanted);
      wrong += found != container.end() && found->second == value_of(wanted) ? 0U : 1U;
    }
    state.wrong += wrong;
    state.replaced += replaced;
    lane.counter += n;
  }

  // All entries once more. The planted kSkipFree skips only the count, so that a leak checker has
  // nothing to say. Null where all is well.
  template <class Container>
  const char* check(Lane& lane, LaneState& state, Container& container) const {
    const Fault fault = planted_fault();
    if (fault == Fault::kFlipByte) container.find(state.keys[0])->second ^= 0xffU;
    const char* problem = nullptr;
    if (state.replaced != lane.counter) problem = "operations were lost";
    if (state.wrong != 0) problem = "an entry was not found, not new or not what was inserted";
    if (container.size() != entries_) problem = "entries were lost";
    for (const Key key : state.keys) {
      const auto found = container.find(key);
      if (found == container.end() || found->second != value_of(key)) {
        problem = "an entry does not hold what was inserted";
      }
    }
    lane.freed(requested_bytes(container) - (fault == Fault::kSkipFree ? 1 : 0));
    if (lane.live_bytes != 0) problem = "not everything was freed";
    return problem;
  }

  std::uint32_t entries_;
  Kind kind_;
  MappedArray<LaneState> states_;  // by lane
};

const Registration kRegistration{
    {
        .name = "heap/maps",
        .summary =
            "Entries of a std::map or std::unordered_map are erased, inserted and looked up, their "
            "number fixed",
        .operation = "one entry erased, another inserted, and one looked up",
        .shape = Shape::kWindowed,
        .variants =
            {
                {.name = "map", .description = "std::map"},
                {.name = "unordered-map", .description = "std::unordered_map"},
                {.name = "pmr-pool",
                 .description = "std::pmr::map in an unsynchronized_pool_resource per thread"},
                {.name = "no-alloc",
                 .description = "std::map whose nodes stay and get other keys",
                 .uses_heap = false},
                {.name = "no-alloc-unordered-map",
                 .description = "std::unordered_map whose nodes stay and get other keys",
                 .uses_heap = false},
            },
        .baseline_variant = "map",
        .parameter =
            ParameterInfo{
                .name = "entries", .unit = "count", .minimum = 1, .maximum = kMostEntries},
        .smoke = {{.values = {64}, .threads = TierThreads::kOne}},
        .standard = {{.variants = {"map", "no-alloc"}, .values = {10'000}},
                     {.variants = {"unordered-map"},
                      .values = {10'000},
                      .threads = TierThreads::kOne},
                     {.variants = {"pmr-pool", "no-alloc-unordered-map"},
                      .values = {10'000},
                      .threads = TierThreads::kOne,
                      .allocators = TierAllocators::kBaseline}},
        .full = {{.values = {64, 1000, 10'000, 262'144}, .threads = TierThreads::kSweep}},
        .seconds_per_parameter = 1e-6,
        .live_bytes = {.per_thread_and_parameter = kTreeNode + 16},
        .roles = {"scaling", "ratio"},
    },
    make_workload<Maps>};

}  // namespace
}  // namespace stackheap
