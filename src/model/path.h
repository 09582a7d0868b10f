// SPDX-License-Identifier: Apache-2.0
/// Private to src/model: api-paths against the schema.
/// Threading: pure functions.
/// Source: RFC 8040, 3.5.3.
#pragma once

#include <vector>

#include "model/datastore.h"
#include "model/yang.h"

namespace polycube::model {

/// An api-path whose steps were found in the schema: `nodes[i]` is the schema node of `steps[i]`.
struct SchemaPath {
  std::vector<PathStep> steps;
  std::vector<const lysc_node*> nodes;

  [[nodiscard]] bool empty() const { return nodes.empty(); }
  [[nodiscard]] const lysc_node* target() const { return nodes.back(); }
  [[nodiscard]] const std::vector<std::string>& keys() const { return steps.back().keys; }
  /// Whether the path names one instance rather than a whole list.
  [[nodiscard]] bool is_instance() const {
    return !(target()->nodetype & (LYS_LIST | LYS_LEAFLIST)) || !keys().empty();
  }
  [[nodiscard]] std::string text(std::size_t count) const;
  [[nodiscard]] std::string text() const { return text(steps.size()); }
};

/// Errors: malformed_message, unknown_element, missing_element (a list inside the path without its keys).
[[nodiscard]] Result<> match_steps(const Schema& schema, SchemaPath& path);  ///< finds the nodes of the steps
[[nodiscard]] Result<SchemaPath> match_path(const Schema& schema, std::string_view path);

/// The node that a step names, below `parent` or, when that is null, at the top; its keys do not matter. Errors:
/// unknown_element, without path.
[[nodiscard]] Result<const lysc_node*> find_step(const Schema& schema, const lysc_node* parent, const PathStep& step);

/// "x; expected one of a, b, c", of the names that are most like `name`: help for whoever mistyped.
[[nodiscard]] std::string suggest(const std::string& name, const std::vector<std::string>& names);

}  // namespace polycube::model
