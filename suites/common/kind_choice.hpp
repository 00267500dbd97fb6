// From a variant's name to a class, for workloads that are written once, as a template over the
// class of their kind of stack. The choice is made once a sample; no name is compared and no table
// called through where time is measured.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "harness/base/error.hpp"
#include "harness/worker/workload.hpp"
#include "suites/common/stack_kinds.hpp"

namespace stackheap {

// A row of a workload's table of classes, which is a
//     constexpr std::tuple kClasses{KindClass<Calls>{"call"}, ...};
template <class T>
struct KindClass {
  using Class = T;
  std::string_view variant;
};

// Calls visit(std::type_identity<T>()) with the class that the table names; false where it has
// none.
template <class... Classes, class Visit>
bool visit_class(std::string_view variant, const std::tuple<KindClass<Classes>...>& table,
                 Visit&& visit) {
  return std::apply(
      [&](const auto&... rows) {
        return ((rows.variant == variant ? (visit(std::type_identity<Classes>()), true) : false) ||
                ...);
      },
      table);
}

// The same for kinds of stack: T is OfFiber<its stack allocator> for a fiber, whatever the table.
template <template <StackAllocator> class OfFiber, class Table, class Visit>
bool visit_kind(std::string_view kind, const Table& others, Visit&& visit) {
  const auto fiber = [&](const auto& row) {
    visit(std::type_identity<OfFiber<typename std::decay_t<decltype(row)>::Allocator>>());
  };
  return visit_fiber_stack(kind, fiber) || visit_class(kind, others, visit);
}

// What is then called: makes Workload<T>.
template <template <class> class Workload>
class WorkloadMaker {
 public:
  explicit WorkloadMaker(const CellSpec& spec) : spec_(spec) {}
  template <class T>
  void operator()(std::type_identity<T>) {
    made_ = make_workload<Workload<T>>(spec_);
  }
  // Throws UserError where nothing was.
  std::unique_ptr<WorkloadObject> take() {
    if (made_ == nullptr) {
      throw UserError(std::string(spec_.workload) + " has no variant '" +
                      std::string(spec_.variant) +
                      "'; `stackheap list variants` shows those it has");
    }
    return std::move(made_);
  }

 private:
  const CellSpec& spec_;
  std::unique_ptr<WorkloadObject> made_;
};

// WorkloadFactory for Registration: Workload<the class that the cell's variant names>.
template <template <class> class Workload, const auto& kClasses>
std::unique_ptr<WorkloadObject> make_workload_of_class(const CellSpec& spec) {
  WorkloadMaker<Workload> maker(spec);
  visit_class(spec.variant, kClasses, maker);
  return maker.take();
}
template <template <class> class Workload, template <StackAllocator> class OfFiber,
          const auto& kOthers>
std::unique_ptr<WorkloadObject> make_workload_of_kind(const CellSpec& spec) {
  WorkloadMaker<Workload> maker(spec);
  visit_kind<OfFiber>(spec.variant, kOthers, maker);
  return maker.take();
}

}  // namespace stackheap
