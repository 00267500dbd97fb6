// The sockets by which workers hand the turn round (measure/turns.hpp).
#pragma once

#include <cstddef>
#include <vector>

#include "harness/base/file.hpp"
#include "harness/driver/supervise.hpp"

namespace stackheap {

class TurnRing {
 public:
  // Throws std::system_error where the sockets cannot be made.
  explicit TurnRing(std::size_t places);

  // Gives the process the descriptors of its place, and the option that names them.
  void join(std::size_t place, ProcessRequest& process) const;
  // The first place has the turn.
  void begin();

 private:
  struct Edge {
    UniqueFd out;  // of a place
    UniqueFd in;   // of the next one
  };
  std::vector<Edge> edges_;
};

}  // namespace stackheap
