// Contexts that have touched one page of their stack and wait, and what one of a batch of them
// costs. For what a kind of stack weighs; fibers/switch has its own, which do nothing but wait.
#pragma once

#include <algorithm>
#include <array>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <string>

#include "harness/base/clock.hpp"
#include "harness/measure/memory.hpp"
#include "harness/worker/reporter.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/contexts.hpp"

namespace stackheap {

inline constexpr std::size_t kStandingPage = 4096;

// What the contexts of one batch leave behind.
struct Muster {
  std::uint64_t waiting = 0;  // have touched their page
  std::uint64_t left = 0;     // have found it as it was
  std::uint64_t frames = 0;   // coroutines: allocated
  unsigned char* last_page = nullptr;

  void wait_on(unsigned char* page, unsigned char content) {
    touch(page, kStandingPage, content);
    escape(page);
    last_page = page;
    ++waiting;
  }
  void leave(const unsigned char* page, unsigned char content) {
    if (holds_touch(page, kStandingPage, content)) ++left;
  }
};

// Each kind has
//     struct Maker;                     explicit Maker(std::size_t stack_bytes); bytes() of a stack
//     void start(Maker&, Muster&, number);   until it waits
//     void end(Maker&);                      to its end, and its stack goes back
template <class Context>
class StandingStack {
 public:
  using Maker = typename Context::Maker;
  static constexpr bool kIsCoroutine = false;

  void start(Maker& maker, Muster& muster, std::uint64_t number) {
    muster_ = &muster;
    number_ = number;
    context_.start(maker, *this);
  }
  void end(Maker& maker) {
    context_.resume();
    context_.end(maker);
  }

  // The context's body.
  template <class Suspend>
  [[gnu::noinline]] void operator()(Suspend&& suspend) {
    unsigned char page[kStandingPage];
    const auto content = static_cast<unsigned char>(number_);
    muster_->wait_on(page, content);
    suspend();
    muster_->leave(page, content);
  }

 private:
  Context context_;
  Muster* muster_ = nullptr;
  std::uint64_t number_ = 0;
};
template <StackAllocator Stack>
using StandingFiber = StandingStack<FiberContext<Stack>>;

class StandingCoroutine {
 public:
  struct Maker {
    explicit Maker(std::size_t) {}
    std::size_t bytes() const { return sizeof(Coroutine::promise_type); }
  };
  static constexpr bool kIsCoroutine = true;

  void start(Maker&, Muster& muster, std::uint64_t number) {
    handle_ = stand(muster, number).handle;
    handle_.resume();
  }
  void end(Maker&) {
    handle_.resume();
    STACKHEAP_CHECK(handle_.done());
    handle_.destroy();
  }

 private:
  struct Coroutine {
    // The page is in the promise, which is always in the frame: whether a local variable is there
    // too depends on the compiler.
    struct promise_type {
      static void* operator new(std::size_t bytes, Muster& muster, std::uint64_t) {
        void* const frame = ::operator new(bytes);
        ++muster.frames;
        return frame;
      }
      static void operator delete(void* frame, std::size_t) { ::operator delete(frame); }
      // User-provided, so that making the promise does not write the page.
      promise_type(Muster& given, std::uint64_t number)
          : muster(given), content(static_cast<unsigned char>(number)) {}
      Coroutine get_return_object() {
        return {std::coroutine_handle<promise_type>::from_promise(*this)};
      }
      std::suspend_always initial_suspend() noexcept { return {}; }
      std::suspend_always final_suspend() noexcept { return {}; }
      std::suspend_always yield_value(int) {
        muster.wait_on(page, content);
        return {};
      }
      void return_void() { muster.leave(page, content); }
      [[noreturn]] void unhandled_exception() { std::terminate(); }
      Muster& muster;
      unsigned char content;
      unsigned char page[kStandingPage];
    };
    std::coroutine_handle<promise_type> handle;
  };
  [[gnu::noinline]] static Coroutine stand(Muster&, std::uint64_t) { co_yield 0; }

  std::coroutine_handle<Coroutine::promise_type> handle_;
};

// Up to `capacity` contexts of one owner, who starts and ends all of them. Ends what is left.
template <class Standing>
class StandingBatch {
 public:
  StandingBatch(std::size_t capacity, std::size_t stack_bytes)
      : maker_(stack_bytes), members_(capacity) {}
  StandingBatch(const StandingBatch&) = delete;
  StandingBatch& operator=(const StandingBatch&) = delete;
  ~StandingBatch() { end_until(started_); }

  // Throws what the kind's stack allocator, or pthread_create, throws; then there is one less.
  void start_one() {
    members_[started_].start(maker_, muster_, started_);
    ++started_;
  }
  // In the order of their start, up to the number `last`; waiting ones only.
  void end_until(std::size_t last) {
    for (; ended_ < last; ++ended_) members_[ended_].end(maker_);
  }

  std::size_t capacity() const { return members_.size(); }
  std::size_t started() const { return started_; }
  std::size_t stack_bytes() const { return maker_.bytes(); }
  Muster& muster() { return muster_; }

  // What is wrong with those that have been ended, or nothing.
  std::string complaint() const {
    if (muster_.waiting != started_) {
      return std::to_string(muster_.waiting) + " contexts ran of " + std::to_string(started_);
    }
    if (muster_.left != ended_) {
      return std::to_string(ended_ - muster_.left) + " contexts did not find what they had written";
    }
    if (Standing::kIsCoroutine && muster_.frames != started_) {
      return "the frames of " + std::to_string(started_ - muster_.frames) +
             " coroutines were elided";
    }
    return {};
  }

 private:
  typename Standing::Maker maker_;
  MappedArray<Standing> members_;
  std::size_t started_ = 0;
  std::size_t ended_ = 0;
  alignas(2 * kCacheLine) Muster muster_;
};

// What the process holds at one moment.
struct Holding {
  std::optional<std::uint64_t> resident_bytes;
  std::optional<std::uint64_t> regions;
  static Holding now() { return {count_resident_bytes(), count_mapped_regions()}; }
};

// Reports what `count` contexts that are alive between the two readings hold, each.
inline void report_holding(Reporter& reporter, const Holding& before, const Holding& after,
                           std::uint64_t count) {
  const auto each = [count](std::uint64_t from, std::uint64_t to) {
    return (static_cast<double>(to) - static_cast<double>(from)) / static_cast<double>(count);
  };
  if (count == 0) return;
  if (before.regions && after.regions) {
    // Mappings that were there may have become one meanwhile, which is not theirs.
    reporter.report("regions_per_stack", std::max(0.0, each(*before.regions, *after.regions)));
  }
  if (!before.resident_bytes || !after.resident_bytes) return;
  const double bytes = each(*before.resident_bytes, *after.resident_bytes);
  // Where they found room in what was resident already, nothing can be said.
  if (bytes <= 0) return;
  reporter.report("rss_per_stack_bytes", bytes);
  reporter.report("stacks_per_gib", static_cast<double>(1U << 30U) / bytes);
}

inline constexpr std::size_t kWeighedAtOnce = 64;

// Weighs the kind on the calling thread: the memory of one batch of 64, and of this one and six
// more the median time to start and to end each.
template <class Standing>
void weigh_standing(Reporter& reporter, std::size_t stack_bytes) {
  constexpr std::size_t kBatch = kWeighedAtOnce;
  constexpr std::size_t kBatches = 7;
  std::array<double, kBatches> create_ns{};
  std::array<double, kBatches> destroy_ns{};
  StandingBatch<Standing> all(kBatch * kBatches, stack_bytes);
  Holding before;
  Holding after;
  for (std::size_t i = 0; i < kBatches; ++i) {
    if (i == 0) before = Holding::now();
    const std::uint64_t start = monotonic_ns();
    for (std::size_t n = 0; n < kBatch; ++n) all.start_one();
    const std::uint64_t alive = monotonic_ns();
    create_ns[i] = static_cast<double>(alive - start) / kBatch;
    if (i == 0) after = Holding::now();
    const std::uint64_t ending = monotonic_ns();
    all.end_until(all.started());
    destroy_ns[i] = static_cast<double>(monotonic_ns() - ending) / kBatch;
  }
  if (const std::string complaint = all.complaint(); !complaint.empty()) {
    throw CheckFailed("weighing stacks: " + complaint);
  }
  const auto median = [](std::array<double, kBatches>& values) {
    std::nth_element(values.begin(), values.begin() + kBatches / 2, values.end());
    return values[kBatches / 2];
  };
  reporter.report("create_ns", median(create_ns));
  reporter.report("destroy_ns", median(destroy_ns));
  report_holding(reporter, before, after, kBatch);
}

}  // namespace stackheap
