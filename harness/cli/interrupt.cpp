#include "harness/cli/interrupt.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "harness/base/error.hpp"
#include "harness/base/file.hpp"

namespace stackheap {
namespace {

volatile sig_atomic_t interrupts = 0;
int write_end = -1;

void on_signal(int) {
  const int saved = errno;
  interrupts = interrupts + 1;
  if (interrupts > 1) ::_exit(static_cast<int>(ExitCode::kInterrupted));
  [[maybe_unused]] const auto written = ::write(write_end, "!", 1);
  errno = saved;
}

}  // namespace

int install_interrupt_handlers() {
  Pipe pipe = make_pipe();
  write_end = pipe.write.release();
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction inherited {};
    STACKHEAP_CHECK(::sigaction(signal, nullptr, &inherited) == 0);
    // nohup, and a shell's `&` in a script, have us ignore some of them: then they are not for us.
    if (inherited.sa_handler == SIG_IGN) continue;
    STACKHEAP_CHECK(::sigaction(signal, &action, nullptr) == 0);
  }
  // A reader that is gone, or a limit on files, is an error of the write that meets it, and no
  // reason to die between two samples.
  for (const int signal : {SIGPIPE, SIGXFSZ}) {
    STACKHEAP_CHECK(::signal(signal, SIG_IGN) != SIG_ERR);
  }
  return pipe.read.release();
}

}  // namespace stackheap
