// The process's own memory as the kernel counts it. Read without touching the heap, because the
// heap is what is being measured. Not getrusage's ru_maxrss: that inherits the parent's size across
// fork and exec, so a small child of a large driver would look large.
#pragma once

#include <cstdint>
#include <optional>

namespace stackheap {

struct ResidentMemory {
  std::uint64_t now_bytes = 0;   // VmRSS
  std::uint64_t peak_bytes = 0;  // VmHWM
};

// Nothing where /proc/self/status cannot be read.
std::optional<ResidentMemory> read_resident_memory();

// Resident bytes counted page by page (/proc/self/smaps_rollup), for differences of few pages:
// VmRSS may lag behind by some dozen pages for each CPU. Takes the process's mmap_lock and time in
// proportion to its memory, so not beside a measurement. Nothing where it cannot be read.
std::optional<std::uint64_t> count_resident_bytes();

// Lines of /proc/self/maps.
std::optional<std::uint64_t> count_mapped_regions();

}  // namespace stackheap
