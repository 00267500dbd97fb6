// The sockets by which workers hand the turn round (measure/turns.hpp).
#pragma once

#include <cstddef>
#include <thread>
#include <vector>

#include "harness/base/file.hpp"
#include "harness/driver/supervise.hpp"

namespace stackheap {

class TurnRing {
 public:
  // Throws std::system_error where the sockets cannot be made.
  explicit TurnRing(std::size_t places);
  ~TurnRing();
  TurnRing(const TurnRing&) = delete;
  TurnRing& operator=(const TurnRing&) = delete;

  // Gives the process the descriptors of its place, and the option that names them.
  void join(std::size_t place, ProcessRequest& process) const;
  // The first place has the turn.
  void begin();
  // Its process has ended: from here on the turn is handed on in its place, so that the others'
  // windows go on. By a thread, as the caller waits for the others meanwhile.
  void leave(std::size_t place);

 private:
  struct Edge {
    UniqueFd out;  // of a place
    UniqueFd in;   // of the next one
  };
  const Edge& before(std::size_t place) const {
    return edges_[(place + edges_.size() - 1) % edges_.size()];
  }

  std::vector<Edge> edges_;
  std::vector<std::thread> substitutes_;
};

}  // namespace stackheap
