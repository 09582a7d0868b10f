// SPDX-License-Identifier: Apache-2.0
/// How two states of a cube differ, as flat values for its control plane.
/// Why: a control plane sees what a transaction does, typed and validated, and nothing of libyang.
/// Invariants: costs in proportion to the trees that are given: those of a candidate have only the entries of long lists
/// that the edit touches (Candidate::Change::selection).
/// Threading: pure functions of frozen trees.
#pragma once

#include <polycube/change.h>

#include "model/data_tree.h"
#include "model/datastore.h"

namespace polycube::model {

/// Which leaves an instance has: all, or only those that somebody set, without defaults that the model fills in.
enum class Leaf { all, set };

/// Either tree may be null: a cube that is created or deleted.
[[nodiscard]] control::Changes flat_changes(const DataTree* before, const DataTree* after, Leaf leaves = Leaf::all);

/// The body of an edit of the datastore, in XML, that creates cubes out of instances of their nodes (Change::after), as
/// flat_changes() has them; whatever order they are in. Errors: unknown_element for what the models do not have (any more).
[[nodiscard]] Result<std::string> datastore_body(const Schema& schema, const std::map<CubeId, control::Changes>& cubes);

/// The leaves of an entry of a list of the cube, without its only key, as Change has them; empty when there is none.
[[nodiscard]] control::Leaves leaves_of(const DataTree& cube, const std::string& list, const std::string& key);

/// What takes these changes back, in the order that Changes has.
[[nodiscard]] control::Changes reversed(const control::Changes& changes);

}  // namespace polycube::model
