#include "harness/driver/bank_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "harness/base/csv.hpp"
#include "harness/base/error.hpp"
#include "harness/base/text.hpp"

namespace stackheap {
namespace {

constexpr ColumnInfo kColumns[] = {
    {"session", "integer", "", "Number of the session."},
    {"started", "text", "", "UTC, of the session."},
    {"cell", "text", "", "What all sides run."},
    {"threads", "integer", "count", "Threads that did counted work."},
    {"all_cpus", "flag", "", "1 where these are as many as CPUs."},
    {"round", "integer", "", "Pass over the sides within the session."},
    {"layout", "integer", "", "Which of the worker's layouts ran."},
    {"order", "integer", "", "Position within the round."},
    {"side", "text", "",
     "same-N: the family, the cell under several names; the others are pairs, whose two sides run "
     "one after the other, the baseline ending in -base. equal-N: the cell twice; slower-PPM: it "
     "does so many millionths more operations than are reported; other: another allocator; "
     "disturbed: beside a foreign process in one round of ten. Long sessions leave out the last "
     "two, and the family in half of their rounds."},
    {"status", "text", "", "As in samples.csv."},
    {"seconds", "real", "s",
     "Of the process, from start to end; of several that take turns, its part."},
    {"share", "integer", "count", "Operations of a thread in a window, as reported."},
    {"windows", "integer", "count", "Measured windows."},
    {"median", "real", "ns", "Time per reported operation of one thread, median over windows."},
    {"minimum", "real", "ns", "The fastest window."},
    {"q10", "real", "ns", "10 % quantile."},
    {"q25", "real", "ns", "25 % quantile."},
    {"mean", "real", "ns", "Mean."},
    {"p90", "real", "ns", "90 % quantile."},
};
enum Column {
  kSession,
  kStarted,
  kCell,
  kThreads,
  kAllCpus,
  kRound,
  kLayout,
  kOrder,
  kSide,
  kStatus,
  kSeconds,
  kShare,
  kWindows,
  kFirstSummary,
};
static_assert(std::size(kColumns) == kFirstSummary + kWindowSummaries.size());

std::vector<std::string> header() {
  std::vector<std::string> names;
  for (const ColumnInfo& column : kColumns) names.emplace_back(column.name);
  return names;
}

// A row as text, to values; refuses what no calibration of ours writes.
class Reader {
 public:
  Reader(std::string file, std::span<const std::string_view> fields, CsvPosition position)
      : file_(std::move(file)), fields_(fields), position_(position) {}

  std::uint64_t integer(Column column) const {
    const auto value = parse_integer(fields_[column]);
    if (!value || *value < 0) fail(column, "a whole number of at least 0");
    return static_cast<std::uint64_t>(*value);
  }
  double positive(std::size_t column) const {
    const auto value = parse_real(fields_[column]);
    if (!value || !std::isfinite(*value) || *value <= 0) fail(column, "a number above 0");
    return *value;
  }
  std::size_t side() const {
    for (std::size_t side = 0; side < kSides; ++side) {
      if (side_name(side) == fields_[kSide]) return side;
    }
    fail(kSide, "the name of a side");
  }
  Status status() const {
    const auto status = parse_status(fields_[kStatus]);
    if (!status) fail(kStatus, "a status");
    return *status;
  }

 private:
  [[noreturn]] void fail(std::size_t column, std::string_view expected) const {
    throw CsvError(fmt::format("{}:{}: column {}: expected {}, found '{}'", file_, position_.line,
                               kColumns[column].name, expected, fields_[column]));
  }

  std::string file_;
  std::span<const std::string_view> fields_;
  CsvPosition position_;
};

}  // namespace

std::vector<ColumnInfo> bank_columns() {
  return {std::begin(kColumns), std::end(kColumns)};
}

BankFile::BankFile(const std::filesystem::path& folder)
    : path_(folder / "calibration_samples.csv"),
      fd_(::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (!fd_) throw_errno("open " + path_.string());
  const std::string text = read_file(path_);
  if (text.empty()) {
    write_all(fd_.get(), csv_row(header()), path_.string());
    return;
  }
  std::size_t complete = 0;
  const auto found = parse_csv_rows(
      text, path_.string(), TornTail::kDrop,
      [&](std::span<const std::string_view> fields, CsvPosition position) {
        if (fields.size() != std::size(kColumns)) return;  // the header is refused below
        const Reader row(path_.string(), fields, position);
        BankSample sample;
        sample.session = row.integer(kSession);
        sample.cell = fields[kCell];
        sample.threads = static_cast<unsigned>(row.integer(kThreads));
        sample.all_cpus = row.integer(kAllCpus) != 0;
        sample.round = row.integer(kRound);
        sample.layout = static_cast<unsigned>(row.integer(kLayout));
        sample.side = row.side();
        sample.status = row.status();
        sample.seconds = row.positive(kSeconds);
        WindowSummaryValues values{};
        for (std::size_t i = 0; sample.status == Status::kOk && i < values.size(); ++i) {
          values[i] = row.positive(kFirstSummary + i);
        }
        enter(sample, values);
      },
      &complete);
  if (found != header()) {
    throw UserError(fmt::format(
        "{}: its columns are not those of this version; move the folder away to begin anew",
        path_.string()));
  }
  if (complete != text.size() && ::ftruncate(fd_.get(), static_cast<off_t>(complete)) != 0) {
    throw_errno("cut the torn last row of " + path_.string());
  }
}

void BankFile::append(const BankSample& sample) {
  std::vector<std::string> fields(std::size(kColumns));
  fields[kSession] = fmt::format("{}", sample.session);
  fields[kStarted] = sample.started;
  fields[kCell] = sample.cell;
  fields[kThreads] = fmt::format("{}", sample.threads);
  fields[kAllCpus] = sample.all_cpus ? "1" : "0";
  fields[kRound] = fmt::format("{}", sample.round);
  fields[kLayout] = fmt::format("{}", sample.layout);
  fields[kOrder] = fmt::format("{}", sample.order);
  fields[kSide] = side_name(sample.side);
  fields[kStatus] = std::string(to_string(sample.status));
  fields[kSeconds] = fmt::format("{:.6f}", sample.seconds);
  fields[kShare] = fmt::format("{}", sample.share);
  fields[kWindows] = fmt::format("{}", sample.windows.size());
  WindowSummaryValues values{};
  if (sample.status == Status::kOk) {
    values = summarise_windows(sample.windows);
    for (std::size_t i = 0; i < values.size(); ++i) {
      fields[kFirstSummary + i] = fmt::format("{:.7g}", values[i]);
      values[i] = *parse_real(fields[kFirstSummary + i]);  // as it will be read again
    }
  }
  write_all(fd_.get(), csv_row(fields), path_.string());
  if (::fdatasync(fd_.get()) != 0) throw_errno("write to disk " + path_.string());
  enter(sample, values);
}

void BankFile::enter(const BankSample& sample, const WindowSummaryValues& values) {
  auto bank = std::find_if(banks_.begin(), banks_.end(),
                           [&](const Bank& known) { return known.session == sample.session; });
  if (bank == banks_.end()) {
    banks_.push_back({.session = sample.session,
                      .cell = fmt::format("{}/threads:{}", sample.cell, sample.threads),
                      .all_cpus = sample.all_cpus,
                      .sample_seconds = 0,
                      .rounds = {}});
    seconds_.emplace_back(0, 0);
    bank = std::prev(banks_.end());
    next_session_ = std::max(next_session_, sample.session + 1);
  }
  // Seven that take turns start side by side, and each takes less than one of two.
  if (sample.side >= kFamilySides) {
    auto& [sum, number] = seconds_[static_cast<std::size_t>(bank - banks_.begin())];
    sum += sample.seconds;
    ++number;
    bank->sample_seconds = sum / static_cast<double>(number);
  }
  // Rounds follow each other; a gap would be a file that was put together by hand.
  while (bank->rounds.size() <= sample.round && bank->rounds.size() < 1'000'000) {
    bank->rounds.emplace_back();
  }
  if (sample.round >= bank->rounds.size()) return;
  BankRound& round = bank->rounds[sample.round];
  round.layout = sample.layout;
  if (sample.status == Status::kOk) round.sides[sample.side] = values;
}

}  // namespace stackheap
