// SPDX-License-Identifier: Apache-2.0
#include "topology/chains.h"

#include <algorithm>

#include "base/near_matches.h"

namespace polycube::topology {

namespace {

Result<const Cube*> find_cube(const Topology& topology, const std::string& name) {
  auto cube = topology.cubes.find(name);
  if (cube == topology.cubes.end())
    return fail(ErrorCode::data_missing, "Cube {} does not exist{}", name, near_keys(name, topology.cubes));
  return &cube->second;
}

// What stands in the way of a cube of this hook at a device.
Result<> check_device_hook(const Topology& topology, const std::string& cube, Hook hook, const std::string& device) {
  const auto check = [&](const std::string& other, Hook other_hook) -> Result<> {
    if (other_hook == hook) return {};
    return fail(ErrorCode::invalid_value, "{} and {} have incompatible types: {} is {}, {} is {}", cube, device, cube,
                to_string(hook), other, to_string(other_hook));
  };
  if (auto chain = topology.chains.find(device); chain != topology.chains.end())
    PCN_TRY(check(chain->second.front(), topology.cubes.at(chain->second.front()).hook));
  for (const auto& [name, other] : topology.cubes)
    for (const auto& [port_name, port] : other.ports)
      if (port.peer == device) PCN_TRY(check(name, other.hook));
  return {};
}

Result<> check_parent(const Topology& topology, const std::string& name, Hook hook, const std::string& parent,
                      const Devices& devices) {
  const auto port = parse_port_name(parent);
  if (!port) {
    if (topology.cubes.contains(parent) && topology.cubes.at(parent).transparent)
      return fail(ErrorCode::invalid_value, "Cube {} is transparent", parent);
    if (!devices.contains(parent))
      return fail(ErrorCode::data_missing, "Interface {} does not exist{}", parent, near_keys(parent, devices));
    return check_device_hook(topology, name, hook, parent);
  }
  PCN_ASSIGN(const Cube* cube, find_cube(topology, port->cube));
  if (cube->transparent) return fail(ErrorCode::invalid_value, "Cube {} is transparent", port->cube);
  if (!cube->ports.contains(port->port))
    return fail(ErrorCode::data_missing, "Port {} does not exist{}", port->port, near_keys(port->port, cube->ports));
  if ((cube->hook == Hook::tc) != (hook == Hook::tc))
    return fail(ErrorCode::invalid_value, "{} and {} have incompatible types: {} is {}, {} is {}", name, parent, name,
                to_string(hook), port->cube, to_string(cube->hook));
  return {};
}

using Chain = std::vector<std::string>;

Result<Chain::const_iterator> neighbour(const Chain& chain, const std::string& cube, const std::string& parent) {
  auto found = std::find(chain.begin(), chain.end(), cube);
  if (found == chain.end())
    return fail(ErrorCode::invalid_value, "Cube {} doesn't exist: it is not attached to {}", cube, parent);
  return found;
}

// Inner cubes are next to the cube of a port, that is first, and next to the stack of a device, that is last.
Result<Chain::const_iterator> automatic_place(const Topology& topology, const Chain& chain, Place place,
                                              const std::string& parent) {
  if (chain.empty()) return chain.begin();
  const Place others = place == Place::inner ? Place::outer : Place::inner;
  const bool decided = place != Place::undecided && std::all_of(chain.begin(), chain.end(), [&](const auto& name) {
                         return topology.cubes.at(name).place == others;
                       });
  if (!decided)
    return fail(ErrorCode::invalid_value,
                "Impossible to determine auto position: give position=first, position=last, before or after");
  const bool at_port = parse_port_name(parent).has_value();
  return (place == Place::inner) == at_port ? chain.begin() : chain.end();
}

Result<Chain::const_iterator> find_place(const Topology& topology, const Chain& chain, Place place,
                                         const std::string& parent, const Placement& placement) {
  if (const auto* before = std::get_if<Before>(&placement)) return neighbour(chain, before->cube, parent);
  if (const auto* after = std::get_if<After>(&placement)) {
    PCN_ASSIGN(const auto found, neighbour(chain, after->cube, parent));
    return found + 1;
  }
  switch (std::get<Position>(placement)) {
    case Position::first: return chain.begin();
    case Position::last: return chain.end();
    case Position::automatic: break;
  }
  return automatic_place(topology, chain, place, parent);
}

}  // namespace

Result<> attach(Topology& topology, const std::string& name, const std::string& parent, const Placement& placement,
                const Devices& devices) {
  PCN_ASSIGN(const Cube* cube, find_cube(topology, name));
  if (!cube->transparent) return fail(ErrorCode::invalid_value, "Cube {} is not transparent", name);
  if (const std::string now = parent_of(topology, name); !now.empty())
    return fail(ErrorCode::in_use, "Cube {} is already attached to {}", name, now);
  PCN_TRY(check_parent(topology, name, cube->hook, parent, devices));
  auto known = topology.chains.find(parent);
  Chain chain = known == topology.chains.end() ? Chain() : known->second;
  PCN_ASSIGN(const auto place, find_place(topology, chain, cube->place, parent, placement));
  chain.insert(place, name);
  topology.chains[parent] = std::move(chain);
  return {};
}

Result<> detach(Topology& topology, const std::string& name, const std::string& parent) {
  PCN_ASSIGN([[maybe_unused]] const Cube* cube, find_cube(topology, name));
  auto chain = topology.chains.find(parent);
  const auto attached =
      chain == topology.chains.end() ? Chain::iterator() : std::find(chain->second.begin(), chain->second.end(), name);
  if (chain == topology.chains.end() || attached == chain->second.end())
    return fail(ErrorCode::data_missing, "Cube {} is not attached to {}", name, parent);
  chain->second.erase(attached);
  if (chain->second.empty()) topology.chains.erase(chain);
  return {};
}

std::string parent_of(const Topology& topology, const std::string& cube) {
  for (const auto& [parent, chain] : topology.chains)
    if (std::find(chain.begin(), chain.end(), cube) != chain.end()) return parent;
  return {};
}

void forget_deleted(Topology& topology) {
  for (auto chain = topology.chains.begin(); chain != topology.chains.end();) {
    std::erase_if(chain->second, [&](const std::string& name) {
      auto cube = topology.cubes.find(name);
      return cube == topology.cubes.end() || !cube->second.transparent;
    });
    const auto port = parse_port_name(chain->first);
    const auto cube = port ? topology.cubes.find(port->cube) : topology.cubes.end();
    const bool orphaned = port && (cube == topology.cubes.end() || !cube->second.ports.contains(port->port));
    chain = orphaned || chain->second.empty() ? topology.chains.erase(chain) : std::next(chain);
  }
}

}  // namespace polycube::topology
