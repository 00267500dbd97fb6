// The threads of a check: started together, watched for calls that do not come back.
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "harness/worker/check.hpp"
#include "harness/worker/check_crash.hpp"
#include "harness/worker/stall_watch.hpp"

namespace stackheap {
namespace {

constexpr std::uint64_t kMostLanes = 4096;

thread_local CheckLane* this_threads_lane = nullptr;

struct Start {
  CheckLane* lane = nullptr;
  void (*body)(CheckLane&, void*) = nullptr;
  void* context = nullptr;
  std::atomic<bool>* go = nullptr;
  pthread_t thread = {};
};

void* carry(void* argument) {
  const Start& start = *static_cast<Start*>(argument);
  const AlternateStack stack;
  this_threads_lane = start.lane;
  start.lane->thread_id.store(::gettid(), std::memory_order_relaxed);
  while (!start.go->load(std::memory_order_acquire)) sched_yield();
  start.body(*start.lane, start.context);
  start.lane->thread_id.store(0, std::memory_order_relaxed);
  this_threads_lane = nullptr;
  return nullptr;
}

}  // namespace

CheckLane* current_check_lane() {
  return this_threads_lane;
}

bool CheckLane::time_left() {
  constexpr std::uint64_t kEvery = 32;
  return operations % kEvery != 0 || run->time_left();
}

void CheckLane::disturb_now() {
  const std::uint32_t kind = random.below(32);
  if (kind == 0) {
    const timespec wait{0, static_cast<long>(20'000 + random.below(180'000))};
    ::nanosleep(&wait, nullptr);
  } else if (kind < 8) {
    sched_yield();
  } else {
    for (volatile std::uint32_t left = random.below(2000); left > 0;) left = left - 1;
  }
}

void CheckLane::unsafe(const char* format, ...) {
  char prefix[80];
  std::snprintf(prefix, sizeof prefix, "thread %u of %u, operation %ju: ", index, count,
                static_cast<std::uintmax_t>(operations));
  std::va_list arguments;
  va_start(arguments, format);
  run->unsafe_va(prefix, format, arguments);
}

void CheckRun::lanes(unsigned count, void (*body)(CheckLane&, void*), void* context) {
  for (const CheckLane& lane : lanes_) operations_ += lane.operations;
  lanes_ = MappedArray<CheckLane>(count);
  MappedArray<Start> starts(count);
  std::atomic<bool> go{false};
  const std::uint64_t lanes_seed = derive_seed(request_.seed, lanes_run_++);
  for (unsigned i = 0; i < count; ++i) {
    CheckLane& lane = lanes_[i];
    lane.run = this;
    lane.index = i;
    lane.count = count;
    lane.random = Random(derive_seed(lanes_seed, i));
    // 2^36 blocks for each lane, and no id twice.
    lane.next_id = (lanes_run_ * kMostLanes + i) << 36U;
    starts[i].lane = &lane;
    starts[i].body = body;
    starts[i].context = context;
    starts[i].go = &go;
    const int error = ::pthread_create(&starts[i].thread, nullptr, carry, &starts[i]);
    if (error != 0) {
      unsupported("thread %u of %u cannot be started: %s; see ulimit -u and pids.max", i + 1, count,
                  strerrordesc_np(error));
    }
  }
  StallWatch watch(*this, lanes_.span());
  go.store(true, std::memory_order_release);
  for (Start& start : starts) STACKHEAP_CHECK(::pthread_join(start.thread, nullptr) == 0);
}

}  // namespace stackheap
