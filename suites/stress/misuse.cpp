// What becomes of a program that misuses the heap: is it caught, and how?
//
// Each kind of misuse is undefined, so nothing that happens is wrong; it is recorded, for the
// column "security" of a report. Each case is a child of its own: it commits the misuse, then goes
// on like a program that does not know, and looks for damage. The record is
//     caught <when>: ...     the allocator noticed: it aborted, or ended the process with a message
//     reported <when>: ...   it printed a message and went on
//     crashed <when>: ...    a signal that nobody chose to raise
//     hangs <when>
//     silent: ...            the program went on, and something of it was damaged
//     harmless               the program went on, and no damage was seen
// where <when> is `at once`, in the call that commits the misuse or that is the first to see it, or
// `later`.
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include <cstring>
#include <iterator>
#include <new>

#include "harness/worker/check.hpp"
#include "harness/worker/check_child.hpp"
#include "harness/worker/entry_points.hpp"
#include "suites/common/posix_thread.hpp"

namespace stackheap {
namespace {

constexpr double kChildSeconds = 5;
constexpr std::size_t kSmall = 56;
constexpr std::size_t kLarge = std::size_t{1} << 20U;  // mapped by most
constexpr std::size_t kNeighbours = 64;
constexpr unsigned char kFill = 0x5c;
constexpr unsigned char kStray = 0xa3;

// In memory that the child shares.
struct Story {
  bool committed = false;        // the misuse itself is over
  const char* damage = nullptr;  // a literal, the same in both processes
};

void* filled(std::size_t bytes) {
  void* const block = heap::malloc(bytes);
  if (block != nullptr) std::memset(block, kFill, bytes);
  return heap::opaque(block);
}

// Takes what lies ready of this size, so that a case does not depend on what was freed before it.
void empty_lists(std::size_t bytes) {
  for (std::size_t i = 0; i < kNeighbours; ++i) filled(bytes);
}

bool holds_fill(const void* block, std::size_t bytes) {
  const auto* const content = static_cast<const unsigned char*>(heap::opaque(block));
  std::size_t different = 0;
  for (std::size_t i = 0; i < bytes; ++i) different += content[i] != kFill ? 1U : 0U;
  return different == 0;
}

// Goes on: blocks of all sizes come and go, so that lists are walked and records are read.
void go_on() {
  void* blocks[kNeighbours] = {};
  for (std::size_t round = 0; round < 50; ++round) {
    for (std::size_t i = 0; i < kNeighbours; ++i) {
      heap::free(blocks[i]);
      const std::size_t bytes = i % 2 == 0 ? kSmall : (1 + round) * (1 + i) * 3;
      blocks[i] = filled(bytes);
    }
  }
  for (void* block : blocks) heap::free(block);
}

// Blocks of the size that was misused: does one come twice, or lose its content to another?
const char* look_for_twins(std::size_t bytes) {
  void* blocks[kNeighbours];
  for (void*& block : blocks) block = filled(bytes);
  for (std::size_t i = 0; i < kNeighbours; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (blocks[i] == blocks[j]) return "the block was handed out twice";
    }
  }
  return nullptr;
}

void free_twice(Story& story, std::size_t bytes) {
  void* const block = filled(bytes);
  heap::free(block);
  heap::free(block);
  story.committed = true;
  story.damage = look_for_twins(bytes);
}
void free_twice_small(Story& story) {
  free_twice(story, kSmall);
}
void free_twice_large(Story& story) {
  free_twice(story, kLarge);
}
// The second free() does not meet the block on top of a list.
void free_twice_with_another_between(Story& story) {
  void* const block = filled(kSmall);
  void* const other = filled(kSmall);
  heap::free(block);
  heap::free(other);
  heap::free(block);
  story.committed = true;
  story.damage = look_for_twins(kSmall);
}
void free_twice_after_many(Story& story) {
  void* blocks[kNeighbours];
  for (void*& block : blocks) block = filled(kSmall);
  for (void* block : blocks) heap::free(block);
  heap::free(blocks[kNeighbours / 2]);
  story.committed = true;
  story.damage = look_for_twins(kSmall);
}
void free_twice_on_two_threads(Story& story) {
  void* const block = filled(kSmall);
  heap::free(block);
  join_thread(ThreadAttributes(0).start(
      [](void* freed) -> void* {
        heap::free(freed);
        return nullptr;
      },
      block));
  story.committed = true;
  story.damage = look_for_twins(kSmall);
}

// A later malloc() that returns what was never the heap's is the damage.
void free_foreign(Story& story, void* address) {
  heap::free(address);
  story.committed = true;
  for (std::size_t i = 0; i < kNeighbours; ++i) {
    if (heap::malloc(kSmall) == address) {
      story.damage = "malloc returned the address";
      return;
    }
  }
}
void free_inside(Story& story) {
  free_foreign(story, static_cast<char*>(filled(kSmall * 4)) + 16);
}
void free_odd(Story& story) {
  free_foreign(story, static_cast<char*>(filled(kSmall)) + 1);
}
void free_stack(Story& story) {
  alignas(64) unsigned char local[256] = {};
  free_foreign(story, heap::opaque(local + 64));
}
void free_static(Story& story) {
  alignas(64) static unsigned char s_static[256] = {};
  free_foreign(story, heap::opaque(s_static + 64));
}
void free_mapped(Story& story) {
  void* const memory =
      ::mmap(nullptr, kLarge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  free_foreign(story, static_cast<char*>(memory) + 4096);
}

// The byte behind the last one that the block has, or the one before its first; then all of them
// are freed, which is when records and free lists are read.
void step_outside(Story& story, std::size_t bytes, bool before) {
  unsigned char* blocks[kNeighbours];
  for (unsigned char*& block : blocks) block = static_cast<unsigned char*>(filled(bytes));
  const std::size_t usable = heap::usable_size(blocks[0]);
  unsigned char* const victim = heap::opaque(blocks[kNeighbours / 2]);
  *heap::opaque(before ? victim - 1 : victim + usable) = kStray;
  story.committed = true;
  for (unsigned char* block : blocks) {
    if (!holds_fill(block, bytes)) story.damage = "a neighbour's byte was overwritten";
  }
  for (unsigned char* block : blocks) heap::free(block);
  if (story.damage == nullptr) story.damage = look_for_twins(bytes);
}
// Sizes that fill their block: as many bytes as a block of kSmall can be used for.
std::size_t full_size(std::size_t bytes) {
  void* const block = heap::malloc(bytes);
  const std::size_t usable = heap::usable_size(block);
  heap::free(block);
  return usable;
}
void write_behind_small(Story& story) {
  step_outside(story, full_size(kSmall), false);
}
void write_before_small(Story& story) {
  step_outside(story, full_size(kSmall), true);
}
void write_behind_large(Story& story) {
  step_outside(story, full_size(kLarge), false);
}

// The next owner finds what a stale pointer wrote.
void write_after_free(Story& story, std::size_t bytes) {
  auto* const block = static_cast<unsigned char*>(filled(bytes));
  heap::free(block);
  for (std::size_t i = 0; i < 32; ++i) heap::opaque(block)[i] = kStray;
  story.committed = true;
  void* owners[kNeighbours];
  for (void*& owner : owners) owner = filled(bytes);
  heap::opaque(block)[bytes / 2] = kStray;
  for (void* owner : owners) {
    if (!holds_fill(owner, bytes)) story.damage = "the next owner's bytes were overwritten";
  }
  for (void* owner : owners) heap::free(owner);
}
void write_after_free_small(Story& story) {
  write_after_free(story, kSmall);
}
void write_after_free_large(Story& story) {
  write_after_free(story, kLarge);
}
void read_after_free(Story& story, std::size_t bytes) {
  auto* const block = static_cast<unsigned char*>(filled(bytes));
  heap::free(block);
  const bool still_there = heap::opaque(block)[bytes / 2] == kFill;
  story.committed = true;
  if (still_there) story.damage = "the old content was read";
}
void read_after_free_small(Story& story) {
  read_after_free(story, kSmall);
}
void read_after_free_large(Story& story) {
  read_after_free(story, kLarge);
}

struct Case {
  const char* name;
  void (*commit)(Story&);
};
constexpr Case kDoubleFree[] = {{"small", free_twice_small},
                                {"another-between", free_twice_with_another_between},
                                {"after-many", free_twice_after_many},
                                {"two-threads", free_twice_on_two_threads},
                                {"large", free_twice_large}};
constexpr Case kInvalidFree[] = {{"inside-block", free_inside},
                                 {"odd-address", free_odd},
                                 {"stack", free_stack},
                                 {"static", free_static},
                                 {"mapped", free_mapped}};
constexpr Case kOverflow[] = {{"behind-small", write_behind_small},
                              {"before-small", write_before_small},
                              {"behind-large", write_behind_large}};
constexpr Case kUseAfterFree[] = {{"write-small", write_after_free_small},
                                  {"write-large", write_after_free_large},
                                  {"read-small", read_after_free_small},
                                  {"read-large", read_after_free_large}};

// Raised on purpose: by abort(), by a trap instruction or breakpoint.
bool is_deliberate(int signal) {
  return signal == SIGABRT || signal == SIGTRAP || signal == SIGILL;
}

// What an allocator said, without what differs from run to run.
struct Message {
  explicit Message(const char* said) {
    std::size_t at = 0;
    while (*said != '\0' && at + sizeof kAddress < sizeof text) {
      if (said[0] == '0' && said[1] == 'x') {
        at += std::strlen(std::strcpy(text + at, kAddress));
        said += 2 + std::strspn(said + 2, "0123456789abcdefABCDEF");
      } else {
        text[at++] = *said++;
      }
    }
    while (at > 0 && text[at - 1] == ' ') text[--at] = '\0';
  }
  static constexpr char kAddress[] = "0x...";
  char text[sizeof ChildEnd::message + 1] = {};
};

void tell(CheckRun& run, const char* name, const ChildEnd& end, const Story& story) {
  const char* const when = story.committed ? "later" : "at once";
  const Message without_addresses(end.message);
  const char* const message = without_addresses.text;
  const char* const colon = *message != '\0' ? ", " : "";
  if (end.timed_out()) {
    run.record(name, "hangs %s", when);
  } else if (end.signalled() || end.code != 0) {
    const bool on_purpose = !end.signalled() || is_deliberate(end.code);
    run.record(name, "%s %s: %s%s%s", on_purpose ? "caught" : "crashed", when, end_text(end).text,
               colon, message);
  } else if (*message != '\0') {
    run.record(name, "reported %s: %s", when, message);
  } else if (story.damage != nullptr) {
    run.record(name, "silent: %s", story.damage);
  } else {
    run.record(name, "harmless");
  }
}

void* map_story() {
  void* const memory =
      ::mmap(nullptr, sizeof(Story), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return memory;
}

template <const auto& kCases>
void misuse(CheckRun& run) {
  for (const Case& misuse_case : kCases) {
    auto& story = *new (map_story()) Story;
    const ChildEnd end = in_child(kChildSeconds, [&] {
      empty_lists(kSmall);
      misuse_case.commit(story);
      go_on();
      return 0;
    });
    tell(run, misuse_case.name, end, story);
    run.count(1);
    unmap_pages(&story, sizeof(Story));
  }
}

// They need the heap to themselves, and nothing of them is random: once is enough.
CheckInfo info(const char* name, const char* summary) {
  return {.name = name,
          .summary = summary,
          .source = "undefined: C11 7.22.3; recorded for comparison",
          .gravest = CheckVerdict::kRecorded,
          .rank = 200,
          .seconds = 0.1,
          .deadline_seconds = 60,
          .threads = {CheckThreads::kOne}};
}

const CheckRegistration kRegistrations[] = {
    {info("misuse/double-free", "A block is freed twice, in five ways: caught or not, and how"),
     misuse<kDoubleFree>},
    {info("misuse/invalid-free", "What no heap has given is freed: caught or not, and how"),
     misuse<kInvalidFree>},
    {info("misuse/overflow-by-one", "One byte beyond a block is written: caught or not, and how"),
     misuse<kOverflow>},
    {info("misuse/use-after-free", "A freed block is written or read: caught or not, and how"),
     misuse<kUseAfterFree>},
};

}  // namespace
}  // namespace stackheap
