#include "harness/measure/memory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "harness/base/file.hpp"

namespace stackheap {
namespace {

// "VmHWM:     1234 kB" in `status`, in bytes.
std::optional<std::uint64_t> kilobytes_after(std::string_view status, std::string_view key) {
  auto at = status.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  at += key.size();
  while (at < status.size() && (status[at] == ' ' || status[at] == '\t')) ++at;
  std::uint64_t value = 0;
  bool any = false;
  for (; at < status.size() && status[at] >= '0' && status[at] <= '9'; ++at) {
    value = value * 10 + static_cast<std::uint64_t>(status[at] - '0');
    any = true;
  }
  if (!any) return std::nullopt;
  return value * 1024;
}

// The beginning of a small file of /proc; empty where it cannot be read.
class ProcText {
 public:
  explicit ProcText(const char* path) {
    const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
    if (!fd) return;
    while (size_ < sizeof text_) {
      const ssize_t got = ::read(fd.get(), text_ + size_, sizeof text_ - size_);
      if (got <= 0) break;
      size_ += static_cast<std::size_t>(got);
    }
  }
  std::string_view view() const { return {text_, size_}; }

 private:
  char text_[8192];
  std::size_t size_ = 0;
};

}  // namespace

std::optional<ResidentMemory> read_resident_memory() {
  const ProcText status("/proc/self/status");
  const auto now = kilobytes_after(status.view(), "VmRSS:");
  const auto peak = kilobytes_after(status.view(), "VmHWM:");
  if (!now || !peak) return std::nullopt;
  return ResidentMemory{*now, *peak};
}

std::optional<std::uint64_t> count_resident_bytes() {
  const ProcText rollup("/proc/self/smaps_rollup");
  return kilobytes_after(rollup.view(), "\nRss:");
}

std::optional<std::uint64_t> count_mapped_regions() {
  const UniqueFd fd(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  char text[8192];
  std::uint64_t lines = 0;
  for (;;) {
    const ssize_t got = ::read(fd.get(), text, sizeof text);
    if (got < 0) return std::nullopt;
    if (got == 0) return lines;
    lines += static_cast<std::uint64_t>(std::count(text, text + got, '\n'));
  }
}

}  // namespace stackheap
