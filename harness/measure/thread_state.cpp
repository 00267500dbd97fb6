#include "harness/measure/thread_state.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "harness/base/file.hpp"

namespace stackheap {
namespace {

std::optional<char> state_in(const char* path) {
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  char text[128];  // the number, the name of at most 15 bytes in parentheses, the letter
  const ssize_t got = ::read(file.get(), text, sizeof text);
  if (got <= 0) return {};
  const std::string_view line(text, static_cast<std::size_t>(got));
  // A name may hold parentheses of its own; what follows it does not.
  const std::size_t end = line.rfind(") ");
  if (end == std::string_view::npos || end + 2 >= line.size()) return {};
  return line[end + 2];
}

}  // namespace

std::optional<char> state_of_thread(int thread_id) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread_id);
  return state_in(path);
}

std::optional<char> state_of_process(pid_t process) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/stat", static_cast<int>(process));
  return state_in(path);
}

}  // namespace stackheap
