// Rows of samples.csv behind the header that this version writes, where fuzzing would else never
// get past.
#include "harness/driver/sample_csv.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace stackheap;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::string> header = sample_header();
  static const std::string head = csv_row(header);
  const SampleReader reader("fuzz.csv", header);
  const std::string text = head + std::string(fuzz::text_of(data, size));
  try {
    parse_csv_rows(text, "fuzz.csv", TornTail::kDrop,
                   [&](std::span<const std::string_view> fields, CsvPosition position) {
                     const SampleRow row = reader.read(fields, position);
                     STACKHEAP_CHECK(row.metrics.size() == row.texts.size());
                     STACKHEAP_CHECK(!row.block.empty() && row.cell.threads >= 1);
                   });
  } catch (const CsvError& error) {
    fuzz::require_place(error.what(), "fuzz.csv");
  }
  return 0;
}
