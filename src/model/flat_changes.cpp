// SPDX-License-Identifier: Apache-2.0
#include "model/flat_changes.h"

#include <algorithm>

#include "model/yang.h"

namespace polycube::model {

namespace {

using control::Change;
using control::Changes;
using control::Leaves;
using Keys = std::vector<std::string>;

bool is_wanted(const lyd_node* node, Leaf which) { return which == Leaf::all || !(node->flags & LYD_DEFAULT); }

Leaves leaves_of(const lyd_node* node, Leaf which = Leaf::all) {
  Leaves leaves;
  for (const lyd_node* child = lyd_child_no_keys(node); child; child = child->next)
    if (child->schema->nodetype == LYS_LEAF && is_wanted(child, which))
      leaves.emplace(child->schema->name, text_of(child));
  return leaves;
}

/// Without making text of what is equal, as most is.
bool same_leaves(const lyd_node* a, const lyd_node* b) {
  const auto next_leaf = [](const lyd_node* node) {
    while (node && node->schema->nodetype != LYS_LEAF) node = node->next;
    return node;
  };
  const lyd_node* x = next_leaf(lyd_child_no_keys(a));
  const lyd_node* y = next_leaf(lyd_child_no_keys(b));
  for (; x && y; x = next_leaf(x->next), y = next_leaf(y->next))
    if (x->schema != y->schema || text_of(x) != text_of(y)) return leaves_of(a) == leaves_of(b);
  return !x && !y;
}

lyd_node* equal_among(const lyd_node* siblings, const lyd_node* node) {
  lyd_node* match = nullptr;
  return siblings && lyd_find_sibling_first(siblings, node, &match) == LY_SUCCESS ? match : nullptr;
}

/// An instance in one of the two trees. A container without presence exists as its parent does, also without a node.
struct Side {
  const lyd_node* node;
  bool exists;
  [[nodiscard]] std::optional<Leaves> leaves(Leaf which) const {
    return exists ? std::optional(node ? leaves_of(node, which) : Leaves()) : std::nullopt;
  }
};

class Differ {
 public:
  explicit Differ(Leaf leaves) : which_(leaves) {}

  /// `path` and `keys` are those of both sides, of which one has a node.
  void compare(const Side& before, const Side& after, const std::string& path, const Keys& keys) {
    if (is_changed(before, after))
      (after.exists ? written_ : deleted_).push_back({path, keys, before.leaves(which_), after.leaves(which_)});
    for (const lyd_node* child = lyd_child_no_keys(after.node); child; child = child->next)
      visit(before, equal_among(lyd_child(before.node), child), after, child, path, keys);
    for (const lyd_node* child = lyd_child_no_keys(before.node); child; child = child->next)
      if (!equal_among(lyd_child(after.node), child)) visit(before, child, after, nullptr, path, keys);
  }

  Changes take() {
    std::reverse(deleted_.begin(), deleted_.end());
    std::move(written_.begin(), written_.end(), std::back_inserter(deleted_));
    return std::move(deleted_);
  }

 private:
  static bool is_implicit(const lysc_node* schema) { return schema->nodetype == LYS_CONTAINER && !is_presence(schema); }

  [[nodiscard]] bool is_changed(const Side& before, const Side& after) const {
    if (before.node && after.node)
      return which_ == Leaf::all ? !same_leaves(before.node, after.node)
                                 : leaves_of(before.node, which_) != leaves_of(after.node, which_);
    const lyd_node* only = after.node ? after.node : before.node;
    return !is_implicit(only->schema) || !leaves_of(only, which_).empty();
  }

  void visit(const Side& before_parent, const lyd_node* before, const Side& after_parent, const lyd_node* after,
             const std::string& parent_path, Keys keys) {
    const lyd_node* node = after ? after : before;
    if (node->schema->nodetype == LYS_LEAF || (node->schema->nodetype == LYS_LEAFLIST && !is_wanted(node, which_)))
      return;
    const bool implicit = is_implicit(node->schema);
    if (node->schema->nodetype == LYS_LEAFLIST) keys.emplace_back(text_of(node));
    if (node->schema->nodetype == LYS_LIST)
      for (const lyd_node* key = lyd_child(node); key && is_key(key->schema); key = key->next)
        keys.emplace_back(text_of(key));
    const std::string path = (parent_path.empty() ? "" : parent_path + '/') + node->schema->name;
    compare({before, implicit ? before_parent.exists : before != nullptr},
            {after, implicit ? after_parent.exists : after != nullptr}, path, keys);
  }

  Leaf which_;
  Changes written_;
  Changes deleted_;  ///< outer instances first
};

const lyd_node* root_of(const DataTree* tree) { return tree ? tree->forest() : nullptr; }

}  // namespace

Changes flat_changes(const DataTree* before, const DataTree* after, Leaf leaves) {
  const Side old{root_of(before), root_of(before) != nullptr};
  const Side now{root_of(after), root_of(after) != nullptr};
  if (!old.exists && !now.exists) return {};
  Differ differ(leaves);
  differ.compare(old, now, {}, {});
  return differ.take();
}

Leaves leaves_of(const DataTree& cube, const std::string& list, const std::string& key) {
  const lyd_node* root = root_of(&cube);
  const lysc_node* schema = root ? find_child(root->schema, "", list) : nullptr;
  lyd_node* entry = nullptr;
  if (!schema || lyd_find_sibling_val(lyd_child(root), schema,
                                      ("[" + std::string(lysc_node_child(schema)->name) + "='" + key + "']").c_str(), 0,
                                      &entry) != LY_SUCCESS)
    return {};
  return leaves_of(entry);
}

Changes reversed(const Changes& changes) {
  Changes result;
  const auto add = [&](const Change& change) {
    result.push_back({change.node, change.keys, change.after, change.before});
  };
  for (auto created = changes.rbegin(); created != changes.rend(); ++created)
    if (!created->before) add(*created);
  for (const Change& changed : changes)
    if (changed.before && changed.after) add(changed);
  for (auto deleted = changes.rbegin(); deleted != changes.rend(); ++deleted)
    if (!deleted->after) add(*deleted);
  return result;
}

}  // namespace polycube::model
