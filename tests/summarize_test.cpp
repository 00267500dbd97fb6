#include "harness/stats/summarize.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace stackheap {
namespace {

const std::vector<MetricInfo> kMetrics = {
    {.name = "ns_per_op",
     .unit = "ns",
     .direction = Direction::kLess,
     .comparable = true,
     .meaning = ""},
    {.name = "ops_per_second",
     .unit = "1/s",
     .direction = Direction::kMore,
     .comparable = true,
     .meaning = ""},
    {.name = "cpu_ns_per_op", .unit = "ns", .direction = Direction::kLess, .meaning = ""},
    {.name = "warm_up", .unit = "", .type = MetricType::kText, .meaning = ""},
    {.name = "loop_share", .unit = "1", .scope = MetricScope::kDerived, .meaning = ""},
    {.name = "cpu_excess_ns_per_op", .unit = "ns", .scope = MetricScope::kDerived, .meaning = ""},
    {.name = "speedup", .unit = "1", .scope = MetricScope::kDerived, .meaning = ""},
    {.name = "efficiency", .unit = "1", .scope = MetricScope::kDerived, .meaning = ""},
};
constexpr unsigned kRounds = 12;

// A small symmetric spread, so that medians are exact: round 0 ... 11 -> -1 ... +1.
double spread(unsigned round) {
  return (static_cast<double>(round) - 5.5) / 5.5;
}

class SummarizeTest : public testing::Test {
 protected:
  SummarizeTest() : table_({"ns_per_op", "ops_per_second", "cpu_ns_per_op", "warm_up"}) {
    options_.baselines = {.allocator = "glibc", .variants = {{"heap/pair", "malloc"}}};
  }

  std::size_t add_cell(std::string variant, std::string allocator, unsigned threads,
                       bool oversubscribed = false) {
    return table_.add_cell({.cell = {.workload = "heap/pair",
                                     .variant = std::move(variant),
                                     .allocator = std::move(allocator),
                                     .parameter = 64,
                                     .threads = threads},
                            .block = "heap/pair/size:64",
                            .oversubscribed = oversubscribed,
                            .planned = kRounds,
                            .ok = kRounds,
                            .twin_of = {}});
  }

  // `ns` in every round, times a drift that all cells share; scattered by `scatter`.
  void fill(std::size_t cell, double ns, double scatter = 0.001, unsigned rounds = kRounds) {
    const unsigned threads = table_.cell(cell).cell.threads;
    for (unsigned round = 0; round < rounds; ++round) {
      const double drift = 1 + 0.1 * round;
      const double value = ns * drift * std::exp(scatter * spread(round));
      table_.add(cell, round,
                 std::array<double, 4>{value, 1e9 * threads / value, ns * (1 + spread(round) / 100),
                                       kNoValue});
    }
  }

  Summary summarize() const { return stackheap::summarize(table_, kMetrics, options_); }

  SampleTable table_;
  SummaryOptions options_;
};

const SummaryRow* find(const Summary& summary, std::size_t cell, std::string_view metric) {
  const auto it =
      std::find_if(summary.rows.begin(), summary.rows.end(),
                   [&](const SummaryRow& row) { return row.cell == cell && row.metric == metric; });
  return it == summary.rows.end() ? nullptr : &*it;
}

const ComparisonRow* find(const Summary& summary, std::string_view family, std::size_t candidate,
                          std::string_view metric) {
  const auto it = std::find_if(summary.comparisons.begin(), summary.comparisons.end(),
                               [&](const ComparisonRow& row) {
                                 return summary.families[row.family].name == family &&
                                        row.candidate == candidate && row.metric == metric;
                               });
  return it == summary.comparisons.end() ? nullptr : &*it;
}

TEST_F(SummarizeTest, ARowHasTheMedianOfACellsSamples) {
  const std::size_t cell = add_cell("malloc", "glibc", 1);
  for (unsigned round = 0; round < kRounds; ++round) {
    const double values[] = {round == 0 ? kNoValue : round, kNoValue, 5, kNoValue};
    table_.add(cell, round, values);
  }
  const Summary summary = summarize();
  ASSERT_EQ(summary.rows.size(), 2U);
  EXPECT_EQ(summary.rows[0].metric, "ns_per_op");
  EXPECT_EQ(summary.rows[0].unit, "ns");
  EXPECT_EQ(summary.rows[0].estimate.point, 6);
  EXPECT_EQ(summary.rows[0].estimate.n, 11U);
  EXPECT_EQ(summary.rows[0].planned, kRounds);
  EXPECT_EQ(summary.rows[1].metric, "cpu_ns_per_op");
  EXPECT_EQ(summary.rows[1].estimate.lower, 5);
}

TEST_F(SummarizeTest, AllocatorsOfAVariantAreComparedWithTheBaselineAllocator) {
  const std::size_t jemalloc = add_cell("malloc", "jemalloc", 1);
  const std::size_t glibc = add_cell("malloc", "glibc", 1);
  const std::size_t mimalloc = add_cell("malloc", "mimalloc", 1);
  fill(jemalloc, 11);
  fill(glibc, 10);
  fill(mimalloc, 8, 0.003);
  const Summary summary = summarize();
  const char* family = "allocators/malloc/threads:1";
  const ComparisonRow* slower = find(summary, family, jemalloc, "ns_per_op");
  ASSERT_NE(slower, nullptr);
  EXPECT_EQ(summary.families[slower->family].block, "heap/pair/size:64");
  EXPECT_EQ(summary.families[slower->family].baseline, glibc);
  EXPECT_EQ(slower->comparisons, 2U);
  EXPECT_EQ(slower->ratio.n, kRounds);
  EXPECT_NEAR(slower->ratio.point, 1.1, 1e-9);
  EXPECT_EQ(slower->verdict, Verdict::kSlower);
  EXPECT_FALSE(slower->rounds_needed);
  const ComparisonRow* faster = find(summary, family, mimalloc, "ns_per_op");
  ASSERT_NE(faster, nullptr);
  EXPECT_NEAR(faster->ratio.point, 0.8, 1e-9);
  EXPECT_EQ(faster->verdict, Verdict::kFaster);
  const ComparisonRow* rate = find(summary, family, mimalloc, "ops_per_second");
  ASSERT_NE(rate, nullptr);
  EXPECT_NEAR(rate->ratio.point, 1.25, 1e-9);
  EXPECT_EQ(rate->verdict, Verdict::kHigher);
  // cpu_ns_per_op is not comparable; no family compares a cell with itself.
  EXPECT_EQ(summary.comparisons.size(), 4U);
}

TEST_F(SummarizeTest, AnIntervalIsAtAlphaOverTheComparisonsOfItsFamily) {
  const std::size_t glibc = add_cell("malloc", "glibc", 1);
  const std::size_t jemalloc = add_cell("malloc", "jemalloc", 1);
  const std::size_t scudo = add_cell("malloc", "scudo", 1);
  const std::size_t missing = add_cell("malloc", "tcmalloc", 1);  // unavailable: no samples
  fill(glibc, 10);
  fill(jemalloc, 10, 0.05);
  fill(scudo, 10, 0.02);
  const Summary summary = summarize();
  const char* family = "allocators/malloc/threads:1";
  const ComparisonRow* row = find(summary, family, jemalloc, "ns_per_op");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->comparisons, 2U);
  EXPECT_EQ(find(summary, family, missing, "ns_per_op"), nullptr);
  std::vector<double> ratios;
  for (unsigned round = 0; round < kRounds; ++round) {
    ratios.push_back(std::exp((0.05 - 0.001) * spread(round)));
  }
  const RatioEstimate expected =
      ratio_estimate(ratios, std::vector<double>(kRounds, 1.0), options_.alpha / 2);
  EXPECT_NEAR(row->ratio.lower, expected.lower, 1e-12);
  EXPECT_NEAR(row->ratio.upper, expected.upper, 1e-12);
  EXPECT_EQ(row->verdict, Verdict::kUnresolved);
  ASSERT_TRUE(row->rounds_needed);
  EXPECT_GT(*row->rounds_needed, kRounds);
}

TEST_F(SummarizeTest, TooFewRoundsAreUnresolvedAndSayHowManyAreNeeded) {
  const std::size_t glibc = add_cell("malloc", "glibc", 1);
  const std::size_t jemalloc = add_cell("malloc", "jemalloc", 1);
  fill(glibc, 10, 0.001, 4);
  fill(jemalloc, 30, 0.001, 4);
  const Summary summary = summarize();
  const ComparisonRow* row = find(summary, "allocators/malloc/threads:1", jemalloc, "ns_per_op");
  ASSERT_NE(row, nullptr);
  EXPECT_NEAR(row->ratio.point, 3, 0.01);
  EXPECT_EQ(row->verdict, Verdict::kUnresolved);
  EXPECT_EQ(row->rounds_needed, 6U);
}

TEST_F(SummarizeTest, OnlyRoundsThatBothCellsHaveArePaired) {
  const std::size_t glibc = add_cell("malloc", "glibc", 1);
  const std::size_t jemalloc = add_cell("malloc", "jemalloc", 1);
  // Out of order; rounds 0 and 9 have no partner.
  for (const unsigned round : {9U, 3U, 1U, 2U}) {
    table_.add(glibc, round, std::array<double, 4>{10.0 * round, kNoValue, kNoValue, kNoValue});
  }
  for (const unsigned round : {0U, 1U, 2U, 3U}) {
    table_.add(jemalloc, round, std::array<double, 4>{20.0 * round, kNoValue, kNoValue, kNoValue});
  }
  const Summary summary = summarize();
  const ComparisonRow* row = find(summary, "allocators/malloc/threads:1", jemalloc, "ns_per_op");
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->ratio.n, 3U);
  EXPECT_NEAR(row->ratio.point, 2, 1e-12);
  EXPECT_EQ(find(summary, "allocators/malloc/threads:1", jemalloc, "ops_per_second"), nullptr);
}

TEST_F(SummarizeTest, VariantsAreComparedOnTheBaselineAllocatorOrNone) {
  const std::size_t baseline = add_cell("malloc", "glibc", 2);
  const std::size_t calloc = add_cell("calloc", "glibc", 2);
  const std::size_t none = add_cell("no-alloc", "none", 2);
  const std::size_t other = add_cell("calloc", "jemalloc", 2);
  const std::size_t alone = add_cell("calloc", "glibc", 1);  // its block has no baseline at 1
  for (const std::size_t cell : {baseline, calloc, none, other, alone}) fill(cell, 10);
  const Summary summary = summarize();
  ASSERT_NE(find(summary, "variants/threads:2", calloc, "ns_per_op"), nullptr);
  EXPECT_EQ(
      summary.families[find(summary, "variants/threads:2", calloc, "ns_per_op")->family].baseline,
      baseline);
  EXPECT_EQ(find(summary, "variants/threads:2", calloc, "ns_per_op")->verdict,
            Verdict::kEquivalent);
  EXPECT_NE(find(summary, "variants/threads:2", none, "ns_per_op"), nullptr);
  EXPECT_EQ(find(summary, "variants/threads:2", other, "ns_per_op"), nullptr);
  EXPECT_EQ(find(summary, "variants/threads:1", alone, "ns_per_op"), nullptr);
  const ComparisonRow* allocators =
      find(summary, "allocators/calloc/threads:2", other, "ns_per_op");
  ASSERT_NE(allocators, nullptr);
  EXPECT_EQ(summary.families[allocators->family].baseline, calloc);
}

TEST_F(SummarizeTest, RanksAreIntervalsWhereCellsCannotBeToldApart) {
  const std::size_t glibc = add_cell("malloc", "glibc", 1);
  const std::size_t best = add_cell("malloc", "mimalloc", 1);
  const std::size_t similar = add_cell("malloc", "scudo", 1);
  const std::size_t worst = add_cell("malloc", "jemalloc", 1);
  fill(glibc, 10);
  fill(best, 5, 0.01);
  fill(similar, 10, 0.05);
  fill(worst, 20, 0.01);
  const Summary summary = summarize();
  const auto rank = [&](std::size_t cell, std::string_view metric) {
    const auto it =
        std::find_if(summary.ranks.begin(), summary.ranks.end(), [&](const RankRow& row) {
          return row.cell == cell && row.metric == metric &&
                 summary.families[row.family].name == "allocators/malloc/threads:1";
        });
    EXPECT_NE(it, summary.ranks.end());
    return std::pair(it->best, it->worst);
  };
  using Places = std::pair<std::size_t, std::size_t>;
  for (const std::string_view metric : {"ns_per_op", "ops_per_second"}) {
    EXPECT_EQ(rank(best, metric), (Places{1, 1})) << metric;
    EXPECT_EQ(rank(glibc, metric), (Places{2, 3})) << metric;
    EXPECT_EQ(rank(similar, metric), (Places{2, 3})) << metric;
    EXPECT_EQ(rank(worst, metric), (Places{4, 4})) << metric;
  }
  EXPECT_EQ(summary.ranks.front().cells, 4U);
}

TEST_F(SummarizeTest, TheLoopShareIsThatOfTheVariantWithoutAllocations) {
  const std::size_t none = add_cell("no-alloc", "none", 1);
  const std::size_t none_2 = add_cell("no-alloc", "none", 2);
  const std::size_t glibc = add_cell("malloc", "glibc", 1);
  const std::size_t glibc_2 = add_cell("malloc", "glibc", 2);
  fill(none, 2);
  fill(none_2, 4);
  fill(glibc, 10);
  fill(glibc_2, 40);
  const Summary summary = summarize();
  ASSERT_NE(find(summary, glibc, "loop_share"), nullptr);
  EXPECT_NEAR(find(summary, glibc, "loop_share")->estimate.point, 0.2, 1e-12);
  EXPECT_EQ(find(summary, glibc, "loop_share")->unit, "1");
  EXPECT_NEAR(find(summary, glibc_2, "loop_share")->estimate.point, 0.1, 1e-12);
  EXPECT_EQ(find(summary, none, "loop_share"), nullptr);
}

TEST_F(SummarizeTest, AVariantWithALoopOfItsOwnHasALoopShareOfItsOwn) {
  const std::size_t none = add_cell("no-alloc", "none", 1);
  const std::size_t own_none = add_cell("no-alloc-calloc", "none", 1);
  const std::size_t malloc = add_cell("malloc", "glibc", 1);
  const std::size_t calloc = add_cell("calloc", "glibc", 1);
  fill(none, 2);
  fill(own_none, 5);
  fill(malloc, 10);
  fill(calloc, 10);
  const Summary summary = summarize();
  ASSERT_NE(find(summary, calloc, "loop_share"), nullptr);
  EXPECT_NEAR(find(summary, calloc, "loop_share")->estimate.point, 0.5, 1e-12);
  ASSERT_NE(find(summary, malloc, "loop_share"), nullptr);
  EXPECT_NEAR(find(summary, malloc, "loop_share")->estimate.point, 0.2, 1e-12);
  EXPECT_EQ(find(summary, own_none, "loop_share"), nullptr);
}

TEST_F(SummarizeTest, ScalingIsAgainstOneThreadOfTheSameCell) {
  const std::size_t one = add_cell("malloc", "glibc", 1);
  const std::size_t two = add_cell("malloc", "glibc", 2);
  const std::size_t eight = add_cell("malloc", "glibc", 8, true);
  const std::size_t other = add_cell("malloc", "jemalloc", 2);  // has no cell of 1 thread
  fill(one, 10);
  fill(two, 12.5);
  fill(eight, 100);
  fill(other, 10);
  const Summary summary = summarize();
  ASSERT_EQ(summary.scaling.size(), 1U);
  const ScalingRow& row = summary.scaling[0];
  EXPECT_EQ(row.cell, two);
  EXPECT_EQ(row.threads, 2U);
  EXPECT_NEAR(row.speedup.point, 1.6, 1e-12);
  EXPECT_NEAR(row.efficiency.point, 0.8, 1e-12);
  EXPECT_NEAR(row.efficiency.lower, row.speedup.lower / 2, 1e-12);
  EXPECT_EQ(row.efficiency.n, kRounds);
  EXPECT_NEAR(find(summary, two, "speedup")->estimate.point, 1.6, 1e-12);
  EXPECT_NEAR(find(summary, two, "cpu_excess_ns_per_op")->estimate.point, 2.5, 1e-9);
  for (const char* metric : {"speedup", "efficiency", "cpu_excess_ns_per_op"}) {
    EXPECT_EQ(find(summary, one, metric), nullptr) << metric;
    EXPECT_EQ(find(summary, eight, metric), nullptr) << metric;
    EXPECT_EQ(find(summary, other, metric), nullptr) << metric;
  }
}

TEST_F(SummarizeTest, TwinsStandOutsideEveryFamily) {
  const std::size_t glibc = add_cell("malloc", "glibc", 1);
  const std::size_t jemalloc = add_cell("malloc", "jemalloc", 1);
  TableCell same = table_.cell(jemalloc);
  same.twin_of = jemalloc;
  const std::size_t quiet = table_.add_cell(same);
  same = table_.cell(glibc);
  same.twin_of = glibc;
  const std::size_t differing = table_.add_cell(same);
  fill(glibc, 10);
  fill(jemalloc, 11);
  fill(quiet, 11, 0.002);
  fill(differing, 12);
  const Summary summary = summarize();
  EXPECT_EQ(find(summary, quiet, "ns_per_op"), nullptr);
  EXPECT_EQ(summary.comparisons.size(), 2U);
  ASSERT_EQ(summary.twins.size(), 4U);
  EXPECT_EQ(summary.twins[0].twin, quiet);
  EXPECT_EQ(summary.twins[0].cell, jemalloc);
  EXPECT_FALSE(summary.twins[0].differs);
  EXPECT_EQ(summary.twins[1].twin, differing);
  EXPECT_TRUE(summary.twins[1].differs);
  EXPECT_NEAR(summary.twins[1].ratio.point, 1.2, 1e-12);
  ASSERT_EQ(summary.twin_summaries.size(), 2U);
  EXPECT_EQ(summary.twin_summaries[0].differing, 1U);
  EXPECT_EQ(summary.twin_summaries[0].twins, 2U);
  EXPECT_EQ(summary.twin_summaries[0].share.point, 0.5);
  EXPECT_EQ(summary.twin_summaries[0].ratio.n, 2 * kRounds);
}

TEST_F(SummarizeTest, ZerosOnBothSidesHaveNoRatio) {
  const std::size_t glibc = add_cell("malloc", "glibc", 1);
  const std::size_t jemalloc = add_cell("malloc", "jemalloc", 1);
  for (unsigned round = 0; round < kRounds; ++round) {
    table_.add(glibc, round, std::array<double, 4>{0, kNoValue, kNoValue, kNoValue});
    table_.add(jemalloc, round, std::array<double, 4>{0, kNoValue, kNoValue, kNoValue});
  }
  const Summary summary = summarize();
  ASSERT_EQ(summary.comparisons.size(), 1U);
  EXPECT_EQ(summary.comparisons[0].ratio.n, 0U);
  EXPECT_EQ(summary.comparisons[0].ratio.skipped, kRounds);
  EXPECT_EQ(summary.comparisons[0].verdict, Verdict::kUnresolved);
  EXPECT_FALSE(summary.comparisons[0].rounds_needed);
}

TEST(SampleTableTest, ASecondSampleOfARoundOnlyFillsWhatIsMissing) {
  SampleTable table({"a", "b"});
  const std::size_t cell = table.add_cell({.cell = {.workload = "s/w",
                                                    .variant = "v",
                                                    .allocator = "glibc",
                                                    .parameter = std::nullopt,
                                                    .threads = 1},
                                           .block = "s/w",
                                           .twin_of = {}});
  table.add(cell, 5, std::array<double, 2>{1, kNoValue});
  table.add(cell, 5, std::array<double, 2>{kNoValue, 2});
  ASSERT_EQ(table.rounds(cell).size(), 1U);
  EXPECT_EQ(table.value(cell, 0, 0), 1);
  EXPECT_EQ(table.value(cell, 0, 1), 2);
  try {
    table.add(cell, 5, std::array<double, 2>{kNoValue, 2});
    FAIL() << "took a value twice";
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(),
                 "cell s/w/v/glibc/threads:1: round 5 has two values of b; a cell has one timed "
                 "sample in a round");
  }
  EXPECT_THROW(table.add_cell(table.cell(cell)), std::invalid_argument);
  EXPECT_EQ(table.find_cell(table.cell(cell).cell), cell);
}

}  // namespace
}  // namespace stackheap
