#include "harness/machine/environment.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "harness/base/file.hpp"
#include "harness/base/text.hpp"
#include "harness/machine/environment_parts.hpp"
#include "harness/machine/proc_text.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

// Variables that change an allocator, or which one it is.
constexpr std::array<std::string_view, 12> kAllocatorVariables = {
    "LD_PRELOAD",   "GLIBC_TUNABLES", "MALLOC_*",      "MIMALLOC_*",
    "JEMALLOC_*",   "_RJEM_MALLOC_*", "TCMALLOC_*",    "HEAPCHECK",
    "HEAPPROFILE*", "PERFTOOLS_*",    "SCUDO_OPTIONS", "TBB_MALLOC_*"};

// "Max stack size            8388608              unlimited            bytes": names hold blanks,
// so the columns are found by their fixed width (fs/proc/base.c prints %-25s %-20s %-20s).
std::vector<ResourceLimit> read_limits(const fs::path& root) {
  std::vector<ResourceLimit> limits;
  constexpr std::size_t kNameWidth = 26;
  constexpr std::string_view kPrefix = "Max ";
  const std::string text = try_read_file(root / "proc/self/limits").value_or("");
  for (const std::string_view line : lines(text)) {
    if (line.size() <= kNameWidth || line.substr(0, kPrefix.size()) != kPrefix) continue;
    const auto bounds = words(line.substr(kNameWidth));
    if (bounds.size() < 2) continue;
    ResourceLimit limit;
    limit.name = trim(line.substr(kPrefix.size(), kNameWidth - kPrefix.size()));
    std::replace(limit.name.begin(), limit.name.end(), ' ', '_');
    limit.soft = parse_count(bounds[0]);
    limit.hard = parse_count(bounds[1]);
    limits.push_back(std::move(limit));
  }
  return limits;
}

std::vector<std::string> read_allocator_variables(const fs::path& root) {
  std::vector<std::string> found;
  const std::string environ_text = try_read_file(root / "proc/self/environ").value_or("");
  for (const std::string_view entry : split(environ_text, '\0')) {
    const auto equals = entry.find('=');
    if (equals == entry.npos) continue;
    const std::string_view name = entry.substr(0, equals);
    const bool tunes = std::any_of(kAllocatorVariables.begin(), kAllocatorVariables.end(),
                                   [&](std::string_view p) { return glob_match(p, name); });
    if (!tunes) continue;
    found.push_back(std::string(name) + "=" + with_home_as_tilde(entry.substr(equals + 1)));
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::optional<std::string> read_os_name(const fs::path& root) {
  auto text = try_read_file(root / "etc/os-release");
  if (!text) text = try_read_file(root / "usr/lib/os-release");
  const auto name = text ? value_of(*text, "PRETTY_NAME", '=') : std::nullopt;
  if (!name) return std::nullopt;
  const bool quoted = name->size() >= 2 && name->front() == '"' && name->back() == '"';
  return std::string(quoted ? name->substr(1, name->size() - 2) : *name);
}

constexpr std::string_view kCompiler =
#if defined(__clang__)
    "clang " __clang_version__;
#elif defined(__GNUC__)
    "gcc " __VERSION__;
#else
    "unknown";
#endif

}  // namespace

const ResourceLimit* Environment::find_limit(std::string_view name) const {
  const auto found = std::find_if(limits.begin(), limits.end(),
                                  [&](const ResourceLimit& limit) { return limit.name == name; });
  return found == limits.end() ? nullptr : &*found;
}

Environment capture_environment(const fs::path& root) {
  Environment environment;
  environment.cpu = read_cpu_environment(root);
  environment.kernel = read_kernel_environment(root);
  environment.memory = read_memory_environment(root);
  environment.cgroup = read_cgroup_limits(root);
  environment.limits = read_limits(root);
  environment.allocator_variables = read_allocator_variables(root);
  environment.os = read_os_name(root);
  environment.compiler = kCompiler;
  if (root == "/") environment.probes = run_probes();
  return environment;
}

}  // namespace stackheap
