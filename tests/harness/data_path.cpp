// SPDX-License-Identifier: Apache-2.0
#include "harness/data_path.h"

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <ostream>
#include <stdexcept>

#include "engine/port_names.h"
#include "harness/must.h"
#include "harness/places.h"

namespace polycube::harness {

namespace {

Verdict verdict_of(engine::Family family, std::uint32_t code) {
  if (family == engine::Family::tc) {
    switch (static_cast<int>(code)) {
      case TC_ACT_SHOT: return Verdict::drop;
      case TC_ACT_UNSPEC: return Verdict::host;
      case TC_ACT_REDIRECT: return Verdict::redirect;
      default: return Verdict::other;
    }
  }
  switch (code) {
    case XDP_DROP: return Verdict::drop;
    case XDP_PASS: return Verdict::host;
    case XDP_REDIRECT: return Verdict::redirect;
    default: return Verdict::other;
  }
}

model::Row make_row(const model::TableBinding& binding, const Cells& cells) {
  model::Row row;
  for (const model::LeafBinding& leaf : binding.leaves) {
    auto cell = cells.find(leaf.name);
    row.push_back(cell == cells.end() ? std::nullopt : std::optional(cell->second));
  }
  return row;
}

// A map that a program uses, by name.
bpf::Map map_of(const bpf::Program& program, const std::string& name) {
  std::uint32_t ids[64] = {};
  bpf_prog_info info{};
  info.nr_map_ids = std::size(ids);
  info.map_ids = reinterpret_cast<std::uintptr_t>(ids);
  __u32 size = sizeof(info);
  if (bpf_obj_get_info_by_fd(program.fd(), &info, &size) < 0) must(fail_errno(errno, "inspect a program"));
  for (std::uint32_t i = 0; i < std::min<std::uint32_t>(info.nr_map_ids, std::size(ids)); i++) {
    Fd fd(bpf_map_get_fd_by_id(ids[i]));
    bpf_map_info map{};
    size = sizeof(map);
    if (!fd || bpf_obj_get_info_by_fd(fd.get(), &map, &size) < 0) must(fail_errno(errno, "inspect a map"));
    if (name.compare(0, BPF_OBJ_NAME_LEN - 1, map.name) != 0) continue;
    bpf::MapInfo found{.name = name,
                       .type = map.type,
                       .key_size = map.key_size,
                       .value_size = map.value_size,
                       .max_entries = map.max_entries,
                       .flags = map.map_flags};
    return bpf::Map(std::move(fd), std::move(found));
  }
  throw std::runtime_error("the program has no map " + name);
}

}  // namespace

void PrintTo(Verdict verdict, std::ostream* stream) {
  static constexpr const char* names[] = {"drop", "host", "redirect", "other"};
  *stream << names[static_cast<int>(verdict)];
}

std::string hook_name(const testing::TestParamInfo<Hook>& info) { return std::string(topology::to_string(info.param)); }

std::filesystem::path root_object(engine::Family family) {
  return places().data / "engine" / (family == engine::Family::tc ? "root.tc.o" : "root.xdp.o");
}

DataPath::DataPath() : engine_(must(engine::Engine::create(places().data / "engine"))) {}

void DataPath::add_device(const std::string& name) {
  network_.add_veth(name, far_end(name));
  topology::Device& device = devices_[name];
  device.index = static_cast<int>(if_nametoindex(name.c_str()));
  device.up = device.running = true;
}

void DataPath::remove_device(const std::string& name) {
  network_.remove_device(name);
  devices_.erase(name);
}

void DataPath::replace_device(const std::string& name) {
  network_.remove_device(name);
  network_.add_veth(name, far_end(name), devices_.at(name).index);
}

void DataPath::add_cube(const std::string& name, const Service& service, Hook hook, const Ports& ports) {
  services_[service.name] = &service;
  topology::Cube cube;
  cube.service = service.name;
  cube.hook = hook;
  cube.log_level = "INFO";
  cube.transparent = service.package->transparent();
  cube.egress = service.package->egress();
  wanted.cubes[name] = std::move(cube);
  for (const auto& [port, peer] : ports) {
    set_peer(name, port, peer);
    // In the order in which the test names them.
    wanted.cubes[name].ports[port].index = static_cast<std::uint16_t>(wanted.cubes[name].ports.size() - 1);
  }
}

void DataPath::set_peer(const std::string& cube, const std::string& port, const std::string& peer) {
  wanted.cubes.at(cube).ports[port].peer = peer;
}

void DataPath::join(const std::string& cube, const std::string& port, const std::string& other,
                    const std::string& other_port) {
  set_peer(cube, port, other + ":" + other_port);
  set_peer(other, other_port, cube + ":" + port);
}

// Several nodes may be bound to one table: the one that has all these leaves.
const model::TableBinding& DataPath::binding(const std::string& cube, const std::string& table,
                                             const Cells& cells) const {
  const Service& service = *services_.at(wanted.cubes.at(cube).service);
  for (const engine::BoundTable& bound : service.package->tables()) {
    const auto& leaves = bound.binding->leaves;
    const bool fits = std::all_of(cells.begin(), cells.end(), [&](const auto& cell) {
      return std::any_of(leaves.begin(), leaves.end(), [&](const auto& leaf) { return leaf.name == cell.first; });
    });
    if (bound.binding->table == table && fits) return *bound.binding;
  }
  throw std::runtime_error("no node of " + service.name + " with these leaves is bound to " + table);
}

model::RowChanges& DataPath::changes(const std::string& cube, const model::TableBinding& binding) {
  auto& all = tables_[cube];
  auto found = std::find_if(all.begin(), all.end(), [&](const auto& change) { return change.binding == &binding; });
  return found != all.end() ? found->changes : all.emplace_back(engine::TableChange{&binding, {}}).changes;
}

void DataPath::write(const std::string& cube, const std::string& table, const Cells& cells) {
  const model::TableBinding& bound = binding(cube, table, cells);
  changes(cube, bound).written.push_back(make_row(bound, cells));
}

void DataPath::remove(const std::string& cube, const std::string& table, const Cells& cells) {
  const model::TableBinding& bound = binding(cube, table, cells);
  changes(cube, bound).removed.push_back(make_row(bound, cells));
}

Result<> DataPath::apply() {
  // New cubes keep the order that add_cube() gave; the ports of others get theirs as in production.
  topology::Topology known = running_;
  for (const auto& [name, cube] : wanted.cubes) known.cubes.emplace(name, cube);
  topology::assign_indexes(known, wanted);
  const topology::Wiring wiring = topology::wire(wanted, devices_);
  std::map<std::string, const engine::Package*> packages;
  for (const auto& [name, service] : services_) packages.emplace(name, service->package.get());
  auto done = engine_->apply({.before = running_,
                              .after = wanted,
                              .wiring = wiring,
                              .devices = devices_,
                              .tables = std::exchange(tables_, {}),
                              .packages = std::move(packages),
                              .control = std::exchange(control, nullptr)});
  if (done)
    running_ = wanted;
  else
    wanted = running_;
  return done;
}

Result<> DataPath::trace(bool on) {
  const topology::Wiring wiring = topology::wire(running_, devices_);
  return engine_->trace(
      on, {.before = running_, .after = running_, .wiring = wiring, .devices = devices_, .tables = {}, .packages = {}});
}

Result<engine::Simulator> DataPath::simulator(const std::string& device) const {
  return engine::Simulator::create(*engine_, running_, topology::wire(running_, devices_), devices_,
                                   devices_.at(device).index);
}

const engine::Cube& DataPath::cube(const std::string& name) const {
  const engine::Cube* found = engine_->cube(name);
  if (found == nullptr) throw std::runtime_error("no cube " + name);
  return *found;
}

std::uint16_t DataPath::index(const std::string& cube, const std::string& port) const {
  return running_.cubes.at(cube).ports.at(port).index;
}

engine::CubeStatistics DataPath::statistics(const std::string& name) const {
  std::vector<std::uint16_t> ports;
  for (const auto& [port_name, port] : running_.cubes.at(name).ports) ports.push_back(port.index);
  return must(cube(name).statistics(ports));
}

engine::PortStatistics DataPath::statistics(const std::string& cube, const std::string& port) const {
  return statistics(cube).ports.at(index(cube, port));
}

std::vector<model::Row> DataPath::rows(const std::string& name, const std::string& table) const {
  const engine::TableAccess access = must(cube(name).table(binding(name, table, {})));
  return must(access.read(engine::port_names(running_.cubes.at(name)), std::nullopt));
}

bpf::Map DataPath::map(const std::string& name, const std::string& table) const {
  return map_of(cube(name).program(), table);
}

Outcome DataPath::send(const std::string& name, std::uint16_t in_port, const Bytes& packet,
                       std::uint32_t traffic_class) const {
  return run(name, cube(name).program(), in_port, packet, traffic_class);
}

Outcome DataPath::send_out(const std::string& name, std::uint16_t port, const Bytes& packet,
                           std::uint32_t traffic_class) const {
  return run(name, cube(name).egress_program(), port, packet, traffic_class);
}

Outcome DataPath::run(const std::string& name, const bpf::Program& program, std::uint16_t port, const Bytes& packet,
                      std::uint32_t traffic_class) const {
  const engine::Family family = engine::family_of(cube(name).hook());
  const engine::CubeStatistics before = statistics(name);
  __sk_buff context{};
  bpf::Program::RunOptions options;
  if (family == engine::Family::tc) {
    context.cb[0] = port;
    context.mark = traffic_class;
    options.context = std::as_bytes(std::span(&context, 1));
  } else {
    const std::vector<pcn_scratch> scratch(
        bpf::possible_cpus(), pcn_scratch{.in_port = port, .traffic_class = traffic_class, .trace = 0, .reserved = 0});
    const std::uint32_t zero = 0;
    must(map_of(program, "pcn_scratch").update(std::as_bytes(std::span(&zero, 1)), std::as_bytes(std::span(scratch))));
  }
  bpf::Program::Run run = must(program.test_run(packet, options));
  Outcome outcome{verdict_of(family, run.verdict), std::move(run.packet), {}, {}};
  const engine::CubeStatistics after = statistics(name);
  for (const auto& [port_name, of_cube] : running_.cubes.at(name).ports)
    if (after.ports.at(of_cube.index).out_packets != before.ports.at(of_cube.index).out_packets)
      outcome.left_by.push_back(port_name);
  for (const auto& [reason, count] : after.drops) {
    auto old = before.drops.find(reason);
    const std::uint64_t grown = count - (old == before.drops.end() ? 0 : old->second);
    if (grown > 0) outcome.drops[reason] = grown;
  }
  return outcome;
}

}  // namespace polycube::harness
