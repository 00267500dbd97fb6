// Does the process grow while what is live does not? One reading before and one after would do if
// heaps settled at once. They do not: caches fill, arenas are made, pages come back late. So the
// growth must be large, and must have gone on through each part of the time that was watched.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "harness/measure/memory.hpp"
#include "harness/worker/check.hpp"

namespace stackheap::stress {

class GrowthWatch {
 public:
  // Readings are taken when `progress` (0 to 1) passes 1/4, and then at each twelfth; the first
  // quarter is the heap's to settle.
  static constexpr std::size_t kReadings = 10;

  // From one thread. `own_bytes` are those of the check's own tables at this moment.
  void look(double progress, std::uint64_t own_bytes) {
    if (taken_ == kReadings || progress < place_of(taken_)) return;
    const auto memory = read_resident_memory();
    if (!memory) return;
    readings_[taken_++] =
        static_cast<std::int64_t>(memory->now_bytes) - static_cast<std::int64_t>(own_bytes);
  }
  bool complete() const { return taken_ == kReadings; }

  // Bytes, where it grew by more than `allowed` and never stopped growing.
  std::optional<std::int64_t> sustained(std::int64_t allowed) const {
    if (!complete()) return std::nullopt;
    const std::int64_t total = readings_.back() - readings_.front();
    if (total <= allowed) return std::nullopt;
    // A steady leak gives each step its share; half of that allows for pages that come in lots.
    const std::int64_t least = total / static_cast<std::int64_t>(2 * (kReadings - 1));
    std::size_t flat = 0;
    for (std::size_t i = 1; i < kReadings; ++i) flat += readings_[i] - readings_[i - 1] < least;
    if (flat > 1) return std::nullopt;
    return total;
  }
  std::int64_t total() const { return taken_ == 0 ? 0 : readings_[taken_ - 1] - readings_[0]; }

 private:
  static constexpr double place_of(std::size_t reading) {
    return 0.25 + 0.75 * static_cast<double>(reading) / static_cast<double>(kReadings - 1) * 0.99;
  }

  std::array<std::int64_t, kReadings> readings_{};
  std::size_t taken_ = 0;
};

}  // namespace stackheap::stress
