// The strict CSV reader, and that it reads what the writer writes.
#include "harness/base/csv.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace stackheap;

namespace {

std::string written(const CsvTable& table) {
  std::string text = csv_row(table.header);
  for (const auto& row : table.rows) text += csv_row(row);
  return text;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  try {
    const CsvTable table = parse_csv(text, "fuzz.csv");
    STACKHEAP_CHECK(table.rows.size() == table.positions.size());
    const CsvTable again = parse_csv(written(table), "written.csv");
    STACKHEAP_CHECK(again.header == table.header && again.rows == table.rows);
    // What has no torn tail is the same to a reader that drops one.
    STACKHEAP_CHECK(parse_csv(text, "fuzz.csv", TornTail::kDrop).rows == table.rows);
  } catch (const CsvError& error) {
    fuzz::require_place(error.what(), "fuzz.csv");
  }
  try {
    std::size_t torn = 0;
    std::size_t rows = 0;
    parse_csv_rows(
        text, "fuzz.csv", TornTail::kDrop, [&](auto, CsvPosition) { ++rows; }, &torn);
    STACKHEAP_CHECK(torn <= text.size());
    // What was kept is complete.
    STACKHEAP_CHECK(parse_csv(text.substr(0, torn), "kept.csv").rows.size() == rows);
  } catch (const CsvError& error) {
    fuzz::require_place(error.what(), "fuzz.csv");
  }
  // A cell of a spreadsheet: never a formula, never two lines.
  const std::string cell = csv_text(text);
  STACKHEAP_CHECK(cell.empty() || std::string_view("=+-@").find(cell[0]) == std::string_view::npos);
  STACKHEAP_CHECK(cell.find('\n') == std::string::npos);
  return 0;
}
