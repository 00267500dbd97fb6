// Is this file a library that can be preloaded and bring its own malloc? ld.so does not say: a
// missing, 32-bit or broken LD_PRELOAD only prints a warning and the program runs on glibc with
// exit 0, and a fine library without a malloc runs on glibc without any warning.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/model/allocator.hpp"

namespace stackheap {

enum class LibraryRole {
  kAllocator,  // preloaded: must itself define malloc and free
  kCompanion,  // only loaded along with it
};

// Empty, or a sentence naming file and reason.
std::string library_problem(const std::filesystem::path& path,
                            LibraryRole role = LibraryRole::kAllocator);

// Throws UserError naming file, reason and remedy: missing, a directory, not readable, not ELF,
// 32-bit, for another CPU, not a shared object, truncated, or without a malloc or free of its own.
void check_library(const std::filesystem::path& path, LibraryRole role = LibraryRole::kAllocator);

// What a published result needs to name a library beyond doubt.
struct LibraryIdentity {
  std::string path;        // resolved; the home folder written as ~
  std::string version;     // from the resolved file name, the soname or LLVM's folder; may be empty
  std::string build_id;    // hex; empty where the linker wrote none
  std::string sha256;      // hex, of the whole file
  std::uint64_t size = 0;  // bytes
};

// As `sha256sum` prints it.
std::string sha256_hex(std::string_view data);

// Throws std::system_error where the file cannot be read.
LibraryIdentity identify_library(const std::filesystem::path& path);

// Of all of an allocator's files; for glibc the C library of this process, with its own version.
std::vector<LibraryIdentity> identify_allocator(const Allocator& allocator);

}  // namespace stackheap
