// SPDX-License-Identifier: Apache-2.0
/// Why a port that is wired to something is DOWN.
/// Why: the two sides of a link are set one after the other, so that a side alone is no error; it must be seen instead.
/// Threading: pure function on plain values.
#pragma once

#include "topology/topology.h"

namespace polycube::topology {

/// In words for users; empty when the port is UP or is not wired to anything. `text` is the port as "cube:port".
[[nodiscard]] std::string down_reason(const Topology& topology, const std::string& text, const Port& port,
                                      const Devices& devices);

}  // namespace polycube::topology
