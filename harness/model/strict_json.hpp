// Reading JSON so that nothing unexpected passes: every key known and present once, every type and
// range as declared. nlohmann's own conversions ignore unknown keys, take 1.5 for 1 and keep the
// last of two equal keys. Only .cpp files include this.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/model/json_locate.hpp"

namespace stackheap {

// Parses text; throws std::runtime_error("WHAT:LINE:COLUMN: ..."). Refuses repeated keys and
// nesting deeper than our documents have.
nlohmann::json parse_strict_json(std::string_view text, std::string_view what);

// A place in a document: the value and the path that leads there, "workloads[2].variants[0].name".
// Borrows the value. Every refusal is std::runtime_error("WHAT: PATH: expected ..., found ..."),
// or, where the document's text is given, of a file that a person edits, "WHAT:LINE:COLUMN: PATH:
// ...".
class JsonPlace {
 public:
  JsonPlace(const nlohmann::json& value, std::string_view what, std::string_view text = {})
      : value_(&value), what_(what), text_(text) {}

  // An object with exactly these keys; those that are optional may be left out.
  void require_keys(std::initializer_list<std::string_view> keys,
                    std::initializer_list<std::string_view> optional = {}) const;
  void require_object() const;           // with any keys
  bool has(std::string_view key) const;  // of an object
  JsonPlace at(std::string_view key) const;
  JsonPlace at(std::size_t index) const;  // of an array that is larger
  void for_each(const std::function<void(const JsonPlace&)>& visit) const;  // of an array
  std::size_t array_size() const;  // throws where it is none

  bool is_null() const;
  bool is_text() const;
  const nlohmann::json& value() const { return *value_; }
  bool boolean() const;
  std::string text() const;
  double real() const;  // finite
  std::int64_t integer(std::int64_t minimum, std::int64_t maximum) const;
  std::uint64_t unsigned_integer() const;

  // "expected EXPECTED, found <the value, shortened>".
  [[noreturn]] void refuse(std::string_view expected) const;
  // The message as it is, after WHAT and the path.
  [[noreturn]] void fail(std::string_view message) const;

 private:
  JsonPlace child(const nlohmann::json& value, JsonStep step) const;
  [[noreturn]] void fail_at(const std::vector<JsonStep>& steps, std::string_view message) const;

  const nlohmann::json* value_;
  std::string_view what_;
  std::string_view text_;
  std::vector<JsonStep> steps_;
};

// Control characters as spaces: for text that comes from a process we do not trust.
std::string without_control_characters(std::string_view text);

}  // namespace stackheap
