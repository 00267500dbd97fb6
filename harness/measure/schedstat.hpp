// A thread's schedstat of /proc, kept open: how long the thread was ready to run and did not run.
// It lags by up to 4 ms behind a running thread unless that thread's CPU clock is read just before.
#pragma once

#include <cstdint>
#include <optional>

#include "harness/base/file.hpp"

namespace stackheap {

class Schedstat {
 public:
  Schedstat() = default;
  // Of no thread where the file cannot be opened.
  explicit Schedstat(const char* path);

  explicit operator bool() const { return static_cast<bool>(file_); }
  void reset() noexcept { file_.reset(); }

  // Whether the kernel fills the file in: the third field is how often the thread was put on a CPU,
  // and a thread that reads it was at least once. "0 0 0" is what a kernel says whose accounting is
  // switched off (sysctl kernel.task_delayacct); taken for a measurement, all waiting would be
  // "blocked".
  bool counts() const;

  // The second field, nanoseconds; nothing once the thread has ended.
  std::optional<std::uint64_t> run_queue_ns() const;

 private:
  UniqueFd file_;
};

}  // namespace stackheap
