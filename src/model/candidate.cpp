// SPDX-License-Identifier: Apache-2.0
#include "model/candidate.h"

#include <algorithm>
#include <set>

#include "model/builder.h"
#include "model/text.h"

namespace polycube::model {

namespace {

/// Text between the n-th pair of double quotes (counted from 0) of a message.
std::string quoted_part(const std::string& message, unsigned n) {
  std::size_t position = 0;
  for (unsigned i = 0;; ++i) {
    const auto open = message.find('"', position);
    const auto close = open == std::string::npos ? open : message.find('"', open + 1);
    if (close == std::string::npos) return {};
    if (i == n) return message.substr(open + 1, close - open - 1);
    position = close + 1;
  }
}

/// The node that libyang blames, or null.
const lyd_node* blamed_node(const lyd_node* tree, const std::string& path) {
  const auto begin = path.find("ata location \"");
  if (begin == std::string::npos || !tree) return nullptr;
  const auto start = begin + 14;
  const std::string location =
      path.substr(start, path.find("\", line", start) == std::string::npos ? path.find_last_of('"') - start
                                                                           : path.find("\", line", start) - start);
  lyd_node* node = nullptr;
  return lyd_find_path(tree, location.c_str(), 0, &node) == LY_SUCCESS ? node : nullptr;
}

/// The schema node that libyang blames, or null.
const lysc_node* blamed_schema(const ly_ctx* context, const std::string& path) {
  const auto begin = path.find("chema location \"");
  if (begin == std::string::npos) return nullptr;
  const std::string location = path.substr(begin + 16, path.find('"', begin + 16) - begin - 16);
  return lys_find_path(context, nullptr, location.c_str(), 0);
}

std::uint32_t max_elements(const lysc_node* node) {
  return node->nodetype == LYS_LIST ? reinterpret_cast<const lysc_node_list*>(node)->max
                                    : reinterpret_cast<const lysc_node_leaflist*>(node)->max;
}

std::uint32_t min_elements(const lysc_node* node) {
  return node->nodetype == LYS_LIST ? reinterpret_cast<const lysc_node_list*>(node)->min
                                    : reinterpret_cast<const lysc_node_leaflist*>(node)->min;
}

struct Blame {
  std::string message;
  const lyd_node* node;
  const lysc_node* schema;
};

/// Api-path of a child of the blamed node, or of the node itself when that is the child.
std::string path_of(const Blame& blame, const std::string& child) {
  if (!blame.node) return {};
  if (child != blame.node->schema->name && (blame.node->schema->nodetype & (LYS_LIST | LYS_CONTAINER)))
    return api_path(blame.node) + '/' + child;
  return api_path(blame.node);
}

/// The first mandatory leaf without conditions that an element lacks.
std::optional<Error> missing_leaf(const lyd_node* node) {
  if (!(node->schema->nodetype & (LYS_LIST | LYS_CONTAINER | LYS_RPC | LYS_ACTION))) return std::nullopt;
  for (const lysc_node* leaf : children(node->schema)) {
    const bool unconditional =
        leaf->parent && !(leaf->parent->nodetype & (LYS_CHOICE | LYS_CASE)) && !lysc_has_when(leaf);
    const bool needed = leaf->nodetype == LYS_LEAF && (leaf->flags & LYS_MAND_TRUE) && !(leaf->flags & LYS_CONFIG_R);
    if (needed && unconditional && !find_single(lyd_child(node), leaf))
      return Error{
          ErrorCode::missing_element, fmt::format("missing attribute '{}'", leaf->name), child_path(node, leaf), {}};
  }
  for (const lyd_node* child = lyd_child(node); child; child = child->next) {
    if (auto error = missing_leaf(child)) return error;
  }
  return std::nullopt;
}

/// What the model says of the condition under which a node may be there: the description of its `when`.
std::string when_description(const lysc_node* schema) {
  for (; schema; schema = schema->parent) {
    lysc_when** whens = lysc_node_when(schema);
    LY_ARRAY_COUNT_TYPE i = 0;
    LY_ARRAY_FOR(whens, i) {
      if (whens[i]->dsc) return whens[i]->dsc;
    }
  }
  return {};
}

/// libyang's messages that have a meaning of their own here.
std::optional<Error> known_error(const Blame& blame) {
  const std::string& message = blame.message;
  const std::string first = quoted_part(message, 0);
  const auto error = [&](ErrorCode code, std::string text) {
    return Error{code, std::move(text), path_of(blame, first), {}};
  };
  if (message.starts_with("Mandatory choice"))
    return error(ErrorCode::missing_element, fmt::format("one of the cases of '{}' must be given", first));
  if (message.starts_with("Mandatory node"))
    return error(ErrorCode::missing_element, fmt::format("missing attribute '{}'", first));
  if (message.starts_with("Too many"))
    return error(ErrorCode::limit_exceeded,
                 blame.schema && (blame.schema->nodetype & (LYS_LIST | LYS_LEAFLIST))
                     ? fmt::format("maximum number of {} reached ({})", first, max_elements(blame.schema))
                     : fmt::format("maximum number of {} reached", first));
  if (message.starts_with("Too few"))
    return error(ErrorCode::missing_element,
                 blame.schema && (blame.schema->nodetype & (LYS_LIST | LYS_LEAFLIST))
                     ? fmt::format("at least {} {} must be given", min_elements(blame.schema), first)
                     : fmt::format("too few {}", first));
  if (message.starts_with("Unique data"))
    return Error{ErrorCode::data_exists,
                 fmt::format("two entries have the same {}", first),
                 blame.node ? api_path(blame.node) : std::string{},
                 {}};
  if (message.starts_with("Data for both cases"))
    return Error{ErrorCode::invalid_value,
                 fmt::format("{} and {} exclude each other", first, quoted_part(message, 1)),
                 blame.node ? api_path(blame.node) : std::string{},
                 {}};
  return std::nullopt;
}

/// Compares the pcn:init-only leaves of an element before and after the edit.
class InitOnly {
 public:
  explicit InitOnly(const Schema::Details& details) : details_(details) {}

  Result<> check(const lyd_node* after, const lyd_node* before) const {
    for (const lysc_node* node : children(after->schema)) {
      if (!details_.above_init_only.count(node)) continue;
      if (node->nodetype & LYD_NODE_TERM)
        PCN_TRY(check_leaf(after, before, node));
      else if (node->nodetype == LYS_LIST)
        PCN_TRY(check_list(after, before, node));
      else if (const auto* inner = find_single(lyd_child(after), node))
        if (const auto* old = find_single(lyd_child(before), node)) PCN_TRY(check(inner, old));
    }
    return {};
  }

 private:
  static std::vector<std::string_view> values(const lyd_node* parent, const lysc_node* leaf) {
    std::vector<std::string_view> result;
    for (const lyd_node* node = first_instance(lyd_child(parent), leaf); node; node = next_instance(node))
      result.push_back(text_of(node));
    std::sort(result.begin(), result.end());
    return result;
  }

  static Result<> check_leaf(const lyd_node* after, const lyd_node* before, const lysc_node* leaf) {
    if (values(after, leaf) == values(before, leaf)) return {};
    std::string element = lyd_parent(after) ? after->schema->name : "cube";
    if (lyd_parent(after) && after->schema->nodetype == LYS_LIST) element = singular(element);
    return at(Error{ErrorCode::invalid_value,
                    fmt::format("{} can be given only when the {} is created", leaf->name, element),
                    {},
                    {}},
              child_path(after, leaf));
  }

  Result<> check_list(const lyd_node* after, const lyd_node* before, const lysc_node* list) const {
    for (const lyd_node* entry = first_instance(lyd_child(after), list); entry; entry = next_instance(entry)) {
      lyd_node* old = nullptr;
      if (lyd_child(before) && lyd_find_sibling_first(lyd_child(before), entry, &old) == LY_SUCCESS)
        PCN_TRY(check(entry, old));
    }
    return {};
  }

  const Schema::Details& details_;
};

}  // namespace

Error validation_error(const ly_ctx* context, const lyd_node* tree) {
  const ly_err_item* item = ly_err_first(context);
  while (item && item->level != LY_LLERR) item = item->next;
  Blame blame{"the data is not valid", nullptr, nullptr};
  if (item && item->msg) {
    const std::string path = item->path ? item->path : "";
    blame = {item->msg, blamed_node(tree, path), blamed_schema(context, path)};
    if (!blame.schema && blame.node) blame.schema = blame.node->schema;
  }
  const std::string tag = item && item->apptag ? item->apptag : "";
  ly_err_clean(const_cast<ly_ctx*>(context), nullptr);
  // A `must` often fails because something is missing, which is then the better thing to say; and libyang does not say
  // in which instance.
  for (const lyd_node* node = tree; node; node = node->next) {
    if (auto error = missing_leaf(node)) return *error;
  }
  if (auto error = known_error(blame)) return *error;
  Error error{ErrorCode::invalid_value, blame.message, blame.node ? api_path(blame.node) : std::string{}, {}};
  if (tag == "instance-required") error.code = ErrorCode::data_missing;
  const bool when = blame.message.starts_with("When condition");
  if (const std::string description = when ? when_description(blame.schema) : std::string(); !description.empty())
    error.message = description;
  else if (when || blame.message.starts_with("Must condition"))
    error.message = fmt::format("{} is not allowed here: the condition \"{}\" does not hold",
                                blame.node ? blame.node->schema->name : "this", quoted_part(blame.message, 0));
  return error;
}

Result<> complete(WorkingCopy& cube) {
  DataTree& now = cube.now();
  const ly_ctx* context = now.schema()->context();
  PCN_TRY(resolve_references(cube));
  ly_err_clean(const_cast<ly_ctx*>(context), nullptr);
  lyd_node* forest = now.forest();
  const LY_ERR error = lyd_validate_module(&forest, forest->schema->module, LYD_VALIDATE_NO_STATE, nullptr);
  now.reset_forest(forest);
  if (error != LY_SUCCESS) return tl::unexpected<Error>(validation_error(context, forest));
  // Validation may have added default values that refer, or removed targets whose `when` no longer holds.
  PCN_TRY(resolve_references(cube));
  if (const DataTree* before = cube.before())
    PCN_TRY(InitOnly(now.schema()->details()).check(now.forest(), before->forest()));
  now.freeze();
  return {};
}

}  // namespace polycube::model
