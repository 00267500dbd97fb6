// Drives the library through dlopen, beside the malloc of the test itself.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "harness/allocators/reference/size_class.hpp"
#include "harness/allocators/table.hpp"
#include "harness/base/random.hpp"

namespace stackheap {
namespace {

class Library {
 public:
  Library()
      : handle_(::dlopen((executable_folder() / "libstackheap-reference.so").c_str(),
                         RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) return;
    find(malloc, "malloc");
    find(free, "free");
    find(calloc, "calloc");
    find(realloc, "realloc");
    find(reallocarray, "reallocarray");
    find(posix_memalign, "posix_memalign");
    find(aligned_alloc, "aligned_alloc");
    find(memalign, "memalign");
    find(valloc, "valloc");
    find(pvalloc, "pvalloc");
    find(usable_size, "malloc_usable_size");
  }
  bool loaded() const { return handle_ != nullptr && missing_.empty(); }
  const std::string& missing() const { return missing_; }

  void* (*malloc)(std::size_t) = nullptr;
  void (*free)(void*) = nullptr;
  void* (*calloc)(std::size_t, std::size_t) = nullptr;
  void* (*realloc)(void*, std::size_t) = nullptr;
  void* (*reallocarray)(void*, std::size_t, std::size_t) = nullptr;
  int (*posix_memalign)(void**, std::size_t, std::size_t) = nullptr;
  void* (*aligned_alloc)(std::size_t, std::size_t) = nullptr;
  void* (*memalign)(std::size_t, std::size_t) = nullptr;
  void* (*valloc)(std::size_t) = nullptr;
  void* (*pvalloc)(std::size_t) = nullptr;
  std::size_t (*usable_size)(void*) = nullptr;

 private:
  template <class Function>
  void find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(::dlsym(handle_, name));
    if (function == nullptr) missing_ = name;
  }
  void* handle_;
  std::string missing_;
};

// Never closed: threads may still hold its exit handler.
const Library& library() {
  static const Library kLibrary;
  return kLibrary;
}

class ReferenceAllocator : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(library().loaded()) << ::dlerror() << library().missing(); }
  const Library& lib_ = library();

  static bool aligned(const void* block, std::size_t alignment) {
    return reinterpret_cast<std::uintptr_t>(block) % alignment == 0;
  }
  // Sizes around every class boundary and around the ways of obtaining memory.
  static std::vector<std::size_t> sizes() {
    std::vector<std::size_t> result{0, 1, 7, 8};
    for (unsigned i = 0; i < reference::kClasses; i += 3) {
      const std::size_t size = reference::size_of_class(i);
      if (size > (std::size_t{4} << 20U)) break;
      result.insert(result.end(), {size - 1, size, size + 1});
    }
    result.push_back(reference::kLargestKept);
    result.push_back(reference::kLargestKept + 1);
    return result;
  }
};

TEST_F(ReferenceAllocator, ClassesHoldTheirSizesWithinAQuarter) {
  for (std::size_t size = 1; size <= 200'000; ++size) {
    const unsigned index = reference::class_of_size(size);
    ASSERT_GE(reference::size_of_class(index), size);
    if (index > 0) {
      ASSERT_LT(reference::size_of_class(index - 1), size);
    }
    if (size >= 64) {
      ASSERT_LE(reference::size_of_class(index), size + size / 4);
    }
  }
}

TEST_F(ReferenceAllocator, BlocksAreAlignedAndWritableToTheirUsableSize) {
  std::vector<unsigned char*> blocks;
  for (const std::size_t size : sizes()) {
    auto* block = static_cast<unsigned char*>(lib_.malloc(size));
    ASSERT_NE(block, nullptr) << size;
    EXPECT_TRUE(aligned(block, 16)) << size;
    ASSERT_GE(lib_.usable_size(block), size);
    std::memset(block, static_cast<int>(blocks.size() % 251), lib_.usable_size(block));
    blocks.push_back(block);
  }
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::size_t usable = lib_.usable_size(blocks[i]);
    EXPECT_EQ(static_cast<std::size_t>(
                  std::count(blocks[i], blocks[i] + usable, static_cast<unsigned char>(i % 251))),
              usable);
    lib_.free(blocks[i]);
  }
}

TEST_F(ReferenceAllocator, EveryAlignmentIsServedAtEverySize) {
  for (std::size_t alignment = 8; alignment <= (std::size_t{4} << 20U); alignment *= 2) {
    for (const std::size_t size :
         {std::size_t{1}, alignment / 2, alignment, alignment + 1, 3 * alignment}) {
      void* blocks[3];
      for (void*& block : blocks) {
        ASSERT_EQ(lib_.posix_memalign(&block, alignment, size), 0);
        EXPECT_TRUE(aligned(block, alignment)) << alignment << ' ' << size;
        ASSERT_GE(lib_.usable_size(block), size) << alignment << ' ' << size;
        std::memset(block, 0x5a, size);
      }
      for (void* block : blocks) {
        // Keeps its contents through realloc, wherever it came from.
        auto* moved = static_cast<unsigned char*>(lib_.realloc(block, size + 1000));
        ASSERT_NE(moved, nullptr);
        EXPECT_EQ(static_cast<std::size_t>(std::count(moved, moved + size, 0x5a)), size);
        lib_.free(moved);
      }
    }
  }
  void* page = lib_.valloc(10);
  EXPECT_TRUE(aligned(page, 4096));
  void* pages = lib_.pvalloc(4097);
  EXPECT_TRUE(aligned(pages, 4096));
  EXPECT_GE(lib_.usable_size(pages), 8192U);
  lib_.free(page);
  lib_.free(pages);
}

TEST_F(ReferenceAllocator, WrongAlignmentsAreRefusedAndThePointerKept) {
  void* untouched = &untouched;
  for (const std::size_t alignment : {0U, 3U, 4U, 24U}) {
    EXPECT_EQ(lib_.posix_memalign(&untouched, alignment, 8), EINVAL) << alignment;
    EXPECT_EQ(untouched, static_cast<void*>(&untouched));
  }
  errno = 0;
  EXPECT_EQ(lib_.aligned_alloc(24, 48), nullptr);
  EXPECT_EQ(errno, EINVAL);
}

TEST_F(ReferenceAllocator, CallocIsZeroOnFreshAndOnRecycledMemory) {
  for (const std::size_t size : sizes()) {
    for (int turn = 0; turn < 3; ++turn) {
      auto* block = static_cast<unsigned char*>(lib_.calloc(1, size));
      ASSERT_NE(block, nullptr);
      EXPECT_EQ(static_cast<std::size_t>(std::count(block, block + size, 0)), size);
      std::memset(block, 0xff, lib_.usable_size(block));
      lib_.free(block);
    }
  }
}

TEST_F(ReferenceAllocator, ReallocKeepsTheSmallerSizesContents) {
  for (const std::size_t from : sizes()) {
    if (from == 0 || from > 300'000) continue;
    for (const std::size_t to : {std::size_t{1}, from / 3 + 1, from + 1, 3 * from}) {
      auto* block = static_cast<unsigned char*>(lib_.malloc(from));
      for (std::size_t i = 0; i < from; ++i) block[i] = static_cast<unsigned char>(i * 7);
      block = static_cast<unsigned char*>(lib_.realloc(block, to));
      ASSERT_NE(block, nullptr);
      ASSERT_GE(lib_.usable_size(block), to);
      for (std::size_t i = 0; i < std::min(from, to); ++i) {
        ASSERT_EQ(block[i], static_cast<unsigned char>(i * 7)) << from << " -> " << to;
      }
      lib_.free(block);
    }
  }
  EXPECT_EQ(lib_.realloc(lib_.malloc(10), 0), nullptr);
  void* block = lib_.realloc(nullptr, 10);
  EXPECT_NE(block, nullptr);
  lib_.free(block);
  lib_.free(nullptr);
  EXPECT_EQ(lib_.usable_size(nullptr), 0U);
}

TEST_F(ReferenceAllocator, ImpossibleSizesFailWithENOMEMAndKeepTheOldBlock) {
  const auto expect_no_memory = [](const void* block) {
    EXPECT_EQ(block, nullptr);
    EXPECT_EQ(errno, ENOMEM);
    errno = 0;
  };
  errno = 0;
  for (const std::size_t size : {SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX - 70'000,
                                 std::size_t{PTRDIFF_MAX} + 1, std::size_t{PTRDIFF_MAX}}) {
    expect_no_memory(lib_.malloc(size));
    expect_no_memory(lib_.calloc(1, size));
    expect_no_memory(lib_.memalign(64, size));
    expect_no_memory(lib_.memalign(8192, size));
    expect_no_memory(lib_.pvalloc(size));
  }
  expect_no_memory(lib_.calloc(SIZE_MAX / 2, 3));
  expect_no_memory(lib_.calloc(std::size_t{1} << 33U, std::size_t{1} << 33U));
  auto* block = static_cast<char*>(lib_.malloc(4));
  std::memcpy(block, "old", 4);
  expect_no_memory(lib_.realloc(block, SIZE_MAX));
  expect_no_memory(lib_.reallocarray(block, SIZE_MAX / 2, 3));
  EXPECT_STREQ(block, "old");
  lib_.free(block);
  void* result = &result;
  EXPECT_EQ(lib_.posix_memalign(&result, 64, SIZE_MAX), ENOMEM);
  EXPECT_EQ(errno, 0) << "posix_memalign returns the error";
}

TEST_F(ReferenceAllocator, LiveBlocksNeverOverlap) {
  struct Live {
    unsigned char* block;
    std::size_t size;
    unsigned char fill;
  };
  Random random(7);
  std::vector<Live> live;
  for (int i = 0; i < 60'000; ++i) {
    if (live.size() < 500 || random.below(2) == 0) {
      const std::size_t size = 1 + random.below(random.below(50) == 0 ? 100'000 : 2000);
      auto* block = static_cast<unsigned char*>(
          random.below(4) == 0 ? lib_.memalign(std::size_t{32} << random.below(6), size)
                               : lib_.malloc(size));
      ASSERT_NE(block, nullptr);
      const auto fill = static_cast<unsigned char>(i);
      std::memset(block, fill, size);
      live.push_back({block, size, fill});
    } else {
      Live& victim = live[random.below(static_cast<std::uint32_t>(live.size()))];
      for (std::size_t at = 0; at < victim.size; ++at) ASSERT_EQ(victim.block[at], victim.fill);
      lib_.free(victim.block);
      victim = live.back();
      live.pop_back();
    }
  }
  for (const Live& block : live) lib_.free(block.block);
}

TEST_F(ReferenceAllocator, BlocksMayBeFreedByAnotherThread) {
  constexpr int kRounds = 50;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::uint64_t*> blocks;
    for (std::uint64_t i = 0; i < 1000; ++i) {
      auto* block = static_cast<std::uint64_t*>(lib_.malloc(8 + i));
      *block = i;
      blocks.push_back(block);
    }
    std::uint64_t sum = 0;
    std::thread([&] {
      for (std::uint64_t* block : blocks) {
        sum += *block;
        lib_.free(block);
      }
    }).join();
    EXPECT_EQ(sum, 999U * 1000U / 2);
  }
}

TEST_F(ReferenceAllocator, ThreadsThatComeAndGoReuseTheSameMemory) {
  std::set<void*> seen;
  for (int thread = 0; thread < 200; ++thread) {
    std::vector<void*> blocks(1000);
    std::thread([&] {
      for (void*& block : blocks) block = lib_.malloc(1000);
      for (void* block : blocks) lib_.free(block);
    }).join();
    seen.insert(blocks.begin(), blocks.end());
  }
  EXPECT_EQ(seen.size(), 1000U);
}

TEST_F(ReferenceAllocator, ConcurrentThreadChurnTakesNoMoreCachesThanThreads) {
  constexpr unsigned kConcurrent = 8;
  std::set<void*> seen;
  for (int round = 0; round < 100; ++round) {
    std::vector<void*> blocks(kConcurrent);
    std::vector<std::thread> threads;
    for (void*& block : blocks) {
      threads.emplace_back([&] {
        block = lib_.malloc(5000);
        lib_.free(block);
      });
    }
    for (std::thread& thread : threads) thread.join();
    seen.insert(blocks.begin(), blocks.end());
  }
  EXPECT_LE(seen.size(), kConcurrent);
}

TEST_F(ReferenceAllocator, AllocatingWhileAThreadEndsLosesNothing) {
  // A key created after the library's: its destructor runs when the thread's cache is gone.
  static pthread_key_t key;
  static std::set<void*>* seen;
  std::set<void*> blocks;
  seen = &blocks;
  ASSERT_EQ(::pthread_key_create(&key,
                                 [](void* block) {
                                   library().free(block);
                                   void* late = library().malloc(777);
                                   seen->insert(late);
                                   library().free(late);
                                 }),
            0);
  for (int i = 0; i < 100; ++i) {
    std::thread([&] { ::pthread_setspecific(key, lib_.malloc(777)); }).join();
  }
  ::pthread_key_delete(key);
  EXPECT_EQ(blocks.size(), 1U);
}

TEST_F(ReferenceAllocator, AForkedChildAllocatesWhileThreadsRan) {
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) lib_.free(lib_.malloc(64));
  });
  for (int i = 0; i < 20; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      void* block = lib_.malloc(64);
      void* large = lib_.calloc(1, 1'000'000);
      lib_.free(block);
      lib_.free(large);
      ::_exit(block != nullptr && large != nullptr ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  stop = true;
  busy.join();
}

}  // namespace
}  // namespace stackheap
