// SPDX-License-Identifier: Apache-2.0
/// The daemon's own folder, held by one daemon at a time.
/// Invariants: the lock is held as long as this lives; the kernel frees it however the daemon ends.
/// Threading: not shared.
#pragma once

#include <filesystem>

#include "base/fd.h"

namespace polycube::daemon {

class StateDir {
 public:
  /// Creates the folder (mode 0700) if need be. Errors: in_use (another daemon holds it: its pid is named), system.
  [[nodiscard]] static Result<StateDir> open(const std::filesystem::path& path);

  /// Removes what the daemon put there, and the folder when that leaves it empty.
  void remove();

 private:
  std::filesystem::path path_;
  Fd lock_;
};

}  // namespace polycube::daemon
