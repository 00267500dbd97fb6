// Runs one cell in the test's own process, as the harness does in a worker's: lanes on threads of
// their own, setup, windows, report, verify, finish, or a workload's script. Starting workers would
// be more faithful, but a test wants to see live bytes, reports and messages, and a debugger.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "harness/base/mapped.hpp"
#include "harness/measure/latency_histogram.hpp"
#include "harness/worker/script.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap::testing_lanes {

// For the life of the object, workloads damage their own data. The environment is the process's:
// one at a time.
class PlantedFault {
 public:
  explicit PlantedFault(const char* fault) {
    if (::setenv("STACKHEAP_TEST_FAULT", fault, 1) != 0) std::abort();
  }
  PlantedFault(const PlantedFault&) = delete;
  PlantedFault& operator=(const PlantedFault&) = delete;
  ~PlantedFault() { ::unsetenv("STACKHEAP_TEST_FAULT"); }
};

// A Script over the real window loop, with a fixed share; keeps what it is told.
class LaneScript final : public Script {
 public:
  LaneScript(const CellSpec& spec, std::uint64_t share, unsigned windows)
      : lanes_(spec.threads),
        loop_(lanes_.span(), {.share = share,
                              .windows = windows,
                              .warm_up_minimum = 0,
                              .warm_up_maximum = 0,
                              .yield_while_waiting = true}) {
    for (unsigned i = 0; i < spec.threads; ++i) {
      lanes_[i].index = i;
      lanes_[i].count = spec.threads;
      lanes_[i].random = Random(derive_seed(spec.seed, i));
    }
  }

  std::span<Lane> lanes() override { return lanes_.span(); }
  WindowLoop& windows() override { return loop_; }
  void report(std::string_view metric, double value) override {
    report_text(metric, std::to_string(value));
  }
  void report_text(std::string_view metric, std::string_view value) override {
    const std::scoped_lock lock(mutex_);
    EXPECT_TRUE(reports.emplace(metric, value).second) << metric << " is reported twice";
  }
  void note_live_bytes(std::int64_t bytes) override {
    const std::scoped_lock lock(mutex_);
    noted_live = std::max(noted_live, bytes);
  }
  void take_memory_baseline() override { ++baselines; }
  void mark(std::string_view phase) override {
    const std::scoped_lock lock(mutex_);
    phases.emplace_back(phase);
  }

  using Script::run_lanes;
  void run_lanes(void (*body)(LaneThread&, void*), void* context) override {
    std::vector<std::exception_ptr> failures(lanes_.size());
    std::vector<std::thread> threads;
    threads.reserve(lanes_.size());
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      threads.emplace_back([&, i] {
        try {
          LaneThread thread(lanes_[i]);
          body(thread, context);
        } catch (...) {
          failures[i] = std::current_exception();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::exception_ptr& failure : failures) {
      if (failure) std::rethrow_exception(failure);
    }
  }

  std::int64_t live_bytes() const {
    std::int64_t sum = 0;
    for (const Lane& lane : lanes_) sum += lane.live_bytes;
    return sum;
  }

  std::map<std::string, std::string, std::less<>> reports;
  std::vector<std::string> phases;
  std::int64_t noted_live = 0;
  int baselines = 0;

 private:
  std::mutex mutex_;
  MappedArray<Lane> lanes_;
  WindowLoop loop_;
};

struct LaneOutcome {
  std::vector<std::string> failures;  // what each CheckFailed said, in the order of the lanes
  std::string cannot_run;             // what CannotRun said
  std::uint64_t operations = 0;       // counted ones, of all lanes and windows
  std::int64_t live_between = 0;      // after the last window
  std::int64_t live_after = 0;        // at the end
  std::map<std::string, std::string, std::less<>> reports;
  std::vector<std::string> phases;
};

// What a lane's part of the work ended with, for all lanes.
class LaneFailures {
 public:
  explicit LaneFailures(std::size_t lanes) : failures_(lanes) {}

  template <class Part>
  void run(std::size_t lane, Part&& part) {
    try {
      part();
    } catch (...) {
      failures_[lane] = std::current_exception();
    }
  }
  bool any() const {
    return std::any_of(failures_.begin(), failures_.end(),
                       [](const std::exception_ptr& failure) { return failure != nullptr; });
  }
  // CheckFailed and CannotRun become the outcome's; anything else is the test's to see.
  void tell(LaneOutcome& outcome) const {
    for (const std::exception_ptr& failure : failures_) {
      if (!failure) continue;
      try {
        std::rethrow_exception(failure);
      } catch (const CheckFailed& error) {
        outcome.failures.emplace_back(error.what());
      } catch (const CannotRun& error) {
        outcome.cannot_run = error.what();
      }
    }
  }

 private:
  std::vector<std::exception_ptr> failures_;
};

inline void run_windowed(WorkloadObject& object, const WorkloadInfo& info, bool uncounted,
                         LaneScript& script, LaneOutcome& outcome) {
  const std::size_t count = script.lanes().size();
  const std::size_t kinds = info.timed_operations.size();
  MappedArray<LatencyHistogram> latency(std::max<std::size_t>(1, count * kinds));
  script.windows().work_in_lots_of(object.lot());
  std::barrier phase(static_cast<std::ptrdiff_t>(count));
  LaneFailures setups(count);
  LaneFailures verdicts(count);
  script.run_lanes([&](LaneThread& thread) {
    Lane& lane = thread.lane();
    if (kinds != 0) lane.latency = &latency[lane.index * kinds];
    setups.run(lane.index, [&] { object.setup(lane); });
    phase.arrive_and_wait();
    if (setups.any()) return;
    while (!script.windows().done()) {
      script.windows().run_window(lane, thread.probe(), uncounted && info.uncounted_work,
                                  [&](Lane& of, std::uint64_t n) { object.step(of, n); });
    }
    phase.arrive_and_wait();
    if (lane.index == 0) {
      outcome.live_between = script.live_bytes();
      setups.run(0, [&] { object.report(script); });
    }
    phase.arrive_and_wait();
    verdicts.run(lane.index, [&] { object.verify(lane); });
  });
  setups.tell(outcome);
  verdicts.tell(outcome);
  if (setups.any() || verdicts.any()) return;
  LaneFailures end(1);
  end.run(0, [&] { object.finish(); });
  end.tell(outcome);
}

// `share`: operations of a lane in a window, as far as the workload counts in windows. Without
// `uncounted` work a lane that has done its share waits: with a hundred threads to a CPU the others
// would else need many time slices to do theirs.
inline LaneOutcome run_cell(const CellSpec& spec, std::uint64_t share, unsigned windows = 2,
                            bool uncounted = true) {
  const RegisteredWorkload* found = find_workload(spec.workload);
  if (found == nullptr) throw std::logic_error("not registered: " + std::string(spec.workload));
  LaneOutcome outcome;
  LaneScript script(spec, share, windows);
  LaneFailures whole(1);
  whole.run(0, [&] {
    const std::unique_ptr<WorkloadObject> object = found->factory(spec);
    if (found->info.shape != Shape::kScripted) {
      run_windowed(*object, found->info, uncounted, script, outcome);
      return;
    }
    script.windows().work_in_lots_of(object->lot());
    object->run(script);
    object->finish();
  });
  whole.tell(outcome);
  outcome.operations = script.windows().totals().operations;
  outcome.live_between =
      std::max({outcome.live_between, script.noted_live, script.windows().peak_live_bytes()});
  outcome.live_after = script.live_bytes();
  outcome.reports = std::move(script.reports);
  outcome.phases = std::move(script.phases);
  return outcome;
}

}  // namespace stackheap::testing_lanes
