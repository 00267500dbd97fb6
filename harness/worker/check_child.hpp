// A part of a check that may end its process: it runs in a forked child, and how that ended is
// told.
#pragma once

#include <string_view>
#include <type_traits>

namespace stackheap {

struct ChildEnd {
  enum class Kind { kExited, kSignalled, kTimeout };
  Kind kind = Kind::kExited;
  int code = 0;            // exit code or signal
  char message[200] = {};  // the last line that it wrote to stderr or stdout
  double seconds = 0;
  double waited_seconds = 0;  // where timed out: ready, but without a CPU, or for the kernel

  bool exited_with(int wanted) const { return kind == Kind::kExited && code == wanted; }
  bool signalled() const { return kind == Kind::kSignalled; }
  bool timed_out() const { return kind == Kind::kTimeout; }
};

// Forks, and calls `body` in the child, which exits with what it returns and without running
// destructors. After the deadline it is killed. Default actions for all signals that our worker
// catches; no core file.
ChildEnd in_child(double deadline_seconds, int (*body)(void*), void* context);
template <class Body>
ChildEnd in_child(double deadline_seconds, Body&& body) {
  return in_child(
      deadline_seconds,
      [](void* context) { return (*static_cast<std::remove_reference_t<Body>*>(context))(); },
      static_cast<void*>(&body));
}

// "exit code 3", "SIGSEGV", "no end within 2 s", as text that needs no heap.
struct ChildEndText {
  char text[64];
};
ChildEndText end_text(const ChildEnd& end);

}  // namespace stackheap
