// The process between the driver and a worker. It is a subreaper, so every descendant of the worker
// that loses its parent becomes its child and can be ended; and it holds the read end of a pipe
// whose write end only the driver has, so it learns of the driver's death by end-of-file, also by
// kill -9. Should the keeper itself be killed, the worker dies with it (PR_SET_PDEATHSIG).
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "harness/driver/supervise.hpp"

namespace stackheap {

// What the keeper tells the driver through its status pipe: one kStarted (or kNotStarted), then one
// with the end.
struct KeeperMessage {
  enum class Kind : std::int32_t { kStarted, kEnded } kind = Kind::kStarted;
  ProcessEnd end = ProcessEnd::kExited;
  std::int32_t code = 0;
  std::int32_t pid = 0;
};

struct KeeperDescriptors {
  int control = -1;  // read end; end-of-file means: end everything now
  int status = -1;   // write end
  int result = -1;   // the worker's write end, or -1
  int log = -1;      // the worker's stdout and stderr
};

// Never returns. Called in a freshly forked child of a single-threaded driver.
[[noreturn]] void keep(const ProcessRequest& request, const KeeperDescriptors& descriptors);

}  // namespace stackheap
