// SPDX-License-Identifier: Apache-2.0
/// Cubes, ports, links and rates, drawn as text so that a person sees the chain.
///
///   veth1 ──● p1 [br1 simplebridge TC] p2 ●──● a [fw simpleforwarder TC] b ●── veth2
///                 ├─ p3 ●── veth3
///                 └─ p4 ○ not connected
///
/// Each connected group begins at a device and runs along its links; what else a cube has hangs below it. A cube is
/// drawn once; a link that closes a ring ends in the name of the cube that is there already. A row that would be wider
/// than the terminal ends in (1) and goes on at (1).
///
///   veth1 ──[nat1 nat TC]──[fw1 firewall TC]──● p1 [r1 router TC]
///   eth0 ──[mon dynmon TC]── host
///
/// Transparent cubes stand in the line where packets meet them: from a device those of the device, then those of the
/// port. Where no port is behind them packets go to the host.
/// Marks: a port that is UP, one that is wired but not UP, one that is not connected.
/// Invariants: each cube, and each link, is drawn exactly once.
/// Threading: pure functions.
/// Units: rates per second; a rate is drawn with the arrow that shows its direction along the row.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/schema.h"

namespace polycube::cli {

struct PortView {
  std::string name;
  std::string peer;
  bool up = false;
  std::uint64_t in_packets = 0;
  std::uint64_t in_octets = 0;
  std::uint64_t out_packets = 0;
  std::uint64_t out_octets = 0;
  std::string reason = {};  ///< why it is not up
};

struct CubeView {
  std::string name;
  std::string service;
  std::string type;
  std::vector<PortView> ports;
  std::optional<std::string> parent = {};  ///< of a transparent cube: "cube:port", a device, or empty
  std::size_t place = 0;                   ///< in the chain at its parent
};

using TopologyView = std::vector<CubeView>;

/// From the content of `polycube:cubes`, and of `polycube:netdevs` for the order at devices, after from_wire().
[[nodiscard]] TopologyView parse_topology(const Json& cubes, const Json& devices = {});

/// What `only` may be: cubes, and devices at which there is one.
[[nodiscard]] std::vector<std::string> names_in(const TopologyView& topology);

struct Rate {
  double in_packets = 0;
  double in_octets = 0;
  double out_packets = 0;
  double out_octets = 0;
};
using Rates = std::map<std::pair<std::string, std::string>, Rate>;  ///< by cube and port

/// A port that was made between the reads, or whose counters went back, has no rate.
[[nodiscard]] Rates rates_between(const TopologyView& before, const TopologyView& after,
                                  std::chrono::duration<double> elapsed);

struct DrawOptions {
  bool unicode = true;
  std::size_t width = 0;  ///< columns; 0 = unlimited
  std::string only;       ///< draw only the group with this cube or device
};

[[nodiscard]] std::string draw(const TopologyView& topology, const std::optional<Rates>& rates,
                               const DrawOptions& options);

/// 950 -> "950", 12000 -> "12.0k", 1234567 -> "1.23M".
[[nodiscard]] std::string human(double number);

}  // namespace polycube::cli
