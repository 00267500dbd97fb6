// Every variant of threads/larson, threads/handoff, threads/remote-free, threads/false-sharing,
// fibers/switch and fibers/create, driven as the harness does: each lane on a thread of its own,
// larson by its script.
#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "harness/base/mapped.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/batch_queue.hpp"
#include "suites/common/chain_stack.hpp"
#include "suites/common/stack_kinds.hpp"
#include "tests/lane_fixture.hpp"

namespace stackheap {
namespace {

using testing_lanes::LaneOutcome;
using testing_lanes::PlantedFault;
using testing_lanes::run_cell;

constexpr unsigned kWindows = 3;

std::int64_t live_bytes(std::span<Lane> lanes) {
  std::int64_t sum = 0;
  for (const Lane& lane : lanes) sum += lane.live_bytes;
  return sum;
}

// What the first failed check said; empty where none failed.
std::string failure_of(const LaneOutcome& outcome) {
  return outcome.failures.empty() ? std::string() : outcome.failures.front();
}

struct Case {
  const char* workload;
  std::vector<std::int64_t> parameters;
  std::vector<unsigned> threads;
  std::vector<std::uint64_t> shares;
  std::int64_t standing_bytes;  // of each lane between windows, at least; of all, for handoff
};

// What ctest and a failure call the case, instead of its bytes.
void PrintTo(const Case& one, std::ostream* out) {
  *out << one.workload;
}

const Case kCases[] = {
    {"threads/larson", {0}, {1, 2, 4}, {3, 2'000}, 400'000},
    {"threads/handoff", {25, 50, 75}, {2, 4, 5}, {7, 5'000}, 512 * 64 / 5},
    {"threads/remote-free", {0, 10, 50, 100}, {1, 2, 4}, {5, 6'000}, 256 * 32},
    {"threads/false-sharing", {8, 64}, {1, 2, 4}, {3, 2'000}, 8},
    {"fibers/switch", {1, 30}, {1, 2, 4}, {100}, 0},
    {"fibers/create", {65'536}, {1, 2, 4}, {100}, 0},
};

class ThreadsFibersWorkload : public testing::TestWithParam<Case> {
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
          body(spec);
        }
      }
    }
  }

  void expect_fault_is_found(const char* name, const char* expected) const {
    const PlantedFault fault(name);
    for_each_cell(false, [&](const CellSpec& spec) {
      const LaneOutcome outcome = run_cell(spec, GetParam().shares.back(), kWindows);
      if (!outcome.cannot_run.empty()) return;
      EXPECT_NE(failure_of(outcome).find(expected), std::string::npos) << failure_of(outcome);
      EXPECT_EQ(failure_of(outcome).find(spec.workload), 0U) << failure_of(outcome);
    });
  }
};

TEST_P(ThreadsFibersWorkload, EveryVariantVerifiesAndFreesEverything) {
  for_each_cell(true, [&](const CellSpec& spec) {
    for (const std::uint64_t share : GetParam().shares) {
      const LaneOutcome outcome = run_cell(spec, share, kWindows);
      if (!outcome.cannot_run.empty()) {
        // A kernel without guard markers, or a sanitizer that cannot follow.
        EXPECT_TRUE(spec.variant.starts_with("fiber-") || spec.variant == "ucontext");
        continue;
      }
      EXPECT_EQ(outcome.failures, std::vector<std::string>());
      EXPECT_EQ(outcome.operations, kWindows * share * spec.threads);
      EXPECT_GE(outcome.live_between, GetParam().standing_bytes * spec.threads);
      EXPECT_EQ(outcome.live_after, 0);
    }
  });
}

TEST_P(ThreadsFibersWorkload, FlippedByteFailsTheCheck) {
  const std::string workload = GetParam().workload;
  expect_fault_is_found("flip-byte", workload == "fibers/switch"   ? "overwritten"
                                     : workload == "fibers/create" ? "read back"
                                                                   : "changed");
}

TEST_P(ThreadsFibersWorkload, LostObjectFailsTheCheck) {
  const std::string workload = GetParam().workload;
  expect_fault_is_found("drop", workload == "threads/larson"  ? "hand-overs"
                                : workload == "fibers/switch" ? "turns of"
                                : workload == "fibers/create" ? "contexts ran"
                                                              : "were made");
}

TEST_P(ThreadsFibersWorkload, ForgottenFreeFailsTheCheck) {
  const std::string workload = GetParam().workload;
  // A plain call has no stack, so fibers/switch has nothing to forget there.
  if (workload == "fibers/switch") {
    const PlantedFault fault("skip-free");
    for (const std::string_view kind : {"thread-small-stack", "coroutine", "fiber-mmap"}) {
      const LaneOutcome outcome =
          run_cell({.workload = workload, .variant = kind, .parameter = 10, .threads = 2}, 100);
      if (!outcome.cannot_run.empty()) continue;
      EXPECT_NE(failure_of(outcome).find("not given back"), std::string::npos) << kind;
    }
    return;
  }
  const bool counted = workload == "threads/remote-free";
  expect_fault_is_found("skip-free", counted                       ? "were made"
                                     : workload == "fibers/create" ? "not given back"
                                                                   : "still live");
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  std::string name;
  for (const char* c = info.param.workload; *c != '\0'; ++c) {
    name += (*c == '/' || *c == '-') ? '_' : *c;
  }
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, ThreadsFibersWorkload, testing::ValuesIn(kCases), case_name);

TEST(HandoffWorkload, OneThreadCannotBeProducerAndConsumer) {
  const LaneOutcome outcome = run_cell(
      {.workload = "threads/handoff", .variant = "malloc", .parameter = 50, .threads = 1}, 10);
  EXPECT_NE(outcome.cannot_run.find("--threads 2"), std::string::npos) << outcome.cannot_run;
}

TEST(RemoteFreeWorkload, LaneWhoseNeighbourHasStoppedGoesOnWithBoundedMemory) {
  const RegisteredWorkload* found = find_workload("threads/remote-free");
  ASSERT_NE(found, nullptr);
  for (const char* variant : {"malloc", "no-alloc"}) {
    const auto object = found->factory({.workload = "threads/remote-free",
                                        .variant = variant,
                                        .parameter = 100,
                                        .threads = 2,
                                        .seed = 1});
    MappedArray<Lane> lanes(2);
    for (unsigned i = 0; i < 2; ++i) {
      lanes[i].index = i;
      lanes[i].count = 2;
      object->setup(lanes[i]);
    }
    object->step(lanes[0], 5'000);  // lane 1 takes nothing from its mailbox
    EXPECT_GT(lanes[0].live_bytes, 256 * 32);
    EXPECT_LE(lanes[0].live_bytes, (256 + 1024 + 16) * 256);
    object->verify(lanes[0]);
    object->verify(lanes[1]);
    object->finish();
    EXPECT_EQ(live_bytes(lanes.span()), 0) << variant;
  }
}

TEST(FiberLimits, TooManyThreadsAreUnsupportedBeforeAnyStarts) {
  const LaneOutcome outcome = run_cell(
      {.workload = "fibers/switch", .variant = "thread", .parameter = 10'000, .threads = 1}, 1);
  EXPECT_NE(outcome.cannot_run.find("10000 live of thread need 10000 kernel threads"),
            std::string::npos)
      << outcome.cannot_run;
}

TEST(FiberLimits, ProtectedStacksAreCountedAgainstTheMappingLimit) {
  const auto most = kernel_number("/proc/sys/vm/max_map_count");
  if (!most) GTEST_SKIP() << "no vm.max_map_count here";
  const StackKind& kind = stack_kind("fiber-protected");
  try {
    require_stacks(kind, *most / 2);
    FAIL() << "every mapping would be a stack's";
  } catch (const CannotRun& error) {
    EXPECT_EQ(error.kind(), CannotRun::Kind::kUnsupported);
    EXPECT_NE(std::string(error.what()).find("sysctl -w vm.max_map_count="), std::string::npos);
  }
}

TEST(StackKinds, EveryFiberStackHasARowAndTheFiberWorkloadsHaveOnlyRows) {
  unsigned fibers = 0;
  for (const StackKind& kind : kStackKinds) {
    const bool is_fiber = visit_fiber_stack(kind.name, [&](const auto&) { ++fibers; });
    EXPECT_EQ(is_fiber, kind.name.starts_with("fiber-")) << kind.name;
  }
  EXPECT_EQ(fibers, std::tuple_size_v<decltype(kFiberStacks)>);
  for (const char* workload : {"fibers/switch", "fibers/create"}) {
    const RegisteredWorkload* found = find_workload(workload);
    ASSERT_NE(found, nullptr);
    for (const VariantInfo& variant : found->info.variants) {
      EXPECT_EQ(stack_kind(variant.name).name, variant.name);
    }
  }
  EXPECT_THROW(stack_kind("fiber-none"), UserError);
}

TEST(StackKinds, MappedStackIsWritableToItsLowestByteAndRoundedToPages) {
  MappedStack stacks(10'000);
  auto stack = stacks.allocate();
  EXPECT_EQ(stack.size % MappedStack::page_bytes(), 0U);
  EXPECT_GE(stack.size, 10'000U);
  auto* top = static_cast<unsigned char*>(stack.sp);
  top[-1] = 1;
  *(top - stack.size) = 2;
  EXPECT_EQ(top[-1] + *(top - stack.size), 3);
  stacks.deallocate(stack);
}

TEST(StackKindsDeathTest, GuardedStackDiesAtItsGuardAndNotAboveIt) {
  if (!GuardedStack::is_supported()) GTEST_SKIP() << "no MADV_GUARD_INSTALL on this kernel";
  GuardedStack stacks(kFiberStackBytes);
  auto stack = stacks.allocate();
  auto* guard = static_cast<volatile unsigned char*>(stack.sp) - stack.size;
  guard[MappedStack::page_bytes()] = 1;
  EXPECT_EQ(stack.size, kFiberStackBytes + MappedStack::page_bytes());
  EXPECT_DEATH(guard[MappedStack::page_bytes() - 1] = 1, "");
  stacks.deallocate(stack);
}

struct Link {
  Link* next = nullptr;
  int value = 0;
};

TEST(ChainStack, GivesBackEveryPushedChainNewestFirst) {
  ChainStack<Link> stack;
  EXPECT_EQ(stack.take_all(), nullptr);
  Link links[3];
  for (int i = 0; i < 3; ++i) links[i].value = i;
  links[0].next = &links[1];
  stack.push(&links[0], &links[1]);
  stack.push(&links[2], &links[2]);
  std::vector<int> values;
  for (Link* link = stack.take_all(); link != nullptr; link = link->next) {
    values.push_back(link->value);
  }
  EXPECT_EQ(values, (std::vector<int>{2, 0, 1}));
  EXPECT_EQ(stack.take_all(), nullptr);
}

TEST(BatchQueue, HandsEveryItemOverOnceBetweenUnequalProducersAndConsumers) {
  constexpr std::size_t kItems = 20'000;
  BatchQueue<Link*, 16, 8> queue;
  std::vector<Link> links(kItems);
  std::vector<std::vector<Link*>> taken(3);
  std::vector<std::thread> threads;
  for (std::size_t producer = 0; producer < 2; ++producer) {
    threads.emplace_back([&, producer] {
      std::size_t size = 1;
      for (std::size_t i = producer * kItems / 2; i < (producer + 1) * kItems / 2;) {
        std::vector<Link*> batch;
        while (batch.size() < size && i < (producer + 1) * kItems / 2) batch.push_back(&links[i++]);
        queue.push(batch);
        size = size % 8 + 1;
      }
    });
  }
  for (std::size_t consumer = 0; consumer < 3; ++consumer) {
    const std::size_t share = (consumer + 1) * kItems / 3 - consumer * kItems / 3;
    threads.emplace_back([&, consumer, share] {
      std::vector<Link*>& own = taken[consumer];
      while (own.size() < share) {
        Link* batch[5];
        const std::size_t limit = std::min<std::size_t>(5, share - own.size());
        const std::size_t count = queue.pop({batch, limit});
        own.insert(own.end(), batch, batch + count);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(queue.empty());
  for (const auto& own : taken) {
    for (Link* link : own) ++link->value;
  }
  for (const Link& link : links) ASSERT_EQ(link.value, 1);
}

}  // namespace
}  // namespace stackheap
