// Compiled with -fstack-clash-protection (suites/CMakeLists.txt). Whatever has a frame to probe is
// local to this file: the linker keeps one of several copies of an inline function or a template,
// and it may be the one without probes.
#include "suites/stack/stack_clash.hpp"

#include "suites/stack/scratch_calls.hpp"

namespace stackheap::stack_clash {
namespace {

template <std::size_t kSize>
struct ProbedLocalArray {
  [[gnu::noinline]] static unsigned call(std::size_t bytes, unsigned char value) {
    unsigned char array[kSize];
    return use_scratch(array, bytes, value);
  }
};

[[gnu::noinline]] unsigned call_probed_alloca(std::size_t bytes, unsigned char value) {
  return use_scratch(__builtin_alloca(bytes), bytes, value);
}

struct Probed {};

}  // namespace

CallLoop<FixedSize> local_array_loop(std::size_t bytes) {
  return loop_for_frame_size<ProbedLocalArray, FixedSize>(bytes);
}

CallLoop<FixedSize> alloca_loop() {
  return call_loop<call_probed_alloca, FixedSize>;
}

CallLoop<InverseSquareSize> drawn_alloca_loop() {
  return call_loop<call_probed_alloca, InverseSquareSize>;
}

Descents descents() {
  return descents_built<Probed>();
}

}  // namespace stackheap::stack_clash
