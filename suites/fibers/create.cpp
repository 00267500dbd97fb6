// A context is created, runs, touches one page and is destroyed.
//
// Models a server that gives every request a context of its own. The variants are the kinds of
// fibers/switch; the parameter is the size of their stacks. The body writes the first and last byte
// of a 4 KiB array on its stack, so a fresh stack pays for the pages it uses, and returns.
//
// How to read it: malloc and a pool hand the same warm stack out again, so their time is that of
// the switches, unless the allocator returns blocks of this size to the kernel (a stack from malloc
// was seen to cost 53 ns on glibc and 634 ns on jemalloc: a result, not noise). Mapped stacks pay
// mmap, page faults and munmap each time, protected ones mprotect too. A thread adds the kernel's
// clone and exit; glibc keeps up to 40 MiB of dead threads' stacks. `thread` has the default stack
// whatever the parameter; `coroutine` (a frame with the 4 KiB in it), `tbb-task` (run and waited
// for in an arena of one thread, on that thread's stack) and `call` have none: their lines over the
// parameter are flat, and anything else is noise.
//
// One operation: create, run to the end and destroy one context.
//
// After the windows of a cell with one thread, batches of 64 contexts are made that touch the page
// and wait, and are then ended (a task and a call cannot wait): create_ns and destroy_ns, each with
// a switch there and back, and what a live one holds of memory and mappings.
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>

#include "harness/worker/fault_hook.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/kind_choice.hpp"
#include "suites/fibers/creations.hpp"

namespace stackheap {
namespace {

constexpr std::int64_t kSmallestStack = 16'384;
constexpr std::int64_t kLargestStack = 1 << 20U;

using namespace creations;

template <class Contexts>
class Create {
 public:
  explicit Create(const CellSpec& spec)
      : bytes_(static_cast<std::size_t>(spec.parameter)), parts_(spec.threads) {
    require_stacks(stack_kind(spec.variant), spec.threads + kWeighedAtOnce);
  }

  void setup(Lane& lane) { parts_[lane.index].contexts.emplace(bytes_); }

  void step(Lane& lane, std::uint64_t n) {
    Part& part = parts_[lane.index];
    lane.allocated(part.contexts->bytes());
    part.contexts->run(part.result, n);
    part.started += n;
    lane.freed(part.contexts->bytes());
  }

  // With other lanes the CPUs are theirs too: they wait for this.
  void report(Reporter& reporter) {
    if constexpr (!std::is_void_v<typename Contexts::Standing>) {
      if (parts_.size() == 1) weigh_standing<typename Contexts::Standing>(reporter, bytes_);
    }
  }

  void verify(Lane& lane) {
    Part& part = parts_[lane.index];
    Result& result = part.result;
    const Fault fault = lane.index == 0 ? planted_fault() : Fault::kNone;
    if (fault == Fault::kFlipByte) result.sum ^= 1U;
    if (fault == Fault::kDrop) --result.runs;
    // A stack that was obtained and not returned; at least a byte where the kind has none.
    if (fault == Fault::kSkipFree) lane.allocated(part.contexts->bytes() + 1);
    part.contexts.reset();
    if (result.runs != part.started) {
      fail(std::to_string(result.runs) + " contexts ran of " + std::to_string(part.started));
    }
    // The pages held 0, 1, ... 255, 0, ...
    const std::uint64_t rest = result.runs % 256;
    if (result.sum != result.runs / 256 * (255 * 256 / 2) + rest * (rest - 1) / 2) {
      fail("a context read back something else than it had written");
    }
    if (std::is_same_v<Contexts, Coroutines> && result.frames != result.runs) {
      fail("the frames of " + std::to_string(result.runs - result.frames) +
           " coroutines were elided");
    }
    if (lane.live_bytes != 0) {
      fail(std::to_string(lane.live_bytes) + " bytes of stacks were not given back");
    }
  }

 private:
  struct alignas(2 * kCacheLine) Part {
    std::optional<Contexts> contexts;
    std::uint64_t started = 0;
    alignas(2 * kCacheLine) Result result;
  };
  [[noreturn]] static void fail(const std::string& what) {
    throw CheckFailed("fibers/create: " + what);
  }

  std::size_t bytes_;
  MappedArray<Part> parts_;
};

constexpr std::tuple kWithoutFiber{
    KindClass<Threads<true>>{"thread"}, KindClass<Threads<false>>{"thread-small-stack"},
    KindClass<Coroutines>{"coroutine"}, KindClass<Contexts>{"ucontext"},
    KindClass<Tasks>{"tbb-task"},       KindClass<Calls>{"call"}};

const Registration kRegistration{
    {
        .name = "fibers/create",
        .summary = "A context is created, runs, touches one page and is destroyed.",
        .operation = "create, run to the end and destroy one context",
        .shape = Shape::kWindowed,
        .variants = stack_kind_variants(/*threads_use_heap=*/true),
        .baseline_variant = "fiber-pooled",
        .parameter = ParameterInfo{.name = "stack_size",
                                   .unit = "B",
                                   .minimum = kSmallestStack,
                                   .maximum = kLargestStack},
        // Not the smallest: some allocators' thread-local storage leaves no room in it for a
        // thread.
        .smoke = {{.values = {65'536}, .threads = TierThreads::kOne}},
        .quick = {{.values = {65'536},
                   .threads = TierThreads::kOne,
                   .allocators = TierAllocators::kBaseline}},
        .standard = {{.variants = {"fiber-fixedsize", "fiber-pooled", "thread-small-stack"},
                      .values = {65'536}},
                     {.values = {65'536},
                      .threads = TierThreads::kOne,
                      .allocators = TierAllocators::kBaseline}},
        .full = {{.values = {16'384, 65'536, 262'144}, .threads = TierThreads::kOneAndAll}},
        .live_bytes = {.per_thread_and_parameter = 1},
        .roles = {"stack-kinds"},
    },
    make_workload_of_kind<Create, Fibers, kWithoutFiber>};

}  // namespace
}  // namespace stackheap
