#include "harness/model/strict_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

namespace stackheap {
namespace {

using nlohmann::json;

// Of our own documents the deepest is workloads[].quick[].values[].
constexpr int kDeepest = 16;
constexpr std::size_t kShownCharacters = 60;

std::string position(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t begin = before.rfind('\n') + 1;  // npos + 1 is 0
  return fmt::format("line {}, column {}", line, before.size() - begin + 1);
}

// nlohmann's message without its "[json.exception...] parse error at line 1, column 2: " prefix.
std::string_view reason(std::string_view message) {
  const std::size_t column = message.find(", column ");
  const std::size_t colon = message.find(": ", column == std::string_view::npos ? 0 : column);
  return colon == std::string_view::npos ? message : message.substr(colon + 2);
}

std::string shown(const json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return fmt::format("an array of {}", value.size());
  std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > kShownCharacters) text = text.substr(0, kShownCharacters) + "...";
  return text;
}

}  // namespace

json parse_strict_json(std::string_view text, std::string_view what) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > kDeepest) {
      throw std::runtime_error(
          fmt::format("{}: expected at most {} levels of nesting, found more", what, kDeepest));
    }
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key &&
        !keys.back().insert(value.get_ref<const std::string&>()).second) {
      throw std::runtime_error(
          fmt::format("{}: expected every key once, found {} again", what, shown(value)));
    }
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), watch);
  } catch (const json::parse_error& error) {
    const std::size_t offset = std::min(error.byte == 0 ? 0 : error.byte - 1, text.size());
    throw std::runtime_error(fmt::format("{}: {}: {}", what, position(text, offset),
                                         without_control_characters(reason(error.what()))));
  }
}

void JsonPlace::require_keys(std::initializer_list<std::string_view> keys) const {
  if (!value_->is_object()) refuse("an object");
  for (const std::string_view key : keys) {
    if (!value_->contains(key)) fail(fmt::format("expected a key \"{}\", found none", key));
  }
  for (const auto& item : value_->items()) {
    if (std::find(keys.begin(), keys.end(), std::string_view(item.key())) == keys.end()) {
      fail(fmt::format("expected no key {}, which this version does not know",
                       shown(json(item.key()))));
    }
  }
}

JsonPlace JsonPlace::at(std::string_view key) const {
  if (!value_->is_object()) refuse("an object");
  const auto it = value_->find(key);
  if (it == value_->end()) fail(fmt::format("expected a key \"{}\", found none", key));
  return {*it, what_, path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key)};
}

JsonPlace JsonPlace::at(std::size_t index) const {
  if (index >= array_size()) refuse(fmt::format("an array of more than {}", index));
  return {(*value_)[index], what_, fmt::format("{}[{}]", path_, index)};
}

void JsonPlace::for_each(const std::function<void(const JsonPlace&)>& visit) const {
  const std::size_t size = array_size();
  for (std::size_t i = 0; i < size; ++i) visit(at(i));
}

std::size_t JsonPlace::array_size() const {
  if (!value_->is_array()) refuse("an array");
  return value_->size();
}

bool JsonPlace::is_null() const {
  return value_->is_null();
}

bool JsonPlace::boolean() const {
  if (!value_->is_boolean()) refuse("true or false");
  return value_->get<bool>();
}

std::string JsonPlace::text() const {
  if (!value_->is_string()) refuse("text");
  return value_->get<std::string>();
}

double JsonPlace::real() const {
  if (!value_->is_number() || !std::isfinite(value_->get<double>())) refuse("a number");
  return value_->get<double>();
}

std::int64_t JsonPlace::integer(std::int64_t minimum, std::int64_t maximum) const {
  const auto expected = [&] { return fmt::format("an integer in {} ... {}", minimum, maximum); };
  if (!value_->is_number_integer()) refuse(expected());
  if (value_->is_number_unsigned() &&
      value_->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) {
    refuse(expected());
  }
  const auto number = value_->get<std::int64_t>();
  if (number < minimum || number > maximum) refuse(expected());
  return number;
}

std::uint64_t JsonPlace::unsigned_integer() const {
  if (!value_->is_number_unsigned()) {
    refuse(fmt::format("an integer in 0 ... {}", UINT64_MAX));
  }
  return value_->get<std::uint64_t>();
}

void JsonPlace::refuse(std::string_view expected) const {
  fail(fmt::format("expected {}, found {}", expected, shown(*value_)));
}

void JsonPlace::fail(std::string_view message) const {
  throw std::runtime_error(
      fmt::format("{}: {}: {}", what_, path_.empty() ? "the document" : path_, message));
}

std::string without_control_characters(std::string_view text) {
  std::string result(text);
  std::replace_if(
      result.begin(), result.end(),
      [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f;
      },
      ' ');
  return result;
}

}  // namespace stackheap
