// SPDX-License-Identifier: Apache-2.0
/// The models as the daemon describes them (GET /polycube/schema), as values.
/// Why: grammar, typing, help, completion and column order come from the models, so a new service needs no new tool.
/// Invariants: a parsed schema is at most `max_schema_depth` deep; keys of a list are among its children.
/// Threading: plain values.
/// Source: docs/architecture.md, "The schema resource".
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace polycube::cli {

/// Members keep their order: output follows the model's.
using Json = nlohmann::ordered_json;

inline constexpr int max_schema_depth = 64;

struct Type {
  std::string base;     ///< YANG built-in type: "uint32", "enumeration", ...
  std::string derived;  ///< name of the typedef, or empty
  std::vector<std::string> enums;
  std::string ref;  ///< a leafref's target below the cube: "ports/name"
};

struct Node {
  enum class Kind { list, container, leaf, leaf_list, action, rpc };
  Kind kind = Kind::container;
  std::string name;
  std::string description;
  std::string example;
  std::string module;  ///< of a container at the top that is none of module polycube's
  bool config = true;
  bool init_only = false;
  bool unavailable = false;   ///< takes no value but its default
  bool user_ordered = false;  ///< a list whose order users give
  bool mandatory = false;
  Type type;
  std::vector<std::string> keys;
  std::vector<Node> children;
  std::vector<Node> input;
  std::vector<Node> output;

  [[nodiscard]] const Node* child(std::string_view child_name) const;
  [[nodiscard]] bool is_key(std::string_view child_name) const;
  [[nodiscard]] bool holds_value() const { return kind == Kind::leaf || kind == Kind::leaf_list; }
};

struct Schema {
  std::map<std::string, Node, std::less<>> services;
  std::vector<Node> rpcs;
  std::vector<Node> containers;  ///< of module polycube

  [[nodiscard]] const Node* service(std::string_view name) const;
  [[nodiscard]] const Node* container(std::string_view name) const;
  [[nodiscard]] const Node* rpc(std::string_view name) const;

  /// Errors: malformed_message for what is not a schema.
  [[nodiscard]] static Result<Schema> parse(std::string_view json);
};

}  // namespace polycube::cli
