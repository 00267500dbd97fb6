// A thread that waits for a CPU must not be taken for one that waits for a lock.
#include "harness/measure/thread_state.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace stackheap {
namespace {

TEST(ThreadState, OfTheOneThatAsksIsRunning) {
  EXPECT_EQ(state_of_thread(::gettid()), 'R');
}

TEST(ThreadState, OfNoThreadIsNone) {
  EXPECT_EQ(state_of_thread(0), std::nullopt);
  EXPECT_EQ(state_of_process(-1), std::nullopt);
}

TEST(ThreadState, OfAProcessThatHasEndedAndIsNotReapedIsNeitherReadyNorAsleep) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(state_of_process(child), 'Z');
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
}

TEST(ThreadState, OfOneThatWaitsForASemaphoreIsAsleepWhateverItsName) {
  sem_t go;
  ASSERT_EQ(::sem_init(&go, 0, 0), 0);
  std::atomic<int> id{0};
  std::thread sleeper([&] {
    ::pthread_setname_np(::pthread_self(), "a) R (b) D 1");
    id = ::gettid();
    while (::sem_wait(&go) != 0) {
    }
  });
  while (id == 0) std::this_thread::yield();
  std::optional<char> state;
  for (int i = 0; i < 5000 && state != 'S'; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    state = state_of_thread(id);
  }
  EXPECT_EQ(state, 'S');
  ASSERT_EQ(::sem_post(&go), 0);
  sleeper.join();
  ::sem_destroy(&go);
}

// Both on one CPU, one of them only for idle times: it waits for hundreds of milliseconds, ready.
TEST(ThreadState, OfOneThatWaitsForACpuIsReady) {
  std::atomic<bool> stop{false};
  std::atomic<int> id{0};
  cpu_set_t one;
  CPU_ZERO(&one);
  const int cpu = ::sched_getcpu();
  ASSERT_GE(cpu, 0);
  CPU_SET(static_cast<unsigned>(cpu), &one);
  const auto spin = [&](bool idle) {
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    const sched_param none{};
    if (idle) {
      ASSERT_EQ(::sched_setscheduler(0, SCHED_IDLE, &none), 0);
      id = ::gettid();
    }
    while (!stop) {
    }
  };
  std::thread busy(spin, false);
  std::thread starved(spin, true);
  while (id == 0) std::this_thread::yield();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(state_of_thread(id), 'R');
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  stop = true;
  busy.join();
  starved.join();
}

}  // namespace
}  // namespace stackheap
