// SPDX-License-Identifier: Apache-2.0
#include "model/builder.h"

#include <algorithm>

#include "model/path.h"
#include "model/text.h"
#include "model/value.h"

namespace polycube::model {

namespace {

std::string entry_path(const std::string& list_path, const std::vector<std::string>& keys) {
  std::string path = list_path;
  char separator = '=';
  for (const auto& key : keys) {
    path += separator + encode_key(key);
    separator = ',';
  }
  return path;
}

tl::unexpected<Error> out_of_memory() { return fail(ErrorCode::limit_exceeded, "out of memory"); }

/// The first key that libyang would refuse, worded.
tl::unexpected<Error> key_error(const lysc_node* list, const std::vector<std::string>& keys, const std::string& path) {
  const auto leaves = key_leaves(list);
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    if (auto checked = check_value(leaves[i], keys[i]); !checked)
      return at(std::move(checked).error(), path + '/' + leaves[i]->name);
  }
  return at(Error{ErrorCode::invalid_value, "the keys cannot be used", {}, {}}, path);
}

}  // namespace

tl::unexpected<Error> at(Error error, std::string path) {
  error.path = std::move(path);
  return tl::unexpected<Error>(std::move(error));
}

Result<const lysc_node*> member_node(const lysc_node* parent, const Member& member, const std::string& path) {
  const lysc_node* node = find_child(parent, member.module, member.name);
  if (node && !(node->nodetype & (LYS_ACTION | LYS_NOTIF))) return node;
  const std::string name = member.module.empty() ? member.name : member.module + ':' + member.name;
  if (!member.name.empty() && member.name[0] == '@')
    return at(Error{ErrorCode::unknown_element, "annotations are not supported", {}, {}}, path);
  std::vector<std::string> names;
  for (const lysc_node* child : children(parent)) {
    if ((parent->nodetype & (LYS_RPC | LYS_ACTION)) || is_config(child)) names.emplace_back(child->name);
  }
  return at(Error{ErrorCode::unknown_element,
                  fmt::format("{} has no '{}'{}", parent->name, shorten(name), suggest(member.name, names)),
                  {},
                  {}},
            path);
}

Result<std::vector<const Value*>> entries_of(const lysc_node* list, const Value& value, const std::string& path) {
  std::vector<const Value*> entries;
  if (value.kind == Value::Kind::array) {
    entries.reserve(value.elements.size());
    for (const auto& element : value.elements) entries.push_back(&element);
    return entries;
  }
  if (!value.untyped)
    return at(Error{ErrorCode::invalid_value,
                    fmt::format("{} is a list and must be an array, but it is {}", list->name, kind_name(value)),
                    {},
                    {}},
              path);
  entries.push_back(&value);
  return entries;
}

Result<std::vector<std::string>> entry_keys(const lysc_node* list, const Value& object, const std::string& path) {
  if (object.kind != Value::Kind::object && !(object.untyped && object.members.empty()))
    return at(Error{ErrorCode::invalid_value,
                    fmt::format("an entry of {} must be an object, but it is {}", list->name, kind_name(object)),
                    {},
                    {}},
              path);
  std::vector<std::string> keys;
  for (const lysc_node* leaf = lysc_node_child(list); leaf && is_key(leaf); leaf = leaf->next) {
    const auto member = std::find_if(object.members.begin(), object.members.end(), [&](const Member& m) {
      return m.name == leaf->name && (m.module.empty() || m.module == leaf->module->name);
    });
    if (member == object.members.end())
      return at(Error{ErrorCode::missing_element,
                      fmt::format("missing attribute '{}': the key of {}", leaf->name, list->name),
                      {},
                      {}},
                path);
    auto text = leaf_text(leaf, member->value);
    if (!text) return at(std::move(text).error(), path + '/' + leaf->name);
    keys.push_back(std::move(*text));
  }
  return keys;
}

Result<> Builder::add_members(lyd_node* parent, const Value& object, Mode mode) {
  if (object.kind != Value::Kind::object && !(object.untyped && object.members.empty()))
    return at(Error{ErrorCode::invalid_value,
                    fmt::format("{} must be an object, but it is {}", parent->schema->name, kind_name(object)),
                    {},
                    {}},
              api_path(parent));
  std::vector<const lysc_node*> seen;
  for (const auto& member : object.members) {
    auto node = member_node(parent->schema, member, {});
    if (!node) return at(std::move(node).error(), api_path(parent));
    if (std::find(seen.begin(), seen.end(), *node) != seen.end())
      return at(Error{ErrorCode::malformed_message, fmt::format("'{}' is given twice", member.name), {}, {}},
                child_path(parent, *node));
    seen.push_back(*node);
    if (!is_key(*node)) PCN_TRY(add_child(parent, *node, member.value, mode));
  }
  return {};
}

Result<> Builder::add_child(lyd_node* parent, const lysc_node* node, const Value& value, Mode mode) {
  if (!operation_ && !is_config(node))
    return at(Error{ErrorCode::invalid_value, fmt::format("{} is read-only", node->name), {}, {}},
              child_path(parent, node));
  switch (node->nodetype) {
    case LYS_LEAF: return set_leaf(parent, node, value, mode);
    case LYS_LEAFLIST: return add_leaf_list(parent, node, value, mode);
    case LYS_LIST: return add_list(parent, node, value, mode);
    default: return add_container(parent, node, value, mode);
  }
}

Result<> Builder::set_leaf(lyd_node* parent, const lysc_node* leaf, const Value& value, Mode mode) {
  auto text = leaf_text(leaf, value);
  if (!text) return at(std::move(text).error(), child_path(parent, leaf));
  lyd_node* node = find_single(lyd_child(parent), leaf);
  if (node && mode == Mode::create)
    return at(Error{ErrorCode::data_exists, fmt::format("{} exists already", leaf->name), {}, {}}, api_path(node));
  const LY_ERR error = node ? lyd_change_term(node, text->c_str())
                            : lyd_new_term(parent, leaf->module, leaf->name, text->c_str(), 0, &node);
  if (error != LY_SUCCESS && error != LY_EEXIST && error != LY_ENOT)
    return at(value_error(leaf, *text), child_path(parent, leaf));
  mark(node);
  return {};
}

Result<> Builder::add_leaf_list(lyd_node* parent, const lysc_node* list, const Value& value, Mode mode) {
  auto entries = entries_of(list, value, {});
  if (!entries) return at(std::move(entries).error(), child_path(parent, list));
  for (const Value* entry : *entries) {
    auto text = leaf_text(list, *entry);
    if (!text) return at(std::move(text).error(), child_path(parent, list));
    lyd_node* found = find_entry(lyd_child(parent), list, {*text});
    // An implicit default is no entry of the configuration yet; an explicit one makes the implicit ones go away.
    if (found && (found->flags & LYD_DEFAULT)) {
      lyd_free_tree(found);
      found = nullptr;
    }
    if (found && is_marked(found))
      return at(
          Error{ErrorCode::invalid_value, fmt::format("'{}' is given twice in {}", shorten(*text), list->name), {}, {}},
          api_path(found));
    if (found && mode == Mode::create)
      return at(
          Error{ErrorCode::data_exists, fmt::format("{} '{}' exists already", list->name, shorten(*text)), {}, {}},
          api_path(found));
    if (!found && lyd_new_term(parent, list->module, list->name, text->c_str(), 0, &found) != LY_SUCCESS)
      return at(value_error(list, *text), child_path(parent, list));
    mark(found);
  }
  return {};
}

Result<> Builder::add_container(lyd_node* parent, const lysc_node* node, const Value& value, Mode mode) {
  lyd_node* container = find_single(lyd_child(parent), node);
  // A non-presence container has no existence of its own, so one that only holds defaults can be "created".
  if (container && mode == Mode::create && !(container->flags & LYD_DEFAULT))
    return at(Error{ErrorCode::data_exists, fmt::format("{} exists already", node->name), {}, {}}, api_path(container));
  if (!container && lyd_new_inner(parent, node->module, node->name, 0, &container) != LY_SUCCESS)
    return out_of_memory();
  mark(container);
  return add_members(container, value, Mode::merge);
}

Result<> Builder::add_list(lyd_node* parent, const lysc_node* list, const Value& value, Mode mode) {
  auto entries = entries_of(list, value, {});
  if (!entries) return at(std::move(entries).error(), child_path(parent, list));
  // New entries are made below a copy of the parent, where finding their equal in the real one does not find them.
  lyd_node* copy = nullptr;
  if (lyd_dup_single(parent, nullptr, LYD_DUP_NO_META, &copy) != LY_SUCCESS) return out_of_memory();
  const NodePtr scratch(copy);
  for (const Value* entry : *entries) PCN_TRY(add_entry(parent, scratch.get(), list, *entry, mode));
  return {};
}

Result<lyd_node*> Builder::find_equal(lyd_node* parent, const lyd_node* entry) const {
  lyd_node* found = nullptr;
  if (lyd_child(parent) && lyd_find_sibling_first(lyd_child(parent), entry, &found) == LY_SUCCESS) return found;
  return fetch_ ? fetch_(parent, entry) : Result<lyd_node*>(nullptr);
}

Result<> Builder::add_entry(lyd_node* parent, lyd_node* scratch, const lysc_node* list, const Value& value, Mode mode) {
  auto keys = entry_keys(list, value, {});
  if (!keys) return at(keys.error(), child_path(parent, list) + (keys.error().path.empty() ? "" : keys.error().path));
  NodePtr entry(new_entry(scratch, list, *keys));
  if (!entry) return key_error(list, *keys, child_path(parent, list));
  PCN_ASSIGN(lyd_node * found, find_equal(parent, entry.get()));
  if (found) {
    if (is_marked(found))
      return at(Error{ErrorCode::invalid_value,
                      fmt::format("{} '{}' is given twice", singular(list->name), fmt::join(*keys, " ")),
                      {},
                      {}},
                entry_path(child_path(parent, list), *keys));
    if (mode == Mode::create && !extension(list, "add-replaces"))
      return at(Error{ErrorCode::data_exists,
                      fmt::format("{} '{}' exists already", singular(list->name), fmt::join(*keys, " ")),
                      {},
                      {}},
                api_path(found));
    if (mode == Mode::create) return replace_entry(found, value);
  } else {
    found = entry.release();
    lyd_insert_child(parent, found);
  }
  return fill_entry(found, value);
}

Result<> Builder::fill_entry(lyd_node* entry, const Value& object) {
  mark(entry);
  return add_members(entry, object, Mode::merge);
}

Result<> Builder::replace_entry(lyd_node* entry, const Value& object) {
  for (lyd_node* child = lyd_child_no_keys(entry); child;) {
    lyd_node* next = child->next;
    lyd_free_tree(child);
    child = next;
  }
  return fill_entry(entry, object);
}

Result<NodePtr> Builder::make_top_entry(const lysc_node* list, const Value& object) {
  auto keys = entry_keys(list, object, qualified_name(list));
  if (!keys) return tl::unexpected<Error>(std::move(keys).error());
  NodePtr entry(new_entry(nullptr, list, *keys));
  if (!entry) return key_error(list, *keys, qualified_name(list));
  PCN_TRY(fill_entry(entry.get(), object));
  return entry;
}

}  // namespace polycube::model
