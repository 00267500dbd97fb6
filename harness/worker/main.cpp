#include "harness/worker/worker.hpp"

int main(int argc, char** argv) {
  return stackheap::worker_main(argc, argv);
}
