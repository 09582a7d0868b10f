// SPDX-License-Identifier: Apache-2.0
/// What a transaction is about to overwrite in tables of the kernel, noted until it is saved or taken back.
/// Why: a daemon that is killed in between leaves rows in tables that are in no saved configuration; the next one puts back
/// what was there. That is for when the daemon ends: with the machine the tables go as well. So nothing waits for the disk,
/// and it is no part of the database, in which nothing may be written without waiting.
/// Invariants: counts only in the run of the machine, and on top of the revision, for which it was written: the commit that
/// saves the transaction is what makes it void.
/// Threading: not shared.
#pragma once

#include <filesystem>
#include <vector>

#include "engine/engine.h"

namespace polycube::service {

class Intent {
 public:
  explicit Intent(std::filesystem::path file) : file_(std::move(file)) {}

  /// Errors: system.
  [[nodiscard]] Result<> write(std::int64_t revision, const std::vector<engine::OldElement>& elements) const;
  /// Empty when there is none that counts. Errors: system, invalid_value (it is damaged).
  [[nodiscard]] Result<std::vector<engine::OldElement>> read(std::int64_t revision) const;
  void remove() const;

 private:
  std::filesystem::path file_;
};

}  // namespace polycube::service
