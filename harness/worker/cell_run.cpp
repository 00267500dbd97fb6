#include "harness/worker/cell_run.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include "harness/allocators/statistics.hpp"
#include "harness/base/clock.hpp"
#include "harness/base/error.hpp"

namespace stackheap {
namespace {

WindowPlan plan_of(const CellRequest& request) {
  return {.share = request.share,
          .pilot_target_ns = request.pilot_target_ns,
          .windows = request.windows,
          .warm_up_minimum = request.warm_up_minimum,
          .warm_up_maximum = request.warm_up_maximum,
          .yield_while_waiting = request.oversubscribed,
          .before_measuring = request.instrumented ? reset_allocator_statistics : nullptr,
          .turns = turns_of_process()};
}

std::uint64_t waited_ns() {
  const Turns* turns = turns_of_process();
  return turns == nullptr ? 0 : turns->waited_ns();
}

// Each lane's thread opens a descriptor per event, and 256 of them pass the usual limit of 1,024.
void allow_many_descriptors() {
  rlimit limit{};
  STACKHEAP_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  STACKHEAP_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

void pin_this_thread(int cpu) {
  // Sized for the CPU, since cpu_set_t ends at 1,024.
  cpu_set_t* set = CPU_ALLOC(cpu + 1);
  STACKHEAP_CHECK(set != nullptr);
  const std::size_t size = CPU_ALLOC_SIZE(cpu + 1);
  CPU_ZERO_S(size, set);
  CPU_SET_S(cpu, size, set);
  const bool pinned = sched_setaffinity(0, size, set) == 0;
  CPU_FREE(set);
  if (!pinned) {
    throw CannotRun(
        fmt::format("cannot pin a thread to CPU {}: it is offline or outside this "
                    "process's CPU set; run with --pin none",
                    cpu));
  }
}

}  // namespace

LaneThread::LaneThread(Lane& lane) : lane_(lane), probe_(lane.probe_options) {
  if (lane.cpu >= 0) pin_this_thread(lane.cpu);
}

// The harness's side of Script, and of the Reporter of windowed workloads.
class CellRun::ScriptRun final : public Script {
 public:
  explicit ScriptRun(CellRun& run) : run_(run) {}

  std::span<Lane> lanes() override { return run_.lanes_.span(); }
  WindowLoop& windows() override { return run_.loop_; }

  void report(std::string_view metric, double value) override {
    report_text(metric, fmt::format("{:.9g}", value));
  }

  void report_text(std::string_view metric, std::string_view value) override {
    const MetricRow* row = find_metric(metric);
    STACKHEAP_CHECK(row != nullptr && row->info.scope == MetricScope::kSample);
    const std::scoped_lock lock(run_.reported_mutex_);
    run_.reported_.push_back({std::string(metric), std::string(value)});
  }

  void note_live_bytes(std::int64_t bytes) override {
    const std::scoped_lock lock(run_.reported_mutex_);
    peak_live_ = std::max(peak_live_, bytes);
  }

  void take_memory_baseline() override {
    run_.measurement_.baseline_memory = read_resident_memory();
  }

  void mark(std::string_view phase) override { run_.phases_.mark(phase); }

  using Script::run_lanes;
  void run_lanes(void (*body)(LaneThread&, void*), void* context) override {
    struct Start {
      Lane* lane;
      void (*body)(LaneThread&, void*);
      void* context;
    };
    const auto entry = [](void* argument) -> void* {
      const auto& start = *static_cast<Start*>(argument);
      with_status_of_exceptions([&] {
        LaneThread thread(*start.lane);
        start.body(thread, start.context);
      });
      return nullptr;
    };
    MappedArray<pthread_t> threads(run_.lanes_.size());
    MappedArray<Start> starts(run_.lanes_.size());
    for (std::size_t i = 0; i < threads.size(); ++i) {
      starts[i] = {&run_.lanes_[i], body, context};
      if (pthread_create(&threads[i], nullptr, entry, &starts[i]) != 0) {
        end_with_status(Status::kOutOfMemory, fmt::format("cannot create thread {}", i));
      }
    }
    for (const pthread_t thread : threads) STACKHEAP_CHECK(pthread_join(thread, nullptr) == 0);
  }

  std::int64_t peak_live() const { return peak_live_; }

 private:
  CellRun& run_;
  std::int64_t peak_live_ = 0;
};

CellRun::CellRun(const RegisteredWorkload& workload, const CellRequest& request)
    : workload_(workload),
      request_(request),
      perf_events_(request.instrumented ? std::make_optional<PerfEventSet>() : std::nullopt),
      lanes_(request.threads),
      loop_(lanes_.span(), plan_of(request)),
      barrier_(request.threads) {
  for (unsigned i = 0; i < request.threads; ++i) {
    Lane& lane = lanes_[i];
    lane.index = i;
    lane.count = request.threads;
    lane.random = Random(derive_seed(request.seed, i));
    if (perf_events_) lane.probe_options.events = &*perf_events_;
    lane.probe_options.wall_clock_only = request.wall_clock_only;
    if (!request.cpus.empty()) {
      lane.cpu = static_cast<int>(request.cpus[i % request.cpus.size()]);
    }
  }
  if (workload.info.shape == Shape::kHistogram) {
    with_status_of_exceptions(
        [&] { latency_.emplace(lanes_.span(), workload.info.timed_operations); });
  }
  if (request.instrumented) allow_many_descriptors();
  started_ns_ = monotonic_ns() - waited_ns();
  measurement_.baseline_memory = read_resident_memory();
  with_status_of_exceptions([&] {
    object_ = workload.factory({.workload = request_.workload,
                                .variant = request_.variant,
                                .parameter = request_.parameter,
                                .threads = request_.threads,
                                .seed = request_.seed});
    loop_.work_in_lots_of(object_->lot());
  });
}

CellRun::~CellRun() = default;

void CellRun::prepare(const LaneThread& thread) {
  object_->setup(thread.lane());
}

void CellRun::run_window(const LaneThread& thread) {
  // The lane's share comes first, then uncounted operations.
  if (latency_ && !loop_.warming()) latency_->count(thread.lane());
  loop_.run_window(thread.lane(), thread.probe(), workload_.info.uncounted_work,
                   [this](Lane& lane, std::uint64_t n) {
                     object_->step(lane, n);
                     if (latency_) latency_->discard(lane);
                   });
}

void CellRun::conclude(const LaneThread& thread) {
  loop_.await_turn(thread.lane());
  // A lane may still be in its last uncounted operations when another has left the last window.
  barrier_.arrive_and_wait();
  if (thread.lane().index == 0) {
    read_final_memory();
    read_allocator();
    ScriptRun reporter(*this);
    object_->report(reporter);
  }
  barrier_.arrive_and_wait();
  object_->verify(thread.lane());
  if (latency_) latency_->check(thread.lane());
  barrier_.arrive_and_wait();
  if (thread.lane().index == 0) {
    object_->finish();
    object_.reset();
    ended_ns_ = monotonic_ns() - waited_ns();
  }
}

void CellRun::read_final_memory() {
  measurement_.final_memory = read_resident_memory();
  measurement_.mapped_regions = count_mapped_regions();
}

void CellRun::read_allocator() {
  if (request_.instrumented) {
    measurement_.allocator = read_allocator_statistics();
  } else {
    measurement_.allocator.arenas = count_allocator_arenas();
  }
}

void CellRun::run_script() {
  with_status_of_exceptions([&] {
    ScriptRun script(*this);
    object_->run(script);
    if (!phases_.empty()) phases_.mark("end");
    if (!measurement_.final_memory) read_final_memory();
    read_allocator();
    measurement_.peak_live_bytes = script.peak_live();
    object_->finish();
    object_.reset();
    ended_ns_ = monotonic_ns() - waited_ns();
  });
}

WorkerResult CellRun::result() const {
  Measurement measurement = measurement_;
  measurement.windows = loop_.windows();
  measurement.totals = loop_.totals();
  measurement.threads = request_.threads;
  measurement.has_schedstat = loop_.has_schedstat();
  measurement.switches_per_operation = workload_.info.switches_per_operation;
  measurement.peak_live_bytes = std::max(measurement.peak_live_bytes, loop_.peak_live_bytes());
  MappedArray<LatencyHistogram> latency;
  if (latency_) {
    latency = latency_->merge();
    measurement.latency = &latency[latency.size() - 1];
    measurement.timer = &latency_->timer();
    measurement.ns_per_tick = latency_->ns_per_tick();
  }
  if (!measurement.windows.empty()) {
    measurement.warm_up = loop_.warm_up();
    measurement.fairness = loop_.fairness();
  }

  WorkerResult result;
  result.share = loop_.share();
  result.operations = measurement.totals.operations;
  result.windows.assign(measurement.windows.begin(), measurement.windows.end());
  result.metrics = compute_metrics(measurement);
  if (request_.wall_clock_only) {
    // What was not read must not come out as 0.
    std::erase_if(result.metrics,
                  [](const MetricValue& metric) { return metric.name.rfind("ns_per_op", 0) != 0; });
  }
  if (latency_) result.latency = latency_->report(latency);
  // Without what it slept while others had the turn.
  result.metrics.push_back(
      {"worker_seconds",
       fmt::format("{:.6f}", static_cast<double>(ended_ns_ - started_ns_) * 1e-9)});
  result.metrics.insert(result.metrics.end(), reported_.begin(), reported_.end());
  result.phases = phases_.phases();
  return result;
}

}  // namespace stackheap
