// The kernel's tracepoints, also where tracefs is not mounted: in a mount namespace of one thread,
// which goes with it. Nothing of the machine is changed.
#pragma once

#include <sched.h>
#include <sys/mount.h>

#include <memory>
#include <thread>

#include "harness/measure/perf_events.hpp"

namespace stackheap::fakes {

// Without the right to mount, what is there without it.
inline PerfEventSet events_with_tracefs() {
  std::unique_ptr<PerfEventSet> events;
  std::thread([&] {
    if (::unshare(CLONE_NEWNS) == 0 &&
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0) {
      // Fails where it is mounted already, and then is not needed.
      static_cast<void>(::mount("nodev", "/sys/kernel/tracing", "tracefs", 0, nullptr));
    }
    events = std::make_unique<PerfEventSet>();
  }).join();
  return std::move(*events);
}

}  // namespace stackheap::fakes
