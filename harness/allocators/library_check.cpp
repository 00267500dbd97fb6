#include "harness/allocators/library_check.hpp"

#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <openssl/evp.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "harness/allocators/elf_image.hpp"
#include "harness/allocators/proof.hpp"
#include "harness/base/error.hpp"
#include "harness/base/file.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

// "4.5.10" of "libx.so.4.5.10"; empty where nothing follows ".so.".
std::string suffix_version(std::string_view file_name) {
  constexpr std::string_view kMark = ".so.";
  const std::size_t at = file_name.find(kMark);
  return at == std::string_view::npos ? std::string()
                                      : std::string(file_name.substr(at + kMark.size()));
}

// "19" of "/usr/lib/llvm-19/lib/clang/19/lib/linux/...".
std::string compiler_folder_version(const fs::path& path) {
  for (auto part = path.begin(); part != path.end(); ++part) {
    if (*part != "clang") continue;
    const auto next = std::next(part);
    return next == path.end() ? std::string() : next->string();
  }
  return {};
}

}  // namespace

std::string sha256_hex(std::string_view data) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  STACKHEAP_CHECK(context != nullptr);
  STACKHEAP_CHECK(EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1);
  STACKHEAP_CHECK(EVP_DigestUpdate(context.get(), data.data(), data.size()) == 1);
  STACKHEAP_CHECK(EVP_DigestFinal_ex(context.get(), digest, &length) == 1);
  std::string hex;
  for (unsigned int i = 0; i < length; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

std::string library_problem(const fs::path& path, LibraryRole role) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    return fmt::format("{} does not exist", path.string());
  }
  if (error) return fmt::format("{} cannot be examined: {}", path.string(), error.message());
  if (fs::is_directory(status)) {
    return fmt::format("{} is a directory, not a library", path.string());
  }
  if (!fs::is_regular_file(status)) return fmt::format("{} is no regular file", path.string());
  errno = 0;
  const std::optional<std::string> content = try_read_file(path);
  if (!content) {
    return fmt::format("{} cannot be read: {}", path.string(), std::strerror(errno));
  }
  const ElfImage image(*content);
  const std::string problem = image.header_problem();
  if (!problem.empty()) return fmt::format("{} {}", path.string(), problem);
  if (role == LibraryRole::kCompanion) return {};
  for (const std::string_view symbol : {"malloc", "free"}) {
    if (!image.defines(symbol)) {
      return fmt::format("{} defines no function {}, so glibc's would be measured under its name",
                         path.string(), symbol);
    }
  }
  return {};
}

void check_library(const fs::path& path, LibraryRole role) {
  const std::string problem = library_problem(path, role);
  if (problem.empty()) return;
  throw UserError(fmt::format(
      "allocator library {}. Give the path of a {} shared library for this CPU.", problem,
      role == LibraryRole::kAllocator ? "64-bit malloc replacement built as a" : "64-bit"));
}

LibraryIdentity identify_library(const fs::path& path) {
  const fs::path resolved = fs::canonical(path);
  const std::string content = read_file(resolved);
  const ElfImage image(content);
  LibraryIdentity identity;
  identity.path = with_home_as_tilde(resolved.string());
  identity.version = suffix_version(resolved.filename().string());
  if (identity.version.empty()) identity.version = compiler_folder_version(resolved);
  if (identity.version.empty()) identity.version = suffix_version(image.soname());
  identity.build_id = image.build_id_hex();
  identity.sha256 = sha256_hex(content);
  identity.size = content.size();
  return identity;
}

std::vector<LibraryIdentity> identify_allocator(const Allocator& allocator) {
  std::vector<LibraryIdentity> identities;
  if (allocator.libraries.empty() && allocator.unavailable.empty()) {
    identities.push_back(identify_library(c_library_path()));
    identities.back().version = ::gnu_get_libc_version();
  }
  for (const auto* files : {&allocator.libraries, &allocator.companions}) {
    for (const std::string& file : *files) identities.push_back(identify_library(file));
  }
  return identities;
}

}  // namespace stackheap
