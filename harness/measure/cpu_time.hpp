// CPU time of another thread or process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace stackheap {

// In nanoseconds, of a thread of this process by its kernel's number (gettid(2)), or of all threads
// of a process; nothing where it has ended. Reading it also brings the thread's schedstat up to
// date. Asks no heap.
std::optional<std::uint64_t> cpu_ns_of_thread(int thread_id);
std::optional<std::uint64_t> cpu_ns_of_process(pid_t process);

}  // namespace stackheap
