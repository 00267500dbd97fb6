// A batch of small objects is allocated, half freed first-in first-out, half last-in first-out
//
// Models a phase of a program: it makes objects, then drops them all, some in the order they were
// made and some in the reverse. The pattern is that of glibc's benchmark bench-malloc-simple, whose
// batch sizes 25, 100, 400 and 1600 step over what a per-thread cache holds (glibc's keeps 7 blocks
// a size). Successive batches use 16, 32 and 64 B in turn, one size a batch.
//
// One operation is one malloc, the touching of its first and last byte, and its free.
//
// Good: the same time at every batch size. Bad: a step up from one batch size to the next, where
// frees leave the fast path and reach something shared or searched. `single-threaded-process` is
// the same loop in a process that never had a second thread; glibc then takes no lock. Its distance
// to `malloc` is what a published single-threaded number hides from every server.
#include <array>

#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/heap/sources.hpp"

namespace stackheap {
namespace {

constexpr std::array<std::size_t, 3> kSizes = {16, 32, 64};
constexpr std::size_t kLargestSize = 64;

enum class Kind { kMalloc, kNoAlloc };
constexpr VariantName<Kind> kKinds[] = {
    {"malloc", Kind::kMalloc},
    {"single-threaded-process", Kind::kMalloc},
    {"no-alloc", Kind::kNoAlloc},
};

struct MallocObjects {
  void* obtain(std::size_t, std::size_t bytes) const { return MallocSource().obtain(bytes); }
  void give_back(void* object) const { std::free(object); }
};

struct PlacedObjects {
  unsigned char* place = nullptr;
  void* obtain(std::size_t index, std::size_t) const { return place + index * kLargestSize; }
  void give_back(void* object) const { escape(object); }
};

struct alignas(2 * kCacheLine) LaneState {
  MappedArray<void*> objects;
  MappedArray<unsigned char> place;  // of no-alloc
  std::size_t turn = 0;              // index of the next batch's size
  std::uint64_t given_back = 0;
};

class Batch {
 public:
  explicit Batch(const CellSpec& spec)
      : batch_(static_cast<std::size_t>(spec.parameter)),
        kind_(variant_of(spec, kKinds)),
        states_(spec.threads) {}

  // A batch of every size twice: the heap then holds what all later batches reuse.
  void setup(Lane& lane) {
    LaneState& state = states_[lane.index];
    state.objects = MappedArray<void*>(batch_);
    if (kind_ == Kind::kNoAlloc) state.place = MappedArray<unsigned char>(batch_ * kLargestSize);
    step(lane, 2 * kSizes.size() * batch_);
    if (planted_fault() == Fault::kDrop) --state.given_back;
  }

  void step(Lane& lane, std::uint64_t n) {
    LaneState& state = states_[lane.index];
    switch (kind_) {
      case Kind::kMalloc:
        run(lane, state, MallocObjects{}, n);
        break;
      case Kind::kNoAlloc:
        run(lane, state, PlacedObjects{state.place.data()}, n);
        break;
    }
  }

  void verify(Lane& lane) {
    LaneState& state = states_[lane.index];
    const char* const problem = kind_ == Kind::kMalloc
                                    ? check(lane, state, MallocObjects{})
                                    : check(lane, state, PlacedObjects{state.place.data()});
    if (problem != nullptr) {
      throw CheckFailed("heap/batch: lane " + std::to_string(lane.index) + ": " + problem);
    }
  }

 private:
  static constexpr unsigned char kContent = 0x5a;

  // The last batch of a step is as long as what is left of its n operations.
  template <class Objects>
  void run(Lane& lane, LaneState& state, Objects objects, std::uint64_t n) {
    void** const slots = state.objects.data();
    for (std::uint64_t left = n; left > 0;) {
      const std::size_t count = left < batch_ ? static_cast<std::size_t>(left) : batch_;
      const std::size_t bytes = kSizes[state.turn];
      state.turn = state.turn + 1 == kSizes.size() ? 0 : state.turn + 1;
      for (std::size_t i = 0; i < count; ++i) {
        slots[i] = objects.obtain(i, bytes);
        escape(slots[i]);
        touch(slots[i], bytes, kContent);
      }
      const std::size_t half = count / 2;
      for (std::size_t i = 0; i < half; ++i) objects.give_back(slots[i]);
      for (std::size_t i = count; i > half; --i) objects.give_back(slots[i - 1]);
      state.given_back += count;
      left -= count;
    }
    lane.counter += n;
  }

  // One more batch with sizes mixed and every object full of its own number: two objects that
  // overlap cannot both hold theirs. Null where all is well. The planted kSkipFree skips only the
  // count, so that a leak checker has nothing to say of the test.
  template <class Objects>
  const char* check(Lane& lane, LaneState& state, Objects objects) {
    const Fault fault = planted_fault();
    const char* problem = nullptr;
    const auto size_of = [](std::size_t i) { return kSizes[i % kSizes.size()]; };
    const auto content_of = [](std::size_t i) { return static_cast<unsigned char>(i * 7 + 1); };
    for (std::size_t i = 0; i < batch_; ++i) {
      state.objects[i] = objects.obtain(i, size_of(i));
      lane.allocated(size_of(i));
      std::memset(state.objects[i], content_of(i), size_of(i));
    }
    if (fault == Fault::kFlipByte) static_cast<unsigned char*>(state.objects[0])[1] ^= 0xffU;
    for (std::size_t i = 0; i < batch_; ++i) {
      if (!holds_only(state.objects[i], size_of(i), content_of(i))) {
        problem = "an object does not hold what was written";
      }
      objects.give_back(state.objects[i]);
      if (i > 0 || fault != Fault::kSkipFree) lane.freed(size_of(i));
    }
    if (lane.live_bytes != 0) problem = "an object was not freed";
    if (state.given_back != lane.counter) problem = "objects were lost";
    return problem;
  }

  std::size_t batch_;
  Kind kind_;
  MappedArray<LaneState> states_;  // by lane
};

const Registration kRegistration{
    {
        .name = "heap/batch",
        .summary =
            "A batch of small objects is allocated, half freed first-in first-out, half last-in "
            "first-out",
        .operation = "one malloc and its free",
        .shape = Shape::kWindowed,
        .variants =
            {
                {.name = "malloc", .description = "malloc and free"},
                {.name = "single-threaded-process",
                 .description = "malloc and free in a process that never had a second thread",
                 .single_threaded_process = true},
                {.name = "no-alloc",
                 .description = "the same loop and touching on memory that is there",
                 .uses_heap = false},
            },
        .baseline_variant = "malloc",
        .parameter =
            ParameterInfo{.name = "batch", .unit = "count", .minimum = 1, .maximum = 1 << 20},
        .smoke = {{.variants = {"malloc"}, .values = {25}},
                  {.values = {25}, .threads = TierThreads::kOne}},
        .quick = {},
        .standard = {{.variants = {"malloc", "no-alloc"}, .values = {100, 1600}},
                     {.variants = {"single-threaded-process"},
                      .values = {100},
                      .threads = TierThreads::kOne}},
        .full = {{.values = {25, 100, 400, 1600}, .threads = TierThreads::kSweep}},
        .live_bytes = {.per_thread_and_parameter = kLargestSize},
        .roles = {"scaling", "ratio"},
    },
    make_workload<Batch>};

}  // namespace
}  // namespace stackheap
