// Contexts with a stack of their own that can be left and come back to, one class for each kind,
// all with the same few members. Not one class with virtual functions: a call through a table would
// cost as much as the fastest of the switches that are to be measured.
//
// Each kind has a Maker, one for each lane and size of stack, with std::size_t bytes() const (of a
// stack), and
//     template <class Body> void start(Maker&, Body&);
//                       runs body(suspend) on its own stack until that calls suspend() or returns;
//                       the body outlives the context and throws nothing
//     void resume();    goes on after suspend(), until the next one or the body's end
//     void end(Maker&); gives the stack back; the body has returned
// A context may start and resume others. It neither moves nor dies while its body has not returned.
#pragma once

#include <boost/context/fiber.hpp>
#include <cstdint>
#include <memory>
#include <utility>

#include "harness/base/mapped.hpp"
#include "suites/common/posix_thread.hpp"
#include "suites/common/stack_kinds.hpp"
#include "suites/common/user_context.hpp"

namespace stackheap {

template <StackAllocator Stack>
class FiberContext {
 public:
  class Maker {
   public:
    explicit Maker(std::size_t bytes) : bytes_(bytes), stack_(bytes) {}
    std::size_t bytes() const { return bytes_; }
    const Stack& stack() const { return stack_; }

   private:
    std::size_t bytes_;
    Stack stack_;
  };

  template <class Body>
  void start(Maker& maker, Body& body) {
    fiber_ = boost::context::fiber(std::allocator_arg, Stack(maker.stack()),
                                   [&body](boost::context::fiber&& back) {
                                     body([&back] { back = std::move(back).resume(); });
                                     return std::move(back);
                                   });
    resume();
  }
  void resume() { fiber_ = std::move(fiber_).resume(); }
  // Its stack went back when its body returned.
  void end(Maker&) { STACKHEAP_CHECK(!fiber_); }

 private:
  boost::context::fiber fiber_;
};

// The thread and whoever resumes it take turns: one of the two sleeps.
template <bool kDefaultStack>
class ThreadContext {
 public:
  class Maker {
   public:
    explicit Maker(std::size_t bytes) : attributes_(kDefaultStack ? 0 : bytes) {}
    std::size_t bytes() const { return attributes_.stack_bytes(); }
    const ThreadAttributes& attributes() const { return attributes_; }

   private:
    ThreadAttributes attributes_;
  };

  // Throws CannotRun where the kernel or glibc starts no more threads.
  template <class Body>
  void start(Maker& maker, Body& body) {
    body_ = &body;
    baton_.pass_to(Baton::kOther);
    thread_ = maker.attributes().start(&run<Body>, this);
    baton_.await(Baton::kOwner);
  }
  void resume() {
    baton_.pass_to(Baton::kOther);
    baton_.await(Baton::kOwner);
  }
  void end(Maker&) { join_thread(thread_); }

 private:
  template <class Body>
  static void* run(void* argument) {
    ThreadContext& self = *static_cast<ThreadContext*>(argument);
    (*static_cast<Body*>(self.body_))([&self] {
      self.baton_.pass_to(Baton::kOwner);
      self.baton_.await(Baton::kOther);
    });
    self.baton_.pass_to(Baton::kOwner);
    return nullptr;
  }

  alignas(2 * kCacheLine) Baton baton_;
  void* body_ = nullptr;
  pthread_t thread_{};
};

class UcontextContext {
 public:
  class Maker {
   public:
    explicit Maker(std::size_t bytes) : bytes_(bytes), stacks_(bytes) {}
    std::size_t bytes() const { return bytes_; }
    MappedStack& stacks() { return stacks_; }

   private:
    std::size_t bytes_;
    MappedStack stacks_;
  };

  template <class Body>
  void start(Maker& maker, Body& body) {
    stack_ = maker.stacks().allocate();
    context_ = UserContext::make(
        stack_,
        [](void* argument, UserContext& self) {
          (*static_cast<Body*>(argument))([&self] { self.suspend(); });
        },
        &body);
    resume();
  }
  void resume() { context_->resume(); }
  void end(Maker& maker) { maker.stacks().deallocate(stack_); }

 private:
  boost::context::stack_context stack_;
  UserContext* context_ = nullptr;
};

}  // namespace stackheap
