#include "harness/model/json_locate.hpp"

#include <gtest/gtest.h>

namespace stackheap {
namespace {

constexpr std::string_view kText = R"({
 "a": [1, "x,]}", {"b\u0022": null}],
 "c" : {"d": [[], {}, [2 , 3]], "e":true}
})";

// "LINE:COLUMN TEXT", of the next few characters there.
std::string at(const std::vector<JsonStep>& steps) {
  const std::size_t offset = json_offset(kText, steps);
  return line_and_column(kText, offset) + " " + std::string(kText.substr(offset, 4));
}

TEST(JsonLocateTest, FindsEveryKindOfValue) {
  EXPECT_EQ(at({}), "1:1 {\n \"");
  EXPECT_EQ(at({"a"}), "2:7 [1, ");
  EXPECT_EQ(at({"a", std::size_t{1}}), "2:11 \"x,]");
  EXPECT_EQ(at({"a", std::size_t{2}, "b\""}), "2:31 null");
  EXPECT_EQ(at({"c", "d", std::size_t{2}, std::size_t{1}}), "3:28 3]],");
  EXPECT_EQ(at({"c", "e"}), "3:37 true");
}

TEST(JsonLocateTest, OfAStepThatLeadsNowhereItIsThePlaceBefore) {
  EXPECT_EQ(at({"a", std::size_t{3}}), at({"a"}));
  EXPECT_EQ(at({"x", "y"}), at({}));
  EXPECT_EQ(at({"c", "e", "z"}), at({"c", "e"}));
}

TEST(JsonLocateTest, MalformedTextLeadsNowhereBehindItsEnd) {
  for (const std::string_view text :
       {"", "{", "{\"a\"", "{\"a\":", "[[[", "{\"a\": \"", "]", "[1,"}) {
    EXPECT_LE(json_offset(text, std::vector<JsonStep>{"a"}), text.size());
    EXPECT_LE(json_offset(text, std::vector<JsonStep>{std::size_t{1}}), text.size());
  }
}

}  // namespace
}  // namespace stackheap
