// A bounded queue of pointers between producers and consumers, moved in batches under one mutex
// with two condition variables, as malloc-test and its successors hand memory over. A lock-free
// queue would be faster, and would hide what the pattern is about: threads that sleep and wake
// around the allocator. It holds its ring inside itself, so that it can live in mapped memory.
#pragma once

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <span>

#include "harness/base/mapped.hpp"

namespace stackheap {

// Item is a pointer; Capacity items at most, Batch at most in one push or pop.
template <class Item, std::size_t Capacity, std::size_t Batch>
class alignas(2 * kCacheLine) BatchQueue {
  static_assert(Capacity >= 2 * Batch);

 public:
  // Waits until a whole batch would fit, also where `items` is smaller: with the same condition for
  // all producers, waking one of them is never waking the wrong one.
  void push(std::span<const Item> items) {
    {
      std::unique_lock lock(mutex_);
      not_full_.wait(lock, [this] { return size_ + Batch <= Capacity; });
      for (const Item item : items) {
        ring_[(head_ + size_) % Capacity] = item;
        ++size_;
      }
    }
    not_empty_.notify_one();
  }

  // Waits for an item and takes as many as there are, up to `items.size()`, which is not 0. Returns
  // how many.
  std::size_t pop(std::span<Item> items) {
    std::size_t count = 0;
    bool more = false;
    {
      std::unique_lock lock(mutex_);
      not_empty_.wait(lock, [this] { return size_ > 0; });
      count = std::min(items.size(), size_);
      for (std::size_t i = 0; i < count; ++i) {
        items[i] = ring_[head_];
        head_ = (head_ + 1) % Capacity;
      }
      size_ -= count;
      more = size_ > 0;
    }
    not_full_.notify_one();
    // One push wakes one consumer; where it left something, the next is woken by this one.
    if (more) not_empty_.notify_one();
    return count;
  }

  bool empty() const { return size_ == 0; }  // while nobody pushes or pops

 private:
  std::mutex mutex_;
  std::condition_variable not_full_;
  std::condition_variable not_empty_;
  std::size_t head_ = 0;
  std::size_t size_ = 0;
  std::array<Item, Capacity> ring_{};
};

}  // namespace stackheap
