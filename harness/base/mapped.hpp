// Arrays that come from mmap. Everything the harness needs while a sample runs lives here and not
// on the heap: the heap is what is being measured.
#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace stackheap {

inline constexpr std::size_t kCacheLine = 64;

// Zeroed, page-aligned, already touched pages (so that they belong to the baseline and fault in no
// window). Throws std::bad_alloc where the kernel refuses.
void* map_pages(std::size_t bytes);
void unmap_pages(void* address, std::size_t bytes) noexcept;

// A fixed number of default-constructed T in mapped memory; owns and destroys them.
template <class T>
class MappedArray {
 public:
  MappedArray() = default;
  explicit MappedArray(std::size_t size)
      : data_(size == 0 ? nullptr : static_cast<T*>(map_pages(size * sizeof(T)))), size_(size) {
    static_assert(std::is_nothrow_default_constructible_v<T>);
    for (std::size_t i = 0; i < size_; ++i) new (data_ + i) T();
  }
  MappedArray(MappedArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MappedArray& operator=(MappedArray&& other) noexcept {
    MappedArray moved(std::move(other));
    std::swap(data_, moved.data_);
    std::swap(size_, moved.size_);
    return *this;
  }
  MappedArray(const MappedArray&) = delete;
  MappedArray& operator=(const MappedArray&) = delete;
  ~MappedArray() {
    for (std::size_t i = 0; i < size_; ++i) data_[i].~T();
    if (data_ != nullptr) unmap_pages(data_, size_ * sizeof(T));
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  std::span<T> span() { return {data_, size_}; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace stackheap
