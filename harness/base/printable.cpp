#include "harness/base/printable.hpp"

#include <fmt/format.h>

#include <cstddef>

namespace stackheap {
namespace {

// Length of the UTF-8 sequence at the front of a text that is not empty; 0 where there is none
// (Unicode 15, table 3-7: well-formed byte sequences).
std::size_t utf8_length(std::string_view text) {
  struct Row {
    unsigned char first_least, first_most, second_least, second_most;
    std::size_t length;
  };
  constexpr Row kRows[] = {
      {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
      {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
      {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (const Row& row : kRows) {
    if (byte(0) < row.first_least || byte(0) > row.first_most) continue;
    if (text.size() < row.length) return 0;
    if (row.length > 1 && (byte(1) < row.second_least || byte(1) > row.second_most)) return 0;
    for (std::size_t i = 2; i < row.length; ++i) {
      if ((byte(i) & 0xc0U) != 0x80U) return 0;
    }
    return row.length;
  }
  return 0;
}

// U+0000 to U+001F and U+007F to U+009F, of a sequence of that length.
bool is_control(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first < 0x20 || first == 0x7f;
  return first == 0xc2 && static_cast<unsigned char>(sequence[1]) < 0xa0;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view piece = text.substr(0, length == 0 ? 1 : length);
    if (length != 0 && (piece == "\n" || !is_control(piece))) {
      result += piece;
    } else {
      for (const char c : piece) {
        result += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
      }
    }
    text.remove_prefix(piece.size());
  }
  return result;
}

}  // namespace stackheap
