// SPDX-License-Identifier: Apache-2.0
// Input and output of RPCs and actions (RFC 8040, 3.6 and 4.4.2).
#include "model/builder.h"
#include "model/candidate.h"
#include "model/path.h"
#include "model/printer.h"
#include "model/value.h"

namespace polycube::model {

namespace {

/// The operation in a tree of its own, below the parents that its path names.
struct Operation {
  ForestPtr forest;
  lyd_node* node = nullptr;
};

tl::unexpected<Error> unknown_operation(const std::string& name, const std::vector<std::string>& names) {
  return fail(ErrorCode::unknown_element, "there is no operation '{}'{}", name, suggest(name, names));
}

Result<const lysc_node*> find_rpc(const Schema& schema, const PathStep& step) {
  std::vector<std::string> names;
  const lys_module* module = ly_ctx_get_module_implemented(schema.context(), step.module.c_str());
  if (!module) module = ly_ctx_get_module_implemented(schema.context(), "polycube");
  for (const auto* rpc = module->compiled->rpcs; rpc; rpc = reinterpret_cast<const lysc_node_action*>(rpc->next)) {
    names.push_back(std::string(module->name) + ':' + rpc->name);
    if (step.name == rpc->name && step.module == module->name) return &rpc->node;
  }
  return unknown_operation(step.module + (step.module.empty() ? "" : ":") + step.name, names);
}

Result<Operation> make_rpc(const lysc_node* rpc) {
  lyd_node* node = nullptr;
  if (lyd_new_inner(nullptr, rpc->module, rpc->name, 0, &node) != LY_SUCCESS)
    return fail(ErrorCode::limit_exceeded, "out of memory");
  Operation operation;
  operation.forest.reset(node);
  operation.node = node;
  return operation;
}

Result<Operation> make_action(const SchemaPath& path) {
  Operation operation;
  for (std::size_t i = 0; i < path.nodes.size(); ++i) {
    const lysc_node* schema = path.nodes[i];
    lyd_node* node = nullptr;
    if (schema->nodetype == LYS_LIST) {
      auto keys = path.steps[i].keys;
      const auto leaves = key_leaves(schema);
      for (std::size_t k = 0; k < leaves.size(); ++k) {
        auto value = check_value(leaves[k], keys[k]);
        if (!value) return at(std::move(value).error(), path.text(i + 1));
        keys[k] = std::move(*value);
      }
      node = new_entry(operation.node, schema, keys);
    } else {
      (void)lyd_new_inner(operation.node, schema->module, schema->name, 0, &node);
    }
    if (!node) return fail(ErrorCode::limit_exceeded, "out of memory");
    if (!operation.forest) operation.forest.reset(node);
    operation.node = node;
  }
  return operation;
}

Result<Operation> make_operation(const Schema& schema, std::string_view path) {
  PCN_ASSIGN(const auto steps, parse_path(path));
  if (steps.empty()) return fail(ErrorCode::malformed_message, "the path names no operation");
  if (steps.size() == 1 && steps.front().keys.empty()) {
    PCN_ASSIGN(const lysc_node* rpc, find_rpc(schema, steps.front()));
    return make_rpc(rpc);
  }
  PCN_ASSIGN(const SchemaPath matched, match_path(schema, path));
  if (matched.target()->nodetype != LYS_ACTION)
    return tl::unexpected<Error>(Error{ErrorCode::operation_not_supported,
                                       fmt::format("{} is no action", matched.target()->name),
                                       matched.text(),
                                       {}});
  return make_action(matched);
}

/// Leaves below a node by name; those of inner nodes by the path to them. Entries of lists and leaf-lists are numbered.
void collect_leaves(std::map<std::string, std::string>& leaves, const lyd_node* siblings, const std::string& prefix) {
  std::size_t number = 0;
  for (const lyd_node* node = siblings; node; node = node->next) {
    std::string name = prefix + node->schema->name;
    if (node->schema->nodetype & (LYS_LIST | LYS_LEAFLIST)) {
      number = node->prev->next && node->prev->schema == node->schema ? number + 1 : 0;
      name += '/' + std::to_string(number);
    }
    if (node->schema->nodetype & LYD_NODE_TERM)
      leaves.emplace(std::move(name), text_of(node));
    else
      collect_leaves(leaves, lyd_child(node), name + '/');
  }
}

/// Where the operation is: path and keys, for an action from below the cube.
Invocation address_of(const Operation& operation) {
  Invocation invocation;
  const lyd_node* node = operation.forest.get();
  const bool action = node != operation.node;
  if (action) node = lyd_child_no_keys(node);
  for (; node; node = node == operation.node ? nullptr : lyd_child_no_keys(node)) {
    invocation.node += (invocation.node.empty() ? "" : "/") + std::string(node->schema->name);
    if (node->schema->nodetype != LYS_LIST) continue;
    for (const lyd_node* key = lyd_child(node); key && is_key(key->schema); key = key->next)
      invocation.keys.emplace_back(text_of(key));
  }
  return invocation;
}

/// The content of {"module:input": {...}}; an absent body is an empty input.
Result<Value> input_content(const Schema& schema, const lysc_node* operation, std::string_view body, Format format) {
  Value content;
  content.kind = Value::Kind::object;
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return content;
  PCN_ASSIGN(Value parsed, parse_body(schema.context(), body, format));
  if (parsed.members.empty()) return content;
  const Member& member = parsed.members.front();
  if (parsed.members.size() != 1 || member.name != "input" ||
      (!member.module.empty() && member.module != operation->module->name))
    return fail(ErrorCode::malformed_message, "the body must have one member, called {}:input",
                operation->module->name);
  return member.value;
}

}  // namespace

Result<Invocation> parse_input(const Schema& schema, std::string_view path, std::string_view body, Format format) {
  PCN_ASSIGN(Operation operation, make_operation(schema, path));
  PCN_ASSIGN(const Value content, input_content(schema, operation.node->schema, body, format));
  PCN_TRY(Builder().add_members(operation.node, content, Builder::Mode::merge));
  ly_err_clean(schema.context(), nullptr);
  if (lyd_validate_op(operation.forest.get(), nullptr, LYD_TYPE_RPC_YANG, nullptr) != LY_SUCCESS) {
    Error error = validation_error(schema.context(), operation.forest.get());
    return tl::unexpected<Error>(std::move(error));
  }
  Invocation invocation = address_of(operation);
  collect_leaves(invocation.leaves, lyd_child(operation.node), {});
  return invocation;
}

namespace {

Result<> add_output(lyd_node* parent, const Output& output) {
  const auto child_of = [&](const std::string& name, int types) -> Result<const lysc_node*> {
    const lysc_node* child = find_child(parent->schema, "", name, true);
    if (child == nullptr || (child->nodetype & types) == 0)
      return fail(ErrorCode::unknown_element, "{} has no output '{}'", parent->schema->name, name);
    return child;
  };
  for (const auto& [name, value] : output.leaves) {
    PCN_ASSIGN(const lysc_node* leaf, child_of(name, LYD_NODE_TERM));
    if (lyd_new_term(parent, leaf->module, leaf->name, value.c_str(), 1, nullptr) != LY_SUCCESS)
      return tl::unexpected<Error>(value_error(leaf, value));
  }
  for (const auto& [name, content] : output.nodes) {
    PCN_ASSIGN(const lysc_node* inner, child_of(name, LYS_CONTAINER | LYS_LIST));
    lyd_node* node = nullptr;
    const LY_ERR made = inner->nodetype == LYS_LIST ? lyd_new_list(parent, inner->module, inner->name, 1, &node)
                                                    : lyd_new_inner(parent, inner->module, inner->name, 1, &node);
    if (made != LY_SUCCESS) return fail(ErrorCode::limit_exceeded, "out of memory");
    PCN_TRY(add_output(node, content));
  }
  return {};
}

}  // namespace

Result<std::string> print_output_tree(const Schema& schema, std::string_view path, const Output& output,
                                      Format format) {
  if (output.leaves.empty() && output.nodes.empty()) return std::string();
  PCN_ASSIGN(Operation operation, make_operation(schema, path));
  PCN_TRY(add_output(operation.node, output));
  ReadOptions options;
  options.format = format;
  Printer printer(options);
  printer.wrapped(operation.node->schema, "output", lyd_child(operation.node));
  return printer.take();
}

Result<std::string> print_output(const Schema& schema, std::string_view path,
                                 const std::map<std::string, std::string>& leaves, Format format) {
  return print_output_tree(schema, path, Output{{leaves.begin(), leaves.end()}, {}}, format);
}

}  // namespace polycube::model
