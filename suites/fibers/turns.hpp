// What fibers/switch resumes: one class for each kind, all with the same few members. Those with a
// stack are the kinds of contexts.hpp and share one body; a coroutine and a call have none.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <new>

#include "harness/worker/workload.hpp"
#include "suites/common/contexts.hpp"

namespace stackheap::turns {

// Lives on the context's own stack or in its frame.
struct Local {
  std::uint64_t canary = 0;
  std::uint64_t turns = 0;
};

// What the harness's side knows of a context. Not touched by a turn.
struct Seat {
  const std::atomic<bool>* stop = nullptr;
  std::uint64_t canary = 0;
  Local* local = nullptr;
  std::size_t bytes = 0;  // of its stack or frame
  bool alive = false;

  // The body of every context with a stack. It comes back once before the first turn.
  template <class Suspend>
  void operator()(Suspend&& suspend) {
    Local on_stack{.canary = canary, .turns = 0};
    local = &on_stack;
    const std::atomic<bool>& stopped = *stop;
    for (suspend(); !stopped.load(std::memory_order_relaxed); suspend()) {
      ++on_stack.turns;
      escape(&on_stack);
    }
  }
};

// Each kind has a Maker, one for each lane, and
//     void start(Maker&, Seat&);  until it has come back for the first time; sets seat.bytes
//     void resume();              one turn
//     void end(Maker&);           after `stop` is set: runs it to its end and gives its memory back
struct NoMaker {};

template <class Context>
class StackTurns {
 public:
  struct Maker : Context::Maker {
    Maker() : Context::Maker(kFiberStackBytes) {}
  };
  void start(Maker& maker, Seat& seat) {
    seat.bytes = maker.bytes();
    context_.start(maker, seat);
  }
  void resume() { context_.resume(); }
  void end(Maker& maker) {
    context_.resume();
    context_.end(maker);
  }

 private:
  Context context_;
};
template <StackAllocator Stack>
using FiberTurns = StackTurns<FiberContext<Stack>>;

class CoroutineTurns {
 public:
  using Maker = NoMaker;
  void start(Maker&, Seat& seat) {
    handle_ = take_turns_suspended(seat).handle;
    // An elided frame would be in this object's caller and not on the heap.
    if (seat.bytes == 0) throw CheckFailed("fibers/switch: a coroutine's frame was elided");
    resume();
  }
  void resume() { handle_.resume(); }
  void end(Maker&) {
    resume();
    STACKHEAP_CHECK(handle_.done());
    handle_.destroy();
  }

 private:
  struct Coroutine {
    struct promise_type {
      // Says how large the frame is; nothing else differs from the default.
      static void* operator new(std::size_t bytes, Seat& seat) {
        seat.bytes = bytes;
        return ::operator new(bytes);
      }
      static void operator delete(void* frame, std::size_t) { ::operator delete(frame); }
      Coroutine get_return_object() {
        return {std::coroutine_handle<promise_type>::from_promise(*this)};
      }
      std::suspend_always initial_suspend() noexcept { return {}; }
      std::suspend_always final_suspend() noexcept { return {}; }
      void return_void() {}
      [[noreturn]] void unhandled_exception() { std::terminate(); }
    };
    std::coroutine_handle<promise_type> handle;
  };

  [[gnu::noinline]] static Coroutine take_turns_suspended(Seat& seat) {
    Local local{.canary = seat.canary, .turns = 0};
    seat.local = &local;
    const std::atomic<bool>& stop = *seat.stop;
    for (co_await std::suspend_always{}; !stop.load(std::memory_order_relaxed);
         co_await std::suspend_always{}) {
      ++local.turns;
      escape(&local);
    }
  }

  std::coroutine_handle<Coroutine::promise_type> handle_;
};

class CallTurns {
 public:
  using Maker = NoMaker;
  void start(Maker&, Seat& seat) {
    stop_ = seat.stop;
    local_.canary = seat.canary;
    seat.local = &local_;
  }
  void resume() { take_turn(local_, *stop_); }
  void end(Maker&) {}

 private:
  [[gnu::noinline]] static void take_turn(Local& local, const std::atomic<bool>& stop) {
    if (stop.load(std::memory_order_relaxed)) return;
    ++local.turns;
    escape(&local);
  }

  const std::atomic<bool>* stop_ = nullptr;
  Local local_;
};

}  // namespace stackheap::turns
