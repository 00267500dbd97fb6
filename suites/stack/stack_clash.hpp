// Loops and descents of this suite compiled with -fstack-clash-protection, which touches a frame
// larger than a page as it is made, page by page, so that it cannot reach over a guard page. No
// attribute switches it on for one function, so they are a file of their own: clash-probes/.
#pragma once

#include <cstddef>

#include "suites/stack/call_loop.hpp"
#include "suites/stack/nodes.hpp"

namespace stackheap::stack_clash {

CallLoop<FixedSize> local_array_loop(std::size_t bytes);
CallLoop<FixedSize> alloca_loop();
CallLoop<InverseSquareSize> drawn_alloca_loop();
Descents descents();

}  // namespace stackheap::stack_clash
