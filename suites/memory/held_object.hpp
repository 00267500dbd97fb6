// The objects of workloads that watch what stays resident: each holds its own link, size and mark,
// so that no table of the workload's lies beside them, and is checked when it is freed.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

#include "harness/worker/workload.hpp"

namespace stackheap {

struct HeldObject {
  HeldObject* next;
  std::uint32_t bytes;
  std::uint32_t mark;

  // Of the last byte and one byte a page; the first bytes are the link.
  unsigned char content() const { return static_cast<unsigned char>(mark | 1U); }
  unsigned char* byte(std::size_t at) { return reinterpret_cast<unsigned char*>(this) + at; }
};

inline constexpr std::uint32_t kSmallestHeld = 32;
static_assert(sizeof(HeldObject) < kSmallestHeld, "the last byte is the content's");

// `bytes` from kSmallestHeld on. Throws std::bad_alloc.
inline HeldObject* make_held(Lane& lane, std::uint32_t bytes, std::uint32_t mark,
                             HeldObject* next = nullptr) {
  void* const memory = std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  touch(memory, bytes, static_cast<unsigned char>(mark | 1U));
  auto* const object = new (memory) HeldObject{next, bytes, mark};
  escape(object);
  lane.allocated(bytes);
  return object;
}

// What touch() wrote, but for the first byte.
inline bool is_intact(HeldObject& object) {
  for (std::size_t at = 4096; at < object.bytes; at += 4096) {
    if (*object.byte(at) != object.content()) return false;
  }
  return *object.byte(object.bytes - 1) == object.content();
}

inline void free_held(Lane& lane, HeldObject* object) {
  lane.freed(object->bytes);
  std::free(object);
}

}  // namespace stackheap
