#include "harness/driver/sample_csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "harness/base/text.hpp"
#include "harness/measure/metric_table.hpp"

namespace stackheap {
namespace {

// name, type, unit, meaning
constexpr ColumnInfo kColumns[] = {
    {"sample", "integer", "", "Number of the sample in the run, in the order of execution."},
    {"round", "integer", "",
     "Pass over the plan, from 0. Instrumented samples follow round 0 and share its number and "
     "seeds."},
    {"block", "text", "",
     "Workload and parameter value: the cells that are compared with each other."},
    {"order", "integer", "", "Position within its block in this round."},
    {"kind", "text", "",
     "timed; instrumented (probes on, never used for time); twin (a cell run a second time under "
     "another name); anchor (shows drift of the machine); lead (a block's discarded first "
     "process)."},
    {"suite", "text", "", "stack, heap, threads, memory, latency or fibers."},
    {"workload", "text", "", "suite/name."},
    {"variant", "text", "", "How the workload's code obtains its memory or stack."},
    {"allocator", "text", "",
     "The malloc of the process; none where the variant does not use the heap."},
    {"parameter", "text", "", "Name of the workload's numeric axis; empty where it has none."},
    {"parameter_value", "integer", "the parameter's", "Its value."},
    {"threads", "integer", "count", "Threads that do counted work."},
    {"pinned", "flag", "", "1 where each thread was pinned to one CPU."},
    {"oversubscribed", "flag", "", "1 where there were more threads than CPUs."},
    {"status", "text", "",
     "ok, failed_check, crashed, timeout, out_of_memory, not_injected, unavailable, unsupported."},
    {"detail", "text", "", "Why the status is not ok."},
    {"seed", "integer", "", "Seed of the workload's random numbers; shared by a block in a round."},
    {"windows", "integer", "count", "Measured windows."},
    {"ops", "integer", "count", "Counted operations of all threads in all measured windows."},
};

enum Column {
  kSampleColumn,
  kRound,
  kBlock,
  kOrder,
  kKind,
  kSuite,
  kWorkload,
  kVariant,
  kAllocator,
  kParameter,
  kParameterValue,
  kThreads,
  kPinned,
  kOversubscribed,
  kStatus,
  kDetail,
  kSeed,
  kWindows,
  kOps
};

constexpr std::int64_t kMostRounds = 1'000'000'000;
constexpr std::int64_t kMostThreads = 1'000'000;
constexpr std::uintptr_t kLongestRow = 1U << 20U;

}  // namespace

std::vector<ColumnInfo> sample_columns() {
  return {std::begin(kColumns), std::end(kColumns)};
}

std::vector<std::string> sample_header() {
  std::vector<std::string> header;
  for (const ColumnInfo& column : kColumns) header.emplace_back(column.name);
  for (const MetricInfo& metric : sample_metrics()) header.emplace_back(metric.name);
  return header;
}

std::vector<std::string> sample_fields(const Sample& sample) {
  const Cell& cell = sample.cell;
  const WorkerResult& result = sample.result;
  const bool ok = result.status == Status::kOk;
  // The block's name ends in "/parameter:value" where there is a parameter.
  std::string parameter;
  if (cell.parameter) {
    const auto colon = sample.block.rfind(':');
    parameter = sample.block.substr(cell.workload.size() + 1, colon - cell.workload.size() - 1);
  }
  std::vector<std::string> fields = {fmt::format("{}", sample.index),
                                     fmt::format("{}", sample.round),
                                     sample.block,
                                     fmt::format("{}", sample.order),
                                     std::string(to_string(sample.kind)),
                                     cell.workload.substr(0, cell.workload.find('/')),
                                     cell.workload,
                                     cell.variant,
                                     cell.allocator,
                                     parameter,
                                     cell.parameter ? fmt::format("{}", *cell.parameter) : "",
                                     fmt::format("{}", cell.threads),
                                     sample.pinned ? "1" : "0",
                                     sample.oversubscribed ? "1" : "0",
                                     std::string(to_string(result.status)),
                                     csv_text(result.detail),
                                     fmt::format("{}", sample.seed),
                                     ok ? fmt::format("{}", result.windows.size()) : "",
                                     ok ? fmt::format("{}", result.operations) : ""};
  for (const MetricInfo& metric : sample_metrics()) {
    const auto value =
        std::find_if(result.metrics.begin(), result.metrics.end(),
                     [&](const MetricValue& given) { return given.name == metric.name; });
    fields.push_back(ok && value != result.metrics.end() ? value->text : "");
  }
  return fields;
}

std::string metric_problem(const MetricInfo& metric, std::string_view text) {
  if (metric.type == MetricType::kText) return {};
  const auto value = parse_real(text);
  if (!value) return fmt::format("expected a finite number, found '{}'", text);
  // Only the remainder may be negative.
  if (*value < 0 && metric.name != "blocked_ns_per_op") {
    return fmt::format("expected a number >= 0, found '{}'", text);
  }
  return {};
}

SampleReader::SampleReader(std::string file, std::vector<std::string> header)
    : file_(std::move(file)), header_(std::move(header)), metrics_(sample_metrics()) {
  for (const ColumnInfo& column : kColumns) fixed_.push_back(require(column.name));
  for (const MetricInfo& metric : metrics_) metric_columns_.push_back(require(metric.name));
  const std::vector<std::string> known = sample_header();
  for (const std::string& column : header_) {
    if (std::find(known.begin(), known.end(), column) == known.end()) {
      throw CsvError(fmt::format(
          "{}:1: unknown column '{}'; this file was written by another version of stackheap, or "
          "edited",
          file_, column));
    }
  }
}

std::size_t SampleReader::require(std::string_view column) const {
  const auto at = std::find(header_.begin(), header_.end(), column);
  if (at == header_.end()) {
    throw CsvError(fmt::format("{}:1: expected a column '{}'; it is missing", file_, column));
  }
  return static_cast<std::size_t>(at - header_.begin());
}

void SampleReader::fail(std::span<const std::string_view> fields, CsvPosition position,
                        std::size_t column, const std::string& what) const {
  // Bytes from the row's first field, which is a number and so never quoted, to this one: both are
  // in the same text, unless quotes were doubled in it, which makes it a text of its own.
  const auto offset = reinterpret_cast<std::uintptr_t>(fields[column].data()) -
                      reinterpret_cast<std::uintptr_t>(fields.front().data());
  const std::size_t place = offset < kLongestRow ? position.column + offset : position.column;
  throw CsvError(
      fmt::format("{}:{}:{}: column {}: {}", file_, position.line, place, header_[column], what));
}

SampleRow SampleReader::read(std::span<const std::string_view> fields, CsvPosition position) const {
  const auto text = [&](Column column) { return fields[fixed_[column]]; };
  const auto refuse = [&](Column column, const std::string& what) {
    fail(fields, position, fixed_[column], what);
  };
  const auto integer = [&](Column column, std::int64_t least, std::int64_t most) {
    const auto value = parse_integer(text(column));
    if (!value || *value < least || *value > most) {
      refuse(column, fmt::format("expected a whole number from {} to {}, found '{}'", least, most,
                                 text(column)));
    }
    return *value;
  };
  const auto name = [&](Column column) {
    if (text(column).empty()) refuse(column, "expected a name, found none");
    return std::string(text(column));
  };
  SampleRow row;
  row.index = static_cast<std::uint64_t>(integer(kSampleColumn, 0, INT64_MAX));
  row.round = static_cast<unsigned>(integer(kRound, 0, kMostRounds));
  row.block = name(kBlock);
  const auto kind = parse_sample_kind(text(kKind));
  if (!kind) refuse(kKind, fmt::format("unknown kind '{}'", text(kKind)));
  row.kind = *kind;
  row.cell.workload = name(kWorkload);
  row.cell.variant = name(kVariant);
  row.cell.allocator = name(kAllocator);
  if (!text(kParameterValue).empty())
    row.cell.parameter = integer(kParameterValue, INT64_MIN, INT64_MAX);
  row.cell.threads = static_cast<unsigned>(integer(kThreads, 1, kMostThreads));
  row.oversubscribed = integer(kOversubscribed, 0, 1) == 1;
  const auto status = parse_status(text(kStatus));
  if (!status) refuse(kStatus, fmt::format("unknown status '{}'", text(kStatus)));
  row.status = *status;
  if (!text(kOps).empty()) row.operations = static_cast<std::uint64_t>(integer(kOps, 0, INT64_MAX));

  row.metrics.resize(metrics_.size(), std::nan(""));
  row.texts.resize(metrics_.size());
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    const std::string_view field = fields[metric_columns_[i]];
    if (field.empty()) continue;
    if (row.status != Status::kOk) {
      fail(fields, position, metric_columns_[i], "a sample that is not ok has no metrics");
    }
    if (metrics_[i].type == MetricType::kText) {
      row.texts[i] = field;
      continue;
    }
    const std::string problem = metric_problem(metrics_[i], field);
    if (!problem.empty()) fail(fields, position, metric_columns_[i], problem);
    row.metrics[i] = parse_real(field).value();
  }
  return row;
}

}  // namespace stackheap
