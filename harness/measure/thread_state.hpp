// What a thread is doing, as the kernel's scheduler sees it.
#pragma once

#include <sys/types.h>

#include <optional>

namespace stackheap {

// The letter of /proc/self/task/ID/stat (proc(5)): 'R' runs or is ready to, 'S' sleeps until
// something wakes it, as who waits for a lock does, 'D' waits inside the kernel. Nothing where it
// cannot be read. Asks no heap.
//
// That a thread is ready is told by nothing else: the time that it waits for a CPU appears in its
// schedstat only once it gets one.
std::optional<char> state_of_thread(int thread_id);
// Of another process's first thread.
std::optional<char> state_of_process(pid_t process);

}  // namespace stackheap
