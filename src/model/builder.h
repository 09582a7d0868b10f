// SPDX-License-Identifier: Apache-2.0
/// Private to src/model: puts the values of a request body into a data tree.
/// Invariants: every node that the body names has `priv` set (lyd_dup does not copy it): what the request says itself
/// can be told from what was there.
/// Threading: as the tree.
#pragma once

#include <functional>

#include "model/input.h"
#include "model/yang.h"

namespace polycube::model {

class Builder {
 public:
  /// Gives the list entry with the keys of `wanted` that is below `parent` but was not copied yet; or null.
  using Fetch = std::function<Result<lyd_node*>(lyd_node* parent, const lyd_node* wanted)>;

  /// `pass` marks the nodes of this body (> 0).
  Builder(std::uintptr_t pass, Fetch fetch) : pass_(pass), fetch_(std::move(fetch)) {}

  /// For values that are input of an operation, not configuration.
  Builder() : operation_(true) {}

  /// Whether instances of the body must be new (POST) or are merged into those that are there.
  enum class Mode { create, merge };

  /// Merges the members of an object into `parent`; keys of a list entry are taken as checked.
  [[nodiscard]] Result<> add_members(lyd_node* parent, const Value& object, Mode mode);

  /// One child, with all its instances in the body.
  [[nodiscard]] Result<> add_child(lyd_node* parent, const lysc_node* node, const Value& value, Mode mode);

  /// Merges an object into one entry that exists.
  [[nodiscard]] Result<> fill_entry(lyd_node* entry, const Value& object);
  /// The same in place of what was in it, but for its keys.
  [[nodiscard]] Result<> replace_entry(lyd_node* entry, const Value& object);

  /// A top-level list entry that is not in any tree yet, filled; `keys`: those of the path, empty to take the body's.
  [[nodiscard]] Result<NodePtr> make_top_entry(const lysc_node* list, const Value& object);

  /// Sets one leaf.
  [[nodiscard]] Result<> set_leaf(lyd_node* parent, const lysc_node* leaf, const Value& value, Mode mode);

 private:
  [[nodiscard]] Result<> add_list(lyd_node* parent, const lysc_node* list, const Value& value, Mode mode);
  [[nodiscard]] Result<> add_entry(lyd_node* parent, lyd_node* scratch, const lysc_node* list, const Value& value,
                                   Mode mode);
  [[nodiscard]] Result<> add_leaf_list(lyd_node* parent, const lysc_node* list, const Value& value, Mode mode);
  [[nodiscard]] Result<> add_container(lyd_node* parent, const lysc_node* node, const Value& value, Mode mode);
  void mark(lyd_node* node) const { node->priv = reinterpret_cast<void*>(pass_); }
  [[nodiscard]] bool is_marked(const lyd_node* node) const { return node->priv == reinterpret_cast<void*>(pass_); }

  [[nodiscard]] Result<lyd_node*> find_equal(lyd_node* parent, const lyd_node* entry) const;

  std::uintptr_t pass_ = 1;
  bool operation_ = false;
  Fetch fetch_;
};

/// The schema child that a member of an object below `parent` names. Errors: unknown_element.
[[nodiscard]] Result<const lysc_node*> member_node(const lysc_node* parent, const Member& member,
                                                   const std::string& path);

/// The entries of a list in a body: the elements of an array, or the one entry of an XML document.
[[nodiscard]] Result<std::vector<const Value*>> entries_of(const lysc_node* list, const Value& value,
                                                           const std::string& path);

/// Values of the keys in an entry's object, in the model's order, normalised. Errors: missing_element, invalid_value.
[[nodiscard]] Result<std::vector<std::string>> entry_keys(const lysc_node* list, const Value& object,
                                                          const std::string& path);

/// Error with this path.
[[nodiscard]] tl::unexpected<Error> at(Error error, std::string path);

}  // namespace polycube::model
