// SPDX-License-Identifier: Apache-2.0
#include "service/packet_text.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace polycube::service {

namespace {

/// Reads a packet from its beginning; what goes beyond its end is nothing.
class Reader {
 public:
  Reader(std::span<const std::byte> packet, PacketFields& fields) : rest_(packet), fields_(fields) {}

  [[nodiscard]] bool has(std::size_t bytes) const { return rest_.size() >= bytes; }
  [[nodiscard]] std::uint32_t number(std::size_t offset, std::size_t bytes) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < bytes; i++) value = value << 8 | std::to_integer<std::uint32_t>(rest_[offset + i]);
    return value;
  }
  void skip(std::size_t bytes) { rest_ = rest_.subspan(std::min(bytes, rest_.size())); }

  void add(std::string name, std::string value) { fields_.emplace_back(std::move(name), std::move(value)); }
  void decimal(std::string name, std::size_t offset, std::size_t bytes) {
    add(std::move(name), std::to_string(number(offset, bytes)));
  }
  void hexadecimal(std::string name, std::size_t offset, std::size_t bytes) {
    add(std::move(name), fmt::format("0x{:0{}x}", number(offset, bytes), 2 * bytes));
  }
  void mac(std::string name, std::size_t offset) {
    std::string text;
    for (std::size_t i = 0; i < ETH_ALEN; i++)
      text += fmt::format("{}{:02x}", i == 0 ? "" : ":", number(offset + i, 1));
    add(std::move(name), std::move(text));
  }
  void address(std::string name, int family, std::size_t offset) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(family, rest_.data() + offset, text.data(), text.size());
    add(std::move(name), text.data());
  }

 private:
  std::span<const std::byte> rest_;
  PacketFields& fields_;
};

std::string tcp_flags(std::uint32_t flags) {
  std::string text;
  constexpr std::string_view letters = "FSRPAUEC";  // from bit 0 on
  for (std::size_t bit = 0; bit < letters.size(); bit++)
    if ((flags >> bit & 1) != 0) text += letters[bit];
  return text.empty() ? "none" : text;
}

void read_transport(Reader& packet, std::uint32_t protocol) {
  if (protocol == IPPROTO_TCP && packet.has(20)) {
    packet.decimal("tcp.sport", 0, 2);
    packet.decimal("tcp.dport", 2, 2);
    packet.decimal("tcp.seq", 4, 4);
    packet.decimal("tcp.ack", 8, 4);
    packet.add("tcp.flags", tcp_flags(packet.number(13, 1)));
    packet.hexadecimal("tcp.checksum", 16, 2);
  } else if (protocol == IPPROTO_UDP && packet.has(8)) {
    packet.decimal("udp.sport", 0, 2);
    packet.decimal("udp.dport", 2, 2);
    packet.decimal("udp.length", 4, 2);
    packet.hexadecimal("udp.checksum", 6, 2);
  } else if ((protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) && packet.has(4)) {
    const std::string prefix = protocol == IPPROTO_ICMP ? "icmp." : "icmp6.";
    packet.decimal(prefix + "type", 0, 1);
    packet.decimal(prefix + "code", 1, 1);
    packet.hexadecimal(prefix + "checksum", 2, 2);
    if (packet.has(8)) packet.hexadecimal(prefix + "rest", 4, 4);
  }
}

void read_ipv4(Reader& packet) {
  if (!packet.has(20)) return;
  const std::size_t header = std::size_t{4} * (packet.number(0, 1) & 0xf);
  const std::uint32_t fragment = packet.number(6, 2);
  const std::uint32_t protocol = packet.number(9, 1);
  packet.address("ip.src", AF_INET, 12);
  packet.address("ip.dst", AF_INET, 16);
  packet.decimal("ip.ttl", 8, 1);
  packet.decimal("ip.proto", 9, 1);
  packet.hexadecimal("ip.tos", 1, 1);
  packet.decimal("ip.length", 2, 2);
  packet.decimal("ip.id", 4, 2);
  if ((fragment & 0x3fff) != 0) packet.add("ip.fragment", std::to_string((fragment & 0x1fff) * 8));
  packet.hexadecimal("ip.checksum", 10, 2);
  packet.skip(std::max<std::size_t>(header, 20));
  if ((fragment & 0x1fff) == 0) read_transport(packet, protocol);
}

void read_ipv6(Reader& packet) {
  if (!packet.has(40)) return;
  std::uint32_t next = packet.number(6, 1);
  packet.address("ip6.src", AF_INET6, 8);
  packet.address("ip6.dst", AF_INET6, 24);
  packet.decimal("ip6.hlim", 7, 1);
  packet.hexadecimal("ip6.flow", 0, 4);
  packet.decimal("ip6.length", 4, 2);
  packet.skip(40);
  while ((next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS) && packet.has(8)) {
    next = packet.number(0, 1);
    packet.skip(8 * (packet.number(1, 1) + std::size_t{1}));
  }
  if (next == IPPROTO_FRAGMENT && packet.has(8)) {
    packet.decimal("ip6.fragment", 2, 2);
    const bool first = packet.number(2, 2) >> 3 == 0;
    next = first ? packet.number(0, 1) : std::uint32_t{IPPROTO_NONE};
    packet.skip(8);
  }
  packet.add("ip6.proto", std::to_string(next));
  read_transport(packet, next);
}

void read_arp(Reader& packet) {
  if (!packet.has(28)) return;
  packet.decimal("arp.op", 6, 2);
  packet.mac("arp.sha", 8);
  packet.address("arp.spa", AF_INET, 14);
  packet.mac("arp.tha", 18);
  packet.address("arp.tpa", AF_INET, 24);
}

const std::string* find(const PacketFields& fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; });
  return found == fields.end() ? nullptr : &found->second;
}

}  // namespace

PacketFields packet_fields(std::span<const std::byte> bytes) {
  PacketFields fields;
  Reader packet(bytes, fields);
  if (!packet.has(ETH_HLEN)) return fields;
  packet.mac("eth.src", ETH_ALEN);
  packet.mac("eth.dst", 0);
  std::uint32_t type = packet.number(2 * ETH_ALEN, 2);
  packet.skip(ETH_HLEN);
  for (const std::string prefix : {"vlan.", "vlan2."}) {
    if ((type != ETH_P_8021Q && type != ETH_P_8021AD) || !packet.has(4)) break;
    packet.add(prefix + "id", std::to_string(packet.number(0, 2) & 0xfff));
    packet.add(prefix + "pcp", std::to_string(packet.number(0, 2) >> 13));
    type = packet.number(2, 2);
    packet.skip(4);
  }
  packet.add("eth.type", fmt::format("0x{:04x}", type));
  if (type == ETH_P_IP) read_ipv4(packet);
  if (type == ETH_P_IPV6) read_ipv6(packet);
  if (type == ETH_P_ARP) read_arp(packet);
  return fields;
}

std::string packet_summary(const PacketFields& fields) {
  const auto text = [&](std::string_view name) -> std::string {
    const std::string* value = find(fields, name);
    return value == nullptr ? std::string() : *value;
  };
  const auto has = [&](std::string_view name) { return find(fields, name) != nullptr; };
  if (!has("eth.src")) return "shorter than an Ethernet header";
  std::string line = text("eth.src") + " > " + text("eth.dst");
  for (const std::string prefix : {"vlan.", "vlan2."})
    if (has(prefix + "id")) line += ", VLAN " + text(prefix + "id");
  if (has("ip.src")) {
    line += fmt::format(", IPv4 {} > {} ttl {}", text("ip.src"), text("ip.dst"), text("ip.ttl"));
    if (has("ip.fragment")) line += ", fragment at " + text("ip.fragment");
  } else if (has("ip6.src")) {
    line += fmt::format(", IPv6 {} > {} hlim {}", text("ip6.src"), text("ip6.dst"), text("ip6.hlim"));
    if (has("ip6.fragment")) line += ", fragment";
  } else if (has("arp.op")) {
    const std::string operation = text("arp.op");
    if (operation == "1")
      line += fmt::format(", ARP who has {}? tell {}", text("arp.tpa"), text("arp.spa"));
    else if (operation == "2")
      line += fmt::format(", ARP {} is at {}", text("arp.spa"), text("arp.sha"));
    else
      line += ", ARP operation " + operation;
  } else {
    line += ", type " + text("eth.type");
  }
  if (has("tcp.sport"))
    line += fmt::format(", TCP {} > {} {}", text("tcp.sport"), text("tcp.dport"), text("tcp.flags"));
  else if (has("udp.sport"))
    line += fmt::format(", UDP {} > {}", text("udp.sport"), text("udp.dport"));
  else if (has("icmp.type"))
    line += fmt::format(", ICMP type {} code {}", text("icmp.type"), text("icmp.code"));
  else if (has("icmp6.type"))
    line += fmt::format(", ICMPv6 type {} code {}", text("icmp6.type"), text("icmp6.code"));
  else if (has("ip.proto") && !has("ip.fragment"))
    line += ", protocol " + text("ip.proto");
  else if (has("ip6.proto") && !has("ip6.fragment"))
    line += ", protocol " + text("ip6.proto");
  return line;
}

std::vector<std::string> packet_changes(const PacketFields& before, const PacketFields& after) {
  std::vector<std::string> changes;
  for (const auto& [name, old] : before) {
    const std::string* now = find(after, name);
    if (now == nullptr || *now != old) changes.push_back(fmt::format("{} {} -> {}", name, old, now ? *now : "-"));
  }
  for (const auto& [name, now] : after)
    if (find(before, name) == nullptr) changes.push_back(fmt::format("{} - -> {}", name, now));
  return changes;
}

}  // namespace polycube::service
