// SPDX-License-Identifier: Apache-2.0
// What outlives the daemon: saving the configuration, and beginning with that which was saved.
#include <algorithm>

#include "base/log.h"
#include "model/flat_changes.h"
#include "service/cube_tree.h"
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

// As configured rules, so that they outlive this daemon, are seen, and go when others are configured.
control::Changes rules_for_root_alone() {
  return {{"", {}, {}, control::Leaves{{"read-default", "deny"}, {"write-default", "deny"}, {"exec-default", "deny"}}}};
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

// ---- beginning -------------------------------------------------------------------------------------------------------

// A file that cannot be used stands for cubes that may be running, and for rules that say who may do what.
Result<> LocalController::open_store() {
  const std::filesystem::path& file = options_.state_file;
  const bool may_end = options_.clean || !options_.leave_running;
  auto opened = Store::open(file);
  if (!opened && opened.error().code == ErrorCode::invalid_value) {
    if (engine_->runs_already() && !may_end)
      return fail(
          opened.error().code,
          "{}; its cubes are running and go on, nothing was changed. Start the polycubed that wrote it, or put a "
          "copy of it that is whole in its place. polycubed --clean ends the cubes and begins empty",
          opened.error().message);
    log::error("{}", opened.error().message);
    PCN_ASSIGN(const std::filesystem::path aside, Store::put_aside(file));
    log::error("the file is kept as {}; the configuration begins empty", aside.string());
    opened = Store::open(file);
  }
  PCN_ASSIGN(store_, std::move(opened));
  // Whichever daemon put it aside: this one, or one that came no further.
  PCN_ASSIGN(const std::int64_t revision, store_->last());
  if (revision > 0 || Store::files_aside(file).empty()) return {};
  Commit commit;
  commit.time = std::chrono::system_clock::now();
  commit.comment = may_end ? "polycubed --clean" : "the saved configuration could not be used";
  if (!may_end) {
    log::critical("only root is let in until root has configured access rules: those that were saved cannot be read");
    commit.changes[model::access_id] = rules_for_root_alone();
  }
  return store_->save(commit, {});
}

Result<model::Candidate> LocalController::candidate_of(const SavedCubes& cubes) {
  PCN_ASSIGN(std::string body, model::datastore_body(*schema(), cubes));
  return datastore_.edit(model::Edit{model::Method::post, "", std::move(body), model::Format::xml});
}

Result<> LocalController::restore(const SavedCubes& cubes, const Settings& settings) {
  PCN_ASSIGN(model::Candidate candidate, candidate_of(cubes));
  return commit(candidate, {}, settings);
}

Result<> LocalController::restore() {
  if (options_.state_file.empty()) return set_up_access({});
  PCN_TRY(open_store());
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
  restore_what_can_be(stored.cubes, settings);
  store_->forget_intent();  // what was under way is put back, once
  return {};
}

// ---- what cannot be restored -----------------------------------------------------------------------------------------

// All at once: what cannot run is left out, and the rest is tried again. A transaction that fails changes nothing, so until one
// succeeds packets meet the data path that is there, and then all of the new one.
void LocalController::restore_what_can_be(SavedCubes cubes, Settings settings) {
  bool judged = false;
  while (!cubes.empty()) {
    engine::Culprit culprit;
    settings.culprit = &culprit;
    const auto done = restore(cubes, settings);
    if (done) return;
    if (leave_out(cubes, culprit, done.error())) continue;
    if (!std::exchange(judged, true)) {
      const std::size_t before = cubes.size();
      leave_out_unusable(cubes, settings);
      if (cubes.size() < before) continue;
    }
    break;
  }
  // Nobody is to blame alone.
  for (const auto& cube : cubes) {
    settings.culprit = nullptr;
    if (auto done = restore({cube}, settings); !done) leave_out(cube.first, done.error());
  }
}

// Whom the engine names: a device is not used until it changes, as one that is refused later; a cube is not restored.
bool LocalController::leave_out(SavedCubes& cubes, const engine::Culprit& culprit, const Error& error) {
  if (culprit.device) {
    const topology::Devices devices = devices_->current();
    const auto device = std::find_if(devices.begin(), devices.end(),
                                     [&](const auto& known) { return known.second.index == *culprit.device; });
    const bool gone = device == devices.end();
    const Refusal refusal{gone ? topology::Device() : device->second, error.message};
    if (!refused_devices_.emplace(*culprit.device, refusal).second) return false;
    if (gone) return true;
    log::error("device {} cannot be wired: {}", device->first, error.message);
    report(Fault::raised, "device-refused", device->first, error.message);
    return true;
  }
  const auto cube = std::find_if(cubes.begin(), cubes.end(), [&](const auto& one) {
    const std::string path = path_of(one.first.service, one.first.name, "", "");
    return one.first.name == culprit.cube || error.path == path || error.path.rfind(path + '/', 0) == 0;
  });
  if (cube == cubes.end()) return false;
  leave_out(cube->first, error);
  cubes.erase(cube);
  return true;
}

// Those out of which no candidate can be made.
void LocalController::leave_out_unusable(SavedCubes& cubes, const Settings& settings) {
  std::erase_if(cubes, [&](const auto& cube) {
    const auto judge = [&]() -> Result<> {
      PCN_TRY(check_name(cube.first));
      PCN_ASSIGN(const model::Candidate candidate, candidate_of({cube}));
      PCN_TRY(topology_of(candidate, settings));
      return {};
    };
    const auto usable = judge();
    if (!usable) leave_out(cube.first, usable.error());
    return !usable;
  });
}

void LocalController::leave_out(const model::CubeId& cube, const Error& error) {
  const auto known =
      std::find_if(unrestored_.begin(), unrestored_.end(), [&](const Unrestored& one) { return one.cube == cube; });
  if (known != unrestored_.end()) {
    known->reason = error.message;
    return;
  }
  log::critical("cube {} ({}) cannot be restored and is not running; what was saved of it is kept: {}", cube.name,
                cube.service, error.message);
  unrestored_.push_back({cube, error.message});
  report(Fault::raised, "cube-not-restored", cube.name, error.message);
}

// What kept them down may be over.
void LocalController::restore_missing() {
  if (unrestored_.empty() || !store_) return;
  const auto stored = store_->read();
  if (!stored) {
    log::error("cubes that are not restored stay so: {}", stored.error().message);
    return;
  }
  SavedCubes missing;
  for (const Unrestored& one : unrestored_)
    if (const auto saved = stored->cubes.find(one.cube); saved != stored->cubes.end()) missing.insert(*saved);
  restore_what_can_be(missing, {.restored = &stored->topology});
  for (const auto& [id, instances] : missing)
    if (datastore_.cubes().contains(id)) report(Fault::cleared, "cube-not-restored", id.name, "it runs");
}

}  // namespace polycube::service
