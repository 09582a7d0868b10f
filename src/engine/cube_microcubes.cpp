// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/cube_parts.h"

namespace polycube::engine {

// The code with the tables that stay.
Result<Microcube> Cube::successor(const MicrocubeId& id, const Code& code) const {
  Microcube next{code};
  const auto before = microcubes_.find(id);
  if (before == microcubes_.end()) return next;
  for (const Family family : families_of(*package_, hook_, id)) {
    const bpf::ObjectFile& object = *code.object(family);
    const bpf::ObjectFile& old = *before->second.code.object(family);
    for (const auto& [name, use] : before->second.tables) {
      if (!object.maps().contains(name) || !old.maps().contains(name)) continue;
      PCN_ASSIGN(const TableScope scope, scope_of(object, name));
      PCN_ASSIGN(const TableScope old_scope, scope_of(old, name));
      const bool own = scope.kind == TableScope::Kind::program && old_scope.kind == TableScope::Kind::program;
      if (own && shape_of(object, name) == use->table()->shape()) next.tables.emplace(name, use);
    }
    // The shape of a set of rules does not tell how large it is: it stays with its table, or both begin anew.
    for (const auto& [name, info] : object.maps()) {
      const std::string set = rule_set_name(name);
      if (!object.maps().contains(set) || next.tables.contains(name) == next.tables.contains(set)) continue;
      next.tables.erase(name);
      next.tables.erase(set);
    }
  }
  return next;
}

void Cube::set_programs(const std::map<MicrocubeId, Code>& programs) {
  const std::unique_lock lock(tables_mutex_);
  microcubes_.clear();
  for (const auto& [id, code] : programs) microcubes_.emplace(id, Microcube{code});
}

Result<> Cube::replace(const MicrocubeId& id, const Code& code, const EntryObjects& entry_objects) {
  PCN_TRY(check_code(code, *package_, hook_, id));
  if (!id.is_master() && shared(programs_map(id.direction)) == nullptr)
    return fail(ErrorCode::operation_not_supported,
                "no program of the cube jumps to {} programs: include polycube/programs.h in its master",
                id.direction == topology::Direction::egress ? "egress" : "ingress");
  PCN_ASSIGN(Microcube next, successor(id, code));
  CubePrograms fresh;
  fresh.constants = programs_.constants;
  Loading loading{id, std::move(next), fresh, entry_objects};
  PCN_TRY(load_microcube(loading));
  if (id.is_master()) {
    if (auto done = set_slots(fresh.master); !done) {
      (void)set_slots(programs_.master);
      return done;
    }
    std::swap(programs_.master, fresh.master);
  } else {
    PCN_TRY(set_program(id, fresh.slaves.at(id)));
    std::swap(programs_.slaves[id], fresh.slaves.at(id));
  }
  adopt(loading);
  inherited_.erase(id);
  programs_.version = changed_[id] = ++version_;
  return {};
}

void Cube::inherit() {
  for (const auto& [id, microcube] : microcubes_)
    if (!id.is_master() || microcube.code != package_->master()) inherited_.insert(id);
}

Result<> Cube::drop_inherited(const EntryObjects& entry_objects) {
  for (const MicrocubeId& id : std::set<MicrocubeId>(inherited_)) {
    if (!id.is_master())
      remove(id);
    else
      PCN_TRY(replace(id, package_->master(), entry_objects));
  }
  return {};
}

void Cube::remove(const MicrocubeId& id) {
  (void)set_program(id, {});
  programs_.slaves.erase(id);
  inherited_.erase(id);
  const std::unique_lock lock(tables_mutex_);
  microcubes_.erase(id);
  programs_.version = changed_[id] = ++version_;
}

Result<> Cube::put_back(const Snapshot& snapshot, const EntryObjects& entry_objects) {
  const std::map<MicrocubeId, Microcube> now = microcubes_;
  std::set<std::string> users;  // those that go with `now`, and those that come back
  for (const auto* microcubes : {&now, &snapshot.microcubes})
    for (const auto& [id, microcube] : *microcubes) users.insert(user(id));
  const auto set = [&](std::map<MicrocubeId, Microcube> microcubes) {
    const std::unique_lock lock(tables_mutex_);
    microcubes_ = std::move(microcubes);
    version_++;
  };
  // What shares a table, with the tables among which others look for it.
  const auto each_shared = [&](const MicrocubeId& id, const Microcube& microcube, const auto& visit) {
    for (const Family family : families_of(*package_, hook_, id))
      for (const auto& [name, use] : std::map(microcube.tables)) {
        const bpf::ObjectFile& object = *microcube.code.object(family);
        if (is_section(name) || !object.maps().contains(name)) continue;
        const TableScope scope = scope_of(object, name).value_or(TableScope{});
        if (scope.kind != TableScope::Kind::program)
          visit(scope.between_cubes() ? *shared_ : cube_tables_, scope, name, use->table());
      }
  };
  std::map<MicrocubeId, Microcube> before = snapshot.microcubes;
  const auto has_a_user = [&before](const std::string& name, const std::shared_ptr<Table>& table) {
    return std::any_of(before.begin(), before.end(), [&](const auto& one) {
      const auto use = one.second.tables.find(name);
      return use != one.second.tables.end() && use->second->table() == table;
    });
  };
  // Should programs that stay, of any cube, share another table of this name by now, load() takes that, or says that it does
  // not fit.
  for (auto& [id, microcube] : before)
    each_shared(id, microcube, [&](SharedTables& tables, const auto& scope, const auto& name, const auto& table) {
      const auto other = tables.find(scope, name);
      if (other == nullptr || other == table) return;
      if (!other->is_only_user(users) || has_a_user(name, other)) microcube.tables.erase(name);
    });
  set(std::move(before));
  auto old = load(programs_.constants, entry_objects);
  if (old) old = install(std::move(*old));
  if (!old) {
    set(now);
    programs_.version = version_;
    return tl::unexpected<Error>(old.error());
  }
  const std::unique_lock lock(tables_mutex_);
  for (const auto& [id, microcube] : microcubes_)
    each_shared(id, microcube, [](SharedTables& tables, const auto& scope, const auto& name, const auto& table) {
      tables.add(scope, name, table);
    });
  return {};
}

namespace {

std::uint64_t version_of(const std::map<MicrocubeId, std::uint64_t>& changed, const MicrocubeId& id) {
  const auto found = changed.find(id);
  return found == changed.end() ? 0 : found->second;
}

}  // namespace

void Cube::note_before(const MicrocubeId& id, ProgramChanges& changes) const {
  const auto now = microcubes_.find(id);
  auto& change = changes.changes[id];
  // What others did since the change before this one stays when both are taken back.
  if (change.version != 0 && change.version == version_of(changed_, id)) return;
  change.before = now == microcubes_.end() ? std::nullopt : std::optional(now->second);
  change.version_before = change.version = version_of(changed_, id);
}

void Cube::note_after(const MicrocubeId& id, ProgramChanges& changes) const {
  changes.changes.at(id).version = version_of(changed_, id);
}

Result<> Cube::take_back(const ProgramChanges& changes, const EntryObjects& entry_objects) {
  Snapshot wanted = snapshot();
  auto versions = changed_;
  bool differs = false;
  for (const auto& [id, change] : changes.changes) {
    if (change.version == change.version_before || change.version != version_of(changed_, id)) continue;
    differs = true;
    versions[id] = change.version_before;
    if (change.before)
      wanted.microcubes.insert_or_assign(id, *change.before);
    else
      wanted.microcubes.erase(id);
  }
  if (!differs) return {};
  PCN_TRY(put_back(wanted, entry_objects));
  changed_ = std::move(versions);
  return {};
}

}  // namespace polycube::engine
