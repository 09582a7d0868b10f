// SPDX-License-Identifier: Apache-2.0
// The part of a cube that a reply shows.
#include "model/path.h"
#include "model/value.h"

namespace polycube::model {

namespace {

tl::unexpected<Error> out_of_memory() { return fail(ErrorCode::limit_exceeded, "out of memory"); }

/// Keys of a path as the tree has them.
std::vector<std::string> normalised(const lysc_node* schema, std::vector<std::string> keys) {
  const auto leaves = schema->nodetype == LYS_LIST ? key_leaves(schema) : std::vector<const lysc_node*>{schema};
  for (std::size_t k = 0; k < leaves.size() && k < keys.size(); ++k) keys[k] = normalise(leaf_type(leaves[k]), keys[k]);
  return keys;
}

class PartCopier {
 public:
  PartCopier(const SchemaPath& path, std::optional<unsigned> depth) : path_(path), depth_(depth) {}

  /// `node`: the instance of step `i` of the path, of which `copy` has the keys. Below the last step, everything.
  Result<> follow(lyd_node* copy, const lyd_node* node, std::size_t i) const {
    if (i + 1 >= path_.nodes.size()) return descend(copy, node, i + 1 == path_.nodes.size() ? 1 : 2);
    const lysc_node* schema = path_.nodes[i + 1];
    const auto& keys = path_.steps[i + 1].keys;
    if (schema->nodetype == LYS_ACTION) return {};
    const bool list = schema->nodetype & (LYS_LIST | LYS_LEAFLIST);
    const lyd_node* child = list && !keys.empty() ? find_entry(lyd_child(node), schema, normalised(schema, keys))
                                                  : first_instance(lyd_child(node), schema);
    const bool all = list && keys.empty();
    for (; child; child = all ? next_instance(child) : nullptr) {
      if (is_key(child->schema)) continue;
      PCN_ASSIGN(lyd_node * below, add(copy, child));
      PCN_TRY(follow(below, child, i + 1));
      below->flags = child->flags;
    }
    return {};
  }

 private:
  static Result<lyd_node*> add(lyd_node* parent, const lyd_node* node) {
    lyd_node* copy = nullptr;
    if (lyd_dup_single(node, nullptr, LYD_DUP_WITH_FLAGS, &copy) != LY_SUCCESS) return out_of_memory();
    if (lyd_insert_child(parent, copy) == LY_SUCCESS) return copy;
    lyd_free_tree(copy);
    return out_of_memory();
  }

  /// What is in a node at this level. Of a container at the last level nothing is printed, but whether it is printed
  /// itself depends on whether there is something in it, which one entry of each list is enough to tell.
  Result<> descend(lyd_node* copy, const lyd_node* node, unsigned level) const {
    const bool beyond = depth_ && level >= *depth_;
    if (beyond && node->schema->nodetype != LYS_CONTAINER) return {};
    for (const lyd_node* child = lyd_child_no_keys(node); child; child = child->next) {
      if (beyond && child->prev->next && child->prev->schema == child->schema) continue;
      PCN_ASSIGN(lyd_node * below, add(copy, child));
      PCN_TRY(descend(below, child, level + 1));
      below->flags = child->flags;
    }
    return {};
  }

  const SchemaPath& path_;
  std::optional<unsigned> depth_;
};

}  // namespace

Result<DataTree> part(const DataTree& cube, const Target& target, std::optional<unsigned> depth) {
  if (cube.empty()) return DataTree(cube.schema());
  SchemaPath path;
  path.steps = target.steps;
  PCN_TRY(match_steps(*cube.schema(), path));
  lyd_node* copy = nullptr;
  if (lyd_dup_single(cube.forest(), nullptr, LYD_DUP_WITH_FLAGS, &copy) != LY_SUCCESS) return out_of_memory();
  DataTree tree(cube.schema(), copy);
  const PartCopier copier(path, depth);
  // Of the datastore, the cubes are the second level.
  PCN_TRY(copier.follow(copy, cube.forest(), 0));
  tree.freeze();
  return tree;
}

Result<std::optional<std::string>> missing_entry(const DataTree& cube, const Target& target) {
  SchemaPath path;
  path.steps = target.steps;
  PCN_TRY(match_steps(*cube.schema(), path));
  const lyd_node* node = cube.forest();
  for (std::size_t i = 1; i < path.nodes.size() && node; ++i) {
    const lysc_node* schema = path.nodes[i];
    if (schema->nodetype != LYS_LIST) {
      node = find_single(lyd_child(node), schema);
      continue;
    }
    const lyd_node* entry = find_entry(lyd_child(node), schema, normalised(schema, path.steps[i].keys));
    const bool may_be_elsewhere = extension(schema, "table") || extension(schema, "state");
    if (!entry && !may_be_elsewhere) return path.text(i + 1);
    node = entry;
  }
  return std::nullopt;
}

}  // namespace polycube::model
