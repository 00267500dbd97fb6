// The allocators built in: one row each, and finding their libraries on this machine. Asking ld.so
// by bare name would do for one file, but the driver must know before the plan starts which file
// it would be, and must say which package to install where there is none.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "harness/model/allocator.hpp"

namespace stackheap {

// Where libraries are looked for; tests give their own.
struct SearchRoots {
  // In this order, the first sound library wins.
  std::vector<std::filesystem::path> library_folders;
  // Holds llvm-*/lib/clang/*/lib/...: LLVM's runtimes, of which the highest version wins.
  std::filesystem::path llvm_parent;
};

// The dynamic linker's own: /etc/ld.so.conf with what it includes, then its built-in folders.
SearchRoots machine_search_roots();
// The same from another configuration file, for tests.
std::vector<std::filesystem::path> linker_folders(const std::filesystem::path& configuration);

// All rows in the table's order, those without their library with the reason in `unavailable`.
// `own_folder` holds the driver's binary and libstackheap-reference.so. Never falls back to another
// library.
std::vector<Allocator> builtin_allocators(const std::filesystem::path& own_folder,
                                          const SearchRoots& roots = machine_search_roots());

// This process's own binary's folder.
std::filesystem::path executable_folder();

}  // namespace stackheap
