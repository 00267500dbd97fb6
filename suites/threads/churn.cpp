// Short-lived threads allocate, exchange one object through a shared array, and exit
//
// Models a server with a thread per request, or a build that starts threads for every step: a
// thread allocates, hands one result on, frees the rest and ends, with a cache full of blocks that
// nobody will ask it for again. What becomes of that cache is the question. The pattern is that of
// the leak test within mimalloc's stress test (D. Leijen, 2018), where a thread makes an object,
// exchanges it with a random one of 1,000 shared places, and frees what it found; around it each
// thread makes 100 objects of 16 to 512 B, uniformly drawn, as much as a request does, and as fills
// a per-thread cache (compare glibc's test tst-malloc-tcache-leak).
//
// One operation is one thread's lifetime: started by its predecessor, 100 objects allocated and
// touched, one of them exchanged with a random place of the shared array, the one found there and
// the other 99 freed, newest first; then it starts its successor and ends. A lane is such a line of
// threads. Starting and ending a thread costs tens of microseconds and the harness's two snapshots
// of its clocks a few more: `no-alloc` shows how much, with the same threads and exchange of
// objects that are there already.
//
// Good: a time near that of `no-alloc`, and resident memory that stays flat. Bad: resident memory
// that grows with the windows (caches of the dead are lost), or a distance to `no-alloc` of many
// times 100 pairs of heap/pair: each thread sets up an arena of its own, or flushes block by block
// under a lock when it ends.
//
// glibc takes a new thread's TLS table from the malloc of the process: an allocation or two a
// thread are in the number that are not the pattern's. Uncounted operations are threads, too, but
// not of the line: the lane's own thread starts and joins them.
//
// blocks_migrate: one object of 100 is freed by a thread of any lane.
#include <array>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <new>
#include <span>
#include <string>

#include "harness/worker/fault_hook.hpp"
#include "harness/worker/script.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/threads/succession.hpp"

namespace stackheap {
namespace {

constexpr std::uint32_t kShared = 1000;
constexpr std::uint32_t kObjects = 100;  // of a lifetime
constexpr std::uint32_t kSmallest = 16;
constexpr std::uint32_t kLargest = 512;

// Whether the objects come from the heap.
constexpr VariantName<bool> kVariants[] = {{"malloc", true}, {"no-alloc", false}};

struct Object {
  std::uint32_t bytes;
  std::uint32_t stamp;  // its lowest byte is also the object's last byte
};

struct Place {
  alignas(Object) unsigned char bytes[kLargest];
};

// What was made and what was given up; equal at the end, over all lanes.
struct Books {
  std::uint64_t made = 0;
  std::uint64_t made_stamps = 0;
  std::uint64_t given_up = 0;
  std::uint64_t given_up_stamps = 0;
  std::uint64_t damaged = 0;
};

struct alignas(2 * kCacheLine) Line {
  bool in_window = false;
  std::uint64_t left = 0;  // lifetimes of the window
  std::array<Object*, kObjects> objects{};
  Books books;
  Succession threads;
};

unsigned char& last_byte(Object* object) {
  return reinterpret_cast<unsigned char*>(object)[object->bytes - 1];
}

class Churn {
 public:
  explicit Churn(const CellSpec& spec)
      : uses_heap_(variant_of(spec, kVariants)),
        lines_(spec.threads),
        shared_(kShared),
        places_(uses_heap_ ? 0 : std::size_t{kShared} + std::size_t{kObjects} * spec.threads) {}

  void run(Script& script) {
    script.run_lanes([&](LaneThread& first) {
      Lane& lane = first.lane();
      Line& line = lines_[lane.index];
      prepare(line, lane);
      line.threads.run("threads/churn", script, first, [&](const LaneThread& thread) {
        return live(line, thread, script.windows());
      });
    });
    finish_books(script.lanes());
  }

 private:
  // The shared array is full before any lane is through the first window's barrier.
  void prepare(Line& line, Lane& lane) {
    if (!uses_heap_) {
      const std::size_t first = kShared + std::size_t{lane.index} * kObjects;
      for (std::size_t i = 0; i < kObjects; ++i) line.objects[i] = object_in(first + i);
    }
    for (std::uint32_t i = lane.index; i < kShared; i += lane.count) {
      Object* object = uses_heap_ ? nullptr : object_in(i);
      uses_heap_ ? make<true>(line, lane, object) : make<false>(line, lane, object);
      shared_[i].store(object, std::memory_order_release);
    }
  }

  Object* object_in(std::size_t place) { return new (places_[place].bytes) Object; }

  // The first thread of a line only opens the first window; each of the others does one operation.
  // Returns whether a successor follows.
  bool live(Line& line, const LaneThread& thread, WindowLoop& windows) {
    Lane& lane = thread.lane();
    if (line.in_window) {
      spend_lifetime(line, lane);
      if (--line.left > 0) return true;
      windows.close(lane, thread.probe());
      const Random random = lane.random;  // the counted lifetimes are the same at every speed
      while (windows.others_work_on(lane)) spend_uncounted(line, lane);
      lane.random = random;
    }
    line.in_window = !windows.done();
    if (!line.in_window) return false;
    windows.open(lane, thread.probe());
    line.left = windows.lane_share(lane);
    return true;
  }

  void spend_uncounted(Line& line, Lane& lane) {
    struct Errand {
      Churn* churn;
      Line* line;
      Lane* lane;
      std::exception_ptr failure;
    } errand{this, &line, &lane, nullptr};
    const auto body = [](void* argument) -> void* {
      auto& given = *static_cast<Errand*>(argument);
      try {
        given.churn->spend_lifetime(*given.line, *given.lane);
      } catch (...) {
        given.failure = std::current_exception();
      }
      return nullptr;
    };
    const pthread_t thread = start_thread("threads/churn", body, &errand);
    STACKHEAP_CHECK(pthread_join(thread, nullptr) == 0);
    if (errand.failure) std::rethrow_exception(errand.failure);
  }

  void spend_lifetime(Line& line, Lane& lane) {
    uses_heap_ ? allocate_and_exchange<true>(line, lane) : allocate_and_exchange<false>(line, lane);
  }

  template <bool kUsesHeap>
  void allocate_and_exchange(Line& line, Lane& lane) {
    for (Object*& object : line.objects) make<kUsesHeap>(line, lane, object);
    std::atomic<Object*>& shared = shared_[lane.random.below(kShared)];
    Object*& handed = line.objects[lane.random.below(kObjects)];
    handed = shared.exchange(handed, std::memory_order_acq_rel);
    for (std::uint32_t i = kObjects; i > 0; --i)
      give_up<kUsesHeap>(line, lane, line.objects[i - 1]);
  }

  template <bool kUsesHeap>
  static void make(Line& line, Lane& lane, Object*& object) {
    const std::uint64_t draw = lane.random();
    const auto bytes = kSmallest + static_cast<std::uint32_t>(
                                       ((draw & 0xffffffffU) * (kLargest - kSmallest + 1)) >> 32U);
    if constexpr (kUsesHeap) {
      void* memory = std::malloc(bytes);
      if (memory == nullptr) [[unlikely]] {
        throw std::bad_alloc();
      }
      object = new (memory) Object;
    }
    object->bytes = bytes;
    object->stamp = static_cast<std::uint32_t>(draw >> 32U);
    last_byte(object) = static_cast<unsigned char>(object->stamp);
    escape(object);
    lane.allocated(bytes);
    ++line.books.made;
    line.books.made_stamps += object->stamp;
  }

  template <bool kUsesHeap>
  static void give_up(Line& line, Lane& lane, Object* object) {
    const bool intact = object->bytes >= kSmallest && object->bytes <= kLargest &&
                        last_byte(object) == static_cast<unsigned char>(object->stamp);
    line.books.damaged += intact ? 0U : 1U;
    ++line.books.given_up;
    line.books.given_up_stamps += object->stamp;
    lane.freed(object->bytes);
    if constexpr (kUsesHeap) std::free(object);
  }

  // When all threads have ended: what the shared array holds is given up by the first lane.
  void finish_books(std::span<Lane> lanes) {
    Lane& lane = lanes[0];
    Line& line = lines_[0];
    const Fault fault = planted_fault();
    Object* first = shared_[0].load(std::memory_order_acquire);
    if (fault == Fault::kFlipByte) last_byte(first) ^= 0xffU;
    if (fault == Fault::kDrop) --line.books.given_up;  // as if a place had lost its object
    if (fault == Fault::kSkipFree) lane.allocated(first->bytes);  // freed, but counted as live
    for (auto& shared : shared_) {
      Object* object = shared.exchange(nullptr, std::memory_order_acq_rel);
      uses_heap_ ? give_up<true>(line, lane, object) : give_up<false>(line, lane, object);
    }
    Books sum;
    for (const Line& of : lines_) {
      sum.made += of.books.made;
      sum.made_stamps += of.books.made_stamps;
      sum.given_up += of.books.given_up;
      sum.given_up_stamps += of.books.given_up_stamps;
      sum.damaged += of.books.damaged;
    }
    std::int64_t live_bytes = 0;
    for (const Lane& of : lanes) live_bytes += of.live_bytes;
    if (sum.damaged != 0) {
      throw CheckFailed("threads/churn: the last byte of " + std::to_string(sum.damaged) +
                        " objects changed on the way");
    }
    if (sum.made != sum.given_up || sum.made_stamps != sum.given_up_stamps) {
      throw CheckFailed("threads/churn: " + std::to_string(sum.made) + " objects were made and " +
                        std::to_string(sum.given_up) + " given up, or not the same ones");
    }
    if (live_bytes != 0) {
      throw CheckFailed("threads/churn: " + std::to_string(live_bytes) +
                        " bytes are still live after everything was freed");
    }
  }

  bool uses_heap_;
  MappedArray<Line> lines_;  // by lane
  MappedArray<std::atomic<Object*>> shared_;
  MappedArray<Place> places_;  // of no-alloc
};

const Registration kRegistration{
    {
        .name = "threads/churn",
        .summary =
            "Short-lived threads allocate, exchange one object through a shared array, and exit",
        .operation = "one thread's lifetime with its 100 allocations and frees",
        .shape = Shape::kScripted,
        .variants = {{.name = "malloc", .description = "malloc and free"},
                     {.name = "no-alloc",
                      .description = "the same threads and exchange of objects that are there",
                      .uses_heap = false}},
        .baseline_variant = "malloc",
        // Each thread of a lane has another that it waits for.
        .threads = {.maximum = 2048},
        .smoke = {{.threads = TierThreads::kAll}},
        .standard = {{}},
        .full = {{.threads = TierThreads::kSweep}},
        .expected_seconds = 0.06,
        .live_bytes = {.fixed = kShared * (kSmallest + kLargest) / 2.0,
                       .per_thread = kObjects * (kSmallest + kLargest) / 2.0},
        .blocks_migrate = true,
        .roles = {"scaling", "ratio", "contention"},
    },
    make_workload<Churn>};

}  // namespace
}  // namespace stackheap
