// SPDX-License-Identifier: Apache-2.0
#include "engine/cube.h"

#include <cstddef>
#include <cstring>

namespace polycube::engine {

namespace {

constexpr std::string_view drop_names[] = {"policy", "port-unwired", "no-such-port",  "jump-failed",
                                           "error",  "no-headroom",  "slow-path-full"};

}  // namespace

Result<std::unique_ptr<Cube>> Cube::create(Panel& panel, Panel& flood_panel, const Package& package,
                                           topology::Hook hook) {
  PCN_ASSIGN(PanelSlot slot, PanelSlot::allocate(panel));
  std::unique_ptr<Cube> cube(new Cube(panel, std::move(slot), package, hook));
  if (family_of(hook) == Family::xdp && package.floods()) {
    PCN_ASSIGN(PanelSlot flood_slot, PanelSlot::allocate(flood_panel));
    cube->flood_slot_.emplace(std::move(flood_slot));
  }
  if (package.slow_path()) {
    PCN_ASSIGN(PanelSlot out_slot, PanelSlot::allocate(panel));
    cube->out_slot_.emplace(std::move(out_slot));
  }
  return cube;
}

namespace {

std::span<const std::byte> bytes_of(const auto& constant) { return std::as_bytes(std::span(&constant, 1)); }

Result<bpf::Program> take(bpf::LoadedObject& loaded, const char* name, const bpf::ObjectFile& object) {
  auto found = loaded.programs.find(name);
  if (found == loaded.programs.end())
    return fail(ErrorCode::invalid_value, "{} has no program {}", object.path().string(), name);
  return std::move(found->second);
}

}  // namespace

Result<CubePrograms> Cube::load(const pcn_config& constants, const bpf::ObjectFile& entry_object) {
  std::map<std::string, int> shared = panel_->shared_maps();
  for (const auto& [name, map] : maps_) shared.emplace(name, map.fd());
  const bpf::ObjectFile& object = package_->object(family_of(hook_));
  std::vector<std::uint16_t> devices;
  for (std::uint16_t port = 0; port < PCN_MAX_PORTS; port++)
    if (constants.wires[port].kind == PCN_WIRE_DEVICE) devices.push_back(port);
  bpf::LoadOptions options{.constants = {{"pcn_config", bytes_of(constants)}}, .maps = shared};
  if (devices.size() <= max_own_entries)
    for (std::uint16_t port : devices)
      options.variants.push_back(
          {"pcn_ingress", "pcn_config", offsetof(pcn_config, entry), static_cast<std::uint16_t>(port + 1)});
  PCN_ASSIGN(bpf::LoadedObject loaded, object.load(options));
  CubePrograms programs;
  PCN_ASSIGN(programs.ingress, take(loaded, "pcn_ingress", object));
  if (flood_slot_) {
    PCN_ASSIGN(programs.flood, take(loaded, "pcn_flood", object));
  }
  if (out_slot_) {
    PCN_ASSIGN(programs.out, take(loaded, "pcn_out", object));
  }
  maps_.merge(loaded.maps);
  programs.own_entries = loaded.variants.size() == devices.size();
  for (std::size_t i = 0; i < loaded.variants.size(); i++)
    programs.entries.emplace(devices[i], std::make_shared<bpf::Program>(std::move(loaded.variants[i])));
  if (!programs.own_entries) PCN_TRY(load_entries(devices, entry_object, programs));
  return programs;
}

// The engine's entry program for each device; those that are there already serve on.
Result<> Cube::load_entries(const std::vector<std::uint16_t>& ports, const bpf::ObjectFile& object,
                            CubePrograms& programs) const {
  for (std::uint16_t port : ports) {
    auto known = programs_.entries.find(port);
    if (!programs_.own_entries && known != programs_.entries.end()) {
      programs.entries.insert(*known);
      continue;
    }
    const pcn_entry_config entry{.slot = slot(), .port = port};
    PCN_ASSIGN(bpf::LoadedObject loaded,
               object.load({.constants = {{"pcn_entry_config", bytes_of(entry)}}, .maps = panel_->shared_maps()}));
    PCN_ASSIGN(bpf::Program program, take(loaded, "pcn_entry", object));
    programs.entries.emplace(port, std::make_shared<bpf::Program>(std::move(program)));
  }
  return {};
}

Result<> Cube::set_slots(const CubePrograms& programs) const {
  if (flood_slot_) PCN_TRY(flood_slot_->set(programs.flood));
  if (out_slot_) PCN_TRY(out_slot_->set(programs.out));
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

const bpf::Map* Cube::injector_map() const {
  auto map = maps_.find("pcn_injector");
  return map == maps_.end() ? nullptr : &map->second;
}

const bpf::Map* Cube::controller_ring() const {
  auto map = maps_.find("pcn_controller");
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
