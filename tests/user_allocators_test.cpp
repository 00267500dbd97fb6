#include <gtest/gtest.h>

#include <functional>

#include "harness/allocators/environment_rules.hpp"
#include "harness/allocators/table.hpp"
#include "harness/allocators/user.hpp"
#include "harness/base/error.hpp"
#include "harness/base/file.hpp"
#include "tests/fakes/temporary_folder.hpp"

namespace stackheap {
namespace {

namespace fs = std::filesystem;

class UserAllocators : public ::testing::Test {
 protected:
  fakes::TemporaryFolder folder_;
  fs::path library_ =
      folder_.write("my lib.so", read_file(executable_folder() / "libstackheap-reference.so"));
  std::vector<Allocator> builtins_ = make_builtins();

  static std::vector<Allocator> make_builtins() {
    std::vector<Allocator> builtins(3);
    builtins[0].name = "glibc";
    builtins[1].name = "jemalloc";
    builtins[1].unavailable = "libjemalloc.so.2 not found; install libjemalloc2";
    builtins[2].name = "glibc-1-arena";
    builtins[2].only_in_full = true;
    return builtins;
  }
  static std::vector<std::string> names(const std::vector<Allocator>& allocators) {
    std::vector<std::string> result;
    for (const Allocator& allocator : allocators) result.push_back(allocator.name);
    return result;
  }
  static std::string error_of(const std::function<void()>& action,
                              ExitCode code = ExitCode::kUsage) {
    try {
      action();
    } catch (const UserError& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "accepted";
    return {};
  }
  std::vector<Allocator> toml(std::string_view text) const {
    return parse_allocator_toml(text, "my.toml", folder_.path(), builtins_);
  }
  std::string toml_error(std::string_view text) const {
    return error_of([&] { toml(text); });
  }
};

#define EXPECT_CONTAINS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(UserAllocators, NameEqualsPathDefinesOne) {
  const Allocator mine = parse_allocator_option("mine=" + library_.string(), builtins_);
  EXPECT_EQ(mine.name, "mine");
  EXPECT_EQ(mine.origin, AllocatorOrigin::kUser);
  EXPECT_EQ(mine.libraries, std::vector<std::string>{library_.string()});
}

TEST_F(UserAllocators, APathMayHoldAnEqualsSign) {
  const fs::path odd = folder_.write("a=b.so", read_file(library_));
  const Allocator mine = parse_allocator_option("mine=" + odd.string(), builtins_);
  EXPECT_EQ(mine.libraries, std::vector<std::string>{odd.string()});
}

TEST_F(UserAllocators, ABuiltInNameIsNotShadowed) {
  const std::string message =
      error_of([&] { parse_allocator_option("glibc=" + library_.string(), builtins_); });
  EXPECT_CONTAINS(message, "'glibc' is built in");
  EXPECT_CONTAINS(message, "my-glibc");
}

TEST_F(UserAllocators, InvalidAndReservedNamesAreRefused) {
  for (const char* name : {"", "a/b", "a b", "none"}) {
    error_of([&] { parse_allocator_option(name + ("=" + library_.string()), builtins_); });
  }
}

TEST_F(UserAllocators, AMissingLibraryIsRefusedByPath) {
  const std::string message =
      error_of([&] { parse_allocator_option("mine=/absent/lib.so", builtins_); });
  EXPECT_CONTAINS(message, "/absent/lib.so does not exist");
}

TEST_F(UserAllocators, EnvironmentIsAddedAndReplaced) {
  std::vector<Allocator> all = builtins_;
  add_allocator_environment(all, "glibc", "GLIBC_TUNABLES=glibc.malloc.mxfast=0");
  add_allocator_environment(all, "glibc", "GLIBC_TUNABLES=glibc.malloc.arena_max=1");
  add_allocator_environment(all, "glibc", "_A1=x=y");
  const std::vector<std::pair<std::string, std::string>> expected{
      {"GLIBC_TUNABLES", "glibc.malloc.arena_max=1"}, {"_A1", "x=y"}};
  EXPECT_EQ(all[0].environment, expected);
  EXPECT_TRUE(all[0].unproven_tuning) << "nobody can ask for _A1";
}

TEST_F(UserAllocators, EnvironmentOfTheLinkerOfOursOrBeyondMallocIsRefused) {
  std::vector<Allocator> all = builtins_;
  for (const char* assignment :
       {"LD_PRELOAD=/x.so", "LD_LIBRARY_PATH=/x", "STACKHEAP_X=1", "1A=x", "A-B=x", "=x", "A",
        "GLIBC_TUNABLES=glibc.malloc.arena_max=1:glibc.pthread.rseq=0", "GLIBC_TUNABLES="}) {
    error_of([&] { add_allocator_environment(all, "glibc", assignment); });
  }
  EXPECT_TRUE(all[0].environment.empty());
}

TEST_F(UserAllocators, EveryBuiltInTuningsVariableIsKnownAsOne) {
  unsigned tunings = 0;
  for (const Allocator& allocator : builtin_allocators(folder_.path())) {
    for (const auto& [key, value] : allocator.environment) {
      EXPECT_TRUE(is_allocator_variable(key)) << key;
      EXPECT_EQ(environment_problem(key, value), "");
      ++tunings;
    }
  }
  EXPECT_GE(tunings, 4U);
  EXPECT_TRUE(is_allocator_variable("MALLOC_ARENA_MAX"));
  EXPECT_FALSE(is_allocator_variable("PATH"));
}

TEST_F(UserAllocators, EnvironmentForAnUnknownNameSuggestsTheNearest) {
  std::vector<Allocator> all = builtins_;
  const std::string message = error_of([&] { add_allocator_environment(all, "jemaloc", "A=b"); });
  EXPECT_CONTAINS(message, "'jemalloc'");
}

TEST_F(UserAllocators, NothingChosenMeansAllButTunings) {
  Allocator mine;
  mine.name = "mine";
  const std::vector<Allocator> user{mine};
  EXPECT_EQ(names(select_allocators(builtins_, user, {}, false)),
            (std::vector<std::string>{"glibc", "jemalloc", "mine"}));
  EXPECT_EQ(names(select_allocators(builtins_, user, {}, true)),
            (std::vector<std::string>{"glibc", "jemalloc", "glibc-1-arena", "mine"}));
}

TEST_F(UserAllocators, ChosenOnesComeInTheirOrderOnceAndTuningsByName) {
  const std::vector<std::string> chosen{"glibc-1-arena", "glibc", "glibc-1-arena"};
  EXPECT_EQ(names(select_allocators(builtins_, {}, chosen, false)),
            (std::vector<std::string>{"glibc-1-arena", "glibc"}));
}

TEST_F(UserAllocators, AnUnknownNameIsRefusedWithTheNearestAndTheRemedy) {
  const std::vector<std::string> chosen{"gilbc"};
  const std::string message = error_of([&] { select_allocators(builtins_, {}, chosen, false); });
  EXPECT_CONTAINS(message, "'glibc'");
  EXPECT_CONTAINS(message, "stackheap list allocators");
}

TEST_F(UserAllocators, AskingForAMissingOneNamesThePackage) {
  const std::vector<std::string> chosen{"jemalloc"};
  const std::string message =
      error_of([&] { select_allocators(builtins_, {}, chosen, false); }, ExitCode::kMissing);
  EXPECT_CONTAINS(message, "install libjemalloc2");
}

TEST_F(UserAllocators, TwoDefinitionsOfOneNameAreRefused) {
  std::vector<Allocator> user(2);
  user[0].name = user[1].name = "mine";
  EXPECT_CONTAINS(error_of([&] { select_allocators(builtins_, user, {}, false); }),
                  "'mine' is defined twice");
}

TEST_F(UserAllocators, ATomlFileDefinesAllFields) {
  const auto allocators = toml(
      "[[allocator]]\n"
      "name = \"mine\"\n"
      "library = \"my lib.so\"\n"
      "companions = [\"my lib.so\"]\n"
      "description = \"d\"\n"
      "env = {MALLOC_CONF = \"narenas:1\"}\n"
      "frees_to_freeing_thread = true\n"
      "[[allocator]]\n"
      "name = \"other\"\n"
      "library = \"" +
      library_.string() + "\"\n");
  ASSERT_EQ(names(allocators), (std::vector<std::string>{"mine", "other"}));
  EXPECT_EQ(allocators[0].libraries, std::vector<std::string>{library_.string()});
  EXPECT_EQ(allocators[0].companions, std::vector<std::string>{library_.string()});
  EXPECT_EQ(allocators[0].description, "d");
  EXPECT_EQ(allocators[0].environment.at(0).second, "narenas:1");
  EXPECT_TRUE(allocators[0].frees_to_freeing_thread);
  EXPECT_FALSE(allocators[1].frees_to_freeing_thread);
  EXPECT_EQ(allocators[1].origin, AllocatorOrigin::kUser);
}

TEST_F(UserAllocators, TomlMistakesNameFileLineAndColumn) {
  const std::string start = "[[allocator]]\nname = \"mine\"\nlibrary = \"my lib.so\"\n";
  EXPECT_CONTAINS(toml_error(start + "libary = 1\n"), "my.toml:4:1: expected name, library");
  EXPECT_CONTAINS(toml_error(start + "description = 7\n"), "my.toml:4:15: expected a description");
  EXPECT_CONTAINS(toml_error(start + "companions = \"x\"\n"), "my.toml:4:14: expected companions");
  EXPECT_CONTAINS(toml_error(start + "companions = [\"absent.so\"]\n"), "absent.so does not exist");
  EXPECT_CONTAINS(toml_error(start + "env = {LD_AUDIT = \"x\"}\n"), "my.toml:4:8: LD_AUDIT");
  EXPECT_CONTAINS(toml_error(start + "env = {A = 1}\n"),
                  "my.toml:4:12: expected a variable's value");
  EXPECT_CONTAINS(toml_error(start + "frees_to_freeing_thread = 1\n"), "expected true or false");
  EXPECT_CONTAINS(toml_error(start + start), "my.toml:4:1: expected another name");
  EXPECT_CONTAINS(toml_error("[[allocator]]\nname = \"mine\"\n"),
                  "my.toml:1:1: expected a library for 'mine'");
  EXPECT_CONTAINS(toml_error("[[allocator]]\nlibrary = \"my lib.so\"\n"), "expected a name");
  EXPECT_CONTAINS(toml_error("[[allocator]]\nname = \"glibc\"\n"),
                  "my.toml:2:8: 'glibc' is built in");
  EXPECT_CONTAINS(toml_error("[alocator]\n"), "my.toml:1:2: expected [[allocator]]");
  EXPECT_CONTAINS(toml_error(""), "expected at least one [[allocator]]");
  EXPECT_CONTAINS(toml_error("name = \n"), "my.toml:1:8: ");
}

TEST_F(UserAllocators, AMissingTomlFileIsRefused) {
  EXPECT_CONTAINS(error_of([&] { read_allocator_file(folder_.path() / "absent", builtins_); }),
                  "cannot be read");
  EXPECT_CONTAINS(error_of([&] { read_allocator_file(folder_.path(), builtins_); }),
                  "is a directory");
}

}  // namespace
}  // namespace stackheap
