// What the allocator under test counts of itself. Found by symbol at run time: linking an
// allocator's library for its statistics would put the process onto that allocator.
#pragma once

#include <cstdint>
#include <optional>

namespace stackheap {

struct AllocatorStatistics {
  // Acquisitions of its locks that found them taken (jemalloc: waited for or won by spinning), and
  // all acquisitions, since the last reset. Only counts: jemalloc's wait time comes from a coarse
  // clock of 4 ms.
  std::optional<std::uint64_t> lock_waits;
  std::optional<std::uint64_t> lock_ops;
  std::optional<std::uint64_t> arenas;  // in use
  // Bytes it holds of the system, by its own books: glibc's mallinfo2 (arena + hblkhd), jemalloc's
  // stats.mapped, mimalloc's committed memory, gperftools' heap size less what it unmapped.
  std::optional<std::uint64_t> mapped_bytes;
};

// Zeroes the lock counters where the library can (jemalloc's stats.mutexes.reset).
void reset_allocator_statistics();

// Outside the measured windows: glibc's malloc_info() takes every arena's lock and a stdio stream.
AllocatorStatistics read_allocator_statistics();

// Only the arenas: what a timed sample asks for, after its last window.
std::optional<std::uint64_t> count_allocator_arenas();

}  // namespace stackheap
