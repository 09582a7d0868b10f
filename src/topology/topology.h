// SPDX-License-Identifier: Apache-2.0
/// Cubes, ports and what they are wired to, as plain values; checks and wiring as pure functions.
/// Why: deciding is kept apart from doing: everything here is tested without a kernel.
/// Invariants: see each type. Cube names are unique over all services.
/// Threading: plain values.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace polycube::topology {

inline constexpr std::size_t max_ports = 128;  ///< per cube
inline constexpr std::size_t max_cubes = 1000;

enum class Hook { tc, xdp_skb, xdp_drv };
[[nodiscard]] std::string_view to_string(Hook hook);  ///< as in YANG: TC, XDP_SKB, XDP_DRV
[[nodiscard]] Result<Hook> parse_hook(std::string_view text);

struct Port {
  std::uint16_t index = 0;  ///< stable for the life of the port, below max_ports
  std::string peer;         ///< "", a network device, or "cube:port"
  std::string uuid = {};    ///< RFC 4122, for the life of the port
  bool operator==(const Port&) const = default;
};

/// Where a transparent cube goes when nobody says so (pcn:place).
enum class Place {
  undecided,
  inner,  ///< next to the cube, or to the host's stack
  outer,  ///< next to the peer, or to the wire
};

struct Cube {
  std::string service;
  Hook hook = Hook::tc;
  std::string log_level;
  bool loop_safe = false;    ///< breaks loops itself (pcn:loop-safe)
  bool transparent = false;  ///< has no ports: sits in a chain
  bool egress = false;       ///< its packets pass a program of its own on their way out; so do a transparent cube's
  Place place = Place::undecided;
  std::map<std::string, Port> ports = {};
  std::string uuid = {};  ///< RFC 4122, for the life of the cube
  bool operator==(const Cube&) const = default;
};

struct Topology {
  std::map<std::string, Cube> cubes;
  /// Transparent cubes in front of a port ("cube:port") or a device, by the name of that parent. The first is the one
  /// nearest to the port's cube; on a device the one nearest to the wire. None is empty; a cube is in one of them only.
  std::map<std::string, std::vector<std::string>> chains = {};
  bool operator==(const Topology&) const = default;
};

/// A network device as the kernel reports it.
struct Device {
  int index = 0;         ///< interface index
  bool up = false;       ///< IFF_UP
  bool running = false;  ///< IFF_UP and IFF_RUNNING: has a carrier
  bool loopback = false;
  std::string mac = {};
  unsigned mtu = 0;                         ///< bytes
  std::vector<std::string> addresses = {};  ///< IP prefixes
  bool operator==(const Device&) const = default;
};
using Devices = std::map<std::string, Device>;  ///< by name

/// A peer text taken apart: a port when it has a ':' (device names cannot), else a device.
struct PortName {
  std::string cube;
  std::string port;
};
[[nodiscard]] std::optional<PortName> parse_port_name(std::string_view peer);

/// Gives each port of `candidate` an index: that of the port of the same name in `running`, else the lowest free one.
void assign_indexes(const Topology& running, Topology& candidate);

/// Whether the cube is in both, as a cube of one service on one hook: otherwise it is another one by the same name.
[[nodiscard]] bool stays(const Topology& before, const Topology& after, const std::string& cube);

/// Gives each cube of `candidate` without a UUID, and its ports, one: that which it has in `running`, else a fresh one.
void assign_uuids(const Topology& running, Topology& candidate, const std::function<std::string()>& fresh);

/// Refuses what must not be. Only what differs from `running` is judged against `devices`, so that a device that
/// vanished does not block unrelated changes.
/// Errors (messages name cube, port and peer; `path` stays empty, `where` tells whose peer is wrong):
/// - limit_exceeded: more than max_cubes cubes or max_ports ports
/// - data_missing: "Interface <x> does not exist", "... is down" (not IFF_UP), "... is the loopback interface", "Cube <c>
///   does not exist", "Port <p> does not exist"
/// - in_use: "Iface already in use" (device that is the peer of two ports), "<x> already has a peer" is the
///   controller's matter
/// - invalid_value: a port that is its own peer, or a peer in the same cube, "It is not possible to connect TC and XDP
///   ports" (XDP_SKB with XDP_DRV is allowed), a loop of cubes none of which is loop_safe (the message shows the loop:
///   "a:p1 - b:p2, b:p3 - a:p4"); loops count mutual links only (see wire())
/// A peer "cube:port" must exist when it is set, by this candidate; when its cube or port is deleted later, the link
/// only goes down.
struct Violation {
  std::string cube;
  std::string port;  ///< empty when the whole cube is meant
  Error error;
};
[[nodiscard]] std::optional<Violation> check(const Topology& running, const Topology& candidate,
                                             const Devices& devices);

}  // namespace polycube::topology
