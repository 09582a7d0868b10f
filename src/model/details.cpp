// SPDX-License-Identifier: Apache-2.0
#include "model/details.h"

#include <sstream>

#include "model/text.h"

namespace polycube::model {

namespace {

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> steps;
  std::string step;
  std::istringstream stream{std::string(path)};
  while (std::getline(stream, step, '/')) steps.push_back(step);
  return steps;
}

/// The child that a step of a leafref path ("prefix:name" or "name") means.
const lysc_node* child_by_step(const lysc_node* parent, const std::string& step) {
  const std::string_view name = split_name(step).second;
  for (const lysc_node* child : children(parent)) {
    if (name == child->name) return child;
  }
  return nullptr;
}

/// Walks `steps` from `start`; null module-level start means the module's top level. Empty when a step is unknown.
std::vector<const lysc_node*> walk_down(const lysc_node* start, const lys_module* module,
                                        const std::vector<std::string>& steps, std::size_t first) {
  std::vector<const lysc_node*> down;
  const lysc_node* node = start;
  for (std::size_t i = first; i < steps.size(); ++i) {
    if (node) {
      node = child_by_step(node, steps[i]);
    } else {
      for (const lysc_node* top : top_level(module)) {
        if (split_name(steps[i]).second == top->name) node = top;
      }
    }
    if (!node) return {};
    down.push_back(node);
  }
  return down;
}

/// The leafref as a Reference, or nullopt when its path is more than a plain walk within the module.
std::optional<Reference> plain_reference(const lysc_node* leaf) {
  const auto* type = reinterpret_cast<const lysc_type_leafref*>(leaf_type(leaf));
  const std::string path = lyxp_get_expr(type->path);
  if (path.find_first_of("[(") != std::string::npos) return std::nullopt;
  Reference reference;
  reference.leaf = leaf;
  reference.follows = extension(leaf, "follows").has_value();
  auto steps = split_path(path);
  std::size_t first = 0;
  const lysc_node* start = leaf;
  if (!steps.empty() && steps.front().empty()) {
    reference.absolute = true;
    start = nullptr;
    first = 1;
  }
  for (; first < steps.size() && steps[first] == ".."; ++first) {
    ++reference.up;
    start = start ? data_parent(start) : nullptr;
  }
  reference.down = walk_down(start, leaf->module, steps, first);
  if (reference.down.empty() || !(reference.down.back()->nodetype & LYD_NODE_TERM)) return std::nullopt;
  return reference;
}

void mark_above(std::unordered_set<const lysc_node*>& marks, const lysc_node* node) {
  for (; node; node = data_parent(node)) marks.insert(node);
}

void derive_node(const lysc_node* node, Schema::Details& details) {
  const lysc_node* parent = data_parent(node);
  if (parent && (parent->module != node->module || access_default(node))) mark_above(details.above_own_access, parent);
  if (node->nodetype & LYD_NODE_TERM) {
    if (extension(node, "init-only")) mark_above(details.above_init_only, node);
    const lysc_type* type = leaf_type(node);
    if (type->basetype != LY_TYPE_LEAFREF) return;
    auto reference = plain_reference(node);
    if (!reference) return;
    auto* leafref = reinterpret_cast<lysc_type_leafref*>(const_cast<lysc_type*>(type));
    const bool checked = is_config(node) && leafref->require_instance;
    details.references.emplace(node, *reference);
    if (checked) mark_above(details.above_references, node);
    return;
  }
  for (const lysc_node* child : children(node)) derive_node(child, details);
}

}  // namespace

void derive_details(const lys_module* module, Schema::Details& details) {
  for (const lysc_node* node : top_level(module)) derive_node(node, details);
  // The types are shared between leaves (typedefs, groupings), so they change only after all leaves were looked at.
  for (const auto& [leaf, reference] : details.references) {
    if (leaf->module != module || !details.above_references.count(leaf)) continue;
    auto* type = reinterpret_cast<lysc_type_leafref*>(const_cast<lysc_type*>(leaf_type(leaf)));
    type->require_instance = 0;
  }
}

}  // namespace polycube::model
