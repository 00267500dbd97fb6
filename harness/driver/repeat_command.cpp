#include "harness/driver/repeat_command.hpp"

#include <fmt/format.h>

#include <string_view>

#include "harness/base/file.hpp"
#include "harness/base/text.hpp"

namespace stackheap {
namespace {

std::string shell_quoted(std::string_view text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

// As it is where no shell would take it apart; ~ is expanded outside of quotes only.
std::string shell_path(std::string_view path) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-";
  std::string text = with_home_as_tilde(path);
  const std::string_view rest = std::string_view(text).substr(text.starts_with("~/") ? 2 : 0);
  if (rest.find_first_not_of(kPlain) == std::string_view::npos) return text;
  return text.substr(0, text.size() - rest.size()) + shell_quoted(rest);
}

// Paths separated by colons: in an assignment a shell expands ~ behind each of them too.
std::string shell_paths(std::string_view paths) {
  std::string text;
  for (const std::string_view path : split(paths, ':')) {
    text += (text.empty() ? "" : ":") + shell_path(path);
  }
  return text;
}

// What stands before and after a command that runs under an allocator.
struct Surroundings {
  std::string variables;
  std::string redirections;
};

Surroundings surroundings_of(const Allocator* allocator, const PreloadPlan& preload) {
  std::string command;
  std::string redirections;
  if (allocator != nullptr) {
    for (const auto& [name, value] : allocator->environment) {
      command += name + "=" + shell_quoted(value) + " ";
    }
    auto descriptor = preload.descriptors.begin();
    for (const std::string& library : allocator->libraries) {
      if (!needs_descriptor(library) || descriptor == preload.descriptors.end()) continue;
      redirections += fmt::format(" {}<{}", descriptor->get(), shell_path(library));
      ++descriptor;
    }
  }
  if (!preload.value.empty()) command += "LD_PRELOAD=" + shell_paths(preload.value) + " ";
  return {command, redirections};
}

}  // namespace

std::string repeat_command(const std::filesystem::path& worker, const Allocator* allocator,
                           const PreloadPlan& preload, const CellRequest& request) {
  const Surroundings around = surroundings_of(allocator, preload);
  return around.variables + fmt::format("{} --cell {} --result-fd 1{}", shell_path(worker.string()),
                                        shell_quoted(to_json(request)), around.redirections);
}

std::string repeat_check(const std::filesystem::path& worker, const Allocator* allocator,
                         const PreloadPlan& preload, const CheckRequest& request) {
  const Surroundings around = surroundings_of(allocator, preload);
  return fmt::format("{}{} {}{}", around.variables, shell_path(worker.string()),
                     shell_words(check_arguments(request)), around.redirections);
}

std::string shell_words(std::span<const std::string> words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : " ") + (word.empty() ? "''" : shell_path(word));
  }
  return text;
}

std::string repeat_program(std::span<const std::string> words, const std::string& input,
                           const Allocator* allocator, const PreloadPlan& preload) {
  const Surroundings around = surroundings_of(allocator, preload);
  return fmt::format("{}{}{} <{}", around.variables, shell_words(words), around.redirections,
                     shell_path(input));
}

}  // namespace stackheap
