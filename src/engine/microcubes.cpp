// SPDX-License-Identifier: Apache-2.0
#include "engine/microcubes.h"

#include "base/log.h"
#include "engine/engine_parts.h"

namespace polycube::engine {

using topology::Direction;

Result<> Microcubes::carry_out(const MicrocubeId& id, const Code& code, ProgramChanges* changes) const {
  if (changes != nullptr) cube_->note_before(id, *changes);
  if (auto done = cube_->replace(id, code, engine_->entry_objects(*cube_)); !done)
    return fail_with(done.error(), fmt::format("cube {}", cube_->name()));
  if (changes != nullptr) cube_->note_after(id, *changes);
  if (id.is_master()) PCN_TRY(lead_devices());
  // The program runs by now.
  if (auto done = engine_->follow_log(*cube_); !done)
    log::error("cube {}: the lines that its programs log are lost: {}", cube_->name(), done.error().message);
  return {};
}

Result<> Microcubes::lead_devices() const {
  engine_->masters_replaced_++;
  // While a transaction replaces a cube by another of its name, devices lead to the one before.
  for (auto& [gate, entry] : engine_->roots_)
    if (engine_->cubes_.at(entry.cube).get() == cube_) PCN_TRY(lead(entry.root, *cube_, entry.where));
  return {};
}

void Microcubes::inherit() const {
  const std::lock_guard lock(engine_->programs_mutex_);
  cube_->inherit();
}

Result<> Microcubes::drop_inherited() const {
  const std::lock_guard lock(engine_->programs_mutex_);
  PCN_TRY(cube_->drop_inherited(engine_->entry_objects(*cube_)));
  return lead_devices();
}

Cube::Snapshot Microcubes::snapshot() const {
  const std::lock_guard lock(engine_->programs_mutex_);
  return cube_->snapshot();
}

Result<> Microcubes::put_back(const Cube::Snapshot& snapshot) const {
  const std::lock_guard lock(engine_->programs_mutex_);
  cube_->disinherit();
  if (snapshot.version == cube_->version()) return {};
  PCN_TRY(cube_->put_back(snapshot, engine_->entry_objects(*cube_)));
  return lead_devices();
}

Result<> Microcubes::take_back(const ProgramChanges& changes) const {
  const std::lock_guard lock(engine_->programs_mutex_);
  PCN_TRY(cube_->take_back(changes, engine_->entry_objects(*cube_)));
  return changes.changes.contains({}) ? lead_devices() : Result<>();
}

Result<std::uint16_t> Microcubes::add(Direction direction, const Code& code, std::optional<std::uint16_t> index,
                                      ProgramChanges* changes) const {
  const std::lock_guard lock(engine_->programs_mutex_);
  if (!index)
    for (std::uint16_t i = 1; i < PCN_MAX_PROGRAMS && !index; i++)
      if (!cube_->has({direction, i})) index = i;
  if (!index || *index >= PCN_MAX_PROGRAMS)
    return fail(ErrorCode::limit_exceeded, "cube {} has programs 0 to {} in each direction, not more", cube_->name(),
                PCN_MAX_PROGRAMS - 1);
  const MicrocubeId id = microcube_id(direction, *index);
  if (cube_->has(id))
    return fail(ErrorCode::data_exists, "cube {} has {} already: reload it, or choose another index", cube_->name(),
                to_string(id));
  PCN_TRY(carry_out(id, code, changes));
  return *index;
}

Result<> Microcubes::replace(const MicrocubeId& id, const Code& code, ProgramChanges* changes) const {
  const std::lock_guard lock(engine_->programs_mutex_);
  if (!cube_->has(id)) return fail(ErrorCode::data_missing, "cube {} has no {}", cube_->name(), to_string(id));
  return carry_out(id, code, changes);
}

Result<> Microcubes::remove(const MicrocubeId& id, ProgramChanges* changes) const {
  const std::lock_guard lock(engine_->programs_mutex_);
  if (id.is_master())
    return fail(ErrorCode::operation_not_supported,
                "the master of cube {} cannot be removed: reload it, or delete the cube", cube_->name());
  if (!cube_->has(id)) return fail(ErrorCode::data_missing, "cube {} has no {}", cube_->name(), to_string(id));
  if (changes != nullptr) cube_->note_before(id, *changes);
  cube_->remove(id);
  if (changes != nullptr) cube_->note_after(id, *changes);
  return {};
}

}  // namespace polycube::engine
