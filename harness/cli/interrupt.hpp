// SIGINT, SIGTERM and SIGHUP as a readable descriptor. The first ends the running sample and the
// run in good order; a second ends the driver at once (the keeper still ends the workers). Those
// that the driver was started to ignore (nohup) stay ignored. SIGPIPE and SIGXFSZ become errors of
// write.
#pragma once

namespace stackheap {

// Installs the handlers; call once. Returns the descriptor that becomes readable.
int install_interrupt_handlers();

}  // namespace stackheap
