// SPDX-License-Identifier: Apache-2.0
#include <linux/bpf.h>

#include <algorithm>
#include <cstring>

#include "engine/cube_parts.h"

namespace polycube::engine {

namespace {

Result<> allocate(std::optional<PanelSlot>& slot, Panel& panel) {
  PCN_ASSIGN(PanelSlot allocated, PanelSlot::allocate(panel));
  slot.emplace(std::move(allocated));
  return {};
}

}  // namespace

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
  PCN_TRY(cube->find_counted_before());
  return cube;
}

bool Cube::is_host_gate(const CubeGate& gate) const {
  return gate.first == topology::Direction::egress && family_of(hook_) == Family::xdp;
}

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

// From now on others find its tables.
void Cube::adopt(Loading& loading) {
  const std::unique_lock lock(tables_mutex_);
  framework_.merge(loading.framework);
  for (const Loading::Shared& shared : loading.shared)
    (shared.scope.between_cubes() ? *shared_ : cube_tables_).add(shared.scope, shared.name, shared.table);
  microcubes_[loading.id] = std::move(loading.microcube);
}

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
    (void)put_slots_back();
    return tl::unexpected<Error>(done.error());
  }
  std::swap(programs_, programs);
  return programs;
}

void Cube::retire(const bpf::Program& drop_tc, const bpf::Program& drop_xdp) {
  const bpf::Program& own = family_of(hook_) == Family::tc ? drop_tc : drop_xdp;
  (void)slot_.set(own);
  for (const auto* slot : {&egress_slot_, &out_slot_})
    if (*slot) (void)(*slot)->set(own);
  for (const auto* slot : {&flood_slot_, &host_egress_slot_})
    if (*slot) (void)(*slot)->set(drop_tc);
  programs_ = {};
}

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

std::map<std::string, MapAccess> Cube::tables() const {
  std::map<std::string, MapAccess> found;
  const std::shared_lock lock(tables_mutex_);
  for (const auto& [id, microcube] : microcubes_) {
    for (const auto& [name, use] : microcube.tables) {
      if (is_section(name)) continue;
      const auto [known, fresh] = found.emplace(name, MapAccess{use->table()});
      if (!fresh && known->second.table != use->table())
        found.emplace(fmt::format("{} of {}", name, to_string(id)), MapAccess{use->table()});
    }
  }
  return found;
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
    const PortStatistics noted = counted_before(port);
    // What was noted of counters that somebody took away is nothing to these.
    const bool fits = noted.in_packets <= now.rx_packets && noted.out_packets <= now.tx_packets;
    const PortStatistics before = fits ? noted : PortStatistics{};
    statistics.ports[port] = {now.rx_packets - before.in_packets, now.rx_bytes - before.in_bytes,
                              now.tx_packets - before.out_packets, now.tx_bytes - before.out_bytes};
  }
  for (std::size_t reason = 0; reason < PCN_DROP_REASONS; reason++) {
    if (sum.drops[reason] == 0) continue;
    statistics.drops[package_->drop_name(reason)] = sum.drops[reason];
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
  return set_counted_before(port, {now.rx_packets, now.rx_bytes, now.tx_packets, now.tx_bytes});
}

// The counters of all ports are one value of each CPU, which programs add to: a port's cannot be set to zero without losing
// what is counted meanwhile. What they began with is kept beside them, for daemons to come.
Result<> Cube::set_counted_before(std::uint16_t port, const PortStatistics& statistics) {
  if (statistics == PortStatistics{})
    counted_before_.erase(port);
  else
    counted_before_[port] = statistics;
  if (counted_before_.empty()) {
    counted_before_pin_ = {};
    kept_counted_before_ = {};
    return {};
  }
  if (kept_counted_before_.fd() < 0) {
    PCN_ASSIGN(bpf::Map map, bpf::Map::create({.name = "pcn_before",
                                               .type = BPF_MAP_TYPE_ARRAY,
                                               .key_size = sizeof(__u32),
                                               .value_size = sizeof(pcn_port_stats),
                                               .max_entries = PCN_MAX_PORTS}));
    PCN_TRY(keep_counted_before(std::move(map)));
  }
  return kept_counted_before_.set(port % PCN_MAX_PORTS, pcn_port_stats{statistics.in_packets, statistics.in_bytes,
                                                                       statistics.out_packets, statistics.out_bytes});
}

Result<> Cube::keep_counted_before(bpf::Map map) {
  if (pins_ != nullptr) {
    PCN_ASSIGN(counted_before_pin_, pins_->pin(map.fd(), counted_before_name()));
  }
  kept_counted_before_ = std::move(map);
  return {};
}

// That of a daemon before, with the counters that are taken over as well.
Result<> Cube::find_counted_before() {
  auto left = pins_ != nullptr ? pins_->find_map(counted_before_name()) : std::nullopt;
  if (!left || left->map.info().value_size != sizeof(pcn_port_stats)) return {};
  for (__u32 port = 0; port < std::min<__u32>(left->map.info().max_entries, PCN_MAX_PORTS); port++) {
    PCN_ASSIGN(const bpf::Bytes value, left->map.lookup(std::as_bytes(std::span(&port, 1))));
    pcn_port_stats before{};
    std::memcpy(&before, value.data(), sizeof(before));
    if (before.rx_packets != 0 || before.tx_packets != 0)
      counted_before_[static_cast<std::uint16_t>(port)] = {before.rx_packets, before.rx_bytes, before.tx_packets,
                                                           before.tx_bytes};
  }
  return keep_counted_before(std::move(left->map));
}

}  // namespace polycube::engine
