// The first deep call on a stack: fresh, used before, or filled in beforehand.
//
// Models a request that is given a context and at once calls deep: a parser, a template engine, a
// regular expression. A stack is promised and not given: the kernel makes a page when it is first
// touched, which is a fault for each 4 KiB of the deepest call (described for threads in U.
// Drepper, "What Every Programmer Should Know About Memory", 2007, section 7.5). Who keeps stacks
// for reuse pays once and holds the memory; who gives them back pays again. A context here is made,
// calls one function with a frame of `frame` bytes that writes a byte in each of its pages, and
// ends.
//
// Variants: `fresh` maps and unmaps a stack for each context; `pre-faulted` the same with
// MAP_POPULATE, where the kernel makes all pages in one go; `reused` has one stack for all of them;
// `discarded` too, but gives its pages back in between by MADV_DONTNEED, as pools do that trim;
// `thread-fresh` starts a thread: glibc keeps its stack mapped, but gives back what lies deep below
// when the thread ends, so its deep pages fault each time. `call` is the same call on the lane's
// own warm stack: the floor.
//
// How to read it: `reused` minus `call` is the price of a context, which does not depend on the
// frame. `discarded` minus `reused` is the price of faults, `fresh` minus `discarded` that of mmap
// and munmap; minor_faults says how many there were (those of a lane's own thread: not of the ones
// that thread-fresh starts). With more threads these meet in the kernel's lock of the address
// space: then `fresh` grows and `reused` does not.
//
// One operation: one context made, one deep call, the context ended.
#include <optional>
#include <string>
#include <type_traits>

#include "harness/worker/fault_hook.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/stack_kinds.hpp"
#include "suites/fibers/deep_calls.hpp"

namespace stackheap {
namespace {

using namespace first_touch;

constexpr std::int64_t kSmallestFrame = 4096;
constexpr std::int64_t kLargestFrame = 1 << 20U;
template <class Way>
class FirstTouch {
 public:
  explicit FirstTouch(const CellSpec& spec)
      : frame_(static_cast<std::size_t>(spec.parameter)), parts_(spec.threads) {
    const bool starts_threads = std::is_same_v<Way, NewThreads>;
    if (!std::is_same_v<Way, Calls>) {
      require_stacks(stack_kind(starts_threads ? "thread-small-stack" : "fiber-mmap"),
                     spec.threads);
    }
  }

  void setup(Lane& lane) {
    Part& part = parts_[lane.index];
    part.way.emplace(frame_);
    // The lane's own stack is warm, and what is made once has been made.
    call_deep(frame_, part.result);
    part.way->run(part.result, 1);
    part.started = 2;
  }

  // The stack is counted as live between windows too, as it is in most of a window.
  void step(Lane& lane, std::uint64_t n) {
    Part& part = parts_[lane.index];
    if (lane.live_bytes == 0) lane.allocated(part.way->bytes());
    part.way->run(part.result, n);
    part.started += n;
  }

  void verify(Lane& lane) {
    Part& part = parts_[lane.index];
    Result& result = part.result;
    const Fault fault = lane.index == 0 ? planted_fault() : Fault::kNone;
    if (fault == Fault::kFlipByte) result.sum ^= 1U;
    if (fault == Fault::kDrop) --result.runs;
    if (fault != Fault::kSkipFree) lane.freed(part.way->bytes());
    part.way.reset();
    if (result.runs != part.started) {
      fail(std::to_string(result.runs) + " calls were made of " + std::to_string(part.started));
    }
    // The frames held 0, 1, ... 255, 0, ...
    const std::uint64_t rest = result.runs % 256;
    if (result.sum != result.runs / 256 * (255 * 256 / 2) + rest * (rest - 1) / 2) {
      fail("a call read back something else than it had written");
    }
    if (lane.live_bytes != 0) {
      fail(std::to_string(lane.live_bytes) + " bytes of stacks were not given back");
    }
  }

 private:
  struct alignas(2 * kCacheLine) Part {
    std::optional<Way> way;
    std::uint64_t started = 0;
    alignas(2 * kCacheLine) Result result;
  };
  [[noreturn]] static void fail(const std::string& what) {
    throw CheckFailed("fibers/first-touch: " + what);
  }

  std::size_t frame_;
  MappedArray<Part> parts_;
};

constexpr VariantName<WorkloadFactory> kWays[] = {
    {"fresh", make_workload<FirstTouch<NewStacks<MappedStack>>>},
    {"pre-faulted", make_workload<FirstTouch<NewStacks<PopulatedStack>>>},
    {"reused", make_workload<FirstTouch<OneStack<false>>>},
    {"discarded", make_workload<FirstTouch<OneStack<true>>>},
    {"thread-fresh", make_workload<FirstTouch<NewThreads>>},
    {"call", make_workload<FirstTouch<Calls>>},
};

const Registration kRegistration{
    {
        .name = "fibers/first-touch",
        .summary = "The first deep call on a stack: fresh, used before, or filled in beforehand.",
        .operation = "one context made, one deep call, the context ended",
        .shape = Shape::kWindowed,
        .variants = {{.name = "fresh",
                      .description = "a fiber on a stack that is mapped and unmapped",
                      .uses_heap = false},
                     {.name = "pre-faulted",
                      .description = "the same, mapped with MAP_POPULATE",
                      .uses_heap = false},
                     {.name = "reused",
                      .description = "a fiber on the same stack as the one before",
                      .uses_heap = false},
                     {.name = "discarded",
                      .description = "the same, after MADV_DONTNEED of the stack",
                      .uses_heap = false},
                     {.name = "thread-fresh",
                      .description = "a thread, whose stack glibc may keep"},
                     {.name = "call",
                      .description = "the call alone, on a warm stack: the floor",
                      .uses_heap = false}},
        .baseline_variant = "reused",
        .parameter =
            ParameterInfo{
                .name = "frame", .unit = "B", .minimum = kSmallestFrame, .maximum = kLargestFrame},
        .smoke = {{.values = {4096}, .threads = TierThreads::kOne}},
        .standard = {{.variants = {"fresh", "pre-faulted", "reused", "discarded", "call"},
                      .values = {4096, 65'536},
                      .allocators = TierAllocators::kBaseline},
                     {.variants = {"thread-fresh"},
                      .values = {65'536},
                      .allocators = TierAllocators::kBaseline}},
        .full = {{.values = {4096, 16'384, 65'536, 262'144}, .threads = TierThreads::kSweep}},
        .expected_seconds = 0.08,
        .live_bytes = {.per_thread = kHeadroom, .per_thread_and_parameter = 1},
        .roles = {"stack-kinds"},
    },
    [](const CellSpec& spec) { return variant_of(spec, kWays)(spec); }};

}  // namespace
}  // namespace stackheap
