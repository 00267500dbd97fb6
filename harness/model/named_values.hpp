// Enumerations by the names they have in files: tables of pairs of a value and its name, read both
// ways. A switch for each direction could name a value in one and not in the other.
#pragma once

#include <string>
#include <string_view>

#include "harness/model/strict_json.hpp"

namespace stackheap {

// Empty where the table does not have the value.
template <class Names, class Value>
std::string_view name_of(const Names& names, Value value) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  return "";
}

// The value whose name stands at the place; refuses any other text and names those it knows.
template <class Names>
auto value_at(const JsonPlace& place, const Names& names) {
  const std::string text = place.text();
  std::string expected;
  for (const auto& [value, name] : names) {
    if (name == text) return value;
    expected.append(expected.empty() ? "\"" : ", \"").append(name).append("\"");
  }
  place.refuse("one of " + expected);
}

}  // namespace stackheap
