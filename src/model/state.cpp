// SPDX-License-Identifier: Apache-2.0
#include "model/state.h"

#include "model/value.h"
#include "model/yang.h"

namespace polycube::model {

namespace {

tl::unexpected<Error> state_error(const ly_ctx* context, const std::string& path) {
  const char* text = ly_errmsg(context);
  return fail(ErrorCode::invalid_value, "cannot show {}: {}", path, text != nullptr ? text : "no reason given");
}

/// The rows of one node.
class StateAdder {
 public:
  StateAdder(lyd_node* cube, const StateNode& node) : cube_(cube), entries_(node.entries) {
    const lysc_node* schema = cube->schema;
    for (const std::string& name : node.path) path_.push_back(schema = find_child(schema, "", name));
  }

  Result<> add(const control::Row& row) const {
    lyd_node* node = cube_;
    bool created = false;
    auto key = row.keys.begin();
    for (const lysc_node* schema : path_) {
      PCN_ASSIGN(const auto keys, keys_of(schema, row, key));
      PCN_ASSIGN(lyd_node * child, step(node, schema, keys, created));
      if (!child) return {};
      node = child;
    }
    if (key != row.keys.end()) return wrong_keys(row);
    if (node->schema->nodetype == LYS_LEAFLIST) return {};
    for (const auto& [name, value] : row.leaves) PCN_TRY(set(node, name, value, created));
    return {};
  }

 private:
  using Keys = std::vector<std::string>;

  [[nodiscard]] std::string name() const { return path_.empty() ? cube_->schema->name : path_.back()->name; }

  [[nodiscard]] tl::unexpected<Error> wrong_keys(const control::Row& row) const {
    return fail(ErrorCode::invalid_value, "the state of {} has a row with {} keys ({})", name(), row.keys.size(),
                fmt::join(row.keys, ", "));
  }

  Result<Keys> keys_of(const lysc_node* schema, const control::Row& row, Keys::const_iterator& next) const {
    const std::size_t count = schema->nodetype == LYS_LEAFLIST ? 1
                              : schema->nodetype == LYS_LIST   ? key_leaves(schema).size()
                                                               : 0;
    if (static_cast<std::size_t>(row.keys.end() - next) < count) return wrong_keys(row);
    Keys keys(next, next + static_cast<std::ptrdiff_t>(count));
    next += static_cast<std::ptrdiff_t>(count);
    return keys;
  }

  /// The instance below `parent`, made where it may be; null where not.
  Result<lyd_node*> step(lyd_node* parent, const lysc_node* schema, const Keys& keys, bool& created) const {
    lyd_node* node =
        keys.empty() ? find_single(lyd_child(parent), schema) : find_entry(lyd_child(parent), schema, keys);
    const bool last = schema == path_.back();
    if (node) return node;
    if (schema->nodetype == LYS_CONTAINER) {
      if (is_presence(schema) && !last) return nullptr;
      (void)lyd_new_inner(parent, schema->module, schema->name, 0, &node);
    } else if (!last || !entries_) {
      return nullptr;
    } else if (schema->nodetype == LYS_LEAFLIST) {
      (void)lyd_new_term(parent, schema->module, schema->name, keys.front().c_str(), 0, &node);
    } else {
      node = new_entry(parent, schema, keys);
      created = true;
    }
    if (!node)
      return fail(ErrorCode::invalid_value, "the state of {} has an impossible row ({})", name(),
                  fmt::join(keys, ", "));
    return node;
  }

  Result<> set(lyd_node* parent, const std::string& leaf, const std::string& value, bool created) const {
    const lysc_node* schema = find_child(parent->schema, "", leaf);
    if (!schema || schema->nodetype != LYS_LEAF || is_key(schema))
      return fail(ErrorCode::invalid_value, "the state of {} has a leaf {}, which the model does not have", name(),
                  leaf);
    if (is_config(schema) && !created) return {};
    lyd_node* node = find_single(lyd_child(parent), schema);
    const LY_ERR error = node ? lyd_change_term(node, value.c_str())
                              : lyd_new_term(parent, schema->module, schema->name, value.c_str(), 0, &node);
    if (error == LY_SUCCESS || error == LY_EEXIST || error == LY_ENOT) return {};
    Error reason = value_error(schema, value);
    return fail_with(std::move(reason), fmt::format("the state of {}", name()));
  }

  lyd_node* cube_;
  bool entries_;
  std::vector<const lysc_node*> path_;
};

}  // namespace

Result<> add_state(DataTree& cube, const StateNode& node, const control::Rows& rows) {
  if (cube.empty()) return {};
  const StateAdder adder(cube.forest(), node);
  for (const control::Row& row : rows) PCN_TRY(adder.add(row));
  return {};
}

Result<> add_leaf(DataTree& tree, const std::string& path, const std::string& value) {
  const ly_ctx* context = tree.schema()->context();
  const bool absolute = path.starts_with('/');
  lyd_node* created = nullptr;
  if (lyd_new_path(tree.forest(), absolute ? context : nullptr, path.c_str(), value.c_str(), LYD_NEW_PATH_UPDATE,
                   &created) != LY_SUCCESS)
    return state_error(context, path);
  if (absolute) {
    lyd_node* top = tree.forest() != nullptr ? tree.forest() : created;
    while (lyd_parent(top) != nullptr) top = lyd_parent(top);
    tree.reset_forest(lyd_first_sibling(top));
  }
  return {};
}

Result<> append(DataTree& forest, DataTree&& tree) {
  lyd_node* nodes = tree.forest();
  tree.reset_forest(nullptr);
  lyd_node* first = forest.forest();
  if (nodes == nullptr) return {};
  if (lyd_insert_sibling(first, nodes, &first) != LY_SUCCESS) {
    lyd_free_all(nodes);
    return state_error(forest.schema()->context(), "the data of several cubes");
  }
  forest.reset_forest(first);
  return {};
}

std::string quote_key(const std::string& value) {
  const char quote = value.find('\'') == std::string::npos ? '\'' : '"';
  return quote + value + quote;
}

}  // namespace polycube::model
