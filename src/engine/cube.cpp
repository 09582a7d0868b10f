// SPDX-License-Identifier: Apache-2.0
#include "engine/cube.h"

#include <cstddef>
#include <cstring>

namespace polycube::engine {

namespace {

constexpr std::string_view drop_names[] = {"policy", "port-unwired", "no-such-port",   "jump-failed",
                                           "error",  "no-headroom",  "slow-path-full", "no-way-to-host"};

}  // namespace

namespace {

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
bool take_entries(bpf::LoadedObject& loaded, const std::vector<CubeGate>& gates, CubePrograms& programs) {
  if (loaded.variants.size() != gates.size()) return false;
  for (std::size_t i = 0; i < gates.size(); i++)
    programs.entries.emplace(gates[i], std::make_shared<bpf::Program>(std::move(loaded.variants[i])));
  return true;
}

}  // namespace

Result<std::unique_ptr<Cube>> Cube::create(Panel& panel, Panel& tc_panel, const Package& package, topology::Hook hook) {
  PCN_ASSIGN(PanelSlot slot, PanelSlot::allocate(panel));
  std::unique_ptr<Cube> cube(new Cube(panel, tc_panel, std::move(slot), package, hook));
  const bool xdp = family_of(hook) == Family::xdp;
  if (xdp && package.floods()) PCN_TRY(allocate(cube->flood_slot_, tc_panel));
  if (package.slow_path()) PCN_TRY(allocate(cube->out_slot_, panel));
  if (package.egress()) PCN_TRY(allocate(cube->egress_slot_, panel));
  if (package.egress() && xdp) PCN_TRY(allocate(cube->host_egress_slot_, tc_panel));
  return cube;
}

bool Cube::is_host_gate(const CubeGate& gate) const {
  return gate.first == topology::Direction::egress && family_of(hook_) == Family::xdp;
}

Result<CubePrograms> Cube::load(const CubeConstants& constants, const EntryObjects& entry_objects) {
  CubePrograms programs;
  programs.own_entries = constants.gates.size() <= max_own_entries;
  std::vector<CubeGate> own;
  std::vector<CubeGate> host;
  for (const CubeGate& gate : constants.gates) (is_host_gate(gate) ? host : own).push_back(gate);
  PCN_TRY(load_own(constants, own, programs));
  if (!host.empty() || !constants.host_egress_empty()) PCN_TRY(load_host_egress(constants, host, programs));
  if (!programs.own_entries) {
    programs.entries.clear();
    PCN_TRY(load_entries(constants.gates, entry_objects, programs));
  }
  return programs;
}

Result<> Cube::load_own(const CubeConstants& constants, const std::vector<CubeGate>& gates, CubePrograms& programs) {
  bpf::LoadOptions options{.constants = {{"pcn_config", bytes_of(constants.ingress)}}, .maps = panel_->shared_maps()};
  if (package_->egress()) options.constants.emplace("pcn_egress_config", bytes_of(constants.egress));
  if (package_->slow_path()) options.constants.emplace("pcn_out_config", bytes_of(constants.out));
  for (const auto& [name, map] : maps_) options.maps.emplace(name, map.fd());
  if (programs.own_entries)
    for (const CubeGate& gate : gates) options.variants.push_back(variant_for(gate));
  const bpf::ObjectFile& object = package_->object(family_of(hook_));
  PCN_ASSIGN(bpf::LoadedObject loaded, object.load(options));
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
  maps_.merge(loaded.maps);
  programs.own_entries = programs.own_entries && take_entries(loaded, gates, programs);
  return {};
}

// The way out once more, compiled for TC, with the same tables.
Result<> Cube::load_host_egress(const CubeConstants& constants, const std::vector<CubeGate>& gates,
                                CubePrograms& programs) {
  const bpf::ObjectFile& object = package_->object(Family::tc);
  bpf::LoadOptions options{.constants = {{"pcn_config", bytes_of(constants.ingress)},
                                         {"pcn_egress_config", bytes_of(constants.host_egress)}},
                           .programs = {"pcn_egress"},
                           .maps = tc_panel_->shared_maps()};
  for (const auto& [name, map] : maps_) options.maps.emplace(name, map.fd());
  if (programs.own_entries)
    for (const CubeGate& gate : gates) options.variants.push_back(variant_for(gate));
  PCN_ASSIGN(bpf::LoadedObject loaded, object.load(options));
  PCN_ASSIGN(programs.host_egress, take(loaded, "pcn_egress", object));
  maps_.merge(loaded.maps);
  programs.own_entries = programs.own_entries && take_entries(loaded, gates, programs);
  return {};
}

// The engine's entry program for each gate; those that are there already serve on.
Result<> Cube::load_entries(const std::set<CubeGate>& gates, const EntryObjects& objects,
                            CubePrograms& programs) const {
  for (const CubeGate& gate : gates) {
    auto known = programs_.entries.find(gate);
    if (!programs_.own_entries && known != programs_.entries.end()) {
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

Result<> Cube::set_slots(const CubePrograms& programs) const {
  if (flood_slot_) PCN_TRY(flood_slot_->set(programs.flood));
  if (out_slot_) PCN_TRY(out_slot_->set(programs.out));
  if (egress_slot_) PCN_TRY(egress_slot_->set(programs.egress));
  if (host_egress_slot_) PCN_TRY(host_egress_slot_->set(programs.host_egress));
  return slot_.set(programs.ingress);
}

Result<CubePrograms> Cube::install(CubePrograms programs) {
  if (auto done = set_slots(programs); !done) {
    if (programs_.ingress) (void)set_slots(programs_);
    return tl::unexpected<Error>(done.error());
  }
  std::swap(programs_, programs);
  return programs;
}

Result<TableAccess> Cube::table(const model::TableBinding& binding) const {
  const BoundTable* bound = package_->table(binding);
  auto map = maps_.find(binding.table);
  if (bound == nullptr || map == maps_.end())
    return fail(ErrorCode::data_missing, "table {} does not exist", binding.table);
  return TableAccess{map->second, *bound};
}

Result<MapAccess> Cube::map(const std::string& table) const {
  auto found = maps_.find(table);
  if (found == maps_.end() || !Package::is_own_table(table))
    return fail(ErrorCode::data_missing, "table {} does not exist", table);
  return MapAccess{found->second};
}

const bpf::Map* Cube::shared(const std::string& name) const {
  auto map = maps_.find(name);
  return map == maps_.end() ? nullptr : &map->second;
}

Result<pcn_stats> Cube::total() const {
  pcn_stats sum{};
  const __u32 zero = 0;
  PCN_ASSIGN(bpf::Bytes all, maps_.at("pcn_stats").lookup(std::as_bytes(std::span(&zero, 1))));
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
