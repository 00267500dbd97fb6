#include "harness/base/error.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <system_error>

namespace stackheap {

void invariant_failed(const char* expression, const char* file, int line) {
  const int saved = errno;
  char text[512];
  const int length = std::snprintf(text, sizeof text, "%s:%d: invariant failed: %s (errno %d)\n",
                                   file, line, expression, saved);
  if (length > 0) {
    const auto size = static_cast<std::size_t>(length) < sizeof text
                          ? static_cast<std::size_t>(length)
                          : sizeof text - 1;
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text, size);
  }
  std::abort();
}

void throw_errno(std::string_view doing) {
  throw std::system_error(errno, std::generic_category(), std::string(doing));
}

}  // namespace stackheap
