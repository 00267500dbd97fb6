// Where a value stands in a JSON text. nlohmann's parser forgets positions (3.12 can keep them,
// Debian 12 has 3.11), and a refusal without a line is of no use in a run.json of 5,000 lines.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace stackheap {

// A key of an object or an index of an array.
using JsonStep = std::variant<std::string, std::size_t>;

// Byte offset of the value that the steps lead to; of the deepest on the way where a step leads
// nowhere. `text` has been parsed before: of malformed text any offset may come out, at most its
// size.
std::size_t json_offset(std::string_view text, std::span<const JsonStep> steps);

// "LINE:COLUMN" of a byte, both from 1, columns in bytes.
std::string line_and_column(std::string_view text, std::size_t offset);

}  // namespace stackheap
