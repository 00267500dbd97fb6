// A lane that passes from one short-lived thread to the next, for scripted workloads whose threads
// end and are succeeded within a window. A pool of threads would not do: what an allocator does
// when a thread starts and ends is what these workloads are about.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>

#include "harness/base/error.hpp"
#include "harness/base/mapped.hpp"
#include "harness/worker/script.hpp"

namespace stackheap {

// Throws CannotRun where the system starts no more threads.
inline pthread_t start_thread(std::string_view workload, void* (*body)(void*), void* argument) {
  pthread_t thread;
  const int error = pthread_create(&thread, nullptr, body, argument);
  if (error != 0) {
    throw CannotRun(std::string(workload) + ": pthread_create: " + std::strerror(error) +
                    "; raise the limit (ulimit -u, pids.max, memory) or run fewer threads");
  }
  return thread;
}

class alignas(2 * kCacheLine) Succession {
 public:
  // On the lane's own thread. Calls `life(const LaneThread&)` on it, then on one new thread after
  // another as long as it returns true; returns when all have ended. A life that returns true does
  // so in an open window. A successor is pinned like its predecessor, and joins it before it starts
  // one of its own. Until it runs, the lane waits for a CPU, which is counted as run queue. Throws
  // what a life throws.
  template <class Life>
  void run(std::string_view workload, Script& script, const LaneThread& first, Life&& life) {
    workload_ = workload;
    script_ = &script;
    lane_ = &first.lane();
    context_ = &life;
    life_ = [](const LaneThread& thread, void* context) {
      return (*static_cast<std::remove_reference_t<Life>*>(context))(thread);
    };
    if (!life(first)) return;
    hand_over(first);
    finished_.wait(0, std::memory_order_acquire);
    join(predecessor_);
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  static void join(pthread_t thread) { STACKHEAP_CHECK(pthread_join(thread, nullptr) == 0); }

  void hand_over(const LaneThread& thread) {
    if (has_predecessor_) join(predecessor_);
    predecessor_ = pthread_self();
    // The harness's own thread starts the line; the harness joins that one.
    has_predecessor_ = hand_overs_ > 0;
    ++hand_overs_;
    try {
      start_thread(workload_, &Succession::succeed, this);
    } catch (...) {
      has_predecessor_ = false;
      throw;
    }
    script_->windows().hand_over(*lane_, thread.probe());
    given_.fetch_add(1, std::memory_order_release);
    given_.notify_one();
  }

  static void* succeed(void* argument) {
    Succession& self = *static_cast<Succession*>(argument);
    try {
      const LaneThread thread(*self.lane_);
      const std::uint32_t before = self.hand_overs_ - 1;
      self.given_.wait(before, std::memory_order_acquire);
      self.script_->windows().take_over(*self.lane_, thread.probe());
      if (self.life_(thread, self.context_)) {
        self.hand_over(thread);
      } else {
        self.end();
      }
    } catch (...) {
      self.failure_ = std::current_exception();
      self.end();
    }
    return nullptr;
  }

  // The last thread of a line leaves itself to the first one to be joined.
  void end() {
    if (has_predecessor_) join(predecessor_);
    predecessor_ = pthread_self();
    finished_.store(1, std::memory_order_release);
    finished_.notify_one();
  }

  std::string_view workload_;
  Script* script_ = nullptr;
  Lane* lane_ = nullptr;
  bool (*life_)(const LaneThread&, void*) = nullptr;
  void* context_ = nullptr;
  std::uint32_t hand_overs_ = 0;
  bool has_predecessor_ = false;  // it has to be joined
  pthread_t predecessor_{};
  std::exception_ptr failure_;
  std::atomic<std::uint32_t> given_{0};     // hand-overs that the giving thread has completed
  std::atomic<std::uint32_t> finished_{0};  // 1: `predecessor_` is the last of the line
};

}  // namespace stackheap
