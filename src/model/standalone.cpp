// SPDX-License-Identifier: Apache-2.0
// Which lists can be left out of a transaction, entry by entry, without validation missing anything.
#include <algorithm>
#include <cstring>

#include "model/details.h"

namespace polycube::model {

namespace {

using Nodes = std::unordered_set<const lysc_node*>;

/// Whether a list may become long, and nobody needs its entries who is not told of their changes: it is bound to a table, or
/// a control plane keeps it.
bool is_kept_elsewhere(const lysc_node* list) { return extension(list, "table") || extension(list, "state"); }

bool is_checked_by_libyang(const lysc_node* leaf, const Schema::Details& details) {
  const lysc_type* type = leaf_type(leaf);
  const auto one = [](const lysc_type* t) {
    if (t->basetype == LY_TYPE_INST) return reinterpret_cast<const lysc_type_instanceid*>(t)->require_instance != 0;
    return t->basetype == LY_TYPE_LEAFREF && reinterpret_cast<const lysc_type_leafref*>(t)->require_instance != 0;
  };
  if (type->basetype == LY_TYPE_UNION) {
    const auto* members = reinterpret_cast<const lysc_type_union*>(type)->types;
    LY_ARRAY_COUNT_TYPE i = 0;
    LY_ARRAY_FOR(members, i) {
      if (one(members[i])) return true;
    }
    return false;
  }
  return !details.above_references.count(leaf) && one(type);
}

/// Whether libyang names all nodes that an expression looks at: not those that it gets to by an axis such as
/// preceding-sibling.
bool has_atoms(const lyxp_expr* expression) { return !std::strstr(lyxp_get_expr(expression), "::"); }

/// What the constraints of a module look at, and which nodes have some.
class Constraints {
 public:
  explicit Constraints(const Schema::Details& details) : details_(details) {}

  void collect(const lys_module* module) {
    if (module->compiled) (void)lysc_module_dfs_full(module, &Constraints::visit, this);
  }

  [[nodiscard]] bool reads(const lysc_node* node) const { return everything_ || read_.count(node) != 0; }
  [[nodiscard]] bool constrains(const lysc_node* node) const { return constrained_.count(node) != 0; }

 private:
  static LY_ERR visit(lysc_node* node, void* self, ly_bool*) {
    static_cast<Constraints*>(self)->look_at(node);
    return LY_SUCCESS;
  }

  void look_at(const lysc_node* node) {
    if (!is_config(node)) return;  // state and operations are not validated with the configuration
    LY_ARRAY_COUNT_TYPE i = 0;
    const lysc_must* musts = lysc_node_musts(node);
    LY_ARRAY_FOR(musts, i) {
      if (!looks_at_its_entry_only(node, musts[i])) add(node, node, musts[i].cond, musts[i].prefixes);
    }
    lysc_when** whens = lysc_node_when(node);
    LY_ARRAY_FOR(whens, i) { add(node, whens[i]->context, whens[i]->cond, whens[i]->prefixes); }
    if (!(node->nodetype & LYD_NODE_TERM)) return;
    if (const auto reference = details_.references.find(node);
        reference != details_.references.end() && details_.above_references.count(node)) {
      read_.insert(reference->second.down.begin(), reference->second.down.end());
    } else if (is_checked_by_libyang(node, details_)) {
      const lysc_type* type = leaf_type(node);
      const auto* leafref = reinterpret_cast<const lysc_type_leafref*>(type);
      if (type->basetype == LY_TYPE_LEAFREF)
        add(node, node, leafref->path, leafref->prefixes);
      else
        everything_ = true;
    }
  }

  /// Whether a condition on an entry of a list that is kept elsewhere, or on something in it, looks at what is in this entry and at nothing
  /// else: it is checked whenever the entry is changed. What goes by way of the entry itself may lead out of it again.
  static bool looks_at_its_entry_only(const lysc_node* node, const lysc_must& must) {
    const lysc_node* entry = node;
    while (entry && entry->nodetype != LYS_LIST) entry = entry->parent;
    ly_set* atoms = nullptr;
    if (!entry || !is_kept_elsewhere(entry) || !has_atoms(must.cond) ||
        lys_find_expr_atoms(node, node->module, must.cond, must.prefixes, 0, &atoms) != LY_SUCCESS)
      return false;
    bool inside = true;
    for (std::uint32_t i = 0; i < atoms->count && inside; ++i) {
      const lysc_node* above = atoms->snodes[i]->parent;
      while (above && above != entry) above = above->parent;
      inside = above == entry;
    }
    ly_set_free(atoms, nullptr);
    return inside;
  }

  void add(const lysc_node* node, const lysc_node* context, const lyxp_expr* expression, const lysc_prefix* prefixes) {
    for (; node; node = node->parent) constrained_.insert(node);
    ly_set* atoms = nullptr;
    if (!context || !has_atoms(expression) ||
        lys_find_expr_atoms(context, context->module, expression, prefixes, 0, &atoms) != LY_SUCCESS) {
      everything_ = true;
      return;
    }
    for (std::uint32_t i = 0; i < atoms->count; ++i) read_.insert(atoms->snodes[i]);
    ly_set_free(atoms, nullptr);
  }

  const Schema::Details& details_;
  Nodes read_;
  Nodes constrained_;  ///< nodes that have a condition, or have one below
  bool everything_ = false;
};

bool reads_below(const Constraints& constraints, const lysc_node* node) {
  if (constraints.reads(node)) return true;
  if (node->nodetype & LYD_NODE_TERM) return false;
  const auto below = children(node);
  return std::any_of(below.begin(), below.end(),
                     [&](const lysc_node* child) { return reads_below(constraints, child); });
}

bool is_standalone(const lysc_node* node, const Constraints& constraints) {
  if (node->nodetype != LYS_LIST || !is_config(node) || !is_kept_elsewhere(node)) return false;
  const auto* list = reinterpret_cast<const lysc_node_list*>(node);
  const bool counted = list->min != 0 || list->max != UINT32_MAX;
  // take_over() leaves an entry in its place, which an order that means something would not survive.
  if (counted || list->uniques || (list->flags & (LYS_KEYLESS | LYS_ORDBY_USER))) return false;
  return !constraints.constrains(node) && !reads_below(constraints, node);
}

void find_outward(const lysc_node* list, const lysc_node* node, std::vector<const lysc_node*> path,
                  Schema::Details& details) {
  for (const lysc_node* child : children(node)) {
    path.push_back(child);
    const auto found = details.references.find(child);
    if (!(child->nodetype & LYD_NODE_TERM)) {
      find_outward(list, child, path, details);
    } else if (found != details.references.end() && details.above_references.count(child)) {
      const Reference& reference = found->second;
      if (reference.absolute || reference.up > path.size()) details.outward.push_back({&reference, list, path});
    }
    path.pop_back();
  }
}

/// `node`: the cube list or a plain container in it.
void find_lists(const lysc_node* node, const Constraints& constraints, Schema::Details& details) {
  for (const lysc_node* child = lysc_node_child(node); child; child = child->next) {
    if (is_standalone(child, constraints)) {
      details.standalone.insert(child);
      for (const lysc_node* above = node; above; above = data_parent(above)) details.above_standalone.insert(above);
      find_outward(child, child, {}, details);
    } else if (child->nodetype == LYS_CONTAINER && is_config(child) && !is_presence(child) && !lysc_has_when(child) &&
               !constraints.reads(child)) {
      find_lists(child, constraints, details);
    }
  }
}

}  // namespace

void derive_standalone(const lys_module* module, Schema::Details& details) {
  Constraints constraints(details);
  constraints.collect(module);
  for (const lysc_node* node : top_level(module)) {
    if (node->nodetype == LYS_LIST && is_config(node)) find_lists(node, constraints, details);
  }
}

}  // namespace polycube::model
