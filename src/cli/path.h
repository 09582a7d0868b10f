// SPDX-License-Identifier: Apache-2.0
/// Path words -> a resource of the model.
/// Why: words carry no punctuation; the model says which of them are names and which are keys.
/// Invariants: only the last step of a target may lack keys; the schema outlives the target.
/// Threading: pure functions.
/// Source: RFC 8040, 3.5.3 (api-path).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/schema.h"

namespace polycube::cli {

struct Step {
  const Node* node = nullptr;
  std::vector<std::string> keys;  ///< as the model spells them; fewer than the list has keys: the list itself is meant
  [[nodiscard]] bool keyless() const { return node->kind == Node::Kind::list && keys.empty(); }
  [[nodiscard]] bool partial() const {
    return node->kind == Node::Kind::list && !keys.empty() && keys.size() < node->keys.size();
  }
};

struct Target {
  std::string module;
  std::vector<Step> steps;
  [[nodiscard]] const Step& last() const { return steps.back(); }
  [[nodiscard]] const Node& node() const { return *steps.back().node; }
};

/// What only the daemon knows of cubes.
struct CubeLookup {
  /// Service of the cube of this name, or nothing. Errors: transport; the name is that of a service whose package is
  /// broken.
  std::function<Result<std::optional<std::string>>(const std::string&)> service_of;
  std::function<std::vector<std::string>()> names;  ///< of all cubes, for suggestions; a failure is none
};

/// First word: a service or a cube. Errors: unknown_element with near matches.
[[nodiscard]] Result<Target> resolve(const Schema& schema, const std::vector<std::string>& words,
                                     const CubeLookup& cubes);

/// Below a node that is already known: the words are its keys and members.
[[nodiscard]] Result<Target> resolve_below(std::string module, const Node& root, const std::vector<std::string>& words);

/// "module:list=key,key/child"; `steps` limits it to the first ones. Keys are percent-encoded.
[[nodiscard]] std::string api_path(const Target& target, std::size_t steps);
[[nodiscard]] std::string api_path(const Target& target);

/// The words a person would type for it.
[[nodiscard]] std::string spoken(const Target& target);

[[nodiscard]] std::string percent_encode(std::string_view text);

/// "; did you mean the command del instead of dl?", or nothing when no word looks like a command. For a line without one.
[[nodiscard]] std::string meant_verb(const std::vector<std::string>& words);

}  // namespace polycube::cli
