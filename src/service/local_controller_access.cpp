// SPDX-License-Identifier: Apache-2.0
// Who may do what: the rules, and where they are asked.
#include "base/log.h"
#include "engine/port_names.h"
#include "model/document.h"
#include "model/flat_changes.h"
#include "model/state.h"
#include "service/cube_tree.h"
#include "service/local_controller.h"

namespace polycube::service {

namespace {

// What holds as long as nobody configured anything: who may use the socket may do everything, as root decided by the group;
// everybody else may read.
control::Changes shipped_rules(const std::string& group) {
  using control::Leaves;
  control::Changes rules = {{"", {}, {}, Leaves{{"exec-default", "deny"}}}};
  if (group.empty()) return rules;
  rules.push_back({"rule-list", {"administrators"}, {}, Leaves{}});
  rules.push_back({"rule-list/group", {"administrators", group}, {}, Leaves{}});
  rules.push_back({"rule-list/rule",
                   {"administrators", "everything"},
                   {},
                   Leaves{{"action", "permit"}, {"comment", "As shipped: the members of the socket's group."}}});
  return rules;
}

}  // namespace

Result<> LocalController::set_up_access(const control::Changes& stored) {
  const auto use = [&](const control::Changes& instances) -> Result<> {
    PCN_ASSIGN(const model::Edit edit, model::replacing_edit(*schema(), model::access_id, instances));
    PCN_ASSIGN(model::Candidate candidate, datastore_.edit(edit));
    if (candidate.access) PCN_TRY(model::access_rules(*candidate.access->after));
    datastore_.publish(candidate);
    follow_access_rules();
    return {};
  };
  if (stored.empty()) return use(shipped_rules(options_.admin_group));
  if (auto done = use(stored); !done) {
    // Rules that are not understood must not become none.
    log::critical("the saved access rules cannot be used, only root on this machine is let in: {}",
                  done.error().message);
    PCN_TRY(use({{"", {}, {}, control::Leaves{{"read-default", "deny"}, {"exec-default", "deny"}}}}));
    unusable_rules_ = done.error().message;
    report(Fault::raised, "access-rules-unusable", "nacm", *unusable_rules_);
  }
  return {};
}

// Saved rules that could not be used are kept until somebody says what is to hold instead of them, as a whole: a rule added to
// those that hold meanwhile would take the place of all of them.
Result<> LocalController::replace_unusable_rules(const model::Edit& edit, const model::Target& target,
                                                 model::Candidate& candidate) {
  if (!unusable_rules_) return {};
  const bool names_rules = !target.steps.empty() && target.steps.front().module == model::access_id.service;
  const bool replaces = edit.method == model::Method::put || edit.method == model::Method::remove;
  if (target.steps.size() <= 1 && replaces) {
    if (!names_rules || candidate.access) return {};
    // Also by what already holds.
    PCN_TRY(check_access(edit.path, model::Access::update));
    candidate.access = model::Candidate::Change{datastore_.access(), datastore_.access()};
  } else if (candidate.access) {
    return fail(
        ErrorCode::in_use,
        "the saved access rules cannot be used ({}) and are kept until ietf-netconf-acm:nacm is replaced (PUT) or "
        "removed (DELETE) as a whole",
        *unusable_rules_);
  }
  return {};
}

void LocalController::follow_access_rules() {
  auto rules = model::access_rules(*datastore_.access());
  if (!rules) return log::critical("the access rules cannot be used, those before hold: {}", rules.error().message);
  access_rules_ = std::make_shared<const model::AccessRules>(std::move(*rules));
  if (!unusable_rules_) return;
  unusable_rules_.reset();
  report(Fault::cleared, "access-rules-unusable", "nacm", "there are new ones");
}

// Also for changes that are only planned: who may not make them learns nothing from a plan.
Result<> LocalController::check_change(const model::Candidate& candidate, const Settings& settings) {
  if (candidate.access) PCN_TRY(model::access_rules(*candidate.access->after));
  const model::AccessSubject subject = subject_of(origin_.client);
  if (subject.recovery) return {};
  const auto rules = access_rules_.load();
  const auto judge = [&](const model::Candidate::Change& change) -> Result<> {
    const auto found = model::denied_change(change.before.get(), change.after.get(), *rules, subject);
    return found ? denied(found->access, found->path) : Result<>();
  };
  if (candidate.access) PCN_TRY(judge(*candidate.access));
  for (const auto& change : candidate.changes) PCN_TRY(judge(change.second));
  if (topology_.chains.empty() && !settings.chains) return {};
  // Where a transparent cube stands is its leaf `parent`, which is state: operations change it, and so does removing the
  // port that it is in front of. Of one that is removed itself the removal has been judged.
  PCN_ASSIGN(const topology::Topology after, topology_of(candidate, settings));
  for (const auto& [parent, sides] : chain_changes(topology_.chains, after.chains)) {
    std::set<std::string> cubes(sides.first.begin(), sides.first.end());
    cubes.insert(sides.second.begin(), sides.second.end());
    for (const std::string& name : cubes)
      if (const auto cube = after.cubes.find(name); cube != after.cubes.end())
        PCN_TRY(check_access(path_of(cube->second.service, name, "", "") + "/parent", model::Access::update));
  }
  return {};
}

Result<> LocalController::check_access(const std::string& path, model::Access access) {
  PCN_ASSIGN(const bool permitted,
             model::may_access(*schema(), path, access, *access_rules_.load(), subject_of(origin_.client)));
  return permitted ? Result<>() : denied(access, path);
}

// Each entry of the lists, of which the configuration knows nothing.
Result<> LocalController::check_clearing(const Cleared& cleared) {
  if (cleared.lists.empty()) return {};
  const topology::Cube& cube = topology_.cubes.at(cleared.cube);
  const model::CubeId id{cube.service, cleared.cube};
  for (const engine::TableAccess& list : cleared.lists) {
    PCN_TRY(check_access(list_path(id, *list.table.binding), model::Access::remove));
    if (model::may_change_all(*schema(), id, *access_rules_.load(), subject_of(origin_.client))) continue;
    PCN_ASSIGN(const std::vector<model::Row> rows, list.read(engine::port_names(cube), std::nullopt));
    PCN_TRY(check_removal(id, *list.table.binding, rows));
  }
  return {};
}

Result<> LocalController::check_removal(const model::CubeId& id, const model::TableBinding& binding,
                                        const std::vector<model::Row>& rows) {
  PCN_ASSIGN(const model::DataTree before, configured(id, binding, rows));
  PCN_ASSIGN(const model::DataTree after, configured(id, binding, {}));
  const auto found = model::denied_change(&before, &after, *access_rules_.load(), subject_of(origin_.client));
  return found ? denied(found->access, found->path) : Result<>();
}

Result<> LocalController::check_rpc(const std::string& rpc) {
  if (model::may_invoke(*schema(), rpc, *access_rules_.load(), subject_of(origin_.client))) return {};
  return denied(model::Access::exec, rpc);
}

tl::unexpected<Error> LocalController::denied(model::Access access, const std::string& path) {
  (access == model::Access::exec ? denied_operations_ : denied_writes_)++;
  const std::string user = origin_.client.user.empty() ? "an unknown user" : origin_.client.user;
  return tl::unexpected<Error>(
      Error{ErrorCode::access_denied,
            fmt::format("{} may not {} {}; the rules of ietf-netconf-acm:nacm say who may", user,
                        access == model::Access::exec ? "invoke" : model::to_string(access), path),
            access == model::Access::exec && path.find('/') == std::string::npos ? std::string() : path,
            {}});
}

Result<> LocalController::add_access(model::DataTree& data, const Scope& scope, model::Content content) const {
  if (!scope.covers({{model::access_id.name}})) return {};
  PCN_ASSIGN(model::DataTree rules, datastore_.access()->duplicate());
  if (content != model::Content::config) {
    const std::string root = fmt::format("/{}:{}/", model::access_id.service, model::access_id.name);
    PCN_TRY(model::add_leaf(rules, root + "denied-operations", std::to_string(denied_operations_)));
    PCN_TRY(model::add_leaf(rules, root + "denied-data-writes", std::to_string(denied_writes_)));
    PCN_TRY(model::add_leaf(rules, root + "denied-notifications", std::to_string(denied_notifications_)));
  }
  return model::append(data, std::move(rules));
}

}  // namespace polycube::service
