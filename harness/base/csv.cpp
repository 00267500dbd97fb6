#include "harness/base/csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <deque>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "harness/base/error.hpp"
#include "harness/base/file.hpp"

namespace stackheap {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// What ends the plain scan of an unquoted field. A table lookup per byte: fields are a few bytes
// long, so a call of memchr for each would cost more than it saves.
constexpr std::array<bool, 256> kStops = [] {
  std::array<bool, 256> stops{};
  for (const char c : {',', '\n', '\r', '"'}) stops[static_cast<unsigned char>(c)] = true;
  return stops;
}();

// Reads one row after the other; its memory is reused from row to row.
class RowReader {
 public:
  RowReader(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  enum class Outcome {
    kRow,
    kEnd,   // nothing left
    kTorn,  // the text ends inside the row that begins at row_begin()
  };

  // At most `most` fields, and at least so many unless that is `kAnyNumber`.
  Outcome read(std::size_t most);
  static constexpr std::size_t kAnyNumber = static_cast<std::size_t>(-1);

  std::span<const std::string_view> fields() const { return fields_; }
  CsvPosition position() const { return row_position_; }
  std::size_t row_begin() const { return row_begin_; }
  // After kTorn: where the quote stands that was never closed, or npos.
  std::size_t open_quote() const { return open_quote_; }
  [[noreturn]] void fail(std::size_t offset, const std::string& message) const;
  [[noreturn]] void fail_field(std::size_t field, const std::string& message) const {
    fail(begins_[field], message);
  }

 private:
  bool read_field();  // false: the text ends before a comma or a line end
  bool read_quoted_field();
  void read_line_end(std::size_t expected);

  std::string_view text_;
  std::string_view name_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;        // of at_
  std::size_t line_begin_ = 0;  // of at_
  std::size_t row_begin_ = 0;
  std::size_t open_quote_ = std::string_view::npos;
  CsvPosition row_position_;
  std::vector<std::string_view> fields_;
  std::vector<std::size_t> begins_;    // of each field, for messages
  std::deque<std::string> unescaped_;  // fields with doubled quotes; a deque never moves them
  std::size_t unescaped_used_ = 0;
};

void RowReader::fail(std::size_t offset, const std::string& message) const {
  const std::string_view before = text_.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t begin = before.rfind('\n') + 1;  // npos + 1 is 0
  throw CsvError(fmt::format("{}:{}:{}: {}", name_, line, offset - begin + 1, message));
}

RowReader::Outcome RowReader::read(std::size_t most) {
  row_begin_ = at_;
  row_position_ = CsvPosition{line_, at_ - line_begin_ + 1};
  fields_.clear();
  begins_.clear();
  unescaped_used_ = 0;
  if (at_ == text_.size()) return Outcome::kEnd;
  if (text_[at_] == '\n') {
    fail(at_, "expected a row, found an empty line; an editor or spreadsheet added it: delete it");
  }
  for (;;) {
    if (fields_.size() == most) {
      fail(at_, fmt::format("expected the line to end after {} fields as the header has them; was "
                            "a comma typed into a number, or a column added in a spreadsheet?",
                            most));
    }
    begins_.push_back(at_);
    if (!read_field()) return Outcome::kTorn;
    if (text_[at_] == '\n') break;
    ++at_;
  }
  read_line_end(most);
  return Outcome::kRow;
}

bool RowReader::read_field() {
  if (at_ < text_.size() && text_[at_] == '"') {
    if (!read_quoted_field()) return false;
  } else {
    const std::size_t begin = at_;
    while (at_ < text_.size() && !kStops[static_cast<unsigned char>(text_[at_])]) ++at_;
    fields_.push_back(text_.substr(begin, at_ - begin));
  }
  if (at_ == text_.size()) return false;
  switch (text_[at_]) {
    case '\r':
      fail(
          at_,
          "expected a line end, found a carriage return; a spreadsheet or Windows editor saved the "
          "file with CR LF line ends: `sed -i 's/\\r$//' FILE` mends it");
    case '"':
      fail(at_,
           "expected no quote inside an unquoted field; a field that holds quotes is quoted and "
           "its quotes are doubled: was the file joined or edited by hand?");
    default:
      return true;
  }
}

bool RowReader::read_quoted_field() {
  const std::size_t begin = ++at_;
  std::string* joined = nullptr;
  std::size_t piece = begin;
  for (;;) {
    const auto* quote =
        static_cast<const char*>(std::memchr(text_.data() + at_, '"', text_.size() - at_));
    const std::size_t end =
        quote == nullptr ? text_.size() : static_cast<std::size_t>(quote - text_.data());
    for (std::size_t at = text_.find('\n', at_); at < end; at = text_.find('\n', at + 1)) {
      ++line_;
      line_begin_ = at + 1;
    }
    at_ = end;
    if (quote == nullptr) {
      open_quote_ = begin - 1;
      return false;
    }
    ++at_;
    const bool doubled = at_ < text_.size() && text_[at_] == '"';
    if (!doubled) {
      if (joined == nullptr) {
        fields_.push_back(text_.substr(begin, end - begin));
      } else {
        joined->append(text_, piece, end - piece);
        fields_.push_back(*joined);
      }
      break;
    }
    if (joined == nullptr) {
      if (unescaped_used_ == unescaped_.size()) unescaped_.emplace_back();
      joined = &unescaped_[unescaped_used_++];
      joined->clear();
    }
    joined->append(text_, piece, at_ - piece);  // with one of the two quotes
    piece = ++at_;
  }
  const bool ended = at_ == text_.size() || text_[at_] == ',' || text_[at_] == '\n';
  if (!ended && text_[at_] != '\r') {
    fail(at_,
         "expected a comma or a line end after the closing quote; quotes inside a quoted field are "
         "doubled: was the file edited by hand?");
  }
  return true;
}

void RowReader::read_line_end(std::size_t expected) {
  if (expected != kAnyNumber && fields_.size() != expected) {
    fail(at_, fmt::format("expected {} fields as in the header, found {}; was the line cut, or "
                          "were cells deleted in a spreadsheet?",
                          expected, fields_.size()));
  }
  ++at_;
  ++line_;
  line_begin_ = at_;
}

std::vector<std::string> checked_header(const RowReader& reader) {
  const auto fields = reader.fields();
  for (const char separator : {';', '\t'}) {
    const std::size_t at = fields.size() == 1 ? fields[0].find(separator) : std::string_view::npos;
    if (at == std::string_view::npos) continue;
    reader.fail(reader.row_begin() + at,
                fmt::format("expected commas between the columns, found {}; a spreadsheet exported "
                            "the file with the separator of its locale: export it with commas and "
                            "decimal points",
                            separator == ';' ? "semicolons" : "tabs"));
  }
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].empty()) {
      reader.fail_field(i, fmt::format("expected a name for column {}, found none; a spreadsheet "
                                       "adds such columns: delete it",
                                       i + 1));
    }
    if (!seen.insert(fields[i]).second) {
      reader.fail_field(i, fmt::format("expected each column once, found '{}' again; was it pasted "
                                       "twice in a spreadsheet?",
                                       fields[i]));
    }
  }
  return {fields.begin(), fields.end()};
}

}  // namespace

std::string csv_row(std::span<const std::string> fields) {
  // A line with nothing on it would be skipped by most readers.
  if (fields.size() == 1 && fields[0].empty()) return "\"\"\n";
  std::string row;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) row += ',';
    const std::string& field = fields[i];
    // A byte-order mark at the front of a file would be taken for one.
    if (field.find_first_of(",\"\r\n") == std::string::npos && !field.starts_with(kByteOrderMark)) {
      row += field;
      continue;
    }
    row += '"';
    for (const char c : field) {
      if (c == '"') row += '"';
      row += c;
    }
    row += '"';
  }
  row += '\n';
  return row;
}

std::string csv_text(std::string_view text) {
  std::string result;
  result.reserve(text.size() + 1);
  const bool formula =
      !text.empty() && std::string_view("=+-@").find(text.front()) != std::string_view::npos;
  if (formula) result += '\'';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    result += byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
  return result;
}

std::string csv_number(double value) {
  if (!std::isfinite(value)) return {};
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  STACKHEAP_CHECK(error == std::errc{});
  return {text, end};
}

std::size_t CsvTable::find(std::string_view column) const {
  const auto it = std::find(header.begin(), header.end(), column);
  return it == header.end() ? npos : static_cast<std::size_t>(it - header.begin());
}

std::size_t CsvTable::require(std::string_view column) const {
  const std::size_t index = find(column);
  if (index == npos) {
    throw CsvError(
        fmt::format("{}:1:1: expected a column '{}', the header has none; was the file "
                    "written by another version, or the column deleted?",
                    name, column));
  }
  return index;
}

std::vector<std::string> parse_csv_rows(
    std::string_view text, std::string_view name, TornTail tail,
    const std::function<void(std::span<const std::string_view>, CsvPosition)>& row,
    std::size_t* torn) {
  if (torn != nullptr) *torn = text.size();
  RowReader reader(text, name);
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
    reader.fail(0,
                "expected a column name, found a byte-order mark; a spreadsheet saved the file as "
                "\"CSV UTF-8\": `sed -i '1s/^\\xEF\\xBB\\xBF//' FILE` mends it");
  }
  const auto torn_row = [&] {
    if (torn != nullptr) *torn = reader.row_begin();
    if (tail == TornTail::kDrop) return;
    if (reader.open_quote() != std::string_view::npos) {
      reader.fail(reader.open_quote(),
                  "expected a closing quote, found the end of the file; the file was cut, or a "
                  "quote was typed into it");
    }
    reader.fail(text.size(),
                "expected a line end after the last row; the writer was stopped, or the file was "
                "cut");
  };

  std::vector<std::string> header;
  switch (reader.read(RowReader::kAnyNumber)) {
    case RowReader::Outcome::kRow:
      header = checked_header(reader);
      break;
    case RowReader::Outcome::kTorn:
      torn_row();
      [[fallthrough]];
    case RowReader::Outcome::kEnd:
      reader.fail(0, "expected a line of column names; the file is empty");
  }
  for (;;) {
    const RowReader::Outcome outcome = reader.read(header.size());
    if (outcome == RowReader::Outcome::kTorn) torn_row();
    if (outcome != RowReader::Outcome::kRow) return header;
    row(reader.fields(), reader.position());
  }
}

CsvTable parse_csv(std::string_view text, std::string_view name, TornTail tail) {
  CsvTable table;
  table.name = name;
  table.header = parse_csv_rows(text, name, tail,
                                [&](std::span<const std::string_view> fields, CsvPosition at) {
                                  table.rows.emplace_back(fields.begin(), fields.end());
                                  table.positions.push_back(at);
                                });
  return table;
}

CsvTable read_csv(const std::filesystem::path& path, TornTail tail) {
  return parse_csv(read_file(path), path.string(), tail);
}

}  // namespace stackheap
