// stack_facts FACT: the same of fibers' stacks: whether each of many, made as the suites make them,
// has its guard, its length and its pages to itself. Pages are tried by system calls that read or
// write them: these fail where a program would end.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "suites/common/stack_kinds.hpp"

namespace {

using namespace stackheap;

constexpr std::size_t kStacks = 256;
constexpr std::size_t kPage = 4096;
using Made = std::array<boost::context::stack_context, kStacks>;

struct Trial {
  bool has_guard;
  Made stacks;
  char* lowest(std::size_t stack) const {
    return static_cast<char*>(stacks[stack].sp) - stacks[stack].size;
  }
  std::size_t pages(std::size_t stack) const { return stacks[stack].size / kPage; }
};

// Whether the kernel can write there.
bool is_there(char* page) {
  static const int zero = ::open("/dev/zero", O_RDONLY);
  return ::read(zero, page, 8) == 8;
}

bool guarded(const Trial& trial) {
  for (std::size_t i = 0; i < kStacks; ++i) {
    if (trial.has_guard && is_there(trial.lowest(i))) return false;
  }
  return true;
}

bool long_enough(const Trial& trial) {
  for (std::size_t i = 0; i < kStacks; ++i) {
    for (std::size_t page = trial.has_guard ? 1 : 0; page < trial.pages(i); ++page) {
      if (!is_there(trial.lowest(i) + page * kPage)) return false;
    }
  }
  return true;
}

bool own_pages(const Trial& trial) {
  for (std::size_t i = 0; i < kStacks; ++i) {
    for (std::size_t page = 2; page < trial.pages(i); ++page) {
      std::memcpy(trial.lowest(i) + page * kPage, &i, sizeof i);
    }
  }
  for (std::size_t i = 0; i < kStacks; ++i) {
    for (std::size_t page = 2; page < trial.pages(i); ++page) {
      if (std::memcmp(trial.lowest(i) + page * kPage, &i, sizeof i) != 0) return false;
    }
  }
  return true;
}

template <StackAllocator Stack>
Trial make(bool has_guard) {
  Trial trial{has_guard, {}};
  Stack stacks(kFiberStackBytes);
  for (auto& stack : trial.stacks) stack = stacks.allocate();
  return trial;
}

struct Fact {
  std::string_view name;
  bool (*holds)(const Trial&);
};
constexpr Fact kFacts[] = {
    {"guarded", guarded}, {"long_enough", long_enough}, {"own_pages", own_pages}};

}  // namespace

int main(int count, char** arguments) {
  const std::string_view wanted = count > 1 ? arguments[1] : "";
  if (wanted == "--list") {
    for (const Fact& fact : kFacts) std::puts(fact.name.data());
    return 0;
  }
  for (const Fact& fact : kFacts) {
    if (fact.name != wanted) continue;
    const bool holds = fact.holds(make<ProtectedStack>(true)) &&
                       fact.holds(make<MappedStack>(false)) &&
                       (!GuardedStack::is_supported() || fact.holds(make<GuardedStack>(true)));
    return holds ? 0 : 1;
  }
  std::fprintf(stderr, "no fact '%s'; --list shows them\n", count > 1 ? arguments[1] : "");
  return 2;
}
