// SPDX-License-Identifier: Apache-2.0
/// Where packets go: what the data path makes of a topology and the devices that exist.
/// Why: chains of cubes, transparent ones among them, become one next program for each way out of each program.
/// Invariants: every cube of the topology is in Wiring::cubes.
/// Threading: pure functions on plain values.
#pragma once

#include <compare>

#include "topology/topology.h"

namespace polycube::topology {

/// Of a packet, seen from the cube that it passes: from the peer to the cube, or from the cube to the peer. On a device,
/// from the wire to the host, or from the host to the wire.
enum class Direction { ingress, egress };

/// What stands for a port where a transparent cube has none: 0 towards its parent, 1 away from it.
[[nodiscard]] constexpr std::uint16_t transparent_port(Direction direction) {
  return direction == Direction::egress ? 1 : 0;
}

/// Where a packet goes next.
struct Wire {
  enum class Kind {
    none,
    device,  ///< it is sent out of the device
    cube,    ///< it enters the cube's program for `direction`, as on port `port`
    pass,    ///< on its way into the host or out of the device it is let go on
  } kind = Kind::none;
  int device = 0;  ///< interface index; with `pass` the device that it is on
  std::string cube;
  std::uint16_t port = 0;  ///< index of the port of `cube`, or its transparent_port()
  Direction direction = Direction::ingress;
  bool operator==(const Wire&) const = default;
};

/// Wires by port index; what leads nowhere is absent.
using Wires = std::map<std::uint16_t, Wire>;

struct CubeWires {
  Wires ingress;  ///< what the program for ingress sends out of ports; of a transparent cube, on to its parent
  Wires egress;   ///< what the program for egress sends on, of cubes that have one
  /// The same for packets of the host, which pass no XDP program on their way out: of XDP cubes at devices.
  Wires host_egress;
  Wires peers;  ///< the device or port at the other end, whatever is in between
  bool operator==(const CubeWires&) const = default;
};

/// Where the programs at a device begin. Egress is always at the hook of TC: XDP has none.
struct Gate {
  int device = 0;
  Hook hook = Hook::tc;
  Direction direction = Direction::ingress;
  auto operator<=>(const Gate&) const = default;
};

struct Wiring {
  std::map<std::string, CubeWires> cubes;
  std::map<Gate, Wire> gates;  ///< what packets enter there: a cube's program
  bool operator==(const Wiring&) const = default;
};

/// Devices that exist and mutual links: `a:p` leads to `b:q` exactly when each names the other as its peer. One-sided
/// links lead nowhere, and the transparent cubes of a port that leads nowhere are not entered.
///
/// Everything that leaves by the device of a port passes the port's way out: what the cube forwards, and what the host
/// sends. On TC both do at the device's egress hook; on XDP the one before it is sent, the other at the egress hook.
[[nodiscard]] Wiring wire(const Topology& topology, const Devices& devices);

/// The part of it that packets at this device can come to, by whatever cubes and devices.
[[nodiscard]] Wiring reached_from(int device, const Wiring& wiring);

/// Whether a port is joined to a working peer (one of CubeWires::peers): a device that is running, or a cube.
[[nodiscard]] bool is_up(const Wire& peer, const Devices& devices);
/// The same for a port by its cube and index.
[[nodiscard]] bool is_up(const Wiring& wiring, const std::string& cube, std::uint16_t port, const Devices& devices);

/// Where a cube counts packets: its ports, or the directions of a transparent one.
[[nodiscard]] std::vector<std::uint16_t> counted_ports(const Cube& cube);

}  // namespace polycube::topology
