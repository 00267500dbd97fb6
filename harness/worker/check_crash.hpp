// What a check was doing when a signal ended it, as the last line of its log: the driver can say
// that a process died of SIGSEGV, but not that it did so in free(), called by thread 1.
#pragma once

#include "harness/base/mapped.hpp"

namespace stackheap {

// For SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT; the signal then ends the process as it would
// have. Nothing in builds with a sanitizer, which tells more. A check that handles such a signal
// itself saves the action and puts it back.
void report_crashes();
// The default actions again: for children that are to die as any program would.
void forget_crashes();

// A stack for the handler while this lives: an overflowed one cannot be reported on itself.
class AlternateStack {
 public:
  AlternateStack();
  AlternateStack(const AlternateStack&) = delete;
  AlternateStack& operator=(const AlternateStack&) = delete;
  ~AlternateStack();

 private:
  MappedArray<char> memory_;
};

}  // namespace stackheap
