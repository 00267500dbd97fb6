#include "harness/driver/journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "harness/base/csv.hpp"
#include "harness/base/disk.hpp"
#include "harness/base/error.hpp"
#include "harness/driver/run_columns.hpp"
#include "harness/driver/sample_csv.hpp"
#include "harness/driver/timeline.hpp"

namespace stackheap {
namespace {

std::string window_rows(const Sample& sample) {
  std::string rows;
  for (std::size_t i = 0; i < sample.result.windows.size(); ++i) {
    const WindowResult& window = sample.result.windows[i];
    rows += fmt::format("{},{},{},{}\n", sample.index, i, window.nanoseconds, window.operations);
  }
  return rows;
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

std::string pilot_row(std::string_view block, const PilotResult& pilot) {
  const Cell& cell = pilot.cell;
  return csv_row(std::vector<std::string>{
      std::string(block), cell.workload, cell.variant, cell.allocator,
      cell.parameter ? fmt::format("{}", *cell.parameter) : "", fmt::format("{}", cell.threads),
      pilot.oversubscribed ? "1" : "0", csv_number(pilot.window_ns_per_share)});
}

}  // namespace

Journal::File::File(std::filesystem::path where, std::string_view name)
    : path(std::move(where)),
      fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (!fd) throw_errno("create " + path.string());
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0) throw_errno("read " + path.string());
  committed = written = static_cast<std::uint64_t>(status.st_size);
  if (written == 0) write(csv_row(header_of(name)));
  committed = written;
}

void Journal::File::write(std::string_view rows) {
  if (rows.empty()) return;
  write_all(fd.get(), rows, path.string());
  // Data only: the files grow by whole rows, and the size is part of what fdatasync writes.
  if (::fdatasync(fd.get()) != 0) throw_errno("write to disk " + path.string());
  written += rows.size();
}

void Journal::File::take_back() noexcept {
  // Best effort: what stays is a torn tail, which readers drop and a resumed run cuts off.
  [[maybe_unused]] const int result = ::ftruncate(fd.get(), static_cast<off_t>(committed));
  written = committed;
}

void Journal::File::require_in_place() const {
  struct stat open_file = {};
  struct stat named = {};
  if (::fstat(fd.get(), &open_file) != 0) throw_errno("write " + path.string());
  const bool there = ::stat(path.c_str(), &named) == 0;
  if (there && named.st_ino == open_file.st_ino && named.st_dev == open_file.st_dev) return;
  // Writing on would succeed, into a file that nobody can find.
  if (there) errno = ESTALE;
  throw_errno("write " + path.string());
}

Journal::Journal(const RunFolder& folder)
    : samples_(folder.samples(), "samples.csv"),
      windows_(folder.windows(), "windows.csv"),
      latency_(folder.latency(), "latency.csv"),
      timeline_(folder.timeline(), "timeline.csv"),
      pilots_(folder.pilots(), "pilots.csv") {
  sync_folder(folder.path);
}

template <class Write>
void Journal::commit(Write&& write) {
  File* const files[] = {&samples_, &windows_, &latency_, &timeline_, &pilots_};
  try {
    samples_.require_in_place();
    write();
  } catch (...) {
    for (File* file : files) file->take_back();
    throw;
  }
  for (File* file : files) file->committed = file->written;
}

void Journal::append(const Sample& sample) {
  commit([&] {
    windows_.write(window_rows(sample));
    latency_.write(latency_rows(sample));
    if (!sample.timeline.empty()) timeline_.write(timeline_rows(sample.index, sample.timeline));
    samples_.write(csv_row(sample_fields(sample)));
  });
}

void Journal::append_pilots(std::string_view block, std::span<const PilotResult> pilots) {
  commit([&] {
    std::string rows;
    for (const PilotResult& pilot : pilots) rows += pilot_row(block, pilot);
    pilots_.write(rows);
  });
}

}  // namespace stackheap
