// A function needs memory for its own lifetime only: frame, arena or heap
//
// Models scratch memory: a function that needs `size` bytes until it returns, be it for a path, a
// row of a table or a message. Where it comes from is the variant. This is the question of every
// comparison of stack and heap (the claim "stack allocation is faster than heap allocation"), asked
// by size and number of threads, and with the alternatives that programs use between the two:
// alloca, an inline buffer with a heap behind it, a resource on a stack buffer, a per-thread arena.
//
// One operation is one call of a function that is not inlined: it obtains the memory, writes its
// first and last byte and one byte a page, reads first and last back, and returns.
//
// Good: near `no-alloc` (the same call and touching on memory that is there). Bad: a multiple of
// it; where the touching of large sizes outweighs the difference, the choice no longer matters.
// `vector` fills its elements with zeros, as std::vector does; its cost grows with the size for
// that reason, not for the heap's. The frames are warm: the first touch of a stack's pages is
// another workload. Frames have no stack-clash probes, as Debian's gcc builds them; the variants
// `-clash` are the same calls with -fstack-clash-protection, which touches a frame page by page as
// it is made: it costs nothing below a page and one store a page above.
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/stack/call_loop.hpp"
#include "suites/stack/scratch_calls.hpp"
#include "suites/stack/stack_clash.hpp"

namespace stackheap {
namespace {

enum class Kind {
  kLocalArray,
  kLocalArrayClash,
  kAlloca,
  kAllocaClash,
  kSmallBuffer,
  kPmrStackBuffer,
  kThreadArena,
  kMalloc,
  kUniquePtr,
  kVector,
  kNoAlloc,
};
constexpr VariantName<Kind> kKinds[] = {
    {"local-array", Kind::kLocalArray},
    {"local-array-clash", Kind::kLocalArrayClash},
    {"alloca", Kind::kAlloca},
    {"alloca-clash", Kind::kAllocaClash},
    {"small-buffer", Kind::kSmallBuffer},
    {"pmr-stack-buffer", Kind::kPmrStackBuffer},
    {"thread-arena", Kind::kThreadArena},
    {"malloc", Kind::kMalloc},
    {"unique-ptr", Kind::kUniquePtr},
    {"vector", Kind::kVector},
    {"no-alloc", Kind::kNoAlloc},
};

CallLoop<FixedSize> loop_of(Kind kind, std::size_t bytes) {
  switch (kind) {
    case Kind::kLocalArray:
      return loop_for_frame_size<LocalArray, FixedSize>(bytes);
    case Kind::kLocalArrayClash:
      return stack_clash::local_array_loop(bytes);
    case Kind::kAlloca:
      return call_loop<call_alloca, FixedSize>;
    case Kind::kAllocaClash:
      return stack_clash::alloca_loop();
    case Kind::kSmallBuffer:
      return call_loop<call_small_buffer, FixedSize>;
    case Kind::kPmrStackBuffer:
      return loop_for_frame_size<PmrStackBuffer, FixedSize>(bytes);
    case Kind::kThreadArena:
      return call_loop<call_thread_arena, FixedSize>;
    case Kind::kMalloc:
      return call_loop<call_malloc, FixedSize>;
    case Kind::kUniquePtr:
      return call_loop<call_unique_ptr, FixedSize>;
    case Kind::kVector:
      return call_loop<call_vector, FixedSize>;
    case Kind::kNoAlloc:
      break;
  }
  return call_loop<call_no_alloc, FixedSize>;
}

class Frame : public CallWorkload<FixedSize> {
 public:
  explicit Frame(const CellSpec& spec)
      : Frame(spec, variant_of(spec, kKinds), static_cast<std::size_t>(spec.parameter)) {}

 private:
  Frame(const CellSpec& spec, Kind kind, std::size_t bytes)
      : CallWorkload({.workload = "stack/frame",
                      .sizes = {bytes},
                      .largest = bytes,
                      .loop = loop_of(kind, bytes),
                      .resets_arena = kind == Kind::kThreadArena},
                     spec.threads) {}
};

const Registration kRegistration{
    {
        .name = "stack/frame",
        .summary = "A function needs memory for its own lifetime only: frame, arena or heap",
        .operation = "one call that obtains the memory, touches it and gives it back",
        .shape = Shape::kWindowed,
        .variants =
            {
                {.name = "local-array",
                 .description = "a local array, compiled for the next power of two",
                 .uses_heap = false},
                {.name = "local-array-clash",
                 .description = "the same, compiled with -fstack-clash-protection",
                 .uses_heap = false},
                {.name = "alloca", .description = "alloca of the exact size", .uses_heap = false},
                {.name = "alloca-clash",
                 .description = "the same, compiled with -fstack-clash-protection",
                 .uses_heap = false},
                {.name = "small-buffer", .description = "256 B inline, malloc for more"},
                {.name = "pmr-stack-buffer",
                 .description = "std::pmr::monotonic_buffer_resource on a local buffer, nothing "
                                "behind it",
                 .uses_heap = false},
                {.name = "thread-arena",
                 .description = "a thread_local bump arena on mapped memory, reset by each call",
                 .uses_heap = false},
                {.name = "malloc", .description = "malloc and free"},
                {.name = "unique-ptr",
                 .description = "std::make_unique_for_overwrite of a byte array"},
                {.name = "vector", .description = "std::vector of bytes, which fills with zeros"},
                {.name = "no-alloc",
                 .description = "the same call and touching on memory that is there",
                 .uses_heap = false},
            },
        .baseline_variant = "local-array",
        .parameter =
            ParameterInfo{
                .name = "size", .unit = "B", .minimum = kSmallestFrame, .maximum = kLargestFrame},
        .smoke = {{.variants = {"local-array"}, .values = {16}},
                  {.values = {16}, .threads = TierThreads::kOne}},
        .quick = {{.variants = {"local-array", "alloca", "thread-arena", "malloc"},
                   .values = {64, 1024, 16384},
                   .threads = TierThreads::kOne,
                   .allocators = TierAllocators::kBaseline}},
        .standard = {{.variants = {"local-array", "alloca", "thread-arena", "malloc", "no-alloc"},
                      .values = {64, 1024, 16384}},
                     {.variants = {"local-array-clash", "alloca-clash"},
                      .values = {16384},
                      .threads = TierThreads::kOne},
                     {.variants = {"small-buffer", "pmr-stack-buffer", "unique-ptr", "vector"},
                      .values = {64, 1024, 16384},
                      .threads = TierThreads::kOne,
                      .allocators = TierAllocators::kBaseline}},
        .full = {{.values = {16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768,
                             65536},
                  .threads = TierThreads::kSweep}},
        .live_bytes = {.per_thread_and_parameter = 1},
        .roles = {"stack-against-heap"},
        .claims = {opening(takes_longer(2, {"malloc"}, "local-array",
                                        "a malloc'ed frame cost {} times a local array"))},
    },
    make_workload<Frame>};

}  // namespace
}  // namespace stackheap
