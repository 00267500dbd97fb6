#include "harness/measure/metric_table.hpp"

#include <algorithm>

#include "harness/measure/metric_formulas.hpp"

namespace stackheap {
namespace {

using namespace formulas;

template <PerfEvent event>
std::string perf_count(const Measurement& m) {
  const auto value = m.totals.counts.of(event);
  return value ? count(m, *value) : "";
}

constexpr auto kInteger = MetricType::kInteger;
constexpr auto kReal = MetricType::kReal;
constexpr auto kText = MetricType::kText;
constexpr auto kSample = MetricScope::kSample;
constexpr auto kDerived = MetricScope::kDerived;
constexpr auto kNone = Direction::kNone;
constexpr auto kLess = Direction::kLess;
constexpr auto kMore = Direction::kMore;

// A last `true`: only instrumented samples have it.
constexpr bool kInstrumented = true;

// name, unit, type, scope, what is better, comparable, per operation, meaning | value
// constexpr: registrations look metrics up before main().
constexpr MetricRow kTable[] = {
    {{"ns_per_op", "ns", kReal, kSample, kLess, true, false,
      "Median over windows of (last finish - common start) x threads / operations: what one thread "
      "pays for one operation."},
     ns_per_op},
    {{"ns_per_op_min", "ns", kReal, kSample, kLess, true, false,
      "The same of the fastest window. It cannot see what is paid only now and then."},
     ns_per_op_min},
    {{"ns_per_op_mean", "ns", kReal, kSample, kLess, true, false,
      "The same, mean over windows: it sees purges and trims, and foreign load too."},
     ns_per_op_mean},
    {{"ns_per_op_p90", "ns", kReal, kSample, kLess, true, false,
      "The same, 90 % quantile over windows."},
     ns_per_op_p90},
    {{"thread_ns_per_op", "ns", kReal, kSample, kLess, true, false,
      "Sum over threads and windows of (own finish - common start) / operations: what cpu, run "
      "queue and blocked add up to."},
     thread_ns_per_op},
    {{"ops_per_second", "1/s", kReal, kSample, kMore, true, false,
      "Operations of all threads per second, median over windows."},
     ops_per_second},
    {{"fairness", "1", kReal, kSample, kMore, false, false,
      "Jain's index of the threads' speeds: 1 where all are equal, 1/threads where one does all."},
     fairness},
    {{"warm_up", "", kText, kSample, kNone, false, false,
      "How the windows before the measured ones went: flat, warmed, slowing or unsteady."},
     warm_up},
    {{"cpu_ns_per_op", "ns", kReal, kSample, kLess, true, false,
      "Time on a CPU per operation (the threads' CPU clocks)."},
     cpu_ns_per_op},
    {{"run_queue_ns_per_op", "ns", kReal, kSample, kLess, false, false,
      "Time ready to run but not running, per operation (schedstat). Empty where the kernel has no "
      "schedstat."},
     run_queue_ns_per_op},
    {{"blocked_ns_per_op", "ns", kReal, kSample, kLess, false, false,
      "thread_ns_per_op - cpu - run queue: asleep on a lock, a page or a futex. Time stolen by a "
      "hypervisor lands here too. A remainder, so small negative values occur and are kept."},
     blocked_ns_per_op},
    {{"voluntary_switches", "count", kInteger, kSample, kLess, false, true,
      "Context switches because a thread went to sleep, in all measured windows."},
     [](const Measurement& m) { return count(m, m.totals.voluntary_switches); }},
    {{"involuntary_switches", "count", kInteger, kSample, kLess, false, true,
      "Context switches because a thread was pre-empted, in all measured windows. A sched_yield "
      "counts as one."},
     [](const Measurement& m) { return count(m, m.totals.involuntary_switches); }},
    {{"minor_faults", "count", kInteger, kSample, kLess, false, true,
      "Page faults served without I/O, in all measured windows."},
     [](const Measurement& m) { return count(m, m.totals.minor_faults); }},
    {{"major_faults", "count", kInteger, kSample, kLess, false, true,
      "Page faults that waited for I/O, in all measured windows."},
     [](const Measurement& m) { return count(m, m.totals.major_faults); }},
    {{"futex_waits", "count", kInteger, kSample, kLess, false, true,
      "Calls of futex(2) that may sleep, in all measured windows: also those that return at once "
      "because the lock had just become free. Tracepoint syscalls:sys_enter_futex, for root or "
      "CAP_PERFMON.",
      kInstrumented},
     perf_count<PerfEvent::kFutexWaits>},
    {{"kernel_lock_waits", "count", kInteger, kSample, kLess, false, true,
      "Locks inside the kernel found taken (mmap_lock and its like), in all measured windows. "
      "Tracepoint lock:contention_begin, for root or CAP_PERFMON.",
      kInstrumented},
     perf_count<PerfEvent::kKernelLockWaits>},
    {{"cycles", "count", kInteger, kSample, kLess, false, true,
      "Processor cycles in user space, in all measured windows. Empty without a hardware PMU.",
      kInstrumented},
     perf_count<PerfEvent::kCycles>},
    {{"instructions", "count", kInteger, kSample, kLess, false, true,
      "Instructions retired in user space, in all measured windows. Empty without a hardware PMU.",
      kInstrumented},
     perf_count<PerfEvent::kInstructions>},
    {{"cache_misses", "count", kInteger, kSample, kLess, false, true,
      "Misses of the last-level cache from user space, in all measured windows. Empty without a "
      "hardware PMU.",
      kInstrumented},
     perf_count<PerfEvent::kCacheMisses>},
    {{"allocator_lock_waits", "count", kInteger, kSample, kLess, false, true,
      "The allocator's own locks found taken, as it counts them itself (jemalloc: waited for or "
      "won "
      "by spinning). Of the whole process, so uncounted operations at the windows' ends are in it. "
      "Empty for allocators that do not count.",
      kInstrumented},
     [](const Measurement& m) {
       return m.allocator.lock_waits ? count(m, *m.allocator.lock_waits) : "";
     }},
    {{"allocator_lock_ops", "count", kInteger, kSample, kLess, false, true,
      "How often the allocator took one of its own locks; like allocator_lock_waits.",
      kInstrumented},
     [](const Measurement& m) {
       return m.allocator.lock_ops ? count(m, *m.allocator.lock_ops) : "";
     }},
    {{"allocator_mapped_bytes", "B", kInteger, kSample, kLess, false, false,
      "What the allocator says it holds of the system after the last window. glibc: mallinfo2, "
      "arena "
      "+ hblkhd; jemalloc: stats.mapped; mimalloc: committed (mi_process_info); gperftools: "
      "generic.heap_size - tcmalloc.pageheap_unmapped_bytes. They do not mean quite the same, and "
      "untouched pages are in it: compare with peak_rss_bytes, not with each other.",
      kInstrumented},
     [](const Measurement& m) { return given(m.allocator.mapped_bytes); }},
    {{"arenas", "count", kInteger, kSample, kNone, false, false,
      "Arenas in use after the last window. glibc: heaps of malloc_info; jemalloc: initialised "
      "arenas. Empty for others."},
     [](const Measurement& m) { return given(m.allocator.arenas); }},
    {{"steal_ns", "ns", kInteger, kSample, kNone, false, false,
      "Machine-wide: time the hypervisor ran something else, over the sample. A noise flag, never "
      "a "
      "correction. Resolution 10 ms."}},
    {{"psi_cpu_us", "us", kInteger, kSample, kNone, false, false,
      "Machine-wide: time in which some task waited for a CPU, over the sample. A noise flag."}},
    {{"tlb_shootdowns", "count", kInteger, kSample, kNone, false, false,
      "Machine-wide: interrupts to make other CPUs forget a mapping, over the sample."}},
    {{"peak_rss_bytes", "B", kInteger, kSample, kLess, true, false,
      "The worker's largest resident set (VmHWM), not its parent's."},
     peak_rss},
    {{"baseline_rss_bytes", "B", kInteger, kSample, kNone, false, false,
      "Resident before the workload's setup, with the harness's own pages touched; where a "
      "workload has large tables of its own, with these too."},
     baseline_rss},
    {{"peak_live_bytes", "B", kInteger, kSample, kNone, false, false,
      "What the workload had requested and not freed: the highest sum of its threads' counters at "
      "the ends of windows."},
     peak_live},
    {{"rss_per_live_byte", "1", kReal, kSample, kLess, true, false,
      "(peak_rss_bytes - baseline_rss_bytes) / peak_live_bytes: 1 is perfect, the rest is "
      "fragmentation, caches and metadata. Empty below 4 MiB live."},
     rss_per_live_byte},
    {{"rss_after_free_100ms_bytes", "B", kInteger, kSample, kLess, true, false,
      "Resident 100 ms after everything was freed: what the allocator has not given back by then, "
      "and the process itself (baseline_rss_bytes). Of workloads that free everything and watch."}},
    {{"rss_after_free_1s_bytes", "B", kInteger, kSample, kLess, true, false,
      "The same 1 s after; empty where the watch is shorter."}},
    {{"rss_after_free_5s_bytes", "B", kInteger, kSample, kLess, true, false,
      "The same 5 s after; empty where the watch is shorter."}},
    {{"mapped_regions", "count", kInteger, kSample, kLess, false, false,
      "Mappings of the process at the end of the last window (lines of /proc/self/maps)."},
     mapped_regions},
    {{"shared_line_share", "1", kReal, kSample, kLess, false, false,
      "Share of the pairs of live objects of different threads that lie on one 64-byte line, from "
      "their addresses after the last window. Of threads/false-sharing; empty at 1 thread."}},
    {{"switch_ns", "ns", kReal, kSample, kLess, true, false,
      "Time of one switch of stacks: that of a resume and its return, halved."},
     switch_ns},
    {{"create_ns", "ns", kReal, kSample, kLess, true, false,
      "Time to make one context (thread, fiber, coroutine) and run it until it has touched one "
      "page "
      "of its stack and waits: of a batch that is alive together, divided by their number."}},
    {{"destroy_ns", "ns", kReal, kSample, kLess, true, false,
      "Time to let one waiting context of such a batch run to its end and give its stack back."}},
    {{"rss_per_stack_bytes", "B", kReal, kSample, kLess, true, false,
      "What the process's resident memory grew by for each live context of such a batch. The "
      "kernel's own share (a thread's kernel stack, page tables) is not in it."}},
    {{"regions_per_stack", "1", kReal, kSample, kLess, false, false,
      "Mappings (lines of /proc/self/maps) that came for each live context of such a batch: "
      "vm.max_map_count limits their sum."}},
    {{"stacks_per_gib", "count", kReal, kSample, kMore, true, false,
      "Live contexts that 1 GiB of resident memory holds: 2^30 / rss_per_stack_bytes. Empty where "
      "they needed no memory that shows."}},
    {{"max_live", "count", kInteger, kSample, kMore, false, false,
      "Contexts alive at once when the workload stopped making more; limit_reason says why."}},
    {{"limit_reason", "", kText, kSample, kNone, false, false,
      "Why no more contexts were made: max_map_count, no_memory, or cap (threads: what the kernel, "
      "the cgroup or this suite allows of them); none: all that were asked for are alive."}},
    {{"usable_stack_bytes", "B", kInteger, kSample, kMore, false, false,
      "Bytes of the stack that a descent could use: from the first frame that it entered to the "
      "lowest byte that was the stack's own. Thread-local storage and whoever called it are above "
      "and not in it."}},
    {{"overflow", "", kText, kSample, kNone, false, false,
      "What using more did, in a child process: guard_hit (a fault right below the stack's lowest "
      "byte), silent_corruption (no fault, and a neighbour's bytes were overwritten) or "
      "crashed_elsewhere."}},
    {{"stack_growth", "", kText, kSample, kNone, false, false,
      "Where a callee's frame lies: down (below its caller's) or up. Each frame of a descent was "
      "on "
      "this side of its caller's and was left before it."}},
    {{"p50", "ns", kReal, kSample, kLess, true, false,
      "Median time of a single operation, all kinds together: closed-loop service time, from call "
      "to return, with the timer's own cost in it. What an operation would have waited for an "
      "earlier one is in no quantile. latency.csv has each kind. Empty, like every quantile, where "
      "fewer than 100 operations took longer; within 0.4 %."},
     [](const Measurement& m) { return quantile_ns(m, m.latency, 0.5); }},
    {{"p90", "ns", kReal, kSample, kLess, true, false,
      "90 % of the single operations took no longer; see p50."},
     [](const Measurement& m) { return quantile_ns(m, m.latency, 0.9); }},
    {{"p99", "ns", kReal, kSample, kLess, true, false,
      "99 % of the single operations took no longer; see p50."},
     [](const Measurement& m) { return quantile_ns(m, m.latency, 0.99); }},
    {{"p999", "ns", kReal, kSample, kLess, true, false,
      "99.9 % of the single operations took no longer; see p50."},
     [](const Measurement& m) { return quantile_ns(m, m.latency, 0.999); }},
    {{"p9999", "ns", kReal, kSample, kLess, true, false,
      "99.99 % of the single operations took no longer; see p50."},
     [](const Measurement& m) { return quantile_ns(m, m.latency, 0.9999); }},
    {{"max", "ns", kReal, kSample, kLess, false, false,
      "The slowest single operation: closed-loop service time, exact. One interrupt makes it, and "
      "it grows with the number of operations, so it is not compared."},
     latency_max},
    {{"timer_ns_p50", "ns", kReal, kSample, kNone, false, false,
      "Median of what the timer shows for no operation at all, in the same process; it is in p50 "
      "and its sisters, nothing is subtracted. Some processors count in steps (10 ns was seen): "
      "then all times of single operations are multiples of it."},
     [](const Measurement& m) { return quantile_ns(m, m.timer, 0.5); }},
    {{"timer_ns_p99", "ns", kReal, kSample, kNone, false, false, "The same, 99 %."},
     [](const Measurement& m) { return quantile_ns(m, m.timer, 0.99); }},
    {{"layout", "", kInteger, kSample, kNone, false, false,
      "Which of the worker's layouts ran, the same program with its objects linked in other "
      "orders; "
      "0 is stackheap-worker itself. All cells of a round run in the same one."}},
    {{"sample_seconds", "s", kReal, kSample, kNone, false, false,
      "From the worker's start to its end, as the driver saw it."}},
    {{"worker_seconds", "s", kReal, kSample, kNone, false, false,
      "Of that, inside the workload's setup, warm-up, windows and verification, as the worker saw "
      "it."}},
    {{"wall_seconds", "s", kReal, kSample, kLess, true, false,
      "Of a program run by `stackheap exec`: from its start to its end."}},
    {{"user_seconds", "s", kReal, kSample, kLess, true, false,
      "CPU time in user space of such a program and of the children it waited for."}},
    {{"system_seconds", "s", kReal, kSample, kLess, true, false,
      "CPU time in the kernel on their behalf."}},
    {{"loop_share", "1", kReal, kDerived, kNone, false, false,
      "ns_per_op of the variant no-alloc (or no-alloc-VARIANT, where a variant has its own) / "
      "ns_per_op of this one: the share of the loop, the random numbers and the touching, which is "
      "not the allocator's."}},
    {{"cpu_excess_ns_per_op", "ns", kReal, kDerived, kLess, false, false,
      "cpu_ns_per_op minus that of the same cell at 1 thread: waiting that burns CPU, and cache "
      "misses."}},
    {{"drift", "1", kReal, kDerived, kNone, false, false,
      "Of an anchor: ns_per_op in the second half of the rounds / in the first, each round with "
      "the "
      "one half a run later. Not 1: the machine itself changed while it measured."}},
    {{"speedup", "1", kReal, kDerived, kMore, false, false,
      "ops_per_second / that of the same cell at 1 thread, up to as many threads as CPUs."}},
    {{"efficiency", "1", kReal, kDerived, kMore, false, false, "speedup / threads."}},
};

std::vector<MetricInfo> select(bool derived_too) {
  std::vector<MetricInfo> infos;
  for (const MetricRow& row : kTable) {
    if (derived_too || row.info.scope == MetricScope::kSample) infos.push_back(row.info);
  }
  return infos;
}

}  // namespace

std::span<const MetricRow> metric_table() {
  return kTable;
}
std::vector<MetricInfo> sample_metrics() {
  return select(false);
}
std::vector<MetricInfo> all_metrics() {
  return select(true);
}

const MetricRow* find_metric(std::string_view name) {
  const auto* row = std::find_if(std::begin(kTable), std::end(kTable),
                                 [&](const MetricRow& r) { return r.info.name == name; });
  return row == std::end(kTable) ? nullptr : row;
}

std::vector<MetricValue> compute_metrics(const Measurement& measurement) {
  std::vector<MetricValue> values;
  for (const MetricRow& row : kTable) {
    if (row.value == nullptr) continue;
    std::string text = row.value(measurement);
    if (!text.empty()) values.push_back({std::string(row.info.name), std::move(text)});
  }
  return values;
}

}  // namespace stackheap
