#include "harness/measure/process_probe.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "harness/base/clock.hpp"
#include "harness/base/error.hpp"
#include "harness/measure/cpu_time.hpp"

namespace stackheap {
namespace {

void read_counts(ThreadSnapshot& snapshot) {
  rusage usage{};
  STACKHEAP_CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
  snapshot.voluntary_switches = static_cast<std::uint64_t>(usage.ru_nvcsw);
  snapshot.involuntary_switches = static_cast<std::uint64_t>(usage.ru_nivcsw);
  snapshot.minor_faults = static_cast<std::uint64_t>(usage.ru_minflt);
  snapshot.major_faults = static_cast<std::uint64_t>(usage.ru_majflt);
}

// Calls visit(id) for every thread of the folder. opendir(3) would take its buffer from the heap.
template <class Visit>
void for_each_thread(const UniqueFd& folder, Visit visit) {
  alignas(dirent64) std::array<char, 16'384> buffer;
  STACKHEAP_CHECK(::lseek(folder.get(), 0, SEEK_SET) == 0);
  for (;;) {
    const ssize_t got = ::getdents64(folder.get(), buffer.data(), buffer.size());
    STACKHEAP_CHECK(got >= 0);
    if (got == 0) return;
    for (ssize_t at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer.data() + at);
      at += entry->d_reclen;
      int id = 0;
      const char* end = entry->d_name + std::strlen(entry->d_name);
      if (std::from_chars(entry->d_name, end, id).ptr == end) visit(id);
    }
  }
}

}  // namespace

ProcessProbe::ProcessProbe(const ProbeOptions& options)
    : wall_clock_only_(options.wall_clock_only) {
  if (wall_clock_only_) return;
  folder_ = UniqueFd(::open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_) throw_errno("open /proc/self/task");
  threads_ = MappedArray<Thread>(kMostThreads);
  const Schedstat own(options.schedstat_path);
  has_schedstat_ = own && own.counts();
}

void ProcessProbe::find_threads() {
  for_each_thread(folder_, [this](int id) {
    for (std::size_t i = 0; i < count_; ++i) {
      if (threads_[i].id == id) return;
    }
    if (count_ == kMostThreads) {
      throw CannotRun("the process has more than " + std::to_string(kMostThreads) +
                      " threads, which are too many to be read at a window's ends");
    }
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/task/%d/schedstat", id);
    Schedstat schedstat;
    if (has_schedstat_) {
      schedstat = Schedstat(path);
      if (!schedstat) {
        // Either it has ended since, or this process may open no more files.
        if (::access(path, R_OK) == 0) has_schedstat_ = false;
        return;
      }
    }
    Thread& thread = threads_[count_++];
    thread.id = id;
    thread.schedstat = std::move(schedstat);
    thread.run_queue_ns = 0;
    if (has_schedstat_) read_run_queue(thread);
  });
}

void ProcessProbe::read_run_queue(Thread& thread) {
  if (const auto run_queue = thread.schedstat.run_queue_ns()) {
    thread.run_queue_ns = *run_queue;
  } else {
    thread.schedstat.reset();  // it has ended
  }
}

void ProcessProbe::read_clocks(ThreadSnapshot& snapshot) {
  std::uint64_t run_queue_ns = ended_run_queue_ns_;
  for (std::size_t i = 0; i < count_; ++i) {
    // For what that does to the kernel's accounts; none where the thread has ended.
    (void)cpu_ns_of_thread(threads_[i].id);
    if (has_schedstat_) read_run_queue(threads_[i]);
    run_queue_ns += threads_[i].run_queue_ns;
  }
  snapshot.cpu_ns = process_cpu_ns();
  snapshot.run_queue_ns = run_queue_ns;
  snapshot.wall_ns = monotonic_ns();
}

ThreadSnapshot ProcessProbe::at_start() {
  ThreadSnapshot snapshot;
  if (wall_clock_only_) {
    snapshot.wall_ns = monotonic_ns();
    return snapshot;
  }
  find_threads();
  read_counts(snapshot);
  read_clocks(snapshot);
  return snapshot;
}

ThreadSnapshot ProcessProbe::at_finish() {
  ThreadSnapshot snapshot;
  if (wall_clock_only_) {
    snapshot.wall_ns = monotonic_ns();
    return snapshot;
  }
  read_clocks(snapshot);
  read_counts(snapshot);
  // Threads that have begun since: all their waiting is of this stretch.
  const std::size_t known = count_;
  find_threads();
  for (std::size_t i = known; i < count_; ++i) snapshot.run_queue_ns += threads_[i].run_queue_ns;
  // An id may be given to another thread, so those that have ended leave only their sum.
  for (std::size_t i = 0; has_schedstat_ && i < count_;) {
    if (threads_[i].schedstat) {
      ++i;
      continue;
    }
    ended_run_queue_ns_ += threads_[i].run_queue_ns;
    std::swap(threads_[i], threads_[--count_]);
  }
  return snapshot;
}

}  // namespace stackheap
