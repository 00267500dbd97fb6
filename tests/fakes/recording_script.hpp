// The harness's place for a scripted workload: runs its lanes on threads and keeps what the script
// is told, without windows, pinning or a result document.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <exception>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "harness/base/mapped.hpp"
#include "harness/measure/metric_table.hpp"
#include "harness/worker/script.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {

class RecordingScript final : public Script {
 public:
  explicit RecordingScript(const CellSpec& spec)
      : lanes_(spec.threads), loop_(lanes_.span(), {.share = 1, .windows = 1}) {
    for (unsigned i = 0; i < spec.threads; ++i) {
      lanes_[i].index = i;
      lanes_[i].count = spec.threads;
      lanes_[i].random = Random(derive_seed(spec.seed, i));
    }
  }
  std::span<Lane> lanes() override { return lanes_.span(); }
  WindowLoop& windows() override { return loop_; }
  void report(std::string_view metric, double) override { FAIL() << metric << " is a count"; }
  void report_text(std::string_view metric, std::string_view value) override {
    const MetricRow* row = find_metric(metric);
    ASSERT_NE(row, nullptr) << metric;
    EXPECT_TRUE(reports.emplace(metric, value).second) << metric;
  }
  void note_live_bytes(std::int64_t bytes) override { live = std::max(live, bytes); }
  void take_memory_baseline() override { ++baselines; }
  void mark(std::string_view phase) override { phases.emplace_back(phase); }

  using Script::run_lanes;
  void run_lanes(void (*body)(LaneThread&, void*), void* context) override {
    std::vector<std::exception_ptr> failures(lanes_.size());
    std::vector<std::thread> threads;
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

  std::map<std::string, std::string, std::less<>> reports;
  std::vector<std::string> phases;  // only lane 0 marks
  std::int64_t live = 0;
  int baselines = 0;

 private:
  MappedArray<Lane> lanes_;
  WindowLoop loop_;
};

}  // namespace stackheap
