// A function needs memory whose size is known only at run time
//
// Models the claim "the heap serves sizes known only at run time" by its alternatives: a function
// that joins a path, decodes a message or sorts a few items needs as many bytes as its input says,
// until it returns. Sizes are drawn for each call from 4 B to `largest`, inverse-square, the law of
// glibc's benchmark bench-malloc-thread (2014): most calls need little, few much. With a largest
// size of 1 KiB the mean is 22 B, with 16 KiB 33 B.
//
// alloca and a per-thread arena take exactly what is needed. A resource on a stack buffer, compiled
// for the largest size, wastes a stack page that nobody touches; a small buffer has a heap behind
// it for one call in 65 to 85. malloc and vector always ask the heap.
//
// One operation is one call of a function that is not inlined: it obtains the memory, writes its
// first and last byte and one byte a page, reads first and last back, and returns. The draw is part
// of it in every variant.
//
// Good: near `no-alloc`, which draws the same sizes and touches memory that is there. Bad: a
// multiple of it, or far above the same variant of stack/frame at small sizes: then what costs is
// that the size varies (a branch mispredicted, another size class). `alloca-clash` is alloca
// compiled with -fstack-clash-protection: a loop over the pages of each call.
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/stack/call_loop.hpp"
#include "suites/stack/scratch_calls.hpp"
#include "suites/stack/stack_clash.hpp"

namespace stackheap {
namespace {

enum class Kind {
  kAlloca,
  kAllocaClash,
  kThreadArena,
  kPmrStackBuffer,
  kSmallBuffer,
  kMalloc,
  kVector,
  kNoAlloc,
};
constexpr VariantName<Kind> kKinds[] = {
    {"alloca", Kind::kAlloca},
    {"alloca-clash", Kind::kAllocaClash},
    {"thread-arena", Kind::kThreadArena},
    {"pmr-stack-buffer", Kind::kPmrStackBuffer},
    {"small-buffer", Kind::kSmallBuffer},
    {"malloc", Kind::kMalloc},
    {"vector", Kind::kVector},
    {"no-alloc", Kind::kNoAlloc},
};

CallLoop<InverseSquareSize> loop_of(Kind kind, std::size_t largest) {
  switch (kind) {
    case Kind::kAlloca:
      return call_loop<call_alloca, InverseSquareSize>;
    case Kind::kAllocaClash:
      return stack_clash::drawn_alloca_loop();
    case Kind::kThreadArena:
      return call_loop<call_thread_arena, InverseSquareSize>;
    case Kind::kPmrStackBuffer:
      return loop_for_frame_size<PmrStackBuffer, InverseSquareSize>(largest);
    case Kind::kSmallBuffer:
      return call_loop<call_small_buffer, InverseSquareSize>;
    case Kind::kMalloc:
      return call_loop<call_malloc, InverseSquareSize>;
    case Kind::kVector:
      return call_loop<call_vector, InverseSquareSize>;
    case Kind::kNoAlloc:
      break;
  }
  return call_loop<call_no_alloc, InverseSquareSize>;
}

class RuntimeSize : public CallWorkload<InverseSquareSize> {
 public:
  explicit RuntimeSize(const CellSpec& spec)
      : RuntimeSize(spec, variant_of(spec, kKinds), static_cast<std::uint32_t>(spec.parameter)) {}

 private:
  RuntimeSize(const CellSpec& spec, Kind kind, std::uint32_t largest)
      : CallWorkload({.workload = "stack/runtime-size",
                      .sizes = InverseSquareSize(largest),
                      .largest = largest,
                      .loop = loop_of(kind, largest),
                      .resets_arena = kind == Kind::kThreadArena},
                     spec.threads) {}
};

const Registration kRegistration{
    {
        .name = "stack/runtime-size",
        .summary = "A function needs memory whose size is known only at run time",
        .operation = "one call that draws a size, obtains the memory, touches it and gives it back",
        .shape = Shape::kWindowed,
        .variants =
            {
                {.name = "alloca", .description = "alloca of the drawn size", .uses_heap = false},
                {.name = "alloca-clash",
                 .description = "the same, compiled with -fstack-clash-protection",
                 .uses_heap = false},
                {.name = "thread-arena",
                 .description = "a thread_local bump arena on mapped memory, reset by each call",
                 .uses_heap = false},
                {.name = "pmr-stack-buffer",
                 .description = "std::pmr::monotonic_buffer_resource on a local buffer of the "
                                "largest size, nothing behind it",
                 .uses_heap = false},
                {.name = "small-buffer", .description = "256 B inline, malloc for more"},
                {.name = "malloc", .description = "malloc and free"},
                {.name = "vector", .description = "std::vector of bytes, which fills with zeros"},
                {.name = "no-alloc",
                 .description = "the same draw, call and touching on memory that is there",
                 .uses_heap = false},
            },
        .baseline_variant = "alloca",
        .parameter = ParameterInfo{.name = "largest",
                                   .unit = "B",
                                   .minimum = kSmallestFrame,
                                   .maximum = kLargestFrame},
        .smoke = {{.variants = {"alloca"}, .values = {256}},
                  {.values = {256}, .threads = TierThreads::kOne}},
        .quick = {},
        .standard = {{.variants = {"alloca", "thread-arena", "malloc", "no-alloc"},
                      .values = {16384}},
                     {.variants = {"alloca-clash", "pmr-stack-buffer", "small-buffer", "vector"},
                      .values = {16384},
                      .threads = TierThreads::kOne,
                      .allocators = TierAllocators::kBaseline},
                     {.values = {1024},
                      .threads = TierThreads::kOne,
                      .allocators = TierAllocators::kBaseline}},
        .full = {{.values = {256, 1024, 4096, 16384, 65536}, .threads = TierThreads::kSweep}},
        .live_bytes = {.per_thread_and_parameter = 1},
        .roles = {"stack-against-heap"},
        .claims =
            {takes_longer(2, {"malloc"}, "alloca",
                          "of sizes drawn at run time, malloc cost {} times alloca"),
             opening(verified(
                 7, {"malloc", "vector", "small-buffer"},
                 "blocks of sizes drawn at run time were served by the heap and intact in {}")),
             time_ratio(7, {"alloca", "thread-arena", "pmr-stack-buffer", "vector"}, "malloc",
                        "the others cost, as multiples of malloc, {}")},
    },
    make_workload<RuntimeSize>};

}  // namespace
}  // namespace stackheap
