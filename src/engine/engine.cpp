// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include <linux/bpf.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/log.h"
#include "engine/log_reader.h"
#include "engine/port_names.h"

namespace polycube::engine {

using topology::Direction;
using topology::Gate;
using topology::Hook;
using topology::Wire;

struct Engine::Platform {
  std::unique_ptr<Panel> panel;
  bpf::ObjectFile root;
  bpf::ObjectFile entry;
  bpf::ObjectFile injector;
};

struct Engine::Staged {
  std::map<std::string, std::unique_ptr<Cube>> created;
  struct Load {
    CubeConstants constants;
    CubePrograms programs;  ///< of a cube that only loses wires not before the others are replaced
  };
  std::map<std::string, Load> loads;  ///< cubes that are created or get other constants
  std::map<Gate, Root> roots;
  std::map<std::string, std::set<CubeGate>> gates;  ///< by cube
  std::uint64_t masters_replaced = 0;               ///< before its cubes were loaded
  Undo undo;                                        // last: runs before what it refers to goes away
};

namespace {

std::string_view level_names[] = {"TRACE", "DEBUG", "INFO", "WARN", "ERR", "CRITICAL", "OFF"};

std::uint16_t level_number(const std::string& name) {
  auto found = std::find(std::begin(level_names), std::end(level_names), name);
  return static_cast<std::uint16_t>(found - std::begin(level_names));
}

const topology::CubeWires& wires_of(const topology::Wiring& wiring, const std::string& cube) {
  static const topology::CubeWires none;
  auto found = wiring.cubes.find(cube);
  return found == wiring.cubes.end() ? none : found->second;
}

// Whether one of the ways out of a cube's programs is such.
bool any_wire(const topology::CubeWires& wires, const std::function<bool(const Wire&)>& predicate) {
  for (const auto* one : {&wires.ingress, &wires.egress, &wires.host_egress})
    if (std::any_of(one->begin(), one->end(), [&](const auto& wire) { return predicate(wire.second); })) return true;
  return false;
}

std::string device_name(const topology::Devices& devices, int index) {
  for (const auto& [name, device] : devices)
    if (device.index == index) return name;
  return fmt::format("#{}", index);
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

bool stays(const Transaction& transaction, const std::string& name) {
  return topology::stays(transaction.before, transaction.after, name);
}

// A cube without a program for the gate has other wires just now, as when its programs cannot go back to what they were:
// the device leads where it did.
Result<> lead(Root& root, const Cube& cube, const CubeGate& where) {
  return cube.has_entry(where) ? root.steer(cube.entry(where)) : Result<>();
}

}  // namespace

Engine::~Engine() {
  if (pins_ && pins_->leaving()) return;
  for (auto& [key, entry] : roots_) entry.root.detach();
  (void)bpf::wait_for_running_programs();
}

void Engine::leave() {
  if (pins_) pins_->leave();
}

Result<> Engine::settle() { return pins_ ? pins_->settle(Injector::remove) : Result<>(); }

Result<std::unique_ptr<Engine>> Engine::create(const std::filesystem::path& programs,
                                               const std::filesystem::path& pin_dir) {
  std::unique_ptr<Engine> engine(new Engine);
  if (!pin_dir.empty()) {
    PCN_ASSIGN(engine->pins_, Pins::open(pin_dir));
  }
  for (Family family : {Family::tc, Family::xdp}) {
    const std::string suffix = family == Family::tc ? ".tc.o" : ".xdp.o";
    PCN_ASSIGN(auto panel, Panel::create(family, engine->pins_.get()));
    PCN_ASSIGN(auto root, bpf::ObjectFile::read(programs / ("root" + suffix)));
    PCN_ASSIGN(auto entry, bpf::ObjectFile::read(programs / ("entry" + suffix)));
    PCN_ASSIGN(auto injector, bpf::ObjectFile::read(programs / ("injector" + suffix)));
    engine->platforms_.emplace(family,
                               new Platform{std::move(panel), std::move(root), std::move(entry), std::move(injector)});
  }
  PCN_ASSIGN(auto flood, bpf::ObjectFile::read(programs / "flood.tc.o"));
  engine->flood_ = std::make_unique<bpf::ObjectFile>(std::move(flood));
  PCN_ASSIGN(engine->slow_path_, SlowPath::start());
  return engine;
}

const Cube* Engine::cube(const std::string& name) const {
  if (in_control_ != nullptr)
    if (auto created = in_control_->created.find(name); created != in_control_->created.end())
      return created->second.get();
  auto found = cubes_.find(name);
  return found == cubes_.end() ? nullptr : found->second.get();
}

bool Engine::has_lost_device() const {
  return std::any_of(roots_.begin(), roots_.end(), [](const auto& entry) { return !entry.second.root.attached(); });
}

Result<SlowPath::Subscription> Engine::subscribe(const std::string& cube, SlowPath::Handler handler,
                                                 SlowPath::Gate gate) {
  auto found = cubes_.find(cube);
  const bpf::Map* ring = found == cubes_.end() ? nullptr : found->second->controller_ring();
  if (ring == nullptr) return fail(ErrorCode::data_missing, "cube {} has no slow path", cube);
  return slow_path_->subscribe(*ring, std::move(handler), std::move(gate));
}

Result<std::vector<SlowPath::Subscription>> Engine::subscribe_records(const std::string& cube,
                                                                      const RecordHandler& handler,
                                                                      const SlowPath::Gate& gate) {
  std::vector<SlowPath::Subscription> subscriptions;
  const Cube* found = this->cube(cube);
  if (found == nullptr) return subscriptions;
  for (const std::string& name : found->rings()) {
    PCN_ASSIGN(const MapAccess ring, found->map(name));
    SlowPath::Reader reader;
    reader.gate = gate;
    reader.record = [handler, name](std::span<const std::byte> record) { handler(name, record); };
    PCN_ASSIGN(SlowPath::Subscription subscription, slow_path_->subscribe(ring.table->map(), std::move(reader)));
    subscriptions.push_back(std::move(subscription));
  }
  return subscriptions;
}

Result<Outlet> Engine::outlet(const std::string& cube) const {
  const Cube* found = this->cube(cube);
  const auto slot = found == nullptr ? std::nullopt : found->out_slot();
  if (!slot) return fail(ErrorCode::data_missing, "cube {} has no slow path", cube);
  return Outlet(injectors_.at(family_of(found->hook())),
                {.in = found->slot(),
                 .egress = found->package().transparent() ? found->egress_slot() : found->slot(),
                 .onward = *slot});
}

bool Engine::owns(int device) const {
  return std::any_of(injectors_.begin(), injectors_.end(),
                     [&](const auto& injector) { return injector.second.owns(device); });
}

Cube* Engine::find(const std::string& name, Staged& staged) {
  if (auto created = staged.created.find(name); created != staged.created.end()) return created->second.get();
  auto found = cubes_.find(name);
  return found == cubes_.end() ? nullptr : found->second.get();
}

const Root& Engine::root(const Gate& gate, const Staged& staged) const {
  auto prepared = staged.roots.find(gate);
  return prepared == staged.roots.end() ? roots_.at(gate).root : prepared->second;
}

Result<Injector*> Engine::injector(Family family) {
  if (auto found = injectors_.find(family); found != injectors_.end()) return &found->second;
  const Platform& tc = *platforms_.at(Family::tc);
  const Platform& xdp = *platforms_.at(Family::xdp);
  const Injector::Entry enter_tc{*tc.panel, tc.injector, "pcn_inject"};
  const Injector::Entry call_flood{*tc.panel, *flood_, "pcn_call_flood"};
  const Injector::Entry enter_xdp{*xdp.panel, xdp.injector, "pcn_inject"};
  PCN_ASSIGN(Injector injector, family == Family::tc ? Injector::create(family, enter_tc, nullptr, pins_.get())
                                                     : Injector::create(family, call_flood, &enter_xdp, pins_.get()));
  return &injectors_.emplace(family, std::move(injector)).first->second;
}

Result<> Engine::apply(const Transaction& transaction) {
  std::set<Family> had_injector;
  for (const auto& [family, injector] : injectors_) had_injector.insert(family);
  Result<> done = carry_out(transaction);
  if (!done) std::erase_if(injectors_, [&](const auto& injector) { return !had_injector.contains(injector.first); });
  return done;
}

Result<> Engine::carry_out(const Transaction& transaction) {
  Staged staged;
  {
    const std::lock_guard lock(programs_mutex_);
    staged.masters_replaced = masters_replaced_;
  }
  PCN_TRY(prepare(transaction, staged));
  PCN_TRY(commit(transaction, staged));
  staged.undo.keep();
  finish(transaction, staged);
  return {};
}

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
  constants.ingress = base;
  constants.ingress.counted_later = package.egress() && !package.transparent();
  const unsigned own = package.transparent() ? 0 : PCN_OWN_EXITS;
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
  if (package.floods() && (leads_to_cubes || family == Family::xdp)) {
    PCN_ASSIGN(Injector * device, injector(family));
    constants.ingress.injector = static_cast<__u32>(device->receiver());
    constants.ingress.flood_slot = running.flood_slot();
  }
  return constants;
}

Cube::EntryObjects Engine::entry_objects(const Cube& cube) const {
  return {platforms_.at(family_of(cube.hook()))->entry, platforms_.at(Family::tc)->entry};
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
  if (cube.log_ring() == nullptr || cube.follows_log) return {};
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
    PCN_ASSIGN(auto created, Cube::create(surroundings, name, *package, cube.hook, cube.uuid));
    staged.created.emplace(name, std::move(created));
    if (package->sends()) PCN_TRY(injector(family_of(cube.hook)));
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
    if (!created && !others_are_new && same_gates && running.wires == wires &&
        transaction.before.cubes.at(name) == cube)
      continue;
    PCN_ASSIGN(CubeConstants constants, make_constants(transaction, name, staged));
    if (!created && constants == running.constants()) continue;
    staged.loads.emplace(name, Staged::Load{std::move(constants), {}});
    if (created || wire_change(name, staged) != WireChange::loses) PCN_TRY(load(name, staged));
    if (created) PCN_TRY(follow_log(running));
    if (created && running.injector_map() != nullptr) {
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
      PCN_TRY(table.apply(change.changes, ports, ports, nullptr));
    }
  }
  return {};
}

// What was written by a transaction that came to nothing; what cannot be found any more needs no putting back.
void Engine::put_back(const Transaction& transaction, Staged& staged) {
  for (const OldElement& old : transaction.interrupted) {
    for (const auto& [name, cube] : staged.created) {
      if (transaction.after.cubes.at(name).uuid != old.cube) continue;
      const auto access = cube->map(old.table);
      if (!access) continue;
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
    PCN_ASSIGN(Root root, Root::create(*platform.panel, platform.root, gate.device));
    staged.roots.emplace(gate, std::move(root));
  }
  return {};
}

// The last that is prepared, since devices may notice it: nothing but the kernel's refusal to attach is in the way now.
Result<> Engine::attach_roots(const Transaction& transaction, Staged& staged) {
  for (auto& [gate, root] : staged.roots) {
    make_way(transaction, gate, staged);
    if (auto done = root.attach(device_name(transaction.devices, gate.device), gate, pins_.get()); !done)
      return fail_with(done.error(), owner_of(transaction, gate));
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
                   name = device_name(transaction.devices, gate.device)] {
    staged.roots.at(gate).detach();
    if (auto again = old.attach(name, other, pins_.get()); !again)
      log::error("cannot go back to {} on device {}: {}", topology::to_string(other.hook), name, again.error().message);
  });
}

// Tells what write_tables() is about to overwrite.
Result<> Engine::intend(const Transaction& transaction) const {
  if (!transaction.intend || !pins_) return {};
  std::vector<OldElement> elements;
  for (const auto& [name, changes] : transaction.tables) {
    if (!stays(transaction, name)) continue;
    const topology::Cube& cube = transaction.before.cubes.at(name);
    const PortNames before = port_names(cube);
    const PortNames after = port_names(transaction.after.cubes.at(name));
    for (const TableChange& change : changes) {
      PCN_ASSIGN(const TableAccess table, cubes_.at(name)->table(*change.binding));
      PCN_ASSIGN(auto affected, table.affected(change.changes, before, after));
      for (auto& element : affected) elements.push_back({cube.uuid, change.binding->table, std::move(element)});
    }
  }
  return elements.empty() ? Result<>() : transaction.intend(elements);
}

Result<> Engine::write_tables(const Transaction& transaction, Staged& staged) {
  PCN_TRY(intend(transaction));
  for (const auto& [name, changes] : transaction.tables) {
    if (!stays(transaction, name)) continue;
    const PortNames before = port_names(transaction.before.cubes.at(name));
    const PortNames after = port_names(transaction.after.cubes.at(name));
    for (const TableChange& change : changes) {
      PCN_ASSIGN(TableAccess table, cubes_.at(name)->table(*change.binding));
      if (auto done = table.apply(change.changes, before, after, &staged.undo); !done)
        return fail_with(done.error(), fmt::format("cube {}", name));
    }
  }
  return {};
}

Result<> Engine::call_control(const Transaction& transaction, Staged& staged) {
  if (!transaction.control) return {};
  struct Scope {
    const Staged*& staged;
    ~Scope() { staged = nullptr; }
  };
  in_control_ = &staged;
  const Scope scope{in_control_};
  return transaction.control(staged.undo);
}

// Ports that are new on a cube that stays; the program need not change for it.
Result<> Engine::start_counting(const Transaction& transaction, Staged& staged) {
  for (const auto& [name, cube] : transaction.after.cubes) {
    if (!stays(transaction, name)) continue;
    const auto& before = transaction.before.cubes.at(name).ports;
    if (before == cube.ports) continue;
    Cube* running = cubes_.at(name).get();
    for (const auto& [port_name, port] : cube.ports) {
      if (before.contains(port_name)) continue;
      staged.undo.add([running, index = port.index, old = running->counted_before(port.index)] {
        running->set_counted_before(index, old);
      });
      PCN_TRY(running->start_counting(port.index));
    }
  }
  return {};
}

// What happens to the wires of a cube that gets another program.
Engine::WireChange Engine::wire_change(const std::string& name, const Staged& staged) const {
  const CubeConstants& constants = staged.loads.at(name).constants;
  const CubeConstants& old = cubes_.at(name)->constants();
  bool gains = false;
  bool loses = false;
  for (const auto config : {&CubeConstants::ingress, &CubeConstants::egress, &CubeConstants::host_egress}) {
    for (std::size_t port = 0; port < PCN_MAX_PORTS; port++) {
      const pcn_wire& wire = (constants.*config).wires[port];
      const pcn_wire& before = (old.*config).wires[port];
      // Numbers of direct jumps may change without the wire leading elsewhere.
      const bool same = wire.target == before.target && wire.port == before.port &&
                        (wire.kind == PCN_WIRE_NONE) == (before.kind == PCN_WIRE_NONE);
      if (same) continue;
      gains = gains || wire.kind != PCN_WIRE_NONE;
      loses = loses || before.kind != PCN_WIRE_NONE;
    }
  }
  if (gains == loses) return WireChange::other;
  return gains ? WireChange::gains : WireChange::loses;
}

// Programs that a control plane added, replaced or removed since they were loaded are loaded again. Returns those before.
Result<CubePrograms> Engine::put_in_place(Cube& cube, CubePrograms programs) const {
  const std::lock_guard lock(programs_mutex_);
  if (programs.version != cube.version()) {
    auto again = cube.load(programs.constants, entry_objects(cube));
    if (!again) return fail_with(again.error(), fmt::format("cube {}", cube.name()));
    programs = std::move(*again);
  }
  return cube.install(std::move(programs));
}

Result<> Engine::install(const std::string& name, Staged& staged) {
  auto& programs = staged.loads.at(name).programs;
  Cube& cube = *find(name, staged);
  PCN_ASSIGN(CubePrograms old, put_in_place(cube, std::move(programs)));
  if (staged.created.contains(name)) return {};
  staged.undo.add([this, &cube, previous = std::make_shared<CubePrograms>(std::move(old))] {
    if (auto done = put_in_place(cube, std::move(*previous)); !done)
      log::error("programs cannot go back to what they were: {}", done.error().message);
  });
  return {};
}

// Leads devices to what their packets enter: those that lead elsewhere now, and those of cubes with a new program.
Result<> Engine::steer_roots(const Transaction& transaction, const std::set<std::string>& cubes, Staged& staged) {
  const std::lock_guard lock(programs_mutex_);  // a control plane may replace the master, and with it these programs
  for (const auto& [gate, first] : transaction.wiring.gates) {
    const CubeGate where(first.direction, first.port);
    auto staged_root = staged.roots.find(gate);
    auto entry = roots_.find(gate);
    const bool stays_here =
        staged_root == staged.roots.end() && entry->second.cube == first.cube && entry->second.where == where;
    if (stays_here && !cubes.contains(first.cube)) continue;
    Root& root = staged_root != staged.roots.end() ? staged_root->second : entry->second.root;
    PCN_TRY(lead(root, *find(first.cube, staged), where));
  }
  return {};
}

Result<> Engine::commit(const Transaction& transaction, Staged& staged) {
  // Runs last when the transaction is taken back: by then the cubes have their old programs.
  staged.undo.add([this] {
    const std::lock_guard lock(programs_mutex_);
    for (auto& [key, entry] : roots_) (void)lead(entry.root, *cubes_.at(entry.cube), entry.where);
  });
  PCN_TRY(start_counting(transaction, staged));
  PCN_TRY(forget_reused_indexes(transaction, staged));
  // New cubes and those that only gain wires first, so that whoever is led to them finds the way on; those that only lose
  // wires last, when no program that still leads there runs any more.
  std::set<std::string> first;
  std::set<std::string> rewired;
  std::set<std::string> last;
  for (const auto& [name, load] : staged.loads) {
    const WireChange change = staged.created.contains(name) ? WireChange::gains : wire_change(name, staged);
    (change == WireChange::gains ? first : change == WireChange::loses ? last : rewired).insert(name);
  }
  for (const std::string& name : first) PCN_TRY(install(name, staged));
  for (const std::string& name : rewired) PCN_TRY(install(name, staged));
  rewired.merge(first);
  PCN_TRY(steer_roots(transaction, rewired, staged));
  // Rows may name ports that the programs before did not have, and no longer name those that go away.
  PCN_TRY(write_tables(transaction, staged));
  PCN_TRY(call_control(transaction, staged));
  // Until here nothing waited for their programs, which could be refused like any other: the change has its effect sooner.
  for (const std::string& name : last) PCN_TRY(load(name, staged));
  if (!last.empty() && !rewired.empty()) PCN_TRY(bpf::wait_for_running_programs());
  for (const std::string& name : last) PCN_TRY(install(name, staged));
  if (!last.empty()) PCN_TRY(steer_roots(transaction, last, staged));
  for (auto& [gate, root] : staged.roots)
    if (auto done = root.take_over(); !done)
      return fail_with(done.error(), device_name(transaction.devices, gate.device));
  return transaction.save ? transaction.save() : Result<>();
}

void Engine::lead_roots(const Transaction& transaction, Staged& staged) {
  // Devices that lead nowhere now: no packet enters, but some may be on their way.
  const auto& wanted = transaction.wiring.gates;
  for (auto entry = roots_.begin(); entry != roots_.end();) {
    auto found = wanted.find(entry->first);
    if (found == wanted.end()) {
      entry->second.root.detach();
      retired_.roots.push_back(std::move(entry->second.root));
      entry = roots_.erase(entry);
    } else {
      entry->second.cube = found->second.cube;
      entry->second.where = {found->second.direction, found->second.port};
      ++entry;
    }
  }
  for (auto& [gate, root] : staged.roots) {
    const Wire& first = wanted.at(gate);
    if (auto lost = roots_.find(gate); lost != roots_.end()) {
      retired_.roots.push_back(std::move(lost->second.root));
      roots_.erase(lost);
    }
    roots_.emplace(gate, Entry{std::move(root), first.cube, {first.direction, first.port}});
  }
}

void Engine::take_over_cubes(const Transaction& transaction, Staged& staged) {
  for (auto cube = cubes_.begin(); cube != cubes_.end();) {
    if (stays(transaction, cube->first)) {
      ++cube;
    } else {
      retired_.cubes.push_back(std::move(cube->second));
      cube = cubes_.erase(cube);
    }
  }
  for (auto& [name, cube] : staged.created) cubes_.emplace(name, std::move(cube));
  for (const auto& [name, cube] : transaction.after.cubes) {
    auto& running = *cubes_.at(name);
    const auto& wires = wires_of(transaction.wiring, name);
    if (running.wires != wires) running.wires = wires;
  }
}

void Engine::finish(const Transaction& transaction, Staged& staged) {
  {
    const std::lock_guard lock(programs_mutex_);
    lead_roots(transaction, staged);
    take_over_cubes(transaction, staged);
    // A master that was replaced meanwhile may not have known which devices would lead to it.
    if (masters_replaced_ != staged.masters_replaced)
      for (auto& [gate, entry] : roots_) (void)lead(entry.root, *cubes_.at(entry.cube), entry.where);
  }
  if (!retired_.roots.empty() || !retired_.cubes.empty()) {
    if (auto waited = bpf::wait_for_running_programs()) {
      retired_ = {};
    } else {
      log::error("cannot wait for running programs, what they may still use is kept: {}", waited.error().message);
    }
  }
  forget_ports(transaction);
}

namespace {

// Indexes of ports that are gone; another port may have one of them now.
std::vector<std::uint16_t> freed_indexes(const topology::Cube& before, const topology::Cube& after) {
  std::vector<std::uint16_t> freed;
  for (const auto& [name, port] : before.ports)
    if (!after.ports.contains(name)) freed.push_back(port.index);
  return freed;
}

bool is_index_of_a_port(const topology::Cube& cube, std::uint16_t index) {
  return std::any_of(cube.ports.begin(), cube.ports.end(),
                     [&](const auto& port) { return port.second.index == index; });
}

// Removes the entries that the fast path made for a port, except for those of `keep`.
Result<> forget_port(const Cube& cube, std::uint16_t index, const std::vector<TableChange>& keep,
                     const PortNames& ports, Undo* undo) {
  for (const BoundTable& table : cube.package().tables()) {
    PCN_ASSIGN(TableAccess access, cube.table(*table.binding));
    if (access.map.is_array()) continue;
    static const std::vector<model::Row> none;
    auto written = std::find_if(keep.begin(), keep.end(),
                                [&](const TableChange& change) { return change.binding == table.binding; });
    PCN_TRY(access.forget_port(index, written == keep.end() ? none : written->changes.written, ports, undo));
  }
  return {};
}

}  // namespace

// A port that takes the index of one that goes away must not get what was learned about the other. This leaves what is
// learned until the new program runs; forget_ports() removes that.
Result<> Engine::forget_reused_indexes(const Transaction& transaction, Staged& staged) {
  for (const auto& [name, old] : transaction.before.cubes) {
    if (!stays(transaction, name)) continue;
    const topology::Cube& cube = transaction.after.cubes.at(name);
    if (cube == old) continue;
    for (std::uint16_t index : freed_indexes(old, cube))
      if (is_index_of_a_port(cube, index)) PCN_TRY(forget_port(*cubes_.at(name), index, {}, {}, &staged.undo));
  }
  return {};
}

// Entries that were learned about ports that are gone.
void Engine::forget_ports(const Transaction& transaction) {
  for (const auto& [name, old] : transaction.before.cubes) {
    if (!stays(transaction, name)) continue;
    const topology::Cube& cube = transaction.after.cubes.at(name);
    if (cube == old) continue;
    static const std::vector<TableChange> none;
    auto tables = transaction.tables.find(name);
    for (std::uint16_t index : freed_indexes(old, cube)) {
      auto done = forget_port(*cubes_.at(name), index, tables == transaction.tables.end() ? none : tables->second,
                              port_names(cube), nullptr);
      if (!done) log::error("cube {}: {}", name, done.error().message);
    }
  }
}

// ---- microcubes ------------------------------------------------------------------------------------------------------

Result<Microcubes> Engine::microcubes(const std::string& cube) {
  Cube* found = in_control_ == nullptr ? nullptr : [&]() -> Cube* {
    const auto created = in_control_->created.find(cube);
    return created == in_control_->created.end() ? nullptr : created->second.get();
  }();
  if (found == nullptr)
    if (const auto running = cubes_.find(cube); running != cubes_.end()) found = running->second.get();
  if (found == nullptr) return fail(ErrorCode::data_missing, "cube {} does not run", cube);
  return Microcubes(*this, *found);
}

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
