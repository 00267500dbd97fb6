// What goes into the containers of heap/strings and heap/json, against what their files say.
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "suites/heap/json_documents.hpp"
#include "suites/heap/text.hpp"

namespace stackheap {
namespace {

constexpr int kDraws = 1'000'000;

TEST(StringLengthTest, MeanVarianceAndShortShareAreThoseOfTheUniformLaw) {
  for (const std::uint32_t mean : {1U, 8U, 16U, 64U}) {
    SCOPED_TRACE(mean);
    Random random(mean);
    double sum = 0;
    double squares = 0;
    double shorter = 0;
    for (int i = 0; i < kDraws; ++i) {
      const std::uint32_t length = string_length(static_cast<std::uint32_t>(random() >> 32U), mean);
      ASSERT_GE(length, 1U);
      ASSERT_LE(length, 2 * mean - 1);
      const double value = length;
      sum += value;
      squares += value * value;
      shorter += length <= 15 ? 1 : 0;
    }
    const double lengths = 2.0 * mean - 1;
    const double variance = (lengths * lengths - 1) / 12;
    const double found = sum / kDraws;
    // Five standard errors.
    EXPECT_NEAR(found, mean, 5 * std::sqrt(variance / kDraws));
    EXPECT_NEAR(squares / kDraws - found * found, variance, 0.01 * variance + 1e-9);
    const double share = std::min(1.0, 15 / lengths);
    EXPECT_NEAR(shorter / kDraws, share, 5 * std::sqrt(share * (1 - share) / kDraws) + 1e-9);
  }
  EXPECT_EQ(string_length(0, 8), 1U);
  EXPECT_EQ(string_length(~0U, 8), 15U);
}

TEST(RandomTextTest, HasAPieceAtEveryOffsetAndAllItsLetters) {
  const RandomText text(Random(1), 100);
  int count[128] = {};
  for (const char letter : text.piece(RandomText::kOffsets - 1, 100)) {
    ASSERT_GE(letter, '0');
    ASSERT_LT(letter, '0' + 64);
  }
  for (std::uint32_t i = 0; i < RandomText::kOffsets; ++i) {
    ++count[static_cast<unsigned char>(text.piece(i, 1)[0])];
  }
  for (int letter = '0'; letter < '0' + 64; ++letter) EXPECT_NEAR(count[letter], 1024, 200);
}

void count(const nlohmann::json& tree, std::uint32_t& values, std::uint64_t& integers) {
  ++values;
  if (tree.is_number_integer()) integers += tree.get<std::uint64_t>();
  if (tree.is_structured()) {
    for (const auto& child : tree) count(child, values, integers);
  }
}

TEST(JsonDocumentsTest, AnotherParserFindsWhatTheWriterCounted) {
  constexpr int kDocuments = 2000;
  JsonWriter writer(kDocuments);
  Random random(5);
  std::size_t last_id = 0;
  for (int i = 0; i < kDocuments; ++i) {
    const JsonDocument document = writer.write(random);
    const nlohmann::json tree = nlohmann::json::parse(document.text);
    EXPECT_EQ(tree.at("id").get<std::uint64_t>(), document.id);
    EXPECT_GE(tree.at("items").size(), 1U);
    EXPECT_LE(tree.at("items").size(), JsonWriter::kMostItems);
    std::uint32_t values = 0;
    std::uint64_t integers = 0;
    count(tree, values, integers);
    ASSERT_EQ(values, document.values) << document.text;
    ASSERT_EQ(integers, document.integers) << document.text;
    EXPECT_NE(document.id, last_id);
    last_id = document.id;
  }
}

TEST(JsonDocumentsTest, ValuesAndBytesAreAsDescribed) {
  constexpr int kDocuments = 1000;
  constexpr int kWriters = 40;
  double values = 0;
  double bytes = 0;
  Random random(6);
  for (int i = 0; i < kWriters; ++i) {
    JsonWriter writer(kDocuments);
    for (int j = 0; j < kDocuments; ++j) {
      const JsonDocument document = writer.write(random);
      values += document.values;
      bytes += static_cast<double>(document.text.size());
    }
  }
  const double documents = kDocuments * kWriters;
  // 10 of its own, and 4.5 items on average of 6 and 0 to 3 labels. The items' number has a
  // variance of 63/12, the labels' of 15/12 an item.
  EXPECT_NEAR(values / documents, 10 + 4.5 * 7.5,
              5 * std::sqrt((63.0 / 12 * 7.5 * 7.5 + 4.5 * 15 / 12) / documents));
  EXPECT_NEAR(bytes / documents / 1024, 0.7, 0.05);
}

}  // namespace
}  // namespace stackheap
