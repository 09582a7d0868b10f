// SPDX-License-Identifier: Apache-2.0
/// Access rules (access_rules.h) applied to data trees.
/// Invariants: what cannot be read is left out as if it were not there; of a change each node that it touches is judged, however
/// the request named it. Keys go with their entries.
/// Threading: as the trees.
/// Source: RFC 8341, 3.2 and 3.4.
#pragma once

#include "model/access_rules.h"
#include "model/datastore.h"

namespace polycube::model {

/// The rules of the container nacm. Errors: as access_rules().
[[nodiscard]] Result<AccessRules> access_rules(const DataTree& nacm);

/// Removes what somebody may not read from a forest that is going to be printed.
void hide_unreadable(DataTree& forest, const AccessRules& rules, const AccessSubject& subject);

struct DeniedAccess {
  Access access;
  std::string path;  ///< api-path of the node
};

/// The first node that somebody may not create, change or delete, of the differences between two states of a tree, of which
/// one may be null.
[[nodiscard]] std::optional<DeniedAccess> denied_change(const DataTree* before, const DataTree* after,
                                                        const AccessRules& rules, const AccessSubject& subject);

/// Whether every change in the cube is permitted, whatever it is, so that nobody has to look at it.
[[nodiscard]] bool may_change_all(const Schema& schema, const CubeId& cube, const AccessRules& rules,
                                  const AccessSubject& subject);

/// Whether the rules permit access to the node at the end of a path, whether it exists or not. An action takes that its parents
/// can be read as well. Errors: as resolve().
[[nodiscard]] Result<bool> may_access(const Schema& schema, const std::string& path, Access access,
                                      const AccessRules& rules, const AccessSubject& subject);

/// Whether the rules permit to invoke "module:rpc".
[[nodiscard]] bool may_invoke(const Schema& schema, const std::string& rpc, const AccessRules& rules,
                              const AccessSubject& subject);

}  // namespace polycube::model
