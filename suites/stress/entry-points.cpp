// All entry points of the heap resolve to one library. Where malloc is one library's and memalign
// another's, blocks of the one are freed by the other, and the process is lost.
#include <cstring>

#include "harness/worker/check.hpp"
#include "harness/worker/check_child.hpp"
#include "harness/worker/entry_points.hpp"
#include "harness/worker/heap_origin.hpp"

namespace stackheap {
namespace {

struct EntryPoint {
  const char* name;
  // Of C11 and POSIX; the others are old or GNU's, and a program may do without.
  bool standard;
};
constexpr EntryPoint kEntryPoints[] = {
    {"free", true},          {"calloc", true},
    {"realloc", true},       {"posix_memalign", true},
    {"aligned_alloc", true}, {"memalign", false},
    {"valloc", false},       {"pvalloc", false},
    {"reallocarray", false}, {"malloc_usable_size", false},
    {"cfree", false},
};

void run_entry_points(CheckRun& run) {
  const char* of_malloc = heap_origin_of("malloc");
  for (const EntryPoint& entry : kEntryPoints) {
    run.count(1);
    const char* file = heap_origin_of(entry.name);
    if (*file == '\0' || std::strcmp(file, of_malloc) == 0) continue;
    // reallocarray may be anyone's: it calls realloc.
    if (std::strcmp(entry.name, "reallocarray") == 0) continue;
    if (entry.standard) {
      run.unsafe("malloc is of %s, but %s of %s", of_malloc, entry.name, file);
    }
    char note[65];
    std::snprintf(note, sizeof note, "foreign-%s", entry.name);
    run.nonconforming(note, "malloc is of %s, but %s of %s", of_malloc, entry.name, file);
  }
}

const CheckRegistration kEntry{{.name = "threads/entry-points",
                                .summary = "all functions of the heap are of one library",
                                .source = "POSIX malloc: free takes what each of them gave",
                                .rank = 29,
                                .quick_seconds = 0.01,
                                .seconds = 0.01,
                                .threads = {CheckThreads::kOne}},
                               run_entry_points};

}  // namespace
}  // namespace stackheap
