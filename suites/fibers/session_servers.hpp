// The server of fibers/sessions, written five ways: what holds a session while it waits, and how
// the server comes back to it.
//
// Each way has a class Seat, one for each session that is open at once, and a Maker, one for each
// lane, explicit Maker(seats), with
//     void open(Seat&, seed);            starts a session there, until it waits; throws where
//                                        there is no memory, or no thread
//     std::uint64_t close(Seat&);        goes on to its end; its answer
//     void serve(n, turn);               turn(i) for i = 0 ... n - 1, each as the way has it
// A seat's `session` is set while it waits.
#pragma once

#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <algorithm>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

#include "suites/common/contexts.hpp"
#include "suites/fibers/session_work.hpp"

namespace stackheap::sessions {

// One event after the other, on the lane's thread.
struct DirectTurns {
  template <class Turn>
  void serve(std::uint64_t n, Turn&& turn) {
    for (std::uint64_t i = 0; i < n; ++i) turn(i);
  }
};

// A context for each session: a thread, or a fiber. The session is a local variable.
template <class Context>
class OnStacks : public DirectTurns {
 public:
  class Seat {
   public:
    Session* session = nullptr;

    // The context's body; what it throws is for open().
    template <class Suspend>
    void operator()(Suspend&& suspend) {
      try {
        Session own(seed_);
        own.parse();
        session = &own;
        suspend();
        session = nullptr;
        answer_ = own.respond();
      } catch (...) {
        failure_ = std::current_exception();
      }
    }

   private:
    friend OnStacks;
    void throw_failure() {
      if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    }
    Context context_;
    std::uint64_t seed_ = 0;
    std::uint64_t answer_ = 0;
    std::exception_ptr failure_;
  };

  explicit OnStacks(std::size_t) : maker_(kFiberStackBytes) {}

  void open(Seat& seat, std::uint64_t seed) {
    seat.seed_ = seed;
    seat.context_.start(maker_, seat);
    if (seat.failure_) seat.context_.end(maker_);
    seat.throw_failure();
  }
  std::uint64_t close(Seat& seat) {
    seat.context_.resume();
    seat.context_.end(maker_);
    seat.throw_failure();
    return seat.answer_;
  }

 private:
  typename Context::Maker maker_;
};

// A coroutine for each session, in a frame of its own on the heap.
class AsCoroutines : public DirectTurns {
 public:
  class Seat {
   public:
    Session* session = nullptr;

   private:
    friend AsCoroutines;
    std::coroutine_handle<> handle_;
    std::uint64_t answer_ = 0;
    std::exception_ptr failure_;
  };

  explicit AsCoroutines(std::size_t) {}

  void open(Seat& seat, std::uint64_t seed) {
    seat.handle_ = serve_one(seat, seed).handle;
    go_on(seat);
  }
  std::uint64_t close(Seat& seat) {
    go_on(seat);
    return seat.answer_;
  }

 private:
  struct Coroutine {
    struct promise_type {
      promise_type(Seat& given, std::uint64_t) : seat(given) {}
      Coroutine get_return_object() {
        return {std::coroutine_handle<promise_type>::from_promise(*this)};
      }
      std::suspend_always initial_suspend() noexcept { return {}; }
      std::suspend_always final_suspend() noexcept { return {}; }
      void return_void() {}
      void unhandled_exception() { seat.failure_ = std::current_exception(); }
      Seat& seat;
    };
    std::coroutine_handle<> handle;
  };

  static void go_on(Seat& seat) {
    seat.handle_.resume();
    if (seat.handle_.done()) seat.handle_.destroy();
    if (seat.failure_) std::rethrow_exception(std::exchange(seat.failure_, nullptr));
  }

  [[gnu::noinline]] static Coroutine serve_one(Seat& seat, std::uint64_t seed) {
    Session own(seed);
    own.parse();
    seat.session = &own;
    co_await std::suspend_always{};
    seat.session = nullptr;
    seat.answer_ = own.respond();
  }
};

// An object on the heap for each session, and the function that goes on with it.
class AsCallbacks : public DirectTurns {
 public:
  struct Seat {
    Session* session = nullptr;
    std::uint64_t (*next)(Seat&) = nullptr;
  };

  explicit AsCallbacks(std::size_t) {}

  void open(Seat& seat, std::uint64_t seed) {
    auto own = std::make_unique<Session>(seed);
    own->parse();
    seat.session = own.release();
    seat.next = &on_backend_answer;
    escape(seat.next);
  }
  std::uint64_t close(Seat& seat) { return seat.next(seat); }

 private:
  static std::uint64_t on_backend_answer(Seat& seat) {
    const std::unique_ptr<Session> own(std::exchange(seat.session, nullptr));
    return own->respond();
  }
};

// The same objects, and a task for each event, in an arena of the lane's thread alone: as many as
// there are sessions are handed over at once.
class AsTasks : public AsCallbacks {
 public:
  explicit AsTasks(std::size_t seats) : AsCallbacks(seats), seats_(seats), arena_(1) {}

  template <class Turn>
  void serve(std::uint64_t n, Turn&& turn) {
    arena_.execute([&] {
      oneapi::tbb::task_group events;
      for (std::uint64_t i = 0; i < n;) {
        const std::uint64_t last = std::min(n, i + seats_);
        for (; i < last; ++i) events.run([&turn, i] { turn(i); });
        events.wait();
      }
    });
  }

 private:
  std::uint64_t seats_;
  oneapi::tbb::task_arena arena_;
};

}  // namespace stackheap::sessions
