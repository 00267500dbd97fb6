// Runs one check in this process, as --check asks for it.
#pragma once

#include <string>

#include "harness/model/check.hpp"

namespace stackheap {

// Proves the malloc where the request wants that, runs the check on a second thread and ends the
// process with its result. Throws UserError for a name that no check has.
[[noreturn]] void run_check(const CheckRequest& request);

// The request of a person, who may leave everything out but the name.
CheckRequest default_check_request(std::string_view name);

// {"version":1,"checks":[...]}
std::string list_of_checks();

}  // namespace stackheap
