// SPDX-License-Identifier: Apache-2.0
#include "model/document.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/near_matches.h"
#include "model/yang.h"

namespace polycube::model {

using nlohmann::json;

namespace {

std::string_view without_module(std::string_view name) { return name.substr(name.find(':') + 1); }

const lysc_node* child_of(const lysc_node* parent, const std::string& name) {
  const auto colon = name.find(':');
  return colon == std::string::npos ? find_child(parent, "", name)
                                    : find_child(parent, name.substr(0, colon), name.substr(colon + 1));
}

// What is not of the model stays: its error is the edit's.
constexpr int max_depth = 64;  ///< of objects and arrays; models are not half as deep

void leave_out_state(json& value, const lysc_node* node) {
  if (value.is_array())
    for (json& element : value) leave_out_state(element, node);
  if (!value.is_object()) return;
  for (auto member = value.begin(); member != value.end();) {
    const lysc_node* child = child_of(node, member.key());
    if (child != nullptr && (!is_config(child) || (child->nodetype & (LYS_ACTION | LYS_NOTIF)))) {
      member = value.erase(member);
      continue;
    }
    if (child != nullptr) leave_out_state(*member, child);
    ++member;
  }
}

const json* member(const json& object, std::string_view name) {
  for (auto entry = object.begin(); entry != object.end(); ++entry)
    if (without_module(entry.key()) == name) return &*entry;
  return nullptr;
}

std::optional<std::string> text_member(const json& object, std::string_view name) {
  const json* found = object.is_object() ? member(object, name) : nullptr;
  return found != nullptr && found->is_string() ? std::optional(found->get<std::string>()) : std::nullopt;
}

void take_chains(const json& cube, const std::string& name, Document& document) {
  if (const auto parent = text_member(cube, "parent")) document.parents[name] = *parent;
  const json* ports = member(cube, "ports");
  if (ports == nullptr || !ports->is_array()) return;
  for (const json& port : *ports) {
    const auto port_name = text_member(port, "name");
    const json* chain = port_name ? member(port, "tcubes") : nullptr;
    if (chain == nullptr || !chain->is_array()) continue;
    auto& names = document.chains[name + ':' + *port_name];
    for (const json& one : *chain)
      if (one.is_string()) names.push_back(one.get<std::string>());
  }
}

Result<> add_cube(const ServiceModel& service, json cube, Document& document) {
  const auto name = text_member(cube, "name");
  if (!name) return fail(ErrorCode::invalid_value, "a cube of service {} has no name", service.name);
  const CubeId id{service.name, *name};
  if (!document.cubes.insert(id).second) return fail(ErrorCode::invalid_value, "cube {} is given twice", *name);
  take_chains(cube, *name, document);
  leave_out_state(cube, service.list);
  const json body{{service.name + ':' + service.name, json::array({std::move(cube)})}};
  document.edits.push_back(
      Edit{Method::put, fmt::format("{0}:{0}={1}", service.name, encode_key(*name)), body.dump(), Format::json});
  return {};
}

}  // namespace

Result<Document> read_document(const Schema& schema, std::string_view text) {
  // Copying and printing go as deep as the document does, on the stack.
  bool too_deep = false;
  const auto measure = [&](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > max_depth;
    return !too_deep;
  };
  json content = json::parse(text, measure, false);
  if (too_deep) return fail(ErrorCode::malformed_message, "the document is nested more than {} levels deep", max_depth);
  if (content.is_object() && content.size() == 1 && content.contains("ietf-restconf:data")) {
    json data = std::move(content["ietf-restconf:data"]);
    content = std::move(data);
  }
  if (!content.is_object())
    return fail(ErrorCode::malformed_message, "the document is no object with services as members");
  Document document;
  for (auto entry = content.begin(); entry != content.end(); ++entry) {
    const std::string name(without_module(entry.key()));
    const ServiceModel* service = schema.service(name);
    if (service == nullptr) {
      if (entry.key().starts_with("polycube:") || entry.key().starts_with("ietf-")) continue;  // state of the daemon
      std::vector<std::string> names;
      for (const auto& one : schema.services()) names.push_back(one.name);
      return fail(ErrorCode::unknown_element, "there is no service '{}'{}", name, near_matches(name, names));
    }
    if (!entry->is_array()) return fail(ErrorCode::malformed_message, "the cubes of service {} are no list", name);
    for (json& cube : *entry) PCN_TRY(add_cube(*service, std::move(cube), document));
  }
  return document;
}

namespace {

std::string place_of(const CubeId& cube, const control::Change& change) {
  std::string text = cube.service + ' ' + cube.name;
  if (change.node.empty()) return text;
  std::string node = change.node;
  for (char& c : node)
    if (c == '/') c = ' ';
  text += ' ' + node;
  for (const std::string& key : change.keys) text += ' ' + key;
  return text;
}

std::string in_brackets(const control::Leaves& leaves) {
  std::string text;
  for (const auto& [name, value] : leaves) text += fmt::format("{}{}={}", text.empty() ? " (" : ", ", name, value);
  return text.empty() ? text : text + ')';
}

std::string side(const control::Leaves& leaves, const std::string& name) {
  const auto found = leaves.find(name);
  return found == leaves.end() ? "nothing" : found->second.empty() ? "\"\"" : found->second;
}

}  // namespace

std::vector<std::string> describe(const CubeId& cube, const control::Changes& changes) {
  std::vector<std::string> lines;
  const bool removed = std::any_of(changes.begin(), changes.end(),
                                   [](const auto& change) { return change.node.empty() && !change.after; });
  for (const control::Change& change : changes) {
    const std::string place = place_of(cube, change);
    if (!change.after) {
      if (!removed || change.node.empty()) lines.push_back("remove " + place);
    } else if (!change.before) {
      lines.push_back("create " + place + in_brackets(*change.after));
    } else {
      std::set<std::string> names;
      for (const auto* leaves : {&*change.before, &*change.after})
        for (const auto& leaf : *leaves) names.insert(leaf.first);
      for (const std::string& name : names) {
        const std::string before = side(*change.before, name);
        const std::string after = side(*change.after, name);
        if (before == after) continue;
        const bool wire = change.node == "ports" && name == "peer";
        lines.push_back(fmt::format("{} {} {}: {} -> {}", wire ? "rewire" : "change", place, name, before, after));
      }
    }
  }
  return lines;
}

}  // namespace polycube::model
