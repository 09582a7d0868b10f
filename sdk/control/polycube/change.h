// SPDX-License-Identifier: Apache-2.0
/// A cube's configuration and state as a control plane sees them: instances of the model's nodes, as text. @file
/// Why: flat values can be sent to a control plane in another process as well as to one in a library of the daemon.
/// Invariants: a node is named by its path below the cube, without prefixes: "" for the cube itself, "ports",
/// "ports/access", "fdb". Nodes are the lists and the containers that have leaves, the cube, and leaf-lists, whose values
/// are their keys. Keys are those of all lists on the way, outermost first. Leaves are the node's own, without keys, in
/// the canonical text of RFC 7950, section 9.
/// Threading: plain values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace polycube::control {

using Leaves = std::map<std::string, std::string>;  ///< by name

/// What a transaction does to one instance of a node.
struct Change {
  std::string node;
  std::vector<std::string> keys;
  std::optional<Leaves> before;  ///< defaults filled in; absent: it did not exist
  std::optional<Leaves> after;   ///< absent: it does not exist any more
  bool operator==(const Change&) const = default;
};

/// First what is deleted, inner instances before those they are in; then what is created or changed, outer instances
/// first.
using Changes = std::vector<Change>;

/// State of one instance of a node.
struct Row {
  std::vector<std::string> keys;
  Leaves leaves;
};
using Rows = std::vector<Row>;

}  // namespace polycube::control
