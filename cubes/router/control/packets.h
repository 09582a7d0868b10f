// SPDX-License-Identifier: Apache-2.0
/// Reads and makes the packets of a router's control plane: ARP, neighbour discovery, ICMP errors, fragments.
/// Why: what parses input from the network is pure, so that it can be fuzzed.
/// Invariants: no byte behind a packet's end is read, whatever its headers say; what is malformed gives nothing. ICMP errors
/// are never made about ICMP errors, about later fragments, or about packets from or to many (RFC 1122, 3.2.2; RFC 4443,
/// 2.4 e).
/// Threading: pure functions.
/// Units: whole Ethernet frames without VLAN tags; sizes in bytes.
/// Source: RFC 826, 5227 (ARP), 4861 (ND), 792 and 1812 (ICMP), 1191, 4443 (ICMPv6), 791 (fragments).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "control/address.h"

namespace polycube::router {

using Bytes = std::vector<std::byte>;
using Frame = std::span<const std::byte>;

/// Who speaks, on a port.
struct Endpoint {
  Mac mac{};
  Address address;
};

/// An ARP request or neighbour solicitation for `target`, to everybody or to the station that had it last. With the
/// speaker's own IPv4 address for target it announces that.
[[nodiscard]] Bytes solicitation(const Endpoint& from, const Address& target, const std::optional<Mac>& to);

/// A neighbour advertisement: an answer to `to`, or to everybody.
[[nodiscard]] Bytes advertisement(const Endpoint& from, const std::optional<Endpoint>& to);

/// What a neighbour says about itself, or wants to know.
struct NeighbourMessage {
  std::optional<Endpoint> sender;  ///< nothing: it did not say, or has no address yet
  std::optional<Address> asked;    ///< whose MAC address it asks for
};
[[nodiscard]] std::optional<NeighbourMessage> parse_neighbour_message(Frame frame);

struct IpAddresses {
  Address source;
  Address destination;
};
[[nodiscard]] std::optional<IpAddresses> addresses_of(Frame frame);

enum class Problem { expired, no_route, host_unreachable, protocol_unreachable, port_unreachable, too_big };

/// The error about a packet that came from `from` to `port`'s station, as a packet that the port's fast path routes back.
/// `mtu` is that of the next link.
[[nodiscard]] std::optional<Bytes> icmp_error(Problem problem, Frame about, const Endpoint& port,
                                              std::uint16_t mtu = 0);

/// What a packet to a router itself is missing: its protocol or its port.
[[nodiscard]] Problem missing_service(Frame frame);

/// The IPv4 packet cut into pieces of at most `mtu` bytes; nothing when that cannot be.
[[nodiscard]] std::vector<Bytes> fragments(Frame frame, std::uint16_t mtu);

/// The Internet checksum of bytes, with a sum of others (RFC 1071). Zero: a checksum among them is right.
[[nodiscard]] std::uint16_t checksum(Frame bytes, std::uint32_t sum = 0);

}  // namespace polycube::router
