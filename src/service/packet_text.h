// SPDX-License-Identifier: Apache-2.0
/// What is in the headers of a packet, for people.
/// Invariants: never fails; of what is not understood, or not there, nothing is said.
/// Threading: pure.
/// Source: IEEE Std 802.3 and 802.1Q, RFC 826 (ARP), 791 (IPv4), 8200 (IPv6), 9293 (TCP), 768 (UDP), 792 (ICMP), 4443 (ICMPv6).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace polycube::service {

/// Fields of the headers and what they hold, outermost first, by names like eth.dst, ip.ttl and udp.dport; of a second header of
/// a kind no fields. `packet` begins with the Ethernet header and may be cut.
using PacketFields = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] PacketFields packet_fields(std::span<const std::byte> packet);

/// One line: "02:00:00:00:00:01 > 02:00:00:00:00:02, IPv4 10.0.0.1 > 10.0.0.2 ttl 64, UDP 1024 > 53".
[[nodiscard]] std::string packet_summary(const PacketFields& fields);

/// What is different, as "ip.ttl 64 -> 63"; what came or went as "vlan.id - -> 5".
[[nodiscard]] std::vector<std::string> packet_changes(const PacketFields& before, const PacketFields& after);

}  // namespace polycube::service
