#include "harness/driver/sample_file.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace stackheap {

std::vector<std::string> header_of_text(std::string_view text, std::string_view name) {
  const std::size_t line_end = text.find('\n');
  const std::size_t length = line_end == std::string_view::npos ? text.size() : line_end + 1;
  return parse_csv(text.substr(0, length), name).header;
}

SampleFile::SampleFile(const std::filesystem::path& path)
    : name_(path.string()), text_(path), reader_(name_, header_of_text(text_.view(), name_)) {}

bool SampleFile::for_each(const std::function<void(SampleLine&)>& visit) {
  parse_csv_rows(
      text_.view(), name_, TornTail::kDrop,
      [&](std::span<const std::string_view> fields, CsvPosition position) {
        SampleLine line{reader_.read(fields, position), fields, position};
        try {
          visit(line);
        } catch (const std::invalid_argument& error) {
          throw CsvError(
              fmt::format("{}:{}:{}: {}", name_, position.line, position.column, error.what()));
        }
        // A row begins with its number, which is never quoted: so this is a place in the text.
        text_.passed(fields.front().data());
      },
      &complete_);
  return complete_ == text_.view().size();
}

}  // namespace stackheap
