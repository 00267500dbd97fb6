// Strict parsing and small text tools for what users type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stackheap {

// Splits on `separator`; "a,,b" has three parts, "" has one empty part.
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string_view trim(std::string_view text);

// The whole text as a decimal number of the type, or nothing (sign, blanks, overflow, rest).
std::optional<std::int64_t> parse_integer(std::string_view text);
// The whole text as a finite decimal number in the C locale, or nothing.
std::optional<double> parse_real(std::string_view text);
// "500ms", "90s", "10m", "1h30m", "45" (seconds) as seconds; nothing where it is none or <= 0.
std::optional<double> parse_duration_seconds(std::string_view text);

// Shell-like pattern over the whole name: `*` any run (also over '/'), `?` one character.
bool glob_match(std::string_view pattern, std::string_view name);

// Names are [A-Za-z0-9._+-]{1,64}.
bool is_valid_name(std::string_view text);

// At most `limit` of `known`, nearest first by Damerau-Levenshtein distance on lower case, only
// those near enough to be a typo (distance <= max(2, length / 3)) or containing the text.
std::vector<std::string> nearest_names(std::string_view typed, std::span<const std::string> known,
                                       std::size_t limit = 3);

// "unknown WHAT 'TYPED'; did you mean 'a' or 'b'? `REMEDY` lists them all."
std::string unknown_name_message(std::string_view what, std::string_view typed,
                                 std::span<const std::string> known, std::string_view remedy);

// "17 ms", "1.2 s", "3 min 20 s", "2 h 05 min".
std::string human_duration(double seconds);
// "512 B", "64 KiB", "1.5 MiB".
std::string human_bytes(double bytes);

// FNV-1a over bytes: stable over runs and machines, unlike std::hash.
std::uint64_t stable_hash(std::string_view text);

}  // namespace stackheap
