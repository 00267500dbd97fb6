// One short-lived thread after another, for checks of what is left when a thread ends.
#pragma once

#include <pthread.h>
#include <unistd.h>

#include <cstring>

#include "harness/worker/check.hpp"

namespace stackheap::stress {

// Runs `body(CheckLane&)` on a thread of its own, with the lane of the caller, who waits: so hangs
// are seen and seeds hold as if it were one thread.
template <class Body>
void one_life(CheckLane& lane, Body&& body) {
  struct Life {
    CheckLane* lane;
    std::remove_reference_t<Body>* body;
  } life{&lane, &body};
  pthread_attr_t attributes;
  STACKHEAP_CHECK(pthread_attr_init(&attributes) == 0);
  // What libraries keep in thread-local storage fits; 8 MiB each would be address space to no end.
  STACKHEAP_CHECK(pthread_attr_setstacksize(&attributes, std::size_t{256} << 10U) == 0);
  pthread_t thread;
  const auto entry = [](void* argument) -> void* {
    const Life& given = *static_cast<Life*>(argument);
    // Whose CPU time is looked at when it hangs.
    const int parent = given.lane->thread_id.exchange(::gettid());
    (*given.body)(*given.lane);
    given.lane->thread_id.store(parent);
    return nullptr;
  };
  const int error = pthread_create(&thread, &attributes, entry, &life);
  STACKHEAP_CHECK(pthread_attr_destroy(&attributes) == 0);
  if (error != 0) {
    lane.run->unsupported("a thread cannot be started: %s", strerrordesc_np(error));
  }
  STACKHEAP_CHECK(pthread_join(thread, nullptr) == 0);
}

}  // namespace stackheap::stress
