// SPDX-License-Identifier: Apache-2.0
#include "model/access_rules.h"

#include <algorithm>
#include <array>

namespace polycube::model {

namespace {

constexpr std::array<std::pair<Access, const char*>, 5> access_names = {{{Access::create, "create"},
                                                                         {Access::read, "read"},
                                                                         {Access::update, "update"},
                                                                         {Access::remove, "delete"},
                                                                         {Access::exec, "exec"}}};

const std::string& value_of(const control::Leaves& leaves, const std::string& name, const std::string& otherwise) {
  const auto found = leaves.find(name);
  return found == leaves.end() ? otherwise : found->second;
}

bool is(const control::Leaves& leaves, const std::string& name, const char* value, bool otherwise) {
  const auto found = leaves.find(name);
  return found == leaves.end() ? otherwise : found->second == value;
}

std::set<Access> accesses_of(const std::string& text) {
  std::set<Access> accesses;
  for (const auto& [access, name] : access_names)
    if ((' ' + text + ' ').find(std::string(" ") + name + ' ') != std::string::npos) accesses.insert(access);
  return accesses;
}

Result<AccessRule> rule_of(const control::Leaves& leaves) {
  static const std::string any = "*";
  AccessRule rule;
  rule.module = value_of(leaves, "module-name", any);
  rule.permit = is(leaves, "action", "permit", false);
  if (const std::string& accesses = value_of(leaves, "access-operations", any); accesses != any)
    rule.accesses = accesses_of(accesses);
  if (const auto rpc = leaves.find("rpc-name"); rpc != leaves.end()) {
    rule.kind = AccessRule::Kind::operation;
    rule.name = rpc->second;
  } else if (const auto notification = leaves.find("notification-name"); notification != leaves.end()) {
    rule.kind = AccessRule::Kind::notification;
    rule.name = notification->second;
  } else if (const auto path = leaves.find("path"); path != leaves.end()) {
    rule.kind = AccessRule::Kind::data;
    PCN_ASSIGN(rule.path, parse_access_path(path->second));
  }
  return rule;
}

/// Reads a path from left to right.
class PathReader {
 public:
  explicit PathReader(std::string_view text) : rest_(text), text_(text) {}

  Result<std::vector<AccessStep>> read() {
    std::vector<AccessStep> steps;
    blanks();
    if (!take('/')) return wrong("it begins with '/'");
    blanks();
    while (!rest_.empty()) {
      PCN_ASSIGN(AccessStep step, next(steps.empty() ? "" : steps.back().module));
      steps.push_back(std::move(step));
      blanks();
      if (rest_.empty()) break;
      if (!take('/')) return wrong("steps are separated by '/'");
    }
    return steps;
  }

 private:
  Result<AccessStep> next(const std::string& parent_module) {
    AccessStep step;
    blanks();
    PCN_ASSIGN(std::tie(step.module, step.name), name());
    if (step.module.empty()) step.module = parent_module;
    if (step.module.empty()) return wrong("the first step names its module: /module:node");
    for (blanks(); take('['); blanks()) {
      blanks();
      PCN_ASSIGN(const auto key, name());
      blanks();
      if (!take('=')) return wrong("a predicate is [key='value']");
      blanks();
      const char quote = rest_.empty() ? '\0' : rest_.front();
      const auto end = rest_.find(quote, 1);
      if ((quote != '\'' && quote != '"') || end == std::string_view::npos) return wrong("a key's value is in quotes");
      step.keys[key.second] = std::string(rest_.substr(1, end - 1));
      rest_.remove_prefix(end + 1);
      blanks();
      if (!take(']')) return wrong("a predicate is [key='value']");
    }
    return step;
  }

  /// Module, which may be empty, and name.
  Result<std::pair<std::string, std::string>> name() {
    const auto length = std::min(rest_.find_first_of("/[]= \t\n'\""), rest_.size());
    const std::string_view word = rest_.substr(0, length);
    rest_.remove_prefix(length);
    const auto colon = word.find(':');
    const std::string_view local = colon == std::string_view::npos ? word : word.substr(colon + 1);
    if (local.empty() || colon == 0 || local.find_first_of(":*()@.$|") != std::string_view::npos)
      return wrong("a step is the name of a node");
    return std::pair(std::string(colon == std::string_view::npos ? "" : word.substr(0, colon)), std::string(local));
  }

  void blanks() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\n"), rest_.size())); }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] tl::unexpected<Error> wrong(const char* why) const {
    return fail(ErrorCode::invalid_value, "'{}' is no path of a rule: {}", text_, why);
  }

  std::string_view rest_;
  std::string_view text_;
};

bool is_step(const AccessStep& wanted, const AccessStep& step) {
  return wanted.name == step.name && wanted.module == step.module &&
         std::all_of(wanted.keys.begin(), wanted.keys.end(), [&](const auto& key) {
           const auto found = step.keys.find(key.first);
           return found != step.keys.end() && found->second == key.second;
         });
}

/// The rules of the lists that are for somebody, in their order, of which each may decide about this kind of access.
std::vector<const AccessRule*> rules_for(const AccessRules& rules, const AccessSubject& subject, Access access) {
  std::set<std::string> groups;
  for (const auto& [name, users] : rules.groups)
    if (users.contains(subject.user)) groups.insert(name);
  if (rules.external_groups) groups.insert(subject.groups.begin(), subject.groups.end());
  std::vector<const AccessRule*> found;
  for (const AccessRules::List& list : rules.lists) {
    const bool meant = std::any_of(list.groups.begin(), list.groups.end(),
                                   [&](const auto& group) { return group == "*" || groups.contains(group); });
    if (!meant || groups.empty()) continue;
    for (const AccessRule& rule : list.rules)
      if (!rule.accesses || rule.accesses->contains(access)) found.push_back(&rule);
  }
  return found;
}

bool default_of(const AccessRules& rules, Access access) {
  return access == Access::read   ? rules.read_default
         : access == Access::exec ? rules.exec_default
                                  : rules.write_default;
}

}  // namespace

const char* to_string(Access access) {
  return std::find_if(access_names.begin(), access_names.end(), [&](const auto& one) { return one.first == access; })
      ->second;
}

Result<std::vector<AccessStep>> parse_access_path(std::string_view text) { return PathReader(text).read(); }

Result<AccessRules> access_rules(const control::Changes& instances) {
  AccessRules rules;
  for (const control::Change& instance : instances) {
    if (!instance.after) continue;
    const control::Leaves& leaves = *instance.after;
    if (instance.node.empty()) {
      rules.enabled = is(leaves, "enable-nacm", "true", true);
      rules.read_default = is(leaves, "read-default", "permit", true);
      rules.write_default = is(leaves, "write-default", "permit", false);
      rules.exec_default = is(leaves, "exec-default", "permit", true);
      rules.external_groups = is(leaves, "enable-external-groups", "true", true);
    } else if (instance.node == "groups/group") {
      rules.groups[instance.keys.at(0)];
    } else if (instance.node == "groups/group/user-name") {
      rules.groups[instance.keys.at(0)].insert(instance.keys.at(1));
    } else if (instance.node == "rule-list") {
      rules.lists.emplace_back();
    } else if (instance.node == "rule-list/group") {
      rules.lists.back().groups.insert(instance.keys.at(1));
    } else if (instance.node == "rule-list/rule") {
      PCN_ASSIGN(AccessRule rule, rule_of(leaves));
      rules.lists.back().rules.push_back(std::move(rule));
    }
  }
  return rules;
}

AccessJudge::AccessJudge(const AccessRules& rules, const AccessSubject& subject, Access access)
    : unlimited_(!rules.enabled || subject.recovery), default_(default_of(rules, access)) {
  if (unlimited_) return;
  for (const AccessRule* rule : rules_for(rules, subject, access))
    if (rule->kind == AccessRule::Kind::any || rule->kind == AccessRule::Kind::data) candidates_.push_back({rule, 0});
}

AccessJudge AccessJudge::below(const AccessStep& step) const {
  AccessJudge judge = *this;
  judge.module_ = step.module;
  std::erase_if(judge.candidates_, [&](Candidate& candidate) {
    const auto& path = candidate.rule->path;
    if (candidate.matched == path.size()) return false;
    return !is_step(path[candidate.matched++], step);
  });
  return judge;
}

bool AccessJudge::permits(bool denied_by_default) const {
  if (unlimited_) return true;
  for (const auto& [rule, matched] : candidates_)
    if (matched == rule->path.size() && (rule->module == "*" || rule->module == module_)) return rule->permit;
  return default_ && !denied_by_default;
}

bool AccessJudge::is_final() const {
  return std::all_of(candidates_.begin(), candidates_.end(),
                     [](const Candidate& candidate) { return candidate.matched == candidate.rule->path.size(); });
}

bool is_permitted(const AccessRules& rules, const AccessSubject& subject, AccessRule::Kind kind,
                  const std::string& module, const std::string& name, bool denied_by_default) {
  if (!rules.enabled || subject.recovery) return true;
  const Access access = kind == AccessRule::Kind::notification ? Access::read : Access::exec;
  for (const AccessRule* rule : rules_for(rules, subject, access)) {
    const bool fits =
        rule->kind == AccessRule::Kind::any || (rule->kind == kind && (rule->name == "*" || rule->name == name));
    if (fits && (rule->module == "*" || rule->module == module)) return rule->permit;
  }
  return default_of(rules, access) && !denied_by_default;
}

}  // namespace polycube::model
