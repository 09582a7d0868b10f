// SPDX-License-Identifier: Apache-2.0
/// Transparent cubes in front of ports and devices: putting them there, taking them away.
/// Why: a chain is part of the topology, a value; what attaching means for packets is the wiring's matter.
/// Invariants: a function that fails leaves the topology as it was.
/// Threading: pure functions.
#pragma once

#include <variant>

#include "topology/topology.h"

namespace polycube::topology {

enum class Position { automatic, first, last };
struct Before {
  std::string cube;
};
struct After {
  std::string cube;
};
using Placement = std::variant<Position, Before, After>;

/// Puts a transparent cube into the chain of a parent: a port ("cube:port") or a device.
/// Errors (with the messages that users know):
/// - data_missing: "Cube <c> does not exist", "Port <p> does not exist", "Interface <x> does not exist"
/// - invalid_value: "Cube <c> is not transparent", "Cube <c> is transparent" (the parent), "<c> and <p> have incompatible
///   types", "Impossible to determine auto position", a cube to stand before or after that is not attached there
/// - in_use: "Cube <c> is already attached"
[[nodiscard]] Result<> attach(Topology& topology, const std::string& cube, const std::string& parent,
                              const Placement& placement, const Devices& devices);

/// Errors: data_missing (no such cube, or not attached there).
[[nodiscard]] Result<> detach(Topology& topology, const std::string& cube, const std::string& parent);

/// The parent of a transparent cube; empty when it has none.
[[nodiscard]] std::string parent_of(const Topology& topology, const std::string& cube);

/// Takes out of the chains what is no longer there: transparent cubes and ports that were deleted.
void forget_deleted(Topology& topology);

}  // namespace polycube::topology
