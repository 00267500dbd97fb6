#include "harness/allocators/proof.hpp"

#include <gtest/gtest.h>

#include "harness/allocators/library_check.hpp"
#include "harness/allocators/preload.hpp"
#include "harness/allocators/table.hpp"
#include "harness/allocators/tuning.hpp"
#include "harness/base/file.hpp"
#include "tests/fakes/run_program.hpp"
#include "tests/fakes/temporary_folder.hpp"

namespace stackheap {
namespace {

namespace fs = std::filesystem;
using fakes::fake_program;
using fakes::ProgramResult;
using fakes::run_program;

// Runs malloc_origin under the allocator, exactly as the driver would.
ProgramResult run_under(const Allocator& allocator, std::vector<std::string> arguments) {
  const PreloadPlan plan = plan_preload(allocator);
  std::vector<std::string> environment;
  if (!plan.value.empty()) environment.push_back("LD_PRELOAD=" + plan.value);
  for (const auto& [key, value] : allocator.environment) environment.push_back(key + "=" + value);
  return run_program(fake_program("malloc_origin"), std::move(arguments), std::move(environment),
                     plan.descriptors);
}

ProgramResult prove_under(const Allocator& allocator, const std::vector<std::string>& expected) {
  std::vector<std::string> arguments{"prove"};
  arguments.insert(arguments.end(), expected.begin(), expected.end());
  return run_under(allocator, arguments);
}

class Injection : public ::testing::Test {
 protected:
  void SetUp() override {
    // A sanitizer's malloc takes no preload; see ASanitizerBuild below.
    if (prove_injection({}).identity == MallocIdentity::kSanitizer) GTEST_SKIP();
  }
  std::vector<Allocator> all_ = builtin_allocators(executable_folder());

  Allocator row(std::string_view name) const {
    for (const Allocator& allocator : all_) {
      if (allocator.name == name) return allocator;
    }
    ADD_FAILURE() << "no row " << name;
    return {};
  }
  static std::string line(const ProgramResult& result, const std::string& key) {
    const std::size_t at = result.output.find(key + "=");
    if (at == std::string::npos) return "absent: " + result.output;
    const std::size_t begin = at + key.size() + 1;
    return result.output.substr(begin, result.output.find('\n', begin) - begin);
  }
};

TEST_F(Injection, IsProvenForEveryAvailableAllocator) {
  unsigned proven = 0;
  for (const Allocator& allocator : all_) {
    if (!allocator.unavailable.empty()) continue;
    const ProgramResult result = prove_under(allocator, expected_files(allocator));
    EXPECT_EQ(result.exit_code, 0) << allocator.name << ": " << result.output;
    ++proven;
  }
  EXPECT_GE(proven, 2U) << "at least glibc and the reference allocator";
}

TEST_F(Injection, IsRefutedWhereNothingWasPreloaded) {
  for (const Allocator& allocator : all_) {
    if (allocator.libraries.empty()) continue;
    const ProgramResult result = prove_under(Allocator{}, expected_files(allocator));
    EXPECT_EQ(result.exit_code, 1) << allocator.name;
    EXPECT_NE(result.output.find("malloc resolves into "), std::string::npos) << result.output;
    EXPECT_NE(result.output.find("expected " + allocator.libraries[0]), std::string::npos)
        << result.output;
  }
}

TEST_F(Injection, IsRefutedWhereAnotherWasPreloaded) {
  const ProgramResult result = prove_under(row("reference"), {});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.output.find("libstackheap-reference.so, expected the C library "),
            std::string::npos)
      << result.output;
}

TEST_F(Injection, IsRefutedWhereThePreloadSilentlyFailed) {
  fakes::TemporaryFolder folder;
  Allocator broken;
  broken.libraries.push_back(folder.write("lib.so", "not a library").string());
  const ProgramResult result = prove_under(broken, broken.libraries);
  EXPECT_EQ(result.exit_code, 1) << "ld.so warned and went on";
  EXPECT_NE(result.output.find("malloc resolves into "), std::string::npos) << result.output;
}

TEST_F(Injection, ComparesFilesNotNames) {
  fakes::TemporaryFolder folder;
  const fs::path link = folder.path() / "another-name.so";
  fs::create_symlink(row("reference").libraries.at(0), link);
  EXPECT_EQ(prove_under(row("reference"), {link.string()}).exit_code, 0);
  const fs::path copy = folder.path() / "copy.so";
  fs::copy_file(row("reference").libraries.at(0), copy);
  EXPECT_EQ(prove_under(row("reference"), {copy.string()}).exit_code, 1);
}

TEST_F(Injection, WorksForPathsThatThePreloadVariableWouldTakeApart) {
  fakes::TemporaryFolder folder;
  for (const char* name : {"with space/lib.so", "a:b/lib.so", "$ORIGIN/lib.so", "Größe/λ lib.so"}) {
    Allocator allocator;
    allocator.libraries.push_back(
        folder.write(name, read_file(row("reference").libraries.at(0))).string());
    const ProgramResult result = prove_under(allocator, allocator.libraries);
    EXPECT_EQ(result.exit_code, 0) << name << ": " << result.output;
  }
}

TEST_F(Injection, PlainPathsNeedNoDescriptor) {
  const PreloadPlan plan = plan_preload(row("reference"));
  EXPECT_EQ(plan.value, row("reference").libraries.at(0));
  EXPECT_TRUE(plan.descriptors.empty());
  EXPECT_EQ(plan_preload(Allocator{}).value, "");
}

TEST_F(Injection, DescriptorsAreCloseOnExecAndOutOfTheWay) {
  fakes::TemporaryFolder folder;
  Allocator allocator;
  allocator.libraries.push_back(folder.write("a b.so", "x").string());
  const PreloadPlan plan = plan_preload(allocator);
  ASSERT_EQ(plan.descriptors.size(), 1U);
  EXPECT_GE(plan.descriptors[0].get(), 200);
  EXPECT_EQ(plan.value, "/proc/self/fd/" + std::to_string(plan.descriptors[0].get()));
  EXPECT_NE(::fcntl(plan.descriptors[0].get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(Injection, EveryTuningThatCanBeReadBackIsProvenInEffect) {
  unsigned proven = 0;
  for (const Allocator& allocator : all_) {
    if (!allocator.unavailable.empty() || allocator.environment.empty()) continue;
    const std::string expected = allocator.unproven_tuning ? "unproven" : "proven";
    const ProgramResult result = run_under(allocator, {"tuning"});
    EXPECT_EQ(result.output.substr(0, result.output.find(' ')), expected)
        << allocator.name << ": " << result.output;
    proven += allocator.unproven_tuning ? 0 : 1;
  }
  EXPECT_GE(proven, 2U) << "glibc's are always there";
}

TEST_F(Injection, ATuningThatTheAllocatorDoesNotHeedIsRefuted) {
  Allocator foreign = row("reference");
  foreign.environment = row("glibc-1-arena").environment;
  EXPECT_EQ(run_under(foreign, {"tuning"}).output.rfind("refuted ", 0), 0U);
  Allocator jemalloc = row("jemalloc");
  if (!jemalloc.unavailable.empty()) GTEST_SKIP() << jemalloc.unavailable;
  jemalloc.environment = {{"MALLOC_CONF", "percpu_arena:nonsense"}};
  EXPECT_NE(run_under(jemalloc, {"tuning"}).output.find("refuted opt.percpu_arena is disabled"),
            std::string::npos);
  jemalloc.environment = {{"MALLOC_CONF", "dirty_decay_ms:nonsense,narenas:3"}};
  EXPECT_NE(run_under(jemalloc, {"tuning"}).output.find("refuted opt.dirty_decay_ms is 10000"),
            std::string::npos);
}

TEST_F(Injection, NoTuningAskedForIsNothingToRefute) {
  EXPECT_EQ(run_under(Allocator{}, {"tuning"}).output, "proven \n");
}

TEST_F(Injection, GlibcCountsItsArenasAndNothingElse) {
  const ProgramResult two = run_under(Allocator{}, {"statistics"});
  EXPECT_EQ(line(two, "arenas"), "2");
  EXPECT_EQ(line(two, "lock_ops"), "none");
  EXPECT_EQ(line(two, "lock_waits"), "none");
  EXPECT_EQ(line(run_under(row("glibc-1-arena"), {"statistics"}), "arenas"), "1");
}

TEST_F(Injection, JemallocCountsArenasAndLocks) {
  const Allocator jemalloc = row("jemalloc");
  if (!jemalloc.unavailable.empty()) GTEST_SKIP() << jemalloc.unavailable;
  const ProgramResult result = run_under(jemalloc, {"statistics"});
  EXPECT_GE(std::stoull(line(result, "arenas")), 2U) << result.output;
  EXPECT_GE(std::stoull(line(result, "lock_ops")), 10U) << result.output;
  EXPECT_LE(std::stoull(line(result, "lock_waits")), std::stoull(line(result, "lock_ops")));
}

TEST_F(Injection, OthersCountNothing) {
  const ProgramResult result = run_under(row("reference"), {"statistics"});
  EXPECT_EQ(line(result, "arenas"), "none") << "malloc_info() would tell of an unused glibc heap";
  EXPECT_EQ(line(result, "lock_ops"), "none");
}

TEST(Proof, ThisTestBinaryRunsOnTheCLibraryOrASanitizer) {
  const ProofResult proof = prove_injection({});
  EXPECT_TRUE(proof.ok) << proof.detail;
  EXPECT_NE(proof.identity, MallocIdentity::kOther);
}

TEST(Proof, NamesEntryPointOriginAndExpectation) {
  const std::vector<std::string> expected{"/no/such/lib.so", "/nor/this.so"};
  const ProofResult proof = prove_injection(expected);
  EXPECT_FALSE(proof.ok);
  EXPECT_EQ(proof.detail.rfind("malloc resolves into ", 0), 0U) << proof.detail;
  EXPECT_NE(proof.detail.find(", expected /no/such/lib.so or /nor/this.so"), std::string::npos)
      << proof.detail;
}

TEST(Tuning, OnlyWhatALibraryTellsCanBeReadBack) {
  EXPECT_TRUE(can_read_back("GLIBC_TUNABLES", "glibc.malloc.arena_max=1"));
  EXPECT_FALSE(can_read_back("GLIBC_TUNABLES", "glibc.malloc.arena_max=2"));
  EXPECT_FALSE(can_read_back("SCUDO_OPTIONS", "x=1"));
  EXPECT_FALSE(can_read_back("ANYTHING", "1"));
}

}  // namespace
}  // namespace stackheap
