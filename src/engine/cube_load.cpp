// SPDX-License-Identifier: Apache-2.0
#include <cstddef>

#include "engine/cube_parts.h"
#include "engine/table_migration.h"
#include "model/datastore.h"

namespace polycube::engine {

namespace {

std::span<const std::byte> bytes_of(const auto& constant) { return std::as_bytes(std::span(&constant, 1)); }

Result<bpf::Program> take(bpf::LoadedObject& loaded, const std::string& name, const bpf::ObjectFile& object) {
  auto found = loaded.programs.find(name);
  if (found == loaded.programs.end())
    return fail(ErrorCode::invalid_value, "{} has no program {}", object.path().string(), name);
  return std::move(found->second);
}

// The one that follows packets, or the one that does not.
std::string program_name(const CubeConstants& constants, const std::string& name) {
  return constants.ingress.trace == PCN_TRACE_OFF ? name : name + "_traced";
}

bpf::Variant variant_for(const CubeConstants& constants, const CubeGate& gate) {
  const bool out = gate.first == topology::Direction::egress;
  return {program_name(constants, out ? "pcn_egress" : "pcn_ingress"), out ? "pcn_egress_config" : "pcn_config",
          offsetof(pcn_config, entry), static_cast<std::uint16_t>(gate.second + 1)};
}

// Programs of their own for gates; false when the object cannot be made to have them.
bool take_entries(bpf::LoadedObject& loaded, const std::vector<CubeGate>& gates, MasterPrograms& programs) {
  if (loaded.variants.size() != gates.size()) return false;
  for (std::size_t i = 0; i < gates.size(); i++)
    programs.entries.emplace(gates[i], std::make_shared<bpf::Program>(std::move(loaded.variants[i])));
  return true;
}

}  // namespace

Result<> Cube::load_microcube(Loading& loading) const {
  if (loading.id.is_master()) return load_master(loading);
  auto done = load_slave(loading);
  return done ? done : Result<>(fail_with(done.error(), to_string(loading.id)));
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
  const bpf::ObjectFile& object = *loading.microcube.code.object(family_of(hook_));
  if (programs.own_entries)
    for (const CubeGate& gate : gates) options.variants.push_back(variant_for(constants, gate));
  const auto name = [&](const char* program) { return program_name(constants, program); };
  options.programs = {name("pcn_ingress")};
  if (flood_slot_) options.programs.emplace_back("pcn_flood");
  if (out_slot_) options.programs.push_back(name("pcn_out"));
  if (egress_slot_) options.programs.push_back(name("pcn_egress"));
  PCN_ASSIGN(bpf::LoadedObject loaded, load_object(loading, family_of(hook_), std::move(options)));
  PCN_ASSIGN(programs.ingress, take(loaded, name("pcn_ingress"), object));
  if (flood_slot_) {
    PCN_ASSIGN(programs.flood, take(loaded, "pcn_flood", object));
  }
  if (out_slot_) {
    PCN_ASSIGN(programs.out, take(loaded, name("pcn_out"), object));
  }
  if (egress_slot_) {
    PCN_ASSIGN(programs.egress, take(loaded, name("pcn_egress"), object));
  }
  programs.own_entries = programs.own_entries && take_entries(loaded, gates, programs);
  return {};
}

// The way out once more, compiled for TC, with the same tables.
Result<> Cube::load_host_egress(Loading& loading, const std::vector<CubeGate>& gates) const {
  const CubeConstants& constants = loading.programs.constants;
  MasterPrograms& programs = loading.programs.master;
  const bpf::ObjectFile& object = *loading.microcube.code.object(Family::tc);
  const std::string name = program_name(constants, "pcn_egress");
  bpf::LoadOptions options{.constants = {{"pcn_config", bytes_of(constants.ingress)},
                                         {"pcn_egress_config", bytes_of(constants.host_egress)}},
                           .programs = {name}};
  if (programs.own_entries)
    for (const CubeGate& gate : gates) options.variants.push_back(variant_for(constants, gate));
  PCN_ASSIGN(bpf::LoadedObject loaded, load_object(loading, Family::tc, std::move(options)));
  PCN_ASSIGN(programs.host_egress, take(loaded, name, object));
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
    const std::string program = program_name(constants, out ? "pcn_egress" : "pcn_ingress");
    bpf::LoadOptions options{.constants = {{"pcn_program", bytes_of(own)}, {"pcn_config", bytes_of(constants.ingress)}},
                             .programs = {program}};
    if (object.has_constant("pcn_egress_config"))
      options.constants.emplace("pcn_egress_config", bytes_of(host ? constants.host_egress : constants.egress));
    PCN_ASSIGN(bpf::LoadedObject loaded, load_object(loading, family, std::move(options)));
    PCN_ASSIGN((host ? programs.host : programs.own), take(loaded, program, object));
  }
  return {};
}

}  // namespace polycube::engine
