// What a workload sees of the harness, and how it registers itself. Suites include this and what
// their pattern needs, nothing else of the harness.
//
// A windowed workload is a class W with
//     explicit W(const CellSpec&);        shared state; runs on one thread before the lanes exist
//     void setup(Lane&);                  on the lane's thread: brings its part to steady state
//     void step(Lane&, std::uint64_t n);  n operations; the measured loop, no clock inside
//     std::uint64_t lot() const;          optional; a lane's share is a whole number of lots of so
//                                         many operations (uncounted ones come in any number)
//     void report(Reporter&);             optional; once, after the last window and before any
//                                         lane's verify: metrics of its own (worker/reporter.hpp)
//     void verify(Lane&);                 on the lane's thread, after the last window: checks its
//                                         own result (throws CheckFailed) and frees everything
//     void finish();                      optional; once, after every lane's verify
// Every lane's setup ends before any lane's step begins; every lane's last step ends before any
// lane's verify begins.
//
// A workload of the shape `histogram` is a windowed one whose step times every operation
// (worker/latency.hpp) and whose registration names their kinds.
//
// A scripted workload has, instead of these, void run(Script&), called once (worker/script.hpp).
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string_view>

#include "harness/base/error.hpp"
#include "harness/base/mapped.hpp"
#include "harness/base/random.hpp"
#include "harness/measure/lane.hpp"
#include "harness/model/workload_info.hpp"

namespace stackheap {

// Which cell this process is.
struct CellSpec {
  std::string_view workload;
  std::string_view variant;
  std::int64_t parameter = 0;  // 0 where the workload declares none
  unsigned threads = 1;
  std::uint64_t seed = 0;
};

class Reporter;
class Script;

// The type-erased workload the harness drives: one virtual call per window, none per operation.
class WorkloadObject {
 public:
  virtual ~WorkloadObject() = default;
  virtual void setup(Lane&) {}
  virtual void step(Lane&, std::uint64_t) {}
  virtual std::uint64_t lot() const { return 1; }
  virtual void report(Reporter&) {}
  virtual void verify(Lane&) {}
  virtual void finish() {}
  virtual void run(Script&) {}
};

template <class W>
concept WindowedWorkload = std::constructible_from<W, const CellSpec&> &&
    requires(W w, Lane& lane, std::uint64_t n) {
  w.setup(lane);
  w.step(lane, n);
  w.verify(lane);
};

template <class W>
concept ScriptedWorkload = std::constructible_from<W, const CellSpec&> &&
    requires(W w, Script& script) {
  w.run(script);
};

using WorkloadFactory = std::unique_ptr<WorkloadObject> (*)(const CellSpec&);

template <class W>
class WorkloadAdapter final : public WorkloadObject {
 public:
  explicit WorkloadAdapter(const CellSpec& spec) : workload_(spec) {}
  void setup(Lane& lane) override {
    if constexpr (WindowedWorkload<W>) workload_.setup(lane);
  }
  void step(Lane& lane, std::uint64_t n) override {
    if constexpr (WindowedWorkload<W>) workload_.step(lane, n);
  }
  std::uint64_t lot() const override {
    if constexpr (requires(const W w) { w.lot(); }) return workload_.lot();
    return 1;
  }
  void report(Reporter& reporter) override {
    if constexpr (requires(W w) { w.report(reporter); }) workload_.report(reporter);
  }
  void verify(Lane& lane) override {
    if constexpr (WindowedWorkload<W>) workload_.verify(lane);
  }
  void finish() override {
    if constexpr (requires(W w) { w.finish(); }) workload_.finish();
  }
  void run(Script& script) override {
    if constexpr (ScriptedWorkload<W>) workload_.run(script);
  }

 private:
  W workload_;
};

template <class W>
requires WindowedWorkload<W> || ScriptedWorkload<W> std::unique_ptr<WorkloadObject> make_workload(
    const CellSpec& spec) {
  return std::make_unique<WorkloadAdapter<W>>(spec);
}

// One workload's registration: write exactly one, at the file's end, as a namespace-scope object
//     const Registration kRegistration{{.name = "heap/pair", ...}, make_workload<Pair>};
// A second registration of a name, a baseline that is no variant, a tier that names an unknown
// variant or a value outside the parameter's range ends the process at start.
struct Registration {
  Registration(WorkloadInfo info, WorkloadFactory factory);
};

struct RegisteredWorkload {
  WorkloadInfo info;
  WorkloadFactory factory;
};
// Sorted by name.
const std::vector<RegisteredWorkload>& registered_workloads();
const RegisteredWorkload* find_workload(std::string_view name);

// Keeps the compiler from removing or reordering what produces `value`, and makes it believe that
// the memory behind a pointer is read: gcc removes an unused malloc and free otherwise.
template <class T>
inline void escape(const T& value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

// Writes the first and last byte of an object and one byte in every 4 KiB page between, so that
// lazily mapped memory is paid for.
inline void touch(void* object, std::size_t bytes, unsigned char value) {
  auto* byte = static_cast<volatile unsigned char*>(object);
  byte[0] = value;
  for (std::size_t i = 4096; i < bytes; i += 4096) byte[i] = value;
  byte[bytes - 1] = value;
}

// Whether the bytes that touch() writes hold `value`.
inline bool holds_touch(const void* object, std::size_t bytes, unsigned char value) {
  const auto* byte = static_cast<const unsigned char*>(object);
  for (std::size_t i = 0; i < bytes; i += 4096) {
    if (byte[i] != value) return false;
  }
  return byte[bytes - 1] == value;
}

}  // namespace stackheap
