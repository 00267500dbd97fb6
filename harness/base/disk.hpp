// What reaches the disk, for files that must survive whoever writes them. fsync of a file does not
// promise its name: that is in its folder.
#pragma once

#include <filesystem>
#include <string_view>

namespace stackheap {

// The names in a folder. Throws std::system_error.
void sync_folder(const std::filesystem::path& folder);

// Behind a file's name while write_file_atomically() puts another in its place: a nameless file is
// written and synced, is linked under this name, and is renamed at once. Only who is killed between
// these two system calls, or writes where no file can be nameless, leaves one behind.
inline constexpr std::string_view kNeighbourSuffix = ".new";

}  // namespace stackheap
