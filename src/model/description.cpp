// SPDX-License-Identifier: Apache-2.0
// The models as JSON: docs/architecture.md, "The schema resource".
#include "model/details.h"

namespace polycube::model {

namespace {

using nlohmann::json;

const char* base_name(LY_DATA_TYPE type) {
  switch (type) {
    case LY_TYPE_BINARY: return "binary";
    case LY_TYPE_UINT8: return "uint8";
    case LY_TYPE_UINT16: return "uint16";
    case LY_TYPE_UINT32: return "uint32";
    case LY_TYPE_UINT64: return "uint64";
    case LY_TYPE_STRING: return "string";
    case LY_TYPE_BITS: return "bits";
    case LY_TYPE_BOOL: return "boolean";
    case LY_TYPE_DEC64: return "decimal64";
    case LY_TYPE_EMPTY: return "empty";
    case LY_TYPE_ENUM: return "enumeration";
    case LY_TYPE_IDENT: return "identityref";
    case LY_TYPE_INST: return "instance-identifier";
    case LY_TYPE_LEAFREF: return "leafref";
    case LY_TYPE_UNION: return "union";
    case LY_TYPE_INT8: return "int8";
    case LY_TYPE_INT16: return "int16";
    case LY_TYPE_INT32: return "int32";
    case LY_TYPE_INT64: return "int64";
    default: return "unknown";
  }
}

json names_of(const lysc_type_bitenum_item* items) {
  json names = json::array();
  LY_ARRAY_COUNT_TYPE i = 0;
  LY_ARRAY_FOR(items, i) { names.push_back(items[i].name); }
  return names;
}

void add_type_details(json& result, const lysc_type* type) {
  switch (type->basetype) {
    case LY_TYPE_ENUM: result["enum"] = names_of(reinterpret_cast<const lysc_type_enum*>(type)->enums); break;
    case LY_TYPE_BITS: result["bits"] = names_of(reinterpret_cast<const lysc_type_bits*>(type)->bits); break;
    case LY_TYPE_STRING: {
      const auto* string = reinterpret_cast<const lysc_type_str*>(type);
      if (string->length) result["length"] = range_text(string->length, type);
      LY_ARRAY_COUNT_TYPE i = 0;
      LY_ARRAY_FOR(string->patterns, i) {
        if (!string->patterns[i]->inverted) result["patterns"].push_back(string->patterns[i]->expr);
      }
      break;
    }
    case LY_TYPE_BINARY:
      if (const auto* length = reinterpret_cast<const lysc_type_bin*>(type)->length)
        result["length"] = range_text(length, type);
      break;
    default:
      if (const lysc_range* range = number_range(type)) result["range"] = range_text(range, type);
  }
}

json describe_type(const Schema::Details& details, const lysc_node* leaf) {
  const lysc_type* type = real_type(leaf_type(leaf));
  json result = {{"base", base_name(type->basetype)}};
  const auto names = typedefs(leaf);
  if (!names.empty()) result["typedef"] = names.front().substr(names.front().find(':') + 1);
  add_type_details(result, type);
  const char* units = leaf->nodetype == LYS_LEAF ? reinterpret_cast<const lysc_node_leaf*>(leaf)->units
                                                 : reinterpret_cast<const lysc_node_leaflist*>(leaf)->units;
  if (units) result["units"] = units;
  if (const lysc_node* target = details.target(leaf)) {
    std::string path = target->name;
    for (const lysc_node* node = data_parent(target); node && data_parent(node); node = data_parent(node))
      path = std::string(node->name) + '/' + path;
    result["ref"] = path;
  }
  return result;
}

const char* kind_name(const lysc_node* node) {
  switch (node->nodetype) {
    case LYS_LIST: return "list";
    case LYS_CONTAINER: return "container";
    case LYS_LEAF: return "leaf";
    case LYS_LEAFLIST: return "leaf-list";
    case LYS_ACTION: return "action";
    default: return "rpc";
  }
}

void add_leaf_members(json& result, const Schema::Details& details, const lysc_node* node) {
  result["type"] = describe_type(details, node);
  if (extension(node, "init-only")) result["init-only"] = true;
  if (extension(node, "unavailable")) result["unavailable"] = true;
  if (node->nodetype != LYS_LEAF) return;
  if (node->flags & LYS_MAND_TRUE) result["mandatory"] = true;
  const auto* leaf = reinterpret_cast<const lysc_node_leaf*>(node);
  if (leaf->dflt) result["default"] = lyd_value_get_canonical(node->module->ctx, leaf->dflt);
}

json describe_children(const Schema::Details& details, const lysc_node* node, bool output) {
  // libyang compiles the keys of a list to its front.
  json result = json::array();
  for (const lysc_node* child : children(node, output)) result.push_back(describe(details, child));
  return result;
}

}  // namespace

json describe(const Schema::Details& details, const lysc_node* node) {
  json result = {{"name", node->name}, {"kind", kind_name(node)}};
  if (node->dsc) result["description"] = node->dsc;
  if (const auto example = extension(node, "example")) result["example"] = *example;
  if (node->nodetype & (LYS_RPC | LYS_ACTION)) {
    result["input"] = describe_children(details, node, false);
    result["output"] = describe_children(details, node, true);
    return result;
  }
  const lysc_node* top = node;
  while (top->parent) top = top->parent;
  if (!(top->nodetype & (LYS_RPC | LYS_ACTION)) && !is_config(node) && (node->flags & LYS_CONFIG_R))
    result["config"] = false;
  if (node->nodetype & LYD_NODE_TERM) {
    add_leaf_members(result, details, node);
    return result;
  }
  if (node->nodetype == LYS_LIST) {
    result["keys"] = json::array();
    for (const lysc_node* key : key_leaves(node)) result["keys"].push_back(key->name);
    if (node->flags & LYS_ORDBY_USER) result["ordered-by-user"] = true;
  }
  result["children"] = describe_children(details, node, false);
  for (const auto* action = lysc_node_actions(node); action;
       action = reinterpret_cast<const lysc_node_action*>(action->next))
    result["children"].push_back(describe(details, &action->node));
  return result;
}

}  // namespace polycube::model
