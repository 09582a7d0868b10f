// SPDX-License-Identifier: Apache-2.0
/// The daemon's own folder, held by one daemon at a time.
/// Invariants: the lock is held as long as this lives; the kernel frees it however the daemon ends. Whoever holds the lock
/// holds that of the file which is in the folder: removing it gives nobody a second one.
/// Threading: not shared.
#pragma once

#include <filesystem>

#include "base/fd.h"

namespace polycube::daemon {

class StateDir {
 public:
  /// Creates the folder (mode 0700) if need be, but not the one that it is in. Errors: in_use (another daemon holds it:
  /// its pid is named), system.
  [[nodiscard]] static Result<StateDir> open(const std::filesystem::path& path);

  StateDir(StateDir&&) = default;
  StateDir& operator=(StateDir&&) = delete;
  ~StateDir();

  /// At the end, what the daemon put there goes, and the folder when that leaves it empty.
  void remove_at_end() { remove_ = true; }

 private:
  StateDir() = default;
  std::filesystem::path path_;
  Fd lock_;
  bool remove_ = false;
};

}  // namespace polycube::daemon
