// POSIX threads with a stack of a given size, for workloads that compare them with fibers, and the
// futex hand-over between two of them. std::thread cannot set a stack size; a condition variable
// would add a mutex to every switch.
#pragma once

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "harness/base/error.hpp"

namespace stackheap {

class ThreadAttributes {
 public:
  // `stack_bytes` 0: the default size. Throws CannotRun where the size is refused.
  explicit ThreadAttributes(std::size_t stack_bytes) {
    STACKHEAP_CHECK(pthread_attr_init(&attributes_) == 0);
    if (stack_bytes != 0 && pthread_attr_setstacksize(&attributes_, stack_bytes) != 0) {
      STACKHEAP_CHECK(pthread_attr_destroy(&attributes_) == 0);
      throw CannotRun("a thread's stack of " + std::to_string(stack_bytes) +
                      " B is refused: sysconf(_SC_THREAD_STACK_MIN) is " +
                      std::to_string(sysconf(_SC_THREAD_STACK_MIN)) + " B here");
    }
    // Now: ThreadSanitizer's pthread_create enlarges it in the attributes themselves.
    STACKHEAP_CHECK(pthread_attr_getstacksize(&attributes_, &stack_bytes_) == 0);
  }
  ThreadAttributes(const ThreadAttributes&) = delete;
  ThreadAttributes& operator=(const ThreadAttributes&) = delete;
  ~ThreadAttributes() { pthread_attr_destroy(&attributes_); }

  std::size_t stack_bytes() const { return stack_bytes_; }

  // Throws CannotRun: a limit that require_stacks() could not see, or a stack too small for what
  // the libraries keep in thread-local storage.
  pthread_t start(void* (*body)(void*), void* argument) const {
    pthread_t thread;
    const int error = pthread_create(&thread, &attributes_, body, argument);
    if (error != 0) {
      throw CannotRun("pthread_create with a stack of " + std::to_string(stack_bytes()) +
                      " B: " + std::strerror(error) +
                      (error == EINVAL
                           ? "; too small for the thread-local storage of the libraries "
                             "in this process, take a larger one"
                           : "; raise the limit (ulimit -u, pids.max) or run fewer"));
    }
    return thread;
  }

 private:
  pthread_attr_t attributes_;
  std::size_t stack_bytes_ = 0;
};

inline void join_thread(pthread_t thread) {
  STACKHEAP_CHECK(pthread_join(thread, nullptr) == 0);
}

// Whose turn it is, of two threads of this process. The one that waits sleeps in the kernel at
// once: spinning first would measure how far away the other CPU is.
class Baton {
 public:
  enum Side : std::uint32_t { kOwner, kOther };

  void pass_to(Side side) {
    side_.store(side, std::memory_order_release);
    STACKHEAP_CHECK(futex(FUTEX_WAKE_PRIVATE, 1) >= 0);
  }
  void await(Side side) {
    while (side_.load(std::memory_order_acquire) != side) {
      const long result = futex(FUTEX_WAIT_PRIVATE, side == kOwner ? kOther : kOwner);
      STACKHEAP_CHECK(result == 0 || errno == EAGAIN || errno == EINTR);
    }
  }

 private:
  long futex(int operation, std::uint32_t value) {
    static_assert(sizeof side_ == sizeof(std::uint32_t));
    return syscall(SYS_futex, &side_, operation, value, nullptr, nullptr, 0);
  }

  std::atomic<std::uint32_t> side_{kOwner};
};

}  // namespace stackheap
