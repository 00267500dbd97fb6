#include "harness/base/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "harness/base/error.hpp"

namespace stackheap {
namespace fs = std::filesystem;

void UniqueFd::reset() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw_errno("pipe2");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::optional<std::string> try_read_file(const fs::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::string content;
  char buffer[16384];
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    if (got == 0) return content;
    if (got < 0) {
      if (errno == EINTR) continue;
      return std::nullopt;
    }
    content.append(buffer, static_cast<std::size_t>(got));
  }
}

std::string read_file(const fs::path& path) {
  errno = 0;
  auto content = try_read_file(path);
  if (!content) throw_errno("read " + path.string());
  return *std::move(content);
}

void write_all(int fd, std::string_view data, std::string_view what) {
  while (!data.empty()) {
    const ssize_t written = ::write(fd, data.data(), data.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      throw_errno("write " + std::string(what));
    }
    data.remove_prefix(static_cast<std::size_t>(written));
  }
}

void write_file_atomically(const fs::path& path, std::string_view content) {
  fs::path temporary = path;
  temporary += ".new";
  {
    const UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!fd) throw_errno("create " + temporary.string());
    write_all(fd.get(), content, temporary.string());
    if (::fsync(fd.get()) != 0) throw_errno("fsync " + temporary.string());
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) throw_errno("rename to " + path.string());
}

std::string with_home_as_tilde(std::string_view path) {
  const char* home = std::getenv("HOME");
  const std::string_view prefix = home == nullptr ? "" : home;
  if (prefix.size() < 2 || path.substr(0, prefix.size()) != prefix) return std::string(path);
  const std::string_view rest = path.substr(prefix.size());
  if (!rest.empty() && rest.front() != '/') return std::string(path);
  return "~" + std::string(rest);
}

}  // namespace stackheap
