// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_parts.h"

#include <linux/bpf.h>

#include <algorithm>

#include "base/log.h"
#include "engine/log_reader.h"
#include "engine/port_names.h"

namespace polycube::engine {

using topology::Direction;
using topology::Gate;
using topology::Hook;
using topology::Wire;

namespace {

std::string_view level_names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERR", "CRITICAL", "OFF"};

std::uint16_t level_number(const std::string& name) {
  auto found = std::find(std::begin(level_names), std::end(level_names), name);
  return static_cast<std::uint16_t>(found - std::begin(level_names));
}

// Whether one of the ways out of a cube's programs is such.
bool any_wire(const topology::CubeWires& wires, const std::function<bool(const Wire&)>& predicate) {
  for (const auto* one : {&wires.ingress, &wires.egress, &wires.host_egress})
    if (std::any_of(one->begin(), one->end(), [&](const auto& wire) { return predicate(wire.second); })) return true;
  return false;
}

// Passes on what a step that concerns one cube alone gives.
template <typename T>
Result<T> blame(const Transaction& transaction, const std::string& cube, Result<T> done) {
  if (!done && transaction.culprit != nullptr) transaction.culprit->cube = cube;
  return done;
}

// Whose gate this is, for messages.
std::string owner_of(const Transaction& transaction, const Gate& gate) {
  const Wire& first = transaction.wiring.gates.at(gate);
  for (const auto& [name, wires] : transaction.wiring.cubes) {
    for (const auto& [index, peer] : wires.peers) {
      if (peer.kind != Wire::Kind::device || peer.device != gate.device) continue;
      for (const auto& [port_name, port] : transaction.after.cubes.at(name).ports)
        if (port.index == index) return fmt::format("port {}:{}", name, port_name);
    }
  }
  return fmt::format("cube {}", first.cube);
}

}  // namespace

Result<> Engine::prepare(const Transaction& transaction, Staged& staged) {
  PCN_TRY(prepare_roots(transaction, staged));
  PCN_TRY(prepare_cubes(transaction, staged));
  return attach_roots(transaction, staged);
}

// The panel slot that a wire leads to.
std::uint16_t Engine::slot_of(const Wire& wire, bool host, Staged& staged) {
  const Cube& cube = *find(wire.cube, staged);
  if (wire.direction == Direction::ingress) return cube.slot();
  return host ? cube.host_egress_slot() : cube.egress_slot();
}

// What one program does with packets: `own_exits` of its first ports need no direct jumps besides; `host`: it is one for
// packets of the host.
void Engine::set_wires(pcn_config& config, const topology::Wires& wires, Hook hook, const Exits& exits,
                       Staged& staged) {
  for (const auto& [port, wire] : wires) {
    pcn_wire& entry = config.wires[port % PCN_MAX_PORTS];
    if (wire.kind == Wire::Kind::device) {
      entry = {.target = static_cast<__u32>(wire.device),
               .kind = PCN_WIRE_DEVICE,
               .port = root({wire.device, hook, Direction::ingress}, staged).slot()};
    } else if (wire.kind == Wire::Kind::pass) {
      entry = {.target = static_cast<__u32>(wire.device),
               .kind = PCN_WIRE_PASS,
               .port = static_cast<__u16>(wire.direction == Direction::egress ? PCN_EGRESS : PCN_INGRESS)};
    } else if (wire.kind == Wire::Kind::cube) {
      const std::uint16_t slot = slot_of(wire, exits.host, staged);
      auto* end = config.slots + config.direct;
      auto* direct = std::find(config.slots, end, slot);
      __u16 kind = PCN_WIRE_CUBE;
      // Each jump with a constant index has to be patched whenever the slot's program is replaced.
      if (port >= exits.own && direct == end && config.direct < exits.direct) config.slots[config.direct++] = slot;
      if (direct < config.slots + config.direct) kind = static_cast<__u16>(PCN_WIRE_DIRECT + (direct - config.slots));
      entry = {.target = slot, .kind = kind, .port = wire.port};
    }
  }
}

Result<CubeConstants> Engine::make_constants(const Transaction& transaction, const std::string& name, Staged& staged) {
  const topology::Cube& cube = transaction.after.cubes.at(name);
  const topology::CubeWires& wires = wires_of(transaction.wiring, name);
  Cube& running = *find(name, staged);
  const Package& package = running.package();
  CubeConstants constants;
  pcn_config base{};
  if (package.transparent()) base.ports = 2;
  for (const auto& [port_name, port] : cube.ports)
    base.ports = std::max<__u16>(base.ports, static_cast<__u16>(port.index + 1));
  base.log_level = level_number(cube.log_level);
  base.trace = static_cast<__u16>(tracing_);
  base.cube = trace_number(family_of(cube.hook), running.slot());
  constants.ingress = base;
  constants.ingress.counted_later = package.egress() && !package.transparent();
  const unsigned own = package.transparent() || tracing_ != Tracing::off ? 0 : PCN_OWN_EXITS;
  set_wires(constants.ingress, wires.ingress, cube.hook, {.own = own, .direct = PCN_MAX_DIRECT, .host = false}, staged);
  if (package.egress()) {
    constants.egress = base;
    set_wires(constants.egress, wires.egress, cube.hook, {.own = 0, .direct = PCN_MAX_DIRECT, .host = false}, staged);
  }
  if (!wires.host_egress.empty()) {
    constants.host_egress = base;
    set_wires(constants.host_egress, wires.host_egress, cube.hook, {.own = 0, .direct = PCN_MAX_DIRECT, .host = true},
              staged);
  }
  if (package.sends()) {
    constants.out = base;
    constexpr Exits seldom{.own = 0, .direct = 0, .host = false};
    if (!package.egress() || package.transparent()) set_wires(constants.out, wires.ingress, cube.hook, seldom, staged);
    if (package.egress()) set_wires(constants.out, wires.egress, cube.hook, seldom, staged);
    // What is brought to the host behind generic XDP would pass that once more.
    if (cube.hook == Hook::xdp_skb)
      for (pcn_wire& wire : constants.out.wires)
        if (wire.kind == PCN_WIRE_PASS) wire.target = 0;
  }
  if (auto gates = staged.gates.find(name); gates != staged.gates.end()) constants.gates = gates->second;
  const Family family = family_of(cube.hook);
  const bool leads_to_cubes = std::any_of(wires.ingress.begin(), wires.ingress.end(),
                                          [](const auto& wire) { return wire.second.kind == Wire::Kind::cube; });
  if (attached_ && package.floods() && (leads_to_cubes || family == Family::xdp)) {
    PCN_ASSIGN(Injector * device, injector(family));
    constants.ingress.injector = static_cast<__u32>(device->receiver());
    constants.ingress.flood_slot = running.flood_slot();
  }
  return constants;
}

Cube::EntryObjects Engine::entry_objects(const Cube& cube) const {
  return {platforms_.at(family_of(cube.hook()))->objects->entry, platforms_.at(Family::tc)->objects->entry};
}

Result<> Engine::load(const std::string& name, Staged& staged) {
  Cube& cube = *find(name, staged);
  Staged::Load& load = staged.loads.at(name);
  const std::lock_guard lock(programs_mutex_);
  auto programs = cube.load(load.constants, entry_objects(cube));
  if (!programs) return fail_with(programs.error(), fmt::format("cube {}", name));
  load.programs = std::move(*programs);
  return {};
}

// From the beginning: lines are logged as soon as there are packets.
Result<> Engine::follow_log(Cube& cube) {
  if (!attached_ || cube.log_ring() == nullptr || cube.follows_log) return {};
  const auto reader = std::make_shared<LogReader>(
      cube.name(), [&cube] { return cube.lost_log_lines().value_or(0); },
      [](spdlog::level::level_enum level, const std::string& text, std::chrono::system_clock::time_point time) {
        log::write(level, text, time);
      });
  PCN_ASSIGN(
      cube.log,
      slow_path_->subscribe(
          *cube.log_ring(),
          SlowPath::Reader{
              .record = [reader](std::span<const std::byte> line) { reader->read(line, LogReader::Clock::now()); },
              .pause = std::chrono::milliseconds(20),
              .served = [reader] { return reader->report(LogReader::Clock::now()); }}));
  cube.follows_log = true;
  return {};
}

Result<> Engine::prepare_cubes(const Transaction& transaction, Staged& staged) {
  for (const auto& [name, cube] : transaction.after.cubes) {
    if (stays(transaction, name)) continue;
    const Package* package = transaction.packages.at(cube.service);
    Platform& platform = *platforms_.at(family_of(cube.hook));
    const Cube::Surroundings surroundings{*platform.panel, *platforms_.at(Family::tc)->panel, tables_, pins_.get()};
    PCN_ASSIGN(auto created,
               blame(transaction, name, Cube::create(surroundings, name, *package, cube.hook, cube.uuid)));
    if (const auto codes = transaction.programs.find(name); codes != transaction.programs.end())
      created->set_programs(codes->second);
    staged.created.emplace(name, std::move(created));
    if (attached_ && package->sends()) PCN_TRY(injector(family_of(cube.hook)));
  }
  for (const auto& [name, cube] : transaction.after.cubes) {
    const bool created = staged.created.contains(name);
    const topology::CubeWires& wires = wires_of(transaction.wiring, name);
    Cube& running = *find(name, staged);
    const bool others_are_new = any_wire(wires, [&](const Wire& wire) {
      return staged.created.contains(wire.cube) ||
             (wire.kind == Wire::Kind::device && staged.roots.contains({wire.device, cube.hook, Direction::ingress}));
    });
    const auto gates = staged.gates.find(name);
    const bool same_gates =
        gates == staged.gates.end() ? running.constants().gates.empty() : gates->second == running.constants().gates;
    const bool same_tracing = running.constants().ingress.trace == static_cast<__u16>(tracing_);
    if (!created && !others_are_new && same_gates && same_tracing && running.wires == wires &&
        transaction.before.cubes.at(name) == cube)
      continue;
    PCN_ASSIGN(CubeConstants constants, make_constants(transaction, name, staged));
    if (!created && constants == running.constants()) continue;
    staged.loads.emplace(name, Staged::Load{std::move(constants), {}});
    if (created || wire_change(name, staged) != WireChange::loses)
      PCN_TRY(blame(transaction, name, load(name, staged)));
    if (created)
      if (auto done = blame(transaction, name, follow_log(running)); !done)
        return fail_with(done.error(), fmt::format("cube {}", name));
    if (attached_ && created && running.injector_map() != nullptr) {
      PCN_ASSIGN(Injector * device, injector(Family::xdp));
      PCN_TRY(device->put_into(*running.injector_map()));
    }
  }
  put_back(transaction, staged);
  // Nobody sees the tables of a new cube yet.
  for (const auto& [name, changes] : transaction.tables) {
    if (!staged.created.contains(name)) continue;
    const PortNames ports = port_names(transaction.after.cubes.at(name));
    for (const TableChange& change : changes) {
      PCN_ASSIGN(TableAccess table, staged.created.at(name)->table(*change.binding));
      if (auto done = blame(transaction, name, table.apply(change.changes, ports, ports, nullptr)); !done)
        return fail_with(done.error(), fmt::format("cube {}", name));
    }
  }
  return {};
}

// What was written by a transaction that came to nothing; what cannot be found any more needs no putting back, and what was in
// a table of another form cannot be told in this one.
void Engine::put_back(const Transaction& transaction, Staged& staged) {
  std::set<std::pair<std::string, std::string>> other_forms;
  for (const OldElement& old : transaction.interrupted) {
    for (const auto& [name, cube] : staged.created) {
      if (transaction.after.cubes.at(name).uuid != old.cube) continue;
      const auto access = cube->map(old.table);
      if (!access) continue;
      if (fingerprint(access->table->shape()) != old.layout) {
        if (other_forms.emplace(name, old.table).second)
          log::warn("table {} of cube {} had another form when a change was interrupted: what that wrote stays in it",
                    old.table, name);
        continue;
      }
      const bpf::Map& map = access->table->map();
      const auto& [key, value] = old.element;
      if (key.size() != map.info().key_size || (value && value->size() != map.lookup_size())) continue;
      if (auto done = value ? map.update(key, *value) : map.remove(key); !done)
        log::error("cube {}: {}", name, done.error().message);
    }
  }
}

Result<> Engine::prepare_roots(const Transaction& transaction, Staged& staged) {
  for (const auto& [gate, first] : transaction.wiring.gates) {
    staged.gates[first.cube].emplace(first.direction, first.port);
    auto known = roots_.find(gate);
    if (known != roots_.end() && known->second.root.attached()) continue;
    Platform& platform = *platforms_.at(family_of(gate.hook));
    PCN_ASSIGN(Root root, Root::create(*platform.panel, platform.objects->root, gate.device));
    if (tracing_ == Tracing::on) PCN_TRY(root.put_tracer(*platform.panel, platform.objects->tracer, gate));
    staged.roots.emplace(gate, std::move(root));
  }
  return {};
}

// The last that is prepared, since devices may notice it: nothing but the kernel's refusal to attach is in the way now.
Result<> Engine::attach_roots(const Transaction& transaction, Staged& staged) {
  if (!attached_) return {};
  for (auto& [gate, root] : staged.roots) {
    make_way(transaction, gate, staged);
    if (auto done = root.attach(device_name(transaction.devices, gate.device), gate, pins_.get()); !done) {
      if (transaction.culprit != nullptr) transaction.culprit->device = gate.device;
      return fail_with(done.error(), owner_of(transaction, gate));
    }
  }
  return {};
}

// A device has one XDP program: that of the other XDP hook goes first if nobody wants it any more.
void Engine::make_way(const Transaction& transaction, const Gate& gate, Staged& staged) {
  const Hook hook = gate.hook == Hook::xdp_drv ? Hook::xdp_skb : Hook::xdp_drv;
  const Gate other{gate.device, hook, gate.direction};
  auto entry = roots_.find(other);
  if (gate.hook == Hook::tc || entry == roots_.end() || transaction.wiring.gates.contains(other)) return;
  entry->second.root.detach();
  staged.undo.add([this, &staged, gate, &old = entry->second.root, other,
                   name = device_name(transaction.devices, gate.device)]() -> Result<> {
    staged.roots.at(gate).detach();
    auto again = old.attach(name, other, pins_.get());
    return again ? again : Result<>(fail_with(again.error(), fmt::format("{}", topology::to_string(other.hook))));
  });
}

}  // namespace polycube::engine
