// One cell, run in this process: lanes, windows, workload, memory, and the result at the end. It
// knows nothing of Google Benchmark, which only decides who calls it (google_benchmark.cpp).
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "harness/measure/metric_table.hpp"
#include "harness/measure/perf_events.hpp"
#include "harness/measure/spin_barrier.hpp"
#include "harness/measure/window_loop.hpp"
#include "harness/model/cell_request.hpp"
#include "harness/worker/latency_recorder.hpp"
#include "harness/worker/phase_log.hpp"
#include "harness/worker/result_channel.hpp"
#include "harness/worker/script.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {

class CellRun {
 public:
  // Maps the harness's memory, reads the baseline and constructs the workload.
  CellRun(const RegisteredWorkload& workload, const CellRequest& request);
  ~CellRun();

  const RegisteredWorkload& workload() const { return workload_; }
  std::uint64_t last_window_ns() const { return loop_.last_window_ns(); }
  std::uint64_t share() const { return loop_.share(); }

  // On the thread of lane `index`, all lanes at once: setup, warm-up, the measured windows, verify.
  // `measured(window)` must call window() once per measured window; it is where Google Benchmark's
  // loop stands.
  template <class Measured>
  void run_lane(unsigned index, Measured&& measured) {
    with_status_of_exceptions([&] {
      const LaneThread thread(lanes_[index]);
      prepare(thread);
      const auto window = [&] { run_window(thread); };
      while (loop_.warming()) window();
      measured(window);
      conclude(thread);
    });
  }

  // A scripted workload, on one thread.
  void run_script();

  // After every lane has left.
  WorkerResult result() const;

 private:
  class ScriptRun;

  void prepare(const LaneThread& thread);
  void run_window(const LaneThread& thread);
  void conclude(const LaneThread& thread);
  void read_final_memory();
  void read_allocator();

  const RegisteredWorkload& workload_;
  const CellRequest request_;
  const std::optional<PerfEventSet> perf_events_;  // of instrumented samples
  MappedArray<Lane> lanes_;
  WindowLoop loop_;
  SpinBarrier barrier_;
  std::optional<LatencyRecorder> latency_;  // of the shape `histogram`
  std::uint64_t started_ns_ = 0;
  std::uint64_t ended_ns_ = 0;
  Measurement measurement_;
  std::mutex reported_mutex_;
  std::vector<MetricValue> reported_;
  PhaseLog phases_;
  std::unique_ptr<WorkloadObject> object_;
};

}  // namespace stackheap
