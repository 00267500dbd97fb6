#include "harness/driver/journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "harness/base/csv.hpp"
#include "harness/base/error.hpp"
#include "harness/driver/run_columns.hpp"
#include "harness/driver/sample_csv.hpp"
#include "harness/driver/timeline.hpp"

namespace stackheap {
namespace {

UniqueFd create(const std::filesystem::path& path) {
  UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666));
  if (!fd) throw_errno("create " + path.string());
  return fd;
}

// Data only: the files grow by whole rows, and the size is part of what fdatasync writes.
void reach_disk(const UniqueFd& fd, const std::filesystem::path& path) {
  if (::fdatasync(fd.get()) != 0) throw_errno("write to disk " + path.string());
}

std::string latency_rows(const Sample& sample) {
  std::string rows;
  for (const OperationLatency& latency : sample.result.latency) {
    for (const LatencyBucket& bucket : latency.buckets) {
      rows += fmt::format("{},{},{},{},{}\n", sample.index, latency.operation, bucket.lower_ns,
                          bucket.upper_ns, bucket.count);
    }
  }
  return rows;
}

}  // namespace

Journal::Journal(const RunFolder& folder)
    : samples_path_(folder.samples()),
      windows_path_(folder.windows()),
      latency_path_(folder.latency()),
      timeline_path_(folder.timeline()),
      samples_(create(samples_path_)),
      windows_(create(windows_path_)),
      latency_(create(latency_path_)),
      timeline_(create(timeline_path_)) {
  write_all(samples_.get(), csv_row(sample_header()), samples_path_.string());
  write_all(windows_.get(), csv_row(header_of("windows.csv")), windows_path_.string());
  write_all(latency_.get(), csv_row(header_of("latency.csv")), latency_path_.string());
  write_all(timeline_.get(), csv_row(header_of("timeline.csv")), timeline_path_.string());
  reach_disk(samples_, samples_path_);
  reach_disk(windows_, windows_path_);
  reach_disk(latency_, latency_path_);
  reach_disk(timeline_, timeline_path_);
}

void Journal::append(const Sample& sample) {
  std::string rows;
  for (std::size_t i = 0; i < sample.result.windows.size(); ++i) {
    const WindowResult& window = sample.result.windows[i];
    rows += fmt::format("{},{},{},{}\n", sample.index, i, window.nanoseconds, window.operations);
  }
  if (!rows.empty()) {
    write_all(windows_.get(), rows, windows_path_.string());
    reach_disk(windows_, windows_path_);
  }
  if (!sample.result.latency.empty()) {
    write_all(latency_.get(), latency_rows(sample), latency_path_.string());
    reach_disk(latency_, latency_path_);
  }
  if (!sample.timeline.empty()) {
    write_all(timeline_.get(), timeline_rows(sample.index, sample.timeline),
              timeline_path_.string());
    reach_disk(timeline_, timeline_path_);
  }
  write_all(samples_.get(), csv_row(sample_fields(sample)), samples_path_.string());
  reach_disk(samples_, samples_path_);
}

}  // namespace stackheap
