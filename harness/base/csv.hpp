// Comma-separated values exactly as RFC 4180 says, with '\n' line ends: one header, every row as
// many fields as the header, quotes doubled inside quotes. An empty field means "not available".
// Written so that pandas, R, DuckDB and a spreadsheet open it without options; read strictly, since
// a silently shifted column is a wrong number in someone's paper.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace stackheap {

// One row with its line end. A field is quoted where it holds a comma, a quote, CR or LF. A field
// of free text that begins with = + - or @ (a formula to a spreadsheet) is the caller's to defuse:
// see csv_text().
std::string csv_row(std::span<const std::string> fields);

// Free text made harmless: control characters become spaces and a leading = + - @ gets an
// apostrophe before it.
std::string csv_text(std::string_view text);

// The shortest text that reads back as the same double; empty for NaN and infinities.
std::string csv_number(double value);

struct CsvPosition {
  std::size_t line = 1;    // 1-based, of the row's first character
  std::size_t column = 1;  // 1-based, in bytes
};

// Malformed input: what() is "file:line:column: what was expected".
class CsvError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct CsvTable {
  std::string name;  // for messages
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
  std::vector<CsvPosition> positions;  // one per row

  // Index of a column, or npos.
  std::size_t find(std::string_view column) const;
  // Index of a column; throws CsvError naming file and column.
  std::size_t require(std::string_view column) const;
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
};

enum class TornTail {
  kError,  // a last line without its line end is malformed
  kDrop,   // it is dropped: a journal whose writer was killed
};

// Parses text; `name` is used in messages. Refuses a byte-order mark, CR line ends, semicolons as
// separators, a row with another number of fields, text after a closing quote, an unclosed quote
// and a repeated or empty column name; each message says what a spreadsheet did to the file.
CsvTable parse_csv(std::string_view text, std::string_view name, TornTail tail = TornTail::kError);
CsvTable read_csv(const std::filesystem::path& path, TornTail tail = TornTail::kError);

// The same, row by row, without keeping them: for files of millions of rows. `row` is called with
// the fields, which are valid during the call only. Returns the header. `torn` (may be null) is
// set to the byte offset at which a dropped torn tail begins, or to the text's size.
std::vector<std::string> parse_csv_rows(
    std::string_view text, std::string_view name, TornTail tail,
    const std::function<void(std::span<const std::string_view>, CsvPosition)>& row,
    std::size_t* torn = nullptr);

}  // namespace stackheap
