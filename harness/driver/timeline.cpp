#include "harness/driver/timeline.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "harness/base/clock.hpp"
#include "harness/base/text.hpp"

namespace stackheap {
namespace {

// Whoever is held up between clock and file does not know when it read, and reads again.
constexpr std::uint64_t kLongestReadNs = 1'000'000;
constexpr int kMostAttempts = 3;

}  // namespace

std::uint64_t resident_bytes_of(std::string_view statm) {
  // Pages: all, resident, shared, ... (proc(5)).
  const auto fields = split(trim(statm), ' ');
  const auto pages = fields.size() > 1 ? parse_integer(fields[1]) : std::nullopt;
  static const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return pages && *pages > 0 ? static_cast<std::uint64_t>(*pages) * page_bytes : 0;
}

void ResidentWatch::tick(pid_t worker) {
  if (!statm_ && readings_.empty()) {
    // Kept open: the descriptor stays that process's, whoever gets its number later.
    statm_ = UniqueFd(::open(fmt::format("/proc/{}/statm", worker).c_str(), O_RDONLY | O_CLOEXEC));
  }
  if (!statm_) return;
  Reading reading;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    char text[128];
    reading.monotonic_ns = monotonic_ns();
    const ssize_t got = ::pread(statm_.get(), text, sizeof text, 0);
    if (got <= 0) return;
    reading.resident_bytes = resident_bytes_of({text, static_cast<std::size_t>(got)});
    if (monotonic_ns() - reading.monotonic_ns <= kLongestReadNs) break;
  }
  if (reading.resident_bytes != 0) readings_.push_back(reading);
}

std::vector<TimelinePoint> ResidentWatch::timeline(std::span<const PhaseMark> phases) const {
  std::vector<TimelinePoint> timeline;
  timeline.reserve(readings_.size());
  std::string phase = "start";
  for (const Reading& reading : readings_) {
    while (!phases.empty() && phases.front().monotonic_ns <= reading.monotonic_ns) {
      phase = phases.front().name;
      phases = phases.subspan(1);
    }
    timeline.push_back(
        {reading.monotonic_ns - readings_.front().monotonic_ns, reading.resident_bytes, phase});
  }
  return timeline;
}

std::string timeline_rows(std::uint64_t sample, std::span<const TimelinePoint> timeline) {
  std::string rows;
  for (const TimelinePoint& point : timeline) {
    rows += fmt::format("{},{:.3f},{},{}\n", sample, static_cast<double>(point.elapsed_ns) * 1e-6,
                        point.resident_bytes, point.phase);
  }
  return rows;
}

}  // namespace stackheap
