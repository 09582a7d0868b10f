// SPDX-License-Identifier: Apache-2.0
/// Putting state data beside configuration, for a reply.
/// Threading: as the tree that is written to.
#pragma once

#include <string>

#include "model/data_tree.h"

namespace polycube::model {

/// Adds the leaf (or leaf-list entry) that `path` names, and its parents, to a tree, or gives it this value. `path` is
/// the data path of libyang: absolute ("/polycube:version/polycubed") or, below the forest's first node, relative
/// ("ports[name='p1']/status"). Errors: invalid_value.
[[nodiscard]] Result<> add_leaf(DataTree& tree, const std::string& path, const std::string& value);

/// Moves the nodes of `tree` behind those of `forest`.
[[nodiscard]] Result<> append(DataTree& forest, DataTree&& tree);

/// Quotes a key value for a predicate of such a path.
[[nodiscard]] std::string quote_key(const std::string& value);

}  // namespace polycube::model
