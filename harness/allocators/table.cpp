#include "harness/allocators/table.hpp"

#include <fmt/format.h>
#include <glob.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "harness/allocators/library_check.hpp"
#include "harness/allocators/tuning.hpp"
#include "harness/base/error.hpp"
#include "harness/base/file.hpp"
#include "harness/base/text.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

enum class Place {
  kCLibrary,      // nothing is preloaded
  kLinkerFolder,  // where ld.so looks
  kLlvmRuntime,   // scudo_standalone of the highest LLVM
  kOwnFolder,     // beside the driver
};

struct Row {
  std::string_view name;
  std::string_view description;
  // A tuning: this row's library and companion, with an environment. Always in profile full only.
  std::string_view tuning_of = "";
  std::string_view variable = "";
  std::string_view value = "";
  Place place = Place::kLinkerFolder;
  std::string_view file = "";       // file name; newer releases' names follow after a '|'
  std::string_view companion = "";  // beside the file, loaded by it
  std::string_view remedy = "";     // what brings the file
  bool frees_to_freeing_thread = false;
  bool counts_its_locks = false;
};

constexpr Row kRows[] = {
    {.name = "glibc",
     .description = "the C library's own (ptmalloc): arenas with locks, a small cache per thread",
     .place = Place::kCLibrary},
    {.name = "jemalloc",
     .description = "arenas by thread, extents, caches per thread; memory returns by decay",
     .file = "libjemalloc.so.2",
     .remedy = "install libjemalloc2",
     .counts_its_locks = true},
    {.name = "mimalloc",
     .description = "free lists sharded by page; a remote free is one atomic operation",
     .file = "libmimalloc.so.2|libmimalloc.so.3",
     .remedy = "install libmimalloc2.0"},
    {.name = "tcmalloc",
     .description = "gperftools' minimal build: caches per thread over central lists with locks",
     .file = "libtcmalloc_minimal.so.4",
     .remedy = "install libtcmalloc-minimal4"},
    {.name = "tbbmalloc",
     .description = "oneTBB's scalable allocator behind its malloc proxy",
     .file = "libtbbmalloc_proxy.so.2",
     .companion = "libtbbmalloc.so.2",
     .remedy = "install libtbbmalloc2"},
    {.name = "scudo",
     .description = "LLVM's hardened allocator (scudo_standalone): checksummed headers, quarantine",
     .place = Place::kLlvmRuntime,
     .remedy = "install libclang-rt-19-dev (or the libclang-rt-*-dev of another LLVM)"},
    {.name = "reference",
     .description = "our own: free lists per thread, no checks, no return to the system; the floor "
                    "of a private fast path, never a recommendation",
     .place = Place::kOwnFolder,
     .file = "libstackheap-reference.so",
     .remedy = "build the target stackheap-reference",
     .frees_to_freeing_thread = true},

    {.name = "glibc-1-arena",
     .description = "glibc with one arena for all threads",
     .tuning_of = "glibc",
     .variable = "GLIBC_TUNABLES",
     .value = "glibc.malloc.arena_max=1"},
    {.name = "glibc-no-tcache",
     .description = "glibc without its cache per thread",
     .tuning_of = "glibc",
     .variable = "GLIBC_TUNABLES",
     .value = "glibc.malloc.tcache_count=0"},
    {.name = "jemalloc-percpu-arena",
     .description = "jemalloc with one arena per CPU",
     .tuning_of = "jemalloc",
     .variable = "MALLOC_CONF",
     .value = "percpu_arena:percpu"},
    {.name = "jemalloc-background-thread",
     .description = "jemalloc whose decay is done by threads of its own",
     .tuning_of = "jemalloc",
     .variable = "MALLOC_CONF",
     .value = "background_thread:true"},
    {.name = "mimalloc-large-pages",
     .description = "mimalloc on 2 MiB pages, where the system has any reserved",
     .tuning_of = "mimalloc",
     .variable = "MIMALLOC_LARGE_OS_PAGES",
     .value = "1"},
    {.name = "tcmalloc-256m-cache",
     .description = "gperftools with 256 MiB instead of 32 MiB for all thread caches together",
     .tuning_of = "tcmalloc",
     .variable = "TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES",
     .value = "268435456"},
    {.name = "scudo-no-release",
     .description = "scudo that never returns memory to the system by itself",
     .tuning_of = "scudo",
     .variable = "SCUDO_OPTIONS",
     .value = "release_to_os_interval_ms=-1"},
};

struct Found {
  fs::path path;
  std::string problem;  // not empty: there is no sound library, and why
};

// The first sound one of `candidates`; files that do not exist are not worth a word.
Found first_sound(const std::vector<fs::path>& candidates, std::string_view wanted, const Row& row,
                  LibraryRole role = LibraryRole::kAllocator) {
  std::string unsound;
  for (const fs::path& candidate : candidates) {
    std::error_code ignored;
    if (!fs::exists(fs::symlink_status(candidate, ignored))) continue;
    const std::string problem = library_problem(candidate, role);
    if (problem.empty()) return {candidate, ""};
    if (unsound.empty()) unsound = problem;
  }
  return {{},
          fmt::format("{}; {}", unsound.empty() ? fmt::format("{} not found", wanted) : unsound,
                      row.remedy)};
}

// "14.0.6" as {14, 0, 6}.
std::vector<std::int64_t> version_numbers(std::string_view text) {
  std::vector<std::int64_t> numbers;
  for (const std::string_view part : split(text, '.')) {
    numbers.push_back(parse_integer(part).value_or(-1));
  }
  return numbers;
}

std::vector<fs::path> subfolders(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored)) found.push_back(entry->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

// scudo_standalone of every LLVM, highest version first, in both layouts of the runtime folder:
// lib/linux/libclang_rt.NAME-ARCH.so and lib/TRIPLE/libclang_rt.NAME.so.
std::vector<fs::path> scudo_candidates(const fs::path& llvm_parent) {
  struct Candidate {
    std::vector<std::int64_t> version;
    fs::path path;
  };
  utsname machine{};
  STACKHEAP_CHECK(::uname(&machine) == 0);
  const std::string arch = machine.machine;
  std::vector<Candidate> candidates;
  for (const fs::path& llvm : subfolders(llvm_parent)) {
    if (llvm.filename().string().rfind("llvm-", 0) != 0) continue;
    for (const fs::path& clang : subfolders(llvm / "lib" / "clang")) {
      const auto version = version_numbers(clang.filename().string());
      candidates.push_back({version, clang / "lib" / "linux" /
                                         fmt::format("libclang_rt.scudo_standalone-{}.so", arch)});
      for (const fs::path& triple : subfolders(clang / "lib")) {
        if (triple.filename().string().rfind(arch + "-", 0) != 0) continue;
        candidates.push_back({version, triple / "libclang_rt.scudo_standalone.so"});
      }
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const auto& a, const auto& b) { return a.version > b.version; });
  std::vector<fs::path> paths;
  for (Candidate& candidate : candidates) paths.push_back(std::move(candidate.path));
  return paths;
}

Found find_library(const Row& row, const fs::path& own_folder, const SearchRoots& roots) {
  switch (row.place) {
    case Place::kCLibrary:
      return {};
    case Place::kOwnFolder:
      return first_sound({own_folder / row.file}, (own_folder / row.file).string(), row);
    case Place::kLlvmRuntime:
      return first_sound(
          scudo_candidates(roots.llvm_parent),
          fmt::format("no scudo_standalone library below {}/llvm-*", roots.llvm_parent.string()),
          row);
    case Place::kLinkerFolder:
      break;
  }
  std::vector<fs::path> candidates;
  const auto files = split(row.file, '|');
  for (const std::string_view file : files) {
    for (const fs::path& folder : roots.library_folders) candidates.push_back(folder / file);
  }
  return first_sound(candidates, files.front(), row);
}

Found find_companion(const Row& row, const fs::path& library, const SearchRoots& roots) {
  std::vector<fs::path> candidates{library.parent_path() / row.companion};
  for (const fs::path& folder : roots.library_folders) candidates.push_back(folder / row.companion);
  return first_sound(candidates, row.companion, row, LibraryRole::kCompanion);
}

Allocator library_row(const Row& row, const fs::path& own_folder, const SearchRoots& roots) {
  Allocator allocator;
  allocator.frees_to_freeing_thread = row.frees_to_freeing_thread;
  allocator.counts_its_locks = row.counts_its_locks;
  Found library = find_library(row, own_folder, roots);
  if (library.problem.empty() && !row.companion.empty()) {
    Found companion = find_companion(row, library.path, roots);
    library.problem = std::move(companion.problem);
    allocator.companions.push_back(companion.path.string());
  }
  if (!library.problem.empty()) {
    allocator.companions.clear();
    allocator.unavailable = std::move(library.problem);
  } else if (!library.path.empty()) {
    allocator.libraries.push_back(fs::absolute(library.path).string());
  }
  return allocator;
}

// Adds what one line of an ld.so.conf names; `include` takes patterns.
void add_configuration(const fs::path& file, unsigned depth, std::vector<fs::path>& folders) {
  const auto content = try_read_file(file);
  if (!content || depth > 8) return;
  for (const std::string_view raw : split(*content, '\n')) {
    const std::string_view line = trim(raw.substr(0, raw.find('#')));
    constexpr std::string_view kInclude = "include";
    if (line.substr(0, kInclude.size()) == kInclude && line.size() > kInclude.size() &&
        (line[kInclude.size()] == ' ' || line[kInclude.size()] == '\t')) {
      fs::path pattern(trim(line.substr(kInclude.size())));
      if (pattern.is_relative()) pattern = file.parent_path() / pattern;
      glob_t matches{};
      if (::glob(pattern.c_str(), 0, nullptr, &matches) == 0) {
        for (std::size_t i = 0; i < matches.gl_pathc; ++i) {
          add_configuration(matches.gl_pathv[i], depth + 1, folders);
        }
      }
      ::globfree(&matches);
    } else if (!line.empty() && line.front() == '/') {
      folders.emplace_back(line);
    }
  }
}

}  // namespace

std::vector<fs::path> linker_folders(const fs::path& configuration) {
  std::vector<fs::path> folders;
  add_configuration(configuration, 0, folders);
  for (const char* built_in : {"/lib64", "/usr/lib64", "/lib", "/usr/lib"}) {
    folders.emplace_back(built_in);
  }
  return folders;
}

SearchRoots machine_search_roots() {
  return {linker_folders("/etc/ld.so.conf"), "/usr/lib"};
}

fs::path executable_folder() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) {
    throw UserError("cannot tell where this program is: /proc/self/exe: " + error.message() +
                        "; mount /proc (`mount -t proc proc /proc`)",
                    ExitCode::kMissing);
  }
  return program.parent_path();
}

std::vector<Allocator> builtin_allocators(const fs::path& own_folder, const SearchRoots& roots) {
  std::vector<Allocator> allocators;
  for (const Row& row : kRows) {
    Allocator allocator;
    if (row.tuning_of.empty()) {
      allocator = library_row(row, own_folder, roots);
    } else {
      const auto base =
          std::find_if(allocators.begin(), allocators.end(),
                       [&row](const Allocator& other) { return other.name == row.tuning_of; });
      STACKHEAP_CHECK(base != allocators.end());
      allocator = *base;
      allocator.environment.emplace_back(row.variable, row.value);
      allocator.only_in_full = true;
      allocator.unproven_tuning = !can_read_back(row.variable, row.value);
    }
    allocator.name = row.name;
    allocator.description = row.description;
    allocators.push_back(std::move(allocator));
  }
  return allocators;
}

}  // namespace stackheap
