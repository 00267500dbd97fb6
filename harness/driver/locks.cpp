#include "harness/driver/locks.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "harness/base/clock.hpp"
#include "harness/base/error.hpp"

namespace stackheap {
namespace {

constexpr std::string_view kSocketName = "stackheap-measuring";
// A keeper whose driver was killed ends within this.
constexpr std::uint64_t kPatienceNs = 2'000'000'000;
constexpr int kRetryMs = 20;
constexpr std::size_t kLongestCommand = 120;

// Tries until it succeeds or patience ends.
template <class Try>
bool succeeds(Try&& attempt) {
  const std::uint64_t end = monotonic_ns() + kPatienceNs;
  for (;;) {
    if (attempt()) return true;
    if (monotonic_ns() >= end) return false;
    ::poll(nullptr, 0, kRetryMs);
  }
}

struct SocketAddress {
  sockaddr_un address = {};
  socklen_t size = 0;
};

// Abstract: the first byte of the path is 0, and no file is made (unix(7)).
SocketAddress socket_address() {
  SocketAddress result;
  result.address.sun_family = AF_UNIX;
  std::copy(kSocketName.begin(), kSocketName.end(), result.address.sun_path + 1);
  result.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + kSocketName.size());
  return result;
}

UniqueFd make_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw_errno("make a socket");
  return fd;
}

// Who listens there, as "process 17 (stackheap run ...)"; a process of another container has no
// number here.
std::string holder() {
  const SocketAddress place = socket_address();
  const UniqueFd fd = make_socket();
  ucred peer = {};
  socklen_t size = sizeof peer;
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&place.address), place.size) != 0 ||
      ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid == 0) {
    return "a process that is not visible from here";
  }
  std::string command =
      try_read_file("/proc/" + std::to_string(peer.pid) + "/cmdline").value_or("");
  std::replace(command.begin(), command.end(), '\0', ' ');
  if (command.size() > kLongestCommand) command = command.substr(0, kLongestCommand) + "...";
  while (command.ends_with(' ')) command.pop_back();
  return command.empty() ? fmt::format("process {}", peer.pid)
                         : fmt::format("process {} ({})", peer.pid, command);
}

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder)
    : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (!fd_) throw_errno("open " + folder.string());
  const bool is_ours = succeeds([&] {
    while (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return false;
      if (errno != EINTR) break;  // no locks here, as on some network file systems
    }
    return true;
  });
  if (is_ours) return;
  throw UserError(
      fmt::format("{}: another process writes to this folder; wait until it has ended, or end it",
                  folder.string()));
}

MachineLock::MachineLock() : socket_(make_socket()) {
  const SocketAddress place = socket_address();
  const bool is_ours = succeeds([&] {
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&place.address), place.size) == 0) {
      return true;
    }
    if (errno != EADDRINUSE) throw_errno("bind a socket");
    return false;
  });
  if (!is_ours) {
    throw UserError(fmt::format(
        "{} measures on this machine already, and two runs would measure each other; wait until it "
        "has ended, or accept that with --allow-concurrent",
        holder()));
  }
  // Only so that others can ask who we are.
  if (::listen(socket_.get(), SOMAXCONN) != 0) throw_errno("listen on a socket");
}

}  // namespace stackheap
