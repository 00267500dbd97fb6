// What the whole process has spent so far, in the place of a ThreadProbe where the threads belong
// to a library (oneTBB's workers) and no code of ours runs on them at both ends of a window: the
// process's CPU clock, and the schedstat of every thread in /proc/self/task.
//
// The clock alone lags up to 4 ms behind the threads that run at the moment, which is most of a
// window. Reading each thread's own clock first brings it and schedstat up to date.
//
// The kernel adds a wait for a CPU to schedstat when it ends: of a worker that waited before the
// window began, that earlier part is counted too, and of one that still waits at its end, nothing
// is yet. On a machine with more work than CPUs the remainder (blocked) can so be negative.
//
// It sees every thread of the process: parked ones cost nothing, but an allocator's background
// thread is counted with the others. Perf events are not counted here.
#pragma once

#include <cstdint>

#include "harness/base/file.hpp"
#include "harness/base/mapped.hpp"
#include "harness/measure/schedstat.hpp"
#include "harness/measure/thread_probe.hpp"

namespace stackheap {

// Read by one thread at a time. Takes no memory from the heap.
class ProcessProbe {
 public:
  // Of `options` only wall_clock_only and schedstat_path count: where the calling thread's own
  // schedstat cannot be used, no thread's can. Throws std::system_error without /proc/self/task.
  explicit ProcessProbe(const ProbeOptions& options = {});

  bool has_schedstat() const { return has_schedstat_; }
  // The same order of reads at both ends as ThreadProbe: counts, clocks; clocks, counts. Only
  // differences between a start and the next finish mean anything. A thread that begins in between
  // is counted from its beginning; of one that ends, the last stretch of run queue is lost.
  ThreadSnapshot at_start();
  ThreadSnapshot at_finish();

 private:
  static constexpr std::size_t kMostThreads = 1'024;

  struct Thread {
    int id = 0;
    Schedstat schedstat;
    std::uint64_t run_queue_ns = 0;  // when last read
  };

  void find_threads();
  void read_clocks(ThreadSnapshot& snapshot);
  void read_run_queue(Thread& thread);

  UniqueFd folder_;  // /proc/self/task
  MappedArray<Thread> threads_;
  std::size_t count_ = 0;
  std::uint64_t ended_run_queue_ns_ = 0;  // of threads that are no more
  bool has_schedstat_ = false;
  bool wall_clock_only_ = false;
};

}  // namespace stackheap
