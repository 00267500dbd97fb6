#include "harness/driver/recover.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <stdexcept>

#include "harness/base/csv.hpp"
#include "harness/base/disk.hpp"
#include "harness/base/error.hpp"
#include "harness/base/file.hpp"
#include "harness/base/mapped_text.hpp"
#include "harness/base/text.hpp"
#include "harness/driver/plan.hpp"
#include "harness/driver/run_columns.hpp"
#include "harness/driver/sample_file.hpp"
#include "harness/measure/metric_table.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

void cut(const fs::path& path, std::size_t bytes) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) throw_errno("write " + path.string());
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) throw_errno("cut " + path.string());
  if (::fsync(fd.get()) != 0) throw_errno("write to disk " + path.string());
}

std::string counted(std::size_t number, std::string_view thing) {
  return fmt::format("{} {}{}", number, thing, number == 1 ? "" : "s");
}

// False where the run was killed before the file had its header: it is then emptied, and the
// journal writes the header anew.
bool has_header(const fs::path& path, std::vector<std::string>& notes) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error || size == 0) return false;
  const MappedText text(path);
  if (text.view().find('\n') != std::string_view::npos) return true;
  notes.push_back(fmt::format("{}: its header was cut off and is written anew", path.string()));
  cut(path, 0);
  return false;
}

std::size_t index_of(const std::vector<std::string>& names, std::string_view name) {
  const auto at = std::find(names.begin(), names.end(), name);
  STACKHEAP_CHECK(at != names.end());
  return static_cast<std::size_t>(at - names.begin());
}

class SamplesReader {
 public:
  SamplesReader(const SampleFile& file, std::span<const WorkloadInfo> workloads)
      : order_(index_of(file.header(), "order")),
        seed_(index_of(file.header(), "seed")),
        detail_(index_of(file.header(), "detail")) {
    std::vector<std::string> names;
    for (const MetricInfo& metric : sample_metrics()) names.emplace_back(metric.name);
    worker_seconds_ = index_of(names, "worker_seconds");
    sample_seconds_ = index_of(names, "sample_seconds");
    for (const WorkloadInfo& info : workloads) {
      ranked_by_[info.name] = index_of(names, info.ranked_by);
    }
  }

  // Throws std::invalid_argument.
  DoneSample read(const SampleLine& line, std::size_t expected_index) const {
    const SampleRow& row = line.row;
    if (row.index != expected_index) {
      throw std::invalid_argument(
          fmt::format("column sample: expected {}, found {}; was the file "
                      "edited?",
                      expected_index, row.index));
    }
    const auto ranked = ranked_by_.find(row.cell.workload);
    if (ranked == ranked_by_.end()) {
      throw std::invalid_argument(fmt::format(
          "column workload: {} is not in run.json; was the file edited?", row.cell.workload));
    }
    DoneSample done;
    done.identity = sample_identity(row.kind, row.round, row.block, integer(line, order_), row.cell,
                                    integer(line, seed_));
    done.line = line.position.line;
    done.status = row.status;
    done.operations = row.operations;
    done.ranked_by = row.metrics[ranked->second];
    const auto seconds = [&](std::size_t metric) {
      return std::isfinite(row.metrics[metric]) ? row.metrics[metric] : 0;
    };
    done.worker_seconds = seconds(worker_seconds_);
    done.sample_seconds = seconds(sample_seconds_);
    if (row.status == Status::kUnsupported || row.status == Status::kUnavailable) {
      done.detail = line.fields[detail_];
    }
    return done;
  }

 private:
  static std::uint64_t integer(const SampleLine& line, std::size_t column) {
    const auto value = parse_integer(line.fields[column]);
    if (!value) {
      throw std::invalid_argument(
          fmt::format("expected a whole number, found '{}'", line.fields[column]));
    }
    return static_cast<std::uint64_t>(*value);
  }

  std::size_t order_;
  std::size_t seed_;
  std::size_t detail_;
  std::size_t worker_seconds_ = 0;
  std::size_t sample_seconds_ = 0;
  std::map<std::string, std::size_t, std::less<>> ranked_by_;  // metric, by workload
};

// Reads samples.csv and cuts off its torn row. `blocks` receives those that have a sample.
void recover_samples(const RunFolder& folder, std::span<const WorkloadInfo> workloads,
                     Recovered& recovered, std::set<std::string>& blocks) {
  const fs::path path = folder.samples();
  if (!has_header(path, recovered.notes)) return;
  std::size_t complete = 0;
  bool torn = false;
  {
    SampleFile file(path);
    const SamplesReader reader(file, workloads);
    torn = !file.for_each([&](SampleLine& line) {
      recovered.samples.push_back(reader.read(line, recovered.samples.size()));
      blocks.insert(line.row.block);
    });
    complete = file.complete_bytes();
  }
  if (!torn) return;
  cut(path, complete);
  recovered.notes.push_back(fmt::format(
      "{}: the last row was cut off and is dropped; its sample is run again", path.string()));
}

// The number in a row's first field; nothing where there is none.
std::optional<std::uint64_t> sample_of(std::string_view row) {
  const auto number = parse_integer(row.substr(0, row.find(',')));
  return number ? std::optional(static_cast<std::uint64_t>(*number)) : std::nullopt;
}

// Rows stand in the order of their samples, so those of a sample that was never committed are the
// last ones: looked for from the end, as such a file may be a hundred times as long as samples.csv.
// Its fields are numbers and names, so that a line end always ends a row.
void recover_side_file(const fs::path& path, std::uint64_t samples,
                       std::vector<std::string>& notes) {
  if (!has_header(path, notes)) return;
  std::size_t keep = 0;
  std::size_t dropped = 0;
  bool torn = false;
  {
    const MappedText text(path);
    const std::string_view all = text.view();
    keep = all.rfind('\n') + 1;
    torn = keep != all.size();
    const std::size_t header_end = all.find('\n') + 1;
    while (keep > header_end) {
      const std::size_t begin = all.rfind('\n', keep - 2) + 1;
      const auto sample = sample_of(all.substr(begin, keep - begin));
      if (sample && *sample < samples) break;
      keep = begin;
      ++dropped;
    }
  }
  if (!torn && dropped == 0) return;
  cut(path, keep);
  notes.push_back(fmt::format("{}: {}{} of a sample that was not complete {} dropped",
                              path.string(), counted(dropped, "row"),
                              torn ? " and a part of one" : "",
                              dropped == 1 && !torn ? "is" : "are"));
}

PilotResult pilot_of(std::span<const std::string_view> fields, CsvPosition at,
                     std::string_view file) {
  const auto refuse = [&](std::string_view what) {
    throw CsvError(
        fmt::format("{}:{}:{}: {}; was the file edited?", file, at.line, at.column, what));
  };
  const auto threads = parse_integer(fields[5]);
  const auto window = parse_real(fields[7]);
  const auto value = parse_integer(fields[4]);
  if (!threads || *threads < 1 || *threads > 1'000'000) refuse("expected a number of threads");
  if (!window || *window <= 0) refuse("expected a time above 0");
  if (!fields[4].empty() && !value) refuse("expected a whole number as parameter_value");
  if (fields[6] != "0" && fields[6] != "1") refuse("expected 0 or 1 as oversubscribed");
  PilotResult pilot;
  pilot.cell = {std::string(fields[1]), std::string(fields[2]), std::string(fields[3]),
                fields[4].empty() ? std::nullopt : value, static_cast<unsigned>(*threads)};
  pilot.oversubscribed = fields[6] == "1";
  pilot.window_ns_per_share = *window;
  return pilot;
}

// Pilots of a block without a sample are run again, since only some of them may be there.
void recover_pilots(const fs::path& path, const std::set<std::string>& blocks,
                    Recovered& recovered) {
  if (!has_header(path, recovered.notes)) return;
  const std::string text = read_file(path);
  std::size_t complete = 0;
  std::size_t first_dropped = 0;  // its line; 0: none
  const auto header = parse_csv_rows(
      text, path.string(), TornTail::kDrop,
      [&](std::span<const std::string_view> fields, CsvPosition at) {
        const std::string block(fields[0]);
        if (blocks.contains(block)) {
          recovered.pilots[block].push_back(pilot_of(fields, at, path.string()));
        } else if (first_dropped == 0) {
          first_dropped = at.line;
        }
      },
      &complete);
  if (header != header_of("pilots.csv")) {
    throw CsvError(fmt::format("{}:1:1: expected the columns {}; was the file edited?",
                               path.string(), join(header_of("pilots.csv"), ",")));
  }
  std::size_t keep = complete;
  if (first_dropped != 0) {
    keep = 0;
    for (std::size_t line = 1; line < first_dropped; ++line) keep = text.find('\n', keep) + 1;
  }
  if (keep == text.size()) return;
  cut(path, keep);
  recovered.notes.push_back(fmt::format(
      "{}: pilots of a block that had not begun are dropped and run again", path.string()));
}

// Logs of a sample that was not committed, and what an atomic write left.
void remove_leftovers(const RunFolder& folder, std::uint64_t samples,
                      std::vector<std::string>& notes) {
  std::error_code error;
  std::vector<fs::path> leftovers;
  for (const fs::path& place : {folder.path, folder.logs()}) {
    for (const fs::directory_entry& entry : fs::directory_iterator(place, error)) {
      const fs::path& path = entry.path();
      const auto number = parse_integer(path.stem().string());
      const bool orphan = place == folder.logs() && path.extension() == ".log" && number &&
                          static_cast<std::uint64_t>(*number) >= samples;
      if (path.extension() == kNeighbourSuffix || orphan) leftovers.push_back(path);
    }
  }
  for (const fs::path& path : leftovers) {
    if (fs::remove(path, error)) notes.push_back(fmt::format("{} is removed", path.string()));
  }
}

}  // namespace

std::uint64_t sample_identity(SampleKind kind, unsigned round, std::string_view block,
                              std::uint64_t order, const Cell& cell, std::uint64_t seed) {
  return stable_hash(
      fmt::format("{} {} {} {} {} {}", to_string(kind), round, block, order, cell.label(""), seed));
}

Recovered recover_journal(const RunFolder& folder, std::span<const WorkloadInfo> workloads) {
  Recovered recovered;
  std::set<std::string> blocks;
  recover_samples(folder, workloads, recovered, blocks);
  for (const fs::path& path : {folder.windows(), folder.latency(), folder.timeline()}) {
    recover_side_file(path, recovered.samples.size(), recovered.notes);
  }
  recover_pilots(folder.pilots(), blocks, recovered);
  remove_leftovers(folder, recovered.samples.size(), recovered.notes);
  return recovered;
}

}  // namespace stackheap
