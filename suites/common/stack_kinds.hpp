// The kinds of stack that the workloads of this suite compare, in one table, and the stack
// allocators that Boost.Context does not have: mappings without a guard page, and guards that cost
// no mapping. What a kind needs of the kernel is checked before anything is built, because the
// first stack too many is reported by an assertion, a signal or not at all.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <boost/context/fixedsize_stack.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <boost/context/stack_context.hpp>
#include <cerrno>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <new>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "harness/base/error.hpp"
#include "harness/model/workload_info.hpp"
#include "suites/common/limits.hpp"
#include "suites/common/sanitizers.hpp"

namespace stackheap {

inline constexpr std::size_t kFiberStackBytes = std::size_t{64} << 10U;

// What Boost.Context asks of a stack allocator. deallocate() is called on the stack after it has
// been left, and a copy of the allocator lives on the stack until then.
template <class T>
concept StackAllocator = std::copyable<T> && std::constructible_from<T, std::size_t> &&
    requires(T allocator, boost::context::stack_context stack) {
  { allocator.allocate() } -> std::same_as<boost::context::stack_context>;
  allocator.deallocate(stack);
};

// Stacks of `bytes`, rounded up to pages, each its own mmap, with nothing below to catch an
// overflow. MAP_STACK also keeps huge pages away from them since Linux 6.7; before, transparent
// huge pages set to `always` can blow a stack up to 2 MiB.
class MappedStack {
 public:
  explicit MappedStack(std::size_t bytes) : bytes_(round_to_pages(bytes)) {}

  boost::context::stack_context allocate() {
    void* base = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) throw std::bad_alloc();
    boost::context::stack_context stack;
    stack.size = bytes_;
    stack.sp = static_cast<char*>(base) + bytes_;
    return stack;
  }
  void deallocate(boost::context::stack_context& stack) noexcept {
    forget_frames(stack);
    STACKHEAP_CHECK(::munmap(static_cast<char*>(stack.sp) - stack.size, stack.size) == 0);
  }

  static std::size_t page_bytes() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }
  static std::size_t round_to_pages(std::size_t bytes) {
    return (bytes + page_bytes() - 1) / page_bytes() * page_bytes();
  }

 private:
  std::size_t bytes_;
};

// The same with a guard page below, made by MADV_GUARD_INSTALL (Linux 6.13): a marker in the page
// table and not a mapping of its own, which mprotect would split off.
class GuardedStack {
 public:
  static constexpr int kMadvGuardInstall = 102;  // not in Debian 12's headers

  explicit GuardedStack(std::size_t bytes) : stack_(bytes + MappedStack::page_bytes()) {}

  boost::context::stack_context allocate() {
    boost::context::stack_context stack = stack_.allocate();
    if (!install_guard(static_cast<char*>(stack.sp) - stack.size)) {
      stack_.deallocate(stack);
      throw_errno("madvise(MADV_GUARD_INSTALL) of a fiber's guard page");
    }
    return stack;
  }
  void deallocate(boost::context::stack_context& stack) noexcept { stack_.deallocate(stack); }

  // Whether the kernel knows it: tried on a stack.
  static bool is_supported() {
    MappedStack probe(1);
    boost::context::stack_context stack = probe.allocate();
    const bool installed = install_guard(static_cast<char*>(stack.sp) - stack.size);
    probe.deallocate(stack);
    return installed;
  }

 private:
  static bool install_guard(void* page) {
    return ::madvise(page, MappedStack::page_bytes(), kMadvGuardInstall) == 0;
  }

  MappedStack stack_;
};

using MallocStack = Forgetting<boost::context::fixedsize_stack>;
using PooledStack = Forgetting<boost::context::pooled_fixedsize_stack>;
using ProtectedStack = Forgetting<boost::context::protected_fixedsize_stack>;

// Which stack allocator a fiber kind is. pooled_fixedsize_stack is not thread-safe: make one for
// each thread. (segmented_stack needs a Boost built for it, which Debian's is not.)
template <StackAllocator Stack>
struct FiberStack {
  using Allocator = Stack;
  std::string_view kind;
};
inline constexpr std::tuple kFiberStacks{
    FiberStack<MallocStack>{"fiber-fixedsize"},    FiberStack<PooledStack>{"fiber-pooled"},
    FiberStack<ProtectedStack>{"fiber-protected"}, FiberStack<GuardedStack>{"fiber-guarded"},
    FiberStack<MappedStack>{"fiber-mmap"},
};

// Calls visit(FiberStack<...>) for the fiber kind of that name; false where `kind` is no fiber.
template <class Visit>
bool visit_fiber_stack(std::string_view kind, Visit&& visit) {
  return std::apply(
      [&](const auto&... rows) {
        return ((rows.kind == kind ? (visit(rows), true) : false) || ...);
      },
      kFiberStacks);
}

struct StackKind {
  std::string_view name;
  std::string_view description;
  // The stack or frame comes from malloc or operator new. Fibers put their own record onto their
  // stack and take nothing else. A thread's stack is mapped, but starting it with a fresh stack
  // callocs its table of thread-local storage, and its end calls free (counted, glibc 2.36).
  bool on_heap = false;
  unsigned mappings = 0;          // each, that count against vm.max_map_count
  unsigned kernel_threads = 0;    // each
  bool switches_context = false;  // in user space, which ThreadSanitizer cannot follow
};
inline constexpr StackKind kStackKinds[] = {
    {.name = "fiber-fixedsize",
     .description = "Boost.Context fiber, stack by malloc",
     .on_heap = true,
     .switches_context = true},
    {.name = "fiber-pooled",
     .description = "Boost.Context fiber, stack from a pool per thread which mallocs in bulk",
     .on_heap = true,
     .switches_context = true},
    {.name = "fiber-protected",
     .description = "Boost.Context fiber, stack by mmap, guard page by mprotect",
     .mappings = 2,
     .switches_context = true},
    {.name = "fiber-guarded",
     .description = "Boost.Context fiber, stack by mmap, guard page by MADV_GUARD_INSTALL",
     .switches_context = true},
    {.name = "fiber-mmap",
     .description = "Boost.Context fiber, stack by mmap, no guard",
     .switches_context = true},
    {.name = "thread",
     .description = "a POSIX thread with the default stack size (ulimit -s)",
     .mappings = 2,
     .kernel_threads = 1},
    {.name = "thread-small-stack",
     .description = "a POSIX thread with a stack as small as the fibers'",
     .mappings = 2,
     .kernel_threads = 1},
    {.name = "coroutine",
     .description = "C++20 coroutine: no stack, a frame by operator new",
     .on_heap = true},
    {.name = "ucontext",
     .description = "makecontext and swapcontext, stack by mmap, no guard; two system calls a "
                    "switch pair for the signal mask",
     .switches_context = true},
    {.name = "tbb-task",
     .description = "oneTBB task on the waiting thread's stack; its scheduler allocates by its own "
                    "libtbbmalloc, whatever malloc is"},
    {.name = "call", .description = "a plain function that is not inlined: the floor"},
};

// Throws UserError where there is none.
inline const StackKind& stack_kind(std::string_view name) {
  for (const StackKind& kind : kStackKinds) {
    if (kind.name == name) return kind;
  }
  throw UserError("unknown kind of stack '" + std::string(name) +
                  "'; `stackheap list variants` shows them");
}

// The variants of a workload over all kinds but `without`. `threads_use_heap`: what it measures
// starts threads.
inline std::vector<VariantInfo> stack_kind_variants(
    bool threads_use_heap, std::initializer_list<std::string_view> without = {}) {
  std::vector<VariantInfo> variants;
  for (const StackKind& kind : kStackKinds) {
    bool left_out = false;
    for (const std::string_view name : without) left_out = left_out || name == kind.name;
    if (left_out) continue;
    variants.push_back(
        {.name = std::string(kind.name),
         .description = std::string(kind.description),
         .uses_heap = kind.on_heap || (threads_use_heap && kind.kernel_threads > 0)});
  }
  return variants;
}

// Throws CannotRun where this kernel or this build cannot have even one stack of this kind.
inline void require_kind(const StackKind& kind) {
  if (kind.name == "fiber-guarded" && !GuardedStack::is_supported()) {
    throw CannotRun(
        "fiber-guarded needs MADV_GUARD_INSTALL, which this kernel does not have: "
        "Linux 6.13 or later");
  }
  if (kBuiltWithThreadSanitizer && kind.switches_context) {
    throw CannotRun(std::string(kind.name) +
                    " switches stacks in user space, which "
                    "ThreadSanitizer cannot follow: run it in another build");
  }
}

// Stacks that are mapped one by one lie side by side in one mapping. Where several lanes make and
// end them, it may come to as many pieces as every second stack is a hole, and munmap needs a
// mapping to make a hole. Throws CannotRun where `count` stacks could pass the limit that way.
inline void require_holes(const StackKind& kind, std::uint64_t count, unsigned lanes) {
  if (lanes == 1 || kind.on_heap || kind.mappings > 0 || !kind.switches_context) return;
  require_mappings("holes between " + std::to_string(count) + " live of " + std::string(kind.name),
                   count / 2);
}

// Throws CannotRun where `count` stacks of this kind cannot be alive at once in this process.
inline void require_stacks(const StackKind& kind, std::uint64_t count) {
  const std::string what = std::to_string(count) + " live of " + std::string(kind.name);
  require_mappings(what, kind.mappings * count);
  require_kernel_threads(what, kind.kernel_threads * count);
  require_kind(kind);
}

}  // namespace stackheap
