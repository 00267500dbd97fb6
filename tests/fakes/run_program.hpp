// Runs a program with a given environment and collects what it prints. For tests only: no deadline,
// the programs are our own fakes.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/base/file.hpp"

namespace stackheap::fakes {

struct ProgramResult {
  int exit_code = -1;  // -1: ended by a signal
  std::string output;  // stdout and stderr
};

// `environment` is the whole of it, as KEY=VALUE. `inherited` descriptors keep their numbers.
inline ProgramResult run_program(const std::filesystem::path& program,
                                 std::vector<std::string> arguments,
                                 std::vector<std::string> environment,
                                 const std::vector<UniqueFd>& inherited = {}) {
  arguments.insert(arguments.begin(), program.string());
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
  };
  Pipe pipe = make_pipe();
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, pipe.write.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, pipe.write.get(), STDERR_FILENO);
  // A dup2 onto itself clears close-on-exec, in the child only.
  for (const UniqueFd& fd : inherited) {
    ::posix_spawn_file_actions_adddup2(&actions, fd.get(), fd.get());
  }
  pid_t child = -1;
  const int error = ::posix_spawn(&child, program.c_str(), &actions, nullptr,
                                  pointers(arguments).data(), pointers(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start " + program.string());
  pipe.write.reset();
  ProgramResult result;
  char buffer[4096];
  for (ssize_t got; (got = ::read(pipe.read.get(), buffer, sizeof buffer)) > 0;) {
    result.output.append(buffer, static_cast<std::size_t>(got));
  }
  int status = 0;
  if (::waitpid(child, &status, 0) == child && WIFEXITED(status)) {
    result.exit_code = WEXITSTATUS(status);
  }
  return result;
}

// A program built from tests/fakes/NAME.cpp.
inline std::filesystem::path fake_program(const std::string& name) {
  return std::filesystem::path(STACKHEAP_BUILD_DIR) / "tests" / name;
}

}  // namespace stackheap::fakes
