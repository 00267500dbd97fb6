#include "harness/base/mapped_text.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <functional>

#include "harness/base/error.hpp"
#include "harness/base/file.hpp"

namespace stackheap {
namespace {

// A multiple of every page size, and rare enough to cost nothing.
constexpr std::size_t kStep = std::size_t{16} << 20U;

}  // namespace

MappedText::MappedText(const std::filesystem::path& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw_errno("read " + path.string());
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0) throw_errno("read " + path.string());
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) return;  // mmap refuses it
  void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (address == MAP_FAILED) throw_errno("read " + path.string());
  data_ = static_cast<const char*>(address);
}

MappedText::~MappedText() {
  if (data_ != nullptr) STACKHEAP_CHECK(::munmap(const_cast<char*>(data_), size_) == 0);
}

void MappedText::passed(const char* at) {
  const std::less<> before;
  if (data_ == nullptr || before(at, data_) || before(data_ + size_, at)) return;
  const auto offset = static_cast<std::size_t>(at - data_);
  if (offset < left_ + kStep) return;
  const std::size_t end = offset / kStep * kStep;
  // Only advice: where the kernel declines, the pages stay.
  static_cast<void>(::madvise(const_cast<char*>(data_) + left_, end - left_, MADV_DONTNEED));
  left_ = end;
}

}  // namespace stackheap
