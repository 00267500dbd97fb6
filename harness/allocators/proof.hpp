// Which malloc does this process really run on? Asked from inside, of the dynamic linker, because
// LD_PRELOAD fails silently and because linking the wrong library replaces malloc just as silently.
//
// Files are compared by device and inode of what dladdr() names: /proc/self/maps shows other inode
// numbers than stat() on overlay file systems. On the healthy path nothing is allocated.
#pragma once

#include <span>
#include <string>

namespace stackheap {

enum class MallocIdentity {
  kExpected,
  kSanitizer,  // an address, thread, memory or leak sanitizer owns malloc
  kOther,
};

struct ProofResult {
  bool ok = false;
  MallocIdentity identity = MallocIdentity::kOther;
  // Where not ok: entry point, where it resolved and what was expected.
  std::string detail;
};

// The C entry points must resolve into `expected_files` (absolute paths; none: the C library
// itself), operator new and delete into these or the C++ library, which hands on to malloc. A
// sanitizer build is ok, as kSanitizer, where no file is expected.
ProofResult prove_injection(std::span<const std::string> expected_files);

// The file that `symbol` resolves into for this program, as the dynamic linker names it; empty
// where there is no such symbol. The text belongs to the dynamic linker and stays valid.
const char* origin_of(const char* symbol);

// The C library's own file.
const char* c_library_path();

// True where malloc is the C library's own, so that its malloc_info() and mallinfo2() tell of it.
bool runs_on_c_library_malloc();

}  // namespace stackheap
