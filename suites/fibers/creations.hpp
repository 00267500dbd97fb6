// What fibers/create makes and destroys: one class for each kind, all with the same few members.
#pragma once

#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include <boost/context/fiber.hpp>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <utility>

#include "harness/worker/workload.hpp"
#include "suites/common/standing.hpp"

namespace stackheap::creations {

// What the contexts of a lane leave behind.
struct Result {
  std::uint64_t runs = 0;
  std::uint64_t sum = 0;     // of what they read back from their page
  std::uint64_t frames = 0;  // coroutine: frames that were allocated
};

inline void use_page(unsigned char* page, Result& result) {
  escape(page);
  touch(page, kStandingPage, static_cast<unsigned char>(result.runs));
  escape(page);
  result.sum += page[kStandingPage - 1];
  ++result.runs;
}

// The body of every context with a stack.
[[gnu::noinline]] inline void run_on_own_stack(Result& result) {
  unsigned char page[kStandingPage];
  use_page(page, result);
}

// Each kind is made once for each lane, with the size of its stacks, and has
//     void run(Result&, n);        n contexts, one after the other
//     std::size_t bytes() const;   of one context's stack
//     Standing                     the class of such contexts that wait, or void
template <StackAllocator Stack>
class Fibers {
 public:
  using Standing = StandingFiber<Stack>;
  explicit Fibers(std::size_t bytes) : bytes_(bytes), stack_(bytes) {}
  std::size_t bytes() const { return bytes_; }
  void run(Result& result, std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) {
      boost::context::fiber fiber(std::allocator_arg, Stack(stack_),
                                  [&result](boost::context::fiber&& back) {
                                    run_on_own_stack(result);
                                    return std::move(back);
                                  });
      fiber = std::move(fiber).resume();
    }
  }

 private:
  std::size_t bytes_;
  Stack stack_;
};

template <bool kDefaultStack>
class Threads {
 public:
  using Standing = StandingStack<ThreadContext<kDefaultStack>>;
  explicit Threads(std::size_t bytes) : attributes_(kDefaultStack ? 0 : bytes) {}
  std::size_t bytes() const { return attributes_.stack_bytes(); }
  void run(Result& result, std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) join_thread(attributes_.start(&body, &result));
  }

 private:
  static void* body(void* argument) {
    run_on_own_stack(*static_cast<Result*>(argument));
    return nullptr;
  }
  ThreadAttributes attributes_;
};

class Contexts {
 public:
  using Standing = StandingStack<UcontextContext>;
  explicit Contexts(std::size_t bytes) : bytes_(bytes), stacks_(bytes) {}
  std::size_t bytes() const { return bytes_; }
  void run(Result& result, std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) {
      boost::context::stack_context stack = stacks_.allocate();
      UserContext::make(stack, &body, &result)->resume();
      stacks_.deallocate(stack);
    }
  }

 private:
  static void body(void* result, UserContext&) { run_on_own_stack(*static_cast<Result*>(result)); }
  std::size_t bytes_;
  MappedStack stacks_;
};

class Coroutines {
 public:
  using Standing = StandingCoroutine;
  explicit Coroutines(std::size_t) {}
  std::size_t bytes() const { return sizeof(Coroutine::promise_type); }
  void run(Result& result, std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) {
      const auto handle = body(result).handle;
      handle.resume();
      handle.destroy();
    }
  }

 private:
  struct Coroutine {
    // The page is in the promise, which is always in the frame: whether a local variable that no
    // suspension crosses is there too depends on the compiler.
    struct promise_type {
      static void* operator new(std::size_t bytes, Result& result) {
        ++result.frames;
        return ::operator new(bytes);
      }
      static void operator delete(void* frame, std::size_t) { ::operator delete(frame); }
      // User-provided, so that making the promise does not write the page.
      explicit promise_type(Result& given) : result(given) {}
      Coroutine get_return_object() {
        return {std::coroutine_handle<promise_type>::from_promise(*this)};
      }
      std::suspend_always initial_suspend() noexcept { return {}; }
      std::suspend_always final_suspend() noexcept { return {}; }
      void return_void() { use_page(page, result); }
      [[noreturn]] void unhandled_exception() { std::terminate(); }
      Result& result;
      unsigned char page[kStandingPage];
    };
    std::coroutine_handle<promise_type> handle;
  };
  [[gnu::noinline]] static Coroutine body(Result&) { co_return; }
};

class Tasks {
 public:
  using Standing = void;
  explicit Tasks(std::size_t) : arena_(1) {}
  std::size_t bytes() const { return 0; }
  void run(Result& result, std::uint64_t n) {
    arena_.execute([&] {
      oneapi::tbb::task_group group;
      for (std::uint64_t i = 0; i < n; ++i) {
        group.run([&result] { run_on_own_stack(result); });
        group.wait();
      }
    });
  }

 private:
  oneapi::tbb::task_arena arena_;
};

class Calls {
 public:
  using Standing = void;
  explicit Calls(std::size_t) {}
  std::size_t bytes() const { return 0; }
  void run(Result& result, std::uint64_t n) {
    for (std::uint64_t i = 0; i < n; ++i) {
      run_on_own_stack(result);
      escape(&result);
    }
  }
};

}  // namespace stackheap::creations
