#include "harness/base/csv.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/text.hpp"

namespace stackheap {
namespace {

using Fields = std::vector<std::string>;

std::string refusal(std::string_view text, TornTail tail = TornTail::kError) {
  try {
    parse_csv(text, "f.csv", tail);
  } catch (const CsvError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(CsvRowTest, QuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(csv_row(Fields{"a", "", "b c"}), "a,,b c\n");
  EXPECT_EQ(csv_row(Fields{"a,b", "say \"x\"", "two\nlines", "cr\r"}),
            "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\"cr\r\"\n");
}

TEST(CsvRowTest, ALoneEmptyFieldIsNoEmptyLine) {
  EXPECT_EQ(csv_row(Fields{""}), "\"\"\n");
}

TEST(CsvTextTest, DefusesFormulasAndControlCharacters) {
  EXPECT_EQ(csv_text("=1+1"), "'=1+1");
  EXPECT_EQ(csv_text("+x"), "'+x");
  EXPECT_EQ(csv_text("-x"), "'-x");
  EXPECT_EQ(csv_text("@x"), "'@x");
  EXPECT_EQ(csv_text(std::string_view("a\nb\tc\0d\x7f", 8)), "a b c d ");
  EXPECT_EQ(csv_text("plain = text"), "plain = text");
  EXPECT_EQ(csv_text(""), "");
}

TEST(CsvNumberTest, IsEmptyWhereThereIsNoNumber) {
  EXPECT_EQ(csv_number(std::nan("")), "");
  EXPECT_EQ(csv_number(std::numeric_limits<double>::infinity()), "");
  EXPECT_EQ(csv_number(0.1), "0.1");
  EXPECT_EQ(csv_number(17), "17");
  EXPECT_EQ(csv_number(-2.5), "-2.5");
}

RC_GTEST_PROP(CsvNumberTest, ReadsBackAsTheSameDouble, (double value)) {
  RC_PRE(std::isfinite(value));
  const auto back = parse_real(csv_number(value));
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == value);
}

RC_GTEST_PROP(CsvTest, WhatWasWrittenIsRead, ()) {
  const auto width = *rc::gen::inRange<std::size_t>(1, 6);
  const auto character = rc::gen::oneOf(rc::gen::element(',', '"', '\n', '\r', '=', ' ', ';'),
                                        rc::gen::arbitrary<char>());
  const auto field = rc::gen::container<std::string>(character);
  const auto rows =
      *rc::gen::container<std::vector<Fields>>(rc::gen::container<Fields>(width, field));
  Fields header;
  for (std::size_t i = 0; i < width; ++i) header.push_back("column " + std::to_string(i));
  std::string text = csv_row(header);
  for (const Fields& row : rows) text += csv_row(row);
  const CsvTable table = parse_csv(text, "f.csv");
  RC_ASSERT(table.header == header);
  RC_ASSERT(table.rows == rows);
}

TEST(CsvTest, ReadsEmptyFieldsAndQuotedOnes) {
  const CsvTable table = parse_csv("a,b,c\n1,,\"x,\"\"y\"\"\"\n,\"\",3\n", "f.csv");
  EXPECT_EQ(table.header, (Fields{"a", "b", "c"}));
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0], (Fields{"1", "", "x,\"y\""}));
  EXPECT_EQ(table.rows[1], (Fields{"", "", "3"}));
}

TEST(CsvTest, KnowsWhereEachRowBegins) {
  const CsvTable table = parse_csv("a,b\n\"x\ny\",1\n\"p\n\nq\",2\nz,3\n", "f.csv");
  ASSERT_EQ(table.positions.size(), 3U);
  EXPECT_EQ(table.positions[0].line, 2U);
  EXPECT_EQ(table.positions[1].line, 4U);
  EXPECT_EQ(table.positions[2].line, 7U);
  EXPECT_EQ(table.positions[2].column, 1U);
}

TEST(CsvTest, FindsColumnsByName) {
  const CsvTable table = parse_csv("a,b\n", "f.csv");
  EXPECT_EQ(table.find("b"), 1U);
  EXPECT_EQ(table.find("c"), CsvTable::npos);
  EXPECT_EQ(table.require("a"), 0U);
  try {
    table.require("status");
    FAIL() << "found a column that is not there";
  } catch (const CsvError& error) {
    EXPECT_STREQ(error.what(),
                 "f.csv:1:1: expected a column 'status', the header has none; was the file "
                 "written by another version, or the column deleted?");
  }
}

struct Malformed {
  std::string_view text;
  std::string_view message;
};

TEST(CsvTest, RefusesEachMalformedFileWithItsPlaceAndReason) {
  const Malformed cases[] = {
      {"", "f.csv:1:1: expected a line of column names; the file is empty"},
      {"\xef\xbb\xbf"
       "a,b\n",
       "f.csv:1:1: expected a column name, found a byte-order mark; a spreadsheet saved the file "
       "as \"CSV UTF-8\": `sed -i '1s/^\\xEF\\xBB\\xBF//' FILE` mends it"},
      {"a,b\r\n1,2\r\n",
       "f.csv:1:4: expected a line end, found a carriage return; a spreadsheet or Windows editor "
       "saved the file with CR LF line ends: `sed -i 's/\\r$//' FILE` mends it"},
      {"a,b\n1,\"2\"\r\n",
       "f.csv:2:6: expected a line end, found a carriage return; a spreadsheet or Windows editor "
       "saved the file with CR LF line ends: `sed -i 's/\\r$//' FILE` mends it"},
      {"a;b;c\n1;2;3\n",
       "f.csv:1:2: expected commas between the columns, found semicolons; a spreadsheet exported "
       "the file with the separator of its locale: export it with commas and decimal points"},
      {"ab\tc\n1\t2\n",
       "f.csv:1:3: expected commas between the columns, found tabs; a spreadsheet exported the "
       "file with the separator of its locale: export it with commas and decimal points"},
      {"a,b,a\n",
       "f.csv:1:5: expected each column once, found 'a' again; was it pasted twice in a "
       "spreadsheet?"},
      {"a,,b\n",
       "f.csv:1:3: expected a name for column 2, found none; a spreadsheet adds such columns: "
       "delete it"},
      {"a,b\n1,2\n3\n",
       "f.csv:3:2: expected 2 fields as in the header, found 1; was the line cut, or were cells "
       "deleted in a spreadsheet?"},
      {"a,b\n1,2,3\n",
       "f.csv:2:5: expected the line to end after 2 fields as the header has them; was a comma "
       "typed into a number, or a column added in a spreadsheet?"},
      {"a,b\n\n1,2\n",
       "f.csv:2:1: expected a row, found an empty line; an editor or spreadsheet added it: delete "
       "it"},
      {"a,b\n1,2\n\n",
       "f.csv:3:1: expected a row, found an empty line; an editor or spreadsheet added it: delete "
       "it"},
      {"a,b\n\"1\"x,2\n",
       "f.csv:2:4: expected a comma or a line end after the closing quote; quotes inside a quoted "
       "field are doubled: was the file edited by hand?"},
      {"a,b\n1,x\"y\n",
       "f.csv:2:4: expected no quote inside an unquoted field; a field that holds quotes is "
       "quoted and its quotes are doubled: was the file joined or edited by hand?"},
      {"a,b\n\"1\n2\",3\n4,\"5\n",
       "f.csv:4:3: expected a closing quote, found the end of the file; the file was cut, or a "
       "quote was typed into it"},
      {"a,b\n1,2",
       "f.csv:2:4: expected a line end after the last row; the writer was stopped, or the file "
       "was cut"},
      {"a,b",
       "f.csv:1:4: expected a line end after the last row; the writer was stopped, or the file "
       "was cut"},
  };
  for (const Malformed& malformed : cases) {
    EXPECT_EQ(refusal(malformed.text), malformed.message) << malformed.text;
  }
}

TEST(CsvTest, DropsATornTailOnRequestAndSaysWhereItBegins) {
  const std::string whole = "a,b\n1,2\n";
  for (const char* tail : {"", "3", "3,", "3,4", "\"", "\"3\"", "\"x\ny"}) {
    const std::string text = whole + tail;
    std::size_t torn = 0;
    std::size_t rows = 0;
    parse_csv_rows(
        text, "f.csv", TornTail::kDrop,
        [&](std::span<const std::string_view> fields, CsvPosition position) {
          ++rows;
          EXPECT_EQ(fields[1], "2");
          EXPECT_EQ(position.line, 2U);
        },
        &torn);
    EXPECT_EQ(rows, 1U) << tail;
    EXPECT_EQ(torn, whole.size()) << tail;
  }
}

TEST(CsvTest, ATornHeaderIsNoTable) {
  EXPECT_EQ(refusal("a,b", TornTail::kDrop),
            "f.csv:1:1: expected a line of column names; the file is empty");
}

TEST(CsvTest, ErrorsBeforeATornTailStayErrors) {
  EXPECT_EQ(refusal("a,b\n1\n2,", TornTail::kDrop),
            "f.csv:2:2: expected 2 fields as in the header, found 1; was the line cut, or were "
            "cells deleted in a spreadsheet?");
}

RC_GTEST_PROP(CsvTest, AnyBytesAreReadOrRefusedAndNothingElse, (const std::string& text)) {
  try {
    for (const auto& row : parse_csv(text, "f.csv", TornTail::kDrop).rows) RC_ASSERT(!row.empty());
  } catch (const CsvError&) {
    RC_SUCCEED("refused");
  }
}

TEST(CsvTest, ReadsAFileUnderItsOwnName) {
  const auto path = std::filesystem::path(testing::TempDir()) / "stackheap_csv_test.csv";
  std::ofstream(path) << "a\n1\n2,3\n";
  try {
    read_csv(path);
    FAIL() << "accepted a surplus field";
  } catch (const CsvError& error) {
    EXPECT_EQ(std::string(error.what()).substr(0, path.string().size() + 6),
              path.string() + ":3:3: ");
  }
  std::ofstream(path) << "a\n1\n";
  EXPECT_EQ(read_csv(path).rows, (std::vector<Fields>{{"1"}}));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace stackheap
