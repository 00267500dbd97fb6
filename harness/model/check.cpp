#include "harness/model/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "harness/base/error.hpp"
#include "harness/base/text.hpp"
#include "harness/model/named_values.hpp"
#include "harness/model/strict_json.hpp"

namespace stackheap {
namespace {

using nlohmann::json;

constexpr std::int64_t kVersion = 1;
constexpr std::size_t kMostChecks = 1'000;
constexpr std::size_t kMostNotes = 200;
constexpr std::size_t kLongestText = 4096;
constexpr std::int64_t kLargestRank = 1'000'000;

constexpr std::array<std::pair<CheckVerdict, std::string_view>, 6> kVerdicts{{
    {CheckVerdict::kOk, "ok"},
    {CheckVerdict::kUnsafe, "unsafe"},
    {CheckVerdict::kNonconforming, "nonconforming"},
    {CheckVerdict::kRecorded, "recorded"},
    {CheckVerdict::kUnsupported, "unsupported"},
    {CheckVerdict::kFailed, "failed"},
}};
constexpr std::array<std::pair<CheckThreads, std::string_view>, 5> kThreads{{
    {CheckThreads::kOne, "one"},
    {CheckThreads::kPair, "pair"},
    {CheckThreads::kCpus, "cpus"},
    {CheckThreads::kMany, "many"},
    {CheckThreads::kNine, "nine"},
}};

double seconds_at(const JsonPlace& place) {
  const double seconds = place.real();
  if (seconds < 0) place.refuse("seconds from 0 on");
  return seconds;
}

std::string check_name_at(const JsonPlace& place) {
  std::string name = place.text();
  const auto slash = name.find('/');
  if (slash == std::string::npos || !is_valid_name(std::string_view(name).substr(0, slash)) ||
      !is_valid_name(std::string_view(name).substr(slash + 1))) {
    place.refuse("a name of the form group/name");
  }
  return name;
}

CheckInfo info_from(const JsonPlace& place) {
  place.require_keys({"name", "summary", "source", "gravest", "uses_heap", "blocks_migrate", "rank",
                      "randomised", "quick_seconds", "seconds", "deadline_seconds", "threads"});
  CheckInfo info;
  info.name = check_name_at(place.at("name"));
  info.summary = place.at("summary").text();
  info.source = place.at("source").text();
  info.gravest = value_at(place.at("gravest"), kVerdicts);
  info.uses_heap = place.at("uses_heap").boolean();
  info.blocks_migrate = place.at("blocks_migrate").boolean();
  info.rank = static_cast<unsigned>(place.at("rank").integer(0, kLargestRank));
  info.randomised = place.at("randomised").boolean();
  info.quick_seconds = seconds_at(place.at("quick_seconds"));
  info.seconds = seconds_at(place.at("seconds"));
  info.deadline_seconds = seconds_at(place.at("deadline_seconds"));
  const JsonPlace threads = place.at("threads");
  if (threads.array_size() == 0) threads.refuse("at least one kind of thread count");
  threads.for_each(
      [&](const JsonPlace& kind) { info.threads.push_back(value_at(kind, kThreads)); });
  return info;
}

std::vector<CheckNote> notes_from(const JsonPlace& place) {
  if (place.array_size() > kMostNotes) place.refuse(fmt::format("at most {} notes", kMostNotes));
  std::vector<CheckNote> notes;
  place.for_each([&](const JsonPlace& note) {
    note.require_keys({"name", "text"});
    CheckNote read{note.at("name").text(), without_control_characters(note.at("text").text())};
    if (!is_valid_name(read.name)) note.at("name").refuse("a name");
    if (read.text.size() > kLongestText) note.at("text").fail("expected a shorter text");
    notes.push_back(std::move(read));
  });
  return notes;
}

// Appends as long as there is room for what must follow.
class Writer {
 public:
  Writer(std::span<char> buffer, std::size_t reserve)
      : buffer_(buffer), room_(buffer.size() - std::min(buffer.size(), reserve)) {}

  void raw(std::string_view text) {
    STACKHEAP_CHECK(size_ + text.size() <= buffer_.size());
    std::copy(text.begin(), text.end(), buffer_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += text.size();
  }
  void number(std::uint64_t value) {
    char digits[24];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    STACKHEAP_CHECK(error == std::errc{});
    raw({digits, static_cast<std::size_t>(end - digits)});
  }
  // Quoted; what does not fit, or is longer than what is read again, is left out.
  void text(std::string_view text) {
    raw("\"");
    for (std::size_t i = 0; i < text.size() && i < kLongestText && size_ + 2 < room_; ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (byte == '"' || byte == '\\') raw("\\");
      const char shown = byte < 0x20 ? ' ' : byte >= 0x7f ? '?' : text[i];
      raw({&shown, 1});
    }
    raw("\"");
  }
  bool has_room_for_note() const { return size_ + 128 < room_; }
  std::size_t size() const { return size_; }

 private:
  std::span<char> buffer_;
  std::size_t room_;
  std::size_t size_ = 0;
};

void write_notes(Writer& writer, std::span<const CheckResultView::Note> notes) {
  bool first = true;
  for (const CheckResultView::Note& note : notes) {
    if (!writer.has_room_for_note()) break;
    writer.raw(first ? R"({"name":)" : R"(,{"name":)");
    first = false;
    writer.text(note.name);
    writer.raw(R"(,"text":)");
    writer.text(note.text);
    writer.raw("}");
  }
}

}  // namespace

std::string_view to_string(CheckVerdict verdict) {
  return name_of(kVerdicts, verdict);
}
std::optional<CheckVerdict> parse_check_verdict(std::string_view text) {
  for (const auto& [verdict, name] : kVerdicts) {
    if (name == text) return verdict;
  }
  return std::nullopt;
}

unsigned threads_of(CheckThreads kind, unsigned cpus) {
  switch (kind) {
    case CheckThreads::kOne:
      return 1;
    case CheckThreads::kPair:
      return 2;
    case CheckThreads::kCpus:
      return std::max(cpus, 2U);
    case CheckThreads::kMany:
      return 8 * std::max(cpus, 1U);
    case CheckThreads::kNine:
      return 9;
  }
  STACKHEAP_CHECK(false);
  return 1;
}

std::string checks_to_json(std::span<const CheckInfo> checks) {
  json list = json::array();
  for (const CheckInfo& info : checks) {
    json threads = json::array();
    for (const CheckThreads kind : info.threads) threads.push_back(name_of(kThreads, kind));
    list.push_back({{"name", info.name},
                    {"summary", info.summary},
                    {"source", info.source},
                    {"gravest", to_string(info.gravest)},
                    {"uses_heap", info.uses_heap},
                    {"blocks_migrate", info.blocks_migrate},
                    {"rank", info.rank},
                    {"randomised", info.randomised},
                    {"quick_seconds", info.quick_seconds},
                    {"seconds", info.seconds},
                    {"deadline_seconds", info.deadline_seconds},
                    {"threads", std::move(threads)}});
  }
  return json{{"version", kVersion}, {"checks", std::move(list)}}.dump();
}

std::vector<CheckInfo> checks_from_json(std::string_view text) {
  constexpr std::string_view kWhat = "list of checks";
  const json document = parse_strict_json(text, kWhat);
  const JsonPlace root(document, kWhat);
  root.at("version").integer(kVersion, kVersion);
  root.require_keys({"version", "checks"});
  const JsonPlace list = root.at("checks");
  if (list.array_size() > kMostChecks) list.refuse(fmt::format("at most {} checks", kMostChecks));
  std::vector<CheckInfo> checks;
  list.for_each([&](const JsonPlace& place) {
    checks.push_back(info_from(place));
    for (std::size_t i = 0; i + 1 < checks.size(); ++i) {
      if (checks[i].name == checks.back().name) place.at("name").refuse("each check once");
    }
  });
  return checks;
}

std::vector<std::string> check_arguments(const CheckRequest& request) {
  std::vector<std::string> arguments = {"--check",   request.name,
                                        "--threads", fmt::format("{}", request.threads),
                                        "--seed",    fmt::format("{}", request.seed),
                                        "--seconds", fmt::format("{}", request.seconds)};
  for (const std::string& file : request.expected_files) {
    arguments.insert(arguments.end(), {"--expect", file});
  }
  for (const std::string& defect : request.known_defects) {
    arguments.insert(arguments.end(), {"--known-defect", defect});
  }
  if (!request.prove_allocator) arguments.emplace_back("--any-malloc");
  return arguments;
}

std::size_t write_check_result(const CheckResultView& result, std::span<char> buffer) {
  // Room for the document's frame after a text that was cut.
  constexpr std::size_t kFrame = 160;
  STACKHEAP_CHECK(buffer.size() > 2 * kFrame);
  Writer writer(buffer, kFrame);
  writer.raw(R"({"version":1,"verdict":)");
  writer.text(to_string(result.verdict));
  writer.raw(R"(,"operations":)");
  writer.number(result.operations);
  writer.raw(R"(,"own_bytes":)");
  writer.number(result.own_bytes);
  writer.raw(R"(,"peak_bytes":)");
  writer.number(result.peak_bytes);
  writer.raw(R"(,"detail":)");
  writer.text(result.detail);
  writer.raw(R"(,"deviations":[)");
  write_notes(writer, result.deviations);
  writer.raw(R"(],"records":[)");
  write_notes(writer, result.records);
  writer.raw("]}");
  return writer.size();
}

CheckResult check_result_from_json(std::string_view text) {
  constexpr std::string_view kWhat = "check result";
  const json document = parse_strict_json(text, kWhat);
  const JsonPlace root(document, kWhat);
  root.at("version").integer(kVersion, kVersion);
  root.require_keys({"version", "verdict", "operations", "own_bytes", "peak_bytes", "detail",
                     "deviations", "records"});
  CheckResult result;
  result.verdict = value_at(root.at("verdict"), kVerdicts);
  result.operations = root.at("operations").unsigned_integer();
  result.own_bytes = root.at("own_bytes").unsigned_integer();
  result.peak_bytes = root.at("peak_bytes").unsigned_integer();
  result.detail = without_control_characters(root.at("detail").text());
  if (result.detail.size() > kLongestText) root.at("detail").fail("expected a shorter text");
  result.deviations = notes_from(root.at("deviations"));
  result.records = notes_from(root.at("records"));
  if ((result.verdict == CheckVerdict::kNonconforming) != !result.deviations.empty() &&
      result.verdict != CheckVerdict::kUnsafe) {
    root.at("verdict").refuse("nonconforming where, and only where, there are deviations");
  }
  return result;
}

}  // namespace stackheap
