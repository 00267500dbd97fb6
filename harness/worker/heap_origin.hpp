// Of which library a function of the heap is, for checks: suites do not see harness/allocators.
#pragma once

namespace stackheap {

// The file as the dynamic linker names it; empty where no library has it. Valid for good.
const char* heap_origin_of(const char* symbol);

}  // namespace stackheap
