#include "harness/allocators/table.hpp"

#include <gtest/gtest.h>
#include <sys/utsname.h>

#include <algorithm>
#include <set>

#include "harness/base/file.hpp"
#include "harness/base/text.hpp"
#include "tests/fakes/temporary_folder.hpp"

namespace stackheap {
namespace {

namespace fs = std::filesystem;

std::string machine_arch() {
  utsname machine{};
  ::uname(&machine);
  return machine.machine;
}

class AllocatorTable : public ::testing::Test {
 protected:
  fakes::TemporaryFolder folder_;
  std::string good_ = read_file(executable_folder() / "libstackheap-reference.so");
  SearchRoots roots_{{folder_.path() / "first", folder_.path() / "second"}, folder_.path() / "usr"};

  Allocator row(std::string_view name) const {
    for (const Allocator& allocator : builtin_allocators(folder_.path(), roots_)) {
      if (allocator.name == name) return allocator;
    }
    ADD_FAILURE() << "no row " << name;
    return {};
  }
};

TEST_F(AllocatorTable, NamesAreValidAndUnique) {
  std::set<std::string> names;
  for (const Allocator& allocator : builtin_allocators(folder_.path(), roots_)) {
    EXPECT_TRUE(is_valid_name(allocator.name)) << allocator.name;
    EXPECT_TRUE(names.insert(allocator.name).second) << allocator.name;
    EXPECT_FALSE(allocator.description.empty()) << allocator.name;
  }
  for (const char* name :
       {"glibc", "jemalloc", "mimalloc", "tcmalloc", "tbbmalloc", "scudo", "reference"}) {
    EXPECT_EQ(names.count(name), 1U) << name;
  }
}

TEST_F(AllocatorTable, OnAnEmptyMachineOnlyGlibcIsAvailableAndTheRestNameTheirPackage) {
  for (const Allocator& allocator : builtin_allocators(folder_.path(), roots_)) {
    EXPECT_TRUE(allocator.libraries.empty()) << allocator.name;
    EXPECT_EQ(allocator.unavailable.empty(), allocator.name.rfind("glibc", 0) == 0)
        << allocator.name << ": " << allocator.unavailable;
  }
  EXPECT_EQ(row("jemalloc").unavailable, "libjemalloc.so.2 not found; install libjemalloc2");
  EXPECT_NE(row("scudo").unavailable.find("libclang-rt-"), std::string::npos);
  EXPECT_NE(row("reference").unavailable.find("build the target stackheap-reference"),
            std::string::npos);
}

TEST_F(AllocatorTable, TheFirstFolderWins) {
  const fs::path first = folder_.write("first/libjemalloc.so.2", good_);
  folder_.write("second/libjemalloc.so.2", good_);
  EXPECT_EQ(row("jemalloc").libraries, std::vector<std::string>{first.string()});
  EXPECT_EQ(row("jemalloc").unavailable, "");
}

TEST_F(AllocatorTable, ADamagedLibraryIsPassedOverForASoundOne) {
  folder_.write("first/libjemalloc.so.2", "text");
  const fs::path second = folder_.write("second/libjemalloc.so.2", good_);
  EXPECT_EQ(row("jemalloc").libraries, std::vector<std::string>{second.string()});
}

TEST_F(AllocatorTable, OnlyADamagedLibraryMeansUnavailableWithTheReason) {
  const fs::path file = folder_.write("second/libjemalloc.so.2", good_.substr(0, 100));
  const std::string reason = row("jemalloc").unavailable;
  EXPECT_NE(reason.find(file.string() + " is truncated"), std::string::npos) << reason;
  EXPECT_NE(reason.find("install libjemalloc2"), std::string::npos) << reason;
}

TEST_F(AllocatorTable, TheProxyNeedsItsCompanion) {
  const fs::path proxy = folder_.write("second/libtbbmalloc_proxy.so.2", good_);
  EXPECT_EQ(row("tbbmalloc").unavailable, "libtbbmalloc.so.2 not found; install libtbbmalloc2");
  EXPECT_TRUE(row("tbbmalloc").libraries.empty());
  folder_.write("first/libtbbmalloc.so.2", good_);
  const fs::path beside = folder_.write("second/libtbbmalloc.so.2", good_);
  EXPECT_EQ(row("tbbmalloc").libraries, std::vector<std::string>{proxy.string()});
  EXPECT_EQ(row("tbbmalloc").companions, std::vector<std::string>{beside.string()});
}

TEST_F(AllocatorTable, ScudoIsOfTheHighestLlvmByNumber) {
  const std::string name = "lib/linux/libclang_rt.scudo_standalone-" + machine_arch() + ".so";
  folder_.write("usr/llvm-9/lib/clang/9.0.1/" + name, good_);
  const fs::path highest = folder_.write("usr/llvm-14/lib/clang/14.0.6/" + name, good_);
  EXPECT_EQ(row("scudo").libraries, std::vector<std::string>{highest.string()});
}

TEST_F(AllocatorTable, ScudoIsFoundInTheNewerLayout) {
  const std::string name = "lib/linux/libclang_rt.scudo_standalone-" + machine_arch() + ".so";
  folder_.write("usr/llvm-19/lib/clang/19/" + name, good_);
  const fs::path newer = folder_.write("usr/llvm-21/lib/clang/21/lib/" + machine_arch() +
                                           "-pc-linux-gnu/libclang_rt.scudo_standalone.so",
                                       good_);
  EXPECT_EQ(row("scudo").libraries, std::vector<std::string>{newer.string()});
}

TEST_F(AllocatorTable, ATuningIsItsBaseWithAnEnvironmentAndInProfileFullOnly) {
  const fs::path file = folder_.write("first/libjemalloc.so.2", good_);
  const Allocator tuning = row("jemalloc-percpu-arena");
  EXPECT_EQ(tuning.libraries, std::vector<std::string>{file.string()});
  const std::vector<std::pair<std::string, std::string>> expected{
      {"MALLOC_CONF", "percpu_arena:percpu"}};
  EXPECT_EQ(tuning.environment, expected);
  EXPECT_TRUE(tuning.only_in_full);
  EXPECT_FALSE(tuning.unproven_tuning);
  EXPECT_TRUE(row("jemalloc").environment.empty());
  EXPECT_FALSE(row("jemalloc").only_in_full);
}

TEST_F(AllocatorTable, ATuningThatNoLibraryCanConfirmIsMarkedUnproven) {
  EXPECT_TRUE(row("scudo-no-release").unproven_tuning);
  EXPECT_FALSE(row("glibc-1-arena").unproven_tuning);
}

TEST_F(AllocatorTable, OnlyTheReferenceKeepsBlocksWithTheFreeingThread) {
  folder_.write("libstackheap-reference.so", good_);
  for (const Allocator& allocator : builtin_allocators(folder_.path(), roots_)) {
    EXPECT_EQ(allocator.frees_to_freeing_thread, allocator.name == "reference") << allocator.name;
  }
  EXPECT_EQ(row("reference").unavailable, "");
}

TEST_F(AllocatorTable, LinkerFoldersFollowIncludesInOrderAndIgnoreComments) {
  folder_.write("conf.d/b.conf", "/from/b\n");
  folder_.write("conf.d/a.conf", "  /from/a  # here\n# /not/this\n");
  const fs::path conf = folder_.write("ld.so.conf", "include conf.d/*.conf\n\n/last\n");
  std::vector<fs::path> folders = linker_folders(conf);
  ASSERT_GE(folders.size(), 3U);
  folders.resize(3);
  EXPECT_EQ(folders, (std::vector<fs::path>{"/from/a", "/from/b", "/last"}));
}

TEST_F(AllocatorTable, AConfigurationThatIncludesItselfEnds) {
  const fs::path conf = folder_.write("ld.so.conf", "include ld.so.conf\n/once\n");
  EXPECT_FALSE(linker_folders(conf).empty());
}

}  // namespace
}  // namespace stackheap
