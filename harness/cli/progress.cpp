#include "harness/cli/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "harness/base/clock.hpp"
#include "harness/base/text.hpp"
#include "harness/cli/terminal.hpp"

namespace stackheap {
namespace {

constexpr std::uint64_t kPlainLineEveryNs = 15'000'000'000;
constexpr std::uint64_t kRedrawEveryNs = 100'000'000;

}  // namespace

ProgressLine::ProgressLine() : terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() {
  if (drawn_ && terminal_) std::fputs("\r\x1b[K", stderr);
}

void ProgressLine::show(const Progress& progress) {
  const std::uint64_t now = monotonic_ns();
  if (last_ns_ != 0 && now - last_ns_ < (terminal_ ? kRedrawEveryNs : kPlainLineEveryNs)) return;
  last_ns_ = now;
  drawn_ = true;
  const std::string failed =
      progress.failed == 0 ? "" : fmt::format(", {} failed", progress.failed);
  const std::string of_rounds = progress.rounds == 0 ? "" : fmt::format("/{}", progress.rounds);
  const std::string line = fmt::format(
      "{}/{} samples, round {}{}, {} so far, about {} left{}: {}", progress.done, progress.total,
      progress.round + 1, of_rounds, human_duration(progress.elapsed_seconds),
      human_duration(progress.remaining_seconds), failed, progress.next);
  if (terminal_) {
    std::fprintf(stderr, "\r\x1b[K%s", shortened(line, columns_of(STDERR_FILENO) - 1).c_str());
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  std::fflush(stderr);
}

}  // namespace stackheap
