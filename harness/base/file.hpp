// Descriptors and whole files. Every call checks its result; errors are std::system_error with the
// path in the text, which cli/ turns into a sentence.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace stackheap {

// Owns one file descriptor; closes it once.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset() noexcept;

 private:
  int fd_ = -1;
};

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};
// Both ends close-on-exec.
Pipe make_pipe();

// The whole file, or nothing where it cannot be read. For /proc and /sys, where absence is normal.
std::optional<std::string> try_read_file(const std::filesystem::path& path);

// The whole file; throws std::system_error naming the path.
std::string read_file(const std::filesystem::path& path);

// Writes a neighbour, fsyncs it and renames it over `path`: readers see the old or the new file,
// never a part. Throws std::system_error.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// Writes all of `data`, retrying short writes and EINTR. Throws std::system_error with `what`.
void write_all(int fd, std::string_view data, std::string_view what);

// `path` with the home folder written as `~`: what is published names no user.
std::string with_home_as_tilde(std::string_view path);

}  // namespace stackheap
