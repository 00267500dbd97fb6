#include "harness/driver/supervise.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "harness/base/clock.hpp"
#include "harness/base/error.hpp"
#include "harness/base/file.hpp"
#include "harness/driver/keeper.hpp"
#include "harness/driver/tick_clock.hpp"

namespace stackheap {
namespace {

// Keeps the last kLargestLogBytes; memory stays bounded however much is written.
void append_log(ProcessOutcome& outcome, std::string_view data) {
  outcome.log_bytes += data.size();
  outcome.log += data;
  if (outcome.log.size() > 2 * kLargestLogBytes) {
    outcome.log.erase(0, outcome.log.size() - kLargestLogBytes);
  }
}

void append_result(ProcessOutcome& outcome, std::string_view data) {
  const std::size_t room = kLargestResultBytes - outcome.result.size();
  if (data.size() > room) outcome.result_too_large = true;
  outcome.result += data.substr(0, room);
}

timespec timespec_of(std::uint64_t nanoseconds) {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  return {static_cast<time_t>(nanoseconds / kSecond), static_cast<long>(nanoseconds % kSecond)};
}

// Reads once; false at end-of-file.
template <class Sink>
bool drain(int fd, Sink&& sink) {
  std::array<char, 65536> buffer;
  const ssize_t got = ::read(fd, buffer.data(), buffer.size());
  if (got < 0 && errno == EINTR) return true;
  if (got <= 0) return false;
  sink(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
  return true;
}

}  // namespace

ProcessOutcome supervise(const ProcessRequest& request, const SuperviseHooks& hooks) {
  Pipe control = make_pipe();
  Pipe status = make_pipe();
  Pipe log = make_pipe();
  Pipe result = request.wants_result ? make_pipe() : Pipe{};
  const std::uint64_t started_ns = monotonic_ns();
  const pid_t keeper = ::fork();
  if (keeper < 0) throw_errno("fork a keeper");
  if (keeper == 0) {
    control.write.reset();
    keep(request, {control.read.get(), status.write.get(), result.write ? result.write.get() : -1,
                   log.write.get()});
  }
  control.read.reset();
  status.write.reset();
  log.write.reset();
  result.write.reset();

  ProcessOutcome outcome;
  bool told_the_end = false;
  bool interrupted = false;
  pid_t worker = -1;
  std::optional<TickClock> ticks;  // while the worker runs, where ticks are wanted
  std::string messages;
  const auto read_message = [&](std::string_view data) {
    messages += data;
    while (messages.size() >= sizeof(KeeperMessage)) {
      KeeperMessage message;
      messages.copy(reinterpret_cast<char*>(&message), sizeof message);
      messages.erase(0, sizeof message);
      if (message.kind == KeeperMessage::Kind::kStarted) {
        worker = message.pid;
        if (hooks.on_tick) {
          ticks.emplace(monotonic_ns(), std::uint64_t{1'000'000} * hooks.tick_ms);
          hooks.on_tick(worker);
        }
      } else {
        ticks.reset();
        told_the_end = true;
        outcome.end = message.end;
        outcome.code = message.code;
      }
    }
  };
  while (status.read || log.read || result.read) {
    const auto wanted = [](const UniqueFd& fd) { return pollfd{fd ? fd.get() : -1, POLLIN, 0}; };
    // A quick child's result may be there before the keeper's word that it has started; the ticks
    // need that word first.
    const bool started = worker > 0 || !status.read;
    std::array<pollfd, 4> waits{wanted(status.read), wanted(log.read),
                                started ? wanted(result.read) : pollfd{-1, POLLIN, 0},
                                pollfd{interrupted ? -1 : hooks.interrupt_fd, POLLIN, 0}};
    const timespec wait = ticks ? timespec_of(ticks->wait_ns(monotonic_ns())) : timespec{};
    const int ready = ::ppoll(waits.data(), waits.size(), ticks ? &wait : nullptr, nullptr);
    if (ready < 0) {
      if (errno == EINTR) continue;
      throw_errno("poll");
    }
    // Also when something else woke us: a child that writes all the time must not stop the ticks.
    if (ticks && ticks->due(monotonic_ns())) hooks.on_tick(worker);
    if (waits[0].revents != 0 && !drain(status.read.get(), read_message)) status.read.reset();
    if (waits[1].revents != 0 &&
        !drain(log.read.get(), [&](auto data) { append_log(outcome, data); })) {
      log.read.reset();
    }
    // Having sent its result a worker ends, so this tick is the last that sees its memory.
    if (waits[2].revents != 0 && ticks && outcome.result.empty()) hooks.on_tick(worker);
    if (waits[2].revents != 0 &&
        !drain(result.read.get(), [&](auto data) { append_result(outcome, data); })) {
      result.read.reset();
    }
    if (waits[3].revents != 0) {
      interrupted = true;
      control.write.reset();
    }
  }
  while (::waitpid(keeper, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (!told_the_end) {
    // Somebody killed the keeper; the kernel ended the worker with it.
    outcome.end = ProcessEnd::kSignalled;
    outcome.code = SIGKILL;
  }
  if (outcome.log.size() > kLargestLogBytes) {
    outcome.log.erase(0, outcome.log.size() - kLargestLogBytes);
  }
  outcome.seconds = static_cast<double>(monotonic_ns() - started_ns) * 1e-9;
  return outcome;
}

}  // namespace stackheap
