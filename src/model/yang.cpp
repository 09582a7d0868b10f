// SPDX-License-Identifier: Apache-2.0
#include "model/yang.h"

#include <algorithm>
#include <array>

#include "model/datastore.h"
#include "model/text.h"

namespace polycube::model {

namespace {

template <typename T>
const T* node_as(const lysc_node* node) {
  return reinterpret_cast<const T*>(node);
}

const lysp_tpdf* find_typedef(const lysp_tpdf* list, std::string_view name) {
  LY_ARRAY_COUNT_TYPE i = 0;
  LY_ARRAY_FOR(list, i) {
    if (name == list[i].name) return &list[i];
  }
  return nullptr;
}

const lysp_tpdf* module_typedef(const lysp_module* module, std::string_view name) {
  if (const auto* found = find_typedef(module->typedefs, name)) return found;
  LY_ARRAY_COUNT_TYPE i = 0;
  LY_ARRAY_FOR(module->includes, i) {
    const lysp_submodule* submodule = module->includes[i].submodule;
    if (const auto* found = submodule ? find_typedef(submodule->typedefs, name) : nullptr) return found;
  }
  return nullptr;
}

const lysp_module* imported(const lysp_module* module, std::string_view prefix) {
  LY_ARRAY_COUNT_TYPE i = 0;
  LY_ARRAY_FOR(module->imports, i) {
    if (prefix == module->imports[i].prefix && module->imports[i].module) return module->imports[i].module->parsed;
  }
  return module->mod->parsed;
}

/// The typedef that `type` names in the scope of `node`; null for a built-in type.
const lysp_tpdf* resolve_typedef(const lysp_type* type, const lysp_node* scope, const lysp_module** module) {
  const auto [prefix, name] = split_name(type->name);
  if (!prefix.empty()) {
    *module = imported(*module, prefix);
    return module_typedef(*module, name);
  }
  for (const lysp_node* node = scope; node; node = node->parent) {
    if (const auto* found = find_typedef(lysp_node_typedefs(node), name)) return found;
  }
  return module_typedef(*module, name);
}

void append_step(std::string& path, const lyd_node* node) {
  if (!path.empty()) path += '/';
  path += qualified_name(node->schema);
  if (node->schema->nodetype == LYS_LEAFLIST) {
    path += '=' + encode_key(text_of(node));
  } else if (node->schema->nodetype == LYS_LIST) {
    char separator = '=';
    for (const lyd_node* key = lyd_child(node); key && is_key(key->schema); key = key->next) {
      path += separator + encode_key(text_of(key));
      separator = ',';
    }
  }
}

/// A value as an XPath literal, or "" when it holds both kinds of quotes.
std::string xpath_literal(const std::string& value) {
  if (value.find('\'') == std::string::npos) return '\'' + value + '\'';
  if (value.find('"') == std::string::npos) return '"' + value + '"';
  return {};
}

std::optional<std::string> canonical(const lysc_node* leaf, const std::string& value) {
  if (value.find('\0') != std::string::npos) return std::nullopt;
  const char* text = nullptr;
  const ly_ctx* context = leaf->module->ctx;
  const LY_ERR error = lyd_value_validate(context, leaf, value.c_str(), value.size(), nullptr, nullptr, &text);
  if (error != LY_SUCCESS && error != LY_EINCOMPLETE) return std::nullopt;
  std::string result = text ? text : value;
  lydict_remove(context, text);
  return result;
}

bool has_keys(const lyd_node* entry, const std::vector<std::string>& keys) {
  const lyd_node* key = lyd_child(entry);
  for (const auto& value : keys) {
    if (!key || text_of(key) != value) return false;
    key = key->next;
  }
  return true;
}

}  // namespace

std::vector<const lysc_node*> children(const lysc_node* parent, bool output) {
  std::vector<const lysc_node*> result;
  const lysc_node* child = nullptr;
  while ((child = lys_getnext(child, parent, nullptr, output ? LYS_GETNEXT_OUTPUT : 0))) {
    if (!(child->nodetype & (LYS_ACTION | LYS_NOTIF))) result.push_back(child);
  }
  return result;
}

std::vector<const lysc_node*> top_level(const lys_module* module) {
  std::vector<const lysc_node*> result;
  const lysc_node* child = nullptr;
  while (module->compiled && (child = lys_getnext(child, nullptr, module->compiled, 0))) {
    if (!(child->nodetype & (LYS_RPC | LYS_NOTIF))) result.push_back(child);
  }
  return result;
}

const lysc_node* find_child(const lysc_node* parent, const std::string& module, const std::string& name, bool output) {
  const lysc_node* child = nullptr;
  while ((child = lys_getnext(child, parent, nullptr, output ? LYS_GETNEXT_OUTPUT : 0))) {
    if (name == child->name && (module.empty() ? child->module == parent->module : module == child->module->name))
      return child;
  }
  return nullptr;
}

const lysc_node* data_parent(const lysc_node* node) {
  const lysc_node* parent = node->parent;
  while (parent && (parent->nodetype & (LYS_CHOICE | LYS_CASE | LYS_INPUT | LYS_OUTPUT))) parent = parent->parent;
  return parent;
}

bool is_integer(LY_DATA_TYPE type) {
  switch (type) {
    case LY_TYPE_INT8:
    case LY_TYPE_INT16:
    case LY_TYPE_INT32:
    case LY_TYPE_INT64:
    case LY_TYPE_UINT8:
    case LY_TYPE_UINT16:
    case LY_TYPE_UINT32:
    case LY_TYPE_UINT64: return true;
    default: return false;
  }
}

std::vector<const lysc_node*> key_leaves(const lysc_node* list) {
  std::vector<const lysc_node*> keys;
  for (const lysc_node* child = lysc_node_child(list); child && is_key(child); child = child->next)
    keys.push_back(child);
  return keys;
}

const lysc_type* leaf_type(const lysc_node* leaf) {
  return leaf->nodetype == LYS_LEAF ? node_as<lysc_node_leaf>(leaf)->type : node_as<lysc_node_leaflist>(leaf)->type;
}

const lysc_type* real_type(const lysc_type* type) {
  while (type->basetype == LY_TYPE_LEAFREF) type = reinterpret_cast<const lysc_type_leafref*>(type)->realtype;
  return type;
}

const lysc_range* number_range(const lysc_type* type) {
  if (type->basetype == LY_TYPE_DEC64) return reinterpret_cast<const lysc_type_dec*>(type)->range;
  return is_integer(type->basetype) ? reinterpret_cast<const lysc_type_num*>(type)->range : nullptr;
}

std::string range_text(const lysc_range* range, const lysc_type* type) {
  const auto bound = [type](std::uint64_t u, std::int64_t s) {
    if (type->basetype < LY_TYPE_DEC64) return fmt::format("{}", u);
    if (type->basetype != LY_TYPE_DEC64) return fmt::format("{}", s);
    const unsigned digits = reinterpret_cast<const lysc_type_dec*>(type)->fraction_digits;
    const bool negative = s < 0;
    std::string text =
        fmt::format("{:0{}}", negative ? 0 - static_cast<std::uint64_t>(s) : static_cast<std::uint64_t>(s), digits + 1);
    text.insert(text.size() - digits, ".");
    while (text.back() == '0' && text[text.size() - 2] != '.') text.pop_back();
    return (negative ? "-" : "") + text;
  };
  std::string text;
  LY_ARRAY_COUNT_TYPE i = 0;
  LY_ARRAY_FOR(range->parts, i) {
    const auto& part = range->parts[i];
    const std::string low = bound(part.min_u64, part.min_64);
    const std::string high = bound(part.max_u64, part.max_64);
    text += (i ? " | " : "") + (low == high ? low : low + ".." + high);
  }
  return text;
}

std::optional<std::string> extension(const lysc_ext_instance* instances, std::string_view name) {
  LY_ARRAY_COUNT_TYPE i = 0;
  LY_ARRAY_FOR(instances, i) {
    const lysc_ext* definition = instances[i].def;
    if (name == definition->name && std::string_view(definition->module->name) == "polycube-base")
      return instances[i].argument ? instances[i].argument : "";
  }
  return std::nullopt;
}

std::optional<std::string_view> access_default(const lysc_node* node) {
  LY_ARRAY_COUNT_TYPE i = 0;
  LY_ARRAY_FOR(node->exts, i) {
    const lysc_ext* definition = node->exts[i].def;
    if (std::string_view(definition->module->name) == "ietf-netconf-acm") return definition->name;
  }
  return std::nullopt;
}

std::vector<std::string> typedefs(const lysc_node* leaf) {
  std::vector<std::string> names;
  const auto* parsed = static_cast<const lysp_node*>(leaf->priv);
  if (!parsed || !(parsed->nodetype & (LYS_LEAF | LYS_LEAFLIST))) return names;
  const lysp_type* type = parsed->nodetype == LYS_LEAF ? &reinterpret_cast<const lysp_node_leaf*>(parsed)->type
                                                       : &reinterpret_cast<const lysp_node_leaflist*>(parsed)->type;
  const lysp_node* scope = parsed->parent;
  const lysp_module* module = type->pmod;
  while (module) {
    const lysp_tpdf* found = resolve_typedef(type, scope, &module);
    if (!found) break;
    names.push_back(std::string(module->mod->name) + ':' + found->name);
    type = &found->type;
    module = type->pmod ? type->pmod : module;
  }
  return names;
}

std::string qualified_name(const lysc_node* node) {
  const lysc_node* parent = data_parent(node);
  if (parent && parent->module == node->module) return node->name;
  return std::string(node->module->name) + ':' + node->name;
}

std::string schema_path(const lysc_node* node) {
  std::string path;
  for (; node; node = data_parent(node)) path = '/' + qualified_name(node) + path;
  return path;
}

std::string api_path(const lyd_node* node) {
  std::vector<const lyd_node*> steps;
  for (; node; node = lyd_parent(node)) steps.push_back(node);
  std::string path;
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) append_step(path, *step);
  return path;
}

std::string child_path(const lyd_node* parent, const lysc_node* child) {
  return parent ? api_path(parent) + '/' + qualified_name(child) : qualified_name(child);
}

lyd_node* first_instance(const lyd_node* siblings, const lysc_node* list) {
  for (const lyd_node* node = siblings; node; node = node->next) {
    if (node->schema == list) return const_cast<lyd_node*>(node);
  }
  return nullptr;
}

lyd_node* find_entry(const lyd_node* siblings, const lysc_node* list, const std::vector<std::string>& keys) {
  if (!siblings) return nullptr;
  std::vector<std::string> values;
  std::string predicate;
  const bool leaf_list = list->nodetype == LYS_LEAFLIST;
  const auto leaves = leaf_list ? std::vector<const lysc_node*>{list} : key_leaves(list);
  bool quotable = true;
  for (std::size_t i = 0; i < leaves.size() && i < keys.size(); ++i) {
    auto value = canonical(leaves[i], keys[i]);
    if (!value) return nullptr;
    const std::string literal = xpath_literal(*value);
    quotable = quotable && !literal.empty();
    predicate += '[' + qualified_name(leaves[i]) + '=' + literal + ']';
    values.push_back(std::move(*value));
  }
  lyd_node* match = nullptr;
  if (leaf_list || quotable) {
    const std::string& key = leaf_list ? values.at(0) : predicate;
    return lyd_find_sibling_val(siblings, list, key.c_str(), key.size(), &match) == LY_SUCCESS ? match : nullptr;
  }
  for (match = first_instance(siblings, list); match; match = next_instance(match)) {
    if (has_keys(match, values)) return match;
  }
  return nullptr;
}

lyd_node* new_entry(lyd_node* parent, const lysc_node* list, const std::vector<std::string>& keys) {
  std::array<const char*, max_list_keys> k{};
  for (std::size_t i = 0; i < k.size(); ++i) k[i] = i < keys.size() ? keys[i].c_str() : "";
  lyd_node* node = nullptr;
  static_assert(max_list_keys == 8);
  const LY_ERR error =
      lyd_new_list(parent, list->module, list->name, 0, &node, k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7]);
  return error == LY_SUCCESS ? node : nullptr;
}

void freeze(const lyd_node* forest) {
  const lyd_node* tree = nullptr;
  LY_LIST_FOR(forest, tree) {
    const lyd_node* node = nullptr;
    LYD_TREE_DFS_BEGIN(tree, node) {
      if (node->schema && (node->schema->nodetype & LYD_NODE_TERM)) (void)lyd_get_value(node);
      LYD_TREE_DFS_END(tree, node);
    }
  }
}

}  // namespace polycube::model
