#include "harness/allocators/tuning.hpp"

#include <dlfcn.h>
#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <thread>

#include "harness/allocators/proof.hpp"
#include "harness/allocators/statistics.hpp"
#include "harness/base/text.hpp"

namespace stackheap {
namespace {

TuningReport proven() {
  return {};
}
TuningReport unproven(std::string_view what) {
  return {TuningProof::kUnproven, std::string(what) + " cannot be read back"};
}
TuningReport compare(std::string_view what, std::string_view wanted, std::string_view found) {
  if (wanted == found) return proven();
  return {TuningProof::kRefuted, std::string(what) + " is " + std::string(found) + ", not " +
                                     std::string(wanted) + " as the environment asks"};
}
TuningReport worse(TuningReport a, TuningReport b) {
  return static_cast<int>(a.proof) >= static_cast<int>(b.proof) ? std::move(a) : std::move(b);
}

// "name=value" or "name:value"; nothing without the separator.
struct Assignment {
  std::string_view name;
  std::string_view value;
};
std::optional<Assignment> parse_assignment(std::string_view text, char separator) {
  const std::size_t at = text.find(separator);
  if (at == std::string_view::npos) return std::nullopt;
  return Assignment{trim(text.substr(0, at)), trim(text.substr(at + 1))};
}

// Keeps the compiler from removing a malloc whose only use is its side effect.
void* kept(void* block) {
  asm volatile("" : : "r"(block) : "memory");
  return block;
}

// With a cache per thread a freed small block goes there; without, into a fast bin, where
// mallinfo2() counts it.
bool small_frees_reach_fast_bins() {
  using MallInfo2 = struct mallinfo2 (*)();
  const auto info = reinterpret_cast<MallInfo2>(::dlsym(RTLD_DEFAULT, "mallinfo2"));
  if (info == nullptr) return false;
  void* block = kept(std::malloc(24));
  const std::size_t before = info().fsmblks;
  std::free(block);
  return info().fsmblks > before;
}

TuningReport read_back_glibc(const Assignment& tunable) {
  const std::string name(tunable.name);
  if (!runs_on_c_library_malloc()) {
    return {TuningProof::kRefuted, name + " is set, but malloc is not the C library's"};
  }
  if (tunable.name == "glibc.malloc.arena_max") {
    std::thread([] { std::free(kept(std::malloc(24))); }).join();
    const auto arenas = read_allocator_statistics().arenas;
    const auto wanted = parse_integer(tunable.value);
    if (!arenas || !wanted) return unproven(name);
    // Two threads show that one arena is kept to; they cannot show a higher limit.
    if (*arenas <= static_cast<std::uint64_t>(*wanted) && *wanted > 1) return unproven(name);
    return compare(name, tunable.value, std::to_string(*arenas));
  }
  if (tunable.name == "glibc.malloc.tcache_count" && tunable.value == "0") {
    return compare(name, "0", small_frees_reach_fast_bins() ? "0" : "not 0");
  }
  return unproven(name);
}

// jemalloc's options that are words; a number that is read as one would be followed as a pointer.
bool is_word_option(std::string_view option) {
  constexpr std::string_view kWords[] = {"percpu_arena", "dss",  "metadata_thp",
                                         "thp",          "junk", "zero_realloc"};
  return std::find(std::begin(kWords), std::end(kWords), option) != std::end(kWords);
}

TuningReport read_back_jemalloc(const Assignment& option) {
  using Mallctl = int (*)(const char*, void*, std::size_t*, void*, std::size_t);
  const auto mallctl = reinterpret_cast<Mallctl>(::dlsym(RTLD_DEFAULT, "mallctl"));
  if (mallctl == nullptr) return unproven("MALLOC_CONF without jemalloc's mallctl()");
  const std::string name = "opt." + std::string(option.name);
  const auto read = [&](auto& value) {
    std::size_t size = sizeof value;
    return mallctl(name.c_str(), &value, &size, nullptr, 0) == 0;
  };
  // mallctl() refuses a value of another size, so the type is found by trying.
  bool flag = false;
  unsigned number = 0;
  std::int64_t wide = 0;
  const char* word = nullptr;
  if (is_word_option(option.name)) {
    if (read(word) && word != nullptr) return compare(name, option.value, word);
  } else if (read(flag)) {
    return compare(name, option.value, flag ? "true" : "false");
  } else if (read(number)) {
    return compare(name, option.value, std::to_string(number));
  } else if (read(wide)) {
    return compare(name, option.value, std::to_string(wide));
  }
  return unproven(name);
}

TuningReport read_back_mimalloc_large_pages(std::string_view wanted) {
  // The option's place in mi_option_t, the same in versions 1.x to 3.x.
  constexpr int kLargePages = 6;
  using OptionGet = long (*)(int);
  const auto option = reinterpret_cast<OptionGet>(::dlsym(RTLD_DEFAULT, "mi_option_get"));
  if (option == nullptr) return unproven("MIMALLOC_LARGE_OS_PAGES");
  return compare("MIMALLOC_LARGE_OS_PAGES", wanted, std::to_string(option(kLargePages)));
}

TuningReport read_back_tcmalloc_cache(std::string_view wanted) {
  using Property = int (*)(const char*, std::size_t*);
  const auto property =
      reinterpret_cast<Property>(::dlsym(RTLD_DEFAULT, "MallocExtension_GetNumericProperty"));
  std::size_t bytes = 0;
  if (property == nullptr || property("tcmalloc.max_total_thread_cache_bytes", &bytes) == 0) {
    return unproven("TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES");
  }
  return compare("TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES", wanted, std::to_string(bytes));
}

// Splits a variable's value into assignments and folds their reports.
template <class Read>
TuningReport read_back_list(std::string_view variable, std::string_view value, char between,
                            char within, Read read) {
  TuningReport report;
  for (const std::string_view part : split(value, between)) {
    const auto assignment = parse_assignment(part, within);
    report = worse(std::move(report), assignment ? read(*assignment) : unproven(variable));
  }
  return report;
}

TuningReport read_glibc_list(std::string_view value) {
  return read_back_list("GLIBC_TUNABLES", value, ':', '=', read_back_glibc);
}
TuningReport read_jemalloc_list(std::string_view value) {
  return read_back_list("MALLOC_CONF", value, ',', ':', read_back_jemalloc);
}
TuningReport read_scudo(std::string_view) {
  return unproven("SCUDO_OPTIONS");
}

bool glibc_readable(std::string_view value) {
  for (const std::string_view part : split(value, ':')) {
    if (part != "glibc.malloc.arena_max=1" && part != "glibc.malloc.tcache_count=0") return false;
  }
  return true;
}
bool always(std::string_view) {
  return true;
}
bool never(std::string_view) {
  return false;
}

struct KnownVariable {
  std::string_view name;
  bool (*readable)(std::string_view value);
  TuningReport (*read)(std::string_view value);
};
constexpr KnownVariable kKnown[] = {
    {"GLIBC_TUNABLES", glibc_readable, read_glibc_list},
    {"MALLOC_CONF", always, read_jemalloc_list},
    {"MIMALLOC_LARGE_OS_PAGES", always, read_back_mimalloc_large_pages},
    {"TCMALLOC_MAX_TOTAL_THREAD_CACHE_BYTES", always, read_back_tcmalloc_cache},
    {"SCUDO_OPTIONS", never, read_scudo},
};

const KnownVariable* find_known(std::string_view variable) {
  for (const KnownVariable& known : kKnown) {
    if (known.name == variable) return &known;
  }
  return nullptr;
}

}  // namespace

bool can_read_back(std::string_view variable, std::string_view value) {
  const KnownVariable* known = find_known(variable);
  return known != nullptr && known->readable(value);
}

TuningReport read_back_tuning(std::string_view variable, std::string_view value) {
  const KnownVariable* known = find_known(variable);
  return known == nullptr ? unproven(variable) : known->read(value);
}

TuningReport read_back_environment() {
  TuningReport report;
  for (const KnownVariable& known : kKnown) {
    // The names are literals, so their data ends in NUL.
    const char* value = std::getenv(known.name.data());
    if (value != nullptr) report = worse(std::move(report), known.read(value));
  }
  return report;
}

}  // namespace stackheap
