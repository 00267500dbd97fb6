// Threads write small objects of their own, which the allocator may have put on one cache line.
//
// After cache-thrash and cache-scratch: E. Berger, K. McKinley, R. Blumofe and P. Wilson, "Hoard: A
// Scalable Memory Allocator for Multithreaded Applications", ASPLOS 2000. Each thread holds one
// object at a time. `active` (cache-thrash): it allocates each of them itself, so that an allocator
// shares lines only if it cuts one up for several threads. `passive` (cache-scratch): one thread,
// that of the first lane, makes an object for every thread, side by side; each frees the one that
// it was given before it allocates its first. An allocator that keeps what a thread frees for that
// thread then hands out the neighbours, and goes on doing so.
//
// `packed` asks for the object's bytes alone. `padded` asks for 128 B and puts the object on the
// first line that begins in them, which ends in them too at any address a malloc may return: no
// other block can be on that line. (Two lines that are fetched as a pair may still be of two
// threads.)
//
// Good: packed is as fast as padded at every number of threads, and shared_line_share is 0. Bad:
// many times slower, with all of the time on the CPU. shared_line_share has few values: two
// threads have one pair of objects, and it is 0 or 1, as their addresses happen to fall.
//
// One operation: the last object given back, another of the size obtained, and each byte of it
// written and read 100 times. `active-padded` is the baseline, since nothing is shared there and
// nothing freed by another thread: a ratio to it is the price of sharing.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "harness/worker/fault_hook.hpp"
#include "harness/worker/reporter.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/threads/shared_lines.hpp"

namespace stackheap {
namespace {

constexpr unsigned char kPasses = 100;  // what every byte counts up to
constexpr std::size_t kPaddedBytes = 2 * kCacheLine;

struct Layout {
  bool passive;
  bool padded;
};
constexpr VariantName<Layout> kVariants[] = {{"passive-packed", {true, false}},
                                             {"passive-padded", {true, true}},
                                             {"active-packed", {false, false}},
                                             {"active-padded", {false, true}}};

struct alignas(2 * kCacheLine) Holder {
  void* given = nullptr;  // `passive`: what the first thread made for this one
  void* block = nullptr;  // live between operations
  std::uint64_t done = 0;
  std::uint64_t damaged = 0;  // bytes that did not hold what their only writer had written
};

class FalseSharing {
 public:
  explicit FalseSharing(const CellSpec& spec)
      : layout_(variant_of(spec, kVariants)),
        bytes_(static_cast<std::size_t>(spec.parameter)),
        block_bytes_(layout_.padded ? kPaddedBytes : bytes_),
        holders_(spec.threads) {
    if (!layout_.passive) return;
    for (Holder& holder : holders_) holder.given = obtain();
  }

  void setup(Lane& lane) {
    Holder& holder = holders_[lane.index];
    std::free(holder.given);
    holder.block = obtain();
    lane.allocated(block_bytes_);
    write(object_in(holder.block));
    if (lane.index == 0 && planted_fault() == Fault::kDrop) --holder.done;
  }

  void step(Lane& lane, std::uint64_t n) {
    Holder& holder = holders_[lane.index];
    void* block = holder.block;
    std::uint64_t damaged = 0;
    std::uint64_t done = 0;
    for (; done != n; ++done) {
      std::free(block);
      block = obtain();
      unsigned char* object = object_in(block);
      write(object);
      damaged += count_damaged(object);
    }
    holder.block = block;
    holder.damaged += damaged;
    holder.done += done;
    lane.counter += n;
  }

  void report(Reporter& reporter) {
    if (holders_.size() < 2) return;
    MappedArray<Extent> objects(holders_.size());
    for (std::size_t i = 0; i < objects.size(); ++i) {
      objects[i] = {reinterpret_cast<std::uintptr_t>(object_in(holders_[i].block)), bytes_};
    }
    reporter.report("shared_line_share", shared_line_share(objects.span()));
  }

  void verify(Lane& lane) {
    Holder& holder = holders_[lane.index];
    const Fault fault = lane.index == 0 ? planted_fault() : Fault::kNone;
    unsigned char* object = object_in(holder.block);
    if (fault == Fault::kFlipByte) object[bytes_ - 1] ^= 0xffU;
    holder.damaged += count_damaged(object);
    std::free(holder.block);
    // Skips only the count, so that a leak checker has nothing to say.
    if (fault != Fault::kSkipFree) lane.freed(block_bytes_);
    live_bytes_ += lane.live_bytes;
    counted_ += lane.counter;
  }

  void finish() const {
    std::uint64_t done = 0;
    std::uint64_t damaged = 0;
    for (const Holder& holder : holders_) {
      done += holder.done;
      damaged += holder.damaged;
    }
    if (done != counted_) {
      throw CheckFailed("threads/false-sharing: " + std::to_string(done) + " objects were made, " +
                        std::to_string(counted_.load()) + " had been asked for");
    }
    if (damaged != 0) {
      throw CheckFailed("threads/false-sharing: " + std::to_string(damaged) +
                        " bytes changed that only their own thread writes");
    }
    if (live_bytes_ != 0) {
      throw CheckFailed("threads/false-sharing: " + std::to_string(live_bytes_.load()) +
                        " bytes are still live after everything was freed");
    }
  }

 private:
  void* obtain() const {
    void* block = std::malloc(block_bytes_);
    if (block == nullptr) throw std::bad_alloc();
    return block;
  }

  unsigned char* object_in(void* block) const {
    auto* const bytes = static_cast<unsigned char*>(block);
    if (!layout_.padded) return bytes;
    return bytes + (-reinterpret_cast<std::uintptr_t>(bytes) & (kCacheLine - 1));
  }

  // Volatile, or the passes would be one store.
  void write(unsigned char* object) const {
    std::memset(object, 0, bytes_);
    volatile unsigned char* const byte = object;
    for (unsigned pass = 0; pass < kPasses; ++pass) {
      for (std::size_t i = 0; i < bytes_; ++i) {
        byte[i] = static_cast<unsigned char>(byte[i] + 1);
      }
    }
  }

  std::uint64_t count_damaged(const unsigned char* object) const {
    std::uint64_t damaged = 0;
    for (std::size_t i = 0; i < bytes_; ++i) damaged += object[i] == kPasses ? 0U : 1U;
    return damaged;
  }

  Layout layout_;
  std::size_t bytes_;            // of the object
  std::size_t block_bytes_;      // of what is asked of the heap for it
  MappedArray<Holder> holders_;  // by lane
  std::atomic<std::int64_t> live_bytes_{0};
  std::atomic<std::uint64_t> counted_{0};
};

const Registration kRegistration{
    {
        .name = "threads/false-sharing",
        .summary = "Threads write small objects of their own, which the allocator may have put on "
                   "one cache line.",
        .operation = "one object given back, another obtained and written 100 times",
        .shape = Shape::kWindowed,
        .variants = {{.name = "passive-packed",
                      .description =
                          "neighbours, made by one thread, are freed by all; objects as asked"},
                     {.name = "passive-padded",
                      .description = "the same, each object alone on its cache line"},
                     {.name = "active-packed",
                      .description = "every thread allocates its own; objects as asked"},
                     {.name = "active-padded",
                      .description = "the same, each object alone on its cache line"}},
        .baseline_variant = "active-padded",
        .parameter =
            ParameterInfo{.name = "size", .unit = "B", .minimum = 8, .maximum = kCacheLine},
        .smoke = {{.values = {8}, .threads = TierThreads::kAll}},
        .standard = {{.values = {8}, .threads = TierThreads::kAll}},
        .full = {{.values = {8}, .threads = TierThreads::kSweep}},
        .live_bytes = {.per_thread = kPaddedBytes},
        .roles = {"ratio", "contention"},
        .claims = {time_ratio(
            6, {"passive-packed"}, "passive-padded",
            "writing objects that may share a cache line took {} times writing padded ones")},
    },
    make_workload<FalseSharing>};

}  // namespace
}  // namespace stackheap
