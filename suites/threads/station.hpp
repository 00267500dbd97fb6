// What one lane of threads/remote-free has: its objects, its mailbox and its books, on cache lines
// of their own for each thread that writes them; and the two places its objects come from.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include "harness/base/error.hpp"
#include "harness/base/mapped.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/chain_stack.hpp"

namespace stackheap::remote_free {

inline constexpr std::uint32_t kSlots = 256;  // a power of two: a slot is drawn by a mask
inline constexpr std::uint32_t kSmallest = 32;
inline constexpr std::uint32_t kLargest = 256;
inline constexpr std::uint32_t kChain = 16;
inline constexpr std::uint64_t kUnderWay = 1024;
inline constexpr std::size_t kPool = kSlots + kUnderWay + std::size_t{2} * kChain;

struct Object {
  Object* next;
  std::uint32_t size;
  std::uint32_t stamp;  // its lowest byte is also the object's last byte
};

inline void write_object(Object* object, std::uint32_t size, std::uint32_t stamp) {
  object->size = size;
  object->stamp = stamp;
  reinterpret_cast<unsigned char*>(object)[size - 1] = static_cast<unsigned char>(stamp);
  escape(object);
}

inline bool intact(const Object* object) {
  const std::uint32_t size = object->size;
  return size >= kSmallest && size <= kLargest &&
         reinterpret_cast<const unsigned char*>(object)[size - 1] ==
             static_cast<unsigned char>(object->stamp);
}

// What was made and what was given up; equal at the end, over all lanes.
struct Tally {
  std::uint64_t objects = 0;
  std::uint64_t stamps = 0;
  void add(const Object* object) {
    ++objects;
    stamps += object->stamp;
  }
};

struct PoolObject {
  alignas(kCacheLine) unsigned char bytes[kLargest];
};

struct Station {
  // Written by the lane before this one.
  ChainStack<Object> mailbox;
  // Written by this lane: how many objects of its mailbox it has given up.
  alignas(2 * kCacheLine) std::atomic<std::uint64_t> taken{0};
  // Written by the lane after this one (`no-alloc`): this lane's own objects, coming home.
  ChainStack<Object> homecoming;
  // The lane's own.
  alignas(2 * kCacheLine) Object* slots[kSlots]{};
  Object* outbox = nullptr;
  Object* outbox_last = nullptr;
  std::uint32_t outbox_size = 0;
  std::uint32_t tick = 0;
  std::uint64_t sent = 0;
  std::uint64_t reclaimed = 0;  // taken back from a neighbour that did not come
  std::uint64_t damaged = 0;
  Tally made;
  Tally given_up;
  Object* spare = nullptr;  // `no-alloc`: free objects of the lane's pool
  MappedArray<PoolObject> pool;
};

struct FromHeap {
  static Object* make(Station&, std::uint32_t size) {
    void* memory = std::malloc(size);
    if (memory == nullptr) throw std::bad_alloc();
    return static_cast<Object*>(memory);
  }
  static void give_up_own(Station&, Object* object) { std::free(object); }
  static void give_up_foreign(Station&, Object* chain) {
    while (chain != nullptr) {
      Object* next = chain->next;
      std::free(chain);
      chain = next;
    }
  }
};

struct FromPool {
  static Object* make(Station& own, std::uint32_t) {
    if (own.spare == nullptr) own.spare = own.homecoming.take_all();
    Object* object = own.spare;
    STACKHEAP_CHECK(object != nullptr);
    own.spare = object->next;
    return object;
  }
  static void give_up_own(Station& own, Object* object) {
    object->next = own.spare;
    own.spare = object;
  }
  static void give_up_foreign(Station& sender, Object* chain) {
    Object* last = chain;
    while (last->next != nullptr) last = last->next;
    sender.homecoming.push(chain, last);
  }
};

}  // namespace stackheap::remote_free
