#include "harness/driver/turn_ring.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include "harness/base/error.hpp"

namespace stackheap {

TurnRing::TurnRing(std::size_t places) {
  STACKHEAP_CHECK(places > 0);
  for (std::size_t i = 0; i < places; ++i) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
      throw_errno("make the sockets by which workers take turns");
    }
    edges_.push_back({UniqueFd(ends[0]), UniqueFd(ends[1])});
  }
}

void TurnRing::join(std::size_t place, ProcessRequest& process) const {
  const int in = before(place).in.get();
  const int out = edges_[place].out.get();
  process.inherited.push_back(in);
  process.inherited.push_back(out);
  process.arguments.insert(process.arguments.end(), {"--turns", fmt::format("{},{}", in, out)});
}

TurnRing::~TurnRing() {
  for (const Edge& edge : edges_) ::shutdown(edge.out.get(), SHUT_RDWR);
  for (std::thread& substitute : substitutes_) substitute.join();
}

void TurnRing::leave(std::size_t place) {
  const int in = before(place).in.get();
  const int out = edges_[place].out.get();
  substitutes_.emplace_back([in, out] {
    char turn = 0;
    while (::recv(in, &turn, 1, 0) == 1) {
      if (::send(out, &turn, 1, MSG_NOSIGNAL) != 1) return;
    }
  });
}

void TurnRing::begin() {
  const char turn = 1;
  if (::send(edges_.back().out.get(), &turn, 1, MSG_NOSIGNAL) != 1) throw_errno("start the turns");
}

}  // namespace stackheap
