// What a stress check sees of the harness, and how it registers itself. A check is no workload: it
// measures nothing, and what it finds is a verdict (model/check.hpp).
//
// How to write one: a file suites/stress/<name>.cpp holds one check, or a family that shares its
// code. It ends with one registration for each check,
//
//     void run_pairs(CheckRun& run) {
//       run.lanes([&](CheckLane& lane) {
//         while (lane.time_left()) {
//           lane.operation();
//           ...
//           if (!intact) lane.unsafe("block of %zu B at %p: ...", size, address);
//         }
//       });
//     }
//     const CheckRegistration kPairs{{.name = "blocks/pairs", .summary = "...", ...}, run_pairs};
//
// Each run of a check is a process of its own, with a deadline. `run_*` is called on a second
// thread, once. What it may report:
//     unsafe         ends the process at once, from any thread
//     nonconforming  is noted under a name, and the check goes on; the driver compares the name
//     with
//                    the list of known deviations (driver/known_deviations.cpp)
//     record         is noted under a name and becomes a record of that allocator
//     unsupported    ends the process: it cannot run here
// Nothing here asks the heap: texts are formatted as by printf into memory of our own (no %f, which
// may allocate). A check keeps its tables in MappedArray (base/mapped.hpp), never on the heap, and
// calls the heap through worker/entry_points.hpp, since compilers take what malloc returns for
// fresh and calloc's zeros for granted. worker/verified_heap.hpp does all of this for blocks:
// alignment, contents and the registry of live ranges. What may end the process goes into a child
// (worker/check_child.hpp).
//
// A lane that is inside a call (CheckLane::Call, which VerifiedHeap sets) and does not come back is
// reported as unsafe after half a second, long before the deadline.
#pragma once

#include <atomic>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "harness/base/error.hpp"
#include "harness/base/mapped.hpp"
#include "harness/base/random.hpp"
#include "harness/model/check.hpp"

namespace stackheap {

class CheckRun;

// One thread of a check, or what takes a thread's part.
struct alignas(2 * kCacheLine) CheckLane {
  CheckRun* run = nullptr;
  unsigned index = 0;  // 0 .. count - 1
  unsigned count = 1;
  Random random;                 // from the seed and the index
  std::uint64_t operations = 0;  // summed for the row
  std::uint64_t next_id = 0;     // of the lane's next block

  void operation() { ++operations; }
  // False when the budget is spent. Looks at the clock now and then only.
  bool time_left();
  // A seeded point at which the schedule of threads may change: mostly nothing, now and then some
  // spinning, a yield, or a sleep of 20 to 200 us.
  void disturb() {
    if ((random() & 63U) == 0) [[unlikely]] {
      disturb_now();
    }
  }
  void disturb_now();

  // As of CheckRun, with "thread I, operation N: " before.
  [[noreturn]] void unsafe(const char* format, ...) __attribute__((format(printf, 2, 3)));

  // Brackets one call of a function that must come back.
  class Call {
   public:
    Call(CheckLane& lane, const char* function, std::size_t size) : lane_(lane) {
      lane.calls.store(lane.calls.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      lane.size.store(size, std::memory_order_relaxed);
      lane.function.store(function, std::memory_order_relaxed);
    }
    ~Call() { lane_.function.store(nullptr, std::memory_order_relaxed); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    CheckLane& lane_;
  };

  // What other threads see of it.
  std::atomic<const char*> function{nullptr};  // that it is in, or null
  std::atomic<std::size_t> size{0};            // that was asked for
  std::atomic<std::uint64_t> calls{0};
  std::atomic<int> thread_id{0};  // of the kernel; 0: no thread carries it
};

// Null on a thread that carries no lane.
CheckLane* current_check_lane();

class CheckRun {
 public:
  // Keeps a reference to the request.
  explicit CheckRun(const CheckRequest& request);
  CheckRun(const CheckRun&) = delete;
  CheckRun& operator=(const CheckRun&) = delete;
  ~CheckRun();

  unsigned threads() const { return request_.threads; }
  std::uint64_t seed() const { return request_.seed; }
  double seconds() const { return request_.seconds; }  // the budget
  double elapsed_seconds() const;
  bool time_left() const;  // of the budget
  // Bounded work that must be done whatever the budget: `least`, else grown with the budget.
  std::uint64_t scaled(std::uint64_t least, double per_second) const;

  // Memory of the check's own at its largest: its registry and tables, without what it tests.
  void own_bytes(std::uint64_t bytes) {
    if (bytes > own_bytes_) own_bytes_ = bytes;
  }
  // Operations besides those of lanes.
  void count(std::uint64_t operations) { operations_ += operations; }

  [[noreturn]] void unsafe(const char* format, ...) __attribute__((format(printf, 2, 3)));
  [[noreturn]] void unsafe_va(const char* prefix, const char* format, std::va_list arguments);
  // Unsafe, unless the driver says that this library is known for it; then nonconforming, and the
  // check goes on. For what is wrong with a healthy library in a narrow, known case.
  void unsafe_unless_known(const char* defect, const char* format, ...)
      __attribute__((format(printf, 3, 4)));
  [[noreturn]] void unsupported(const char* format, ...) __attribute__((format(printf, 2, 3)));
  // One note for each name; the first stays. From any thread.
  void nonconforming(const char* name, const char* format, ...)
      __attribute__((format(printf, 3, 4)));
  void record(const char* name, const char* format, ...) __attribute__((format(printf, 3, 4)));

  // Runs `body(CheckLane&)` on so many threads and joins them. Not for two callers at once.
  void lanes(unsigned count, void (*body)(CheckLane&, void*), void* context);
  template <class Body>
  void lanes(unsigned count, Body&& body) {
    lanes(
        count,
        [](CheckLane& lane, void* context) {
          (*static_cast<std::remove_reference_t<Body>*>(context))(lane);
        },
        static_cast<void*>(&body));
  }
  template <class Body>
  void lanes(Body&& body) {
    lanes(threads(), body);
  }

  // Ends the process with what was noted; for worker/check_main.cpp.
  [[noreturn]] void finish();

 private:
  struct Notes;
  friend struct CheckLane;

  void note(bool deviation, const char* name, const char* format, std::va_list arguments);
  [[noreturn]] void end(CheckVerdict verdict, const char* detail);

  const CheckRequest& request_;
  std::uint64_t started_ns_;
  std::uint64_t operations_ = 0;
  std::uint64_t own_bytes_ = 0;
  std::uint64_t lanes_run_ = 0;  // calls of lanes(), each with randomness of its own
  Notes* notes_;                 // mapped
  MappedArray<CheckLane> lanes_;
};

using CheckFunction = void (*)(CheckRun&);

// A wrong registration ends the process at start.
struct CheckRegistration {
  CheckRegistration(CheckInfo info, CheckFunction run);
};

struct RegisteredCheck {
  CheckInfo info;
  CheckFunction run = nullptr;
};
// Sorted by rank, then by name.
const std::vector<RegisteredCheck>& registered_checks();
const RegisteredCheck* find_check(std::string_view name);
// What is wrong with a registration; empty where it is sound.
std::string check_registration_problem(const CheckInfo& info);

}  // namespace stackheap
