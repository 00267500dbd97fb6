#include "harness/driver/summary_order.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace stackheap {
namespace {

// Samples come in random order, so cells enter the table scrambled.
TEST(SummaryOrderTest, RowsAreSortedByWorkloadValueThreadsVariantAndBaselineFirst) {
  RunFacts facts;
  facts.baseline_allocator = "glibc";
  WorkloadInfo pair;
  pair.name = "heap/pair";
  pair.variants = {{.name = "malloc", .description = "d"}, {.name = "calloc", .description = "d"}};
  facts.workloads = {pair};

  SampleTable table({"ns_per_op"});
  const Cell cells[] = {
      {"heap/pair", "calloc", "glibc", 64, 1}, {"heap/pair", "malloc", "zebra", 64, 1},
      {"heap/pair", "malloc", "alpha", 64, 1}, {"heap/pair", "malloc", "glibc", 64, 2},
      {"heap/pair", "malloc", "glibc", 8, 1},  {"heap/pair", "malloc", "alpha", 64, 2},
      {"heap/pair", "malloc", "glibc", 64, 1}};
  const std::vector<double> value = {3.0};
  for (const Cell& cell : cells) {
    TableCell added;
    added.cell = cell;
    added.block = std::to_string(*cell.parameter);
    const auto index = table.add_cell(added);
    for (unsigned round = 0; round < 8; ++round) table.add(index, round, value);
  }
  const std::vector<MetricInfo> metrics = {{.name = "ns_per_op",
                                            .unit = "ns",
                                            .direction = Direction::kLess,
                                            .comparable = true,
                                            .meaning = "m"}};
  SummaryOptions options;
  options.baselines.allocator = "glibc";
  options.baselines.variants["heap/pair"] = "malloc";
  Summary summary = summarize(table, metrics, options);
  sort_summary(table, facts, metrics, summary);

  std::vector<std::string> rows;
  for (const SummaryRow& row : summary.rows)
    rows.push_back(table.cell(row.cell).cell.label("size"));
  EXPECT_EQ(
      rows,
      (std::vector<std::string>{
          "heap/pair/malloc/glibc/size:8/threads:1", "heap/pair/malloc/glibc/size:64/threads:1",
          "heap/pair/malloc/alpha/size:64/threads:1", "heap/pair/malloc/zebra/size:64/threads:1",
          "heap/pair/calloc/glibc/size:64/threads:1", "heap/pair/malloc/glibc/size:64/threads:2",
          "heap/pair/malloc/alpha/size:64/threads:2"}));
  std::vector<std::string> compared;
  for (const ComparisonRow& row : summary.comparisons) {
    compared.push_back(summary.families[row.family].name + " " +
                       table.cell(row.candidate).cell.allocator);
  }
  EXPECT_EQ(compared, (std::vector<std::string>{
                          "allocators/malloc/threads:1 alpha", "allocators/malloc/threads:1 zebra",
                          "variants/threads:1 glibc", "allocators/malloc/threads:2 alpha"}));
}

}  // namespace
}  // namespace stackheap
