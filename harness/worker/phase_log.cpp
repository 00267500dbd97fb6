#include "harness/worker/phase_log.hpp"

#include "harness/base/clock.hpp"
#include "harness/base/error.hpp"
#include "harness/base/text.hpp"

namespace stackheap {

void PhaseLog::mark(std::string_view phase) {
  STACKHEAP_CHECK(is_valid_name(phase));
  const std::scoped_lock lock(mutex_);
  STACKHEAP_CHECK(count_ < marks_.size());
  Mark& mark = marks_[count_];
  // Read under the lock, so that the order of the marks is the order of their times.
  mark.monotonic_ns = monotonic_ns();
  mark.length = phase.copy(mark.name, kLongestName);
  ++count_;
}

std::vector<PhaseMark> PhaseLog::phases() const {
  std::vector<PhaseMark> phases;
  for (std::size_t i = 0; i < count_; ++i) {
    const Mark& mark = marks_[i];
    phases.push_back({std::string(mark.name, mark.length), mark.monotonic_ns});
  }
  return phases;
}

}  // namespace stackheap
