// SPDX-License-Identifier: Apache-2.0
/// Private to src/model: libyang behind a few functions that own what they make.
/// Invariants: nothing of libyang's logging goes to standard error; errors are read back from the context, where
/// libyang keeps them per thread.
/// Threading: reading functions are safe from every thread on a const tree.
#pragma once

#include <libyang/libyang.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace polycube::model {

/// Greatest number of keys of a list: lyd_new_list() takes them as variable arguments, so their number is fixed here.
inline constexpr std::size_t max_list_keys = 8;

struct FreeTree {
  void operator()(lyd_node* node) const { lyd_free_tree(node); }
};
using NodePtr = std::unique_ptr<lyd_node, FreeTree>;  ///< one node with its descendants

struct FreeAll {
  void operator()(lyd_node* node) const { lyd_free_all(node); }
};
using ForestPtr = std::unique_ptr<lyd_node, FreeAll>;

struct FreeText {
  void operator()(char* text) const { std::free(text); }
};
using TextPtr = std::unique_ptr<char, FreeText>;

// ---- schema nodes
// ----------------------------------------------------------------------------------------------------

/// Data (and, for operations, input or output) children in model order, looking through choices and cases.
[[nodiscard]] std::vector<const lysc_node*> children(const lysc_node* parent, bool output = false);
[[nodiscard]] std::vector<const lysc_node*> top_level(const lys_module* module);

/// Child by name; `module` empty: the parent's module. Null when there is none.
[[nodiscard]] const lysc_node* find_child(const lysc_node* parent, const std::string& module, const std::string& name,
                                          bool output = false);

/// The nearest data node (or operation) above, or null.
[[nodiscard]] const lysc_node* data_parent(const lysc_node* node);

[[nodiscard]] bool is_integer(LY_DATA_TYPE type);

[[nodiscard]] std::vector<const lysc_node*> key_leaves(const lysc_node* list);
[[nodiscard]] inline bool is_key(const lysc_node* node) {
  return node->nodetype == LYS_LEAF && (node->flags & LYS_KEY);
}
[[nodiscard]] inline bool is_config(const lysc_node* node) { return node->flags & LYS_CONFIG_W; }
[[nodiscard]] inline bool is_presence(const lysc_node* node) {
  return node->nodetype == LYS_CONTAINER && (node->flags & LYS_PRESENCE);
}

/// Type of a leaf or leaf-list, and the type that values really have (leafrefs resolved).
[[nodiscard]] const lysc_type* leaf_type(const lysc_node* leaf);
[[nodiscard]] const lysc_type* real_type(const lysc_type* type);

/// Range of a number type, or null; a range or length as text: "1..64 | 128", bounds that are the type's own included.
[[nodiscard]] const lysc_range* number_range(const lysc_type* type);
[[nodiscard]] std::string range_text(const lysc_range* range, const lysc_type* type);

/// Argument of the extension of polycube-base called `name` ("" when it has none), or nullopt when it is not there.
[[nodiscard]] std::optional<std::string> extension(const lysc_ext_instance* instances, std::string_view name);
[[nodiscard]] inline std::optional<std::string> extension(const lysc_node* node, std::string_view name) {
  return extension(node->exts, name);
}

/// What a node says of access that no rule is about (RFC 8341, 3.4.3): "default-deny-all", "default-deny-write" or nothing.
[[nodiscard]] std::optional<std::string_view> access_default(const lysc_node* node);

/// Names ("module:name") of the typedefs of a leaf, the one it names first, the most basic one last.
[[nodiscard]] std::vector<std::string> typedefs(const lysc_node* leaf);

/// "name" or, where the module differs from the parent's, "module:name".
[[nodiscard]] std::string qualified_name(const lysc_node* node);

/// Schema path for messages: /module:list/child.
[[nodiscard]] std::string schema_path(const lysc_node* node);

// ---- data nodes
// ------------------------------------------------------------------------------------------------------

[[nodiscard]] inline std::string_view text_of(const lyd_node* term) { return lyd_get_value(term); }

/// RFC 8040 api-path of a node.
[[nodiscard]] std::string api_path(const lyd_node* node);
/// Api-path of a child that need not exist.
[[nodiscard]] std::string child_path(const lyd_node* parent, const lysc_node* child);

/// The list entry (or leaf-list entry) with these values, which need not be canonical; null also for invalid values.
[[nodiscard]] lyd_node* find_entry(const lyd_node* siblings, const lysc_node* list,
                                   const std::vector<std::string>& keys);
/// First instance of a schema node among `siblings`.
/// Why a walk: libyang's search by schema node swaps the compare function of the parent's hash table while it looks, which
/// is a write to the tree, and readers share trees. Its search by value does not.
[[nodiscard]] lyd_node* first_instance(const lyd_node* siblings, const lysc_node* node);
/// The only instance of a leaf or container among `siblings`, or null.
[[nodiscard]] inline lyd_node* find_single(const lyd_node* siblings, const lysc_node* node) {
  return first_instance(siblings, node);
}
/// The sibling after `node` of the same schema node, or null.
[[nodiscard]] inline lyd_node* next_instance(const lyd_node* node) {
  return node->next && node->next->schema == node->schema ? node->next : nullptr;
}

/// Creates a list entry below `parent` (null: top level). Error: what libyang says of the keys, without wording.
[[nodiscard]] lyd_node* new_entry(lyd_node* parent, const lysc_node* list, const std::vector<std::string>& keys);

/// Computes the canonical text of every value, which libyang does at first use: afterwards, readers do not write.
void freeze(const lyd_node* forest);

}  // namespace polycube::model
