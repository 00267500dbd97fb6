// How these binaries were built. A result is for these binaries, so run.json says it.
#pragma once

#include <string_view>

namespace stackheap {

std::string_view version();         // of stackheap, "0.1.0"
std::string_view compiler();        // "gcc 12.2.0"
std::string_view compiler_flags();  // what every file was compiled with
// "address", "thread" or "": a sanitizer brings its own malloc, so allocators cannot be compared.
std::string_view sanitizer();

}  // namespace stackheap
