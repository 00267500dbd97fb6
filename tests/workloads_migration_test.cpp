// Every variant of threads/shared-slots, threads/random-batches, threads/wrap, threads/churn,
// latency/larson and latency/handoff, driven as the harness does: each lane on a thread of its own,
// through the real window loop, scripts by their own.
#include <gtest/gtest.h>

#include <barrier>
#include <cstdlib>
#include <exception>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "harness/base/mapped.hpp"
#include "harness/measure/latency_histogram.hpp"
#include "harness/worker/script.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {
namespace {

class PlantedMigrationFault {
 public:
  explicit PlantedMigrationFault(const char* fault) {
    if (::setenv("STACKHEAP_TEST_FAULT", fault, 1) != 0) std::abort();
  }
  ~PlantedMigrationFault() { ::unsetenv("STACKHEAP_TEST_FAULT"); }
};

struct MigrationOutcome {
  std::string failure;     // of the first CheckFailed
  std::string cannot_run;  // of the CannotRun
  std::int64_t live_between = 0;
  std::int64_t live_after = 0;
  std::vector<std::uint64_t> timed;  // by kind of operation, all lanes
};

constexpr unsigned kMeasuredWindows = 3;

class MigrationScript final : public Script {
 public:
  MigrationScript(const CellSpec& spec, std::uint64_t share)
      : lanes_(spec.threads),
        loop_(lanes_.span(), {.share = share,
                              .windows = kMeasuredWindows,
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
  void report(std::string_view, double) override { FAIL() << "reports no metric of its own"; }
  void report_text(std::string_view, std::string_view) override { FAIL(); }
  void note_live_bytes(std::int64_t) override { FAIL() << "the lanes' counters tell"; }
  void take_memory_baseline() override { FAIL() << "its tables are small"; }
  void mark(std::string_view) override { FAIL() << "has no phases"; }

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

  std::int64_t live_bytes() const {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < lanes_.size(); ++i) sum += lanes_[i].live_bytes;
    return sum;
  }

 private:
  MappedArray<Lane> lanes_;
  WindowLoop loop_;
};

void run_windows(WorkloadObject& object, const WorkloadInfo& info, const CellSpec& spec,
                 std::uint64_t share, MigrationOutcome& outcome) {
  MigrationScript script(spec, share);
  const std::size_t kinds = info.timed_operations.size();
  // As the harness has them: one that counts and one that is thrown away.
  MappedArray<LatencyHistogram> counted(spec.threads * kinds);
  MappedArray<LatencyHistogram> discarded(spec.threads * kinds);
  std::barrier phase(static_cast<std::ptrdiff_t>(spec.threads));
  std::vector<std::exception_ptr> failures(spec.threads);
  script.run_lanes([&](LaneThread& thread) {
    Lane& lane = thread.lane();
    if (kinds != 0) lane.latency = &discarded[lane.index * kinds];
    object.setup(lane);
    phase.arrive_and_wait();
    while (!script.windows().done()) {
      if (kinds != 0) lane.latency = &counted[lane.index * kinds];
      script.windows().run_window(lane, thread.probe(), info.uncounted_work,
                                  [&](Lane& of, std::uint64_t n) {
                                    object.step(of, n);
                                    if (kinds != 0) of.latency = &discarded[of.index * kinds];
                                  });
    }
    phase.arrive_and_wait();
    if (lane.index == 0) outcome.live_between = script.live_bytes();
    phase.arrive_and_wait();
    try {
      object.verify(lane);
    } catch (...) {
      failures[lane.index] = std::current_exception();
    }
  });
  outcome.live_after = script.live_bytes();
  outcome.timed.assign(kinds, 0);
  for (std::size_t i = 0; i < counted.size(); ++i) outcome.timed[i % kinds] += counted[i].count();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  object.finish();
}

MigrationOutcome run_migration(const CellSpec& spec, std::uint64_t share) {
  const RegisteredWorkload* found = find_workload(spec.workload);
  if (found == nullptr) throw std::logic_error("not registered: " + std::string(spec.workload));
  MigrationOutcome outcome;
  try {
    const std::unique_ptr<WorkloadObject> object = found->factory(spec);
    if (found->info.shape == Shape::kScripted) {
      MigrationScript script(spec, share);
      object->run(script);
      object->finish();
      EXPECT_TRUE(script.windows().done());
      EXPECT_EQ(script.windows().totals().operations, kMeasuredWindows * share * spec.threads);
      outcome.live_between = script.windows().peak_live_bytes();
      outcome.live_after = script.live_bytes();
    } else {
      run_windows(*object, found->info, spec, share, outcome);
    }
  } catch (const CheckFailed& error) {
    outcome.failure = error.what();
  } catch (const CannotRun& error) {
    outcome.cannot_run = error.what();
  }
  return outcome;
}

struct MigrationCase {
  const char* workload;
  std::vector<std::int64_t> parameters;
  std::vector<unsigned> threads;
  std::vector<std::uint64_t> shares;
  std::int64_t least_standing_bytes;  // of all lanes between windows
};

void PrintTo(const MigrationCase& one, std::ostream* out) {
  *out << one.workload;
}

const MigrationCase kMigrationCases[] = {
    {"threads/shared-slots", {0}, {1, 2, 4, 9}, {3, 4'000}, 8},
    {"threads/random-batches", {0}, {1, 2, 4, 9}, {1, 3, 5'000}, 1'000'000},
    {"threads/wrap", {0}, {1, 2, 4, 9}, {1, 7, 5'000}, 100'000},
    {"threads/churn", {0}, {1, 2, 4, 9}, {1, 20}, 200'000},
    {"latency/larson", {0}, {1, 2, 4, 9}, {3, 15'000}, 900'000},
    {"latency/handoff", {25, 50, 75}, {2, 4, 5}, {8, 5'000}, 512 * 64},
};

class MigrationWorkload : public testing::TestWithParam<MigrationCase> {
 protected:
  // Every variant, parameter and number of threads, or the last parameter and the fewest threads.
  template <class Body>
  void for_each_cell(bool all, Body body) const {
    const RegisteredWorkload* found = find_workload(GetParam().workload);
    ASSERT_NE(found, nullptr);
    ASSERT_FALSE(found->info.variants.empty());
    for (const VariantInfo& variant : found->info.variants) {
      for (const std::int64_t parameter : GetParam().parameters) {
        for (const unsigned threads : GetParam().threads) {
          if (!all && (parameter != GetParam().parameters.back() ||
                       threads != GetParam().threads.front())) {
            continue;
          }
          const CellSpec spec{.workload = GetParam().workload,
                              .variant = variant.name,
                              .parameter = parameter,
                              .threads = threads,
                              .seed = 7};
          SCOPED_TRACE(variant.name + " parameter " + std::to_string(parameter) + " threads " +
                       std::to_string(threads));
          body(*found, spec);
        }
      }
    }
  }

  void expect_found(const char* fault, const char* expected) const {
    const PlantedMigrationFault planted(fault);
    for_each_cell(false, [&](const RegisteredWorkload&, const CellSpec& spec) {
      const MigrationOutcome outcome = run_migration(spec, GetParam().shares.back());
      EXPECT_NE(outcome.failure.find(expected), std::string::npos) << outcome.failure;
      EXPECT_EQ(outcome.failure.find(spec.workload), 0U) << outcome.failure;
    });
  }
};

TEST_P(MigrationWorkload, EveryVariantVerifiesAndFreesEverything) {
  for_each_cell(true, [&](const RegisteredWorkload& workload, const CellSpec& spec) {
    for (const std::uint64_t share : GetParam().shares) {
      SCOPED_TRACE(share);
      const MigrationOutcome outcome = run_migration(spec, share);
      EXPECT_EQ(outcome.failure, "");
      EXPECT_EQ(outcome.cannot_run, "");
      EXPECT_GE(outcome.live_between, GetParam().least_standing_bytes);
      EXPECT_LE(static_cast<double>(outcome.live_between),
                1.2 * workload.info.live_bytes.at(spec.threads, spec.parameter));
      EXPECT_EQ(outcome.live_after, 0);
    }
  });
}

TEST_P(MigrationWorkload, EachTimedOperationOfAMeasuredWindowIsRecordedOnce) {
  for_each_cell(true, [&](const RegisteredWorkload& workload, const CellSpec& spec) {
    if (workload.info.shape != Shape::kHistogram) return;
    const std::uint64_t share = GetParam().shares.back();
    const MigrationOutcome outcome = run_migration(spec, share);
    // An operation of latency/handoff is either a malloc or a free; one of latency/larson is both.
    const std::uint64_t operations = kMeasuredWindows * share * spec.threads;
    const std::uint64_t each =
        workload.info.name == "latency/handoff" ? operations / 2 : operations;
    EXPECT_EQ(outcome.timed, (std::vector<std::uint64_t>{each, each}));
  });
}

TEST_P(MigrationWorkload, FlippedByteFailsTheCheck) {
  expect_found("flip-byte", "changed");
}

TEST_P(MigrationWorkload, LostObjectFailsTheCheck) {
  const bool counts_operations = GetParam().workload == std::string_view("latency/larson");
  expect_found("drop", counts_operations ? "operations were lost" : "were made");
}

TEST_P(MigrationWorkload, ForgottenFreeFailsTheCheck) {
  expect_found("skip-free", "still live");
}

std::string migration_case_name(const testing::TestParamInfo<MigrationCase>& info) {
  std::string name;
  for (const char* c = info.param.workload; *c != '\0'; ++c) {
    name += (*c == '/' || *c == '-') ? '_' : *c;
  }
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, MigrationWorkload, testing::ValuesIn(kMigrationCases),
                         migration_case_name);

TEST(LatencyHandoff, OneThreadCannotBeProducerAndConsumer) {
  const MigrationOutcome outcome = run_migration(
      {.workload = "latency/handoff", .variant = "malloc", .parameter = 50, .threads = 1}, 10);
  EXPECT_NE(outcome.cannot_run.find("--threads 2"), std::string::npos) << outcome.cannot_run;
}

TEST(ParcelWorkloads, LaneWhoseNeighbourHasStoppedGoesOnWithBoundedMemory) {
  for (const char* workload : {"threads/random-batches", "threads/wrap"}) {
    const RegisteredWorkload* found = find_workload(workload);
    ASSERT_NE(found, nullptr);
    for (const char* variant : {"malloc", "no-alloc"}) {
      SCOPED_TRACE(std::string(workload) + " " + variant);
      const CellSpec spec{.workload = workload, .variant = variant, .threads = 3, .seed = 1};
      const auto object = found->factory(spec);
      MappedArray<Lane> lanes(3);
      for (unsigned i = 0; i < 3; ++i) {
        lanes[i].index = i;
        lanes[i].count = 3;
        lanes[i].random = Random(derive_seed(spec.seed, i));
        object->setup(lanes[i]);
      }
      object->step(lanes[0], 100'000);  // the others take nothing from their mailboxes
      std::int64_t live = 0;
      for (const Lane& lane : lanes) live += lane.live_bytes;
      EXPECT_GT(live, 0);
      EXPECT_LE(static_cast<double>(live), 1.2 * found->info.live_bytes.at(3, 0));
      for (Lane& lane : lanes) object->verify(lane);
      object->finish();
      live = 0;
      for (const Lane& lane : lanes) live += lane.live_bytes;
      EXPECT_EQ(live, 0);
    }
  }
}

}  // namespace
}  // namespace stackheap
