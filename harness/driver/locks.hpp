// Who may write and who may measure. Two drivers in one folder would number their samples alike,
// and two runs on one machine measure each other. Both locks end with the last process that has a
// part in them, however it ends, and leave no file behind.
#pragma once

#include <filesystem>

#include "harness/base/file.hpp"

namespace stackheap {

// Of a run's folder: flock(2) on the folder itself. A keeper shares the open file and holds it a
// moment longer than a driver that was killed, so that waiting is tried before refusing.
class FolderLock {
 public:
  // Throws UserError where another process has it, and std::system_error. Where the file system
  // has no locks it is not had, which is told on no channel: nothing can be done about it.
  explicit FolderLock(const std::filesystem::path& folder);

 private:
  UniqueFd fd_;
};

// Of the machine, so far as this process sees it: the abstract socket name "stackheap-measuring" in
// its network namespace. Unlike a file in /run/lock it needs no permission of another user's and
// tells who has it.
class MachineLock {
 public:
  // Throws UserError, naming the process that measures.
  MachineLock();

 private:
  UniqueFd socket_;
};

}  // namespace stackheap
