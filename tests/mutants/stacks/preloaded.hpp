// What a mutant of stacks starts from: a healthy malloc, so that it is an allocator like any other
// to whoever preloads it, and the system calls that fibers' stacks are made of. Boost.Context and
// the suites call mmap, mprotect and madvise through the linker, so these stand in the way.
#pragma once

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

#include "tests/mutants/healthy.hpp"

namespace mutant {

using Mutant = Healthy;

inline constexpr std::size_t kPage = 4096;
inline constexpr int kMadvGuardInstall = 102;  // not in Debian 12's headers
inline constexpr std::uint32_t kOneStackIn = 16;

inline int real_mprotect(void* address, std::size_t bytes, int protection) {
  return static_cast<int>(::syscall(SYS_mprotect, address, bytes, protection));
}
inline int real_madvise(void* address, std::size_t bytes, int advice) {
  return static_cast<int>(::syscall(SYS_madvise, address, bytes, advice));
}
inline void* real_mmap(void* address, std::size_t bytes, int protection, int flags, int fd,
                       off_t offset) {
  return reinterpret_cast<void*>(
      ::syscall(SYS_mmap, address, bytes, protection, flags, fd, offset));
}

}  // namespace mutant

#include "tests/mutants/entry_points.hpp"
