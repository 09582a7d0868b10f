// SPDX-License-Identifier: Apache-2.0
/// Names and indexes of a cube's ports, as table codecs need them.
/// Invariants: refers to the cube it was made of.
/// Threading: plain values.
#pragma once

#include "engine/table_codec.h"
#include "topology/topology.h"

namespace polycube::engine {

[[nodiscard]] inline PortNames port_names(const topology::Cube& cube) {
  PortNames names;
  names.index = [&cube](const std::string& name) -> std::optional<std::uint16_t> {
    auto port = cube.ports.find(name);
    if (port == cube.ports.end()) return std::nullopt;
    return port->second.index;
  };
  std::map<std::uint16_t, std::string> by_index;
  for (const auto& [name, port] : cube.ports) by_index.emplace(port.index, name);
  names.name = [by_index = std::move(by_index)](std::uint16_t index) -> std::optional<std::string> {
    auto port = by_index.find(index);
    if (port == by_index.end()) return std::nullopt;
    return port->second;
  };
  return names;
}

}  // namespace polycube::engine
