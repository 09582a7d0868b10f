// SPDX-License-Identifier: Apache-2.0
/// What the author of a control plane writes against: the slow path of a cube.
/// Why: a service whose behaviour is "table lookup and action" needs none of this; one that answers, holds or makes packets
/// gets them here.
/// Invariants: the framework calls one function of a cube at a time, so a cube needs no locks of its own. A cube is told
/// of its ports before it gets the first packet.
/// Threading: Host may be used from every thread, also from a cube's own.
/// Units: packets are whole Ethernet frames, in network byte order, without the frame check sequence.
/// Source: A Framework for eBPF-Based Network Functions in an Era of Microservices, IV and Table I.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace polycube::control {

enum class Direction { ingress, egress };

/// What a fast path sent with pcn_pkt_controller() or pcn_pkt_controller_md().
struct PacketIn {
  std::string_view port;         ///< name; of a transparent cube "ingress" or "egress"; valid during the call
  std::uint16_t port_index = 0;  ///< as md->in_port in the fast path
  Direction direction = Direction::ingress;  ///< egress: by handle_tx, on its way out of the port
  std::uint16_t reason = 0;                  ///< the fast path's
  std::uint32_t traffic_class = 0;           ///< what the packet carried along
  std::array<std::uint32_t, 3> metadata{};   ///< the fast path's; zero without _md
  std::span<const std::byte> packet;         ///< valid during the call
  std::uint32_t packet_length = 0;           ///< on the wire: more than packet.size() when it exceeded 65,504 bytes
};

/// The levels of the model's leaf loglevel.
enum class LogLevel { trace, debug, info, warn, err, critical };

/// What the framework offers to one cube. Valid as long as the cube.
class Host {
 public:
  virtual ~Host() = default;

  /// Name of the cube.
  [[nodiscard]] virtual const std::string& name() const = 0;

  /// Index of a port in the fast path. Errors: data_missing.
  [[nodiscard]] virtual Result<std::uint16_t> port_index(std::string_view port) const = 0;

  /// Sends a packet, received or made from nothing. Of a cube with ports: egress sends it out of the port, behind
  /// handle_tx; ingress handles it as if it had been received on the port. Of a transparent cube `port_index` is that of
  /// "ingress" or "egress" (PacketIn::port_index): egress lets it go on in that direction, ingress handles it anew, by
  /// handle_rx or handle_tx. What leads nowhere is counted as dropped by the fast path. Errors: invalid_value (shorter than
  /// an Ethernet header, longer than 65,535 bytes), system.
  [[nodiscard]] virtual Result<> send_packet_out(std::uint16_t port_index, std::span<const std::byte> packet,
                                                 Direction direction, std::uint32_t traffic_class) = 0;
  [[nodiscard]] Result<> send_packet_out(std::uint16_t port_index, std::span<const std::byte> packet) {
    return send_packet_out(port_index, packet, Direction::egress, 0);
  }

  /// Writes into the daemon's log, with the cube's name, unless the cube's loglevel is above `level`.
  virtual void log(LogLevel level, std::string_view text) = 0;
};

/// The control plane of one cube. What throws is logged and counts as handled.
class Cube {
 public:
  virtual ~Cube() = default;

  /// A packet from the fast path.
  virtual void packet_in(const PacketIn& packet) = 0;
};

/// What a package's NAME.so offers.
struct Service {
  std::uint32_t version = 0;  ///< of this interface: interface_version
  /// A new cube's control plane. `host` outlives it.
  Result<std::unique_ptr<Cube>> (*create)(Host& host) = nullptr;
};

inline constexpr std::uint32_t interface_version = 1;

}  // namespace polycube::control

/// Makes `type`, a control::Cube that is constructed from a control::Host&, the control plane of the package's cubes.
#define POLYCUBE_SERVICE(type)                                                                            \
  extern "C" __attribute__((visibility("default"))) const polycube::control::Service polycube_service = { \
      polycube::control::interface_version,                                                               \
      [](polycube::control::Host& host) -> polycube::Result<std::unique_ptr<polycube::control::Cube>> {   \
        return std::make_unique<type>(host);                                                              \
      }}
