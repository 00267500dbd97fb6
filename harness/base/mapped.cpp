#include "harness/base/mapped.hpp"

#include <sys/mman.h>

#include "harness/base/error.hpp"

namespace stackheap {

void* map_pages(std::size_t bytes) {
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (address == MAP_FAILED) throw std::bad_alloc();
  return address;
}

void unmap_pages(void* address, std::size_t bytes) noexcept {
  STACKHEAP_CHECK(::munmap(address, bytes) == 0);
}

}  // namespace stackheap
