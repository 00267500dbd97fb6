// Tasks of oneTBB allocate, under its partitioners, task groups and allocators.
//
// Models programs that leave their parallelism to a work-stealing scheduler: A. Kukanov and
// M. Voss, "The Foundations for Scalable Multi-core Software in Intel Threading Building Blocks",
// Intel Technology Journal 2007; the partitioners are those of A. Robison, M. Voss and A. Kukanov,
// "Optimization via Reflection on Work Stealing in TBB", IPDPS 2008. The library is used as its
// users do: an arena of T threads, of which the caller is one; workers sleep between windows and
// are woken within them; parallel_for over items, or a range halved by task groups until `grain`
// items are left. `grain` is the least number of items of a task; auto and static partitioners make
// larger ones. `std-thread` is the same work on T threads that are there already, a fixed part
// each: what sharing out by hand gives.
//
// A task takes its items in batches of 32 at most (of `grain`, if that is less): 32 objects of 24
// to 256 B, uniformly, are allocated, stamped and linked; then each is checked and freed. With
// `nested-tasks` a batch is freed by a child task, which another thread may have stolen: the block
// is then freed by a thread that did not allocate it.
//
// What is counted: only the items. oneTBB takes its own tasks from libtbbmalloc, which libtbb loads
// by itself, whatever the process's malloc is; that is in the time, but not in the allocator under
// test. `tbb-scalable` and `tbb-cache-aligned` take the items from there too.
//
// Good: the time of every variant is near that of `std-thread` at grains of some microseconds, and
// the allocators differ as in heap/batch. Bad: run queue and CPU time that `std-thread` does not
// have (workers that look for work), or nested tasks that cost more than flat ones by more than
// their tasks (remote frees). A window is from the caller's start of the loop to its return.
//
// One operation: one item allocated, checked and freed.
//
// blocks_migrate: nothing bounds how many batches one thread steals from another.
#include <oneapi/tbb/task_group.h>

#include <algorithm>
#include <string>

#include "harness/measure/process_probe.hpp"
#include "harness/worker/fault_hook.hpp"
#include "harness/worker/library_entry.hpp"
#include "harness/worker/script.hpp"
#include "harness/worker/variant.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/sanitizers.hpp"
#include "suites/common/task_lanes.hpp"
#include "suites/threads/task_items.hpp"
#include "suites/threads/task_sharing.hpp"

#if defined(STACKHEAP_THREAD_SANITIZER)
// libtbb is not instrumented, so its own synchronisation is not seen: one of its threads ends while
// another reads what it freed. Debian's has no symbols either, so that its frames have no other
// name than the library's; those of tasks of a local type have a file, but no namespace.
extern "C" const char* __tsan_default_suppressions() {
  return "race:tbb::detail\nrace:libtbb.so\nrace:include/oneapi/tbb/\n";
}
#endif

namespace stackheap {
namespace {

using namespace tasks;

enum class Memory { kMalloc, kScalable, kCacheAligned, kPlaces };
struct Kind {
  Sharing sharing;
  Memory memory = Memory::kMalloc;
};
constexpr VariantName<Kind> kKinds[] = {
    {"parallel-for-auto", {Sharing::kAuto}},
    {"parallel-for-simple", {Sharing::kSimple}},
    {"parallel-for-static", {Sharing::kStatic}},
    {"parallel-for-affinity", {Sharing::kAffinity}},
    {"task-group", {Sharing::kGroup}},
    {"nested-tasks", {Sharing::kNested}},
    {"std-thread", {Sharing::kThreads}},
    {"tbb-scalable", {Sharing::kAuto, Memory::kScalable}},
    {"tbb-cache-aligned", {Sharing::kAuto, Memory::kCacheAligned}},
    {"no-alloc", {Sharing::kAuto, Memory::kPlaces}},
};

class Tasks {
 public:
  explicit Tasks(const CellSpec& spec)
      : kind_(variant_of(spec, kKinds)),
        grain_(static_cast<std::uint64_t>(spec.parameter)),
        seed_(spec.seed),
        books_(spec.threads) {}

  void run(Script& script) {
    switch (kind_.memory) {
      case Memory::kMalloc:
        return run(script, FromMalloc{});
      case Memory::kScalable:
        return run(script,
                   FromScalable{library_entry<void*(std::size_t)>("scalable_malloc", "tbbmalloc"),
                                library_entry<void(void*)>("scalable_free", "tbbmalloc")});
      case Memory::kCacheAligned:
        return run(script, FromCacheAligned{});
      case Memory::kPlaces:
        for (Books& books : books_) books.places = MappedArray<Place>(kBatch);
        return run(script, FromPlaces{});
    }
  }

 private:
  template <class Source>
  void run(Script& script, const Source& source) {
    if (kind_.sharing == Sharing::kThreads) {
      on_threads(script, source);
    } else {
      on_tasks(script, source);
    }
    verify(script, source);
  }

  template <class Source>
  void on_threads(Script& script, const Source& source) {
    WindowLoop& windows = script.windows();
    script.run_lanes([&](LaneThread& thread) {
      Lane& lane = thread.lane();
      while (!windows.done()) {
        windows.run_window(lane, thread.probe(), /*uncounted=*/false, [&](Lane&, std::uint64_t n) {
          do_items(source, lane, lane.index * n, (lane.index + 1) * n);
        });
        if (lane.index == 0) expect(windows.lane_share(lane) * lane.count);
      }
    });
  }

  template <class Source>
  void on_tasks(Script& script, const Source& source) {
    WindowLoop& windows = script.windows();
    TaskLanes crew(script.lanes());
    ProcessProbe probe(script.lanes().front().probe_options);
    crew.execute([&] {
      while (!windows.done()) {
        std::uint64_t items = 0;
        windows.run_shared_window(probe, [&](std::uint64_t n) {
          items = n;
          share_out(source, crew, n);
        });
        expect(items);
      }
    });
  }

  template <class Source>
  void share_out(const Source& source, const TaskLanes& crew, std::uint64_t n) {
    const bool nested = kind_.sharing == Sharing::kNested;
    sharer_.share_out(nested ? Sharing::kSimple : kind_.sharing, {0, n, grain_},
                      [&](const Range& part) {
                        if (nested) return nest_items(source, crew, part.begin(), part.end());
                        do_items(source, crew.mine(), part.begin(), part.end());
                      });
  }

  template <class Source>
  void do_items(const Source& source, Lane& lane, std::uint64_t first, std::uint64_t last) {
    Books& books = books_[lane.index];
    while (first != last) {
      const std::uint64_t end = std::min(first + kBatch, last);
      end_batch(source, lane, books, make_batch(source, lane, books, seed_, first, end));
      first = end;
    }
  }

  // The parent's lane is its own until it waits, and the wait is its last act.
  template <class Source>
  void nest_items(const Source& source, const TaskLanes& crew, std::uint64_t first,
                  std::uint64_t last) {
    Lane& lane = crew.mine();
    oneapi::tbb::task_group children;
    while (first != last) {
      const std::uint64_t end = std::min(first + kBatch, last);
      Item* const batch = make_batch(source, lane, books_[lane.index], seed_, first, end);
      children.run([&, batch] {
        Lane& child = crew.mine();
        end_batch(source, child, books_[child.index], batch);
      });
      first = end;
    }
    children.wait();
  }

  void expect(std::uint64_t items) {
    for (std::uint64_t index = 0; index < items; ++index) expected_.add(stamp_of(seed_, index));
  }

  // One more batch, so that there is something to be damaged; then the books of all lanes.
  template <class Source>
  void verify(Script& script, const Source& source) {
    const Fault fault = planted_fault();
    Lane& lane = script.lanes().front();
    Item* batch = make_batch(source, lane, books_[0], seed_, 0, kBatch);
    expect(kBatch);
    if (fault == Fault::kFlipByte) *last_byte(batch) ^= 0xffU;
    // Counted as live below; leak checkers need not see it as well.
    if (fault == Fault::kSkipFree) lane.allocated(size_of(batch->stamp));
    if (fault == Fault::kDrop) {
      Item* const lost = batch;
      batch = lost->next;
      lane.freed(size_of(lost->stamp));
      source.give_back(lost, size_of(lost->stamp));
    }
    end_batch(source, lane, books_[0], batch);

    Books sum;
    std::int64_t live_bytes = 0;
    for (const Books& books : books_) sum.add(books);
    for (const Lane& each : script.lanes()) live_bytes += each.live_bytes;
    script.note_live_bytes(sum.largest_batch_bytes);
    if (sum.damaged != 0) fail(std::to_string(sum.damaged) + " items changed while they were held");
    if (sum.made != expected_ || sum.given_up != expected_) {
      fail(std::to_string(expected_.items) + " items were due, " + std::to_string(sum.made.items) +
           " made and " + std::to_string(sum.given_up.items) + " given up, or not the same ones");
    }
    if (live_bytes != 0) fail(std::to_string(live_bytes) + " bytes are still live");
  }

  [[noreturn]] static void fail(const std::string& what) {
    throw CheckFailed("threads/tasks: " + what);
  }

  Kind kind_;
  std::uint64_t grain_;
  std::uint64_t seed_;
  MappedArray<Books> books_;  // by lane
  Sharer sharer_;
  Tally expected_;
};

constexpr double kMeanItem = (kSmallest + kLargest) / 2.0;

const Registration kRegistration{
    {
        .name = "threads/tasks",
        .summary = "Tasks of oneTBB allocate, under its partitioners, task groups and allocators.",
        .operation = "one item allocated, checked and freed",
        .shape = Shape::kScripted,
        .variants = {{.name = "parallel-for-auto",
                      .description = "parallel_for with the auto partitioner, items by malloc"},
                     {.name = "parallel-for-simple",
                      .description =
                          "the same with the simple partitioner: tasks of `grain` items"},
                     {.name = "parallel-for-static",
                      .description =
                          "the same with the static partitioner: one part for each thread"},
                     {.name = "parallel-for-affinity",
                      .description = "the same with one affinity partitioner for all windows"},
                     {.name = "task-group",
                      .description = "task groups halve the range until `grain` items are left"},
                     {.name = "nested-tasks",
                      .description = "child tasks free what their parent has allocated"},
                     {.name = "std-thread",
                      .description = "a fixed part for each of T threads, without a scheduler"},
                     {.name = "tbb-scalable",
                      .description = "parallel-for-auto, items by oneTBB's scalable_malloc",
                      .only_allocator = "tbbmalloc"},
                     {.name = "tbb-cache-aligned",
                      .description = "parallel-for-auto, items by oneTBB's cache_aligned_allocator",
                      .only_allocator = "tbbmalloc"},
                     {.name = "no-alloc",
                      .description = "parallel-for-auto, items in places that are there",
                      .uses_heap = false}},
        .baseline_variant = "parallel-for-auto",
        .parameter =
            ParameterInfo{.name = "grain", .unit = "count", .minimum = 1, .maximum = 1 << 20},
        .threads = {.maximum = kMostTaskLanes},
        .smoke = {{.values = {64}, .threads = TierThreads::kAll}},
        // How items are shared out is the scheduler's business, so for most variants one allocator.
        .standard = {{.variants = {"parallel-for-auto"}, .values = {64}},
                     {.variants = {"nested-tasks", "tbb-scalable", "tbb-cache-aligned"},
                      .values = {64},
                      .threads = TierThreads::kAll},
                     {.variants = {"std-thread", "no-alloc"},
                      .values = {64},
                      .allocators = TierAllocators::kBaseline},
                     {.variants = {"parallel-for-simple", "parallel-for-static", "task-group"},
                      .values = {64},
                      .threads = TierThreads::kAll,
                      .allocators = TierAllocators::kBaseline}},
        .full = {{.values = {1, 64, 1024}, .threads = TierThreads::kSweep}},
        .expected_seconds = 0.07,
        .live_bytes = {.per_thread = kBatch * kMeanItem, .per_thread_and_parameter = kMeanItem},
        .blocks_migrate = true,
        .uncounted_work = false,
        .roles = {"scaling", "ratio", "contention"},
    },
    make_workload<Tasks>};

}  // namespace
}  // namespace stackheap
