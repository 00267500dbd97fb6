// The measured window.
//
// All lanes meet at a barrier that spins instead of sleeping: a futex wakes threads one after the
// other, and the early ones run alone for a while, which looks like a gain. Each lane takes a
// snapshot, does its fixed share of operations and takes another; then it keeps doing uncounted
// operations until the last lane has finished its share, so that no one finishes uncontended (as in
// the Java Microbenchmark Harness, sample 17). With more lanes than CPUs the waits yield, because
// pure spinning made a 7 ms window of 256 threads take seconds.
//
// Google Benchmark's own timing would do for one thread. For several it divides by the number of
// threads, hides blocking in its CPU time and releases its threads through a condition variable.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "harness/base/mapped.hpp"
#include "harness/measure/lane.hpp"
#include "harness/measure/process_probe.hpp"
#include "harness/measure/thread_probe.hpp"
#include "harness/measure/turns.hpp"
#include "harness/model/sample.hpp"

namespace stackheap {

struct WindowPlan {
  std::uint64_t share = 0;  // operations of one lane in one window; 0: find it by a pilot
  std::uint64_t pilot_target_ns = 5'000'000;  // the pilot grows the share until a window takes this
  unsigned windows = 10;                      // measured windows
  unsigned warm_up_minimum = 3;               // warm-up windows before flatness is asked for
  unsigned warm_up_maximum = 10;              // give up warming after these
  bool yield_while_waiting = false;           // more lanes than CPUs
  // Called once, before the first measured window opens and after the last one before it; by the
  // last lane to close that, or by the constructor where there is none.
  void (*before_measuring)() = nullptr;
  // Of a process that takes turns with others: each window is opened in the process's turn, which
  // ends with it. Outlives the loop; null: no turns.
  Turns* turns = nullptr;
};

// How the windows before the measured ones went; recorded as `warm_up`.
enum class WarmUp {
  kFlat,      // flat from the first windows on
  kWarmed,    // became flat, after slower ones
  kSlowing,   // never flat: each later window was slower
  kUnsteady,  // never flat, in no direction
};
std::string_view to_string(WarmUp warm_up);

// Sums over lanes and measured windows, each from the common start to the lane's own finish.
struct LaneTotals {
  std::uint64_t operations = 0;
  std::uint64_t thread_ns = 0;
  std::uint64_t cpu_ns = 0;
  std::uint64_t run_queue_ns = 0;
  std::int64_t blocked_ns = 0;  // the remainder; negative values are kept
  std::uint64_t voluntary_switches = 0;
  std::uint64_t involuntary_switches = 0;
  std::uint64_t minor_faults = 0;
  std::uint64_t major_faults = 0;
  PerfCounts counts = PerfCounts::zero();
};

class WindowLoop {
 public:
  // `lanes` outlive the loop. All memory is mapped here, none is taken from the heap later.
  WindowLoop(std::span<Lane> lanes, const WindowPlan& plan);

  // From now on every share is a whole number of lots of `operations`, at least one: for work that
  // cannot be cut anywhere. Before the first window.
  void work_in_lots_of(std::uint64_t operations);

  // Every lane calls this for every window, from whichever thread carries the lane. `step(lane, n)`
  // does n operations. With `uncounted` false a lane that has finished only waits.
  template <class Step>
  void run_window(Lane& lane, const ThreadProbe& probe, bool uncounted, Step&& step) {
    open(lane, probe);
    const std::uint64_t share = lane_share(lane);
    step(lane, share);
    close(lane, probe);
    if (uncounted) {
      const std::uint64_t chunk = uncounted_chunk(share);
      while (others_work_on(lane)) step(lane, chunk);
    }
    await_all_closed(lane);
  }

  // A window whose work is done by threads that a library owns: the calling thread alone opens and
  // closes it for all lanes, and step(n) has the n operations of all lanes done. What was spent is
  // the process's and not to be told apart by lanes: totals() has it, fairness() is not a number.
  template <class Step>
  void run_shared_window(ProcessProbe& probe, Step&& step) {
    open_all(probe);
    step(share_ * lanes_.size());
    close_all(probe);
  }

  // The parts of run_window, for workloads whose lanes move from thread to thread.
  void open(Lane& lane, const ThreadProbe& probe);
  void close(Lane& lane, const ThreadProbe& probe);
  // By every lane, after the last window: sleeps until it is this process's turn again, for what is
  // done then would disturb the windows of others.
  void await_turn(const Lane& lane);
  bool all_closed(const Lane& lane) const {
    return closed_window_.load(std::memory_order_acquire) == records_[lane.index].number;
  }
  void await_all_closed(const Lane& lane) const;
  // Asked by a lane that has closed its window, before each chunk of uncounted work: whether some
  // lane has not. With more lanes than CPUs it yields first, so that the counted work goes before:
  // else each of 256 finished lanes spends its whole time slice on work that nobody counts.
  bool others_work_on(const Lane& lane) const;
  // Operations the lane has to do in the window it has opened.
  std::uint64_t lane_share(const Lane& lane) const { return records_[lane.index].share; }
  // Uncounted operations between two looks at others_work_on(): about 1/256 of a window.
  static std::uint64_t uncounted_chunk(std::uint64_t share) { return share / 256 + 1; }
  // Within a window, on the thread that gives the lane up, and on the one that takes it over: the
  // time between the two is waiting for a CPU and counted as run queue.
  void hand_over(Lane& lane, const ThreadProbe& probe);
  void take_over(Lane& lane, const ThreadProbe& probe);

  // Between windows, the same for all lanes. First come pilot and warm-up windows, then the
  // measured ones; done() after plan.windows of these.
  bool warming() const { return warming_; }
  bool done() const { return measured_ >= plan_.windows; }
  std::uint64_t share() const { return share_; }
  std::uint64_t last_window_ns() const { return last_window_ns_; }

  // After the last window.
  std::span<const WindowResult> windows() const { return {results_.data(), measured_}; }
  LaneTotals totals() const;
  LaneTotals lane_totals(unsigned index) const;
  // Jain's index of the lanes' operations per second; not a number after a shared window.
  double fairness() const;
  WarmUp warm_up() const { return warm_up_; }
  bool has_schedstat() const { return has_schedstat_; }
  std::int64_t peak_live_bytes() const { return peak_live_bytes_; }

 private:
  // Written by the lane alone while its window is open, read by the last lane to close.
  struct alignas(2 * kCacheLine) LaneRecord {
    std::uint64_t number = 0;  // of the window it has opened, from 1
    std::uint64_t share = 0;   // its operations in that window
    ThreadSnapshot start;      // of the current stretch on one thread
    std::uint64_t first_start_ns = 0;
    std::uint64_t finish_ns = 0;
    std::int64_t live_bytes = 0;
    bool has_schedstat = true;
    LaneTotals window;  // without what depends on the common start
    LaneTotals total;
  };

  void open_all(ProcessProbe& probe);
  void close_all(ProcessProbe& probe);
  void evaluate_window();  // by the last lane to close
  void measure(std::uint64_t common_start, std::uint64_t window_ns);
  void pilot(std::uint64_t window_ns);
  void warm_up_window(std::uint64_t window_ns);
  std::uint64_t in_lots(std::uint64_t share) const;
  void end_warming();
  bool is_flat() const;
  template <class Ready>
  void wait_until(Ready ready) const;

  std::span<Lane> lanes_;
  WindowPlan plan_;
  MappedArray<LaneRecord> records_;
  MappedArray<WindowResult> results_;
  MappedArray<std::uint64_t> warm_up_ns_;

  // Written by the last lane to close, between closing and opening.
  std::uint64_t share_ = 0;
  std::uint64_t lot_ = 1;
  std::uint64_t last_window_ns_ = 0;
  unsigned measured_ = 0;
  unsigned warm_up_windows_ = 0;
  unsigned pilot_tries_ = 0;  // windows at the current share
  std::uint64_t pilot_fastest_ns_ = 0;
  bool piloting_ = false;
  bool warming_ = true;
  WarmUp warm_up_ = WarmUp::kUnsteady;
  bool has_schedstat_ = true;
  bool shared_ = false;  // some window was
  std::int64_t peak_live_bytes_ = 0;

  alignas(2 * kCacheLine) std::atomic<std::uint64_t> arrivals_{0};
  alignas(2 * kCacheLine) std::atomic<std::uint64_t> opened_window_{0};
  alignas(2 * kCacheLine) std::atomic<std::uint64_t> closings_{0};
  alignas(2 * kCacheLine) std::atomic<std::uint64_t> closed_window_{0};
};

}  // namespace stackheap
