#include "harness/machine/proc_text.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "harness/base/file.hpp"
#include "harness/base/text.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

std::optional<std::uint64_t> parse_unsigned(std::string_view text, int base) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::string> read_trimmed(const fs::path& path) {
  const auto content = try_read_file(path);
  if (!content) return std::nullopt;
  const std::string_view text = trim(*content);
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

std::optional<std::int64_t> read_integer(const fs::path& path) {
  const auto text = read_trimmed(path);
  return text ? parse_integer(*text) : std::nullopt;
}

std::optional<std::uint64_t> read_count(const fs::path& path) {
  const auto text = read_trimmed(path);
  return text ? parse_count(*text) : std::nullopt;
}

std::optional<bool> read_flag(const fs::path& path) {
  const auto value = read_integer(path);
  if (!value) return std::nullopt;
  return *value != 0;
}

std::optional<std::string> read_selected(const fs::path& path) {
  const auto text = read_trimmed(path);
  if (!text) return std::nullopt;
  const auto open = text->find('[');
  if (open == std::string::npos) return std::nullopt;
  const auto close = text->find(']', open);
  if (close == std::string::npos) return std::nullopt;
  return text->substr(open + 1, close - open - 1);
}

std::optional<std::uint64_t> parse_count(std::string_view text) {
  return parse_unsigned(text, 10);
}
std::optional<std::uint64_t> parse_hex(std::string_view text) {
  return parse_unsigned(text, 16);
}

std::vector<unsigned> parse_cpu_list(std::string_view text) {
  // More CPUs than any kernel supports: a damaged list must not fill the memory.
  constexpr std::uint64_t kMostCpus = 1U << 16U;
  std::vector<unsigned> cpus;
  for (const std::string_view range : split(text, ',')) {
    const auto dash = range.find('-');
    const auto first = parse_count(range.substr(0, dash));
    const auto last = dash == range.npos ? first : parse_count(range.substr(dash + 1));
    if (!first || !last || *last >= kMostCpus) return {};
    for (std::uint64_t cpu = *first; cpu <= *last; ++cpu) {
      cpus.push_back(static_cast<unsigned>(cpu));
    }
  }
  return cpus;
}

std::vector<std::string_view> words(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\n";
  std::vector<std::string_view> found;
  for (auto begin = text.find_first_not_of(kBlanks); begin != std::string_view::npos;) {
    const auto end = std::min(text.find_first_of(kBlanks, begin), text.size());
    found.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(kBlanks, end);
  }
  return found;
}

std::vector<std::string_view> lines(std::string_view text) {
  std::vector<std::string_view> found = split(text, '\n');
  if (!found.empty() && found.back().empty()) found.pop_back();
  return found;
}

std::optional<std::string_view> value_of(std::string_view text, std::string_view key,
                                         char separator) {
  for (const std::string_view line : lines(text)) {
    const auto at = line.find(separator);
    if (at != std::string_view::npos && trim(line.substr(0, at)) == key) {
      return trim(line.substr(at + 1));
    }
  }
  return std::nullopt;
}

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    found.push_back(entry->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace stackheap
