// The formats in which /proc and /sys tell things: one value per file, "key: value" lines,
// "[selected] other" lists. Absence is normal there and is told as such, never as 0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stackheap {

// The file's text without surrounding blanks; nothing where it is absent, unreadable or empty.
std::optional<std::string> read_trimmed(const std::filesystem::path& path);

// The file's only value as a number; nothing where it is absent or not a number ("max").
std::optional<std::int64_t> read_integer(const std::filesystem::path& path);
std::optional<std::uint64_t> read_count(const std::filesystem::path& path);
// A file that holds 0 or something else.
std::optional<bool> read_flag(const std::filesystem::path& path);
// "always [madvise] never" is "madvise".
std::optional<std::string> read_selected(const std::filesystem::path& path);

// The whole text as a number that fits into 64 bits without a sign.
std::optional<std::uint64_t> parse_count(std::string_view text);
// Hexadecimal digits without a prefix.
std::optional<std::uint64_t> parse_hex(std::string_view text);
// "0-3,8" is 0 1 2 3 8; empty for a text that is no such list.
std::vector<unsigned> parse_cpu_list(std::string_view text);
// Parts between runs of blanks, tabs and line ends.
std::vector<std::string_view> words(std::string_view text);
std::vector<std::string_view> lines(std::string_view text);
// The value of the first line "key<separator>value" with blanks around both; nothing if there is
// none.
std::optional<std::string_view> value_of(std::string_view text, std::string_view key,
                                         char separator = ':');

// Files of a folder sorted by name; none where there is no such folder.
std::vector<std::filesystem::path> sorted_entries(const std::filesystem::path& folder);

}  // namespace stackheap
