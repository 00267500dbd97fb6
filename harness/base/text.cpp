#include "harness/base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <system_error>
#include <utility>

namespace stackheap {
namespace {

constexpr std::size_t kLongestName = 64;

// The C locale's answers, whatever setlocale() was told.
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool is_alphanumeric(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

// Insertions, deletions, substitutions and swaps of neighbours, no part edited twice (the
// "optimal string alignment" form of Damerau's distance, CACM 7(3), 1964).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({last[j] + 1, current[j - 1] + 1, substituted});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) current[j] = std::min(current[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, current);
  }
  return last[b.size()];
}

struct DurationUnit {
  std::string_view name;
  double seconds;
};
// Largest first: in "1h30m" each unit is smaller than the one before it.
constexpr DurationUnit kDurationUnits[] = {{"h", 3600}, {"m", 60}, {"s", 1}, {"ms", 1e-3}};

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string join(std::span<const std::string> parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts.begin(), parts.end(), separator));
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\f\v";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return value;
}

std::optional<double> parse_real(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || rest != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<double> parse_duration_seconds(std::string_view text) {
  const auto positive = [](double value) {
    return std::isfinite(value) && value > 0 ? std::optional(value) : std::nullopt;
  };
  double sum = 0;
  std::size_t next_unit = 0;
  bool first = true;
  while (!text.empty()) {
    const std::size_t number_end = std::min(text.find_first_not_of("0123456789."), text.size());
    const auto number = parse_real(text.substr(0, number_end));
    if (!number) return std::nullopt;
    text.remove_prefix(number_end);
    if (text.empty()) return first ? positive(*number) : std::nullopt;
    const std::size_t unit_end = std::min(text.find_first_of("0123456789."), text.size());
    const std::string_view unit = text.substr(0, unit_end);
    while (next_unit < std::size(kDurationUnits) && kDurationUnits[next_unit].name != unit) {
      ++next_unit;
    }
    if (next_unit == std::size(kDurationUnits)) return std::nullopt;
    sum += *number * kDurationUnits[next_unit].seconds;
    ++next_unit;
    text.remove_prefix(unit_end);
    first = false;
  }
  return positive(sum);
}

bool glob_match(std::string_view pattern, std::string_view name) {
  // On a mismatch only the last `*` can take one more character: linear memory, no recursion.
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_name = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool is_valid_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_alphanumeric(c) || c == '.' || c == '_' || c == '+' || c == '-';
         });
}

std::vector<std::string> nearest_names(std::string_view typed, std::span<const std::string> known,
                                       std::size_t limit) {
  const std::string wanted = lower_case(typed);
  const std::size_t typo = std::max<std::size_t>(2, wanted.size() / 3);
  std::vector<std::pair<std::size_t, const std::string*>> near;
  for (const std::string& name : known) {
    const std::string candidate = lower_case(name);
    const std::size_t distance = edit_distance(wanted, candidate);
    const bool contains = !wanted.empty() && candidate.find(wanted) != std::string::npos;
    if (distance <= typo || contains) near.emplace_back(distance, &name);
  }
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  for (const auto& [distance, name] : near) {
    if (names.size() == limit) break;
    names.push_back(*name);
  }
  return names;
}

std::string unknown_name_message(std::string_view what, std::string_view typed,
                                 std::span<const std::string> known, std::string_view remedy) {
  std::string message = fmt::format("unknown {} '{}'; ", what, typed);
  const std::vector<std::string> near = nearest_names(typed, known);
  for (std::size_t i = 0; i < near.size(); ++i) {
    const std::string_view before = i == 0 ? "did you mean " : i + 1 < near.size() ? ", " : " or ";
    message += fmt::format("{}'{}'", before, near[i]);
  }
  if (!near.empty()) message += "? ";
  return message + fmt::format("`{}` lists them all.", remedy);
}

std::string human_duration(double seconds) {
  if (!std::isfinite(seconds)) return "unknown";
  if (seconds <= 0) return "0 ms";
  // Each limit is that of the rounded figure, so that no "1000 ms" or "60 s" appears.
  if (seconds < 0.0005) return "< 1 ms";
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1e3);
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  if (seconds < 59.5) return fmt::format("{:.0f} s", seconds);
  const double whole_seconds = std::round(seconds);
  if (whole_seconds < 3600) {
    return fmt::format("{:.0f} min {:02.0f} s", std::floor(whole_seconds / 60),
                       std::fmod(whole_seconds, 60));
  }
  const double minutes = std::round(seconds / 60);
  return fmt::format("{:.0f} h {:02.0f} min", std::floor(minutes / 60), std::fmod(minutes, 60));
}

std::string human_bytes(double bytes) {
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  if (!std::isfinite(bytes)) return "unknown";
  std::size_t unit = 0;
  // 1023.95 would be shown as "1024.0".
  while (unit + 1 < std::size(kUnits) && std::abs(bytes) >= (unit == 0 ? 1023.5 : 1023.95)) {
    bytes /= 1024;
    ++unit;
  }
  std::string number = fmt::format("{:.{}f}", bytes, unit == 0 ? 0 : 1);
  if (number.ends_with(".0")) number.resize(number.size() - 2);
  return fmt::format("{} {}", number, kUnits[unit]);
}

std::uint64_t stable_hash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3U;
  }
  return hash;
}

}  // namespace stackheap
