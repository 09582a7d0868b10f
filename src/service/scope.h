// SPDX-License-Identifier: Apache-2.0
/// What a reply shows: the target, what is above it, and what is below it down to the depth asked for.
/// Why: state costs system calls and is read anew for each reply, so only what will be shown is read.
/// Threading: plain values; the target outlives it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/datastore.h"

namespace polycube::service {

class Scope {
 public:
  /// A node of the data tree; of a list the entry with this (only) key, or all of them.
  struct Step {
    std::string name;
    std::optional<std::string> key = std::nullopt;
  };

  Scope(const model::Target& target, std::optional<unsigned> depth) : target_(target), depth_(depth) {}

  /// Whether anything is shown of the node at this path, or of what is in it. `path` begins at the top.
  [[nodiscard]] bool covers(const std::vector<Step>& path) const;

  [[nodiscard]] const model::Target& target() const { return target_; }
  [[nodiscard]] std::optional<unsigned> depth() const { return depth_; }

 private:
  const model::Target& target_;
  std::optional<unsigned> depth_;
};

}  // namespace polycube::service
