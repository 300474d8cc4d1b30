#pragma once

/// SQLite's files, going wrong as a seed decides: a layer between SQLite and the operating system's files (a "VFS").
///
/// Like io/faulty_device.hpp it has a cache that is lost with the power: what was written and not synced is in memory,
/// and which of its sectors of 512 bytes are in the file before a sync is drawn when it is written. A process that is
/// killed leaves behind what a power cut leaves. Nothing is synced for real: the kernel outlives every test.
///
/// Kinds that strike here: read_error, write_error, no_space, sync_error, read_flip, and what a power cut does. SQLite
/// promises nothing after a write that was lost in silence, so there is none.

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "io/faults.hpp"

namespace chromatin::io {

/// While it lives, databases that are opened go through it. One at a time; databases are closed before it ends.
class faulty_vfs {
 public:
  explicit faulty_vfs(std::shared_ptr<fault_dice> dice);
  ~faulty_vfs();
  faulty_vfs(const faulty_vfs&) = delete;
  faulty_vfs& operator=(const faulty_vfs&) = delete;

  /// What was not synced meets its fate. Databases that are open can only be closed.
  void power_cut();
  /// The same in the middle of something: before the n-th write or sync from now on (0: the next).
  void power_cut_after(std::uint64_t operations);

  struct implementation;

 private:
  std::unique_ptr<implementation> implementation_;
};

}  // namespace chromatin::io
