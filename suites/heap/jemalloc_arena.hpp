// An arena and a thread cache of jemalloc that one lane owns. The flags of mallocx are built here
// and not by <jemalloc/jemalloc.h>, because that header may rename malloc for the whole file.
#pragma once

#include <cstddef>

#include "harness/base/error.hpp"
#include "harness/worker/library_entry.hpp"
#include "suites/heap/sources.hpp"

namespace stackheap {

class JemallocArena {
 public:
  // Throws CannotRun where the process does not run on jemalloc, or jemalloc refuses.
  JemallocArena()
      : mallctl_(library_entry<Mallctl>("mallctl", "jemalloc")),
        mallctlnametomib_(library_entry<NameToMib>("mallctlnametomib", "jemalloc")),
        mallctlbymib_(library_entry<MallctlByMib>("mallctlbymib", "jemalloc")),
        arena_(create("arenas.create")),
        cache_(create("tcache.create")) {
    // MALLOCX_ARENA(a) and MALLOCX_TCACHE(t) of jemalloc(3).
    const int cache_flag = static_cast<int>((cache_ + 2) << 8U);
    source_.allocate_flags = static_cast<int>((arena_ + 1) << 20U) | cache_flag;
    source_.free_flags = cache_flag;
    source_.mallocx = library_entry<void*(std::size_t, int)>("mallocx", "jemalloc");
    source_.dallocx = library_entry<void(void*, int)>("dallocx", "jemalloc");
  }
  JemallocArena(const JemallocArena&) = delete;
  JemallocArena& operator=(const JemallocArena&) = delete;
  // The cache first: it returns its blocks to the arena, which must have none in use.
  ~JemallocArena() {
    STACKHEAP_CHECK(mallctl_("tcache.destroy", nullptr, nullptr, &cache_, sizeof cache_) == 0);
    std::size_t name[3];
    std::size_t parts = 3;
    STACKHEAP_CHECK(mallctlnametomib_("arena.0.destroy", name, &parts) == 0);
    name[1] = arena_;
    STACKHEAP_CHECK(mallctlbymib_(name, parts, nullptr, nullptr, nullptr, 0) == 0);
  }

  JemallocArenaSource source() const { return source_; }

 private:
  using Mallctl = int(const char*, void*, std::size_t*, void*, std::size_t);
  using NameToMib = int(const char*, std::size_t*, std::size_t*);
  using MallctlByMib = int(const std::size_t*, std::size_t, void*, std::size_t*, void*,
                           std::size_t);

  unsigned create(const char* what) const {
    unsigned index = 0;
    std::size_t length = sizeof index;
    if (mallctl_(what, &index, &length, nullptr, 0) != 0) {
      throw CannotRun(std::string("jemalloc refuses ") + what +
                      "; its build or MALLOC_CONF forbids it, or its limit is reached");
    }
    return index;
  }

  Mallctl* mallctl_;
  NameToMib* mallctlnametomib_;
  MallctlByMib* mallctlbymib_;
  unsigned arena_;
  unsigned cache_;
  JemallocArenaSource source_;
};

}  // namespace stackheap
