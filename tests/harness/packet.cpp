// SPDX-License-Identifier: Apache-2.0
#include "harness/packet.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <span>
#include <stdexcept>

namespace polycube::harness {

namespace {

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

/// Appends fields in network byte order.
class Writer {
 public:
  Writer& u8(unsigned value) {
    bytes_.push_back(static_cast<std::byte>(value));
    return *this;
  }
  Writer& u16(unsigned value) { return u8(value >> 8 & 0xff).u8(value & 0xff); }
  Writer& u32(std::uint32_t value) { return u16(value >> 16).u16(value & 0xffff); }
  Writer& raw(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  /// Zeros up to the next multiple.
  Writer& align(std::size_t multiple) {
    while (bytes_.size() % multiple != 0) u8(0);
    return *this;
  }
  void set_u16(std::size_t offset, unsigned value) {
    bytes_[offset] = static_cast<std::byte>(value >> 8);
    bytes_[offset + 1] = static_cast<std::byte>(value);
  }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

template <int Family, std::size_t Size>
Bytes ip_bytes(const std::string& text) {
  Bytes bytes(Size);
  if (inet_pton(Family, text.c_str(), bytes.data()) != 1) throw std::invalid_argument("no IP address: " + text);
  return bytes;
}
Bytes ipv4_bytes(const std::string& text) { return ip_bytes<AF_INET, 4>(text); }
Bytes ipv6_bytes(const std::string& text) { return ip_bytes<AF_INET6, 16>(text); }

std::uint16_t internet_checksum(std::span<const std::byte> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i++)
    sum += std::to_integer<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::uint8_t protocol_of(const Layer* layer) {
  if (layer == nullptr) return 59;  // IPv6 "no next header"
  return std::visit(
      Overloaded{[](const Ipv4&) { return 4; }, [](const Ipv6&) { return 41; },
                 [](const Ipv6Extension& extension) { return int{extension.kind}; },
                 [](const Ipv6Fragment&) { return 44; }, [](const Tcp&) { return 6; }, [](const Udp&) { return 17; },
                 [](const Icmp&) { return 1; }, [](const Icmpv6&) { return 58; },
                 [](const auto&) {
                   return 253; /* RFC 3692 */
                 }},
      *layer);
}

std::uint16_t ethertype_of(const Layer* layer) {
  if (layer == nullptr) return 0x88b5;  // local experimental
  return std::visit(Overloaded{[](const Vlan& vlan) { return int{vlan.tpid}; }, [](const Arp&) { return 0x0806; },
                               [](const Ipv4&) { return 0x0800; }, [](const Ipv6&) { return 0x86dd; },
                               [](const auto&) { return 0x88b5; }},
                    *layer);
}

/// Encodes one header in front of what it carries.
class Encoder {
 public:
  Encoder(const Layer* network, const Layer* next, Bytes inner)
      : network_(network), next_(next), inner_(std::move(inner)) {}

  Bytes operator()(const Ethernet& layer) {
    out_.raw(mac_bytes(layer.destination)).raw(mac_bytes(layer.source)).u16(layer.type.value_or(ethertype_of(next_)));
    return finish();
  }
  Bytes operator()(const Vlan& layer) {
    out_.u16(layer.priority << 13U | (layer.drop_eligible ? 1U << 12 : 0) | (layer.id & 0xfffU));
    out_.u16(layer.type.value_or(ethertype_of(next_)));
    return finish();
  }
  Bytes operator()(const Arp& layer) {
    out_.u16(1).u16(0x0800).u8(6).u8(4).u16(layer.operation);
    out_.raw(mac_bytes(layer.sender_mac)).raw(ipv4_bytes(layer.sender_ip));
    out_.raw(mac_bytes(layer.target_mac)).raw(ipv4_bytes(layer.target_ip));
    return finish();
  }
  Bytes operator()(const Ipv4& layer) {
    const std::size_t header = 20 + (layer.options.size() + 3) / 4 * 4;
    out_.u8(layer.version << 4U | (layer.header_words.value_or(static_cast<std::uint8_t>(header / 4)) & 0xfU));
    out_.u8(layer.tos).u16(layer.total_length.value_or(static_cast<std::uint16_t>(header + inner_.size())));
    out_.u16(layer.id);
    out_.u16((layer.dont_fragment ? 0x4000U : 0) | (layer.more_fragments ? 0x2000U : 0) | layer.fragment_offset);
    out_.u8(layer.ttl).u8(layer.protocol.value_or(protocol_of(next_))).u16(0);
    out_.raw(ipv4_bytes(layer.source)).raw(ipv4_bytes(layer.destination)).raw(layer.options).align(4);
    out_.set_u16(10, layer.checksum.value_or(internet_checksum(out_.bytes())));
    return finish();
  }
  Bytes operator()(const Ipv6& layer) {
    out_.u32(std::uint32_t{layer.version} << 28 | std::uint32_t{layer.traffic_class} << 20 |
             (layer.flow_label & 0xfffff));
    out_.u16(layer.payload_length.value_or(static_cast<std::uint16_t>(inner_.size())));
    out_.u8(layer.next_header.value_or(protocol_of(next_))).u8(layer.hop_limit);
    out_.raw(ipv6_bytes(layer.source)).raw(ipv6_bytes(layer.destination));
    return finish();
  }
  Bytes operator()(const Ipv6Extension& layer) {
    const std::size_t size = (2 + layer.content.size() + 7) / 8 * 8;
    out_.u8(layer.next_header.value_or(protocol_of(next_)));
    out_.u8(layer.length.value_or(static_cast<std::uint8_t>(size / 8 - 1))).raw(layer.content).align(8);
    return finish();
  }
  Bytes operator()(const Ipv6Fragment& layer) {
    out_.u8(layer.next_header.value_or(protocol_of(next_))).u8(0);
    out_.u16(layer.offset << 3U | (layer.more ? 1U : 0)).u32(layer.id);
    return finish();
  }
  Bytes operator()(const Tcp& layer) {
    const std::size_t header = 20 + (layer.options.size() + 3) / 4 * 4;
    out_.u16(layer.source_port).u16(layer.destination_port).u32(layer.sequence).u32(layer.acknowledgment);
    out_.u8(layer.data_offset.value_or(static_cast<std::uint8_t>(header / 4)) << 4U).u8(layer.flags).u16(layer.window);
    out_.u16(0).u16(layer.urgent).raw(layer.options).align(4);
    out_.set_u16(16, layer.checksum.value_or(transport_checksum(6)));
    return finish();
  }
  Bytes operator()(const Udp& layer) {
    out_.u16(layer.source_port).u16(layer.destination_port);
    out_.u16(layer.length.value_or(static_cast<std::uint16_t>(8 + inner_.size()))).u16(0);
    // RFC 768: a computed checksum of zero is sent as all ones; zero says that there is none.
    const std::uint16_t computed = transport_checksum(17);
    out_.set_u16(6, layer.checksum.value_or(computed == 0 ? std::uint16_t{0xffff} : computed));
    return finish();
  }
  Bytes operator()(const Icmp& layer) {
    out_.u8(layer.type).u8(layer.code).u16(0).u32(layer.rest);
    out_.set_u16(2, layer.checksum.value_or(checksum_with(Bytes())));
    return finish();
  }
  Bytes operator()(const Icmpv6& layer) {
    out_.u8(layer.type).u8(layer.code).u16(0).u32(layer.rest);
    out_.set_u16(2, layer.checksum.value_or(transport_checksum(58)));
    return finish();
  }
  Bytes operator()(const Payload& layer) {
    out_.raw(layer.bytes);
    return finish();
  }

 private:
  Bytes finish() { return out_.raw(inner_).bytes(); }

  std::uint16_t checksum_with(const Bytes& pseudo_header) const {
    return internet_checksum(Writer().raw(pseudo_header).raw(out_.bytes()).raw(inner_).bytes());
  }

  // With the pseudo-header of the IP header in front, if there is one.
  std::uint16_t transport_checksum(unsigned protocol) const {
    const auto length = static_cast<std::uint32_t>(out_.size() + inner_.size());
    Writer pseudo;
    if (const auto* ip = std::get_if<Ipv4>(network_))
      pseudo.raw(ipv4_bytes(ip->source)).raw(ipv4_bytes(ip->destination)).u16(protocol).u16(length & 0xffff);
    else if (const auto* ip6 = std::get_if<Ipv6>(network_))
      pseudo.raw(ipv6_bytes(ip6->source)).raw(ipv6_bytes(ip6->destination)).u32(length).u32(protocol);
    return checksum_with(pseudo.bytes());
  }

  const Layer* network_;
  const Layer* next_;
  Bytes inner_;
  Writer out_;
};

Bytes encode(std::span<const Layer> layers, const Layer* network) {
  if (layers.empty()) return {};
  const Layer& layer = layers.front();
  const bool is_network = std::holds_alternative<Ipv4>(layer) || std::holds_alternative<Ipv6>(layer);
  Bytes inner = encode(layers.subspan(1), is_network ? &layer : network);
  return std::visit(Encoder(network, layers.size() > 1 ? &layers[1] : nullptr, std::move(inner)), layer);
}

std::string hex_line(const Bytes& bytes, std::size_t offset, const Bytes& other) {
  std::string line = fmt::format("{:04x} ", offset);
  for (std::size_t i = offset; i < std::min(offset + 16, bytes.size()); i++) {
    const bool differs = i >= other.size() || other[i] != bytes[i];
    line += fmt::format("{}{:02x}", differs ? '*' : ' ', std::to_integer<unsigned>(bytes[i]));
  }
  return line;
}

}  // namespace

Payload::Payload(std::string_view text) {
  for (char character : text) bytes.push_back(static_cast<std::byte>(character));
}

Bytes mac_bytes(const std::string& text) {
  unsigned part[6];
  char rest = 0;
  if (std::sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%c", &part[0], &part[1], &part[2], &part[3], &part[4], &part[5],
                  &rest) != 6)
    throw std::invalid_argument("no MAC address: " + text);
  Bytes bytes(6);
  std::transform(std::begin(part), std::end(part), bytes.begin(),
                 [](unsigned value) { return static_cast<std::byte>(value); });
  return bytes;
}

Bytes build(const Packet& packet) { return encode(packet, nullptr); }

testing::AssertionResult same_packet(const Bytes& expected, const Bytes& actual) {
  if (expected == actual) return testing::AssertionSuccess();
  std::string text = fmt::format("packets of {} and {} bytes differ; - expected, + actual, * differs\n",
                                 expected.size(), actual.size());
  const std::size_t shown = std::min<std::size_t>(std::max(expected.size(), actual.size()), 256);
  for (std::size_t offset = 0; offset < shown; offset += 16) {
    const std::string want = hex_line(expected, offset, actual);
    const std::string got = hex_line(actual, offset, expected);
    text += want == got ? fmt::format("  {}\n", want) : fmt::format("- {}\n+ {}\n", want, got);
  }
  return testing::AssertionFailure() << text;
}

}  // namespace polycube::harness
