// SPDX-License-Identifier: Apache-2.0
/// Putting state data beside configuration, for a reply.
/// Threading: as the tree that is written to.
#pragma once

#include <polycube/change.h>

#include <string>

#include "model/data_tree.h"

namespace polycube::model {

/// Adds the leaf (or leaf-list entry) that `path` names, and its parents, to a tree, or gives it this value. `path` is
/// the data path of libyang: absolute ("/polycube:version/polycubed") or, below the forest's first node, relative
/// ("ports[name='p1']/status"). Errors: invalid_value.
[[nodiscard]] Result<> add_leaf(DataTree& tree, const std::string& path, const std::string& value);

/// Adds what a control plane says of a node to a cube's tree (a forest whose only node is the cube). Rows without a parent
/// in the tree are left out, and so are config true leaves except for those of entries that the tree did not have.
/// Errors: invalid_value (a number of keys, a leaf, or a value that the model does not have).
[[nodiscard]] Result<> add_state(DataTree& cube, const StateNode& node, const control::Rows& rows);

/// Moves the nodes of `tree` behind those of `forest`.
[[nodiscard]] Result<> append(DataTree& forest, DataTree&& tree);

/// Quotes a key value for a predicate of such a path.
[[nodiscard]] std::string quote_key(const std::string& value);

}  // namespace polycube::model
