// SPDX-License-Identifier: Apache-2.0
#include "model/working_copy.h"

#include "base/log.h"

namespace polycube::model {

namespace {

constexpr std::uint32_t whole = LYD_DUP_RECURSIVE | LYD_DUP_WITH_FLAGS;

tl::unexpected<Error> out_of_memory() { return fail(ErrorCode::limit_exceeded, "out of memory"); }

/// Inserts a copy of `node` below `parent`, which may be null; null when memory runs out.
lyd_node* copy_below(lyd_node* parent, const lyd_node* node, std::uint32_t options) {
  lyd_node* copy = nullptr;
  if (lyd_dup_single(node, nullptr, options, &copy) != LY_SUCCESS) return nullptr;
  if (parent && lyd_insert_child(parent, copy) != LY_SUCCESS) {
    lyd_free_tree(copy);
    return nullptr;
  }
  return copy;
}

/// Everything but the entries of standalone lists.
bool copy_trunk(lyd_node* copy, const lyd_node* node, const Schema::Details& details) {
  for (const lyd_node* child = lyd_child_no_keys(node); child; child = child->next) {
    if (details.standalone.count(child->schema)) continue;
    const bool stem = details.above_standalone.count(child->schema) != 0;
    lyd_node* made = copy_below(copy, child, stem ? LYD_DUP_WITH_FLAGS : whole);
    if (!made || (stem && !copy_trunk(made, child, details))) return false;
  }
  copy->flags = node->flags;
  return true;
}

std::unique_ptr<DataTree> trunk_of(const DataTree& cube) {
  const lyd_node* root = cube.forest();
  lyd_node* copy = copy_below(nullptr, root, LYD_DUP_WITH_FLAGS);
  if (!copy) return nullptr;
  auto tree = std::make_unique<DataTree>(cube.schema(), copy);
  return copy_trunk(copy, root, cube.schema()->details()) ? std::move(tree) : nullptr;
}

/// A plain container is a default as long as it holds nothing but defaults (RFC 7950, 7.5.1 and 7.6.1).
void derive_default_flag(lyd_node* container) {
  if (container->schema->nodetype != LYS_CONTAINER) return;
  container->flags |= LYD_DEFAULT;
  for (const lyd_node* child = lyd_child(container); child; child = child->next) {
    if (child->flags & LYD_DEFAULT) continue;
    container->flags &= ~static_cast<std::uint32_t>(LYD_DEFAULT);
    return;
  }
}

void derive_default_flags(lyd_node* node, const Schema::Details& details) {
  for (lyd_node* child = lyd_child(node); child; child = child->next) {
    if (details.above_standalone.count(child->schema)) derive_default_flags(child, details);
  }
  derive_default_flag(node);
}

lyd_node* equal_among(const lyd_node* siblings, const lyd_node* node) {
  lyd_node* match = nullptr;
  return siblings && lyd_find_sibling_first(siblings, node, &match) == LY_SUCCESS ? match : nullptr;
}

void move_below(lyd_node* parent, lyd_node* node) {
  const lyd_node* from = lyd_parent(node);
  lyd_unlink_tree(node);
  if (lyd_insert_child(parent, node) == LY_SUCCESS) return;
  // Both are of the same cube, so it cannot happen; if it does, what runs is not what was validated.
  log::error("{} is lost: it cannot be put below {}", child_path(from, node->schema), api_path(parent));
  lyd_free_tree(node);
}

/// The content of one entry, which stays where it is among the others.
void replace_content(lyd_node* entry, lyd_node* by) {
  for (lyd_node* child = lyd_child_no_keys(entry); child;) {
    lyd_node* next = child->next;
    lyd_free_tree(child);
    child = next;
  }
  for (lyd_node* child = lyd_child_no_keys(by); child;) {
    lyd_node* next = child->next;
    move_below(entry, child);
    child = next;
  }
}

}  // namespace

lyd_node* counterpart(const lyd_node* forest, const lyd_node* node) {
  if (!node || !forest) return nullptr;
  const lyd_node* parent = lyd_parent(node);
  if (!parent) return equal_among(forest, node);
  const lyd_node* other = counterpart(forest, parent);
  return other ? equal_among(lyd_child(other), node) : nullptr;
}

lyd_node* only_instance(lyd_node* cube, const lysc_node* schema) {
  if (!cube || cube->schema == schema) return cube;
  const lyd_node* parent = only_instance(cube, data_parent(schema));
  return parent ? find_single(lyd_child(parent), schema) : nullptr;
}

Result<> WorkingCopy::open() {
  if (!running_) return {};
  before_ = trunk_of(*running_);
  now_ = before_ ? trunk_of(*running_) : nullptr;
  if (!now_) return out_of_memory();
  return {};
}

void WorkingCopy::replace(std::unique_ptr<DataTree> tree) {
  before_.reset();
  now_ = std::move(tree);
}

Result<lyd_node*> WorkingCopy::fetch(lyd_node* parent, const lyd_node* wanted) {
  if (!is_selection() || !details().standalone.count(wanted->schema)) return nullptr;
  const lyd_node* source = counterpart(running_->forest(), parent);
  const lyd_node* entry = source ? equal_among(lyd_child(source), wanted) : nullptr;
  lyd_node* selected = entry ? counterpart(before_->forest(), parent) : nullptr;
  if (!selected || equal_among(lyd_child(selected), wanted)) return nullptr;
  lyd_node* copy = copy_below(parent, entry, whole);
  if (!copy || !copy_below(selected, entry, whole)) return out_of_memory();
  return copy;
}

Result<lyd_node*> WorkingCopy::fetch(lyd_node* parent, const lysc_node* list, const std::vector<std::string>& keys) {
  if (!is_selection() || !details().standalone.count(list)) return nullptr;
  const lyd_node* source = counterpart(running_->forest(), parent);
  const lyd_node* entry = source ? find_entry(lyd_child(source), list, keys) : nullptr;
  return entry ? fetch(parent, entry) : Result<lyd_node*>(nullptr);
}

Result<> WorkingCopy::fetch_all(const lyd_node* parent, const lysc_node* schema) {
  if (!is_selection()) return {};
  if (details().standalone.count(schema)) return fetch_if(schema, [](const lyd_node*) { return true; });
  const lyd_node* container =
      details().above_standalone.count(schema) ? find_single(lyd_child(parent), schema) : nullptr;
  if (!container) return {};
  for (const lysc_node* child : children(schema)) PCN_TRY(fetch_all(container, child));
  return {};
}

bool WorkingCopy::is_unchanged() {
  if (!running_ || !now_) return running_ == nullptr && now_ == nullptr;
  if (is_selection()) {
    // Validation looks at the selection alone to say what is a default.
    derive_default_flags(before_->forest(), details());
    derive_default_flags(now_->forest(), details());
  }
  return lyd_compare_siblings(before()->forest(), now_->forest(), LYD_COMPARE_FULL_RECURSION | LYD_COMPARE_DEFAULTS) ==
         LY_SUCCESS;
}

Candidate::Change WorkingCopy::release() {
  const bool selection = is_selection();
  return {selection ? CubeTree(std::move(before_)) : std::move(running_), std::move(now_), selection};
}

void take_over(lyd_node* whole_node, const lyd_node* before, lyd_node* now, const Schema::Details& details) {
  for (const lyd_node* old = lyd_child_no_keys(before); old; old = old->next) {
    if (details.standalone.count(old->schema) && !equal_among(lyd_child(now), old))
      lyd_free_tree(equal_among(lyd_child(whole_node), old));
  }
  for (lyd_node* child = lyd_child_no_keys(whole_node); child;) {
    lyd_node* next = child->next;
    if (!details.standalone.count(child->schema) && !details.above_standalone.count(child->schema))
      lyd_free_tree(child);
    child = next;
  }
  for (lyd_node* child = lyd_child_no_keys(now); child;) {
    lyd_node* next = child->next;
    const bool stem = details.above_standalone.count(child->schema) != 0;
    lyd_node* same =
        stem || details.standalone.count(child->schema) ? equal_among(lyd_child(whole_node), child) : nullptr;
    if (!same)
      move_below(whole_node, child);
    else if (stem)
      take_over(same, equal_among(lyd_child(before), child), child, details);
    else
      replace_content(same, child);
    child = next;
  }
}

}  // namespace polycube::model
