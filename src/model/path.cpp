// SPDX-License-Identifier: Apache-2.0
#include "model/path.h"

#include <algorithm>
#include <tuple>

#include "base/percent.h"
#include "model/text.h"

namespace polycube::model {

namespace {

constexpr std::size_t max_path_steps = 64;

Result<std::string> decode(std::string_view text) {
  auto decoded = percent_decode(text);
  if (!decoded) return fail(ErrorCode::malformed_message, "'%' in a path must be followed by two hexadecimal digits");
  if (!is_yang_text(*decoded))
    return fail(ErrorCode::malformed_message, "the path holds characters that are not UTF-8 text");
  return std::move(*decoded);
}

bool is_identifier(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-' || c == '.';
  });
}

Result<PathStep> parse_step(std::string_view text) {
  PathStep step;
  const auto equals = text.find('=');
  PCN_ASSIGN(const std::string name, decode(text.substr(0, equals)));
  std::tie(step.module, step.name) = split_name(name);
  const bool qualified = step.name.size() != name.size();
  if (!is_identifier(step.name) || (qualified && !is_identifier(step.module)))
    return fail(ErrorCode::malformed_message, "'{}' in the path is not a node name", shorten(name));
  if (equals == std::string_view::npos) return step;
  std::string_view rest = text.substr(equals + 1);
  for (;;) {
    const auto comma = rest.find(',');
    PCN_ASSIGN(std::string key, decode(rest.substr(0, comma)));
    step.keys.push_back(std::move(key));
    if (comma == std::string_view::npos) return step;
    rest.remove_prefix(comma + 1);
  }
}

std::vector<std::string> top_level_names(const Schema& schema) {
  std::vector<std::string> names;
  for (const auto& service : schema.services()) names.push_back(service.name + ':' + service.name);
  if (const lys_module* base = ly_ctx_get_module_implemented(schema.context(), "polycube")) {
    for (const lysc_node* node : top_level(base)) names.push_back(qualified_name(node));
  }
  return names;
}

const lysc_node* find_top_level(const Schema& schema, const PathStep& step) {
  const lys_module* module = ly_ctx_get_module_implemented(schema.context(), step.module.c_str());
  if (!module) return nullptr;
  for (const lysc_node* node : top_level(module)) {
    if (step.name == node->name) return node;
  }
  return nullptr;
}

const lysc_node* find_action(const lysc_node* parent, const PathStep& step) {
  for (const auto* action = lysc_node_actions(parent); action;
       action = reinterpret_cast<const lysc_node_action*>(action->next)) {
    if (step.name == action->name && (step.module.empty() || step.module == action->module->name)) return &action->node;
  }
  return nullptr;
}

std::vector<std::string> child_names(const lysc_node* parent) {
  std::vector<std::string> names;
  for (const lysc_node* child : children(parent)) names.emplace_back(child->name);
  for (const auto* action = lysc_node_actions(parent); action;
       action = reinterpret_cast<const lysc_node_action*>(action->next))
    names.emplace_back(action->name);
  return names;
}

Result<> check_keys(const lysc_node* node, const PathStep& step, bool last) {
  const std::size_t given = step.keys.size();
  std::size_t needed = 0;
  if (node->nodetype == LYS_LIST)
    needed = key_leaves(node).size();
  else if (node->nodetype == LYS_LEAFLIST)
    needed = 1;
  if (given == 0 && (last || needed == 0)) {
    if (!last && node->nodetype == LYS_LIST)
      return fail(ErrorCode::operation_not_supported, "the entries of {} have no keys and cannot be addressed",
                  node->name);
    return {};
  }
  if (given == 0) return fail(ErrorCode::missing_element, "the path must name an entry of {}", node->name);
  if (needed == 0) return fail(ErrorCode::malformed_message, "{} takes no key in the path", node->name);
  if (given != needed)
    return fail(ErrorCode::malformed_message, "{} has {} key{}, the path gives {}", node->name, needed,
                needed == 1 ? "" : "s", given);
  return {};
}

Result<> at_path(Result<> result, const std::string& path) {
  if (!result) result.error().path = path;
  return result;
}

/// Adds the schema node of the next step.
Result<> match_step(const Schema& schema, SchemaPath& path) {
  const std::size_t index = path.nodes.size();
  const PathStep& step = path.steps[index];
  auto node = find_step(schema, index == 0 ? nullptr : path.nodes[index - 1], step);
  if (!node) {
    node.error().path = path.text(index);
    return tl::unexpected<Error>(std::move(node).error());
  }
  path.nodes.push_back(*node);
  return at_path(check_keys(*node, step, index + 1 == path.steps.size()), path.text(index + 1));
}

}  // namespace

Result<const lysc_node*> find_step(const Schema& schema, const lysc_node* parent, const PathStep& step) {
  const lysc_node* node = nullptr;
  if (parent == nullptr) {
    node = find_top_level(schema, step);
    if (node) return node;
    const std::string name = step.module.empty() ? step.name : step.module + ':' + step.name;
    return fail(ErrorCode::unknown_element, "there is no '{}' here{}", name,
                suggest(step.module + ':' + step.name, top_level_names(schema)));
  }
  if (!(parent->nodetype & LYD_NODE_TERM)) {
    node = find_child(parent, step.module, step.name);
    if (!node) node = find_action(parent, step);
  }
  if (node) return node;
  return fail(ErrorCode::unknown_element, "{} has no '{}'{}", parent->name, step.name,
              suggest(step.name, child_names(parent)));
}

std::string encode_key(std::string_view key) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const unsigned char c : key) {
    if ((c < 0x80 && std::isalnum(c)) || c == '-' || c == '.' || c == '_' || c == '~') {
      encoded += static_cast<char>(c);
    } else {
      encoded += '%';
      encoded += digits[c >> 4];
      encoded += digits[c & 15];
    }
  }
  return encoded;
}

Result<std::vector<PathStep>> parse_path(std::string_view path) {
  std::vector<PathStep> steps;
  if (path.empty()) return steps;
  for (;;) {
    const auto slash = path.find('/');
    PCN_ASSIGN(PathStep step, parse_step(path.substr(0, slash)));
    if (steps.size() == max_path_steps)
      return fail(ErrorCode::malformed_message, "the path has more than {} steps", max_path_steps);
    steps.push_back(std::move(step));
    if (slash == std::string_view::npos) return steps;
    path.remove_prefix(slash + 1);
  }
}

std::string SchemaPath::text(std::size_t count) const {
  std::string path;
  for (std::size_t i = 0; i < count && i < steps.size(); ++i) {
    path += i == 0 ? "" : "/";
    if (i < nodes.size())
      path += qualified_name(nodes[i]);
    else
      path += steps[i].module.empty() ? steps[i].name : steps[i].module + ':' + steps[i].name;
    char separator = '=';
    for (const auto& key : steps[i].keys) {
      path += separator + encode_key(key);
      separator = ',';
    }
  }
  return path;
}

Result<SchemaPath> match_path(const Schema& schema, std::string_view path) {
  SchemaPath result;
  PCN_ASSIGN(result.steps, parse_path(path));
  PCN_TRY(match_steps(schema, result));
  return result;
}

Result<> match_steps(const Schema& schema, SchemaPath& path) {
  while (path.nodes.size() < path.steps.size()) PCN_TRY(match_step(schema, path));
  return {};
}

Result<Target> resolve(const Schema& schema, std::string_view path) {
  PCN_ASSIGN(SchemaPath matched, match_path(schema, path));
  Target target;
  if (matched.empty()) return target;
  target.kind = matched.target()->nodetype == LYS_ACTION ? Target::Kind::action : Target::Kind::data;
  target.config = is_config(matched.target());
  if (schema.service(matched.nodes.front()->module->name) && !matched.steps.front().keys.empty())
    target.cube = CubeId{matched.nodes.front()->module->name, matched.steps.front().keys.front()};
  target.steps = std::move(matched.steps);
  return target;
}

}  // namespace polycube::model
