#include "harness/worker/check_main.hpp"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <new>
#include <vector>

#include "harness/allocators/proof.hpp"
#include "harness/base/clock.hpp"
#include "harness/base/text.hpp"
#include "harness/worker/check.hpp"
#include "harness/worker/check_crash.hpp"
#include "harness/worker/result_channel.hpp"

namespace stackheap {
namespace {

const RegisteredCheck& require_check(std::string_view name) {
  if (const RegisteredCheck* check = find_check(name)) return *check;
  std::vector<std::string> known;
  for (const RegisteredCheck& check : registered_checks()) known.push_back(check.info.name);
  throw UserError(unknown_name_message("check", name, known, "stackheap list checks"));
}

void end_unproven(const std::string& detail) {
  CheckResultView result;
  result.verdict = CheckVerdict::kFailed;
  result.detail = detail;
  static char document[8192];
  if (!has_result_descriptor()) throw UserError(detail, ExitCode::kFailed);
  send_document({document, write_check_result(result, document)});
  ::_exit(0);
}

struct Call {
  const RegisteredCheck* check;
  const CheckRequest* request;
};

void* run_on_thread(void* argument) {
  const Call& call = *static_cast<Call*>(argument);
  const AlternateStack stack;
  CheckRun run(*call.request);
  try {
    call.check->run(run);
  } catch (const CannotRun& error) {
    run.unsupported("%s", error.what());
  } catch (const std::bad_alloc&) {
    run.unsupported("no memory for the check's own tables");
  }
  run.finish();
}

unsigned usable_cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  return static_cast<unsigned>(CPU_COUNT(&allowed));
}

}  // namespace

void run_check(const CheckRequest& request) {
  Call call{&require_check(request.name), &request};
  if (request.prove_allocator) {
    const ProofResult proof = prove_injection(request.expected_files);
    if (!proof.ok) end_unproven(proof.detail);
  }
  report_crashes();
  // On a second thread: a process that never had one lets glibc skip its locks.
  pthread_t thread;
  STACKHEAP_CHECK(::pthread_create(&thread, nullptr, run_on_thread, &call) == 0);
  STACKHEAP_CHECK(::pthread_join(thread, nullptr) == 0);
  invariant_failed("a check ends its process", __FILE__, __LINE__);
}

CheckRequest default_check_request(std::string_view name) {
  const CheckInfo& info = require_check(name).info;
  CheckRequest request;
  request.name = info.name;
  request.threads = threads_of(info.threads.front(), usable_cpus());
  request.seconds = info.seconds;
  request.seed = derive_seed(monotonic_ns(), 0) >> 32U;
  request.prove_allocator = false;
  return request;
}

std::string list_of_checks() {
  std::vector<CheckInfo> infos;
  for (const RegisteredCheck& check : registered_checks()) infos.push_back(check.info);
  return checks_to_json(infos);
}

}  // namespace stackheap
