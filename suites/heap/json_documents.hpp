// The documents of heap/json: orders of a shop, as a web service gets them, written from a seed
// into mapped memory. A published document would do (nativejson-benchmark's twitter.json is the
// usual one), but it is one document, of one size, and another's property.
//
// Each has 1 to 8 items, all equally frequent; it has 10 values of its own and 6 to 9 in an item
// (objects and arrays are values too; keys are none): 44 values and 0.7 KiB on average.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "harness/base/error.hpp"
#include "harness/base/mapped.hpp"
#include "harness/base/random.hpp"

namespace stackheap {

struct JsonDocument {
  std::string_view text;
  std::uint64_t id = 0;
  std::uint32_t values = 0;
  std::uint64_t integers = 0;  // the sum of all integers
};

// Writes documents one after another; outlives what it has written.
class JsonWriter {
 public:
  static constexpr std::uint32_t kMostItems = 8;
  static constexpr std::size_t kLargestDocument = 2048;

  explicit JsonWriter(std::size_t documents) : place_(documents * kLargestDocument) {
    next_ = place_.data();
  }

  JsonDocument write(Random& random) {
    document_ = JsonDocument{};
    char* const begin = next_;
    document_.id = random() % 1'000'000'000;
    value("{");
    text("\"id\":");
    integer(document_.id);
    text(",\"customer\":");
    value("{");
    text("\"name\":");
    string(random, 6, 30);
    text(",\"email\":");
    string(random, 10, 40);
    text(",\"verified\":");
    value(random.below(2) == 0 ? "true" : "false");
    text(",\"since\":");
    integer(1995 + random.below(30));
    text("},\"note\":");
    value("null");
    text(",\"discount\":");
    value(random.below(2) == 0 ? "0.05" : "12.5");
    text(",\"items\":");
    value("[");
    const std::uint32_t items = 1 + random.below(kMostItems);
    for (std::uint32_t i = 0; i < items; ++i) item(random, i);
    text("]}");
    document_.text = {begin, static_cast<std::size_t>(next_ - begin)};
    STACKHEAP_CHECK(document_.text.size() <= kLargestDocument);
    return document_;
  }

 private:
  void item(Random& random, std::uint32_t number) {
    if (number != 0) text(",");
    value("{");
    text("\"sku\":");
    string(random, 8, 8);
    text(",\"description\":");
    string(random, 8, 56);
    text(",\"quantity\":");
    integer(1 + random.below(12));
    text(",\"price\":");
    value(random.below(2) == 0 ? "19.99" : "1249.5");
    text(",\"labels\":");
    value("[");
    const std::uint32_t labels = random.below(4);
    for (std::uint32_t i = 0; i < labels; ++i) {
      if (i != 0) text(",");
      integer(random.below(100'000));
    }
    text("]}");
  }

  void text(std::string_view characters) {
    std::memcpy(next_, characters.data(), characters.size());
    next_ += characters.size();
  }
  void value(std::string_view characters) {
    text(characters);
    ++document_.values;
  }
  void integer(std::uint64_t number) {
    char digits[20];
    char* const end = digits + sizeof digits;
    char* first = end;
    std::uint64_t left = number;
    do *--first = static_cast<char>('0' + left % 10);
    while ((left /= 10) != 0);
    value({first, static_cast<std::size_t>(end - first)});
    document_.integers += number;
  }
  // Small letters, of a length from `shortest` to `longest`, all equally frequent.
  void string(Random& random, std::uint32_t shortest, std::uint32_t longest) {
    value("\"");
    for (std::uint32_t left = shortest + random.below(longest - shortest + 1); left > 0; --left) {
      *next_++ = static_cast<char>('a' + random.below(26));
    }
    text("\"");
  }

  MappedArray<char> place_;
  char* next_ = nullptr;
  JsonDocument document_;
};

}  // namespace stackheap
