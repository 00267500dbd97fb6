// Suspended contexts are made and stay alive: what each holds, how many fit, and what ends it.
//
// Models a server whose sessions mostly wait (for a client, a timer, a disk): each has a context of
// its own that has run, touched one 4 KiB page of its stack and suspended. Threads against
// user-level stacks for this is an old question (R. von Behren, J. Condit and E. Brewer, "Why
// Events Are a Bad Idea (for high-concurrency servers)", HotOS 2003, ran 100,000 of theirs); the
// measure is that of every "C10k" server since D. Kegel's page of 1999. `live` contexts are asked
// for in all; the lanes make them together, each its share, with stacks of 64 KiB where the kind
// has a choice. They are ended in the order of their start.
//
// Reported: max_live and limit_reason; and for each live context, the resident memory, the
// mappings, and the time to make and to end it (the time of its lane's thread). Stopping is part of
// the result: mappings are counted on the way and the making stops before vm.max_map_count, since
// nobody checks whether a guard page could still be made (Boost.Context 1.74); threads stop at what
// the kernel, the cgroup, RLIMIT_NPROC or this suite allow (`cap`); and a refused mapping or malloc
// ends it with `no_memory`.
//
// Good: two pages a context and no mapping of its own. Bad: mappings (two each end the matter near
// 32,000), a kernel stack beside the user's (threads; not in the resident memory), or pages that
// the allocator of the stacks writes for its own sake: a pool links its free stacks through their
// lowest bytes, one more page each.
//
// One operation: one context made and ended. None is timed alone.
//
// No `tbb-task` and no `call` here: they cannot be left before their end.
#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <system_error>
#include <tuple>

#include "harness/measure/spin_barrier.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/script.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/kind_choice.hpp"
#include "suites/common/standing.hpp"

namespace stackheap {
namespace {

constexpr std::uint64_t kFirstRound = 64;
// No kind and no allocator was seen to need more mappings for one context.
constexpr std::uint64_t kMostMappingsEach = 4;
constexpr std::uint64_t kMappingsToSpare = 16;

enum class Limit { kNone, kMaxMapCount, kNoMemory, kCap };
constexpr std::array<std::string_view, 4> kLimitNames{"none", "max_map_count", "no_memory", "cap"};

template <class Standing>
class Live {
 public:
  explicit Live(const CellSpec& spec)
      : kind_(stack_kind(spec.variant)),
        wanted_(static_cast<std::uint64_t>(spec.parameter)),
        target_(wanted_),
        most_mappings_(kernel_number("/proc/sys/vm/max_map_count").value_or(UINT64_MAX / 2)),
        parts_(spec.threads),
        barrier_(spec.threads) {
    require_kind(kind_);
    if (kind_.kernel_threads > 0) {
      const std::uint64_t most = kernel_thread_limit().most;
      target_ = std::min(target_, most - std::min<std::uint64_t>(most, spec.threads));
    }
    require_holes(kind_, wanted_, spec.threads);
    for (unsigned i = 0; i < spec.threads; ++i) {
      parts_[i].batch.emplace(target_ / spec.threads + (i < target_ % spec.threads ? 1 : 0),
                              kFiberStackBytes);
    }
  }

  void run(Script& script) {
    script.take_memory_baseline();
    script.run_lanes([&](LaneThread& thread) { live(script, thread.lane()); });
    for (Part& part : parts_) {
      if (part.failure) std::rethrow_exception(part.failure);
    }
    report(script);
  }

 private:
  struct alignas(2 * kCacheLine) Part {
    std::optional<StandingBatch<Standing>> batch;
    std::uint64_t create_ns = 0;
    std::uint64_t destroy_ns = 0;
    std::exception_ptr failure;
  };

  void live(Script& script, Lane& lane) {
    const bool leads = lane.index == 0;
    Part& part = parts_[lane.index];
    barrier_.arrive_and_wait();
    if (leads) before_ = Holding::now();
    for (;;) {
      if (leads) allow_next_round();
      barrier_.arrive_and_wait();
      const std::uint64_t round = round_;
      if (round == 0) break;
      start_some(lane, part, round);
      barrier_.arrive_and_wait();
    }
    if (leads) {
      after_ = Holding::now();
      script.note_live_bytes(static_cast<std::int64_t>(started() * part.batch->stack_bytes()));
    }
    barrier_.arrive_and_wait();
    end_all(lane, part);
  }

  // How many more each lane may start before the mappings are counted again: never so many that the
  // limit could be passed. 0: it is over.
  void allow_next_round() {
    const std::uint64_t made = started();
    round_ = 0;
    if (limit() != Limit::kNone || made == target_) return;
    const std::uint64_t used = count_mapped_regions().value_or(0) + kMappingReserve;
    const std::uint64_t left = most_mappings_ - std::min(most_mappings_, used);
    const std::uint64_t sensible = std::max<std::uint64_t>({made, kFirstRound, parts_.size()});
    round_ = std::min(sensible, left / kMostMappingsEach) / parts_.size();
    if (round_ == 0) stop(Limit::kMaxMapCount);
  }

  void start_some(Lane& lane, Part& part, std::uint64_t most) {
    StandingBatch<Standing>& batch = *part.batch;
    const std::uint64_t start = monotonic_ns();
    try {
      for (std::uint64_t i = 0; i < most && batch.started() < batch.capacity(); ++i) {
        batch.start_one();
        lane.allocated(batch.stack_bytes());
      }
    } catch (...) {
      judge(part, std::current_exception());
    }
    part.create_ns += monotonic_ns() - start;
  }

  // What came instead of a context: the limit that was looked for, or a failure.
  void judge(Part& part, const std::exception_ptr& exception) {
    try {
      std::rethrow_exception(exception);
    } catch (const std::bad_alloc&) {
      stop(refused());
    } catch (const std::system_error& error) {
      // MADV_GUARD_INSTALL without memory for a page table.
      stop(refused());
      if (error.code() != std::errc::not_enough_memory) part.failure = exception;
    } catch (const CannotRun&) {
      // A thread. The first one tells of more than a limit: a stack too small for this process.
      stop(can_map(part.batch->stack_bytes()) ? Limit::kCap : refused());
      if (part.batch->started() == 0) part.failure = exception;
    } catch (...) {
      stop(refused());
      part.failure = exception;
    }
  }

  Limit refused() const {
    const std::uint64_t used = count_mapped_regions().value_or(0);
    return used + kMappingsToSpare >= most_mappings_ ? Limit::kMaxMapCount : Limit::kNoMemory;
  }
  static bool can_map(std::size_t bytes) {
    try {
      MappedStack stacks(bytes);
      boost::context::stack_context stack = stacks.allocate();
      stacks.deallocate(stack);
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  // The first lane to meet a limit names it.
  void stop(Limit limit) {
    Limit none = Limit::kNone;
    limit_.compare_exchange_strong(none, limit, std::memory_order_relaxed);
  }
  Limit limit() const { return limit_.load(std::memory_order_relaxed); }

  std::uint64_t started() const {
    std::uint64_t sum = 0;
    for (const Part& part : parts_) sum += part.batch->started();
    return sum;
  }

  void end_all(Lane& lane, Part& part) {
    StandingBatch<Standing>& batch = *part.batch;
    const Fault fault = lane.index == 0 ? planted_fault() : Fault::kNone;
    if (fault == Fault::kDrop) --batch.muster().waiting;
    if (fault == Fault::kFlipByte) *batch.muster().last_page ^= 0xffU;
    const std::size_t count = batch.started() - (fault == Fault::kSkipFree ? 1 : 0);
    const std::uint64_t start = monotonic_ns();
    batch.end_until(count);
    part.destroy_ns = monotonic_ns() - start;
    lane.freed(count * batch.stack_bytes());
    std::string complaint = batch.complaint();
    if (complaint.empty() && lane.live_bytes != 0) {
      complaint = std::to_string(lane.live_bytes) + " bytes of stacks were not given back";
    }
    if (!complaint.empty()) throw CheckFailed("fibers/live: " + complaint);
  }

  // When all stacks have gone back: reporting takes memory, of which there may have been none.
  void report(Script& script) const {
    const std::uint64_t made = started();
    const Limit limit_met =
        limit() == Limit::kNone && made < wanted_ ? Limit::kCap : limit();  // target_ was lower
    script.report("max_live", static_cast<double>(made));
    script.report_text("limit_reason", kLimitNames[static_cast<std::size_t>(limit_met)]);
    if (made == 0) return;
    std::uint64_t create_ns = 0;
    std::uint64_t destroy_ns = 0;
    for (const Part& part : parts_) {
      create_ns += part.create_ns;
      destroy_ns += part.destroy_ns;
    }
    script.report("create_ns", static_cast<double>(create_ns) / static_cast<double>(made));
    script.report("destroy_ns", static_cast<double>(destroy_ns) / static_cast<double>(made));
    report_holding(script, before_, after_, made);
  }

  const StackKind& kind_;
  std::uint64_t wanted_;
  std::uint64_t target_;  // what the limit of threads leaves of it
  std::uint64_t most_mappings_;
  MappedArray<Part> parts_;  // by lane
  SpinBarrier barrier_;
  // Written by lane 0 between two barriers.
  std::uint64_t round_ = 0;
  Holding before_;
  Holding after_;
  std::atomic<Limit> limit_{Limit::kNone};
};

constexpr std::tuple kWithoutFiber{
    KindClass<StandingStack<ThreadContext<true>>>{"thread"},
    KindClass<StandingStack<ThreadContext<false>>>{"thread-small-stack"},
    KindClass<StandingCoroutine>{"coroutine"},
    KindClass<StandingStack<UcontextContext>>{"ucontext"}};

const Registration kRegistration{
    {
        .name = "fibers/live",
        .summary = "Suspended contexts are made and stay alive: what each holds, how many fit, and "
                   "what ends it.",
        .operation = "one context made and ended",
        .shape = Shape::kScripted,
        .variants = stack_kind_variants(/*threads_use_heap=*/true, {"tbb-task", "call"}),
        .baseline_variant = "fiber-pooled",
        .parameter =
            ParameterInfo{.name = "live", .unit = "count", .minimum = 1, .maximum = 100'000},
        .smoke = {{.values = {100}, .threads = TierThreads::kOne}},
        .quick = {},
        .standard = {{.values = {10'000},
                      .threads = TierThreads::kOne,
                      .allocators = TierAllocators::kBaseline},
                     {.variants = {"fiber-fixedsize", "fiber-pooled", "coroutine"},
                      .values = {1'000},
                      .threads = TierThreads::kOne}},
        .full = {{.values = {100, 1'000, 10'000, 100'000}, .threads = TierThreads::kOneAndAll}},
        .expected_seconds = 0.03,
        .seconds_per_parameter = 0.00002,
        .most_rounds = 3,
        // Of the 64 KiB that each maps or mallocs, the pages that are touched: its own, that of the
        // frames above and the one in which a pool links it.
        .live_bytes = {.per_parameter = 3 * 4096},
        .piloted = false,
        .ranked_by = "rss_per_stack_bytes",
        .roles = {"stack-kinds"},
    },
    make_workload_of_kind<Live, StandingFiber, kWithoutFiber>};

}  // namespace
}  // namespace stackheap
