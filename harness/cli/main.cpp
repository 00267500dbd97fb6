#include "harness/cli/app.hpp"

int main(int argc, char** argv) {
  return stackheap::run_app(argc, argv);
}
