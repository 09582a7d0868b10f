// SPDX-License-Identifier: Apache-2.0
#include "cli/schema.h"

#include <algorithm>
#include <array>

namespace polycube::cli {
namespace {

std::string text_of(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool flag_of(const Json& object, const char* member, bool otherwise) {
  const auto found = object.find(member);
  return found != object.end() && found->is_boolean() ? found->get<bool>() : otherwise;
}

std::vector<std::string> texts_of(const Json& object, const char* member) {
  std::vector<std::string> texts;
  const auto found = object.find(member);
  if (found == object.end() || !found->is_array()) return texts;
  for (const auto& item : *found)
    if (item.is_string()) texts.push_back(item.get<std::string>());
  return texts;
}

Result<Node::Kind> parse_kind(const std::string& name) {
  using Kind = Node::Kind;
  constexpr std::array<std::pair<std::string_view, Kind>, 6> kinds{{{"list", Kind::list},
                                                                    {"container", Kind::container},
                                                                    {"leaf", Kind::leaf},
                                                                    {"leaf-list", Kind::leaf_list},
                                                                    {"action", Kind::action},
                                                                    {"rpc", Kind::rpc}}};
  for (const auto& [word, kind] : kinds)
    if (word == name) return kind;
  return fail(ErrorCode::malformed_message, "the schema has a node of unknown kind '{}'", name);
}

Result<Node> parse_node(const Json& json, int depth);

Result<std::vector<Node>> parse_nodes(const Json& object, const char* member, int depth) {
  std::vector<Node> nodes;
  const auto found = object.find(member);
  if (found == object.end()) return nodes;
  if (!found->is_array()) return fail(ErrorCode::malformed_message, "the schema's '{}' is no array", member);
  for (const auto& item : *found) {
    PCN_ASSIGN(auto node, parse_node(item, depth + 1));
    nodes.push_back(std::move(node));
  }
  return nodes;
}

Result<Node> parse_node(const Json& json, int depth) {
  if (depth > max_schema_depth)
    return fail(ErrorCode::malformed_message, "the schema is nested more than {} deep", max_schema_depth);
  if (!json.is_object()) return fail(ErrorCode::malformed_message, "a node of the schema is no object");
  Node node;
  PCN_ASSIGN(node.kind, parse_kind(text_of(json, "kind")));
  node.name = text_of(json, "name");
  node.description = text_of(json, "description");
  node.example = text_of(json, "example");
  node.module = text_of(json, "module");
  node.config = flag_of(json, "config", true);
  node.init_only = flag_of(json, "init-only", false);
  node.unavailable = flag_of(json, "unavailable", false);
  node.user_ordered = flag_of(json, "ordered-by-user", false);
  node.mandatory = flag_of(json, "mandatory", false);
  node.keys = texts_of(json, "keys");
  if (const auto type = json.find("type"); type != json.end() && type->is_object())
    node.type = Type{text_of(*type, "base"), text_of(*type, "typedef"), texts_of(*type, "enum"), text_of(*type, "ref")};
  PCN_ASSIGN(node.children, parse_nodes(json, "children", depth));
  PCN_ASSIGN(node.input, parse_nodes(json, "input", depth));
  PCN_ASSIGN(node.output, parse_nodes(json, "output", depth));
  for (const auto& key : node.keys)
    if (node.child(key) == nullptr)
      return fail(ErrorCode::malformed_message, "the schema's list '{}' lacks its key '{}'", node.name, key);
  return node;
}

const Node* find(const std::vector<Node>& nodes, std::string_view name) {
  const auto found = std::ranges::find(nodes, name, &Node::name);
  return found == nodes.end() ? nullptr : &*found;
}

}  // namespace

const Node* Node::child(std::string_view child_name) const { return find(children, child_name); }

bool Node::is_key(std::string_view child_name) const { return std::ranges::find(keys, child_name) != keys.end(); }

const Node* Schema::service(std::string_view name) const {
  const auto found = services.find(name);
  return found == services.end() ? nullptr : &found->second;
}

const Node* Schema::container(std::string_view name) const { return find(containers, name); }

const Node* Schema::rpc(std::string_view name) const { return find(rpcs, name); }

Result<Schema> Schema::parse(std::string_view text) {
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(ErrorCode::malformed_message, "the daemon's schema is not a JSON object");
  Schema schema;
  if (const auto services = json.find("services"); services != json.end() && services->is_object()) {
    for (const auto& [name, item] : services->items()) {
      PCN_ASSIGN(auto node, parse_node(item, 0));
      schema.services.emplace(name, std::move(node));
    }
  }
  if (const auto base = json.find("polycube"); base != json.end() && base->is_object()) {
    PCN_ASSIGN(schema.rpcs, parse_nodes(*base, "rpcs", 0));
    PCN_ASSIGN(schema.containers, parse_nodes(*base, "containers", 0));
  }
  return schema;
}

}  // namespace polycube::cli
