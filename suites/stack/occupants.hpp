// Contexts that wait with one page of their stack in use, for stack/own: what each leaves and finds
// on its stack, where that stack lies, and the kinds that suites/common/contexts.hpp does not have
// in this form.
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <new>

#include "harness/worker/workload.hpp"
#include "suites/common/contexts.hpp"
#include "suites/common/stack_range.hpp"

namespace stackheap {

// Where the stack or frame lies that this thread made last. Allocators are copied onto the stacks
// they make, so they cannot keep it.
inline thread_local StackRange t_last_made;

template <StackAllocator Stack>
class Telling : public Stack {
 public:
  using Stack::Stack;
  boost::context::stack_context allocate() {
    const boost::context::stack_context stack = Stack::allocate();
    const auto high = reinterpret_cast<std::uintptr_t>(stack.sp);
    t_last_made = {.low = high - stack.size, .high = high};
    return stack;
  }
};

// One context: comes to rest three times, with its page written, its stack found, its page checked.
struct Occupant {
  static constexpr std::size_t kBytes = 4096;

  unsigned char value = 0;
  unsigned char* page = nullptr;  // on its stack
  StackRange range;
  bool intact = false;
  bool knows_its_stack = false;  // a thread asks the C library, the rest is told by who made it

  void write(unsigned char* on_stack) {
    page = on_stack;
    escape(page);
    touch(page, kBytes, value);
    escape(page);
  }
  void find_stack() {
    if (knows_its_stack) range = stack_of_this_thread();
  }
  void check() { intact = holds_touch(page, kBytes, value); }

  // The body of every context with a stack.
  template <class Suspend>
  void operator()(Suspend&& suspend) {
    unsigned char on_stack[kBytes];
    write(on_stack);
    suspend();
    find_stack();
    suspend();
    check();
  }
};

// Each kind has a Maker, one for each lane, with std::size_t bytes() const, and
//     void start(Maker&, Occupant&);  until its page is written
//     void resume();                  until its stack is found
//     void end(Maker&);               checks its page, and gives the stack back
template <class Context>
class StackHome {
 public:
  struct Maker : Context::Maker {
    Maker() : Context::Maker(kFiberStackBytes) {}
  };
  void start(Maker& maker, Occupant& occupant) {
    t_last_made = {};
    context_.start(maker, occupant);
    occupant.range = t_last_made;
    occupant.knows_its_stack = t_last_made.high == 0;
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
using FiberHome = StackHome<FiberContext<Telling<Stack>>>;

class CoroutineHome {
 public:
  class Maker {
   public:
    std::size_t bytes() const { return t_last_made.bytes(); }  // of the frame made last
  };
  void start(Maker&, Occupant& occupant) {
    t_last_made = {};
    handle_ = occupy(occupant).handle;
    occupant.range = t_last_made;
    handle_.resume();
  }
  void resume() { handle_.resume(); }
  void end(Maker&) {
    handle_.resume();
    STACKHEAP_CHECK(handle_.done());
    handle_.destroy();
  }

 private:
  struct Coroutine {
    struct promise_type {
      // Tells where the frame is; nothing else differs from the default.
      static void* operator new(std::size_t bytes) {
        void* const frame = ::operator new(bytes);
        const auto low = reinterpret_cast<std::uintptr_t>(frame);
        t_last_made = {.low = low, .high = low + bytes};
        return frame;
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

  [[gnu::noinline]] static Coroutine occupy(Occupant& occupant) {
    unsigned char in_frame[Occupant::kBytes];
    occupant.write(in_frame);
    co_await std::suspend_always{};
    occupant.find_stack();
    co_await std::suspend_always{};
    occupant.check();
    escape(static_cast<void*>(in_frame));  // it lives until here, and so in the frame
  }

  std::coroutine_handle<Coroutine::promise_type> handle_;
};

}  // namespace stackheap
