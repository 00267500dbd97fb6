// oneTBB's threads as the lanes of a sample: an arena of as many threads as lanes, of which the
// calling thread is one and the others are the library's workers.
//
// A task runs on whichever of them takes it, so it asks for its lane. Slots of an arena are held by
// one thread at a time, and so are lanes. The workers come on demand and go to sleep between
// windows, as they do in every program; the harness reads them with a ProcessProbe.
//
// oneTBB takes the memory of its own tasks from libtbbmalloc, which libtbb loads by itself (from
// malloc where that library is absent): only what the tasks' code allocates goes through the
// allocator under test.
#pragma once

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_scheduler_observer.h>

#include <exception>
#include <mutex>
#include <span>

#include "harness/measure/lane.hpp"
#include "harness/worker/script.hpp"

namespace stackheap {

// The library has 255 workers at least, however few CPUs there are.
inline constexpr unsigned kMostTaskLanes = 256;

class TaskLanes {
 public:
  explicit TaskLanes(std::span<Lane> lanes)
      : lanes_(lanes),
        most_(oneapi::tbb::global_control::max_allowed_parallelism, lanes.size()),
        arena_(static_cast<int>(lanes.size())),
        pinning_(*this) {}
  TaskLanes(const TaskLanes&) = delete;
  TaskLanes& operator=(const TaskLanes&) = delete;

  // Runs `body` within the arena, on this thread. Throws what it throws, and CannotRun where one of
  // the threads could not be pinned.
  template <class Body>
  void execute(Body&& body) {
    arena_.execute(body);
    const std::scoped_lock lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
  }

  // Within the arena: the lane of the calling thread.
  Lane& mine() const {
    return lanes_[static_cast<std::size_t>(oneapi::tbb::this_task_arena::current_thread_index())];
  }

 private:
  // Each thread that enters the arena is pinned as a thread of the harness would be.
  class Pinning final : public oneapi::tbb::task_scheduler_observer {
   public:
    explicit Pinning(TaskLanes& crew)
        : oneapi::tbb::task_scheduler_observer(crew.arena_), crew_(crew) {
      if (crew.lanes_.front().cpu >= 0) observe(true);
    }
    Pinning(const Pinning&) = delete;
    Pinning& operator=(const Pinning&) = delete;
    ~Pinning() override { observe(false); }
    void on_scheduler_entry(bool) override {
      try {
        const LaneThread pinned(crew_.mine());
      } catch (...) {
        const std::scoped_lock lock(crew_.mutex_);
        crew_.failure_ = std::current_exception();
      }
    }

   private:
    TaskLanes& crew_;
  };

  std::span<Lane> lanes_;
  oneapi::tbb::global_control most_;
  oneapi::tbb::task_arena arena_;
  std::mutex mutex_;
  std::exception_ptr failure_;
  Pinning pinning_;
};

}  // namespace stackheap
