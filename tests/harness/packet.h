// SPDX-License-Identifier: Apache-2.0
/// Packets as a stack of headers, for tests. @file
/// Why: a test says what matters about a packet and nothing else; lengths, checksums and protocol numbers follow from the
/// stack, and each can be set by hand to make a malformed packet.
/// Invariants: build() is a pure function; a field that is nullopt is computed.
/// Threading: plain values.
/// Units: host byte order in fields; addresses as text.
/// Source: IEEE Std 802.3 and 802.1Q, RFC 826 (ARP), 791 (IPv4), 8200 (IPv6), 9293 (TCP), 768 (UDP), 792 (ICMP),
/// 4443 (ICMPv6), 1071 (checksum).
///
///   Bytes frame = build(Ethernet{.source = a, .destination = b} / Vlan{.id = 5} / Ipv4{.destination = "10.0.0.2"} /
///                       Udp{.destination_port = 53} / Payload{"question"});
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bpf/map.h"

namespace polycube::harness {

using bpf::Bytes;

struct Ethernet {
  std::string source = "02:00:00:00:00:01";
  std::string destination = "02:00:00:00:00:02";
  std::optional<std::uint16_t> type = {};
};

/// An 802.1Q tag; two of them, the outer with `tpid` 0x88a8, are QinQ.
struct Vlan {
  std::uint16_t id = 1;
  std::uint8_t priority = 0;
  bool drop_eligible = false;
  std::uint16_t tpid = 0x8100;  ///< type in the header in front
  std::optional<std::uint16_t> type = {};
};

struct Arp {
  std::uint16_t operation = 1;  ///< 1 request, 2 reply
  std::string sender_mac = "02:00:00:00:00:01";
  std::string sender_ip = "10.0.0.1";
  std::string target_mac = "00:00:00:00:00:00";
  std::string target_ip = "10.0.0.2";
};

struct Ipv4 {
  std::string source = "10.0.0.1";
  std::string destination = "10.0.0.2";
  std::uint8_t ttl = 64;
  std::uint8_t tos = 0;
  std::uint16_t id = 0;
  bool dont_fragment = false;
  bool more_fragments = false;
  std::uint16_t fragment_offset = 0;  ///< in units of 8 bytes
  Bytes options = {};                 ///< filled up with zeros to a multiple of 4 bytes
  std::uint8_t version = 4;
  std::optional<std::uint8_t> header_words = {};
  std::optional<std::uint16_t> total_length = {};
  std::optional<std::uint8_t> protocol = {};
  std::optional<std::uint16_t> checksum = {};
};

struct Ipv6 {
  std::string source = "fd00::1";
  std::string destination = "fd00::2";
  std::uint8_t hop_limit = 64;
  std::uint8_t traffic_class = 0;
  std::uint32_t flow_label = 0;
  std::uint8_t version = 6;
  std::optional<std::uint16_t> payload_length = {};
  std::optional<std::uint8_t> next_header = {};
};

/// Hop-by-hop (0), routing (43) or destination (60) options.
struct Ipv6Extension {
  std::uint8_t kind = 0;
  Bytes content = {};  ///< behind the two fixed bytes; filled up with Pad1 to a multiple of 8 bytes
  std::optional<std::uint8_t> length = {};
  std::optional<std::uint8_t> next_header = {};
};

struct Ipv6Fragment {
  std::uint32_t id = 1;
  std::uint16_t offset = 0;  ///< in units of 8 bytes
  bool more = false;
  std::optional<std::uint8_t> next_header = {};
};

struct Tcp {
  std::uint16_t source_port = 1024;
  std::uint16_t destination_port = 80;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::uint8_t flags = 0x02;  ///< SYN
  std::uint16_t window = 65535;
  std::uint16_t urgent = 0;
  Bytes options = {};  ///< filled up with zeros to a multiple of 4 bytes
  std::optional<std::uint8_t> data_offset = {};
  std::optional<std::uint16_t> checksum = {};
};

struct Udp {
  std::uint16_t source_port = 1024;
  std::uint16_t destination_port = 53;
  std::optional<std::uint16_t> length = {};
  std::optional<std::uint16_t> checksum = {};
};

struct Icmp {
  std::uint8_t type = 8;  ///< echo request
  std::uint8_t code = 0;
  std::uint32_t rest = 0;  ///< second word: identifier and sequence number of an echo
  std::optional<std::uint16_t> checksum = {};
};

struct Icmpv6 {
  std::uint8_t type = 128;  ///< echo request
  std::uint8_t code = 0;
  std::uint32_t rest = 0;
  std::optional<std::uint16_t> checksum = {};
};

struct Payload {
  Payload() = default;
  explicit Payload(std::string_view text);
  explicit Payload(std::size_t size, std::uint8_t value = 0) : bytes(size, std::byte{value}) {}
  explicit Payload(Bytes content) : bytes(std::move(content)) {}
  Bytes bytes;
};

using Layer =
    std::variant<Ethernet, Vlan, Arp, Ipv4, Ipv6, Ipv6Extension, Ipv6Fragment, Tcp, Udp, Icmp, Icmpv6, Payload>;

/// Outermost header first.
using Packet = std::vector<Layer>;

template <typename T>
concept IsLayer = requires(T layer) { Layer(layer); } && !std::same_as<std::remove_cvref_t<T>, Packet>;

template <IsLayer Outer, IsLayer Inner>
[[nodiscard]] Packet operator/(Outer outer, Inner inner) {
  return {std::move(outer), std::move(inner)};
}
template <IsLayer Inner>
[[nodiscard]] Packet operator/(Packet packet, Inner inner) {
  packet.emplace_back(std::move(inner));
  return packet;
}

[[nodiscard]] Bytes build(const Packet& packet);
template <IsLayer T>
[[nodiscard]] Bytes build(T layer) {
  return build(Packet{std::move(layer)});
}

/// Bytes of an address; throws std::invalid_argument for what is none, which fails the test that wrote it.
[[nodiscard]] Bytes mac_bytes(const std::string& text);

/// Success, or a failure that shows where the first 256 bytes of the packets differ.
[[nodiscard]] testing::AssertionResult same_packet(const Bytes& expected, const Bytes& actual);

}  // namespace polycube::harness
