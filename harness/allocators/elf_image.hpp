// A 64-bit ELF file read with every offset checked. dlopen() would tell the same by loading the
// library into the driver, constructors and malloc included, and <link.h> trusts what it reads; a
// file that a user names may be anything.
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stackheap {

class ElfImage {
 public:
  // `content` is the whole file and outlives the image. Check header_problem() before anything
  // else.
  explicit ElfImage(std::string_view content) : content_(content) {}

  // Empty, or what keeps the file from being a complete shared object for this machine, as the end
  // of a sentence that begins with the file's name.
  std::string header_problem() const;
  // Empty, or what keeps a library from being preloaded into this program, as the end of a sentence
  // that begins with the file's name: not a 64-bit ELF program, linked statically, a malloc of its
  // own that comes before any library's.
  std::string program_problem() const;
  // True for a function or object of that name that the file itself defines for others.
  bool defines(std::string_view symbol) const;
  std::string soname() const;        // empty where there is none
  std::string build_id_hex() const;  // empty where there is none

 private:
  template <class T>
  std::optional<T> read(std::uint64_t offset) const {
    if (offset > content_.size() || content_.size() - offset < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, content_.data() + offset, sizeof value);
    return value;
  }
  // Text up to its NUL, empty where it leaves the file.
  std::string_view text_at(std::uint64_t offset) const;
  std::string layout_problem(const Elf64_Ehdr& header) const;
  std::vector<Elf64_Phdr> program_headers() const;
  // File offset of an address of the loaded image.
  std::optional<std::uint64_t> offset_of(std::uint64_t address) const;
  // The value of the first entry with this tag in the dynamic section.
  std::optional<std::uint64_t> dynamic_value(std::int64_t tag) const;
  std::uint64_t symbol_count() const;
  std::uint64_t gnu_hash_symbol_count(std::uint64_t table) const;

  std::string_view content_;
};

}  // namespace stackheap
