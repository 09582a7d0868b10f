// SPDX-License-Identifier: Apache-2.0
#include "model/data_tree.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>

#include "model/builder.h"
#include "model/details.h"
#include "model/value.h"
#include "model/yang.h"

namespace polycube::model {

namespace {

/// The schema nodes of a binding: those on the way from below the cube to the bound node, and its leaves.
struct BoundSchema {
  std::vector<const lysc_node*> path;
  std::vector<const lysc_node*> leaves;  ///< in the order of TableBinding::leaves; for lists, inherited keys come first
  std::size_t inherited = 0;             ///< keys of enclosing lists
};

/// Null schema nodes nowhere: a binding was derived from the same schema.
BoundSchema bound_schema(const lysc_node* cube_list, const TableBinding& binding) {
  BoundSchema result;
  const lysc_node* node = cube_list;
  for (const auto& name : binding.path) {
    node = find_child(node, "", name);
    if (!node) return {};
    result.path.push_back(node);
  }
  for (const lysc_node* level : result.path) {
    if (level->nodetype == LYS_LIST && level != node) {
      for (const lysc_node* key : key_leaves(level)) result.leaves.push_back(key);
    }
  }
  result.inherited = result.leaves.size();
  for (std::size_t i = result.inherited; i < binding.leaves.size(); ++i)
    result.leaves.push_back(node->nodetype == LYS_LEAF ? node : find_child(node, "", binding.leaves[i].name));
  return result;
}

/// Calls `visit(node, inherited keys)` for every instance of the bound node below `siblings`.
template <typename Visit>
void for_each_instance(const lyd_node* siblings, const BoundSchema& schema, std::size_t level, Row& inherited,
                       const Visit& visit) {
  if (!siblings) return;
  const lysc_node* wanted = schema.path[level];
  const bool last = level + 1 == schema.path.size();
  lyd_node* node = wanted->nodetype == LYS_LIST ? first_instance(siblings, wanted) : find_single(siblings, wanted);
  for (; node; node = next_instance(node)) {
    if (last) {
      visit(node, inherited);
      continue;
    }
    const std::size_t before = inherited.size();
    if (wanted->nodetype == LYS_LIST) {
      for (const lyd_node* key = lyd_child(node); key && is_key(key->schema); key = key->next)
        inherited.emplace_back(text_of(key));
    }
    for_each_instance(lyd_child(node), schema, level + 1, inherited, visit);
    inherited.resize(before);
  }
}

Row row_of(const lyd_node* node, const BoundSchema& schema, const Row& inherited) {
  Row row = inherited;
  row.reserve(schema.leaves.size());
  if (node->schema->nodetype == LYS_LEAF) {
    row.emplace_back(text_of(node));
    return row;
  }
  // Children are few and in model order, so a walk finds all cells faster than one lookup each.
  row.resize(schema.leaves.size());
  for (const lyd_node* child = lyd_child(node); child; child = child->next) {
    for (std::size_t i = schema.inherited; i < schema.leaves.size(); ++i) {
      if (schema.leaves[i] == child->schema) {
        row[i] = text_of(child);
        break;
      }
    }
  }
  return row;
}

/// Calls `visit(node, counterpart or null, inherited keys)` for every instance of the bound node below `siblings`,
/// with the instance of the same keys below `others`: found by libyang's hashes, so without text being made for what is
/// equal.
template <typename Visit>
void for_each_pair(const lyd_node* siblings, const lyd_node* others, const BoundSchema& schema, std::size_t level,
                   Row& inherited, const Visit& visit) {
  if (!siblings) return;
  const lysc_node* wanted = schema.path[level];
  const bool last = level + 1 == schema.path.size();
  lyd_node* node = wanted->nodetype == LYS_LIST ? first_instance(siblings, wanted) : find_single(siblings, wanted);
  for (; node; node = next_instance(node)) {
    lyd_node* other = nullptr;
    if (others && wanted->nodetype == LYS_LEAF)
      other = find_single(others, wanted);
    else if (others && lyd_find_sibling_first(others, node, &other) != LY_SUCCESS)
      other = nullptr;
    if (last) {
      visit(node, other, inherited);
      continue;
    }
    const std::size_t before = inherited.size();
    if (wanted->nodetype == LYS_LIST) {
      for (const lyd_node* key = lyd_child(node); key && is_key(key->schema); key = key->next)
        inherited.emplace_back(text_of(key));
    }
    for_each_pair(lyd_child(node), other ? lyd_child(other) : nullptr, schema, level + 1, inherited, visit);
    inherited.resize(before);
  }
}

/// The bound leaves of an instance, null where absent.
std::array<const char*, max_cells> cells_of(const lyd_node* node, const BoundSchema& schema) {
  std::array<const char*, max_cells> cells{};
  if (node->schema->nodetype == LYS_LEAF) {
    cells[0] = lyd_get_value(node);
    return cells;
  }
  for (const lyd_node* child = lyd_child(node); child; child = child->next) {
    for (std::size_t i = schema.inherited; i < schema.leaves.size(); ++i) {
      if (schema.leaves[i] == child->schema) cells[i] = lyd_get_value(child);
    }
  }
  return cells;
}

bool same_cells(const lyd_node* a, const lyd_node* b, const BoundSchema& schema) {
  const auto x = cells_of(a, schema);
  const auto y = cells_of(b, schema);
  // Values of one context are interned, so equal texts mostly are one text.
  return std::equal(x.begin(), x.end(), y.begin(),
                    [](const char* s, const char* t) { return s == t || (s && t && std::strcmp(s, t) == 0); });
}

std::string key_of(const Row& row, const TableBinding& binding) {
  std::string key;
  for (std::size_t i = 0; i < row.size() && binding.leaves[i].key; ++i) {
    const std::string& cell = row[i] ? *row[i] : std::string();
    // Lengths keep ("a", "bc") and ("ab", "c") apart whatever the values hold.
    key += std::to_string(cell.size()) + ':' + cell;
  }
  return key;
}

tl::unexpected<Error> bad_cell(const lysc_node* leaf, const std::string& value) {
  return tl::unexpected<Error>(value_error(leaf, value));
}

/// Adds the rows of one binding to one cube.
class RowAdder {
 public:
  RowAdder(lyd_node* cube, const TableBinding& binding, const BoundSchema& schema)
      : cube_(cube), binding_(binding), schema_(schema) {
    Row inherited;
    if (binding.kind == BindingKind::list) {
      for_each_instance(lyd_child(cube), schema, 0, inherited, [&](lyd_node* node, const Row& keys) {
        entries_.emplace(key_of(row_of(node, schema, keys), binding), node);
      });
    }
  }

  Result<> add(const Row& row) {
    if (row.size() != schema_.leaves.size())
      return fail(ErrorCode::invalid_value, "a row of table {} has {} cells instead of {}", binding_.table, row.size(),
                  schema_.leaves.size());
    if (binding_.kind == BindingKind::leaf) return add_bound_leaf(row);
    bool created = false;
    PCN_ASSIGN(lyd_node * node,
               binding_.kind == BindingKind::list ? entry(row, created) : parent(row, schema_.path.size()));
    for (std::size_t i = schema_.inherited; i < row.size(); ++i) {
      const bool wanted = !binding_.leaves[i].config || created || binding_.kind == BindingKind::container;
      if (!row[i] || binding_.leaves[i].key || !wanted) continue;
      if (binding_.leaves[i].config && !created && find_single(lyd_child(node), schema_.leaves[i])) continue;
      PCN_TRY(set(node, schema_.leaves[i], *row[i]));
    }
    return {};
  }

 private:
  static Result<> set(lyd_node* parent, const lysc_node* leaf, const std::string& value) {
    lyd_node* node = find_single(lyd_child(parent), leaf);
    const LY_ERR error = node ? lyd_change_term(node, value.c_str())
                              : lyd_new_term(parent, leaf->module, leaf->name, value.c_str(), 0, &node);
    if (error != LY_SUCCESS && error != LY_EEXIST && error != LY_ENOT) return bad_cell(leaf, value);
    (void)lyd_get_value(node);
    return {};
  }

  Result<> add_bound_leaf(const Row& row) {
    if (!row.back()) return {};
    PCN_ASSIGN(lyd_node * above, parent(row, schema_.path.size() - 1));
    const bool there = find_single(lyd_child(above), schema_.path.back()) != nullptr;
    return binding_.config && there ? Result<>{} : set(above, schema_.path.back(), *row.back());
  }

  Result<lyd_node*> entry(const Row& row, bool& created) {
    const auto [found, added] = entries_.try_emplace(key_of(row, binding_), nullptr);
    if (!added) return found->second;
    created = true;
    PCN_ASSIGN(lyd_node * above, parent(row, schema_.path.size() - 1));
    const lysc_node* list = schema_.path.back();
    PCN_ASSIGN(const auto keys, keys_of(row, schema_.inherited, list));
    found->second = new_entry(above, list, keys);
    if (!found->second) {
      entries_.erase(found);
      return fail(ErrorCode::invalid_value, "the keys {} are no keys of {}", fmt::join(keys, " "), list->name);
    }
    for (const lyd_node* key = lyd_child(entries_[key_of(row, binding_)]); key; key = key->next)
      (void)lyd_get_value(key);
    return entries_[key_of(row, binding_)];
  }

  Result<std::vector<std::string>> keys_of(const Row& row, std::size_t first, const lysc_node* list) const {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < key_leaves(list).size(); ++i) {
      if (!row[first + i])
        return fail(ErrorCode::missing_element, "a row of table {} lacks key {}", binding_.table,
                    binding_.leaves[first + i].name);
      keys.push_back(*row[first + i]);
    }
    return keys;
  }

  /// The node of the first `count` steps of the path, made where it is not there.
  Result<lyd_node*> parent(const Row& row, std::size_t count) {
    lyd_node* node = cube_;
    std::size_t cell = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const lysc_node* schema = schema_.path[i];
      lyd_node* child = nullptr;
      if (schema->nodetype == LYS_LIST) {
        PCN_ASSIGN(const auto keys, keys_of(row, cell, schema));
        cell += keys.size();
        child = find_entry(lyd_child(node), schema, keys);
        if (!child) child = new_entry(node, schema, keys);
      } else {
        child = find_single(lyd_child(node), schema);
        if (!child) (void)lyd_new_inner(node, schema->module, schema->name, 0, &child);
      }
      if (!child) return fail(ErrorCode::invalid_value, "a row of table {} has no place in the tree", binding_.table);
      node = child;
    }
    return node;
  }

  lyd_node* cube_;
  const TableBinding& binding_;
  const BoundSchema& schema_;
  std::unordered_map<std::string, lyd_node*> entries_;
};

}  // namespace

DataTree::~DataTree() { lyd_free_all(forest_); }

Result<DataTree> DataTree::duplicate() const {
  lyd_node* copy = nullptr;
  if (forest_ && lyd_dup_siblings(forest_, nullptr, LYD_DUP_RECURSIVE | LYD_DUP_WITH_FLAGS, &copy) != LY_SUCCESS)
    return fail(ErrorCode::limit_exceeded, "out of memory");
  return DataTree(schema_, copy);
}

Result<DataTree> DataTree::duplicate_to(const std::shared_ptr<const Schema>& schema) const {
  constexpr std::uint32_t options = LYD_DUP_RECURSIVE | LYD_DUP_WITH_FLAGS;
  lyd_node* copy = nullptr;
  const LY_ERR error =
      forest_ ? lyd_dup_siblings_to_ctx(forest_, schema->context(), nullptr, options, &copy) : LY_SUCCESS;
  if (error == LY_EMEM) return fail(ErrorCode::limit_exceeded, "out of memory");
  if (error != LY_SUCCESS) return fail(ErrorCode::invalid_value, "the configuration does not fit the models any more");
  return DataTree(schema, copy);
}

void DataTree::freeze() const { model::freeze(forest_); }

std::vector<Row> rows(const DataTree& cube, const TableBinding& binding) {
  std::vector<Row> result;
  if (cube.empty()) return result;
  const BoundSchema schema = bound_schema(cube.forest()->schema, binding);
  Row inherited;
  if (!schema.path.empty())
    for_each_instance(lyd_child(cube.forest()), schema, 0, inherited,
                      [&](const lyd_node* node, const Row& keys) { result.push_back(row_of(node, schema, keys)); });
  return result;
}

RowChanges changes(const DataTree* before, const DataTree* after, const TableBinding& binding) {
  RowChanges result;
  const DataTree* any = after && !after->empty() ? after : before;
  if (!any || any->empty()) return result;
  const BoundSchema schema = bound_schema(any->forest()->schema, binding);
  if (schema.path.empty()) return result;
  const lyd_node* old = before ? lyd_child(before->forest()) : nullptr;
  const lyd_node* now = after ? lyd_child(after->forest()) : nullptr;
  Row inherited;
  for_each_pair(now, old, schema, 0, inherited, [&](const lyd_node* node, const lyd_node* other, const Row& keys) {
    if (!other || !same_cells(node, other, schema)) result.written.push_back(row_of(node, schema, keys));
  });
  for_each_pair(old, now, schema, 0, inherited, [&](const lyd_node* node, const lyd_node* other, const Row& keys) {
    if (!other) result.removed.push_back(row_of(node, schema, keys));
  });
  return result;
}

Result<> add_rows(DataTree& cube, const TableBinding& binding, const std::vector<Row>& rows) {
  if (cube.empty() || rows.empty()) return {};
  const BoundSchema schema = bound_schema(cube.forest()->schema, binding);
  if (schema.path.empty())
    return fail(ErrorCode::unknown_element, "table {} is bound to nothing in {}", binding.table,
                cube.forest()->schema->name);
  RowAdder adder(cube.forest(), binding, schema);
  for (const auto& row : rows) PCN_TRY(adder.add(row));
  return {};
}

Result<> add_yang_library(DataTree& forest) {
  const ly_ctx* context = forest.schema()->context();
  lyd_node* library = nullptr;
  const unsigned revision = ly_ctx_get_change_count(context);
  if (ly_ctx_get_yanglib_data(context, &library, "%u", revision) != LY_SUCCESS)
    return fail(ErrorCode::system, "the YANG library cannot be made: {}", ly_errmsg(context) ? ly_errmsg(context) : "");
  lyd_node* first = forest.forest();
  if (lyd_insert_sibling(first, library, &first) != LY_SUCCESS) {
    lyd_free_all(library);
    return fail(ErrorCode::system, "the YANG library cannot be added");
  }
  forest.reset_forest(first);
  return {};
}

std::optional<std::string> leaf(const DataTree& cube, const std::vector<std::string>& path) {
  const lyd_node* node = cube.forest();
  for (const auto& name : path) {
    const lysc_node* schema = node ? find_child(node->schema, "", name) : nullptr;
    node = schema && !(schema->nodetype & (LYS_LIST | LYS_LEAFLIST)) ? find_single(lyd_child(node), schema) : nullptr;
  }
  if (!node || path.empty() || !(node->schema->nodetype & LYD_NODE_TERM)) return std::nullopt;
  return std::string(text_of(node));
}

}  // namespace polycube::model
