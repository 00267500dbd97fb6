#include "harness/allocators/proof.hpp"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <sys/stat.h>

#include <string_view>

#include "harness/base/sanitizers.hpp"

namespace stackheap {
namespace {

constexpr const char* kCEntryPoints[] = {"malloc",  "free",           "calloc",
                                         "realloc", "posix_memalign", "aligned_alloc"};
// operator new, new[], delete, delete[], the nothrow, aligned and sized ones, as the Itanium C++
// ABI mangles them.
constexpr const char* kCppEntryPoints[] = {"_Znwm",
                                           "_Znam",
                                           "_ZdlPv",
                                           "_ZdaPv",
                                           "_ZnwmRKSt9nothrow_t",
                                           "_ZnamRKSt9nothrow_t",
                                           "_ZnwmSt11align_val_t",
                                           "_ZnamSt11align_val_t",
                                           "_ZdlPvm",
                                           "_ZdaPvm",
                                           "_ZdlPvSt11align_val_t",
                                           "_ZdaPvSt11align_val_t"};
constexpr std::string_view kCppLibraries[] = {"libstdc++.so", "libc++.so", "libc++abi.so"};
constexpr const char* kSanitizerSymbols[] = {"__asan_init", "__tsan_init", "__msan_init",
                                             "__hwasan_init", "__lsan_do_leak_check"};

const char* file_of(const void* address) {
  Dl_info info{};
  if (::dladdr(address, &info) == 0 || info.dli_fname == nullptr) return "";
  return info.dli_fname;
}

bool same_file(const char* a, const char* b) {
  struct stat first {};
  struct stat second {};
  return ::stat(a, &first) == 0 && ::stat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

bool is_expected(const char* file, std::span<const std::string> expected_files) {
  if (expected_files.empty()) return same_file(file, c_library_path());
  for (const std::string& expected : expected_files) {
    if (same_file(file, expected.c_str())) return true;
  }
  return false;
}

bool is_cpp_library(std::string_view file) {
  const std::string_view name = file.substr(file.rfind('/') + 1);
  for (const std::string_view library : kCppLibraries) {
    if (name.substr(0, library.size()) == library) return true;
  }
  return false;
}

bool has_sanitizer_runtime() {
  if (kBuiltWithSanitizer) return true;
  for (const char* symbol : kSanitizerSymbols) {
    if (::dlsym(RTLD_DEFAULT, symbol) != nullptr) return true;
  }
  return false;
}

std::string expectation(std::span<const std::string> expected_files) {
  if (expected_files.empty()) return std::string("the C library ") + c_library_path();
  std::string text;
  for (const std::string& file : expected_files) text += (text.empty() ? "" : " or ") + file;
  return text;
}

ProofResult refuted(const char* symbol, const char* file,
                    std::span<const std::string> expected_files) {
  ProofResult result;
  result.detail =
      std::string(symbol) +
      (*file == '\0' ? std::string(" resolves nowhere") : std::string(" resolves into ") + file) +
      ", expected " + expectation(expected_files);
  return result;
}

}  // namespace

const char* origin_of(const char* symbol) {
  const void* address = ::dlsym(RTLD_DEFAULT, symbol);
  return address == nullptr ? "" : file_of(address);
}

const char* c_library_path() {
  return file_of(reinterpret_cast<const void*>(&::gnu_get_libc_version));
}

bool runs_on_c_library_malloc() {
  return same_file(origin_of("malloc"), c_library_path());
}

ProofResult prove_injection(std::span<const std::string> expected_files) {
  for (const char* symbol : kCEntryPoints) {
    const char* file = origin_of(symbol);
    if (is_expected(file, expected_files)) continue;
    ProofResult result = refuted(symbol, file, expected_files);
    // Only now: a dlsym() that finds nothing allocates its error text.
    if (has_sanitizer_runtime()) {
      result.identity = MallocIdentity::kSanitizer;
      if (expected_files.empty()) {
        result.ok = true;
        result.detail.clear();
      } else {
        result.detail += "; this is a sanitizer build, which has its own malloc and takes no other";
      }
    }
    return result;
  }
  for (const char* symbol : kCppEntryPoints) {
    const char* file = origin_of(symbol);
    if (*file == '\0' || is_cpp_library(file) || is_expected(file, expected_files)) continue;
    return refuted(symbol, file, expected_files);
  }
  ProofResult result;
  result.ok = true;
  result.identity = MallocIdentity::kExpected;
  return result;
}

}  // namespace stackheap
