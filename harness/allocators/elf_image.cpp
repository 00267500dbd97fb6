#include "harness/allocators/elf_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace stackheap {
namespace {

#if defined(__x86_64__)
constexpr Elf64_Half kThisMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr Elf64_Half kThisMachine = EM_AARCH64;
#elif defined(__riscv)
constexpr Elf64_Half kThisMachine = EM_RISCV;
#elif defined(__powerpc64__)
constexpr Elf64_Half kThisMachine = EM_PPC64;
#elif defined(__s390x__)
constexpr Elf64_Half kThisMachine = EM_S390;
#else
#error "name this CPU's ELF machine here"
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
constexpr unsigned char kThisByteOrder = ELFDATA2LSB;
#else
constexpr unsigned char kThisByteOrder = ELFDATA2MSB;
#endif

struct MachineName {
  Elf64_Half machine;
  std::string_view name;
};
constexpr MachineName kMachines[] = {
    {EM_X86_64, "x86-64"}, {EM_386, "x86"},      {EM_AARCH64, "aarch64"}, {EM_ARM, "arm"},
    {EM_RISCV, "RISC-V"},  {EM_PPC64, "POWER"},  {EM_PPC, "PowerPC"},     {EM_S390, "s390"},
    {EM_MIPS, "MIPS"},     {EM_SPARCV9, "SPARC"}};

std::string machine_name(Elf64_Half machine) {
  for (const MachineName& known : kMachines) {
    if (known.machine == machine) return std::string(known.name);
  }
  return fmt::format("ELF machine {}", machine);
}

bool looks_like_text(std::string_view content) {
  const std::string_view start = content.substr(0, 512);
  return std::all_of(start.begin(), start.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 || byte == '\n' || byte == '\r' || byte == '\t';
  });
}

// True where `count` items of `size` bytes from `offset` on lie within `limit` bytes.
bool fits(std::uint64_t offset, std::uint64_t count, std::uint64_t size, std::uint64_t limit) {
  return offset <= limit && (size == 0 || count <= (limit - offset) / size);
}

}  // namespace

std::string ElfImage::program_problem() const {
  if (content_.substr(0, SELFMAG) != std::string_view(ELFMAG, SELFMAG) ||
      content_.size() < sizeof(Elf64_Ehdr)) {
    return "is no ELF program";
  }
  if (static_cast<unsigned char>(content_[EI_CLASS]) != ELFCLASS64) {
    return "is a 32-bit program, which cannot load the 64-bit allocators";
  }
  const std::vector<Elf64_Phdr> headers = program_headers();
  const bool dynamic = std::any_of(headers.begin(), headers.end(), [](const Elf64_Phdr& header) {
    return header.p_type == PT_INTERP;
  });
  if (!dynamic) {
    return "is linked statically: its malloc is part of it, and no library can be preloaded";
  }
  if (defines("malloc")) {
    return "defines malloc itself, which comes before that of any library";
  }
  return {};
}

std::string ElfImage::header_problem() const {
  if (content_.empty()) return "is empty";
  if (content_.substr(0, SELFMAG) != std::string_view(ELFMAG, SELFMAG)) {
    if (looks_like_text(content_)) {
      return "is a text file, not a shared library (a linker script? then name the library that it "
             "names)";
    }
    return "is not an ELF file, so not a shared library";
  }
  if (content_.size() < EI_NIDENT) return "is truncated: its ELF header is incomplete";
  const auto file_class = static_cast<unsigned char>(content_[EI_CLASS]);
  if (file_class == ELFCLASS32) {
    return "is a 32-bit library, which a 64-bit process cannot load";
  }
  if (file_class != ELFCLASS64) return "has an unknown ELF class, it is damaged";
  if (static_cast<unsigned char>(content_[EI_DATA]) != kThisByteOrder) {
    return "is for a CPU with another byte order";
  }
  const auto header = read<Elf64_Ehdr>(0);
  if (!header) return "is truncated: its ELF header is incomplete";
  if (header->e_machine != kThisMachine) {
    return fmt::format("is for another CPU: {}; this process is {}",
                       machine_name(header->e_machine), machine_name(kThisMachine));
  }
  if (header->e_type != ET_DYN) {
    return fmt::format("is not a shared library but {}", header->e_type == ET_REL ? "an object file"
                                                         : header->e_type == ET_EXEC ? "a program"
                                                         : header->e_type == ET_CORE
                                                             ? "a core dump"
                                                             : "another kind of ELF file");
  }
  return layout_problem(*header);
}

std::string ElfImage::layout_problem(const Elf64_Ehdr& header) const {
  const std::uint64_t size = content_.size();
  if (header.e_phnum == 0 || header.e_phentsize != sizeof(Elf64_Phdr)) {
    return "has no program headers, so it cannot be loaded";
  }
  const auto truncated = [size](std::string_view what) {
    return fmt::format("is truncated: {} lie past its end at byte {}", what, size);
  };
  if (!fits(header.e_phoff, header.e_phnum, sizeof(Elf64_Phdr), size)) {
    return truncated("its program headers");
  }
  for (const Elf64_Phdr& segment : program_headers()) {
    if (segment.p_type == PT_LOAD && !fits(segment.p_offset, segment.p_filesz, 1, size)) {
      return truncated("its segments");
    }
  }
  if (header.e_shoff != 0 && !fits(header.e_shoff, header.e_shnum, header.e_shentsize, size)) {
    return truncated("its section headers");
  }
  return {};
}

std::vector<Elf64_Phdr> ElfImage::program_headers() const {
  std::vector<Elf64_Phdr> headers;
  const auto header = read<Elf64_Ehdr>(0);
  if (!header) return headers;
  for (std::uint64_t i = 0; i < header->e_phnum; ++i) {
    const auto entry = read<Elf64_Phdr>(header->e_phoff + i * sizeof(Elf64_Phdr));
    if (!entry) break;
    headers.push_back(*entry);
  }
  return headers;
}

std::optional<std::uint64_t> ElfImage::offset_of(std::uint64_t address) const {
  for (const Elf64_Phdr& segment : program_headers()) {
    if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
        address - segment.p_vaddr < segment.p_filesz) {
      return segment.p_offset + (address - segment.p_vaddr);
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> ElfImage::dynamic_value(std::int64_t tag) const {
  for (const Elf64_Phdr& segment : program_headers()) {
    if (segment.p_type != PT_DYNAMIC) continue;
    for (std::uint64_t at = 0; at + sizeof(Elf64_Dyn) <= segment.p_filesz;
         at += sizeof(Elf64_Dyn)) {
      const auto entry = read<Elf64_Dyn>(segment.p_offset + at);
      if (!entry || entry->d_tag == DT_NULL) break;
      if (entry->d_tag == tag) return entry->d_un.d_val;
    }
  }
  return std::nullopt;
}

std::string_view ElfImage::text_at(std::uint64_t offset) const {
  if (offset >= content_.size()) return {};
  const std::size_t end = content_.find('\0', offset);
  if (end == std::string_view::npos) return {};
  return content_.substr(offset, end - offset);
}

std::uint64_t ElfImage::symbol_count() const {
  if (const auto address = dynamic_value(DT_HASH)) {
    // System V hash table: number of buckets, then number of chains, one for each symbol.
    const auto table = offset_of(*address);
    const auto chains = table ? read<std::uint32_t>(*table + 4) : std::nullopt;
    if (chains) return *chains;
  }
  if (const auto address = dynamic_value(DT_GNU_HASH)) {
    if (const auto table = offset_of(*address)) return gnu_hash_symbol_count(*table);
  }
  return 0;
}

// The GNU hash table does not say how many symbols there are: the last one is at the end of the
// chain that begins at the highest bucket. Layout: four words (buckets, first hashed symbol, Bloom
// words, shift), Bloom words of 8 bytes, buckets, chains whose last entry has the lowest bit set.
std::uint64_t ElfImage::gnu_hash_symbol_count(std::uint64_t table) const {
  const auto buckets = read<std::uint32_t>(table);
  const auto first = read<std::uint32_t>(table + 4);
  const auto bloom_words = read<std::uint32_t>(table + 8);
  if (!buckets || !first || !bloom_words) return 0;
  const std::uint64_t bucket_table = table + 16 + std::uint64_t{*bloom_words} * 8;
  const std::uint64_t chain_table = bucket_table + std::uint64_t{*buckets} * 4;
  std::uint64_t last = 0;
  for (std::uint64_t i = 0; i < *buckets; ++i) {
    const auto symbol = read<std::uint32_t>(bucket_table + i * 4);
    if (!symbol) return 0;
    last = std::max<std::uint64_t>(last, *symbol);
  }
  if (last < *first) return *first;
  for (;; ++last) {
    const auto hash = read<std::uint32_t>(chain_table + (last - *first) * 4);
    if (!hash) return 0;
    if ((*hash & 1U) != 0) return last + 1;
  }
}

bool ElfImage::defines(std::string_view symbol) const {
  const auto symbols = dynamic_value(DT_SYMTAB);
  const auto strings = dynamic_value(DT_STRTAB);
  if (!symbols || !strings) return false;
  const auto symbol_table = offset_of(*symbols);
  const auto string_table = offset_of(*strings);
  if (!symbol_table || !string_table) return false;
  const std::uint64_t count = symbol_count();
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto entry = read<Elf64_Sym>(*symbol_table + i * sizeof(Elf64_Sym));
    if (!entry) return false;
    const unsigned binding = ELF64_ST_BIND(entry->st_info);
    if (entry->st_shndx != SHN_UNDEF && (binding == STB_GLOBAL || binding == STB_WEAK) &&
        text_at(*string_table + entry->st_name) == symbol) {
      return true;
    }
  }
  return false;
}

std::string ElfImage::soname() const {
  const auto name = dynamic_value(DT_SONAME);
  const auto strings = dynamic_value(DT_STRTAB);
  if (!name || !strings) return {};
  const auto table = offset_of(*strings);
  return table ? std::string(text_at(*table + *name)) : std::string();
}

std::string ElfImage::build_id_hex() const {
  for (const Elf64_Phdr& segment : program_headers()) {
    if (segment.p_type != PT_NOTE) continue;
    const std::uint64_t padding = segment.p_align == 8 ? 7 : 3;
    std::uint64_t at = 0;
    while (at + sizeof(Elf64_Nhdr) <= segment.p_filesz) {
      const auto note = read<Elf64_Nhdr>(segment.p_offset + at);
      if (!note) break;
      const std::uint64_t name = segment.p_offset + at + sizeof(Elf64_Nhdr);
      const std::uint64_t value = name + ((note->n_namesz + padding) & ~padding);
      if (note->n_type == NT_GNU_BUILD_ID && text_at(name) == ELF_NOTE_GNU &&
          fits(value, note->n_descsz, 1, content_.size())) {
        std::string hex;
        for (const char c : content_.substr(value, note->n_descsz)) {
          hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
        }
        return hex;
      }
      at = value + ((note->n_descsz + padding) & ~padding) - segment.p_offset;
    }
  }
  return {};
}

}  // namespace stackheap
