// The folder of one run: where its files are, and how it comes into being.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace stackheap {

struct RunFolder {
  std::filesystem::path path;

  std::filesystem::path samples() const { return path / "samples.csv"; }
  std::filesystem::path windows() const { return path / "windows.csv"; }
  std::filesystem::path latency() const { return path / "latency.csv"; }
  std::filesystem::path timeline() const { return path / "timeline.csv"; }
  std::filesystem::path pilots() const { return path / "pilots.csv"; }
  std::filesystem::path summary() const { return path / "summary.csv"; }
  std::filesystem::path comparisons() const { return path / "comparisons.csv"; }
  std::filesystem::path scaling() const { return path / "scaling.csv"; }
  std::filesystem::path twins() const { return path / "twins.csv"; }
  std::filesystem::path claims() const { return path / "claims.csv"; }
  std::filesystem::path claim_tests() const { return path / "claim_tests.csv"; }
  std::filesystem::path run_json() const { return path / "run.json"; }
  std::filesystem::path logs() const { return path / "logs"; }
};

// results/<UTC date and time>-<label or host>-<profile>, below the working directory.
std::filesystem::path default_run_path(std::string_view label, std::string_view profile);

// Throws UserError where something of that name exists; for before any other work is done.
void refuse_existing(const std::filesystem::path& path);

// Creates the folder and its logs folder. Throws UserError where it exists, is a file or cannot be
// written, before anything is measured.
RunFolder create_run_folder(const std::filesystem::path& path);

// An existing run. Throws UserError where there is no samples.csv or run.json.
RunFolder open_run_folder(const std::filesystem::path& path);

// "2026-01-31T23:59:59Z" of now.
std::string utc_now();

}  // namespace stackheap
