// How OwnHeap lays out memory: units of 64 KiB, each with blocks of one size class behind a header;
// larger blocks have a mapping of their own.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

namespace mutant {

inline constexpr std::size_t kUnit = std::size_t{64} << 10U;
inline constexpr std::size_t kHeaderBytes = 64;
inline constexpr std::size_t kLargestSmall = 16'384;

// Multiples of 16 up to 256, then coarser.
inline constexpr std::size_t kClasses = 24;
constexpr std::size_t size_of_class(std::size_t index) {
  constexpr std::size_t kLarger[] = {384, 512, 1024, 2048, 4096, 8192, 12'288, kLargestSmall};
  return index < 16 ? 16 * (index + 1) : kLarger[index - 16];
}
constexpr std::size_t class_of(std::size_t bytes) {
  if (bytes <= 256) return bytes == 0 ? 0 : (bytes - 1) / 16;
  std::size_t index = 16;
  while (size_of_class(index) < bytes) ++index;
  return index;
}
static_assert(size_of_class(kClasses - 1) == kLargestSmall && class_of(257) == 16);

struct Header {
  std::size_t size_class = kClasses;  // kClasses: a mapping
  std::size_t stride = 0;             // of a unit's blocks
  const void* owner = nullptr;        // the cache of the thread that cut the unit
  char* mapping = nullptr;
  std::size_t mapping_bytes = 0;
};
static_assert(sizeof(Header) <= kHeaderBytes);

// A block never begins at a unit's start: where an alignment demands that, its header is in the
// unit that ends there.
inline Header* header_of(const void* block) {
  return reinterpret_cast<Header*>((reinterpret_cast<std::uintptr_t>(block) - 1) &
                                   ~(std::uintptr_t{kUnit} - 1));
}

// Where the block starts of which `inside` is a part: an aligned one begins further in.
inline char* begin_of(Header* header, void* inside) {
  char* const first = reinterpret_cast<char*>(header) + kHeaderBytes;
  const auto offset = static_cast<std::size_t>(static_cast<char*>(inside) - first);
  return first + offset / header->stride * header->stride;
}

inline std::size_t usable_bytes(void* block) {
  Header* const header = header_of(block);
  const auto* const at = static_cast<const char*>(block);
  const char* const end = header->size_class == kClasses
                              ? header->mapping + header->mapping_bytes
                              : begin_of(header, block) + size_of_class(header->size_class);
  return static_cast<std::size_t>(end - at);
}

inline char* round_up(char* address, std::size_t step) {
  return reinterpret_cast<char*>((reinterpret_cast<std::uintptr_t>(address) + step - 1) &
                                 ~(std::uintptr_t{step} - 1));
}

// Zeroed pages; null where the system has no more.
inline char* map_memory(std::size_t bytes) {
  void* const memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<char*>(memory);
}

}  // namespace mutant
