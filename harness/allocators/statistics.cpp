#include "harness/allocators/statistics.hpp"

#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>

#include <cstddef>
#include <cstdio>
#include <string_view>

#include "harness/allocators/proof.hpp"

namespace stackheap {
namespace {

using Mallctl = int (*)(const char*, void*, std::size_t*, void*, std::size_t);

Mallctl find_mallctl() {
  return reinterpret_cast<Mallctl>(::dlsym(RTLD_DEFAULT, "mallctl"));
}

template <class T>
std::optional<T> read_value(Mallctl mallctl, const char* name) {
  T value{};
  std::size_t size = sizeof value;
  if (mallctl(name, &value, &size, nullptr, 0) != 0 || size != sizeof value) return std::nullopt;
  return value;
}

// jemalloc's pseudo-arena that stands for the sum of all (MALLCTL_ARENAS_ALL).
constexpr unsigned kAllArenas = 4096;

// Mutexes of the whole process. `ctl` is left out: it is taken by these very calls.
constexpr const char* kGlobalMutexes[] = {
    "background_thread", "max_per_bg_thd",   "prof",      "prof_thds_data", "prof_dump",
    "prof_recent_alloc", "prof_recent_dump", "prof_stats"};
constexpr const char* kArenaMutexes[] = {
    "large",          "extent_avail", "extents_dirty", "extents_muzzy", "extents_retained",
    "decay_dirty",    "decay_muzzy",  "base",          "tcache_list",   "hpa_shard",
    "hpa_shard_grow", "hpa_sec"};

// Adds one mutex's counters; versions differ in which mutexes there are, so a missing one is none.
void add_mutex(Mallctl mallctl, const char* mutex, AllocatorStatistics& sum) {
  char name[128];
  const auto counter = [&](const char* which) {
    std::snprintf(name, sizeof name, "%s.%s", mutex, which);
    return read_value<std::uint64_t>(mallctl, name);
  };
  const auto operations = counter("num_ops");
  const auto waits = counter("num_wait");
  const auto spins = counter("num_spin_acq");
  if (!operations || !waits || !spins) return;
  sum.lock_ops = sum.lock_ops.value_or(0) + *operations;
  sum.lock_waits = sum.lock_waits.value_or(0) + *waits + *spins;
}

std::optional<std::uint64_t> count_jemalloc_arenas(Mallctl mallctl) {
  const auto arenas = read_value<unsigned>(mallctl, "arenas.narenas");
  if (!arenas) return std::nullopt;
  std::uint64_t in_use = 0;
  char name[64];
  for (unsigned arena = 0; arena < *arenas; ++arena) {
    std::snprintf(name, sizeof name, "arena.%u.initialized", arena);
    if (read_value<bool>(mallctl, name).value_or(false)) ++in_use;
  }
  return in_use;
}

AllocatorStatistics read_jemalloc(Mallctl mallctl) {
  AllocatorStatistics statistics;
  // Statistics are as of the last epoch; writing one brings them up to date.
  std::uint64_t epoch = 1;
  mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch);
  char name[96];
  for (const char* mutex : kGlobalMutexes) {
    std::snprintf(name, sizeof name, "stats.mutexes.%s", mutex);
    add_mutex(mallctl, name, statistics);
  }
  for (const char* mutex : kArenaMutexes) {
    std::snprintf(name, sizeof name, "stats.arenas.%u.mutexes.%s", kAllArenas, mutex);
    add_mutex(mallctl, name, statistics);
  }
  const unsigned bins = read_value<unsigned>(mallctl, "arenas.nbins").value_or(0);
  for (unsigned bin = 0; bin < bins; ++bin) {
    std::snprintf(name, sizeof name, "stats.arenas.%u.bins.%u.mutex", kAllArenas, bin);
    add_mutex(mallctl, name, statistics);
  }
  statistics.arenas = count_jemalloc_arenas(mallctl);
  statistics.mapped_bytes = read_value<std::size_t>(mallctl, "stats.mapped");
  return statistics;
}

std::optional<std::uint64_t> glibc_mapped_bytes() {
  using Mallinfo = struct mallinfo2 (*)();
  const auto info = reinterpret_cast<Mallinfo>(::dlsym(RTLD_DEFAULT, "mallinfo2"));
  if (info == nullptr) return std::nullopt;
  const struct mallinfo2 now = info();
  return now.arena + now.hblkhd;
}

std::optional<std::uint64_t> mimalloc_committed_bytes() {
  using ProcessInfo = void (*)(std::size_t*, std::size_t*, std::size_t*, std::size_t*, std::size_t*,
                               std::size_t*, std::size_t*, std::size_t*);
  const auto info = reinterpret_cast<ProcessInfo>(::dlsym(RTLD_DEFAULT, "mi_process_info"));
  if (info == nullptr) return std::nullopt;
  std::size_t committed = 0;
  info(nullptr, nullptr, nullptr, nullptr, nullptr, &committed, nullptr, nullptr);
  return committed;
}

std::optional<std::uint64_t> gperftools_mapped_bytes() {
  using Property = int (*)(const char*, std::size_t*);
  const auto property =
      reinterpret_cast<Property>(::dlsym(RTLD_DEFAULT, "MallocExtension_GetNumericProperty"));
  std::size_t heap = 0;
  std::size_t unmapped = 0;
  if (property == nullptr || property("generic.heap_size", &heap) == 0 ||
      property("tcmalloc.pageheap_unmapped_bytes", &unmapped) == 0 || unmapped > heap) {
    return std::nullopt;
  }
  return heap - unmapped;
}

// Counts a text in a stream that passes by in pieces, without keeping it. The text's first
// character occurs in it once, so a mismatch never needs to look back.
struct Counter {
  static constexpr std::string_view kText = "<heap nr=";
  std::size_t matched = 0;
  std::uint64_t found = 0;

  void feed(std::string_view piece) {
    for (const char c : piece) {
      if (c != kText[matched]) matched = 0;
      if (c == kText[matched] && ++matched == kText.size()) {
        ++found;
        matched = 0;
      }
    }
  }
};

ssize_t feed_counter(void* cookie, const char* data, std::size_t size) {
  static_cast<Counter*>(cookie)->feed({data, size});
  return static_cast<ssize_t>(size);
}

std::optional<std::uint64_t> count_glibc_arenas() {
  using MallocInfo = int (*)(int, FILE*);
  const auto malloc_info = reinterpret_cast<MallocInfo>(::dlsym(RTLD_DEFAULT, "malloc_info"));
  if (malloc_info == nullptr) return std::nullopt;
  Counter counter;
  cookie_io_functions_t functions{};
  functions.write = feed_counter;
  FILE* stream = ::fopencookie(&counter, "w", functions);
  if (stream == nullptr) return std::nullopt;
  char buffer[4096];
  std::setvbuf(stream, buffer, _IOFBF, sizeof buffer);
  const bool written = malloc_info(0, stream) == 0;
  const bool flushed = std::fclose(stream) == 0;
  if (!written || !flushed || counter.found == 0) return std::nullopt;
  return counter.found;
}

}  // namespace

void reset_allocator_statistics() {
  if (const Mallctl mallctl = find_mallctl()) {
    mallctl("stats.mutexes.reset", nullptr, nullptr, nullptr, 0);
  }
}

AllocatorStatistics read_allocator_statistics() {
  if (const Mallctl mallctl = find_mallctl()) return read_jemalloc(mallctl);
  AllocatorStatistics statistics;
  if (runs_on_c_library_malloc()) {
    statistics.arenas = count_glibc_arenas();
    statistics.mapped_bytes = glibc_mapped_bytes();
    return statistics;
  }
  statistics.mapped_bytes = mimalloc_committed_bytes();
  if (!statistics.mapped_bytes) statistics.mapped_bytes = gperftools_mapped_bytes();
  return statistics;
}

std::optional<std::uint64_t> count_allocator_arenas() {
  if (const Mallctl mallctl = find_mallctl()) return count_jemalloc_arenas(mallctl);
  return runs_on_c_library_malloc() ? count_glibc_arenas() : std::nullopt;
}

}  // namespace stackheap
