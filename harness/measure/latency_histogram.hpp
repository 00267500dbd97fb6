// How often an operation took how long, in buckets that are exact for short times and relative for
// long ones, so that a quantile has the same relative error wherever it lies.
//
// A list of all times would be larger than the caches of the operations it describes, and sorting
// or sampling loses the rare long ones. The layout follows the idea of G. Tene's HdrHistogram: each
// power of two is cut into equal parts. Values have no unit here; the harness counts ticks.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "harness/base/mapped.hpp"

namespace stackheap {

// Written by one thread at a time. 58 KiB, of which the buckets in use are what the caches hold:
// keep it in a MappedArray.
class alignas(2 * kCacheLine) LatencyHistogram {
 public:
  // 2^kPartBits parts per power of two: a bucket is at most 1 / 128 = 0.78 % of its values wide.
  static constexpr unsigned kPartBits = 7;
  static constexpr std::size_t kParts = std::size_t{1} << kPartBits;
  // All of 64 bits, so that no value needs to be cut off.
  static constexpr std::size_t kBuckets = (64 - kPartBits + 1) * kParts;
  // A quantile is given only where so many values lie beyond it.
  static constexpr std::uint64_t kFewestBeyond = 100;

  // Values below 2 x kParts have a bucket each.
  static constexpr std::size_t bucket_of(std::uint64_t value) {
    const unsigned shift = static_cast<unsigned>(std::bit_width(value | kParts)) - kPartBits - 1;
    return (std::size_t{shift} << kPartBits) + static_cast<std::size_t>(value >> shift);
  }
  static constexpr std::uint64_t least_of(std::size_t bucket) {
    const unsigned shift = shift_of(bucket);
    return (std::uint64_t{bucket} - (std::uint64_t{shift} << kPartBits)) << shift;
  }
  // The greatest value of the bucket, itself included.
  static constexpr std::uint64_t greatest_of(std::size_t bucket) {
    return least_of(bucket) + ((std::uint64_t{1} << shift_of(bucket)) - 1);
  }

  void record(std::uint64_t value) {
    ++counts_[bucket_of(value)];
    max_ = std::max(max_, value);
  }
  // `times` equal values.
  void record(std::uint64_t value, std::uint64_t times);
  // Exactly as if all of the other's values had been recorded here.
  void merge(const LatencyHistogram& other);

  std::uint64_t count() const;
  std::uint64_t count_of(std::size_t bucket) const { return counts_[bucket]; }
  std::uint64_t max() const { return max_; }  // exact; 0 where nothing was recorded

  // The smallest value that at least the share `q` of all values (0 < q < 1) does not exceed, by
  // the middle of its bucket: within 0.4 % of it. Nothing where fewer than kFewestBeyond values lie
  // beyond it: a tail of a few values says nothing that would come again.
  std::optional<double> quantile(double q) const;

 private:
  static constexpr unsigned shift_of(std::size_t bucket) {
    return static_cast<unsigned>(std::max(bucket >> kPartBits, std::size_t{1})) - 1;
  }

  std::uint64_t counts_[kBuckets]{};
  std::uint64_t max_ = 0;
};

}  // namespace stackheap
