// SPDX-License-Identifier: Apache-2.0
#include "topology/wiring.h"

#include <algorithm>

#include "topology/link.h"

namespace polycube::topology {

namespace {

const std::vector<std::string>& chain_of(const Topology& topology, const std::string& parent) {
  static const std::vector<std::string> none;
  auto found = topology.chains.find(parent);
  return found == topology.chains.end() ? none : found->second;
}

using Names = std::vector<std::string>;

Names joined(Names first, const Names& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Names reversed(Names names) {
  std::reverse(names.begin(), names.end());
  return names;
}

Wire into(const std::string& cube, Direction direction, std::uint16_t port) {
  return {Wire::Kind::cube, 0, cube, port, direction};
}

class Builder {
 public:
  Builder(const Topology& topology, const Devices& devices) : topology_(topology), devices_(devices) {
    for (const auto& [name, cube] : topology.cubes) wiring_.cubes[name];
  }

  Wiring build() {
    for (const auto& [cube_name, cube] : topology_.cubes)
      for (const auto& [port_name, port] : cube.ports)
        if (!port.peer.empty()) add_port({&cube_name, &cube, &port_name, &port});
    for (const auto& [parent, cubes] : topology_.chains) {
      auto device = devices_.find(parent);
      if (device == devices_.end() || ported_devices_.contains(parent)) continue;
      const Hook hook = topology_.cubes.at(cubes.front()).hook;
      add_way_in({device->second.index, hook}, cubes, pass(device->second.index));
      add_way_out(device->second.index, hook, {}, reversed(cubes));
    }
    return std::move(wiring_);
  }

 private:
  static Wire pass(int device) { return {Wire::Kind::pass, device, {}, 0, Direction::ingress}; }

  // Leads through transparent cubes to `last`; returns where it begins.
  Wire lead(const Names& cubes, Direction direction, Wires CubeWires::* wires, Wire last) {
    for (auto cube = cubes.rbegin(); cube != cubes.rend(); ++cube) {
      const std::uint16_t port = transparent_port(direction);
      (wiring_.cubes.at(*cube).*wires)[port] = std::move(last);
      last = into(*cube, direction, port);
    }
    return last;
  }
  Wire lead_in(const Names& cubes, Wire last) {
    return lead(cubes, Direction::ingress, &CubeWires::ingress, std::move(last));
  }

  void add_way_in(const Gate& gate, const Names& cubes, const Wire& last) {
    Wire first = lead_in(cubes, last);
    if (first.kind == Wire::Kind::cube) wiring_.gates[gate] = std::move(first);
  }

  // The way out of a port or, without `own`, of the host: its own program, then transparent cubes, then the device.
  // Returns where packets that the port's cube forwards go.
  struct Own {
    const std::string& cube;
    std::uint16_t port;
  };
  Wire add_way_out(int index, Hook hook, const std::optional<Own>& own, const Names& cubes) {
    const Wire device{Wire::Kind::device, index, {}, 0};
    Wire letting_go = pass(index);
    letting_go.direction = Direction::egress;
    const auto through = [&](Wires CubeWires::* wires, const Wire& last) {
      Wire first = lead(cubes, Direction::egress, wires, last);
      if (!own) return first;
      (wiring_.cubes.at(own->cube).*wires)[own->port] = std::move(first);
      return into(own->cube, Direction::egress, own->port);
    };
    const bool tc = hook == Hook::tc;
    const Wire at_hook = through(tc ? &CubeWires::egress : &CubeWires::host_egress, letting_go);
    if (at_hook.kind == Wire::Kind::cube) wiring_.gates[{index, Hook::tc, Direction::egress}] = at_hook;
    return tc ? device : through(&CubeWires::egress, device);
  }

  void add_port(const End& here) {
    CubeWires& wires = wiring_.cubes.at(*here.cube_name);
    const std::uint16_t index = here.port->index;
    const Names& own_chain = chain_of(topology_, here.text());
    if (is_port_name(here.port->peer)) {
      const End there = mutual_end(topology_, here);
      if (!there) return;
      wires.peers[index] = into(*there.cube_name, Direction::ingress, there.port->index);
      Wire next = lead_in(reversed(chain_of(topology_, there.text())), wires.peers[index]);
      next = lead(own_chain, Direction::egress, &CubeWires::egress, next);
      if (here.cube->egress) {
        wires.egress[index] = std::move(next);
        next = into(*here.cube_name, Direction::egress, index);
      }
      wires.ingress[index] = std::move(next);
      return;
    }
    const auto device = devices_.find(here.port->peer);
    if (device == devices_.end()) return;
    const Gate gate{device->second.index, here.cube->hook};
    const Names& device_chain = chain_of(topology_, here.port->peer);
    ported_devices_.insert(here.port->peer);
    wires.peers[index] = {Wire::Kind::device, gate.device, {}, 0};
    add_way_in(gate, joined(device_chain, reversed(own_chain)), into(*here.cube_name, Direction::ingress, index));
    std::optional<Own> own;
    if (here.cube->egress) own.emplace(Own{*here.cube_name, index});
    wires.ingress[index] = add_way_out(gate.device, gate.hook, own, joined(own_chain, reversed(device_chain)));
  }

  const Topology& topology_;
  const Devices& devices_;
  Wiring wiring_;
  std::set<std::string> ported_devices_;
};

}  // namespace

End mutual_end(const Topology& topology, const End& here) {
  auto name = parse_port_name(here.port->peer);
  if (!name) return {};
  auto cube = topology.cubes.find(name->cube);
  if (cube == topology.cubes.end()) return {};
  auto port = cube->second.ports.find(name->port);
  if (port == cube->second.ports.end()) return {};
  // Compared piecewise: this runs once a port, and most of them do not match.
  const std::string& back = port->second.peer;
  std::size_t colon = here.cube_name->size();
  bool names_us = back.size() == colon + 1 + here.port_name->size() && back[colon] == ':' &&
                  back.compare(0, colon, *here.cube_name) == 0 &&
                  back.compare(colon + 1, std::string::npos, *here.port_name) == 0;
  if (!names_us) return {};
  return {&cube->first, &cube->second, &port->first, &port->second};
}

Wiring wire(const Topology& topology, const Devices& devices) { return Builder(topology, devices).build(); }

Wiring reached_from(int device, const Wiring& wiring) {
  Wiring reached;
  std::vector<std::string> cubes;  // to be looked at
  const auto reach = [&](const std::string& cube) {
    const auto found = wiring.cubes.find(cube);
    if (found != wiring.cubes.end() && reached.cubes.insert(*found).second) cubes.push_back(cube);
  };
  const auto reach_device = [&](int index) {
    for (auto gate = wiring.gates.lower_bound({index, Hook::tc, Direction::ingress});
         gate != wiring.gates.end() && gate->first.device == index; ++gate)
      if (reached.gates.insert(*gate).second) reach(gate->second.cube);
  };
  reach_device(device);
  while (!cubes.empty()) {
    const CubeWires& wires = wiring.cubes.at(cubes.back());
    cubes.pop_back();
    for (const Wires* one : {&wires.ingress, &wires.egress, &wires.host_egress}) {
      for (const auto& [port, wire] : *one) {
        if (wire.kind == Wire::Kind::cube) reach(wire.cube);
        if (wire.kind == Wire::Kind::device) reach_device(wire.device);
      }
    }
  }
  return reached;
}

bool is_up(const Wire& peer, const Devices& devices) {
  switch (peer.kind) {
    case Wire::Kind::none:
    case Wire::Kind::pass: return false;
    case Wire::Kind::cube: return true;
    case Wire::Kind::device: break;
  }
  return std::any_of(devices.begin(), devices.end(),
                     [&](const auto& device) { return device.second.index == peer.device && device.second.running; });
}

bool is_up(const Wiring& wiring, const std::string& cube, std::uint16_t port, const Devices& devices) {
  const auto wires = wiring.cubes.find(cube);
  if (wires == wiring.cubes.end()) return false;
  const auto peer = wires->second.peers.find(port);
  return peer != wires->second.peers.end() && is_up(peer->second, devices);
}

std::vector<std::uint16_t> counted_ports(const Cube& cube) {
  std::vector<std::uint16_t> indexes;
  for (const auto& [name, port] : cube.ports) indexes.push_back(port.index);
  if (cube.transparent)
    for (const auto direction : {Direction::ingress, Direction::egress}) indexes.push_back(transparent_port(direction));
  return indexes;
}

}  // namespace polycube::topology
