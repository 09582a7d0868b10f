// SPDX-License-Identifier: Apache-2.0
#include "engine/cube.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "engine/table_migration.h"
#include "model/datastore.h"

namespace polycube::engine {

namespace {

constexpr std::string_view drop_names[] = {"policy", "port-unwired", "no-such-port",   "jump-failed",
                                           "error",  "no-headroom",  "slow-path-full", "no-way-to-host"};

Result<> allocate(std::optional<PanelSlot>& slot, Panel& panel) {
  PCN_ASSIGN(PanelSlot allocated, PanelSlot::allocate(panel));
  slot.emplace(std::move(allocated));
  return {};
}

std::span<const std::byte> bytes_of(const auto& constant) { return std::as_bytes(std::span(&constant, 1)); }

Result<bpf::Program> take(bpf::LoadedObject& loaded, const char* name, const bpf::ObjectFile& object) {
  auto found = loaded.programs.find(name);
  if (found == loaded.programs.end())
    return fail(ErrorCode::invalid_value, "{} has no program {}", object.path().string(), name);
  return std::move(found->second);
}

bpf::Variant variant_for(const CubeGate& gate) {
  const bool out = gate.first == topology::Direction::egress;
  return {out ? "pcn_egress" : "pcn_ingress", out ? "pcn_egress_config" : "pcn_config", offsetof(pcn_config, entry),
          static_cast<std::uint16_t>(gate.second + 1)};
}

// Programs of their own for gates; false when the object cannot be made to have them.
bool take_entries(bpf::LoadedObject& loaded, const std::vector<CubeGate>& gates, MasterPrograms& programs) {
  if (loaded.variants.size() != gates.size()) return false;
  for (std::size_t i = 0; i < gates.size(); i++)
    programs.entries.emplace(gates[i], std::make_shared<bpf::Program>(std::move(loaded.variants[i])));
  return true;
}

bool is_frameworks(const std::string& table) { return !Package::is_own_table(table); }
bool is_section(const std::string& table) { return table.starts_with('.'); }

const char* programs_map(topology::Direction direction) {
  return direction == topology::Direction::egress ? "pcn_egress_programs" : "pcn_ingress_programs";
}

// A program array takes programs of one hook; everything else an XDP cube's programs for TC share with the others.
std::string framework_key(const std::string& table, bool other_hook) {
  return other_hook && table.ends_with("_programs") ? table + "@tc" : table;
}

}  // namespace

struct Cube::Loading {
  MicrocubeId id;
  Microcube microcube;
  CubePrograms& programs;  ///< with the constants
  const EntryObjects& entry_objects;
  /// Tables that were created, which are found by others once they are adopted.
  std::map<std::string, std::shared_ptr<Table>> framework = {};
  struct Shared {
    TableScope scope;
    std::string name;
    std::shared_ptr<Table> table;
  };
  std::vector<Shared> shared = {};
};

Result<std::unique_ptr<Cube>> Cube::create(const Surroundings& surroundings, const std::string& name,
                                           const Package& package, topology::Hook hook, const std::string& uuid) {
  PCN_ASSIGN(PanelSlot slot, PanelSlot::allocate(surroundings.panel));
  std::unique_ptr<Cube> cube(new Cube(surroundings, std::move(slot), name, package, hook, uuid));
  const bool xdp = family_of(hook) == Family::xdp;
  if (xdp && package.floods()) PCN_TRY(allocate(cube->flood_slot_, surroundings.tc_panel));
  if (package.sends()) PCN_TRY(allocate(cube->out_slot_, surroundings.panel));
  if (package.egress()) PCN_TRY(allocate(cube->egress_slot_, surroundings.panel));
  if (package.egress() && xdp) PCN_TRY(allocate(cube->host_egress_slot_, surroundings.tc_panel));
  cube->microcubes_.emplace(MicrocubeId{}, Microcube{package.master()});
  return cube;
}

bool Cube::is_host_gate(const CubeGate& gate) const {
  return gate.first == topology::Direction::egress && family_of(hook_) == Family::xdp;
}

// ---- loading ---------------------------------------------------------------------------------------------------------

Result<CubePrograms> Cube::load(const CubeConstants& constants, const EntryObjects& entry_objects) {
  CubePrograms programs;
  programs.constants = constants;
  programs.version = version_;
  for (const auto& [id, microcube] : microcubes_) {
    Loading loading{id, microcube, programs, entry_objects};
    PCN_TRY(load_microcube(loading));
    adopt(loading);
  }
  return programs;
}

Result<> Cube::load_microcube(Loading& loading) const {
  if (loading.id.is_master()) return load_master(loading);
  auto done = load_slave(loading);
  return done ? done : Result<>(fail_with(done.error(), to_string(loading.id)));
}

// From now on others find its tables.
void Cube::adopt(Loading& loading) {
  const std::unique_lock lock(tables_mutex_);
  framework_.merge(loading.framework);
  for (const Loading::Shared& shared : loading.shared)
    (shared.scope.between_cubes() ? *shared_ : cube_tables_).add(shared.scope, shared.name, shared.table);
  microcubes_[loading.id] = std::move(loading.microcube);
}

// The table that stands for one of an object, null when it is to be created.
Result<std::shared_ptr<Table>> Cube::find_table(const Loading& loading, const bpf::ObjectFile& object,
                                                const std::string& key, const std::string& name) const {
  std::shared_ptr<Table> table;
  if (is_frameworks(name)) {
    for (const auto* known : {&framework_, &loading.framework})
      if (const auto found = known->find(key); found != known->end()) table = found->second;
    if (table == nullptr) return nullptr;
    if (!(shape_of(object, name) == table->shape()))
      return fail(ErrorCode::invalid_value,
                  "{}: its table {} is not that of this cube: compile it against the same SDK", object.path().string(),
                  name);
    return table;
  }
  const std::string me = user(loading.id);
  const TableShape shape = shape_of(object, name);
  if (const auto known = loading.microcube.tables.find(name); known != loading.microcube.tables.end()) {
    table = known->second->table();
  } else {
    PCN_ASSIGN(const TableScope scope, scope_of(object, name));
    if (scope.kind == TableScope::Kind::program) return nullptr;
    table = (scope.between_cubes() ? *shared_ : cube_tables_).find(scope, name);
    if (table == nullptr || (!(shape == table->shape()) && table->is_only_user(me))) return nullptr;
  }
  PCN_TRY(table->check(shape, me));
  return table;
}

Result<bpf::LoadedObject> Cube::load_object(Loading& loading, Family family, bpf::LoadOptions options) const {
  const bpf::ObjectFile& object = *loading.microcube.code.object(family);
  const bool other_hook = family != family_of(hook_);
  options.maps = (other_hook ? tc_panel_ : panel_)->shared_maps();
  auto& tables = loading.microcube.tables;
  std::map<std::string, bpf::Map> taken;          // of a daemon before
  std::map<std::string, bpf::KnownMap> outdated;  // the same, declared otherwise now
  for (const auto& [name, use] : tables)
    if (is_section(name)) options.maps.emplace(name, use->table()->map().fd());
  for (const auto& [name, info] : object.maps()) {
    if (options.maps.contains(name)) continue;
    const std::string key = framework_key(name, other_hook);
    PCN_ASSIGN(const std::shared_ptr<Table> table, find_table(loading, object, key, name));
    if (table == nullptr) {
      PCN_ASSIGN(std::optional<bpf::KnownMap> left, find_left_table(loading, object, key, name));
      if (!left) continue;
      const TableShape shape{left->map.info(), left->key, left->value};
      if (shape == shape_of(object, name)) {
        options.maps.emplace(name, left->map.fd());
        left->map.rename(name);
        taken.emplace(name, std::move(left->map));
      } else {
        outdated.emplace(name, std::move(*left));
      }
      continue;
    }
    options.maps.emplace(name, table->map().fd());
    if (!is_frameworks(name) && !tables.contains(name))
      tables.emplace(name, std::make_shared<const TableUse>(table, user(loading.id)));
  }
  PCN_ASSIGN(bpf::LoadedObject loaded, object.load(options));
  for (const auto& [name, old] : outdated) migrate(old, loaded.maps.at(name), shape_of(object, name), user(loading.id));
  loaded.maps.merge(taken);
  PCN_TRY(keep_tables(loading, object, family, std::exchange(loaded.maps, {})));
  for (const auto& [name, use] : tables)
    if (const auto set = tables.find(rule_set_name(name)); set != tables.end() && use->table()->rule_set() == nullptr) {
      const std::shared_ptr<Table>& slot = set->second->table();
      if (auto checked = check_rule_set(use->table()->map().info(), slot->map().info()); !checked)
        return fail_with(checked.error(), object.path().string());
      use->table()->add_rule_set(slot);
    }
  return loaded;
}

Result<> Cube::keep_tables(Loading& loading, const bpf::ObjectFile& object, Family family,
                           std::map<std::string, bpf::Map> created) const {
  for (auto& [name, map] : created) {
    TableShape shape = is_section(name) ? TableShape{map.info(), {}, {}} : shape_of(object, name);
    const std::string key = framework_key(name, family != family_of(hook_));
    Pin pin;
    if (pins_ != nullptr) {
      PCN_ASSIGN(const std::string pin_name, this->pin_name(loading, object, key, name));
      PCN_ASSIGN(pin, pins_->pin(map.fd(), pin_name));
    }
    const auto table = std::make_shared<Table>(std::move(map), std::move(shape), std::move(pin));
    if (is_frameworks(name)) {
      loading.framework.emplace(key, table);
      continue;
    }
    loading.microcube.tables[name] = std::make_shared<const TableUse>(table, user(loading.id));
    if (is_section(name)) continue;
    PCN_ASSIGN(TableScope scope, scope_of(object, name));
    if (scope.kind != TableScope::Kind::program) loading.shared.push_back({std::move(scope), name, table});
  }
  return {};
}

// ---- tables that outlive the daemon ----------------------------------------------------------------------------------

namespace {

// Whether what is in it is worth more than what a new one would hold: not in those that lead to programs, devices and
// sets of rules, which are made anew, nor in variables of programs.
bool outlives_daemons(const bpf::ObjectFile& object, const std::string& table) {
  if (is_section(table) || object.maps().contains(rule_set_name(table))) return false;
  switch (object.maps().at(table).type) {
    case BPF_MAP_TYPE_PROG_ARRAY:
    case BPF_MAP_TYPE_ARRAY_OF_MAPS:
    case BPF_MAP_TYPE_HASH_OF_MAPS:
    case BPF_MAP_TYPE_DEVMAP:
    case BPF_MAP_TYPE_DEVMAP_HASH:
    case BPF_MAP_TYPE_CPUMAP:
    case BPF_MAP_TYPE_XSKMAP: return false;
    default: return true;
  }
}

}  // namespace

Result<std::string> Cube::pin_name(const Loading& loading, const bpf::ObjectFile& object, const std::string& key,
                                   const std::string& name) const {
  if (is_frameworks(name)) return fmt::format("tables/{}/framework/{}", uuid_, model::encode_key(key));
  TableScope scope;
  if (!is_section(name)) {
    PCN_ASSIGN(scope, scope_of(object, name));
  }
  const char* direction = loading.id.direction == topology::Direction::egress ? "egress" : "ingress";
  switch (scope.kind) {
    case TableScope::Kind::program:
      return fmt::format("tables/{}/{}-{}/{}", uuid_, direction, loading.id.index, model::encode_key(name));
    case TableScope::Kind::cube: return fmt::format("tables/{}/cube/{}", uuid_, model::encode_key(name));
    case TableScope::Kind::space:
      return fmt::format("tables/spaces/{}/{}", model::encode_key(scope.space), model::encode_key(name));
    case TableScope::Kind::everyone: return fmt::format("tables/public/{}", model::encode_key(name));
  }
  return fail(ErrorCode::invalid_value, "table {} has no scope", name);
}

// What a daemon before left of a table, if it is to be gone on with.
Result<std::optional<bpf::KnownMap>> Cube::find_left_table(const Loading& loading, const bpf::ObjectFile& object,
                                                           const std::string& key, const std::string& name) const {
  if (pins_ == nullptr || !outlives_daemons(object, name)) return std::nullopt;
  PCN_ASSIGN(const std::string pin, pin_name(loading, object, key, name));
  return pins_->find_map(pin);
}

Result<> Cube::load_master(Loading& loading) const {
  const CubeConstants& constants = loading.programs.constants;
  MasterPrograms& programs = loading.programs.master;
  programs.own_entries = constants.gates.size() <= max_own_entries;
  std::vector<CubeGate> own;
  std::vector<CubeGate> host;
  for (const CubeGate& gate : constants.gates) (is_host_gate(gate) ? host : own).push_back(gate);
  PCN_TRY(load_own(loading, own));
  if (!host.empty() || !constants.host_egress_empty()) PCN_TRY(load_host_egress(loading, host));
  if (!programs.own_entries) {
    programs.entries.clear();
    PCN_TRY(load_entries(constants.gates, loading.entry_objects, programs));
  }
  return {};
}

Result<> Cube::load_own(Loading& loading, const std::vector<CubeGate>& gates) const {
  const CubeConstants& constants = loading.programs.constants;
  MasterPrograms& programs = loading.programs.master;
  bpf::LoadOptions options{.constants = {{"pcn_config", bytes_of(constants.ingress)}}};
  if (package_->egress()) options.constants.emplace("pcn_egress_config", bytes_of(constants.egress));
  if (package_->sends()) options.constants.emplace("pcn_out_config", bytes_of(constants.out));
  if (programs.own_entries)
    for (const CubeGate& gate : gates) options.variants.push_back(variant_for(gate));
  const bpf::ObjectFile& object = *loading.microcube.code.object(family_of(hook_));
  PCN_ASSIGN(bpf::LoadedObject loaded, load_object(loading, family_of(hook_), std::move(options)));
  PCN_ASSIGN(programs.ingress, take(loaded, "pcn_ingress", object));
  if (flood_slot_) {
    PCN_ASSIGN(programs.flood, take(loaded, "pcn_flood", object));
  }
  if (out_slot_) {
    PCN_ASSIGN(programs.out, take(loaded, "pcn_out", object));
  }
  if (egress_slot_) {
    PCN_ASSIGN(programs.egress, take(loaded, "pcn_egress", object));
  }
  programs.own_entries = programs.own_entries && take_entries(loaded, gates, programs);
  return {};
}

// The way out once more, compiled for TC, with the same tables.
Result<> Cube::load_host_egress(Loading& loading, const std::vector<CubeGate>& gates) const {
  const CubeConstants& constants = loading.programs.constants;
  MasterPrograms& programs = loading.programs.master;
  bpf::LoadOptions options{.constants = {{"pcn_config", bytes_of(constants.ingress)},
                                         {"pcn_egress_config", bytes_of(constants.host_egress)}},
                           .programs = {"pcn_egress"}};
  if (programs.own_entries)
    for (const CubeGate& gate : gates) options.variants.push_back(variant_for(gate));
  PCN_ASSIGN(bpf::LoadedObject loaded, load_object(loading, Family::tc, std::move(options)));
  PCN_ASSIGN(programs.host_egress, take(loaded, "pcn_egress", *loading.microcube.code.object(Family::tc)));
  programs.own_entries = programs.own_entries && take_entries(loaded, gates, programs);
  return {};
}

// The engine's entry program for each gate; those that are there already serve on.
Result<> Cube::load_entries(const std::set<CubeGate>& gates, const EntryObjects& objects,
                            MasterPrograms& programs) const {
  for (const CubeGate& gate : gates) {
    auto known = programs_.master.entries.find(gate);
    if (!programs_.master.own_entries && known != programs_.master.entries.end()) {
      programs.entries.insert(*known);
      continue;
    }
    const bool host = is_host_gate(gate);
    const bool out = gate.first == topology::Direction::egress;
    const pcn_entry_config entry{.slot = !out   ? slot()
                                         : host ? host_egress_slot()
                                                : egress_slot(),
                                 .port = gate.second};
    const bpf::ObjectFile& object = host ? objects.tc : objects.own;
    PCN_ASSIGN(bpf::LoadedObject loaded, object.load({.constants = {{"pcn_entry_config", bytes_of(entry)}},
                                                      .maps = (host ? tc_panel_ : panel_)->shared_maps()}));
    PCN_ASSIGN(bpf::Program program, take(loaded, "pcn_entry", object));
    programs.entries.emplace(gate, std::make_shared<bpf::Program>(std::move(program)));
  }
  return {};
}

Result<> Cube::load_slave(Loading& loading) const {
  const CubeConstants& constants = loading.programs.constants;
  const bool out = loading.id.direction == topology::Direction::egress;
  const pcn_program own{.index = loading.id.index,
                        .transparent = package_->transparent(),
                        .direction = loading.id.direction == topology::Direction::egress};
  SlavePrograms& programs = loading.programs.slaves[loading.id];
  for (const Family family : families_of(*package_, hook_, loading.id)) {
    const bool host = family != family_of(hook_);
    const bpf::ObjectFile& object = *loading.microcube.code.object(family);
    const char* program = out ? "pcn_egress" : "pcn_ingress";
    bpf::LoadOptions options{.constants = {{"pcn_program", bytes_of(own)}, {"pcn_config", bytes_of(constants.ingress)}},
                             .programs = {program}};
    if (object.has_constant("pcn_egress_config"))
      options.constants.emplace("pcn_egress_config", bytes_of(host ? constants.host_egress : constants.egress));
    PCN_ASSIGN(bpf::LoadedObject loaded, load_object(loading, family, std::move(options)));
    PCN_ASSIGN((host ? programs.host : programs.own), take(loaded, program, object));
  }
  return {};
}

// ---- programs in their places ----------------------------------------------------------------------------------------

Result<> Cube::set_slots(const MasterPrograms& master) const {
  if (flood_slot_) PCN_TRY(flood_slot_->set(master.flood));
  if (out_slot_) PCN_TRY(out_slot_->set(master.out));
  if (egress_slot_) PCN_TRY(egress_slot_->set(master.egress));
  if (host_egress_slot_) PCN_TRY(host_egress_slot_->set(master.host_egress));
  return slot_.set(master.ingress);
}

// Without programs nobody can jump there any more.
Result<> Cube::set_program(const MicrocubeId& id, const SlavePrograms& slave) const {
  for (const bool other_hook : {false, true}) {
    const bpf::Program& program = other_hook ? slave.host : slave.own;
    const bpf::Map* array = shared(framework_key(programs_map(id.direction), other_hook));
    if (array == nullptr) continue;  // nobody calls it
    if (program) {
      PCN_TRY(array->set(id.index, program.fd()));
    } else {
      (void)array->erase(id.index);  // which fails only when it is empty already
    }
  }
  return {};
}

// Slaves first, so that the master finds those that it jumps to.
Result<> Cube::set_slots(const CubePrograms& programs) const {
  for (const auto& [id, slave] : programs.slaves) PCN_TRY(set_program(id, slave));
  PCN_TRY(set_slots(programs.master));
  for (const auto& [id, slave] : programs_.slaves)
    if (!programs.slaves.contains(id)) PCN_TRY(set_program(id, {}));
  return {};
}

Result<CubePrograms> Cube::install(CubePrograms programs) {
  if (auto done = set_slots(programs); !done) {
    if (programs_.master.ingress) (void)set_slots(programs_);
    return tl::unexpected<Error>(done.error());
  }
  std::swap(programs_, programs);
  return programs;
}

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

// ---- tables and counters ---------------------------------------------------------------------------------------------

Result<TableAccess> Cube::table(const model::TableBinding& binding) const {
  const BoundTable* bound = package_->table(binding);
  auto access = map(binding.table);
  if (bound == nullptr || !access) return fail(ErrorCode::data_missing, "table {} does not exist", binding.table);
  return TableAccess{access->table->map(), *bound,
                     access->table->rule_set()};  // the master keeps it as long as the cube exists
}

Result<MapAccess> Cube::map(const std::string& table, const MicrocubeId& program) const {
  const std::shared_lock lock(tables_mutex_);
  const auto microcube = microcubes_.find(program);
  if (microcube == microcubes_.end())
    return fail(ErrorCode::data_missing, "cube {} has no {}", name_, to_string(program));
  const auto& tables = microcube->second.tables;
  if (const auto found = tables.find(table); found != tables.end() && !is_section(table))
    return MapAccess{found->second->table()};
  if (program.is_master())
    if (auto found = cube_tables_.find({TableScope::Kind::cube, {}}, table)) return MapAccess{std::move(found)};
  return fail(ErrorCode::data_missing, "table {} does not exist", table);
}

std::vector<std::string> Cube::rings() const {
  std::vector<std::string> names;
  const std::shared_lock lock(tables_mutex_);
  for (const auto& [name, size] : rings_of(*microcubes_.at({}).code.object(family_of(hook_)))) names.push_back(name);
  return names;
}

const bpf::Map* Cube::shared(const std::string& name) const {
  const std::shared_lock lock(tables_mutex_);
  auto table = framework_.find(name);
  return table == framework_.end() ? nullptr : &table->second->map();
}

Result<pcn_stats> Cube::total() const {
  pcn_stats sum{};
  const __u32 zero = 0;
  PCN_ASSIGN(bpf::Bytes all, shared("pcn_stats")->lookup(std::as_bytes(std::span(&zero, 1))));
  // Both are nothing but 64-bit counters.
  constexpr std::size_t words = sizeof(pcn_stats) / sizeof(__u64);
  std::uint64_t counters[words] = {};
  for (std::size_t offset = 0; offset + sizeof(pcn_stats) <= all.size(); offset += sizeof(pcn_stats)) {
    std::uint64_t cpu[words];
    std::memcpy(cpu, all.data() + offset, sizeof(cpu));
    for (std::size_t i = 0; i < words; i++) counters[i] += cpu[i];
  }
  std::memcpy(&sum, counters, sizeof(sum));
  return sum;
}

Result<std::uint64_t> Cube::lost_log_lines() const {
  PCN_ASSIGN(const pcn_stats sum, total());
  return sum.lost_log_lines;
}

Result<CubeStatistics> Cube::statistics(const std::vector<std::uint16_t>& ports) const {
  PCN_ASSIGN(const pcn_stats sum, total());
  CubeStatistics statistics;
  for (std::uint16_t port : ports) {
    const pcn_port_stats& now = sum.port[port % PCN_MAX_PORTS];
    const PortStatistics before = counted_before(port);
    statistics.ports[port] = {now.rx_packets - before.in_packets, now.rx_bytes - before.in_bytes,
                              now.tx_packets - before.out_packets, now.tx_bytes - before.out_bytes};
  }
  for (std::size_t reason = 0; reason < PCN_DROP_REASONS; reason++) {
    if (sum.drops[reason] == 0) continue;
    statistics
        .drops[reason < std::size(drop_names) ? std::string(drop_names[reason]) : fmt::format("reason-{}", reason)] =
        sum.drops[reason];
  }
  return statistics;
}

PortStatistics Cube::counted_before(std::uint16_t port) const {
  auto found = counted_before_.find(port);
  return found == counted_before_.end() ? PortStatistics{} : found->second;
}

Result<> Cube::start_counting(std::uint16_t port) {
  PCN_ASSIGN(const pcn_stats sum, total());
  const pcn_port_stats& now = sum.port[port % PCN_MAX_PORTS];
  counted_before_[port] = {now.rx_packets, now.rx_bytes, now.tx_packets, now.tx_bytes};
  return {};
}

}  // namespace polycube::engine
