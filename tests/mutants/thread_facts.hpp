// What heap_facts knows of threads: facts that take more than one, or a process of their own.
#pragma once

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace facts {

inline constexpr std::size_t kLive = 512;
inline void* live[kLive];
inline std::size_t sizes[kLive];
inline std::uint64_t random_state = 88172645463325252U;

inline std::uint64_t draw() {  // xorshift64, G. Marsaglia 2003
  random_state ^= random_state << 13U;
  random_state ^= random_state >> 7U;
  return random_state ^= random_state << 17U;
}

inline const char* text(void* block) {
  asm volatile("" : : "r"(block) : "memory");
  return static_cast<const char*>(block);
}

template <class Body>
void on_another_thread(Body body) {
  pthread_t thread;
  const auto run = [](void* argument) -> void* {
    (*static_cast<Body*>(argument))();
    return nullptr;
  };
  if (pthread_create(&thread, nullptr, run, &body) != 0) _exit(3);
  pthread_join(thread, nullptr);
}

inline std::size_t resident_bytes() {
  FILE* const file = fopen("/proc/self/statm", "r");
  std::size_t pages = 0;
  if (file == nullptr || fscanf(file, "%*u %zu", &pages) != 1) _exit(3);
  fclose(file);
  return pages * 4096;
}

// What another thread frees can be used again.
inline bool remote_free() {
  const std::size_t before = resident_bytes();
  for (int round = 0; round < 200; ++round) {
    for (void*& slot : live) slot = memset(malloc(1000), 1, 1000);
    on_another_thread([] {
      for (void*& slot : live) free(slot);
    });
  }
  return resident_bytes() < before + (std::size_t{32} << 20U);
}

// Two threads never have the same block. Each marks its own and looks whether the mark stays.
// Mostly one block is replaced, now and then all of them, which is more than a thread keeps to
// itself.
struct Racer {
  static constexpr int kRounds = 50'000;
  static constexpr std::size_t kBlocks = 200;
  static inline std::atomic<bool> failed{false};
  std::atomic<int> rounds{0};
  Racer* other = nullptr;
  std::atomic<void*>* blocks[kBlocks] = {};

  void take(std::size_t i) {
    blocks[i] = static_cast<std::atomic<void*>*>(malloc(48));
    blocks[i][1].store(this);
  }
  void give_back(std::size_t i) {
    if (blocks[i][1].load() != this) failed = true;
    if (!failed) free(blocks[i]);
  }
  // On a busy machine one might be done before the other begins: so both go on until both are.
  void run() {
    for (std::size_t i = 0; i < kBlocks; ++i) take(i);
    for (int round = 0; !failed && (round < kRounds || other->rounds < kRounds); ++round) {
      rounds = round + 1;
      const bool all = round % 64 == 0;
      const std::size_t first = all ? 0 : static_cast<std::size_t>(round) % kBlocks;
      const std::size_t end = all ? kBlocks : first + 1;
      for (std::size_t i = first; i < end && !failed; ++i) give_back(i);
      for (std::size_t i = first; i < end && !failed; ++i) take(i);
    }
  }
};

inline bool raced() {
  static Racer racers[2];
  pthread_t threads[2];
  const auto body = [](void* racer) -> void* {
    static_cast<Racer*>(racer)->run();
    return nullptr;
  };
  for (int i = 0; i < 2; ++i) {
    racers[i].other = &racers[1 - i];
    if (pthread_create(&threads[i], nullptr, body, &racers[i]) != 0) _exit(3);
  }
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
  return !Racer::failed;
}

// Threads that come and go leave nothing behind.
inline bool lifetimes() {
  std::size_t before = 0;
  for (int thread = 0; thread < 600; ++thread) {
    on_another_thread([] {
      void* blocks[24];
      for (void*& block : blocks) block = memset(malloc(8000), 1, 8000);
      for (void*& block : blocks) free(block);
    });
    if (thread == 100) before = resident_bytes();
  }
  return resident_bytes() < before + (std::size_t{16} << 20U);
}

// A block outlives the thread that allocated it.
inline bool outlived() {
  on_another_thread([] {
    for (void*& slot : live) slot = memset(malloc(100), 7, 100);
  });
  for (void*& slot : live) {
    if (text(slot)[99] != 7) return false;
    free(slot);
  }
  return true;
}

// A child can allocate, whatever other threads did when it was forked.
inline bool forked() {
  static std::atomic<bool> stop{false};
  pthread_t busy;
  const auto body = [](void*) -> void* {
    void* blocks[100];
    while (!stop) {
      for (void*& block : blocks) block = malloc(64);
      for (void*& block : blocks) free(block);
    }
    return nullptr;
  };
  if (pthread_create(&busy, nullptr, body, nullptr) != 0) _exit(3);
  bool all_well = true;
  for (int round = 0; round < 300 && all_well; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(5);
      for (void*& slot : live) slot = malloc(64);
      _exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    all_well = status == 0;
  }
  stop = true;
  pthread_join(busy, nullptr);
  return all_well;
}

}  // namespace facts
