// SPDX-License-Identifier: Apache-2.0
#include "service/control_planes.h"

#include "base/log.h"
#include "model/flat_changes.h"
#include "service/cube_tree.h"

namespace polycube::service {

namespace {

tl::unexpected<Error> error_of(const model::CubeId& cube, Error error) {
  return tl::unexpected<Error>(below_cube(cube, std::move(error)));
}

}  // namespace

ControlPlane* ControlPlanes::find(const std::string& cube) const {
  const auto found = planes_.find(cube);
  return found == planes_.end() ? nullptr : found->second.get();
}

Result<ControlPlanes::Step> ControlPlanes::prepare(const model::Candidate& candidate, const topology::Topology& after,
                                                   const Catalogue& catalogue, engine::Engine& engine, bool restoring) {
  Step step(*this, engine);
  for (const auto& [id, change] : candidate.changes) {
    ControlSource* source = catalogue.control(id.service);
    if (source == nullptr) continue;
    if (restoring && source->place() == ControlSource::Place::detached) continue;
    if (!change.after) {
      step.deleted_.push_back(id.name);
      continue;
    }
    ControlPlane* plane = change.before ? find(id.name) : nullptr;
    const bool is_new = plane == nullptr;
    if (is_new) {
      PCN_ASSIGN(const engine::Package* package, catalogue.package(id.service));
      auto created = ControlPlane::create(*source, id.name, after.cubes.at(id.name).uuid, *package, engine.slow_path());
      if (!created) return error_of(id, std::move(created).error());
      plane = created->get();
      step.created_[id.name] = std::move(*created);
    }
    control::Changes changes = model::flat_changes(change.before.get(), change.after.get());
    if (!changes.empty()) step.parts_.push_back({id, plane, std::move(changes), is_new});
  }
  for (const Step::Part& part : step.parts_)
    if (auto refused = part.plane->prepare(part.changes); !refused)
      return error_of(part.cube, std::move(refused).error());
  return step;
}

void ControlPlanes::Step::begin() {
  for (const std::string& cube : deleted_) {
    ControlPlane* plane = planes_.find(cube);
    if (plane == nullptr) continue;
    plane->pause();
    paused_.push_back(plane);
  }
}

Result<> ControlPlanes::Step::commit(const Surroundings& after, engine::Undo& undo) {
  for (const Part& part : parts_) {
    ControlPlane* plane = part.plane;
    if (part.is_new) {
      plane->join(engine_);
      undo.add([plane] { plane->stop(); });  // before its cube goes away again
      if (auto done = plane->subscribe(engine_); !done) return error_of(part.cube, std::move(done).error());
    }
    const std::string& cube = part.cube.name;
    CubeView before = plane->show(view_of(cube, after));
    undo.add_final([plane, before = std::move(before)] { plane->show(before); });
    auto done = plane->commit(part.changes);
    if (!done) return error_of(part.cube, std::move(done).error());
    if (part.is_new) continue;
    undo.add_final([plane, &part, programs = std::move(*done)]() -> Result<> {
      auto back = plane->commit(model::reversed(part.changes));
      if (back) return {};
      plane->take_back(programs);
      return fail_with(back.error(), fmt::format("cube {}", part.cube.name));
    });
  }
  return {};
}

void ControlPlanes::Step::finish(const Surroundings& now) {
  paused_.clear();
  for (const std::string& cube : deleted_) planes_.planes_.erase(cube);
  planes_.planes_.merge(created_);
  planes_.follow(now);
  for (const Part& part : parts_)
    if (part.is_new) part.plane->start(engine_);
}

ControlPlanes::Step::~Step() {
  for (ControlPlane* plane : paused_) plane->start(engine_);
}

Result<> ControlPlanes::renew(const std::map<model::CubeId, model::CubeTree>& cubes, ControlSource& source,
                              const engine::Package& package, engine::Engine& engine, const Surroundings& now) {
  std::map<std::string, std::unique_ptr<ControlPlane>> fresh;
  engine::Undo undo;
  for (const auto& [id, tree] : cubes) {
    auto created =
        ControlPlane::create(source, id.name, now.topology.cubes.at(id.name).uuid, package, engine.slow_path());
    if (!created) return error_of(id, std::move(created).error());
    ControlPlane& plane = **created;
    fresh[id.name] = std::move(*created);
    plane.join(engine);
    plane.show(view_of(id.name, now));
    undo.add([&plane, programs = plane.programs()] { plane.put_back(programs); });
    plane.inherit_programs();
    const control::Changes changes = model::flat_changes(nullptr, tree.get());
    if (auto refused = plane.prepare(changes); !refused) return error_of(id, std::move(refused).error());
    if (auto done = plane.commit(changes); !done) return error_of(id, std::move(done).error());
    if (auto done = plane.subscribe(engine); !done) return error_of(id, std::move(done).error());
  }
  undo.keep();
  for (const auto& [name, plane] : fresh) plane->drop_inherited_programs();
  for (auto& [name, plane] : fresh) {
    auto& known = planes_[name];
    if (known != nullptr) plane->count_on(*known);
    known = std::move(plane);  // the one before ends: a cube's ring has one reader
  }
  follow(now);
  for (const auto& [id, tree] : cubes) planes_.at(id.name)->start(engine);
  return {};
}

void ControlPlanes::follow(const Surroundings& now) {
  const bool devices_differ = devices_ != now.devices;
  if (devices_differ) devices_ = now.devices;
  for (const auto& [name, plane] : planes_) plane->follow(now, devices_differ);
}

}  // namespace polycube::service
