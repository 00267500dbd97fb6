// What a person sees: colours where they are wanted, columns that fit.
#pragma once

#include <string>
#include <string_view>

namespace stackheap {

enum class Colour { kPlain, kGood, kBad, kFaint, kBold };

// True where the descriptor is a terminal, TERM is not "dumb" and NO_COLOR is not set
// (no-color.org).
bool wants_colour(int fd);

// `text` in that colour, or as it is.
std::string painted(std::string_view text, Colour colour, bool enabled);

// Columns of the terminal behind the descriptor; 100 where it is none or wider.
unsigned columns_of(int fd);

// `text` cut to `width` columns with an ellipsis; counts bytes, names here are ASCII.
std::string shortened(std::string_view text, std::size_t width);

// Three significant digits: "0.312", "12.4", "1234".
std::string three_digits(double value);

}  // namespace stackheap
