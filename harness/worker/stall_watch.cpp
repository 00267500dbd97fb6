#include "harness/worker/stall_watch.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "harness/base/clock.hpp"
#include "harness/base/sanitizers.hpp"
#include "harness/measure/cpu_time.hpp"
#include "harness/measure/thread_state.hpp"

namespace stackheap {
namespace {

constexpr std::uint64_t kSlowness = kBuiltWithSanitizer ? 20 : 1;
constexpr std::uint64_t kLookEveryNs = 20'000'000;
constexpr std::uint64_t kSpinLimitNs = 450'000'000 * kSlowness;
constexpr std::uint64_t kBlockedLimitNs = 450'000'000 * kSlowness;
// The watch itself was not let run: what it would conclude is about the machine.
constexpr std::uint64_t kLongestPauseNs = 5 * kLookEveryNs;

timespec absolute(std::uint64_t ns) {
  return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
}

std::uint64_t blocked_limit(std::size_t lanes) {
  const auto cpus = static_cast<std::size_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  const std::uint64_t crowd = std::max<std::size_t>(1, lanes / cpus);
  return kBlockedLimitNs * crowd;
}

}  // namespace

StallWatch::StallWatch(CheckRun& run, std::span<CheckLane> lanes)
    : run_(run),
      lanes_(lanes),
      views_(lanes.size()),
      blocked_limit_ns_(blocked_limit(lanes.size())) {
  STACKHEAP_CHECK(::sem_init(&end_, 0, 0) == 0);
  const auto body = [](void* argument) -> void* {
    auto& watch = *static_cast<StallWatch*>(argument);
    std::uint64_t last = monotonic_ns();
    for (;;) {
      const timespec until = absolute(last + kLookEveryNs);
      if (::sem_clockwait(&watch.end_, CLOCK_MONOTONIC, &until) == 0) return nullptr;
      if (errno != ETIMEDOUT) continue;
      const std::uint64_t now = monotonic_ns();
      if (now - last > kLongestPauseNs) {
        for (View& view : watch.views_) view.since_ns = 0;
      }
      watch.look(now, last);
      last = now;
    }
  };
  STACKHEAP_CHECK(::pthread_create(&thread_, nullptr, body, this) == 0);
}

StallWatch::~StallWatch() {
  STACKHEAP_CHECK(::sem_post(&end_) == 0);
  STACKHEAP_CHECK(::pthread_join(thread_, nullptr) == 0);
  STACKHEAP_CHECK(::sem_destroy(&end_) == 0);
}

void StallWatch::look(std::uint64_t now, std::uint64_t last) {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const CheckLane& lane = lanes_[i];
    View& view = views_[i];
    const std::uint64_t calls = lane.calls.load(std::memory_order_relaxed);
    const int id = lane.thread_id.load(std::memory_order_relaxed);
    const bool inside = lane.function.load(std::memory_order_relaxed) != nullptr && id != 0;
    const bool same = inside && calls == view.calls;
    view.calls = calls;
    if (!same) {
      view.since_ns = 0;
      continue;
    }
    const auto cpu = cpu_ns_of_thread(id);
    if (!cpu) {
      view.since_ns = 0;
      continue;
    }
    if (view.since_ns == 0) view = {.calls = calls, .since_ns = now, .cpu_ns = *cpu};
    const std::uint64_t used = *cpu - view.cpu_ns;
    // Who waits for a CPU, or in the kernel for a page, is not asleep. Who ran since the last look
    // was woken, and found the lock taken again: that is starvation, and passes.
    const bool asleep = used == view.used_ns && state_of_thread(id).value_or('S') == 'S';
    if (!asleep) {
      view.blocked_ns = 0;
    } else if (view.since_ns < now) {
      view.blocked_ns += now - last;
    }
    view.used_ns = used;
  }
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const View& view = views_[i];
    if (view.since_ns == 0) continue;
    const bool spins = view.used_ns >= kSpinLimitNs;
    const bool blocked = view.blocked_ns >= blocked_limit_ns_ && !others_may_hold_it_up(i);
    if (spins || blocked) judge(lanes_[i], view);
  }
}

// A lane that is on its way through a call, slowly, may hold the lock that this one waits for.
bool StallWatch::others_may_hold_it_up(std::size_t lane) const {
  for (std::size_t i = 0; i < views_.size(); ++i) {
    if (i == lane || views_[i].since_ns == 0) continue;
    if (views_[i].blocked_ns < blocked_limit_ns_ / 2) return true;
  }
  return false;
}

void StallWatch::judge(const CheckLane& lane, const View& view) {
  const char* function = lane.function.load(std::memory_order_relaxed);
  if (function == nullptr || lane.calls.load(std::memory_order_relaxed) != view.calls) return;
  run_.unsafe(
      "thread %u of %u hangs in %s(%zu), its call %ju: not back after %ju ms, in which it ran for "
      "%ju ms and was blocked for %ju ms",
      lane.index, lane.count, function, lane.size.load(std::memory_order_relaxed),
      static_cast<std::uintmax_t>(view.calls),
      static_cast<std::uintmax_t>((view.used_ns + view.blocked_ns) / 1'000'000),
      static_cast<std::uintmax_t>(view.used_ns / 1'000'000),
      static_cast<std::uintmax_t>(view.blocked_ns / 1'000'000));
}

}  // namespace stackheap
