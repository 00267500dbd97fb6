// What C and POSIX say of arguments that are refused and of errno. Programs that rely on it exist,
// and memory is safe either way: all of it is nonconforming at most.
#include <cerrno>
#include <cstdint>

#include "harness/worker/check.hpp"
#include "harness/worker/check_child.hpp"
#include "harness/worker/entry_points.hpp"

namespace stackheap {
namespace {

// POSIX: EINVAL for an alignment that is no power of two multiple of sizeof(void*); the pointer is
// left alone (glibc and POSIX.1-2024: unspecified before, null or unmodified).
void run_posix_memalign(CheckRun& run) {
  for (const std::size_t alignment :
       {std::size_t{0}, std::size_t{3}, std::size_t{24}, sizeof(void*) - 1, sizeof(void*) + 1}) {
    run.count(1);
    char mark = 0;
    void* block = &mark;
    const int error = heap::posix_memalign(&block, alignment, 64);
    if (error == 0) {
      run.nonconforming("posix_memalign-accepts", "posix_memalign with alignment %zu succeeds",
                        alignment);
      heap::free(block);
      continue;
    }
    if (error != EINVAL) {
      run.nonconforming("posix_memalign-error",
                        "posix_memalign with alignment %zu gives %d instead of EINVAL", alignment,
                        error);
    }
    if (block != &mark) {
      run.nonconforming("posix_memalign-pointer",
                        "posix_memalign with alignment %zu fails and changes the pointer",
                        alignment);
    }
  }
}

// C17 7.22.3.1 (DR 460): fails for an alignment that is not valid. In a child: some libraries
// abort.
void run_aligned_alloc(CheckRun& run) {
  for (const std::size_t alignment : {std::size_t{0}, std::size_t{3}, std::size_t{24}}) {
    run.count(1);
    const ChildEnd end = in_child(10, [&] {
      errno = 0;
      void* block = heap::aligned_alloc(alignment, 96);
      if (block == nullptr) return errno == EINVAL ? 0 : 1;
      heap::free(block);
      return 2;
    });
    if (end.exited_with(0)) continue;
    if (end.exited_with(1)) {
      run.nonconforming("errno-of-odd-aligned_alloc", "aligned_alloc(%zu, 96) fails without EINVAL",
                        alignment);
    } else if (end.exited_with(2)) {
      run.nonconforming("odd-aligned_alloc", "aligned_alloc(%zu, 96) succeeds", alignment);
    } else {
      run.nonconforming("end-at-odd-aligned_alloc", "aligned_alloc(%zu, 96) ends the process: %s",
                        alignment, end_text(end).text);
    }
  }
}

// glibc 2.33 and POSIX.1-2024: free leaves errno alone, so that an error can be told after cleaning
// up.
void run_free_errno(CheckRun& run) {
  constexpr std::size_t kSizes[] = {1, 100, 5000, 200'000, std::size_t{40} << 20U};
  for (const std::size_t size : kSizes) {
    for (int round = 0; round < 20; ++round) {
      run.count(1);
      void* block = heap::malloc(size);
      if (block == nullptr) run.unsafe("malloc(%zu) is null", size);
      static_cast<char*>(block)[size - 1] = 1;
      errno = EXDEV;
      heap::free(block);
      if (errno != EXDEV) {
        run.nonconforming("errno-after-free", "free of %zu B changes errno to %d", size, errno);
      }
    }
  }
}

const CheckRegistration kPosixMemalign{
    {.name = "blocks/posix_memalign-arguments",
     .summary = "alignments 0, 3 and 24 give EINVAL and leave the pointer alone",
     .source = "POSIX posix_memalign",
     .gravest = CheckVerdict::kNonconforming,
     .rank = 43,
     .seconds = 0.01,
     .threads = {CheckThreads::kOne}},
    run_posix_memalign};
const CheckRegistration kAlignedAlloc{
    {.name = "blocks/aligned_alloc-arguments",
     .summary = "alignments that are no power of two fail with EINVAL",
     .source = "C17 7.22.3.1; aligned_alloc(3)",
     .gravest = CheckVerdict::kNonconforming,
     .rank = 44,
     .seconds = 0.01,
     .threads = {CheckThreads::kOne}},
    run_aligned_alloc};
const CheckRegistration kFreeErrno{{.name = "blocks/errno-after-free",
                                    .summary = "free leaves errno as it was",
                                    .source = "POSIX.1-2024 free; glibc >= 2.33",
                                    .gravest = CheckVerdict::kNonconforming,
                                    .rank = 45,
                                    .seconds = 0.01,
                                    .threads = {CheckThreads::kOne}},
                                   run_free_errno};

}  // namespace
}  // namespace stackheap
