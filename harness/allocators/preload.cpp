#include "harness/allocators/preload.hpp"

#include <fcntl.h>

#include "harness/base/error.hpp"

namespace stackheap {

bool needs_descriptor(std::string_view path) {
  return path.find_first_of(" :$") != std::string_view::npos;
}

PreloadPlan plan_preload(const Allocator& allocator) {
  constexpr int kLowestDescriptor = 200;
  PreloadPlan plan;
  for (const std::string& library : allocator.libraries) {
    if (!plan.value.empty()) plan.value += ':';
    if (!needs_descriptor(library)) {
      plan.value += library;
      continue;
    }
    const UniqueFd opened(::open(library.c_str(), O_RDONLY | O_CLOEXEC));
    if (!opened) throw_errno("open " + library);
    UniqueFd high(::fcntl(opened.get(), F_DUPFD_CLOEXEC, kLowestDescriptor));
    if (!high) throw_errno("duplicate the descriptor of " + library);
    plan.value += "/proc/self/fd/" + std::to_string(high.get());
    plan.descriptors.push_back(std::move(high));
  }
  return plan;
}

std::vector<std::string> expected_files(const Allocator& allocator) {
  std::vector<std::string> files = allocator.libraries;
  files.insert(files.end(), allocator.companions.begin(), allocator.companions.end());
  return files;
}

}  // namespace stackheap
