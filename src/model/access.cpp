// SPDX-License-Identifier: Apache-2.0
#include "model/access.h"

#include <algorithm>

#include "model/details.h"
#include "model/flat_changes.h"
#include "model/path.h"
#include "model/value.h"

namespace polycube::model {

namespace {

AccessStep step_of(const lyd_node* node) {
  AccessStep step{node->schema->module->name, node->schema->name};
  if (node->schema->nodetype == LYS_LIST)
    for (const lyd_node* key = lyd_child(node); key && is_key(key->schema); key = key->next)
      step.keys.emplace(key->schema->name, text_of(key));
  if (node->schema->nodetype == LYS_LEAFLIST) step.keys.emplace(".", text_of(node));
  return step;
}

/// Whether the model wants a rule for this access to the node, or to one that it is in.
bool needs_rule(const lysc_node* node, Access access) {
  for (; node; node = data_parent(node)) {
    const auto mark = access_default(node);
    if (mark && (*mark == "default-deny-all" || (access != Access::read && access != Access::exec))) return true;
  }
  return false;
}

/// Whether somebody may read the node; what they may not read in it is removed then.
bool is_readable(const Schema::Details& details, lyd_node* node, const AccessJudge& parent) {
  if (is_key(node->schema)) return true;
  const AccessJudge judge = parent.below(step_of(node));
  if (!judge.permits(needs_rule(node->schema, Access::read))) return false;
  if (judge.is_final() && !details.above_own_access.count(node->schema)) return true;
  for (lyd_node* child = lyd_child(node); child;) {
    lyd_node* next = child->next;
    if (!is_readable(details, child, judge)) lyd_free_tree(child);
    child = next;
  }
  return true;
}

/// Looks for the first difference that is not permitted.
class ChangeJudge {
 public:
  explicit ChangeJudge(const Schema::Details& details) : details_(details) {}

  struct Judges {
    AccessJudge create;
    AccessJudge update;
    AccessJudge remove;
    [[nodiscard]] Judges below(const AccessStep& step) const {
      return {create.below(step), update.below(step), remove.below(step)};
    }
  };

  /// Whether whatever happens to the node and below it is permitted.
  [[nodiscard]] bool permit_all(const lysc_node* node, const Judges& judges) const {
    const auto permits = [](const AccessJudge& judge) { return judge.is_final() && judge.permits(); };
    return permits(judges.create) && permits(judges.update) && permits(judges.remove) &&
           !needs_rule(node, Access::update) && !details_.above_own_access.count(node);
  }

  /// The same instance before and after; one may be null.
  std::optional<DeniedAccess> compare(const lyd_node* before, const lyd_node* after, const Judges& parent) const {
    const lyd_node* node = after ? after : before;
    if (is_key(node->schema)) return std::nullopt;
    const Judges judges = parent.below(step_of(node));
    if (permit_all(node->schema, judges)) return std::nullopt;
    // A container without presence is there as its parent is: it is neither made nor removed.
    const bool implicit = node->schema->nodetype == LYS_CONTAINER && !is_presence(node->schema);
    const bool was = before && !(before->flags & LYD_DEFAULT);
    const bool is = after && !(after->flags & LYD_DEFAULT);
    if (!implicit && is && !was && !judges.create.permits(needs_rule(node->schema, Access::create)))
      return DeniedAccess{Access::create, api_path(node)};
    if (!implicit && was && !is && !judges.remove.permits(needs_rule(node->schema, Access::remove)))
      return DeniedAccess{Access::remove, api_path(node)};
    if (node->schema->nodetype & LYD_NODE_TERM) {
      if (was && is && text_of(before) != text_of(after) &&
          !judges.update.permits(needs_rule(node->schema, Access::update)))
        return DeniedAccess{Access::update, api_path(node)};
      return std::nullopt;
    }
    if (auto denied = reordered(before, after, judges)) return denied;
    for (const lyd_node* child = lyd_child(after); child; child = child->next)
      if (auto denied = compare(equal_among(before, child), child, judges)) return denied;
    for (const lyd_node* child = lyd_child(before); child; child = child->next)
      if (!equal_among(after, child))
        if (auto denied = compare(child, nullptr, judges)) return denied;
    return std::nullopt;
  }

 private:
  static const lyd_node* equal_among(const lyd_node* parent, const lyd_node* node) {
    lyd_node* match = nullptr;
    return parent && lyd_find_sibling_first(lyd_child(parent), node, &match) == LY_SUCCESS ? match : nullptr;
  }

  /// Another order of entries that were there is a change of those that stand behind another one now.
  static std::optional<DeniedAccess> reordered(const lyd_node* before, const lyd_node* after, const Judges& judges) {
    if (!before || !after) return std::nullopt;
    const lyd_node* last = nullptr;
    std::uint32_t position = 0;
    for (const lyd_node* child = lyd_child(after); child; child = child->next) {
      if (!lysc_is_userordered(child->schema)) continue;
      const lyd_node* old = equal_among(before, child);
      if (!old) continue;
      const bool same_list = last && last->schema == child->schema;
      const std::uint32_t now = lyd_list_pos(old);
      if (same_list && now < position &&
          !judges.update.below(step_of(child)).permits(needs_rule(child->schema, Access::update)))
        return DeniedAccess{Access::update, api_path(child)};
      position = now;
      last = child;
    }
    return std::nullopt;
  }

  const Schema::Details& details_;
};

/// Brings the keys of a rule into the spelling that data have. A path that fits nothing is refused: of a rule that denies
/// nobody would notice.
Result<> match_rule(const Schema& schema, AccessRule& rule) {
  std::string path;
  const auto wrong = [&](const std::string& why) {
    return fail(ErrorCode::invalid_value, "the rule for {} would never fit: {}", path, why);
  };
  const lysc_node* node = nullptr;
  for (AccessStep& step : rule.path) {
    path += fmt::format("/{}:{}", step.module, step.name);
    const auto found = find_step(schema, node, {step.module, step.name, {}});
    if (!found) return wrong(found.error().message);
    node = *found;
    const auto leaves = node->nodetype == LYS_LIST ? key_leaves(node) : std::vector<const lysc_node*>{};
    for (auto& [name, value] : step.keys) {
      const auto leaf = std::find_if(leaves.begin(), leaves.end(), [&](const auto* key) { return name == key->name; });
      if (leaf == leaves.end()) return wrong(fmt::format("{} has no key '{}'", step.name, name));
      auto canonical = canonical_value(*leaf, value);
      if (!canonical) return wrong(canonical.error().message);
      value = std::move(*canonical);
    }
  }
  return {};
}

ChangeJudge::Judges change_judges(const AccessRules& rules, const AccessSubject& subject) {
  return {AccessJudge(rules, subject, Access::create), AccessJudge(rules, subject, Access::update),
          AccessJudge(rules, subject, Access::remove)};
}

}  // namespace

Result<AccessRules> access_rules(const DataTree& nacm) {
  PCN_ASSIGN(AccessRules rules, access_rules(flat_changes(nullptr, &nacm)));
  for (AccessRules::List& list : rules.lists)
    for (AccessRule& rule : list.rules) PCN_TRY(match_rule(*nacm.schema(), rule));
  return rules;
}

void hide_unreadable(DataTree& forest, const AccessRules& rules, const AccessSubject& subject) {
  if (forest.empty() || !rules.enabled || subject.recovery) return;
  const AccessJudge judge(rules, subject, Access::read);
  lyd_node* kept = nullptr;
  for (lyd_node* node = forest.forest(); node;) {
    lyd_node* next = node->next;
    if (is_readable(forest.schema()->details(), node, judge))
      kept = node;
    else
      lyd_free_tree(node);
    node = next;
  }
  forest.reset_forest(kept ? lyd_first_sibling(kept) : nullptr);
}

std::optional<DeniedAccess> denied_change(const DataTree* before, const DataTree* after, const AccessRules& rules,
                                          const AccessSubject& subject) {
  if (!rules.enabled || subject.recovery) return std::nullopt;
  const DataTree* any = before ? before : after;
  if (!any) return std::nullopt;
  return ChangeJudge(any->schema()->details())
      .compare(before ? before->forest() : nullptr, after ? after->forest() : nullptr, change_judges(rules, subject));
}

bool may_change_all(const Schema& schema, const CubeId& cube, const AccessRules& rules, const AccessSubject& subject) {
  if (!rules.enabled || subject.recovery) return true;
  const auto list = match_path(schema, cube.service + ':' + cube.service);
  if (!list) return false;
  const AccessStep step{cube.service, cube.service, {{"name", cube.name}}};
  return ChangeJudge(schema.details()).permit_all(list->target(), change_judges(rules, subject).below(step));
}

Result<bool> may_access(const Schema& schema, const std::string& path, Access access, const AccessRules& rules,
                        const AccessSubject& subject) {
  if (!rules.enabled || subject.recovery) return true;
  PCN_ASSIGN(const SchemaPath matched, match_path(schema, path));
  AccessJudge judge(rules, subject, access);
  AccessJudge reader(rules, subject, Access::read);
  for (std::size_t i = 0; i < matched.nodes.size(); ++i) {
    const lysc_node* node = matched.nodes[i];
    AccessStep step{node->module->name, node->name};
    const auto& keys = matched.steps[i].keys;
    const auto leaves = node->nodetype == LYS_LIST ? key_leaves(node) : std::vector<const lysc_node*>{};
    for (std::size_t k = 0; k < leaves.size() && k < keys.size(); ++k)
      step.keys.emplace(leaves[k]->name, canonical_value(leaves[k], keys[k]).value_or(keys[k]));
    if (node->nodetype == LYS_LEAFLIST && !keys.empty())
      step.keys.emplace(".", canonical_value(node, keys.front()).value_or(keys.front()));
    judge = judge.below(step);
    reader = reader.below(step);
    if (access == Access::exec && node->nodetype != LYS_ACTION && !reader.permits(needs_rule(node, Access::read)))
      return false;
  }
  return judge.permits(needs_rule(matched.target(), access));
}

bool may_invoke(const Schema& schema, const std::string& rpc, const AccessRules& rules, const AccessSubject& subject) {
  const auto colon = rpc.find(':');
  const std::string module = rpc.substr(0, colon);
  const std::string name = rpc.substr(colon + 1);
  bool denied_by_default = false;
  if (const lys_module* owner = ly_ctx_get_module_implemented(schema.context(), module.c_str()))
    for (const auto* one = owner->compiled->rpcs; one; one = reinterpret_cast<const lysc_node_action*>(one->next))
      if (name == one->name) denied_by_default = needs_rule(&one->node, Access::exec);
  return is_permitted(rules, subject, AccessRule::Kind::operation, module, name, denied_by_default);
}

}  // namespace polycube::model
