#include "harness/model/strict_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
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

// "workloads[2].variants[0].name".
std::string path_of(const std::vector<JsonStep>& steps) {
  std::string path;
  for (const JsonStep& step : steps) {
    if (const auto* index = std::get_if<std::size_t>(&step)) {
      path += fmt::format("[{}]", *index);
    } else {
      path += (path.empty() ? "" : ".") + std::get<std::string>(step);
    }
  }
  return path.empty() ? "the document" : without_control_characters(path);
}

// nlohmann's message without its "[json.exception...] parse error at line 1, column 2: " prefix.
std::string_view reason(std::string_view message) {
  const std::size_t column = message.find(", column ");
  const std::size_t colon = message.find(": ", column == std::string_view::npos ? 0 : column);
  return colon == std::string_view::npos ? message : message.substr(colon + 2);
}

// An iterator over text that tells how far the parser has come: its callback does not.
struct Tracked {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at;
  const char** furthest;

  const char& operator*() const { return *at; }
  Tracked& operator++() {
    *furthest = ++at;
    return *this;
  }
  Tracked operator++(int) {
    Tracked before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Tracked& other) const { return at == other.at; }
  bool operator!=(const Tracked& other) const { return at != other.at; }
};

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
  const char* furthest = text.data();
  const auto refuse = [&](const std::string& why) {
    const auto passed = static_cast<std::size_t>(furthest - text.data());
    throw std::runtime_error(
        fmt::format("{}:{}: {}", what, line_and_column(text, passed == 0 ? 0 : passed - 1), why));
  };
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > kDeepest) {
      refuse(fmt::format("expected at most {} levels of nesting, found more", kDeepest));
    }
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key &&
        !keys.back().insert(value.get_ref<const std::string&>()).second) {
      refuse(fmt::format("expected every key once, found {} again", shown(value)));
    }
    return true;
  };
  try {
    return json::parse(Tracked{text.data(), &furthest},
                       Tracked{text.data() + text.size(), &furthest}, watch);
  } catch (const json::parse_error& error) {
    const std::size_t offset = std::min(error.byte == 0 ? 0 : error.byte - 1, text.size());
    throw std::runtime_error(fmt::format("{}:{}: {}", what, line_and_column(text, offset),
                                         without_control_characters(reason(error.what()))));
  } catch (const json::out_of_range&) {
    refuse("expected a number that a double can hold, found a larger one");
  }
  return {};  // refuse() throws
}

void JsonPlace::require_keys(std::initializer_list<std::string_view> keys,
                             std::initializer_list<std::string_view> optional) const {
  if (!value_->is_object()) refuse("an object");
  for (const std::string_view key : keys) {
    if (!value_->contains(key)) fail(fmt::format("expected a key \"{}\", found none", key));
  }
  const auto is_among = [](std::string_view key, std::initializer_list<std::string_view> known) {
    return std::find(known.begin(), known.end(), key) != known.end();
  };
  for (const auto& item : value_->items()) {
    if (is_among(item.key(), keys) || is_among(item.key(), optional)) continue;
    std::vector<JsonStep> steps = steps_;
    steps.emplace_back(item.key());
    fail_at(steps, fmt::format("{}: expected no key {}, which this version does not know",
                               path_of(steps_), shown(json(item.key()))));
  }
}

void JsonPlace::require_object() const {
  if (!value_->is_object()) refuse("an object");
}

bool JsonPlace::has(std::string_view key) const {
  if (!value_->is_object()) refuse("an object");
  return value_->contains(key);
}

JsonPlace JsonPlace::child(const json& value, JsonStep step) const {
  JsonPlace place(value, what_, text_);
  place.steps_ = steps_;
  place.steps_.push_back(std::move(step));
  return place;
}

JsonPlace JsonPlace::at(std::string_view key) const {
  if (!value_->is_object()) refuse("an object");
  const auto it = value_->find(key);
  if (it == value_->end()) fail(fmt::format("expected a key \"{}\", found none", key));
  return child(*it, std::string(key));
}

JsonPlace JsonPlace::at(std::size_t index) const {
  if (index >= array_size()) refuse(fmt::format("an array of more than {}", index));
  return child((*value_)[index], index);
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

bool JsonPlace::is_text() const {
  return value_->is_string();
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
  fail_at(steps_, fmt::format("{}: {}", path_of(steps_), message));
}

void JsonPlace::fail_at(const std::vector<JsonStep>& steps, std::string_view message) const {
  const std::string place =
      text_.empty() ? "" : ":" + line_and_column(text_, json_offset(text_, steps));
  throw std::runtime_error(fmt::format("{}{}: {}", what_, place, message));
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
