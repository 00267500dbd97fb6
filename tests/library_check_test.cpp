#include "harness/allocators/library_check.hpp"

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

#include "harness/allocators/elf_image.hpp"
#include "harness/allocators/proof.hpp"
#include "harness/allocators/table.hpp"
#include "harness/base/error.hpp"
#include "harness/base/file.hpp"
#include "harness/base/random.hpp"
#include "tests/fakes/temporary_folder.hpp"

namespace stackheap {
namespace {

namespace fs = std::filesystem;

class LibraryCheck : public ::testing::Test {
 protected:
  // The good library all bad ones are made from.
  static fs::path good_path() { return executable_folder() / "libstackheap-reference.so"; }
  std::string good_ = read_file(good_path());
  fakes::TemporaryFolder folder_;

  template <class Field>
  std::string with_field(std::size_t offset, Field value) const {
    std::string changed = good_;
    std::memcpy(changed.data() + offset, &value, sizeof value);
    return changed;
  }
  // The message for a file of this content; empty where it is accepted.
  std::string refusal(std::string_view content) const {
    return refusal_of(folder_.write("lib.so", content));
  }
  static std::string refusal_of(const fs::path& path, LibraryRole role = LibraryRole::kAllocator) {
    try {
      check_library(path, role);
    } catch (const UserError& error) {
      EXPECT_EQ(error.code(), ExitCode::kUsage);
      EXPECT_NE(std::string(error.what()).find(path.string()), std::string::npos) << error.what();
      return error.what();
    }
    return {};
  }
};

#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST_F(LibraryCheck, AcceptsALibraryWithItsOwnMalloc) {
  EXPECT_EQ(refusal(good_), "");
}

TEST_F(LibraryCheck, AcceptsALibraryWithoutSectionHeaders) {
  std::string stripped = with_field(offsetof(Elf64_Ehdr, e_shoff), Elf64_Off{0});
  const Elf64_Half none = 0;
  std::memcpy(stripped.data() + offsetof(Elf64_Ehdr, e_shnum), &none, sizeof none);
  EXPECT_EQ(refusal(stripped), "");
}

TEST_F(LibraryCheck, RefusesAMissingFile) {
  EXPECT_SAYS(refusal_of(folder_.path() / "absent.so"), "does not exist");
}

TEST_F(LibraryCheck, RefusesADirectory) {
  EXPECT_SAYS(refusal_of(folder_.path()), "is a directory");
}

TEST_F(LibraryCheck, RefusesADevice) {
  EXPECT_SAYS(refusal_of("/dev/null"), "no regular file");
}

TEST_F(LibraryCheck, RefusesADanglingLink) {
  fs::create_symlink("nowhere", folder_.path() / "link.so");
  EXPECT_SAYS(refusal_of(folder_.path() / "link.so"), "does not exist");
}

TEST_F(LibraryCheck, RefusesAnUnreadableFile) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  const fs::path file = folder_.write("lib.so", good_);
  fs::permissions(file, fs::perms::none);
  EXPECT_SAYS(refusal_of(file), "cannot be read: Permission denied");
}

TEST_F(LibraryCheck, RefusesAnEmptyFile) {
  EXPECT_SAYS(refusal(""), "is empty");
}

TEST_F(LibraryCheck, RefusesTextAndNamesALinkerScriptAsTheLikelyCause) {
  EXPECT_SAYS(refusal("GROUP ( libc.so.6 )\n"), "is a text file, not a shared library");
}

TEST_F(LibraryCheck, RefusesBinaryDataThatIsNotElf) {
  EXPECT_SAYS(refusal(std::string("\0\1\2\3", 4)), "is not an ELF file");
}

TEST_F(LibraryCheck, Refuses32Bit) {
  EXPECT_SAYS(refusal(with_field(EI_CLASS, static_cast<unsigned char>(ELFCLASS32))), "32-bit");
}

TEST_F(LibraryCheck, RefusesAnotherCpuAndNamesIt) {
  const Elf64_Half other = EM_S390;
  const std::string message = refusal(with_field(offsetof(Elf64_Ehdr, e_machine), other));
  EXPECT_SAYS(message, "is for another CPU: s390");
}

TEST_F(LibraryCheck, RefusesAnotherByteOrder) {
  const unsigned char other = good_[EI_DATA] == ELFDATA2LSB ? ELFDATA2MSB : ELFDATA2LSB;
  EXPECT_SAYS(refusal(with_field(EI_DATA, other)), "another byte order");
}

TEST_F(LibraryCheck, RefusesAProgramAndAnObjectFile) {
  const std::size_t type = offsetof(Elf64_Ehdr, e_type);
  EXPECT_SAYS(refusal(with_field(type, Elf64_Half{ET_EXEC})), "not a shared library but a program");
  EXPECT_SAYS(refusal(with_field(type, Elf64_Half{ET_REL})), "but an object file");
}

TEST_F(LibraryCheck, RefusesEveryTruncation) {
  EXPECT_SAYS(refusal(good_.substr(0, 10)), "truncated");
  EXPECT_SAYS(refusal(good_.substr(0, sizeof(Elf64_Ehdr) - 1)), "truncated");
  EXPECT_SAYS(refusal(good_.substr(0, sizeof(Elf64_Ehdr))), "truncated: its program headers");
  EXPECT_SAYS(refusal(good_.substr(0, good_.size() / 4)), "truncated");
  EXPECT_SAYS(refusal(good_.substr(0, good_.size() - 1)), "truncated: its section headers");
}

TEST_F(LibraryCheck, RefusesALibraryWithoutMallocButTakesItAsCompanion) {
  const fs::path math = origin_of("cos");
  ASSERT_FALSE(math.empty());
  EXPECT_SAYS(refusal_of(math), "defines no function malloc");
  EXPECT_EQ(refusal_of(math, LibraryRole::kCompanion), "");
}

TEST_F(LibraryCheck, SurvivesRandomDamage) {
  Random random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string damaged = good_;
    for (int i = 0; i < 8; ++i) {
      // Half of it in the headers, where it hurts.
      const auto limit = static_cast<std::uint32_t>(round % 2 == 0 ? 1024 : damaged.size());
      damaged[16 + random.below(limit - 16)] = static_cast<char>(random());
    }
    const ElfImage image(damaged);
    if (!image.header_problem().empty()) continue;
    image.defines("malloc");
    image.soname();
    EXPECT_LE(image.build_id_hex().size(), 2 * damaged.size());
  }
}

TEST_F(LibraryCheck, IdentifiesByResolvedPathVersionAndHash) {
  const fs::path real = folder_.write("libx.so.4.5.10", "abc");
  fs::create_symlink(real.filename(), folder_.path() / "libx.so.4");
  const LibraryIdentity identity = identify_library(folder_.path() / "libx.so.4");
  EXPECT_EQ(identity.path, fs::canonical(real).string());
  EXPECT_EQ(identity.version, "4.5.10");
  EXPECT_EQ(identity.build_id, "");
  EXPECT_EQ(identity.size, 3U);
  // FIPS 180-4's example for "abc".
  EXPECT_EQ(identity.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(LibraryCheck, TakesScudosVersionFromLlvmsFolder) {
  const fs::path file = folder_.write("llvm-19/lib/clang/19/lib/linux/libscudo.so", good_);
  EXPECT_EQ(identify_library(file).version, "19");
}

TEST_F(LibraryCheck, IdentifiesGlibcByItsOwnVersionAndBuildId) {
  const auto identities = identify_allocator(Allocator{});
  ASSERT_EQ(identities.size(), 1U);
  EXPECT_EQ(identities[0].path, fs::canonical(c_library_path()).string());
  EXPECT_EQ(identities[0].version.rfind("2.", 0), 0U) << identities[0].version;
  EXPECT_EQ(identities[0].build_id.size(), 40U) << identities[0].build_id;
}

}  // namespace
}  // namespace stackheap
