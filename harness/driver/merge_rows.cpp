#include "harness/driver/merge_rows.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "harness/base/error.hpp"
#include "harness/base/text.hpp"
#include "harness/driver/run_columns.hpp"
#include "harness/driver/sample_file.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20U;

std::size_t index_of(const std::vector<std::string>& header, std::string_view column,
                     const std::string& file) {
  const auto at = std::find(header.begin(), header.end(), column);
  if (at == header.end()) {
    throw CsvError(fmt::format("{}:1: expected a column '{}'; it is missing", file, column));
  }
  return static_cast<std::size_t>(at - header.begin());
}

// For each column of `wanted` its place in `header`.
std::vector<std::size_t> places_of(const std::vector<std::string>& wanted,
                                   const std::vector<std::string>& header,
                                   const std::string& file) {
  std::vector<std::size_t> places;
  for (const std::string& column : wanted) places.push_back(index_of(header, column, file));
  return places;
}

void copy_fields(std::span<const std::string_view> fields, std::span<const std::size_t> places,
                 std::vector<std::string>& row) {
  row.resize(places.size());
  for (std::size_t i = 0; i < places.size(); ++i) row[i].assign(fields[places[i]]);
}

}  // namespace

CsvWriter::CsvWriter(fs::path path, std::span<const std::string> header) : path_(std::move(path)) {
  fd_ = UniqueFd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd_) throw_errno("create " + path_.string());
  add(header);
}

void CsvWriter::add(std::span<const std::string> fields) {
  buffer_ += csv_row(fields);
  if (buffer_.size() >= kBufferBytes) flush();
}

void CsvWriter::flush() {
  write_all(fd_.get(), buffer_, path_.string());
  buffer_.clear();
}

void CsvWriter::finish() {
  flush();
  if (::fsync(fd_.get()) != 0) throw_errno("write to disk " + path_.string());
}

RowMerger::RowMerger(const RunFolder& out)
    : out_(out),
      samples_(out.samples(), sample_header()),
      windows_(out.windows(), header_of("windows.csv")),
      latency_(out.latency(), header_of("latency.csv")),
      timeline_(out.timeline(), header_of("timeline.csv")) {}

MergedRows RowMerger::add(const RunFolder& run, unsigned planned_rounds) {
  MergedRows merged;
  merged.first_sample = next_sample_;
  merged.first_round = next_round_;
  add_samples(run, merged);
  merged.samples = numbers_.size();
  add_side_rows(run.windows(), windows_);
  add_side_rows(run.latency(), latency_);
  add_side_rows(run.timeline(), timeline_);
  next_sample_ += merged.samples;
  next_round_ += std::max(planned_rounds, merged.rounds);
  return merged;
}

void RowMerger::add_samples(const RunFolder& run, MergedRows& merged) {
  SampleFile file(run.samples());
  const auto places = places_of(sample_header(), file.header(), run.samples().string());
  // The first two of sample_columns().
  constexpr std::size_t kSample = 0;
  constexpr std::size_t kRound = 1;
  numbers_.clear();
  std::vector<std::string> fields;
  merged.torn = !file.for_each([&](SampleLine& line) {
    if (!numbers_.empty() && line.row.index <= numbers_.back()) {
      throw std::invalid_argument(fmt::format(
          "column sample: expected a number above {}, found {}; rows stand in the order in which "
          "they were measured: was the file sorted or joined by hand?",
          numbers_.back(), line.row.index));
    }
    const std::uint64_t number = next_sample_ + numbers_.size();
    copy_fields(line.fields, places, fields);
    fields[kSample] = fmt::format("{}", number);
    fields[kRound] = fmt::format("{}", next_round_ + line.row.round);
    samples_.add(fields);
    if (line.row.status != Status::kOk) {
      std::error_code none;  // a cell that could not run here left no log
      fs::copy_file(run.logs() / fmt::format("{}.log", line.row.index),
                    out_.logs() / fmt::format("{}.log", number), none);
    }
    numbers_.push_back(line.row.index);
    unsigned& rounds = merged.block_rounds[line.row.block];
    rounds = std::max(rounds, line.row.round + 1);
    merged.rounds = std::max(merged.rounds, line.row.round + 1);
  });
}

void RowMerger::add_side_rows(const fs::path& file, CsvWriter& writer) {
  if (!fs::exists(file)) return;
  MappedText text(file);
  const std::string name = file.string();
  const std::vector<std::string> wanted = header_of(file.filename().string());
  const auto places = places_of(wanted, header_of_text(text.view(), name), name);
  constexpr std::size_t kSample = 0;  // in each of these files
  std::vector<std::string> fields;
  parse_csv_rows(text.view(), name, TornTail::kDrop,
                 [&](std::span<const std::string_view> row, CsvPosition position) {
                   copy_fields(row, places, fields);
                   const auto number = parse_integer(fields[kSample]);
                   if (!number || *number < 0) {
                     throw CsvError(fmt::format(
                         "{}:{}:{}: column sample: expected a whole number >= 0, found '{}'", name,
                         position.line, position.column, fields[kSample]));
                   }
                   const auto known = std::lower_bound(numbers_.begin(), numbers_.end(),
                                                       static_cast<std::uint64_t>(*number));
                   text.passed(row.front().data());
                   if (known == numbers_.end() || *known != static_cast<std::uint64_t>(*number)) {
                     return;
                   }
                   fields[kSample] = fmt::format(
                       "{}", next_sample_ + static_cast<std::uint64_t>(known - numbers_.begin()));
                   writer.add(fields);
                 });
}

void RowMerger::finish() {
  for (CsvWriter* writer : {&samples_, &windows_, &latency_, &timeline_}) writer->finish();
}

}  // namespace stackheap
