// The vectors that threads/reserve lets grow, with one interface, and what must be in them.
#pragma once

#include <oneapi/tbb/cache_aligned_allocator.h>
#include <oneapi/tbb/concurrent_vector.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "harness/base/mapped.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap::reserve {

inline constexpr std::uint64_t kGrowth = 16'384;  // elements of each thread

struct Element {
  std::uint32_t lane;
  std::uint32_t index;  // of this lane's elements in the growth
  std::uint64_t stamp;
};

inline std::uint64_t stamp_of(std::uint32_t lane, std::uint32_t index) {
  return (std::uint64_t{index} << 32U | lane) * 0x9e3779b97f4a7c15U;
}

// Each has, for the threads that share it,
//     void begin();                 gives up what it holds
//     void append(const Element&);
//     std::size_t size() const;     while nobody appends
//     Element& operator[](std::size_t);
class OwnVector {
 public:
  void begin() { std::vector<Element>().swap(elements_); }
  void append(const Element& element) { elements_.push_back(element); }
  std::size_t size() const { return elements_.size(); }
  Element& operator[](std::size_t i) { return elements_[i]; }

 protected:
  void reserve(std::size_t elements) { elements_.reserve(elements); }

 private:
  std::vector<Element> elements_;
};

class ReservedVector : public OwnVector {
 public:
  void begin() {
    OwnVector::begin();
    reserve(kGrowth);
  }
};

class MutexVector : public OwnVector {
 public:
  void append(const Element& element) {
    const std::scoped_lock lock(mutex_);
    OwnVector::append(element);
  }

 private:
  std::mutex mutex_;
};

template <class Allocator>
class ConcurrentVector {
 public:
  void begin() { elements_ = Vector(); }
  void append(const Element& element) { elements_.push_back(element); }
  std::size_t size() const { return elements_.size(); }
  Element& operator[](std::size_t i) { return elements_[i]; }

 private:
  using Vector = oneapi::tbb::concurrent_vector<Element, Allocator>;
  Vector elements_;
};

class MappedVector {
 public:
  void begin() { size_ = 0; }
  void append(const Element& element) {
    elements_[size_++] = element;
    escape(elements_.data());
  }
  std::size_t size() const { return size_; }
  Element& operator[](std::size_t i) { return elements_[i]; }

 private:
  MappedArray<Element> elements_{kGrowth};
  std::size_t size_ = 0;
};

// Empty where these are there:
// the elements 0 ... count - 1 of `lanes` lanes from `first` on, each once, and no others.
template <class Vector>
std::string complaint_of(Vector& vector, std::uint64_t count, std::uint64_t first,
                         std::uint64_t lanes) {
  if (vector.size() != lanes * count) {
    return std::to_string(vector.size()) + " elements are there of " +
           std::to_string(lanes * count);
  }
  MappedArray<bool> seen(lanes * count);
  for (std::size_t i = 0; i < vector.size(); ++i) {
    const Element& element = vector[i];
    const std::uint64_t lane = element.lane - first;
    if (lane >= lanes || element.index >= count ||
        element.stamp != stamp_of(element.lane, element.index)) {
      return "element " + std::to_string(i) + " holds what nobody wrote";
    }
    bool& twice = seen[lane * count + element.index];
    if (twice) return "element " + std::to_string(i) + " is there twice";
    twice = true;
  }
  return {};
}

}  // namespace stackheap::reserve
