// What a million live objects of one size take, over what was asked for
//
// Models a cache or an index: very many objects of one size, allocated in turn and kept. What is
// resident beyond the bytes that were asked for is the allocator's rounding to its size classes, a
// header for each object, and the last, partly filled pages; fragmentation has had no time to come.
// A million objects of `size` bytes, fewer from 269 B on so that 256 MiB are live at most: the
// ratio does not depend on their number any more.
//
// Good: rss_per_live_byte near 1, from small sizes on. Bad: 2 and more at 8 or 16 B, where a header
// outweighs its object, or steps just above a power of two.
//
// One operation: one object allocated and touched. None of it is timed: what is compared is memory,
// and a process is resident as much as it is, however fast it grew.
//
// Every object's first and last byte are written, and one byte a page, before the harness reads the
// peak, and read back before the object is freed. The table of objects is mapped, touched, and part
// of the baseline. There is no variant `no-alloc`: it would compare the mapping with itself, 1.
#include <algorithm>
#include <string>

#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/script.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {
namespace {

constexpr std::size_t kMostObjects = 1'000'000;
constexpr std::size_t kMostBytes = std::size_t{256} << 20U;

unsigned char content_of(std::size_t object) {
  return static_cast<unsigned char>(object * 37 + 1);
}

class Overhead {
 public:
  explicit Overhead(const CellSpec& spec)
      : bytes_(static_cast<std::size_t>(spec.parameter)),
        objects_(std::min(kMostObjects, kMostBytes / bytes_)) {}

  void run(Script& script) {
    script.take_memory_baseline();
    script.run_lanes([&](LaneThread& thread) { fill(thread.lane()); });
    std::int64_t live = 0;
    for (const Lane& lane : script.lanes()) live += lane.live_bytes;
    script.note_live_bytes(live);
    plant(planted_fault());
    script.run_lanes([&](LaneThread& thread) { verify(thread.lane()); });
  }

 private:
  std::size_t first_of(const Lane& lane, unsigned next = 0) const {
    return objects_.size() * (lane.index + next) / lane.count;
  }

  void fill(Lane& lane) {
    for (std::size_t i = first_of(lane); i < first_of(lane, 1); ++i) {
      void* const object = std::malloc(bytes_);
      if (object == nullptr) throw std::bad_alloc();
      touch(object, bytes_, content_of(i));
      objects_[i] = static_cast<unsigned char*>(object);
      lane.allocated(bytes_);
    }
  }

  void plant(Fault fault) {
    if (fault == Fault::kFlipByte) objects_[0][0] ^= 0xffU;
    if (fault == Fault::kDrop) std::free(std::exchange(objects_[0], nullptr));
    keep_first_ = fault == Fault::kSkipFree;
  }

  void verify(Lane& lane) {
    std::size_t lost = 0;
    std::size_t changed = 0;
    for (std::size_t i = first_of(lane); i < first_of(lane, 1); ++i) {
      const unsigned char* const object = objects_[i];
      if (object == nullptr) {
        ++lost;
      } else if (object[0] != content_of(i) || object[bytes_ - 1] != content_of(i)) {
        ++changed;
      }
      if (i != 0 || !keep_first_) lane.freed(bytes_);
      std::free(std::exchange(objects_[i], nullptr));
    }
    if (lost != 0) fail(lane, std::to_string(lost) + " objects are lost");
    if (changed != 0) fail(lane, std::to_string(changed) + " objects do not hold what was written");
    if (lane.live_bytes != 0) fail(lane, std::to_string(lane.live_bytes) + " bytes are still live");
  }

  [[noreturn]] static void fail(const Lane& lane, const std::string& what) {
    throw CheckFailed("memory/overhead: lane " + std::to_string(lane.index) + ": " + what);
  }

  std::size_t bytes_;
  MappedArray<unsigned char*> objects_;  // lane i has the i-th part of them
  bool keep_first_ = false;              // planted: the first is counted as live for ever
};

const Registration kRegistration{
    {
        .name = "memory/overhead",
        .summary = "What a million live objects of one size take, over what was asked for",
        .operation = "one object allocated and touched",
        .shape = Shape::kScripted,
        .variants = {{.name = "malloc", .description = "malloc and free"}},
        .baseline_variant = "malloc",
        .parameter = ParameterInfo{.name = "size", .unit = "B", .minimum = 8, .maximum = 4096},
        .smoke = {{.values = {64}, .threads = TierThreads::kOne}},
        .quick = {},
        .standard = {{.values = {8, 16, 64, 1024}, .threads = TierThreads::kOne}},
        .full = {{.values = {8,   16,  24,  32,  40,  48,  64,  80,   96,   100,  112,  128,  160,
                             192, 256, 320, 384, 512, 640, 768, 1024, 1280, 1536, 2048, 3072, 4096},
                  .threads = TierThreads::kOneAndAll}},
        .expected_seconds = 0.08,
        .live_bytes = {.fixed = double{kMostBytes} + kMostObjects * sizeof(void*)},
        .piloted = false,
        .ranked_by = "rss_per_live_byte",
        .roles = {"resident-per-live"},
    },
    make_workload<Overhead>};

}  // namespace
}  // namespace stackheap
