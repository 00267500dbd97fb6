#include "harness/measure/window_loop.hpp"

#include <sched.h>

#include <algorithm>
#include <limits>

#include "harness/base/error.hpp"

namespace stackheap {
namespace {

constexpr std::uint64_t kPilotFirstShare = 16;
constexpr std::uint64_t kPilotGrowth = 4;
constexpr unsigned kPilotTries = 3;
constexpr std::uint64_t kLargestShare = std::uint64_t{1} << 40U;
// Windows are called flat when the last kFlatWindows lie within this ratio of each other.
constexpr double kFlatRatio = 1.05;
constexpr unsigned kFlatWindows = 3;
constexpr unsigned kSpinsBeforeYield = 200;

inline void pause_cpu() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

void add(LaneTotals& sum, const LaneTotals& part) {
  sum.operations += part.operations;
  sum.thread_ns += part.thread_ns;
  sum.cpu_ns += part.cpu_ns;
  sum.run_queue_ns += part.run_queue_ns;
  sum.blocked_ns += part.blocked_ns;
  sum.voluntary_switches += part.voluntary_switches;
  sum.involuntary_switches += part.involuntary_switches;
  sum.minor_faults += part.minor_faults;
  sum.major_faults += part.major_faults;
  sum.counts.add(part.counts);
}

// The upper median; reorders.
double middle_of(std::uint64_t* begin, std::uint64_t* end) {
  std::uint64_t* middle = begin + (end - begin) / 2;
  std::nth_element(begin, middle, end);
  return static_cast<double>(*middle);
}

// A stretch of a window on one thread, without what depends on the common start.
void add_stretch(LaneTotals& window, const ThreadSnapshot& start, const ThreadSnapshot& finish) {
  window.cpu_ns += finish.cpu_ns - start.cpu_ns;
  window.run_queue_ns += finish.run_queue_ns - start.run_queue_ns;
  window.voluntary_switches += finish.voluntary_switches - start.voluntary_switches;
  window.involuntary_switches += finish.involuntary_switches - start.involuntary_switches;
  window.minor_faults += finish.minor_faults - start.minor_faults;
  window.major_faults += finish.major_faults - start.major_faults;
  window.counts.add_difference(start.counts, finish.counts);
}

}  // namespace

std::string_view to_string(WarmUp warm_up) {
  switch (warm_up) {
    case WarmUp::kFlat:
      return "flat";
    case WarmUp::kWarmed:
      return "warmed";
    case WarmUp::kSlowing:
      return "slowing";
    case WarmUp::kUnsteady:
      return "unsteady";
  }
  return "";
}

WindowLoop::WindowLoop(std::span<Lane> lanes, const WindowPlan& plan)
    : lanes_(lanes),
      plan_(plan),
      records_(lanes.size()),
      results_(plan.windows),
      warm_up_ns_(plan.warm_up_maximum),
      share_(plan.share != 0 ? plan.share : kPilotFirstShare),
      piloting_(plan.share == 0),
      warming_(plan.share == 0 || plan.warm_up_maximum > 0) {
  STACKHEAP_CHECK(!lanes.empty() && plan.windows > 0);
  if (!warming_) end_warming();
}

void WindowLoop::work_in_lots_of(std::uint64_t operations) {
  STACKHEAP_CHECK(operations > 0 && arrivals_.load(std::memory_order_relaxed) == 0);
  lot_ = operations;
  share_ = in_lots(share_);
}

std::uint64_t WindowLoop::in_lots(std::uint64_t share) const {
  return (share + lot_ - 1) / lot_ * lot_;
}

template <class Ready>
void WindowLoop::wait_until(Ready ready) const {
  for (unsigned spins = 0; !ready(); ++spins) {
    if (plan_.yield_while_waiting && spins >= kSpinsBeforeYield) {
      sched_yield();
    } else {
      pause_cpu();
    }
  }
}

void WindowLoop::open(Lane& lane, const ThreadProbe& probe) {
  LaneRecord& record = records_[lane.index];
  const std::uint64_t number = ++record.number;
  if (plan_.turns != nullptr) plan_.turns->acquire_together(lane, number, lanes_.size());
  record.share = share_;
  record.window = LaneTotals{};
  record.has_schedstat = probe.has_schedstat();
  const std::uint64_t arrivals = arrivals_.fetch_add(1, std::memory_order_acq_rel) + 1;
  if (arrivals == number * lanes_.size()) {
    opened_window_.store(number, std::memory_order_release);
  } else {
    wait_until([&] { return opened_window_.load(std::memory_order_acquire) == number; });
  }
  record.start = probe.at_start();
  record.first_start_ns = record.start.wall_ns;
}

void WindowLoop::close(Lane& lane, const ThreadProbe& probe) {
  const ThreadSnapshot finish = probe.at_finish();
  LaneRecord& record = records_[lane.index];
  add_stretch(record.window, record.start, finish);
  record.finish_ns = finish.wall_ns;
  record.live_bytes = lane.live_bytes;
  const std::uint64_t number = record.number;
  const std::uint64_t closings = closings_.fetch_add(1, std::memory_order_acq_rel) + 1;
  if (closings == number * lanes_.size()) {
    evaluate_window();
    if (plan_.turns != nullptr) plan_.turns->spend();
    closed_window_.store(number, std::memory_order_release);
  }
}

void WindowLoop::await_turn(const Lane& lane) {
  if (plan_.turns != nullptr) {
    plan_.turns->acquire_together(lane, records_[lane.index].number + 1, lanes_.size());
  }
}

bool WindowLoop::others_work_on(const Lane& lane) const {
  if (plan_.yield_while_waiting) sched_yield();
  return !all_closed(lane);
}

void WindowLoop::await_all_closed(const Lane& lane) const {
  wait_until([&] { return all_closed(lane); });
}

void WindowLoop::hand_over(Lane& lane, const ThreadProbe& probe) {
  const ThreadSnapshot finish = probe.at_finish();
  LaneRecord& record = records_[lane.index];
  add_stretch(record.window, record.start, finish);
  record.finish_ns = finish.wall_ns;
}

void WindowLoop::take_over(Lane& lane, const ThreadProbe& probe) {
  LaneRecord& record = records_[lane.index];
  record.start = probe.at_start();
  record.window.run_queue_ns += record.start.wall_ns - record.finish_ns;
  record.has_schedstat = record.has_schedstat && probe.has_schedstat();
}

void WindowLoop::open_all(ProcessProbe& probe) {
  shared_ = true;
  const std::uint64_t number = records_[0].number + 1;
  for (LaneRecord& record : records_) {
    record.number = number;
    record.share = share_;
    record.window = LaneTotals{};
    record.has_schedstat = probe.has_schedstat();
  }
  records_[0].start = probe.at_start();
  for (LaneRecord& record : records_) record.first_start_ns = records_[0].start.wall_ns;
}

void WindowLoop::close_all(ProcessProbe& probe) {
  const ThreadSnapshot finish = probe.at_finish();
  add_stretch(records_[0].window, records_[0].start, finish);
  for (std::size_t i = 0; i < records_.size(); ++i) {
    records_[i].finish_ns = finish.wall_ns;
    records_[i].live_bytes = lanes_[i].live_bytes;
    records_[i].has_schedstat = probe.has_schedstat();
  }
  evaluate_window();
  // As if every lane had come and gone.
  arrivals_.fetch_add(lanes_.size(), std::memory_order_relaxed);
  opened_window_.fetch_add(1, std::memory_order_relaxed);
  closings_.fetch_add(lanes_.size(), std::memory_order_relaxed);
  closed_window_.fetch_add(1, std::memory_order_release);
}

void WindowLoop::evaluate_window() {
  // The common start is that of the first lane to start: a lane that starts later was waiting for a
  // CPU in the meantime.
  std::uint64_t common_start = records_[0].first_start_ns;
  std::uint64_t last_finish = 0;
  std::int64_t live = 0;
  for (const LaneRecord& record : records_) {
    common_start = std::min(common_start, record.first_start_ns);
    last_finish = std::max(last_finish, record.finish_ns);
    live += record.live_bytes;
    has_schedstat_ = has_schedstat_ && record.has_schedstat;
  }
  peak_live_bytes_ = std::max(peak_live_bytes_, live);
  last_window_ns_ = last_finish - common_start;
  if (piloting_) {
    pilot(last_window_ns_);
  } else if (warming_) {
    warm_up_window(last_window_ns_);
  } else {
    measure(common_start, last_window_ns_);
  }
}

void WindowLoop::measure(std::uint64_t common_start, std::uint64_t window_ns) {
  STACKHEAP_CHECK(measured_ < plan_.windows);
  results_[measured_] = {window_ns, share_ * lanes_.size()};
  ++measured_;
  for (LaneRecord& record : records_) {
    LaneTotals& window = record.window;
    window.operations = record.share;
    window.thread_ns = record.finish_ns - common_start;
    window.run_queue_ns += record.first_start_ns - common_start;
    window.blocked_ns = static_cast<std::int64_t>(window.thread_ns) -
                        static_cast<std::int64_t>(window.cpu_ns + window.run_queue_ns);
    add(record.total, window);
  }
}

void WindowLoop::pilot(std::uint64_t window_ns) {
  pilot_fastest_ns_ = pilot_tries_ == 0 ? window_ns : std::min(pilot_fastest_ns_, window_ns);
  ++pilot_tries_;
  window_ns = pilot_fastest_ns_;
  if (2 * window_ns >= plan_.pilot_target_ns || share_ >= kLargestShare) {
    // One window may be long because a thread was taken off its CPU; that the fastest of several is
    // long is the workload's doing.
    if (pilot_tries_ < kPilotTries) return;
    piloting_ = false;
    if (plan_.warm_up_maximum == 0) end_warming();
    return;
  }
  pilot_tries_ = 0;
  // Small windows are dominated by their own overhead, so the share grows by a fixed factor until
  // its time can be extrapolated.
  if (8 * window_ns < plan_.pilot_target_ns) {
    share_ *= kPilotGrowth;
  } else {
    share_ = in_lots(share_ * plan_.pilot_target_ns / window_ns);
  }
}

bool WindowLoop::is_flat() const {
  if (warm_up_windows_ < std::max(plan_.warm_up_minimum, kFlatWindows)) return false;
  const std::uint64_t* last = warm_up_ns_.data() + warm_up_windows_;
  const auto [least, most] = std::minmax_element(last - kFlatWindows, last);
  return static_cast<double>(*most) <= kFlatRatio * static_cast<double>(*least);
}

void WindowLoop::warm_up_window(std::uint64_t window_ns) {
  warm_up_ns_[warm_up_windows_++] = window_ns;
  if (is_flat()) {
    warm_up_ = warm_up_windows_ <= std::max(plan_.warm_up_minimum, kFlatWindows) ? WarmUp::kFlat
                                                                                 : WarmUp::kWarmed;
    end_warming();
  } else if (warm_up_windows_ == plan_.warm_up_maximum) {
    std::uint64_t* first = warm_up_ns_.data();
    std::uint64_t* middle = first + warm_up_windows_ / 2;
    std::uint64_t* last = first + warm_up_windows_;
    const bool slower = middle_of(middle, last) > kFlatRatio * middle_of(first, middle);
    warm_up_ = slower ? WarmUp::kSlowing : WarmUp::kUnsteady;
    end_warming();
  }
}

void WindowLoop::end_warming() {
  warming_ = false;
  if (plan_.before_measuring != nullptr) plan_.before_measuring();
}

LaneTotals WindowLoop::totals() const {
  LaneTotals sum;
  for (const LaneRecord& record : records_) add(sum, record.total);
  return sum;
}

LaneTotals WindowLoop::lane_totals(unsigned index) const {
  return records_[index].total;
}

double WindowLoop::fairness() const {
  if (shared_) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  double sum_of_squares = 0;
  for (const LaneRecord& record : records_) {
    const double speed = static_cast<double>(record.total.operations) /
                         static_cast<double>(std::max<std::uint64_t>(record.total.thread_ns, 1));
    sum += speed;
    sum_of_squares += speed * speed;
  }
  if (sum_of_squares == 0) return 1;
  return sum * sum / (static_cast<double>(records_.size()) * sum_of_squares);
}

}  // namespace stackheap
