#include "harness/base/text.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stackheap {
namespace {

using Parts = std::vector<std::string_view>;
using Names = std::vector<std::string>;

TEST(SplitTest, KeepsEmptyParts) {
  EXPECT_EQ(split("a,,b", ','), (Parts{"a", "", "b"}));
  EXPECT_EQ(split("", ','), (Parts{""}));
  EXPECT_EQ(split("a,", ','), (Parts{"a", ""}));
  EXPECT_EQ(split("abc", ','), (Parts{"abc"}));
}

TEST(JoinTest, PutsTheSeparatorBetweenPartsOnly) {
  EXPECT_EQ(join(Names{"a", "b", "c"}, ", "), "a, b, c");
  EXPECT_EQ(join(Names{"a"}, ", "), "a");
  EXPECT_EQ(join(Names{}, ", "), "");
}

TEST(TrimTest, RemovesBlanksAtBothEnds) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_EQ(trim(""), "");
}

TEST(ParseIntegerTest, TakesDecimalDigitsOnly) {
  EXPECT_EQ(parse_integer("0"), 0);
  EXPECT_EQ(parse_integer("0042"), 42);
  EXPECT_EQ(parse_integer("9223372036854775807"), INT64_MAX);
  for (const char* wrong :
       {"", "-1", "+1", " 1", "1 ", "1x", "0x10", "1.0", "1e3", "9223372036854775808"}) {
    EXPECT_FALSE(parse_integer(wrong)) << wrong;
  }
}

TEST(ParseRealTest, TakesFiniteDecimalNumbers) {
  EXPECT_EQ(parse_real("1.5"), 1.5);
  EXPECT_EQ(parse_real("-2"), -2.0);
  EXPECT_EQ(parse_real("1e-3"), 0.001);
  EXPECT_EQ(parse_real("5e-324"), 5e-324);
  for (const char* wrong : {"", "inf", "nan", "-inf", "1e400", "1,5", "+1", " 1", "1 ", "0x1p3"}) {
    EXPECT_FALSE(parse_real(wrong)) << wrong;
  }
}

TEST(ParseDurationTest, TakesUnitsFromLargeToSmall) {
  EXPECT_EQ(parse_duration_seconds("500ms"), 0.5);
  EXPECT_EQ(parse_duration_seconds("90s"), 90.0);
  EXPECT_EQ(parse_duration_seconds("10m"), 600.0);
  EXPECT_EQ(parse_duration_seconds("1h30m"), 5400.0);
  EXPECT_EQ(parse_duration_seconds("1.5h"), 5400.0);
  EXPECT_EQ(parse_duration_seconds("45"), 45.0);
  EXPECT_EQ(parse_duration_seconds("1m0s500ms"), 60.5);
}

TEST(ParseDurationTest, RefusesWhatIsNoPositiveDuration) {
  for (const char* wrong : {"", "0", "0s", "-1s", "s", "1h30", "30m1h", "1h1h", "5 s", "5 min",
                            "1d", "1e3s", "inf", "1..5s", "1S"}) {
    EXPECT_FALSE(parse_duration_seconds(wrong)) << wrong;
  }
}

TEST(GlobTest, MatchesTheWholeName) {
  EXPECT_TRUE(glob_match("heap/pair", "heap/pair"));
  EXPECT_FALSE(glob_match("heap/pair", "heap/pairs"));
  EXPECT_FALSE(glob_match("pair", "heap/pair"));
  EXPECT_TRUE(glob_match("", ""));
  EXPECT_FALSE(glob_match("", "a"));
}

TEST(GlobTest, StarMatchesAnyRunAlsoOverSlashes) {
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("*", "heap/pair"));
  EXPECT_TRUE(glob_match("h*p", "heap/strip"));
  EXPECT_TRUE(glob_match("*a*b", "xaxbxaxb"));
  EXPECT_FALSE(glob_match("*a*b", "xaxbxaxc"));
  EXPECT_TRUE(glob_match("heap/**", "heap/"));
}

TEST(GlobTest, QuestionMarkMatchesOneCharacter) {
  EXPECT_TRUE(glob_match("?eap", "heap"));
  EXPECT_FALSE(glob_match("?heap", "heap"));
  EXPECT_FALSE(glob_match("heap?", "heap"));
}

TEST(GlobTest, ManyStarsTakeNoExponentialTime) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "*a";
  EXPECT_FALSE(glob_match(pattern + "b", std::string(2000, 'a')));
}

TEST(NameTest, AllowsLettersDigitsAndFourMarks) {
  EXPECT_TRUE(is_valid_name("glibc-1_arena+x.Y9"));
  EXPECT_TRUE(is_valid_name(std::string(64, 'a')));
  EXPECT_FALSE(is_valid_name(std::string(65, 'a')));
  for (const char* wrong : {"", "a b", "a/b", "a:b", "a,b", "\xc3\xa9", "a\n"}) {
    EXPECT_FALSE(is_valid_name(wrong)) << wrong;
  }
}

const Names kAllocators = {"glibc", "jemalloc", "mimalloc", "tcmalloc", "tbbmalloc", "scudo"};

TEST(NearestNamesTest, ListsTheNearestFirst) {
  EXPECT_EQ(nearest_names("jemaloc", kAllocators), (Names{"jemalloc"}));
  EXPECT_EQ(nearest_names("GLIBC", kAllocators), (Names{"glibc"}));
  EXPECT_EQ(nearest_names("xmalloc", kAllocators, 2), (Names{"jemalloc", "mimalloc"}));
}

TEST(NearestNamesTest, CountsASwapOfNeighboursAsOneEdit) {
  EXPECT_EQ(nearest_names("ab", Names{"bacd", "ba"}), (Names{"ba"}));
  EXPECT_EQ(nearest_names("sucdo", Names{"scsdo", "scudo"}), (Names{"scudo", "scsdo"}));
}

TEST(NearestNamesTest, FindsNamesThatContainTheText) {
  EXPECT_EQ(nearest_names("malloc", kAllocators, 9),
            (Names{"jemalloc", "mimalloc", "tcmalloc", "tbbmalloc"}));
}

TEST(NearestNamesTest, FindsNothingFarAway) {
  EXPECT_EQ(nearest_names("snmalloc-checks", kAllocators), Names{});
  EXPECT_EQ(nearest_names("", Names{"glibc"}), Names{});
}

TEST(UnknownNameTest, NamesTheThingTheGuessAndTheRemedy) {
  EXPECT_EQ(unknown_name_message("allocator", "glib", kAllocators, "stackheap list allocators"),
            "unknown allocator 'glib'; did you mean 'glibc'? `stackheap list allocators` lists "
            "them all.");
  EXPECT_EQ(unknown_name_message("allocator", "xemalloc", Names{"jemalloc", "mimalloc"}, "X"),
            "unknown allocator 'xemalloc'; did you mean 'jemalloc' or 'mimalloc'? `X` lists them "
            "all.");
  EXPECT_EQ(unknown_name_message("allocator", "malloc", kAllocators, "X"),
            "unknown allocator 'malloc'; did you mean 'jemalloc', 'mimalloc' or 'tcmalloc'? `X` "
            "lists them all.");
  EXPECT_EQ(unknown_name_message("allocator", "hoard-classic", kAllocators, "X"),
            "unknown allocator 'hoard-classic'; `X` lists them all.");
}

TEST(HumanDurationTest, ChoosesTheUnitOfTheRoundedFigure) {
  EXPECT_EQ(human_duration(0), "0 ms");
  EXPECT_EQ(human_duration(0.0001), "< 1 ms");
  EXPECT_EQ(human_duration(0.0174), "17 ms");
  EXPECT_EQ(human_duration(0.9996), "1.0 s");
  EXPECT_EQ(human_duration(1.2), "1.2 s");
  EXPECT_EQ(human_duration(9.96), "10 s");
  EXPECT_EQ(human_duration(59.7), "1 min 00 s");
  EXPECT_EQ(human_duration(200), "3 min 20 s");
  EXPECT_EQ(human_duration(3599.7), "1 h 00 min");
  EXPECT_EQ(human_duration(7500), "2 h 05 min");
}

TEST(HumanBytesTest, ShowsOneDecimalWhereThereIsOne) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(512), "512 B");
  EXPECT_EQ(human_bytes(65536), "64 KiB");
  EXPECT_EQ(human_bytes(1.5 * 1024 * 1024), "1.5 MiB");
  EXPECT_EQ(human_bytes(1023.99 * 1024), "1 MiB");
  EXPECT_EQ(human_bytes(3.0 * 1024 * 1024 * 1024), "3 GiB");
}

}  // namespace
}  // namespace stackheap
