#include "harness/model/json_locate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace stackheap {
namespace {

// Passes over a text that is known to be JSON, without building anything.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) { skip_blanks(); }

  std::size_t offset() const { return at_; }

  // From a value to what a step leads to; false, without having moved, where that is nowhere.
  bool enter(const JsonStep& step) {
    const std::size_t before = at_;
    const bool found = std::holds_alternative<std::string>(step)
                           ? enter(std::get<std::string>(step))
                           : enter(std::get<std::size_t>(step));
    if (!found) at_ = before;
    return found;
  }

 private:
  bool enter(const std::string& key) {
    if (!take('{')) return false;
    while (peek() == '"') {
      const std::size_t begin = at_;
      skip_string();
      const bool is_it = has_text(text_.substr(begin, at_ - begin), key);
      skip_blanks();
      if (!take(':')) return false;
      if (is_it) return true;
      skip_value();
      if (!take(',')) return false;
    }
    return false;
  }

  bool enter(std::size_t index) {
    if (!take('[')) return false;
    for (; index > 0; --index) {
      skip_value();
      if (!take(',')) return false;
    }
    return peek() != ']';
  }

  static bool has_text(std::string_view quoted, const std::string& key) {
    const auto value = nlohmann::json::parse(quoted, nullptr, /*allow_exceptions=*/false);
    return value.is_string() && value.get_ref<const std::string&>() == key;
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    skip_blanks();
    return true;
  }
  void skip_blanks() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  void skip_string() {
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    at_ = std::min(at_ + 1, text_.size());
  }
  void skip_value() {
    std::size_t depth = 0;
    do {
      const char c = peek();
      if (c == '"') {
        skip_string();
      } else {
        if (c == '{' || c == '[') ++depth;
        if ((c == '}' || c == ']') && depth > 0) --depth;
        ++at_;
        // A number or a word ends where something else begins.
        if (depth == 0 && c != '}' && c != ']') {
          at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
        }
      }
      skip_blanks();
    } while (depth > 0 && at_ < text_.size());
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::size_t json_offset(std::string_view text, std::span<const JsonStep> steps) {
  Cursor cursor(text);
  for (const JsonStep& step : steps) {
    if (!cursor.enter(step)) break;
  }
  return cursor.offset();
}

std::string line_and_column(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t begin = before.rfind('\n') + 1;  // npos + 1 is 0
  return fmt::format("{}:{}", line, before.size() - begin + 1);
}

}  // namespace stackheap
