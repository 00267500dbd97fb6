// A file's text without a copy on the heap. read_file() holds all of it, and for a moment twice,
// while its string grows; a journal of a million samples is more than half a gigabyte.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace stackheap {

class MappedText {
 public:
  // As long as the file is at this moment; what is appended later is not seen. Throws
  // std::system_error naming the path.
  explicit MappedText(const std::filesystem::path& path);
  MappedText(const MappedText&) = delete;
  MappedText& operator=(const MappedText&) = delete;
  ~MappedText();

  std::string_view view() const { return {data_, size_}; }
  // Who reads from front to back says where it is: pages before `at` leave the process's memory
  // from time to time. They may still be read, from the file. A place outside view() says nothing.
  void passed(const char* at);

 private:
  const char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t left_ = 0;  // bytes at the front that have left
};

}  // namespace stackheap
