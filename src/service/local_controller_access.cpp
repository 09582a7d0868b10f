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
    access_rules_ = {.read_default = false, .exec_default = false};
  }
  return {};
}

void LocalController::follow_access_rules() {
  auto rules = model::access_rules(*datastore_.access());
  if (rules)
    access_rules_ = std::move(*rules);
  else
    log::critical("the access rules cannot be used, those before hold: {}", rules.error().message);
}

// Also for changes that are only planned: who may not make them learns nothing from a plan.
Result<> LocalController::check_change(const model::Candidate& candidate, const Chains& chains) {
  const model::AccessSubject subject = subject_of(origin_.client);
  if (candidate.access) {
    PCN_TRY(model::access_rules(*candidate.access->after));
    if (const auto found =
            model::denied_change(candidate.access->before.get(), candidate.access->after.get(), access_rules_, subject))
      return denied(found->access, found->path);
  }
  for (const auto& [id, change] : candidate.changes)
    if (const auto found = model::denied_change(change.before.get(), change.after.get(), access_rules_, subject))
      return denied(found->access, found->path);
  // Where a transparent cube stands is its leaf `parent`, which is state, as operations change it.
  for (const auto& [parent, sides] : chain_changes(topology_.chains, chains)) {
    std::set<std::string> cubes(sides.first.begin(), sides.first.end());
    cubes.insert(sides.second.begin(), sides.second.end());
    for (const std::string& name : cubes)
      if (const auto cube = topology_.cubes.find(name); cube != topology_.cubes.end())
        PCN_TRY(check_access(path_of(cube->second.service, name, "", "") + "/parent", model::Access::update));
  }
  return {};
}

Result<> LocalController::check_access(const std::string& path, model::Access access) {
  PCN_ASSIGN(const bool permitted,
             model::may_access(*schema(), path, access, access_rules_, subject_of(origin_.client)));
  return permitted ? Result<>() : denied(access, path);
}

// Each entry of the lists, of which the configuration knows nothing.
Result<> LocalController::check_clearing(const Cleared& cleared) {
  if (cleared.lists.empty()) return {};
  const topology::Cube& cube = topology_.cubes.at(cleared.cube);
  const model::CubeId id{cube.service, cleared.cube};
  for (const engine::TableAccess& list : cleared.lists) {
    PCN_TRY(check_access(list_path(id, *list.table.binding), model::Access::remove));
    if (model::may_change_all(*schema(), id, access_rules_, subject_of(origin_.client))) continue;
    PCN_ASSIGN(const std::vector<model::Row> rows, list.read(engine::port_names(cube), std::nullopt));
    PCN_TRY(check_removal(id, *list.table.binding, rows));
  }
  return {};
}

Result<> LocalController::check_removal(const model::CubeId& id, const model::TableBinding& binding,
                                        const std::vector<model::Row>& rows) {
  PCN_ASSIGN(const model::DataTree before, configured(id, binding, rows));
  PCN_ASSIGN(const model::DataTree after, configured(id, binding, {}));
  const auto found = model::denied_change(&before, &after, access_rules_, subject_of(origin_.client));
  return found ? denied(found->access, found->path) : Result<>();
}

Result<> LocalController::check_rpc(const std::string& rpc) {
  if (model::may_invoke(*schema(), rpc, access_rules_, subject_of(origin_.client))) return {};
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
