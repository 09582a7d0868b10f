// SPDX-License-Identifier: Apache-2.0
// What outlives the daemon: saving the configuration, and beginning with that which was saved.
#include "base/log.h"
#include "model/flat_changes.h"
#include "service/local_controller.h"

namespace polycube::service {

namespace {

// The access rules are saved as a whole, since their order counts; also when there are none, which are not those as shipped.
control::Changes all_rules(const model::DataTree& nacm) {
  control::Changes instances = model::flat_changes(nullptr, &nacm, model::Leaf::set);
  if (instances.empty() || !instances.front().node.empty())
    instances.insert(instances.begin(), control::Change{{}, {}, {}, control::Leaves()});
  return instances;
}

}  // namespace

ChainChanges LocalController::chain_changes(const Chains& before, const Chains& after) {
  ChainChanges different;
  for (const auto& [parent, cubes] : before) different[parent].first = cubes;
  for (const auto& [parent, cubes] : after) different[parent].second = cubes;
  std::erase_if(different, [](const auto& chain) { return chain.second.first == chain.second.second; });
  return different;
}

Result<> LocalController::save(const model::Candidate& candidate, const topology::Topology& after) {
  saved_commit_.reset();
  if (!store_ && !events_.watched()) return {};
  Commit commit;
  commit.time = std::chrono::system_clock::now();
  commit.author = origin_.client.user;
  commit.comment = origin_.comment;
  for (const auto& [id, change] : candidate.changes)
    commit.changes[id] = model::flat_changes(change.before.get(), change.after.get(), model::Leaf::set);
  if (candidate.access) {
    control::Changes& changes = commit.changes[model::access_id];
    changes = model::reversed(all_rules(*candidate.access->before));
    for (control::Change& change : all_rules(*candidate.access->after)) changes.push_back(std::move(change));
  }
  commit.chains = chain_changes(topology_.chains, after.chains);
  if (store_) {
    const auto saved = store_->save(commit, after);
    save_failure_ = saved ? "" : saved.error().message;
    PCN_TRY(saved);
  }
  saved_commit_ = std::move(commit);
  return {};
}

Result<> LocalController::restore(const std::map<model::CubeId, control::Changes>& cubes, const Settings& settings) {
  PCN_ASSIGN(std::string body, model::datastore_body(*schema(), cubes));
  PCN_ASSIGN(model::Candidate candidate,
             datastore_.edit(model::Edit{model::Method::post, "", std::move(body), model::Format::xml}));
  return commit(candidate, {}, settings);
}

// All at once, or else one by one, so that one that cannot run any more does not keep down the others.
Result<> LocalController::restore() {
  if (options_.state_file.empty()) return set_up_access({});
  PCN_ASSIGN(store_, Store::open(options_.state_file));
  PCN_ASSIGN(const StoredConfiguration stored, store_->read());
  PCN_TRY(set_up_access(options_.clean ? control::Changes() : stored.access));
  if (stored.cubes.empty() && (stored.access.empty() || !options_.clean)) return {};
  if (options_.clean) {
    Commit commit;
    commit.time = std::chrono::system_clock::now();
    commit.comment = "polycubed --clean";
    for (const auto& [id, instances] : stored.cubes) commit.changes[id] = model::reversed(instances);
    if (!stored.access.empty()) commit.changes[model::access_id] = model::reversed(stored.access);
    commit.chains = chain_changes(stored.topology.chains, {});
    return store_->save(commit, {});
  }
  Settings settings{.restored = &stored.topology};
  auto interrupted = store_->intent();
  if (interrupted)
    settings.interrupted = std::move(*interrupted);
  else
    log::error("{}", interrupted.error().message);
  if (!restore(stored.cubes, settings)) restore_one_by_one(stored.cubes, settings);
  store_->forget_intent();  // what was under way is put back, once
  return {};
}

void LocalController::restore_one_by_one(const std::map<model::CubeId, control::Changes>& cubes,
                                         const Settings& settings) {
  for (const auto& cube : cubes) {
    auto done = restore({cube}, settings);
    if (done) continue;
    log::critical("cube {} ({}) cannot be restored and is not running; what was saved of it is kept: {}",
                  cube.first.name, cube.first.service, done.error().message);
    unrestored_.push_back({cube.first, done.error().message});
    report(Fault::raised, "cube-not-restored", cube.first.name, done.error().message);
  }
}

}  // namespace polycube::service
