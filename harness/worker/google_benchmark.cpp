#include "harness/worker/google_benchmark.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <stdexcept>

#include "harness/measure/spin_barrier.hpp"
#include "harness/worker/cell_run.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {
namespace {

std::optional<WorkerResult> last;

// Before 1.9.0 the library divides the manual time of T threads by T twice (10 ms windows on two
// threads came out as 5 ms), so each thread reports its window T times; and its operations T times,
// as their rate is over the time before the second division.
std::uint64_t factor_to_report(int threads) {
  return STACKHEAP_BENCHMARK_VERSION < 10900 ? static_cast<std::uint64_t>(threads) : 1;
}

class QuietReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>&) override {}
};

// One registered benchmark. Google Benchmark calls run() on every thread of every run of it.
class Case {
 public:
  Case(const RegisteredWorkload& workload, CellRequest request)
      : workload_(workload), request_(std::move(request)) {}

  void run(benchmark::State& state) {
    if (workload_.info.shape == Shape::kScripted) {
      run_script(state);
    } else {
      run_lane(state);
    }
  }

 private:
  void run_lane(benchmark::State& state) {
    CellRun& cell = join(state);
    const std::uint64_t factor = factor_to_report(state.threads());
    cell.run_lane(static_cast<unsigned>(state.thread_index()), [&](const auto& window) {
      for ([[maybe_unused]] auto iteration : state) {
        window();
        state.SetIterationTime(static_cast<double>(cell.last_window_ns() * factor) * 1e-9);
      }
    });
    state.SetItemsProcessed(static_cast<std::int64_t>(
        cell.share() * static_cast<std::uint64_t>(state.iterations()) * factor));
    leave(state);
  }

  void run_script(benchmark::State& state) {
    CellRun cell(workload_, request_);
    WorkerResult result;
    for ([[maybe_unused]] auto iteration : state) {
      cell.run_script();
      result = cell.result();
      std::uint64_t ns = 0;
      for (const WindowResult& window : result.windows) ns += window.nanoseconds;
      state.SetIterationTime(static_cast<double>(ns) * 1e-9);
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(result.operations));
    last = std::move(result);
  }

  // The first lane sets the cell up for all; the library gives no hook that runs on a counted
  // thread before the others.
  CellRun& join(const benchmark::State& state) {
    if (state.thread_index() == 0) {
      CellRequest request = request_;
      request.threads = static_cast<unsigned>(state.threads());
      request.windows = static_cast<unsigned>(
          std::min<benchmark::IterationCount>(state.max_iterations, 1'000'000));
      cell_ = std::make_unique<CellRun>(workload_, request);
      leaving_.store(0, std::memory_order_relaxed);
      ready_.store(true, std::memory_order_release);
    }
    while (!ready_.load(std::memory_order_acquire)) sched_yield();
    return *cell_;
  }

  void leave(const benchmark::State& state) {
    leaving_.fetch_add(1, std::memory_order_acq_rel);
    if (state.thread_index() != 0) return;
    while (leaving_.load(std::memory_order_acquire) != state.threads()) sched_yield();
    last = cell_->result();
    ready_.store(false, std::memory_order_relaxed);
    cell_.reset();
  }

  const RegisteredWorkload& workload_;
  const CellRequest request_;
  std::unique_ptr<CellRun> cell_;
  std::atomic<bool> ready_{false};
  std::atomic<int> leaving_{0};
};

std::string name_of(const RegisteredWorkload& workload, const CellRequest& request) {
  std::string name = fmt::format("{}/{}", request.workload, request.variant);
  if (workload.info.parameter) {
    name += fmt::format("/{}:{}", workload.info.parameter->name, request.parameter);
  }
  // The library appends threads:N itself to what it runs on threads; a script runs its own.
  if (workload.info.shape == Shape::kScripted) name += fmt::format("/threads:{}", request.threads);
  return name;
}

benchmark::internal::Benchmark* register_case(const RegisteredWorkload& workload,
                                              const CellRequest& request) {
  auto owned = std::make_shared<Case>(workload, request);
  auto* registered = benchmark::RegisterBenchmark(
      name_of(workload, request).c_str(), [owned](benchmark::State& state) { owned->run(state); });
  registered->UseManualTime();
  if (workload.info.shape == Shape::kScripted) {
    registered->Iterations(1);
  } else {
    registered->Threads(static_cast<int>(request.threads));
  }
  return registered;
}

const VariantInfo& require_variant(const WorkloadInfo& info, const std::string& name) {
  const VariantInfo* variant = info.find_variant(name);
  if (variant == nullptr) {
    throw std::runtime_error(fmt::format(
        "{} has no variant '{}'; `stackheap list variants` lists them", info.name, name));
  }
  return *variant;
}

}  // namespace

void register_all(unsigned cpus) {
  for (const RegisteredWorkload& workload : registered_workloads()) {
    const WorkloadInfo& info = workload.info;
    std::set<std::int64_t> values;
    for (const auto* tiers : {&info.quick, &info.standard}) {
      for (const Tier& tier : *tiers) values.insert(tier.values.begin(), tier.values.end());
    }
    if (values.empty()) values.insert(info.parameter ? info.parameter->minimum : 0);
    const unsigned least = info.threads.minimum;
    for (const VariantInfo& variant : info.variants) {
      // These need a process of their own: a preloaded allocator, or one without other threads.
      if (!variant.only_allocator.empty() || variant.single_threaded_process) continue;
      for (const std::int64_t value : values) {
        for (const unsigned threads : std::set{least, std::max(least, cpus)}) {
          if (threads > info.threads.maximum) continue;
          CellRequest request;
          request.workload = info.name;
          request.variant = variant.name;
          request.parameter = value;
          request.threads = threads;
          request.oversubscribed = threads > cpus;
          register_case(workload, request);
        }
      }
    }
  }
}

void register_cell(const CellRequest& request) {
  const RegisteredWorkload* workload = find_workload(request.workload);
  if (workload == nullptr) {
    throw std::runtime_error(fmt::format(
        "unknown workload '{}'; `stackheap list workloads` lists them all", request.workload));
  }
  require_variant(workload->info, request.variant);
  const ThreadSupport& threads = workload->info.threads;
  if (request.threads < threads.minimum || request.threads > threads.maximum) {
    throw std::runtime_error(fmt::format("{} runs with {} to {} threads, not {}", request.workload,
                                         threads.minimum, threads.maximum, request.threads));
  }
  auto* registered = register_case(*workload, request);
  if (workload->info.shape != Shape::kScripted) registered->Iterations(request.windows);
}

std::size_t run_registered(bool quiet) {
  if (!quiet) return benchmark::RunSpecifiedBenchmarks();
  QuietReporter reporter;
  return benchmark::RunSpecifiedBenchmarks(&reporter);
}

std::optional<WorkerResult> last_result() {
  return last;
}

const char* google_benchmark_version() {
  return STACKHEAP_BENCHMARK_VERSION_TEXT;
}

}  // namespace stackheap
