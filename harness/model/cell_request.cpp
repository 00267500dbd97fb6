#include "harness/model/cell_request.hpp"

#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

namespace stackheap {
namespace {

using Json = nlohmann::json;

// Reads the members of one object and refuses those nobody asked for.
class Members {
 public:
  explicit Members(const Json& object) : object_(object) {
    if (!object.is_object()) throw std::runtime_error("cell request: expected a JSON object");
  }

  template <class T>
  void read(const char* name, T& value) {
    seen_.insert(name);
    const auto member = object_.find(name);
    if (member == object_.end()) {
      throw std::runtime_error(std::string("cell request: missing member \"") + name + "\"");
    }
    if constexpr (std::is_same_v<T, unsigned> || std::is_same_v<T, std::uint64_t>) {
      if (!member->is_number_unsigned() || member->get<std::uint64_t>() > std::uint64_t{T(-1)}) {
        throw std::runtime_error(std::string("cell request: \"") + name +
                                 "\" must be a number >= 0 in range");
      }
    }
    try {
      member->get_to(value);
    } catch (const Json::exception&) {
      throw std::runtime_error(std::string("cell request: \"") + name + "\" has the wrong type");
    }
  }

  void refuse_others() const {
    for (const auto& [name, value] : object_.items()) {
      if (!seen_.contains(name)) {
        throw std::runtime_error("cell request: unknown member \"" + name + "\"");
      }
    }
  }

 private:
  const Json& object_;
  std::set<std::string> seen_;
};

}  // namespace

std::string to_json(const CellRequest& r) {
  const Json json = {{"workload", r.workload},
                     {"variant", r.variant},
                     {"parameter", r.parameter},
                     {"threads", r.threads},
                     {"seed", r.seed},
                     {"share", r.share},
                     {"windows", r.windows},
                     {"warm_up_minimum", r.warm_up_minimum},
                     {"warm_up_maximum", r.warm_up_maximum},
                     {"pilot_target_ns", r.pilot_target_ns},
                     {"oversubscribed", r.oversubscribed},
                     {"instrumented", r.instrumented},
                     {"wall_clock_only", r.wall_clock_only},
                     {"cpus", r.cpus},
                     {"expected_files", r.expected_files},
                     {"prove_allocator", r.prove_allocator}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

CellRequest cell_request_from_json(std::string_view text) {
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::exception& error) {
    throw std::runtime_error(std::string("cell request: ") + error.what());
  }
  CellRequest r;
  Members members(json);
  members.read("workload", r.workload);
  members.read("variant", r.variant);
  members.read("parameter", r.parameter);
  members.read("threads", r.threads);
  members.read("seed", r.seed);
  members.read("share", r.share);
  members.read("windows", r.windows);
  members.read("warm_up_minimum", r.warm_up_minimum);
  members.read("warm_up_maximum", r.warm_up_maximum);
  members.read("pilot_target_ns", r.pilot_target_ns);
  members.read("oversubscribed", r.oversubscribed);
  members.read("instrumented", r.instrumented);
  members.read("wall_clock_only", r.wall_clock_only);
  members.read("cpus", r.cpus);
  members.read("expected_files", r.expected_files);
  members.read("prove_allocator", r.prove_allocator);
  members.refuse_others();
  if (r.threads == 0 || r.windows == 0) {
    throw std::runtime_error("cell request: \"threads\" and \"windows\" must be at least 1");
  }
  return r;
}

}  // namespace stackheap
