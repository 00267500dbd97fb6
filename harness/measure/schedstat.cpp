#include "harness/measure/schedstat.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <string_view>

namespace stackheap {
namespace {

constexpr std::size_t kLongest = 96;  // three decimal numbers

// The second of three decimal fields; 0 where the text has another form.
std::uint64_t second_field(const char* text, const char* end) {
  while (text != end && *text != ' ') ++text;
  if (text != end) ++text;
  std::uint64_t value = 0;
  for (; text != end && *text >= '0' && *text <= '9'; ++text) {
    value = value * 10 + static_cast<std::uint64_t>(*text - '0');
  }
  return value;
}

}  // namespace

Schedstat::Schedstat(const char* path) : file_(::open(path, O_RDONLY | O_CLOEXEC)) {}

bool Schedstat::counts() const {
  char text[kLongest];
  const ssize_t got = ::pread(file_.get(), text, sizeof text, 0);
  return got > 0 && !std::string_view(text, static_cast<std::size_t>(got)).ends_with(" 0\n");
}

std::optional<std::uint64_t> Schedstat::run_queue_ns() const {
  char text[kLongest];
  const ssize_t got = ::pread(file_.get(), text, sizeof text, 0);
  if (got <= 0) return {};
  return second_field(text, text + got);
}

}  // namespace stackheap
