#include "harness/driver/supervise.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

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

// One child process under its keeper, from start to the end of its last descendant.
class Child {
 public:
  explicit Child(const SuperviseHooks& hooks) : hooks_(hooks) {}

  // `others` were started before: their descriptors are not for this keeper, or its life would
  // prolong theirs.
  void start(const ProcessRequest& request, std::span<const std::unique_ptr<Child>> others) {
    Pipe control = make_pipe();
    Pipe status = make_pipe();
    Pipe log = make_pipe();
    Pipe result = request.wants_result ? make_pipe() : Pipe{};
    started_ns_ = monotonic_ns();
    keeper_ = ::fork();
    if (keeper_ < 0) throw_errno("fork a keeper");
    if (keeper_ == 0) {
      for (const auto& other : others) other->close_all();
      control.write.reset();
      keep(request, {control.read.get(), status.write.get(), result.write ? result.write.get() : -1,
                     log.write.get()});
    }
    control_ = std::move(control.write);
    status_ = std::move(status.read);
    log_ = std::move(log.read);
    result_ = std::move(result.read);
  }

  bool is_open() const { return status_ || log_ || result_; }
  // Also where its keeper was killed, who then said nothing of it.
  bool has_ended() const { return told_the_end_ || !status_; }
  // Ended, and otherwise than by exit code 0.
  bool has_failed() const {
    return has_ended() &&
           (!told_the_end_ || outcome_.end != ProcessEnd::kExited || outcome_.code != 0);
  }

  static constexpr std::size_t kDescriptors = 3;
  std::array<pollfd, kDescriptors> wanted() const {
    const auto of = [](const UniqueFd& fd) { return pollfd{fd ? fd.get() : -1, POLLIN, 0}; };
    // A quick child's result may be there before the keeper's word that it has started; the ticks
    // need that word first.
    const bool started = worker_ > 0 || !status_;
    return {of(status_), of(log_), started ? of(result_) : pollfd{-1, POLLIN, 0}};
  }

  // Nothing: no tick is due before something arrives.
  std::optional<std::uint64_t> wait_ns() const {
    return ticks_ ? std::optional(ticks_->wait_ns(monotonic_ns())) : std::nullopt;
  }

  void take(std::span<const pollfd> waits) {
    // Also when something else woke us: a child that writes all the time must not stop the ticks.
    if (ticks_ && ticks_->due(monotonic_ns())) hooks_.on_tick(worker_);
    if (waits[0].revents != 0 &&
        !drain(status_.get(), [this](auto data) { read_messages(data); })) {
      status_.reset();
    }
    if (waits[1].revents != 0 &&
        !drain(log_.get(), [this](auto data) { append_log(outcome_, data); })) {
      log_.reset();
    }
    // Having sent its result a worker ends, so this tick is the last that sees its memory.
    if (waits[2].revents != 0 && ticks_ && outcome_.result.empty()) hooks_.on_tick(worker_);
    if (waits[2].revents != 0 &&
        !drain(result_.get(), [this](auto data) { append_result(outcome_, data); })) {
      result_.reset();
    }
  }

  // Its keeper ends it; it is then told as interrupted.
  void end() { control_.reset(); }

  ProcessOutcome conclude() {
    while (::waitpid(keeper_, nullptr, 0) < 0 && errno == EINTR) {
    }
    if (!told_the_end_) {
      // Somebody killed the keeper; the kernel ended the worker with it.
      outcome_.end = ProcessEnd::kSignalled;
      outcome_.code = SIGKILL;
    }
    if (outcome_.log.size() > kLargestLogBytes) {
      outcome_.log.erase(0, outcome_.log.size() - kLargestLogBytes);
    }
    outcome_.seconds = static_cast<double>(monotonic_ns() - started_ns_) * 1e-9;
    return std::move(outcome_);
  }

 private:
  void close_all() {
    control_.reset();
    status_.reset();
    log_.reset();
    result_.reset();
  }

  void read_messages(std::string_view data) {
    messages_ += data;
    while (messages_.size() >= sizeof(KeeperMessage)) {
      KeeperMessage message;
      messages_.copy(reinterpret_cast<char*>(&message), sizeof message);
      messages_.erase(0, sizeof message);
      if (message.kind == KeeperMessage::Kind::kStarted) {
        worker_ = message.pid;
        if (hooks_.on_tick) {
          ticks_.emplace(monotonic_ns(), std::uint64_t{1'000'000} * hooks_.tick_ms);
          hooks_.on_tick(worker_);
        }
      } else {
        ticks_.reset();
        told_the_end_ = true;
        outcome_.end = message.end;
        outcome_.code = message.code;
      }
    }
  }

  const SuperviseHooks& hooks_;
  pid_t keeper_ = -1;
  pid_t worker_ = -1;
  std::uint64_t started_ns_ = 0;
  UniqueFd control_;
  UniqueFd status_;
  UniqueFd log_;
  UniqueFd result_;
  std::string messages_;
  std::optional<TickClock> ticks_;  // while the worker runs, where ticks are wanted
  bool told_the_end_ = false;
  ProcessOutcome outcome_;
};

using Children = std::vector<std::unique_ptr<Child>>;

// Waits for what any child sends, or for the interrupt; true: that came.
bool wait_for_any(const Children& children, int interrupt_fd) {
  std::vector<pollfd> waits;
  std::optional<std::uint64_t> soonest;
  for (const auto& child : children) {
    for (const pollfd& wanted : child->wanted()) waits.push_back(wanted);
    const auto wait = child->wait_ns();
    if (wait && (!soonest || *wait < *soonest)) soonest = wait;
  }
  waits.push_back({interrupt_fd, POLLIN, 0});
  const timespec timeout = soonest ? timespec_of(*soonest) : timespec{};
  if (::ppoll(waits.data(), waits.size(), soonest ? &timeout : nullptr, nullptr) < 0) {
    if (errno == EINTR) return false;
    throw_errno("poll");
  }
  const std::span<const pollfd> all(waits);
  for (std::size_t i = 0; i < children.size(); ++i) {
    children[i]->take(all.subspan(i * Child::kDescriptors, Child::kDescriptors));
  }
  return waits.back().revents != 0;
}

}  // namespace

std::vector<ProcessOutcome> supervise_all(std::span<const ProcessRequest> requests,
                                          const SuperviseHooks& hooks) {
  Children children;
  for (const ProcessRequest& request : requests) {
    auto child = std::make_unique<Child>(hooks);
    child->start(request, children);
    children.push_back(std::move(child));
  }
  const auto any = [&](auto predicate) {
    return std::any_of(children.begin(), children.end(), predicate);
  };
  bool ended = false;  // all of them, by us
  std::vector<bool> told(children.size(), false);
  while (any([](const auto& child) { return child->is_open(); })) {
    const bool interrupted = wait_for_any(children, ended ? -1 : hooks.interrupt_fd);
    if (!ended && (interrupted || any([](const auto& child) { return child->has_failed(); }))) {
      for (const auto& child : children) child->end();
      ended = true;
    }
    for (std::size_t i = 0; hooks.on_end && i < children.size(); ++i) {
      if (told[i] || !children[i]->has_ended()) continue;
      told[i] = true;
      hooks.on_end(i);
    }
  }
  std::vector<ProcessOutcome> outcomes;
  for (const auto& child : children) outcomes.push_back(child->conclude());
  return outcomes;
}

ProcessOutcome supervise(const ProcessRequest& request, const SuperviseHooks& hooks) {
  return std::move(supervise_all({&request, 1}, hooks).front());
}

}  // namespace stackheap
