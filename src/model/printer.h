// SPDX-License-Identifier: Apache-2.0
/// Private to src/model: data nodes as JSON or XML text.
/// Why: RFC 8040's content, depth and with-defaults are decided node by node, for which libyang's printer has no
/// hooks, and cutting a copy of the tree first would cost more than printing it.
/// Threading: reads a frozen tree.
/// Source: RFC 7951; RFC 7950; RFC 8040, 4.8; RFC 6243.
#pragma once

#include "model/datastore.h"
#include "model/yang.h"

namespace polycube::model {

class Printer {
 public:
  explicit Printer(const ReadOptions& options) : options_(options) {}

  /// Whether the node is printed at all; a container is when it is present or something in it is.
  [[nodiscard]] bool is_shown(const lyd_node* node) const;

  /// {"ietf-restconf:data": {...}} of a forest.
  void datastore(const lyd_node* forest);

  /// {"module:name": ...} of instances of one schema node, which are level 1.
  void resource(const std::vector<const lyd_node*>& instances);

  /// {"module:name": {members}} of nodes that have no parent of their own: the output of an operation.
  void wrapped(const lysc_node* owner, const char* name, const lyd_node* members);

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  using Nodes = std::vector<const lyd_node*>;

  [[nodiscard]] bool passes(const lyd_node* node) const;
  [[nodiscard]] bool cut(unsigned level) const { return options_.depth && level >= *options_.depth; }

  void json_members(const lyd_node* siblings, const lys_module* module, unsigned level, bool keys_only);
  void json_instances(const Nodes& nodes, const lys_module* module, unsigned level, bool first);
  void json_value(const lyd_node* node, unsigned level);
  void json_term(const lyd_node* node);
  void json_text(std::string_view text);
  void json_annotation(const Nodes& nodes, const lys_module* module);

  void xml_members(const lyd_node* siblings, const lys_module* module, unsigned level, bool keys_only);
  void xml_element(const lyd_node* node, const lys_module* module, unsigned level);
  void xml_text(std::string_view text);

  [[nodiscard]] bool is_tagged(const lyd_node* node) const;

  const ReadOptions& options_;
  std::string out_;
};

}  // namespace polycube::model
