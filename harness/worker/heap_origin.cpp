#include "harness/worker/heap_origin.hpp"

#include "harness/allocators/proof.hpp"

namespace stackheap {

const char* heap_origin_of(const char* symbol) {
  return origin_of(symbol);
}

}  // namespace stackheap
