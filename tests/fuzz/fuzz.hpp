// What the fuzz targets share. Each hands arbitrary bytes to one parser of outside text; the
// sanitizers find what is undefined, and the targets themselves check what the parsers promise:
// a refusal says where, and what is accepted survives being written and read again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "harness/base/error.hpp"

namespace stackheap::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline bool skip_digits(std::string_view& text) {
  const std::size_t end = text.find_first_not_of("0123456789");
  if (end == 0 || end == std::string_view::npos) return false;
  text.remove_prefix(end);
  return true;
}

// "NAME:LINE:COLUMN: what was expected".
inline void require_place(std::string_view message, std::string_view name) {
  std::string_view rest = message;
  const auto skip = [&](std::string_view expected) {
    if (!rest.starts_with(expected)) return false;
    rest.remove_prefix(expected.size());
    return true;
  };
  const bool has_place = skip(name) && skip(":") && skip_digits(rest) && skip(":") &&
                         skip_digits(rest) && skip(": ") && !rest.empty();
  STACKHEAP_CHECK(has_place);
}

}  // namespace stackheap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
