#include "harness/driver/program.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "harness/allocators/elf_image.hpp"
#include "harness/base/error.hpp"
#include "harness/base/mapped_text.hpp"
#include "harness/base/text.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

constexpr int kMostInterpreters = 4;  // as the kernel follows them
constexpr std::size_t kLongestFirstLine = 256;

bool is_executable_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

fs::path find_file(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    std::error_code error;
    if (!fs::exists(name, error)) throw UserError(fmt::format("{}: there is no such file", name));
    if (!is_executable_file(name)) {
      throw UserError(
          fmt::format("{}: this is no program; a program is a file with the right to be "
                      "executed (chmod +x)",
                      name));
    }
    return fs::absolute(name);
  }
  const char* path = std::getenv("PATH");
  for (const std::string_view folder : split(path == nullptr ? "/usr/bin:/bin" : path, ':')) {
    const fs::path file = fs::path(folder.empty() ? "." : folder) / name;
    if (is_executable_file(file)) return fs::absolute(file);
  }
  throw UserError(fmt::format("{}: no folder of PATH has such a program", name));
}

// The interpreter that a script names in its first line; empty for other files.
fs::path interpreter_of(std::string_view content) {
  if (!content.starts_with("#!")) return {};
  const std::string_view line =
      trim(content.substr(2, std::min(content.find('\n'), kLongestFirstLine) - 2));
  return std::string(line.substr(0, line.find_first_of(" \t")));
}

std::string privilege_obstacle(const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return "cannot be examined";
  const char* why = nullptr;
  if ((status.st_mode & S_ISUID) != 0) why = "is set-uid";
  if ((status.st_mode & S_ISGID) != 0) why = "is set-gid";
  if (::getxattr(file.c_str(), "security.capability", nullptr, 0) > 0) why = "has capabilities";
  if (why == nullptr) return {};
  return fmt::format("{}, so the dynamic linker ignores LD_PRELOAD; measure a copy without that",
                     why);
}

std::string obstacle(const fs::path& file, std::string_view content) {
  if (std::string problem = privilege_obstacle(file); !problem.empty()) return problem;
  if (content.starts_with("#!")) return {};
  return ElfImage(content).program_problem();
}

}  // namespace

std::string preload_obstacle(const fs::path& file) {
  return obstacle(file, MappedText(file).view());
}

Program find_program(std::vector<std::string> words) {
  STACKHEAP_CHECK(!words.empty());
  Program program;
  program.file = find_file(words.front());
  program.words = std::move(words);
  fs::path file = program.file;
  for (int depth = 0; depth <= kMostInterpreters; ++depth) {
    if (::access(file.c_str(), R_OK) != 0) {
      throw UserError(fmt::format("{} cannot be read, so it cannot be examined", file.string()));
    }
    const MappedText content(file);
    if (const std::string problem = obstacle(file, content.view()); !problem.empty()) {
      throw UserError(fmt::format("{} {}", file.string(), problem));
    }
    const fs::path interpreter = interpreter_of(content.view());
    if (interpreter.empty()) break;
    if (!is_executable_file(interpreter)) {
      throw UserError(fmt::format("{} names an interpreter that is no program: {}", file.string(),
                                  interpreter.string()));
    }
    file = interpreter;
  }
  program.identity = identify_library(program.file);
  program.name = program.file.filename().string();
  std::replace_if(
      program.name.begin(), program.name.end(),
      [](char c) { return !is_valid_name(std::string(1, c)); }, '_');
  program.name.resize(std::min<std::size_t>(program.name.size(), 64));
  return program;
}

}  // namespace stackheap
