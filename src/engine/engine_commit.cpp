// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_parts.h"

#include <algorithm>

#include "base/log.h"
#include "engine/port_names.h"

namespace polycube::engine {

using topology::Wire;

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
      PCN_ASSIGN(const MapAccess map, cubes_.at(name)->map(change.binding->table));
      PCN_ASSIGN(auto affected, table.affected(change.changes, before, after));
      const std::string layout = fingerprint(map.table->shape());
      for (auto& element : affected) elements.push_back({cube.uuid, change.binding->table, layout, std::move(element)});
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
  class Scope {
   public:
    Scope(const Staged*& current, const Staged& staged) : current_(current) { current_ = &staged; }
    ~Scope() { current_ = nullptr; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    const Staged*& current_;
  };
  const Scope scope(in_control_, staged);
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
        (void)running->set_counted_before(index, old);
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
    PCN_ASSIGN(programs, cube.load(programs.constants, entry_objects(cube)));
  }
  return cube.install(std::move(programs));
}

Result<> Engine::install(const std::string& name, Staged& staged) {
  auto& programs = staged.loads.at(name).programs;
  Cube& cube = *find(name, staged);
  auto old = put_in_place(cube, std::move(programs));
  const bool created = staged.created.contains(name);
  if (!old) {
    // Some of its slots may have other programs by now.
    if (!created)
      staged.undo.add([this, &cube] {
        const std::lock_guard lock(programs_mutex_);
        return cube.put_slots_back();
      });
    return fail_with(old.error(), fmt::format("cube {}", name));
  }
  if (created) return {};
  staged.undo.add([this, &cube, previous = std::make_shared<CubePrograms>(std::move(*old))]() -> Result<> {
    auto done = put_in_place(cube, std::move(*previous));
    return done ? Result<>() : Result<>(fail_with(done.error(), fmt::format("programs of cube {}", cube.name())));
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
    Result<> all;
    for (auto& [gate, entry] : roots_)
      if (auto done = lead(entry.root, *cubes_.at(entry.cube), entry.where); !done)
        all = fail_with(done.error(), fmt::format("where packets of interface {} enter", gate.device));
    return all;
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
    if (auto done = root.take_over(); !done) {
      if (transaction.culprit != nullptr) transaction.culprit->device = gate.device;
      return fail_with(done.error(), device_name(transaction.devices, gate.device));
    }
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
  release_retired();
  forget_ports(transaction);
}

// To empty a slot takes a grace period of its own, 20 ms, for as long as there is a program that jumps there directly, and
// the cubes of a chain jump to each other. So the programs of many go first, all at once.
void Engine::part_retired_cubes() {
  constexpr std::size_t few = 2;
  if (retired_.cubes.size() <= few) return;
  const auto drop_tc = bpf::Program::make_drop(BPF_PROG_TYPE_SCHED_CLS);
  const auto drop_xdp = bpf::Program::make_drop(BPF_PROG_TYPE_XDP);
  if (!drop_tc || !drop_xdp) return;  // then it takes its time
  {
    const std::lock_guard lock(programs_mutex_);
    for (const auto& cube : retired_.cubes) cube->retire(*drop_tc, *drop_xdp);
  }
  (void)bpf::wait_for_running_programs();  // after which the kernel frees them
}

void Engine::release_retired() {
  if (retired_.slots.empty() && retired_.roots.empty() && retired_.cubes.empty()) return;
  if (auto waited = try_twice(bpf::wait_for_running_programs)) {
    retired_.slots.clear();
    retired_.roots.clear();
    part_retired_cubes();
    retired_.cubes.clear();
  } else {
    log::error("cannot wait for running programs, what they may still use is kept until the next change: {}",
               waited.error().message);
  }
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

}  // namespace polycube::engine
