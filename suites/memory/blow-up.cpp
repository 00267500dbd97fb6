// Threads take turns in producing what the next one frees; live memory stays the same
//
// Models a pipeline whose stages move from thread to thread: a batch is allocated by one thread and
// freed by the next, which then produces for its own next. There is never more than one batch live.
// The name is that of E. Berger et al., "Hoard: A Scalable Memory Allocator for Multithreaded
// Applications", ASPLOS 2000: blow-up is the memory that an allocator takes over what an ideal one
// would, and they show that threads' private heaps take T times as much in this very pattern
// (each thread's heap keeps its freed batch for itself), or grow for ever where one thread always
// produces and another always frees (the freed blocks stay with the thread that freed them).
//
// A batch is 8 MiB of objects of 32 to 512 B, uniformly drawn. One turn is a batch allocated by one
// thread, handed over, and freed by another. `rotating`: turn i is thread i's, its batch is freed
// by thread i + 1 (modulo the threads; at least one rotation). `fixed-roles`: the first thread
// allocates all batches, the last one frees them. With one thread they are the same, and the floor.
//
// Good: rss_per_live_byte as with one thread, whatever the threads and turns. Bad: it grows with
// the threads (`rotating`), or with the turns (without bound).
//
// One operation: one object allocated, touched, checked and freed. None is timed, and only one
// thread works at any time. Objects are linked, so that no table is resident beside them.
//
// blocks_migrate: it is the whole point.
#include <atomic>
#include <string>

#include "harness/base/mapped.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/script.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/memory/held_object.hpp"

namespace stackheap {
namespace {

constexpr std::int64_t kBatchBytes = std::int64_t{8} << 20U;
constexpr std::uint32_t kLargest = 512;

enum class Variant { kRotating, kFixedRoles };
constexpr VariantName<Variant> kVariants[] = {{"rotating", Variant::kRotating},
                                              {"fixed-roles", Variant::kFixedRoles}};

// Where a lane waits for its next step. Steps are numbered from 1: turn i is step 2i + 1, in which
// it produces, and step 2i + 2, in which another frees. One word a lane, or each step would wake
// all of them.
struct alignas(2 * kCacheLine) Seat {
  std::atomic<std::uint32_t> step{0};
};

class BlowUp {
 public:
  explicit BlowUp(const CellSpec& spec)
      : variant_(variant_of(spec, kVariants)),
        threads_(spec.threads),
        turns_(std::max(static_cast<std::uint32_t>(spec.parameter), spec.threads)),
        seats_(spec.threads) {}

  void run(Script& script) {
    give(1);
    script.run_lanes([&](LaneThread& thread) { take_turns(thread.lane()); });
    script.note_live_bytes(most_live_);
    verify(script);
  }

 private:
  static constexpr std::uint32_t kOver = ~std::uint32_t{0};

  unsigned lane_of(std::uint32_t step) const {
    const std::uint32_t turn = (step - 1) / 2;
    const bool produces = step % 2 == 1;
    if (variant_ == Variant::kFixedRoles) return produces ? 0 : threads_ - 1;
    return (produces ? turn : turn + 1) % threads_;
  }

  void give(std::uint32_t step) {
    if (step <= 2 * turns_) return call(seats_[lane_of(step)], step);
    for (Seat& seat : seats_) call(seat, kOver);
  }

  static void call(Seat& seat, std::uint32_t step) {
    seat.step.store(step, std::memory_order_release);
    seat.step.notify_one();
  }

  // What all lanes share below is written by the one whose turn it is.
  void take_turns(Lane& lane) {
    Seat& seat = seats_[lane.index];
    for (std::uint32_t last = 0;;) {
      seat.step.wait(last, std::memory_order_acquire);
      const std::uint32_t step = seat.step.load(std::memory_order_acquire);
      if (step == kOver) return;
      last = step;
      if (step % 2 == 1) {
        produce(lane);
      } else {
        consume(lane, step == 2 * turns_);
      }
      give(step + 1);
    }
  }

  void produce(Lane& lane) {
    std::int64_t left = kBatchBytes;
    while (left >= kLargest) {
      const std::uint32_t bytes = kSmallestHeld + lane.random.below(kLargest - kSmallestHeld + 1);
      batch_ = make_held(lane, bytes, static_cast<std::uint32_t>(made_++), batch_);
      left -= bytes;
    }
    most_live_ = std::max(most_live_, kBatchBytes - left);
  }

  // The last one that was made is freed first.
  void consume(Lane& lane, bool plants) {
    const Fault fault = plants ? planted_fault() : Fault::kNone;
    if (fault == Fault::kFlipByte) *batch_->byte(batch_->bytes - 1) ^= 0xffU;
    if (fault == Fault::kSkipFree) lane.allocated(batch_->bytes);
    if (fault == Fault::kDrop) {
      HeldObject* const lost = std::exchange(batch_, batch_->next);
      free_held(lane, lost);
    }
    while (batch_ != nullptr) {
      HeldObject* const object = batch_;
      batch_ = object->next;
      changed_ += is_intact(*object) ? 0U : 1U;
      ++freed_;
      free_held(lane, object);
    }
  }

  // After all threads have gone, so that a failing lane lets none wait for its turn.
  void verify(Script& script) const {
    const auto fail = [](const std::string& what) { throw CheckFailed("memory/blow-up: " + what); };
    if (freed_ != made_) {
      fail(std::to_string(freed_) + " objects were freed of " + std::to_string(made_));
    }
    if (changed_ != 0) fail(std::to_string(changed_) + " objects do not hold what was written");
    std::int64_t live = 0;
    for (const Lane& lane : script.lanes()) live += lane.live_bytes;
    if (live != 0) fail(std::to_string(live) + " bytes are still live");
  }

  Variant variant_;
  unsigned threads_;
  std::uint32_t turns_;
  MappedArray<Seat> seats_;  // by lane
  HeldObject* batch_ = nullptr;
  std::uint64_t made_ = 0;
  std::uint64_t freed_ = 0;
  std::uint64_t changed_ = 0;
  std::int64_t most_live_ = 0;
};

const Registration kRegistration{
    {
        .name = "memory/blow-up",
        .summary =
            "Threads take turns in producing what the next one frees; live memory stays the same",
        .operation = "one object allocated, touched, checked and freed",
        .shape = Shape::kScripted,
        .variants = {{.name = "rotating",
                      .description = "each thread frees what the one before it has allocated"},
                     {.name = "fixed-roles",
                      .description = "the first thread allocates, the last one frees"}},
        .baseline_variant = "rotating",
        .parameter =
            ParameterInfo{.name = "turns", .unit = "count", .minimum = 1, .maximum = 100'000},
        .threads = {.maximum = 1024},
        .smoke = {{.values = {4}, .threads = TierThreads::kAll}},
        .standard = {{.variants = {"rotating"}, .values = {64}},
                     {.variants = {"fixed-roles"}, .values = {64}, .threads = TierThreads::kAll}},
        .full = {{.values = {4, 16, 64, 256}, .threads = TierThreads::kSweep}},
        .expected_seconds = 0.05,
        .seconds_per_parameter = 0.006,
        .most_rounds = 3,
        .live_bytes = {.fixed = double{kBatchBytes}},
        .blocks_migrate = true,
        .piloted = false,
        .ranked_by = "rss_per_live_byte",
        .roles = {"resident-per-live"},
    },
    make_workload<BlowUp>};

}  // namespace
}  // namespace stackheap
