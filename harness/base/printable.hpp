// Text from outside, for a terminal. Names, paths and log lines may hold escape sequences, and one
// of them can rewrite what was printed before.
#pragma once

#include <string>
#include <string_view>

namespace stackheap {

// Control characters, and bytes that are no UTF-8, as \x1b; line breaks stay.
std::string printable(std::string_view text);

}  // namespace stackheap
