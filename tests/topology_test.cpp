#include "harness/machine/topology.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "harness/base/error.hpp"

namespace stackheap {
namespace {

using Cpus = std::vector<unsigned>;

TEST(TopologyTest, OneCoreHasOneCpuInBothOrders) {
  const Topology topology = synthetic_topology("core:1 pu:1");
  EXPECT_EQ(topology.cpus, (std::vector<LogicalCpu>{LogicalCpu{}}));
  EXPECT_EQ(topology.compact_order(), Cpus{0});
  EXPECT_EQ(topology.spread_order(), Cpus{0});
  EXPECT_EQ(topology.usable_cpus(), 1U);
  EXPECT_TRUE(std::isinf(topology.cpu_quota));
  EXPECT_FALSE(topology.has_smt_siblings());
}

TEST(TopologyTest, TwoSocketsCompactFillsCoresThenTheFirstSocket) {
  const Topology topology = synthetic_topology("package:2 [numa] core:64 pu:2");
  ASSERT_EQ(topology.cpus.size(), 256U);
  EXPECT_EQ(topology.cores(), 128U);
  EXPECT_EQ(topology.packages(), 2U);
  EXPECT_EQ(topology.numa_nodes(), 2U);
  EXPECT_TRUE(topology.has_smt_siblings());
  Cpus expected(256);
  for (unsigned i = 0; i < 256; ++i) expected[i] = i;
  EXPECT_EQ(topology.compact_order(), expected);
}

TEST(TopologyTest, TwoSocketsSpreadAlternatesSocketsAndTakesSiblingsLast) {
  const Topology topology = synthetic_topology("package:2 [numa] core:64 pu:2");
  Cpus expected;
  for (unsigned sibling = 0; sibling < 2; ++sibling) {
    for (unsigned core = 0; core < 64; ++core) {
      expected.push_back(2 * core + sibling);
      expected.push_back(128 + 2 * core + sibling);
    }
  }
  EXPECT_EQ(topology.spread_order(), expected);
}

TEST(TopologyTest, SpreadAlternatesTheMemoryNodesOfASocketToo) {
  const Topology topology = synthetic_topology("package:2 numa:2 core:2 pu:1");
  EXPECT_EQ(topology.spread_order(), (Cpus{0, 4, 2, 6, 1, 5, 3, 7}));
  EXPECT_EQ(topology.compact_order(), (Cpus{0, 1, 2, 3, 4, 5, 6, 7}));
}

TEST(TopologyTest, SiblingsThatLinuxNumbersHalfTheMachineApartAreFound) {
  const Topology topology = synthetic_topology("package:1 core:4 pu:2(indexes=0,4,1,5,2,6,3,7)");
  EXPECT_EQ(topology.compact_order(), (Cpus{0, 4, 1, 5, 2, 6, 3, 7}));
  EXPECT_EQ(topology.spread_order(), (Cpus{0, 1, 2, 3, 4, 5, 6, 7}));
  ASSERT_EQ(topology.cpus.size(), 8U);
  EXPECT_EQ(topology.cpus[4],
            (LogicalCpu{.os_index = 4, .core = 0, .package = 0, .numa_node = 0, .smt_index = 1}));
}

TEST(TopologyTest, ContainerLimitedToThreeOfEightCpusSeesOnlyThese) {
  const Topology topology =
      synthetic_topology("package:2 core:2 pu:2", std::vector<unsigned>{1, 6, 7});
  EXPECT_EQ(topology.usable_cpus(), 3U);
  EXPECT_EQ(topology.compact_order(), (Cpus{1, 6, 7}));
  EXPECT_EQ(topology.spread_order(), (Cpus{1, 6, 7}));
  // CPU 1 is the second thread of its core, but the only one that may be used.
  EXPECT_EQ(topology.cpus[0].smt_index, 0U);
  EXPECT_EQ(topology.cpus[2].smt_index, 1U);
}

TEST(TopologyTest, QuotaOfHalfACpuLeavesOneUsableCpu) {
  const Topology topology = synthetic_topology("core:4 pu:1", {}, 0.5);
  EXPECT_EQ(topology.cpus.size(), 4U);
  EXPECT_EQ(topology.usable_cpus(), 1U);
}

TEST(TopologyTest, QuotaIsRoundedUpAndNeverAddsCpus) {
  EXPECT_EQ(synthetic_topology("core:4 pu:1", {}, 2.0).usable_cpus(), 2U);
  EXPECT_EQ(synthetic_topology("core:4 pu:1", {}, 2.1).usable_cpus(), 3U);
  EXPECT_EQ(synthetic_topology("core:4 pu:1", {}, 64.0).usable_cpus(), 4U);
}

TEST(TopologyTest, BothOrdersAreAPermutationOnAnUnevenMachine) {
  const Topology topology = synthetic_topology("package:2 [numa] core:3 pu:2",
                                               std::vector<unsigned>{0, 1, 2, 3, 4, 8, 11});
  for (const Cpus& order : {topology.compact_order(), topology.spread_order()}) {
    EXPECT_EQ(std::set<unsigned>(order.begin(), order.end()),
              (std::set<unsigned>{0, 1, 2, 3, 4, 8, 11}));
    EXPECT_EQ(order.size(), 7U);
  }
  EXPECT_EQ(topology.spread_order(), (Cpus{0, 8, 2, 11, 4, 1, 3}));
}

TEST(TopologyTest, UnreadableDescriptionIsAUserErrorWithAnExample) {
  try {
    synthetic_topology("rubbish");
    FAIL() << "accepted";
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(),
                 "synthetic topology 'rubbish' is not in hwloc's notation; write for instance "
                 "'package:2 core:4 pu:2'");
  }
}

TEST(TopologyTest, NoAllowedCpuIsAUserError) {
  EXPECT_THROW(synthetic_topology("core:2 pu:1", std::vector<unsigned>{9}), UserError);
}

TEST(TopologyTest, ThisMachineHasDistinctCpusInBothOrders) {
  const Topology topology = detect_topology();
  std::set<unsigned> indices;
  for (const LogicalCpu& cpu : topology.cpus) indices.insert(cpu.os_index);
  ASSERT_FALSE(indices.empty());
  EXPECT_EQ(indices.size(), topology.cpus.size());
  const Cpus spread = topology.spread_order();
  const Cpus compact = topology.compact_order();
  EXPECT_EQ(std::set<unsigned>(spread.begin(), spread.end()), indices);
  EXPECT_EQ(std::set<unsigned>(compact.begin(), compact.end()), indices);
  EXPECT_LE(topology.usable_cpus(), topology.cpus.size());
}

TEST(TopologyTest, AutoThreadCountsArePowersOfTwoThenAllCpusThenTwiceThese) {
  EXPECT_EQ(thread_counts_auto(1), (Cpus{1, 2}));
  EXPECT_EQ(thread_counts_auto(2), (Cpus{1, 2, 4}));
  EXPECT_EQ(thread_counts_auto(3), (Cpus{1, 2, 3, 6}));
  EXPECT_EQ(thread_counts_auto(8), (Cpus{1, 2, 4, 8, 16}));
  EXPECT_EQ(thread_counts_auto(96), (Cpus{1, 2, 4, 8, 16, 32, 64, 96, 192}));
}

}  // namespace
}  // namespace stackheap
