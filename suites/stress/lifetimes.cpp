// Threads end: with caches full, with blocks still live, after a first call of any kind, and while
// their own destructors still allocate. After glibc's tst-malloc-tcache-leak, among others.
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "harness/worker/block_contents.hpp"
#include "harness/worker/check.hpp"
#include "harness/worker/check_child.hpp"
#include "harness/worker/entry_points.hpp"
#include "harness/worker/verified_heap.hpp"
#include "suites/stress/draw.hpp"
#include "suites/stress/growth.hpp"
#include "suites/stress/lives.hpp"

namespace stackheap {
namespace {

using namespace stress;

constexpr double kLivesPerSecond = 50'000;  // of the budget: a count, not a rate
constexpr std::int64_t kAllowedGrowth = std::int64_t{3} << 20U;

// Each thread fills its caches: blocks of some sizes, all freed by itself, in both orders.
void use_caches(VerifiedHeap& heap, CheckLane& lane) {
  Block blocks[12];
  for (Block& block : blocks) {
    block = heap.allocate(lane, HeapFunction::kMalloc, 16 + 16 * lane.random.below(40));
  }
  const bool reversed = lane.random.below(2) == 0;
  for (std::size_t i = 0; i < std::size(blocks); ++i) {
    heap.release(lane, blocks[reversed ? std::size(blocks) - 1 - i : i]);
  }
}

// 100,000 threads at the full budget, in as many rows as lanes.
void run_lifetimes(CheckRun& run) {
  VerifiedHeap heap(run);
  GrowthWatch growth;
  const std::uint64_t lives = run.scaled(600, kLivesPerSecond) / run.threads();
  run.lanes([&](CheckLane& lane) {
    for (std::uint64_t life = 0; life < lives; ++life) {
      lane.operation();
      one_life(lane, [&](CheckLane& own) { use_caches(heap, own); });
      if (lane.index == 0) {
        growth.look(static_cast<double>(life + 1) / static_cast<double>(lives),
                    heap.registry().own_bytes());
      }
    }
  });
  run.own_bytes(heap.registry().own_bytes());
  if (const auto bytes = growth.sustained(kAllowedGrowth)) {
    run.unsafe("the process grew by %jd KiB over %ju threads, of which each freed all it had",
               static_cast<std::intmax_t>(*bytes / 1024), static_cast<std::uintmax_t>(lives));
  }
}

// A thread ends while its blocks live; others verify, resize and free them.
void run_orphans(CheckRun& run) {
  constexpr std::size_t kLeft = 24;
  VerifiedHeap heap(run);
  MappedArray<Block> all(kLeft * run.threads());
  run.lanes([&](CheckLane& lane) {
    const std::span<Block> left = all.span().subspan(lane.index * kLeft, kLeft);
    while (lane.run->time_left()) {
      lane.operation();
      one_life(lane, [&](CheckLane& own) {
        for (Block& block : left) block = draw_block(heap, own, 65'536);
        Block freed = draw_block(heap, own, 512);
        heap.release(own, freed);
      });
      // What is new may lie where the ended thread's blocks are, if its exit gave them away.
      Block fresh[8];
      for (Block& block : fresh) block = draw_block(heap, lane, 4096);
      for (Block& block : left) heap.verify(lane, block);
      for (Block& block : left) {
        if (lane.random.below(4) == 0) heap.reallocate(lane, block, draw_size(lane.random, 4096));
      }
      one_life(lane, [&](CheckLane& own) {
        for (std::size_t i = 0; i < kLeft; i += 2) heap.release(own, left[i]);
      });
      for (Block& block : left) heap.release(lane, block);
      for (Block& block : fresh) heap.release(lane, block);
    }
  });
  run.own_bytes(heap.registry().own_bytes() + all.size() * sizeof(Block));
}

// Whatever a thread calls first must work, on nothing, on what is new and on what another made.
void run_first_call(CheckRun& run) {
  VerifiedHeap heap(run);
  run.lanes([&](CheckLane& lane) {
    const auto foreign = [&] {
      return heap.allocate(lane, HeapFunction::kMalloc, 1 + lane.random.below(2000));
    };
    for (int round = 0; round < 4; ++round) {
      for (unsigned i = 0; i < kHeapFunctions; ++i) {
        const auto function = static_cast<HeapFunction>(i);
        if (!is_of_this_heap(function)) continue;
        lane.operation();
        one_life(lane, [&](CheckLane& own) {
          Block block = heap.allocate(own, function, 100, 64);
          heap.release(own, block);
        });
      }
      Block block = foreign();
      one_life(lane, [&](CheckLane& own) { heap.release(own, block); });
      for (const std::size_t size : {8U, 5000U, 300'000U}) {
        block = foreign();
        one_life(lane, [&](CheckLane& own) { heap.reallocate(own, block, size); });
        heap.release(lane, block);
      }
      block = foreign();
      one_life(lane, [&](CheckLane& own) {
        const CheckLane::Call call(own, "malloc_usable_size", block.size);
        if (heap::usable_size(block.address) < block.size) {
          own.unsafe("malloc_usable_size of a foreign block of %zu B is less", block.size);
        }
      });
      heap.release(lane, block);
      one_life(lane, [&](CheckLane&) { heap::free(nullptr); });
      lane.operations += 6;
    }
  });
}

// Allocation while a thread's own things are taken down.
struct Late {
  VerifiedHeap* heap = nullptr;
  CheckLane* lane = nullptr;
  Block from_life;

  void act() {
    if (lane == nullptr) return;
    Block fresh = heap->allocate(*lane, HeapFunction::kCalloc, 16 + lane->random.below(500));
    heap->release(*lane, from_life);
    from_life = heap->allocate(*lane, HeapFunction::kMalloc, 300);
    heap->release(*lane, fresh);
    heap->release(*lane, from_life);
  }
};

struct LateLocal {
  Late late;
  ~LateLocal() { late.act(); }
};
thread_local LateLocal late_local;

void on_key(void* value) {
  static_cast<Late*>(value)->act();
}

void run_late(CheckRun& run) {
  constexpr int kKeys = 4;
  VerifiedHeap heap(run);
  pthread_key_t keys[kKeys];
  for (pthread_key_t& key : keys) STACKHEAP_CHECK(pthread_key_create(&key, on_key) == 0);
  MappedArray<Late> lates(std::size_t{kKeys} * run.threads());
  run.lanes([&](CheckLane& lane) {
    for (int round = 0; round < 100; ++round) {
      lane.operation();
      one_life(lane, [&](CheckLane& own) {
        // Some threads' first call comes that late.
        const bool early = own.random.below(4) != 0;
        late_local.late = {&heap, &own, {}};
        if (early) {
          late_local.late.from_life = heap.allocate(own, HeapFunction::kMalloc, 100);
        }
        for (int i = 0; i < kKeys; ++i) {
          Late& late = lates[own.index * kKeys + static_cast<unsigned>(i)];
          late = {&heap, &own, {}};
          if (early) late.from_life = heap.allocate(own, HeapFunction::kMalloc, 200);
          STACKHEAP_CHECK(pthread_setspecific(keys[i], &late) == 0);
        }
      });
    }
  });
  for (const pthread_key_t key : keys) STACKHEAP_CHECK(pthread_key_delete(key) == 0);
}

void* block_for_exit = nullptr;

// In a child, since exit() is not for the check's own process.
void run_at_exit(CheckRun& run) {
  run.count(1);
  const ChildEnd end = in_child(10, [] {
    block_for_exit = heap::malloc(1000);
    if (block_for_exit == nullptr) return 3;
    contents::fill(block_for_exit, 1000, 1);
    const auto at_exit = [] {
      if (!contents::intact(block_for_exit, 1000, 1)) ::_exit(4);
      void* fresh = heap::calloc(1, 5000);
      if (fresh == nullptr) ::_exit(5);
      if (!contents::is_zero(fresh, 5000)) ::_exit(6);
      heap::free(block_for_exit);
      heap::free(fresh);
    };
    if (std::atexit(at_exit) != 0) return 7;
    std::exit(0);
  });
  if (!end.exited_with(0)) {
    run.unsafe("a process that allocates and frees in atexit() ends with %s: %s",
               end_text(end).text, end.message);
  }
}

const CheckRegistration kLifetimes{
    {.name = "threads/lifetimes",
     .summary = "threads end after filling their caches, 100,000 of them: growth is bounded",
     .source = "glibc's tst-malloc-tcache-leak",
     .rank = 19,
     .quick_seconds = 0.08,
     .seconds = 2,
     .threads = {CheckThreads::kCpus}},
    run_lifetimes};
const CheckRegistration kOrphans{
    {.name = "threads/orphans",
     .summary = "a thread ends with live blocks, which others verify, resize and free",
     .source = "C11 7.22.3: lifetime ends at free",
     .blocks_migrate = true,
     .rank = 20,
     .randomised = true,
     .quick_seconds = 0.04,
     .seconds = 0.4,
     .threads = {CheckThreads::kOne, CheckThreads::kCpus}},
    run_orphans};
const CheckRegistration kFirstCall{{.name = "threads/first-call",
                                    .summary = "each function as a thread's first call, also on "
                                               "blocks of another",
                                    .source = "C11 7.22.3",
                                    .rank = 27,
                                    .quick_seconds = 0.01,
                                    .seconds = 0.01,
                                    .threads = {CheckThreads::kOne, CheckThreads::kCpus}},
                                   run_first_call};
const CheckRegistration kLate{
    {.name = "threads/late",
     .summary = "allocation in destructors of thread_local objects and of pthread keys",
     .source = "C++20 basic.start.term; POSIX pthread_key_create",
     .rank = 28,
     .quick_seconds = 0.01,
     .seconds = 0.01,
     .threads = {CheckThreads::kCpus}},
    run_late};
const CheckRegistration kAtExit{{.name = "threads/at-exit",
                                 .summary = "allocation in functions of atexit()",
                                 .source = "C11 7.22.4.4",
                                 .rank = 47,
                                 .seconds = 0.01,
                                 .threads = {CheckThreads::kOne}},
                                run_at_exit};

}  // namespace
}  // namespace stackheap
