// stack/depth: descents through frames and lists, what their trace must refuse, and the build with
// stack-clash probes.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/mman.h>

#include <cstring>
#include <string>
#include <vector>

#include "suites/common/posix_thread.hpp"
#include "suites/common/sanitizers.hpp"
#include "suites/stack/node_list.hpp"
#include "suites/stack/nodes.hpp"
#include "suites/stack/overflow.hpp"
#include "suites/stack/scratch_calls.hpp"
#include "suites/stack/stack_clash.hpp"
#include "tests/lane_fixture.hpp"

namespace stackheap {
namespace {

using testing_lanes::LaneOutcome;
using testing_lanes::PlantedFault;
using testing_lanes::run_cell;

constexpr std::uint64_t kShare = 300;  // more than the 256 salts

const char* const kVariants[] = {"frames-warm",       "frames-cold", "frames-warm-clash",
                                 "frames-cold-clash", "heap-list",   "no-alloc"};

CellSpec depth(std::string_view variant, std::int64_t value, unsigned threads) {
  return {.workload = "stack/depth",
          .variant = variant,
          .parameter = value,
          .threads = threads,
          .seed = 5};
}

TEST(StackDepthWorkload, EveryVariantVerifiesAndOnlyFramesTellTheDirectionOfGrowth) {
  for (const char* variant : kVariants) {
    for (const unsigned threads : {1U, 2U, 4U}) {
      SCOPED_TRACE(std::string(variant) + " threads " + std::to_string(threads));
      const LaneOutcome outcome = run_cell(depth(variant, 10, threads), kShare);
      EXPECT_EQ(outcome.cannot_run, "");
      EXPECT_EQ(outcome.failures, std::vector<std::string>());
      EXPECT_EQ(outcome.operations, 2 * kShare * threads);
      EXPECT_EQ(outcome.live_after, 0);
      const bool frames = std::string_view(variant).starts_with("frames");
      EXPECT_EQ(outcome.reports.count("stack_growth"), frames ? 1U : 0U);
#if defined(__x86_64__)
      if (frames) {
        EXPECT_EQ(outcome.reports.at("stack_growth"), "down");
      }
#endif
    }
  }
}

TEST(StackDepthWorkload, TenThousandFramesVerify) {
  for (const char* variant : kVariants) {
    EXPECT_EQ(run_cell(depth(variant, 10'000, 2), 2).failures, std::vector<std::string>())
        << variant;
  }
}

TEST(StackDepthWorkload, EveryFaultFailsTheCheckOfEveryLane) {
  const std::pair<const char*, const char*> faults[] = {
      {"flip-byte", "read back"}, {"drop", "read back"}, {"skip-free", "left of"}};
  for (const auto& [name, expected] : faults) {
    const PlantedFault fault(name);
    for (const char* variant : kVariants) {
      const LaneOutcome outcome = run_cell(depth(variant, 10, 2), 3);
      ASSERT_EQ(outcome.failures.size(), 2U) << name << " " << variant;
      EXPECT_NE(outcome.failures[0].find(expected), std::string::npos) << outcome.failures[0];
      EXPECT_EQ(outcome.failures[0].find("stack/depth: lane "), 0U) << outcome.failures[0];
    }
  }
}

TEST(StackDepthWorkload, StackTooSmallForTheDepthIsUnsupportedBeforeAnyFrame) {
  const auto on_small_stack = [](void* argument) -> void* {
    const CellSpec spec = depth("frames-warm", 10'000, 1);
    const auto object = find_workload(spec.workload)->factory(spec);
    MappedArray<Lane> lanes(1);
    try {
      object->setup(lanes[0]);
    } catch (const CannotRun& error) {
      *static_cast<std::string*>(argument) = error.what();
    }
    return nullptr;
  };
  std::string reason;
  const ThreadAttributes attributes(std::size_t{1} << 20U);
  join_thread(attributes.start(on_small_stack, &reason));
  EXPECT_NE(reason.find("10000 frames may need"), std::string::npos) << reason;
  EXPECT_NE(reason.find("ulimit -s"), std::string::npos) << reason;
}

TEST(NodeSums, DescentsAndListsOfEveryBuildReadBackTheSameSum) {
  struct ThisBuild {};
  const Descents here = descents_built<ThisBuild>();
  const Descents probed = stack_clash::descents();
  EXPECT_NE(here.plain, probed.plain);
  for (const std::uint64_t salt : {0U, 1U, 255U}) {
    for (const std::uint64_t nodes : {1U, 10U, 300U}) {
      const std::uint64_t expected = sum_of_descent(nodes, salt);
      EXPECT_EQ(here.plain(nullptr, nodes, salt, nullptr), expected);
      EXPECT_EQ(probed.plain(nullptr, nodes, salt, nullptr), expected);
      EXPECT_EQ(push_and_pop<false>(HeapNodes{}, nodes, salt, nullptr), expected);
    }
  }
  EXPECT_EQ(sum_of_descent(3, 0), 2U * (1 + 2 + 3));
  EXPECT_EQ(sum_of_descent(2, 255), 256U + 0 + 257 + 1);
}

// Nodes at given distances in one array, entered in the given order and left in another.
std::string complaint(const std::vector<std::size_t>& entered, const std::vector<std::size_t>& left,
                      Trace::Place place = Trace::Place::kFrames) {
  static Node nodes[8];
  Trace trace(place, entered.size());
  for (const std::size_t i : entered) trace.enter(&nodes[i]);
  for (const std::size_t i : left) trace.leave(&nodes[i]);
  return trace.complaint();
}

TEST(NodeTrace, AcceptsNestedFramesInEitherDirection) {
  EXPECT_EQ(complaint({7, 5, 4, 1}, {1, 4, 5, 7}), "");
  EXPECT_EQ(complaint({1, 2, 6}, {6, 2, 1}), "");
}

TEST(NodeTrace, RefusesFramesThatAreNotLeftLastFirst) {
  EXPECT_EQ(complaint({3, 2, 1}, {2, 1, 3}), "a node was left that was not the last one");
  EXPECT_EQ(complaint({3, 2, 1}, {1, 2}), "3 nodes were entered and 2 left of 3");
}

TEST(NodeTrace, RefusesFramesOnBothSidesOfTheirCallersAndOverlappingOnes) {
  EXPECT_EQ(complaint({3, 2, 5}, {5, 2, 3}), "frames lie on both sides of their caller's");
  EXPECT_EQ(complaint({3, 2, 5}, {5, 2, 3}, Trace::Place::kHeap), "");
  EXPECT_EQ(complaint({3, 3, 3}, {3, 3, 3}), "frames overlap");
}

constexpr std::size_t kLargeFrame = std::size_t{64} << 10U;

// Calls a function with that frame on a stack of 48 KiB, below which lie a guard page and 96 KiB
// that are somebody else's; the fault comes when the frame is touched page by page. Returns how
// many of the other's bytes were overwritten before. Own memory, since a thread of the C library
// may get a dead one's stack, which is larger.
std::uint64_t overwritten_by_large_frame(CallLoop<FixedSize> loop) {
  constexpr std::size_t kPage = 4096;
  constexpr std::size_t kStack = std::size_t{48} << 10U;
  constexpr std::size_t kOthers = std::size_t{96} << 10U;
  MappedArray<unsigned char> memory(kOthers + kPage + kStack);
  std::memset(memory.data(), overflow::kCanary, kOthers);
  const auto guard = reinterpret_cast<std::uintptr_t>(memory.data()) + kOthers;
  struct Call {
    CallLoop<FixedSize> loop;
    overflow::Place place;
  } call{loop,
         {.stack = {.low = guard + kPage, .high = guard + kPage + kStack},
          .guard_low = guard,
          .canary = memory.data(),
          .canary_bytes = kOthers}};
  overflow::SharedReport shared;
  const int status = overflow::run_in_child(shared.report(), [&] {
    STACKHEAP_CHECK(::mprotect(memory.data() + kOthers, kPage, PROT_NONE) == 0);
    pthread_attr_t attributes;
    STACKHEAP_CHECK(pthread_attr_init(&attributes) == 0);
    STACKHEAP_CHECK(pthread_attr_setstack(&attributes, memory.data() + kOthers + kPage, kStack) ==
                    0);
    pthread_t thread{};
    const auto body = [](void* argument) -> void* {
      const Call& given = *static_cast<Call*>(argument);
      overflow::watch(given.place);
      Lane lane;
      given.loop(lane, FixedSize{kLargeFrame}, 1);
      return nullptr;
    };
    STACKHEAP_CHECK(pthread_create(&thread, &attributes, body, &call) == 0);
    join_thread(thread);
  });
  EXPECT_EQ(overflow::outcome_of(shared.report(), status), "guard_hit");
  return shared.report().changed_canaries;
}

TEST(StackClash, ProbedFrameHitsTheGuardBeforeItWritesBeyondIt) {
  if (kBuiltWithAddressSanitizer || kBuiltWithThreadSanitizer) {
    GTEST_SKIP() << "a sanitizer moves frames and handles faults itself";
  }
  EXPECT_EQ(overwritten_by_large_frame(stack_clash::local_array_loop(kLargeFrame)), 0U);
  EXPECT_GT(overwritten_by_large_frame(loop_for_frame_size<LocalArray, FixedSize>(kLargeFrame)),
            0U);
}

}  // namespace
}  // namespace stackheap
