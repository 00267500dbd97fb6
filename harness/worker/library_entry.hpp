// An allocator's own interface, found by symbol in the process. The worker links no allocator under
// test (linking one would make every "glibc" process run on it), so a variant that needs
// mi_heap_new or mallocx finds it under the preload that its `only_allocator` asked for.
#pragma once

#include <dlfcn.h>

#include <string>

#include "harness/base/error.hpp"

namespace stackheap {

// The function `name`; `allocator` is for the message. Throws CannotRun (unavailable) where no
// library in the process has it. A call through the pointer costs what a call into any shared
// library costs: one indirect jump.
template <class Function>
Function* library_entry(const char* name, const char* allocator) {
  void* const symbol = ::dlsym(RTLD_DEFAULT, name);
  if (symbol == nullptr) {
    throw CannotRun(std::string("this process has no function '") + name +
                        "'; run the variant under allocator " + allocator +
                        ", with a library of it that exports the function",
                    CannotRun::Kind::kUnavailable);
  }
  return reinterpret_cast<Function*>(symbol);
}

}  // namespace stackheap
