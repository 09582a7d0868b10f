// SPDX-License-Identifier: Apache-2.0
/// Private to src/model: what Schema::load() derives from the compiled modules, so that requests need not.
/// Invariants: as immutable as the Schema that owns it.
/// Threading: immutable.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "model/schema.h"
#include "model/yang.h"

namespace polycube::model {

/// Greatest number of leaves of a bound node, inherited keys included; derive_bindings() refuses more.
inline constexpr std::size_t max_cells = 64;

/// A leafref whose path is a plain walk: `up` data ancestors up, then down through `down` to the leaf referred to.
/// Why: libyang evaluates the XPath of every instance, which costs (instances x targets); here one set of the targets'
/// values serves all instances: 10,000 entries that name one of 128 ports are checked in 1 ms instead of 1 s.
struct Reference {
  const lysc_node* leaf = nullptr;
  unsigned up = 0;  ///< counted from the leaf; reaching beyond the top means the forest
  bool absolute = false;
  std::vector<const lysc_node*> down;  ///< the last one is the leaf referred to
  bool follows = false;
};

/// A checked leafref in a standalone list that refers to something outside the entry.
struct OutwardReference {
  const Reference* reference = nullptr;
  const lysc_node* list = nullptr;
  std::vector<const lysc_node*> path;  ///< from below the list down to the leaf
};

struct Schema::Details {
  std::unordered_map<const lysc_node*, Reference> references;  ///< checked here instead of by libyang
  /// Lists bound to tables whose entries stand for themselves: none of them can make anything else invalid, and only
  /// its own content, or the going away of what an OutwardReference names, can make it so. Hence a transaction needs
  /// only those entries that it touches (working_copy.h). They are in plain containers of the cube.
  std::unordered_set<const lysc_node*> standalone;
  std::unordered_set<const lysc_node*> above_standalone;  ///< the cube list and the containers on the way down
  std::vector<OutwardReference> outward;
  std::unordered_set<const lysc_node*> above_references;  ///< nodes that have one of them below
  std::unordered_set<const lysc_node*> above_init_only;   ///< nodes that have a pcn:init-only leaf below, or are one
  /// Nodes below which access is decided anew: of another module, or marked nacm:default-deny-all or -write.
  std::unordered_set<const lysc_node*> above_own_access;
  std::map<std::string, std::string> sources;  ///< YANG text by module

  /// The leaf that a leafref refers to, or null.
  [[nodiscard]] const lysc_node* target(const lysc_node* leaf) const {
    const auto found = references.find(leaf);
    return found == references.end() ? nullptr : found->second.down.back();
  }
};

/// Fills in references and init-only of one module, and takes the existence check of these leafrefs from libyang.
void derive_details(const lys_module* module, Schema::Details& details);

/// Fills in what is said of standalone lists, after derive_details().
void derive_standalone(const lys_module* module, Schema::Details& details);

/// Derives the table bindings and clears of a service. Errors name the node and what is wrong.
[[nodiscard]] Result<> derive_bindings(const Schema::Details& details, ServiceModel& service);

/// Derives the metrics of a service. Errors name the node and what is wrong.
[[nodiscard]] Result<> derive_metrics(ServiceModel& service);

/// NODE of docs/architecture.md, "The schema resource".
[[nodiscard]] nlohmann::json describe(const Schema::Details& details, const lysc_node* node);

}  // namespace polycube::model
