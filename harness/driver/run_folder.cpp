#include "harness/driver/run_folder.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <climits>
#include <system_error>

#include "harness/base/error.hpp"
#include "harness/base/text.hpp"

namespace stackheap {
namespace fs = std::filesystem;
namespace {

// "/figures/..." and "/logs/....log" with what is behind a file that is being replaced.
constexpr std::size_t kLongestNameInside = 64;

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "host";
  const std::string text(name);
  return is_valid_name(text) ? text : "host";
}

std::tm utc_time() {
  return fmt::gmtime(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()));
}

}  // namespace

std::string utc_now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", utc_time());
}

fs::path default_run_path(std::string_view label, std::string_view profile) {
  const std::string name = label.empty() ? host_name() : std::string(label);
  return fs::path("results") / fmt::format("{:%Y%m%d-%H%M%S}-{}-{}", utc_time(), name, profile);
}

void refuse_existing(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (fs::is_directory(fs::status(path, error))) {
    throw UserError(
        fmt::format("--out {}: the folder exists already; choose another name, so that "
                    "no earlier result is lost",
                    path.string()));
  }
  if (fs::exists(status)) {
    throw UserError(fmt::format("--out {}: this is a file; choose another name", path.string()));
  }
}

RunFolder create_run_folder(const fs::path& path) {
  refuse_existing(path);
  if (path.native().size() + kLongestNameInside >= PATH_MAX) {
    throw UserError(fmt::format(
        "--out {}: the path is too long: its files' would pass the {} bytes that the kernel takes; "
        "choose a shorter one, or change into a folder on the way",
        path.string(), PATH_MAX));
  }
  std::error_code error;
  fs::create_directories(path / "logs", error);
  if (error) {
    throw UserError(
        fmt::format("--out {}: cannot create the folder: {}; choose a place you may "
                    "write to",
                    path.string(), error.message()));
  }
  return {path};
}

RunFolder open_run_folder(const fs::path& path) {
  RunFolder folder{path};
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    throw UserError(
        fmt::format("{}: no such folder; give the folder of a run, such as "
                    "results/20260131-120000-host-quick",
                    path.string()));
  }
  for (const fs::path& file : {folder.samples(), folder.run_json()}) {
    if (!fs::is_regular_file(file, error)) {
      throw UserError(fmt::format("{}: this is not the folder of a run: {} is missing",
                                  path.string(), file.filename().string()));
    }
  }
  return folder;
}

}  // namespace stackheap
