// A real worker whose only workload uses as much memory as it is told: what the harness then says
// of resident memory, page faults and the timeline can be held against the truth.
#include <sys/mman.h>
#include <time.h>

#include <string>

#include "harness/base/error.hpp"
#include "harness/measure/memory.hpp"
#include "harness/worker/script.hpp"
#include "harness/worker/worker.hpp"
#include "harness/worker/workload.hpp"

namespace stackheap {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kFaultingPages = 256;

// Small pages, untouched.
class Mapping {
 public:
  explicit Mapping(std::size_t bytes) : bytes_(bytes) {
    pages_ = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages_ == MAP_FAILED) throw std::bad_alloc();
    STACKHEAP_CHECK(::madvise(pages_, bytes, MADV_NOHUGEPAGE) == 0);
  }
  ~Mapping() { STACKHEAP_CHECK(::munmap(pages_, bytes_) == 0); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  void touch_page(std::size_t page) { static_cast<volatile char*>(pages_)[page * kPage] = 1; }
  void forget() { STACKHEAP_CHECK(::madvise(pages_, bytes_, MADV_DONTNEED) == 0); }

 private:
  std::size_t bytes_;
  void* pages_ = nullptr;
};

void sleep_100ms() {
  const timespec time{0, 100'000'000};
  STACKHEAP_CHECK(::clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr) == 0);
}

class MemoryTruth {
 public:
  explicit MemoryTruth(const CellSpec& spec)
      : bytes_(static_cast<std::size_t>(spec.parameter) << 20U) {}

  void run(Script& script) {
    script.run_lanes([&](LaneThread& thread) {
      fault(script, thread);
      grow(script);
    });
  }

 private:
  // Each operation is one page fault.
  static void fault(Script& script, LaneThread& thread) {
    Mapping pages(kFaultingPages * kPage);
    std::size_t next = 0;
    while (!script.windows().done()) {
      script.windows().run_window(thread.lane(), thread.probe(), false,
                                  [&](Lane&, std::uint64_t n) {
                                    for (std::uint64_t i = 0; i < n; ++i) {
                                      if (next == 0) pages.forget();
                                      pages.touch_page(next);
                                      next = (next + 1) % kFaultingPages;
                                    }
                                  });
    }
  }

  void grow(Script& script) const {
    script.mark("grow");
    {
      Mapping pages(bytes_);
      for (std::size_t page = 0; page < bytes_ / kPage; ++page) pages.touch_page(page);
      script.note_live_bytes(static_cast<std::int64_t>(bytes_));
      script.mark("live");
      sleep_100ms();
      script.mark("free");
    }
    script.mark("freed");
    sleep_100ms();
    const auto memory = read_resident_memory();
    STACKHEAP_CHECK(memory.has_value());
    script.report_text("rss_after_free_100ms_bytes", std::to_string(memory->now_bytes));
  }

  std::size_t bytes_;
};

const Registration kRegistration{
    {
        .name = "memory/truth",
        .summary = "Maps and touches as many MiB as its parameter says",
        .operation = "one page fault",
        .shape = Shape::kScripted,
        .variants = {{.name = "map", .description = "mmap and munmap", .uses_heap = false}},
        .baseline_variant = "map",
        .parameter = ParameterInfo{.name = "live", .unit = "MiB", .minimum = 1, .maximum = 1024},
        .threads = {.maximum = 1},
        .smoke = {{.values = {64}, .threads = TierThreads::kOne}},
        .expected_seconds = 0.5,
        .most_rounds = 3,
        .piloted = false,
        .timeline = true,
    },
    make_workload<MemoryTruth>};

}  // namespace
}  // namespace stackheap

int main(int count, char** arguments) {
  return stackheap::worker_main(count, arguments);
}
