// SPDX-License-Identifier: Apache-2.0
/// Links between ports, as the checks and the wiring look at them.
/// Threading: pure functions.
#pragma once

#include "topology/topology.h"

namespace polycube::topology {

[[nodiscard]] inline bool is_port_name(std::string_view peer) { return peer.find(':') != std::string_view::npos; }

/// One end of a link; the strings belong to the topology that is looked at.
struct End {
  const std::string* cube_name = nullptr;
  const Cube* cube = nullptr;
  const std::string* port_name = nullptr;
  const Port* port = nullptr;

  explicit operator bool() const { return port != nullptr; }
  [[nodiscard]] std::string text() const { return *cube_name + ":" + *port_name; }
};

/// The other end of a mutual link, if `here` is one end of such.
[[nodiscard]] End mutual_end(const Topology& topology, const End& here);

}  // namespace polycube::topology
