// SPDX-License-Identifier: Apache-2.0
/// Cubes, ports and what they are wired to, as plain values; checks and wiring as pure functions.
/// Why: deciding is kept apart from doing: everything here is tested without a kernel.
/// Invariants: see each type. Cube names are unique over all services.
/// Threading: plain values.
#pragma once

#include <cstdint>
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
  bool operator==(const Port&) const = default;
};

struct Cube {
  std::string service;
  Hook hook = Hook::tc;
  std::string log_level;
  bool loop_safe = false;  ///< breaks loops itself (pcn:loop-safe)
  std::map<std::string, Port> ports;
  bool operator==(const Cube&) const = default;
};

struct Topology {
  std::map<std::string, Cube> cubes;
  bool operator==(const Topology&) const = default;
};

/// A network device as the kernel reports it.
struct Device {
  int index = 0;         ///< interface index
  bool up = false;       ///< IFF_UP
  bool running = false;  ///< IFF_UP and IFF_RUNNING: has a carrier
  bool loopback = false;
  std::string mac;
  unsigned mtu = 0;                    ///< bytes
  std::vector<std::string> addresses;  ///< IP prefixes
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

/// Where a port leads in the data path.
struct Wire {
  enum class Kind { none, device, cube } kind = Kind::none;
  int device = 0;  ///< interface index
  std::string cube;
  std::uint16_t port = 0;  ///< index of the port of `cube`
  bool operator==(const Wire&) const = default;
};
/// Per cube, the wire of each port that leads somewhere, by port index.
using Wiring = std::map<std::string, std::map<std::uint16_t, Wire>>;

/// Devices that exist and mutual links: `a:p` leads to `b:q` exactly when each names the other as its peer. One-sided
/// links lead nowhere.
[[nodiscard]] Wiring wire(const Topology& topology, const Devices& devices);

/// Whether a port is joined to a working peer: a wire to a device that is running, or to a cube.
[[nodiscard]] bool is_up(const Wire& wire, const Devices& devices);

}  // namespace polycube::topology
