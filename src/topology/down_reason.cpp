// SPDX-License-Identifier: Apache-2.0
#include "topology/down_reason.h"

#include <fmt/format.h>

namespace polycube::topology {

std::string down_reason(const Topology& topology, const std::string& text, const Port& port, const Devices& devices) {
  if (port.peer.empty()) return {};
  const auto name = parse_port_name(port.peer);
  if (!name) {
    const auto device = devices.find(port.peer);
    if (device == devices.end()) return fmt::format("{} does not exist", port.peer);
    if (!device->second.up) return fmt::format("{} is down", port.peer);
    return device->second.running ? std::string() : fmt::format("{} has no carrier", port.peer);
  }
  const auto cube = topology.cubes.find(name->cube);
  if (cube == topology.cubes.end()) return fmt::format("there is no cube {}", name->cube);
  const auto other = cube->second.ports.find(name->port);
  if (other == cube->second.ports.end()) return fmt::format("cube {} has no port {}", name->cube, name->port);
  const std::string& back = other->second.peer;
  if (back == text) return {};
  return back.empty() ? fmt::format("{} has no peer: {} is to be set there, too", port.peer, text)
                      : fmt::format("the peer of {} is {}, not {}", port.peer, back, text);
}

}  // namespace polycube::topology
