// A ucontext that runs a body on a given stack. makecontext passes ints, so the pointer goes in two
// halves; and the two saved states (2 KB together) lie on the context's own stack, as they would in
// a server, so that whoever owns it holds one pointer.
#pragma once

#include <ucontext.h>

#include <boost/context/stack_context.hpp>
#include <cstdint>
#include <new>

#include "harness/base/error.hpp"

namespace stackheap {

class UserContext {
 public:
  // `run(argument, *this)` starts at the first resume(). The stack outlives it.
  static UserContext* make(const boost::context::stack_context& stack,
                           void (*run)(void* argument, UserContext& self), void* argument) {
    auto* const lowest = static_cast<char*>(stack.sp) - stack.size;
    auto* const own = static_cast<char*>(stack.sp) - (sizeof(UserContext) + 63) / 64 * 64;
    auto* const self = new (own) UserContext;
    self->run_ = run;
    self->argument_ = argument;
    STACKHEAP_CHECK(getcontext(&self->inside_) == 0);
    self->inside_.uc_stack.ss_sp = lowest;
    self->inside_.uc_stack.ss_size = static_cast<std::size_t>(own - lowest);
    self->inside_.uc_link = &self->outside_;
    void (*const entry)(unsigned, unsigned) = [](unsigned high, unsigned low) {
      auto* const started =
          reinterpret_cast<UserContext*>((static_cast<std::uintptr_t>(high) << 32U) | low);
      started->run_(started->argument_, *started);
    };
    const auto address = reinterpret_cast<std::uintptr_t>(self);
    makecontext(&self->inside_, reinterpret_cast<void (*)()>(entry), 2,
                static_cast<unsigned>(address >> 32U), static_cast<unsigned>(address));
    return self;
  }

  // From outside, until it suspends or its body returns; and from inside.
  void resume() { STACKHEAP_CHECK(swapcontext(&outside_, &inside_) == 0); }
  void suspend() { STACKHEAP_CHECK(swapcontext(&inside_, &outside_) == 0); }

 private:
  UserContext() = default;

  ucontext_t inside_{};
  ucontext_t outside_{};
  void (*run_)(void*, UserContext&) = nullptr;
  void* argument_ = nullptr;
};

}  // namespace stackheap
