// From the records of the checks of misuse to the table that compares allocators.
#include "harness/driver/misuse.hpp"

#include <gtest/gtest.h>

namespace stackheap {
namespace {

StressRow row_of(std::string check, std::string allocator, std::vector<CheckNote> records) {
  StressRow row;
  row.check = std::move(check);
  row.allocator = std::move(allocator);
  row.result.records = std::move(records);
  return row;
}

TEST(Misuse, ARecordIsTakenApart) {
  const MisuseRow caught = parse_misuse(
      "glibc", "double-free", {"small", "caught at once: SIGABRT, free(): double free: detected"});
  EXPECT_EQ(caught.outcome, "caught");
  EXPECT_EQ(caught.when, "at once");
  EXPECT_EQ(caught.how, "SIGABRT, free(): double free: detected");
  const MisuseRow silent =
      parse_misuse("a", "double-free", {"small", "silent: the block was handed out twice"});
  EXPECT_EQ(silent.outcome, "silent");
  EXPECT_EQ(silent.when, "");
  EXPECT_EQ(silent.how, "the block was handed out twice");
  const MisuseRow hangs = parse_misuse("a", "double-free", {"small", "hangs later"});
  EXPECT_EQ(hangs.outcome + " " + hangs.when + hangs.how, "hangs later");
  EXPECT_EQ(parse_misuse("a", "b", {"c", "harmless"}).outcome, "harmless");
}

TEST(Misuse, ATextOfAnotherFormIsKeptWhole) {
  const MisuseRow row = parse_misuse("a", "b", {"c", "something new"});
  EXPECT_EQ(row.outcome, "");
  EXPECT_EQ(row.how, "something new");
}

TEST(Misuse, OnlyMisuseCountsAndEachCaseOnce) {
  const std::vector<StressRow> rows = {
      row_of("blocks/alignment", "a", {{"alignment-of-8", "16"}}),
      row_of("misuse/double-free", "a",
             {{"small", "caught at once: SIGABRT"}, {"large", "harmless"}}),
      row_of("misuse/double-free", "b", {{"small", "crashed later: SIGSEGV"}}),
      row_of("misuse/double-free", "b", {{"small", "harmless"}})};
  const std::vector<MisuseRow> all = misuse_rows(rows);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(misuse_csv(all),
            "allocator,misuse,case,outcome,when,how\n"
            "a,double-free,small,caught,at once,SIGABRT\n"
            "a,double-free,large,harmless,,\n"
            "b,double-free,small,crashed,later,SIGSEGV\n");
  EXPECT_EQ(misuse_table(all),
            "misuse             a              b\n"
            "double-free small  caught         crashed later\n"
            "double-free large  harmless\n");
}

TEST(Misuse, NothingIsSaidWhereNothingRan) {
  EXPECT_EQ(misuse_table({}), "");
}

}  // namespace
}  // namespace stackheap
