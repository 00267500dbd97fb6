// Memory grows, all of it is freed, and one watches what the process gives back
//
// Models the hour after the peak: a service, a build or a query has grown, has freed everything,
// and stays. Each thread allocates its part of 256 MiB in objects of 32 to 32,768 B, with a
// frequency that falls as size^-2 (each doubling of the size has the same bytes, the mean is some
// 220 B), holds them for a moment, frees them all, last one first, and lives on. The watch then
// reads the process's resident memory 100 ms, 1 s and 5 s after the last free, as far as `watch`
// goes; the driver's timeline shows what lies between. Threads do not end, because an ending thread
// gives its cache back, which is another question.
//
// `idle`: nothing happens during the watch. `active`: every thread allocates, touches and frees 64
// small objects a millisecond. Several allocators purge only when they are called, or on a clock
// that only calls advance; others have a thread of their own, or give back within free.
//
// Good: resident memory soon near the baseline, in both variants. Bad: the peak stays for ever
// (memory that no other process gets), or only activity brings it down.
//
// One operation: one object allocated, touched and freed. None is timed. A watch of 100 ms is the
// smoke size and grows to 16 MiB only.
//
// Objects hold their own links, so that no table of the workload's is resident beside them. Each is
// checked (its mark, last byte and one byte a page) when it is freed. There is no `no-alloc`: what
// is measured is what an allocator does with freed memory.
#include <time.h>

#include <array>
#include <cerrno>
#include <string>

#include "harness/base/clock.hpp"
#include "harness/measure/memory.hpp"
#include "harness/measure/spin_barrier.hpp"
#include "harness/worker/distributions.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/script.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::size_t kBytes = std::size_t{256} << 20U;
constexpr std::size_t kSmokeBytes = std::size_t{16} << 20U;
constexpr std::int64_t kSmokeWatchMs = 100;
constexpr std::uint64_t kHoldMs = 50;  // at the top: several of the timeline's readings
constexpr std::uint32_t kSmallest = 32;
constexpr std::uint32_t kLargest = 32768;
constexpr unsigned kActivePairs = 64;       // a millisecond and thread
constexpr std::uint32_t kActiveMask = 511;  // of their sizes: 16 ... 527 B

struct WatchPoint {
  std::int64_t ms;
  std::string_view metric;
};
constexpr std::array<WatchPoint, 3> kPoints{{{100, "rss_after_free_100ms_bytes"},
                                             {1000, "rss_after_free_1s_bytes"},
                                             {5000, "rss_after_free_5s_bytes"}}};

enum class Variant { kIdle, kActive };
constexpr VariantName<Variant> kVariants[] = {{"idle", Variant::kIdle},
                                              {"active", Variant::kActive}};

struct Object {
  Object* next;
  std::uint32_t bytes;
  std::uint32_t mark;

  unsigned char content() const { return static_cast<unsigned char>(mark | 1U); }
  unsigned char* byte(std::size_t at) { return reinterpret_cast<unsigned char*>(this) + at; }
};
static_assert(sizeof(Object) < kSmallest, "the last byte is the content's");

struct alignas(2 * kCacheLine) LaneState {
  Object* last = nullptr;
  std::uint32_t count = 0;
};

void sleep_until(std::uint64_t monotonic) {
  const timespec at{static_cast<time_t>(monotonic / (1000 * kMillisecond)),
                    static_cast<long>(monotonic % (1000 * kMillisecond))};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
}

class Decay {
 public:
  explicit Decay(const CellSpec& spec)
      : variant_(variant_of(spec, kVariants)),
        watch_ms_(spec.parameter),
        part_((watch_ms_ > kSmokeWatchMs ? kBytes : kSmokeBytes) / spec.threads),
        sizes_(2.0, kSmallest, kLargest),
        states_(spec.threads),
        barrier_(spec.threads) {}

  void run(Script& script) {
    script.run_lanes([&](LaneThread& thread) { live(script, thread.lane()); });
    for (std::size_t i = 0; i < kPoints.size(); ++i) {
      if (resident_[i] != 0) script.report_text(kPoints[i].metric, std::to_string(resident_[i]));
    }
  }

 private:
  void live(Script& script, Lane& lane) {
    const bool leads = lane.index == 0;
    LaneState& state = states_[lane.index];
    if (leads) script.mark("grow");
    grow(lane, state);
    barrier_.arrive_and_wait();
    if (leads) {
      std::int64_t bytes = 0;
      for (const Lane& each : script.lanes()) bytes += each.live_bytes;
      script.note_live_bytes(bytes);
      script.mark("hold");
      sleep_until(monotonic_ns() + kHoldMs * kMillisecond);
      script.mark("free");
    }
    barrier_.arrive_and_wait();
    free_all(lane, state);
    barrier_.arrive_and_wait();
    if (leads) {
      freed_ns_ = monotonic_ns();
      script.mark("freed");
    }
    barrier_.arrive_and_wait();
    watch(lane);
    barrier_.arrive_and_wait();
    if (leads) script.mark("watched");
    // Only now may a thread end, and give its cache back.
    barrier_.arrive_and_wait();
  }

  void grow(Lane& lane, LaneState& state) const {
    for (std::size_t left = part_; left >= kSmallest;) {
      const auto bytes =
          static_cast<std::uint32_t>(std::min<std::size_t>(left, sizes_.draw(lane.random)));
      void* const memory = std::malloc(bytes);
      if (memory == nullptr) throw std::bad_alloc();
      auto* const object = static_cast<Object*>(memory);
      const std::uint32_t mark = (lane.index << 24U) ^ state.count;
      touch(memory, bytes, static_cast<unsigned char>(mark | 1U));
      *object = {state.last, bytes, mark};
      state.last = object;
      ++state.count;
      lane.allocated(bytes);
      left -= bytes;
    }
  }

  void free_all(Lane& lane, LaneState& state) const {
    const Fault fault = planted_fault();
    if (fault == Fault::kFlipByte) *state.last->byte(state.last->bytes - 1) ^= 0xffU;
    if (fault == Fault::kDrop) {
      Object* const lost = state.last;
      state.last = lost->next;
      lane.freed(lost->bytes);
      std::free(lost);
    }
    std::uint32_t freed = 0;
    std::uint32_t changed = 0;
    // From the last to the first, so the marks count down.
    for (std::uint32_t i = state.count; state.last != nullptr; ++freed) {
      Object* const object = state.last;
      i -= fault == Fault::kDrop && freed == 0 ? 2U : 1U;
      // Whoever overwrote the mark may have overwritten the link: it must not be followed.
      if (object->mark != ((lane.index << 24U) ^ i))
        fail(lane, "an object's links are overwritten");
      if (!is_intact(*object)) ++changed;
      state.last = object->next;
      if (fault != Fault::kSkipFree || freed != 0) lane.freed(object->bytes);
      std::free(object);
    }
    if (freed != state.count) {
      fail(lane, std::to_string(freed) + " objects were freed of " + std::to_string(state.count));
    }
    if (changed != 0) fail(lane, std::to_string(changed) + " objects do not hold what was written");
    if (lane.live_bytes != 0) fail(lane, std::to_string(lane.live_bytes) + " bytes are still live");
  }

  // All that touch() wrote but for the first byte, which belongs to the link.
  static bool is_intact(Object& object) {
    for (std::size_t at = 4096; at < object.bytes; at += 4096) {
      if (*object.byte(at) != object.content()) return false;
    }
    return *object.byte(object.bytes - 1) == object.content();
  }

  void watch(Lane& lane) {
    std::int64_t at_ms = 0;
    while (at_ms < watch_ms_) {
      at_ms = variant_ == Variant::kActive ? at_ms + 1 : next_stop(at_ms);
      sleep_until(freed_ns_ + static_cast<std::uint64_t>(at_ms) * kMillisecond);
      if (variant_ == Variant::kActive) be_active(lane);
      if (lane.index == 0) look(at_ms);
    }
  }

  std::int64_t next_stop(std::int64_t at_ms) const {
    for (const WatchPoint& point : kPoints) {
      if (point.ms > at_ms && point.ms <= watch_ms_) return point.ms;
    }
    return watch_ms_;
  }

  static void be_active(Lane& lane) {
    for (unsigned i = 0; i < kActivePairs; ++i) {
      const std::size_t bytes = 16 + (lane.random() & kActiveMask);
      void* const object = std::malloc(bytes);
      if (object == nullptr) throw std::bad_alloc();
      touch(object, bytes, 1);
      std::free(object);
    }
  }

  // Kept here until the watch is over: reporting takes the heap that is being watched.
  void look(std::int64_t at_ms) {
    for (std::size_t i = 0; i < kPoints.size(); ++i) {
      if (kPoints[i].ms != at_ms) continue;
      if (const auto memory = read_resident_memory()) resident_[i] = memory->now_bytes;
    }
  }

  [[noreturn]] static void fail(const Lane& lane, const std::string& what) {
    throw CheckFailed("memory/decay: lane " + std::to_string(lane.index) + ": " + what);
  }

  Variant variant_;
  std::int64_t watch_ms_;
  std::size_t part_;  // bytes of one lane
  SizeTable sizes_;
  MappedArray<LaneState> states_;  // by lane
  SpinBarrier barrier_;
  std::uint64_t freed_ns_ = 0;                            // written by lane 0 between two barriers
  std::array<std::uint64_t, kPoints.size()> resident_{};  // 0: not watched so long
};

const Registration kRegistration{
    {
        .name = "memory/decay",
        .summary = "Memory grows, all of it is freed, and one watches what the process gives back",
        .operation = "one object allocated, touched and freed",
        .shape = Shape::kScripted,
        .variants = {{.name = "idle", .description = "the threads sleep during the watch"},
                     {.name = "active",
                      .description = "the threads allocate and free small objects meanwhile"}},
        .baseline_variant = "idle",
        .parameter =
            ParameterInfo{.name = "watch", .unit = "ms", .minimum = 100, .maximum = 600'000},
        .threads = {.maximum = 256},
        .smoke = {{.values = {kSmokeWatchMs}, .threads = TierThreads::kAll}},
        .quick = {},
        .standard = {{.values = {5000}, .threads = TierThreads::kAll}},
        .full = {{.values = {5000}, .threads = TierThreads::kOneAndAll}},
        .expected_seconds = 0.5,
        .seconds_per_parameter = 0.001,
        .most_rounds = 3,
        .live_bytes = {.fixed = double{kBytes}},
        .piloted = false,
        .timeline = true,
        .ranked_by = "rss_after_free_100ms_bytes",
        .roles = {"memory-timeline"},
    },
    make_workload<Decay>};

}  // namespace
}  // namespace stackheap
