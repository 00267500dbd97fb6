// A result leaves the function that made it: in place, copied, on the heap or in an arena
//
// Models the claim "a stack value cannot outlive its function" from the side of its cost: a
// producer makes a result of `size` bytes, a function between passes it on, and the caller's caller
// uses it. C++ has five common ways: constructed where the final caller wants it (guaranteed
// elision and the named-return-value optimisation), copied out of the dying frame, owned on the
// heap and moved (unique_ptr), owned jointly (shared_ptr, here with a second owner, which is what
// one pays its atomic count for), or placed in an arena of the thread that outlives both calls.
//
// One operation is one result through all three functions, none of them inlined: made (first and
// last byte and one byte a page written), passed on, read by the caller's caller, given up.
//
// Good: near `no-alloc`, where producer and user share memory that is there. `copy-out` rises with
// the size and crosses `unique-ptr` where a copy costs as much as an allocation: that crossing is
// the result. Bad for an allocator: a crossing at a large size.
#include <cstring>
#include <memory>

#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/stack/call_loop.hpp"
#include "suites/stack/thread_arena.hpp"

namespace stackheap {
namespace {

// Fills a result; what a producer does in every variant.
void make(void* result, std::size_t bytes, unsigned char value) {
  escape(result);
  touch(result, bytes, value);
}

// The middle function ends with a barrier: else it would be a mere jump to the producer.
void end_of_frame() {
  asm volatile("" : : : "memory");
}

template <std::size_t kSize>
struct ReturnInPlace {
  struct Result {
    unsigned char bytes[kSize];
  };
  [[gnu::noinline]] static Result produce(std::size_t bytes, unsigned char value) {
    Result result;
    make(result.bytes, bytes, value);
    return result;
  }
  [[gnu::noinline]] static Result pass_on(std::size_t bytes, unsigned char value) {
    Result result = produce(bytes, value);
    end_of_frame();
    return result;
  }
  [[gnu::noinline]] static unsigned call(std::size_t bytes, unsigned char value) {
    const Result result = pass_on(bytes, value);
    escape(static_cast<const void*>(result.bytes));
    return first_and_last(result.bytes, bytes);
  }
};

template <std::size_t kSize>
struct CopyOut {
  [[gnu::noinline]] static void produce(void* out, std::size_t bytes, unsigned char value) {
    unsigned char local[kSize];
    make(local, bytes, value);
    std::memcpy(out, local, bytes);
  }
  [[gnu::noinline]] static void pass_on(void* out, std::size_t bytes, unsigned char value) {
    produce(out, bytes, value);
    end_of_frame();
  }
  [[gnu::noinline]] static unsigned call(std::size_t bytes, unsigned char value) {
    unsigned char result[kSize];
    pass_on(result, bytes, value);
    escape(static_cast<void*>(result));
    return first_and_last(result, bytes);
  }
};

struct UniquePtr {
  using Result = std::unique_ptr<unsigned char[]>;
  [[gnu::noinline]] static Result produce(std::size_t bytes, unsigned char value) {
    Result result = std::make_unique_for_overwrite<unsigned char[]>(bytes);
    make(result.get(), bytes, value);
    return result;
  }
  [[gnu::noinline]] static Result pass_on(std::size_t bytes, unsigned char value) {
    Result result = produce(bytes, value);
    end_of_frame();
    return result;
  }
  [[gnu::noinline]] static unsigned call(std::size_t bytes, unsigned char value) {
    const Result result = pass_on(bytes, value);
    escape(result.get());
    return first_and_last(result.get(), bytes);
  }
};

struct SharedPtr {
  using Result = std::shared_ptr<unsigned char[]>;
  [[gnu::noinline]] static Result produce(std::size_t bytes, unsigned char value) {
    Result result = std::make_shared_for_overwrite<unsigned char[]>(bytes);
    make(result.get(), bytes, value);
    return result;
  }
  [[gnu::noinline]] static Result pass_on(std::size_t bytes, unsigned char value) {
    Result result = produce(bytes, value);
    end_of_frame();
    return result;
  }
  // NOLINTNEXTLINE(performance-unnecessary-value-param): the second owner is what is measured
  [[gnu::noinline]] static unsigned read_as_second_owner(Result second, std::size_t bytes) {
    escape(second.get());
    return first_and_last(second.get(), bytes);
  }
  [[gnu::noinline]] static unsigned call(std::size_t bytes, unsigned char value) {
    const Result result = pass_on(bytes, value);
    return read_as_second_owner(result, bytes);
  }
};

struct Arena {
  [[gnu::noinline]] static void* produce(std::size_t bytes, unsigned char value) {
    void* const result = t_arena.take(bytes);
    make(result, bytes, value);
    return result;
  }
  [[gnu::noinline]] static void* pass_on(std::size_t bytes, unsigned char value) {
    void* const result = produce(bytes, value);
    end_of_frame();
    return result;
  }
  [[gnu::noinline]] static unsigned call(std::size_t bytes, unsigned char value) {
    unsigned char* const mark = t_arena.cursor;
    void* const result = pass_on(bytes, value);
    escape(result);
    const unsigned sum = first_and_last(result, bytes);
    t_arena.cursor = mark;
    return sum;
  }
};

// Producer and user know the memory beforehand: nothing is handed out.
struct NoAlloc {
  [[gnu::noinline]] static void produce(std::size_t bytes, unsigned char value) {
    make(t_arena.begin, bytes, value);
  }
  [[gnu::noinline]] static void pass_on(std::size_t bytes, unsigned char value) {
    produce(bytes, value);
    end_of_frame();
  }
  [[gnu::noinline]] static unsigned call(std::size_t bytes, unsigned char value) {
    pass_on(bytes, value);
    return first_and_last(t_arena.begin, bytes);
  }
};

enum class Kind { kReturnInPlace, kCopyOut, kUniquePtr, kSharedPtr, kArena, kNoAlloc };
constexpr VariantName<Kind> kKinds[] = {
    {"return-in-place", Kind::kReturnInPlace},
    {"copy-out", Kind::kCopyOut},
    {"unique-ptr", Kind::kUniquePtr},
    {"shared-ptr", Kind::kSharedPtr},
    {"arena", Kind::kArena},
    {"no-alloc", Kind::kNoAlloc},
};

CallLoop<FixedSize> loop_of(Kind kind, std::size_t bytes) {
  switch (kind) {
    case Kind::kReturnInPlace:
      return loop_for_frame_size<ReturnInPlace, FixedSize>(bytes);
    case Kind::kCopyOut:
      return loop_for_frame_size<CopyOut, FixedSize>(bytes);
    case Kind::kUniquePtr:
      return call_loop<UniquePtr::call, FixedSize>;
    case Kind::kSharedPtr:
      return call_loop<SharedPtr::call, FixedSize>;
    case Kind::kArena:
      return call_loop<Arena::call, FixedSize>;
    case Kind::kNoAlloc:
      break;
  }
  return call_loop<NoAlloc::call, FixedSize>;
}

class Escape : public CallWorkload<FixedSize> {
 public:
  explicit Escape(const CellSpec& spec)
      : Escape(spec, variant_of(spec, kKinds), static_cast<std::size_t>(spec.parameter)) {}

 private:
  Escape(const CellSpec& spec, Kind kind, std::size_t bytes)
      : CallWorkload({.workload = "stack/escape",
                      .sizes = {bytes},
                      .largest = bytes,
                      .loop = loop_of(kind, bytes),
                      .resets_arena = kind == Kind::kArena},
                     spec.threads) {}
};

const Registration kRegistration{
    {
        .name = "stack/escape",
        .summary =
            "A result leaves the function that made it: in place, copied, on the heap or in an "
            "arena",
        .operation = "one result made, passed on by a function between, read by the caller's "
                     "caller, given up",
        .shape = Shape::kWindowed,
        .variants =
            {
                {.name = "return-in-place",
                 .description = "returned by value without a copy, in the final caller's frame",
                 .uses_heap = false},
                {.name = "copy-out",
                 .description = "made in the producer's frame, then copied to the final caller's",
                 .uses_heap = false},
                {.name = "unique-ptr", .description = "std::make_unique_for_overwrite, moved up"},
                {.name = "shared-ptr",
                 .description = "std::make_shared_for_overwrite, moved up, read by a second owner"},
                {.name = "arena",
                 .description = "taken from the thread's mapped bump arena, reset by the user",
                 .uses_heap = false},
                {.name = "no-alloc",
                 .description = "the same calls on memory that both ends know",
                 .uses_heap = false},
            },
        .baseline_variant = "return-in-place",
        .parameter =
            ParameterInfo{
                .name = "size", .unit = "B", .minimum = kSmallestFrame, .maximum = kLargestFrame},
        .smoke = {{.variants = {"return-in-place"}, .values = {16}},
                  {.values = {16}, .threads = TierThreads::kOne}},
        .quick = {{.values = {256},
                   .threads = TierThreads::kOne,
                   .allocators = TierAllocators::kBaseline}},
        .standard = {{.values = {64, 1024, 16384}, .allocators = TierAllocators::kBaseline}},
        .full = {{.values = {16, 64, 256, 1024, 4096, 16384, 65536},
                  .threads = TierThreads::kSweep}},
        .live_bytes = {.per_thread_and_parameter = 2},
        .roles = {"stack-against-heap"},
        .claims =
            {opening(takes_longer(
                 4, {"copy-out", "unique-ptr", "shared-ptr", "arena"}, "return-in-place",
                 "handing a result out cost, as multiples of returning it in place, {}")),
             opening(verified(
                 5, {"unique-ptr", "shared-ptr"},
                 "results on the heap were intact when their caller's caller read them in {}"))},
    },
    make_workload<Escape>};

}  // namespace
}  // namespace stackheap
