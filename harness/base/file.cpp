#include "harness/base/file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "harness/base/disk.hpp"
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

void sync_folder(const fs::path& folder) {
  const UniqueFd fd(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw_errno("open " + folder.string());
  // Some network file systems cannot; what they promise of names is not ours to know.
  if (::fsync(fd.get()) != 0 && errno != EINVAL) throw_errno("write to disk " + folder.string());
}

namespace {

// Removes a neighbour that never took its place.
class Neighbour {
 public:
  explicit Neighbour(fs::path path) : path_(std::move(path)) {}
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;
  ~Neighbour() {
    if (!renamed_) ::unlink(path_.c_str());
  }
  void rename_to(const fs::path& path) {
    if (::rename(path_.c_str(), path.c_str()) != 0) throw_errno("rename to " + path.string());
    renamed_ = true;
  }

 private:
  fs::path path_;
  bool renamed_ = false;
};

void write_to_disk(const UniqueFd& fd, std::string_view content, const fs::path& path) {
  write_all(fd.get(), content, path.string());
  if (::fsync(fd.get()) != 0) throw_errno("write to disk " + path.string());
}

// A file without a name takes its name when it is complete. False where the file system has none.
bool write_nameless(const fs::path& neighbour, std::string_view content, const fs::path& path) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const UniqueFd fd(::open(folder.c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666));
  if (!fd) return false;
  write_to_disk(fd, content, path);
  const std::string open_file = "/proc/self/fd/" + std::to_string(fd.get());
  const auto name = [&] {
    return ::linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, neighbour.c_str(), AT_SYMLINK_FOLLOW) ==
           0;
  };
  if (name()) return true;
  // Left by somebody who was killed between two system calls.
  return errno == EEXIST && ::unlink(neighbour.c_str()) == 0 && name();
}

}  // namespace

void write_file_atomically(const fs::path& path, std::string_view content) {
  fs::path name = path;
  name += kNeighbourSuffix;
  Neighbour neighbour(name);
  if (!write_nameless(name, content, path)) {
    const UniqueFd fd(::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!fd) throw_errno("create " + path.string());
    write_to_disk(fd, content, path);
  }
  neighbour.rename_to(path);
  sync_folder(path.parent_path());
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
