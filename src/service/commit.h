// SPDX-License-Identifier: Apache-2.0
/// One transaction as it is remembered, and as people read it.
/// Threading: plain values and pure functions.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "model/datastore.h"
#include "model/flat_changes.h"

namespace polycube::service {

/// Chains of transparent cubes that differ, by parent: before and after.
using ChainChanges = std::map<std::string, std::pair<std::vector<std::string>, std::vector<std::string>>>;

/// What one transaction did.
struct Commit {
  std::int64_t number = 0;  ///< as the store counts them, from 1 on
  std::chrono::system_clock::time_point time = {};
  std::string author = {};
  std::string comment = {};
  /// Without defaults (model::Leaf::set). Of the access rules (model::access_id) all instances go and all come.
  std::map<model::CubeId, control::Changes> changes = {};
  ChainChanges chains = {};
};

/// What was created, changed, rewired and removed, a line each.
[[nodiscard]] std::vector<std::string> describe(const Commit& commit);
[[nodiscard]] std::vector<std::string> describe(const ChainChanges& changes);
/// Of access rules, whose order may be all that differs.
[[nodiscard]] std::vector<std::string> describe_access(const control::Changes& changes);

/// Lines as one text; of very many the first ones, and how many more there are, and of a very long one its beginning.
[[nodiscard]] std::string shown_text(const std::vector<std::string>& lines);

}  // namespace polycube::service
