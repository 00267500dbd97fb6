#include "harness/worker/check.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/base/clock.hpp"
#include "harness/base/file.hpp"
#include "harness/base/text.hpp"
#include "harness/measure/memory.hpp"
#include "harness/worker/result_channel.hpp"

namespace stackheap {
namespace {

constexpr std::size_t kMostNotes = 40;
constexpr std::size_t kLongestText = 400;
constexpr std::size_t kDocumentBytes = std::size_t{32} << 10U;

std::vector<RegisteredCheck>& registry() {
  static std::vector<RegisteredCheck> checks;
  return checks;
}

// printf into a buffer; what does not fit is cut.
std::size_t print_to(std::span<char> buffer, const char* format, std::va_list arguments) {
  const int wanted = std::vsnprintf(buffer.data(), buffer.size(), format, arguments);
  if (wanted < 0) return 0;
  return std::min(static_cast<std::size_t>(wanted), buffer.size() - 1);
}

}  // namespace

struct CheckRun::Notes {
  struct Note {
    bool deviation = false;
    char name[65] = {};
    char text[kLongestText] = {};
  };
  std::atomic_flag lock = {};
  std::size_t count = 0;
  std::array<Note, kMostNotes> notes{};
};

CheckRun::CheckRun(const CheckRequest& request)
    : request_(request),
      started_ns_(monotonic_ns()),
      notes_(new (map_pages(sizeof(Notes))) Notes()) {}

CheckRun::~CheckRun() {
  unmap_pages(notes_, sizeof(Notes));
}

double CheckRun::elapsed_seconds() const {
  return static_cast<double>(monotonic_ns() - started_ns_) * 1e-9;
}

bool CheckRun::time_left() const {
  return elapsed_seconds() < request_.seconds;
}

std::uint64_t CheckRun::scaled(std::uint64_t least, double per_second) const {
  return std::max(least, static_cast<std::uint64_t>(per_second * request_.seconds));
}

void CheckRun::note(bool deviation, const char* name, const char* format, std::va_list arguments) {
  STACKHEAP_CHECK(is_valid_name(name));
  while (notes_->lock.test_and_set(std::memory_order_acquire)) {
  }
  const auto known = std::any_of(
      notes_->notes.begin(), notes_->notes.begin() + static_cast<std::ptrdiff_t>(notes_->count),
      [&](const Notes::Note& note) { return std::strcmp(note.name, name) == 0; });
  if (!known && notes_->count < kMostNotes) {
    Notes::Note& added = notes_->notes[notes_->count++];
    added.deviation = deviation;
    std::strcpy(added.name, name);
    print_to(added.text, format, arguments);
  }
  notes_->lock.clear(std::memory_order_release);
}

void CheckRun::nonconforming(const char* name, const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  note(true, name, format, arguments);
  va_end(arguments);
}

void CheckRun::record(const char* name, const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  note(false, name, format, arguments);
  va_end(arguments);
}

void CheckRun::unsafe_va(const char* prefix, const char* format, std::va_list arguments) {
  char text[2 * kLongestText];
  const int written = std::snprintf(text, sizeof text, "%s", prefix);
  const std::size_t at = written < 0 ? 0 : static_cast<std::size_t>(written);
  print_to(std::span(text).subspan(std::min(at, sizeof text - 1)), format, arguments);
  end(CheckVerdict::kUnsafe, text);
}

void CheckRun::unsafe(const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  unsafe_va("", format, arguments);
}

void CheckRun::unsafe_unless_known(const char* defect, const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  const auto& known = request_.known_defects;
  if (std::find(known.begin(), known.end(), std::string_view(defect)) == known.end()) {
    unsafe_va("", format, arguments);
  }
  note(true, defect, format, arguments);
  va_end(arguments);
}

void CheckRun::unsupported(const char* format, ...) {
  char text[kLongestText];
  std::va_list arguments;
  va_start(arguments, format);
  print_to(text, format, arguments);
  va_end(arguments);
  end(CheckVerdict::kUnsupported, text);
}

void CheckRun::finish() {
  end(CheckVerdict::kOk, "");
}

namespace {

// For a person, where no driver reads.
void print_result(const CheckResultView& result) {
  const auto line = [](std::string_view label, std::string_view name, std::string_view text) {
    std::fprintf(stdout, "%.*s%.*s%s%.*s\n", static_cast<int>(label.size()), label.data(),
                 static_cast<int>(name.size()), name.data(), text.empty() ? "" : ": ",
                 static_cast<int>(text.size()), text.data());
  };
  line("", to_string(result.verdict), result.detail);
  for (const auto& note : result.deviations) line("deviation ", note.name, note.text);
  for (const auto& note : result.records) line("record ", note.name, note.text);
  std::fprintf(stdout, "operations: %ju, the check's own memory: %ju KiB\n",
               static_cast<std::uintmax_t>(result.operations),
               static_cast<std::uintmax_t>(result.own_bytes / 1024));
  std::fflush(stdout);
}

}  // namespace

void CheckRun::end(CheckVerdict verdict, const char* detail) {
  // Several lanes may find something at once; the first one speaks, and ends the others.
  static std::atomic<bool> ending{false};
  while (ending.exchange(true)) ::pause();
  while (notes_->lock.test_and_set(std::memory_order_acquire)) {
  }
  std::array<CheckResultView::Note, kMostNotes> deviations;
  std::array<CheckResultView::Note, kMostNotes> records;
  std::size_t deviation_count = 0;
  std::size_t record_count = 0;
  for (std::size_t i = 0; i < notes_->count; ++i) {
    const Notes::Note& note = notes_->notes[i];
    (note.deviation ? deviations[deviation_count++] : records[record_count++]) = {note.name,
                                                                                  note.text};
  }
  CheckResultView result;
  result.verdict = verdict;
  if (verdict == CheckVerdict::kOk && record_count > 0) result.verdict = CheckVerdict::kRecorded;
  if (verdict == CheckVerdict::kOk && deviation_count > 0) {
    result.verdict = CheckVerdict::kNonconforming;
  }
  if (verdict == CheckVerdict::kUnsupported) deviation_count = record_count = 0;
  result.detail = detail;
  result.operations = operations_;
  for (const CheckLane& lane : lanes_) result.operations += lane.operations;
  result.own_bytes = own_bytes_ + sizeof(Notes) + lanes_.size() * sizeof(CheckLane);
  if (const auto memory = read_resident_memory()) result.peak_bytes = memory->peak_bytes;
  result.deviations = std::span(deviations).first(deviation_count);
  result.records = std::span(records).first(record_count);
  if (!has_result_descriptor()) {
    print_result(result);
    ::_exit(static_cast<int>(verdict == CheckVerdict::kUnsafe ? ExitCode::kFailed : ExitCode::kOk));
  }
  static char document[kDocumentBytes];
  send_document({document, write_check_result(result, document)});
  // Not exit(): destructors would run under threads that are still at work.
  ::_exit(0);
}

std::string check_registration_problem(const CheckInfo& info) {
  const auto slash = info.name.find('/');
  if (slash == std::string::npos || !is_valid_name(std::string_view(info.name).substr(0, slash)) ||
      !is_valid_name(std::string_view(info.name).substr(slash + 1))) {
    return "its name must be group/name, each part of [A-Za-z0-9._+-]{1,64}";
  }
  if (info.summary.empty()) return "it has no summary";
  if (info.source.empty()) return "it does not say which document's rule it checks";
  if (info.threads.empty()) return "it names no number of threads";
  if (info.seconds <= 0) return "its seconds must be above 0";
  if (info.quick_seconds < 0 || info.deadline_seconds <= 0) return "a time of it is below 0";
  return {};
}

CheckRegistration::CheckRegistration(CheckInfo info, CheckFunction run) {
  std::string problem = check_registration_problem(info);
  if (problem.empty() && find_check(info.name) != nullptr) problem = "another check has its name";
  if (!problem.empty()) {
    std::fprintf(stderr, "check '%s' is registered wrongly: %s\n", info.name.c_str(),
                 problem.c_str());
    std::abort();
  }
  auto& checks = registry();
  const auto before = [](const RegisteredCheck& a, const CheckInfo& b) {
    return std::pair(a.info.rank, std::string_view(a.info.name)) <
           std::pair(b.rank, std::string_view(b.name));
  };
  const auto place = std::lower_bound(checks.begin(), checks.end(), info, before);
  checks.insert(place, RegisteredCheck{std::move(info), run});
}

const std::vector<RegisteredCheck>& registered_checks() {
  return registry();
}

const RegisteredCheck* find_check(std::string_view name) {
  for (const RegisteredCheck& check : registry()) {
    if (check.info.name == name) return &check;
  }
  return nullptr;
}

}  // namespace stackheap
