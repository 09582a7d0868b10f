// SPDX-License-Identifier: Apache-2.0
#include "control/packets.h"

#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#include <algorithm>

namespace polycube::router {

namespace {

constexpr std::size_t ethernet_size = ETH_HLEN;
constexpr std::size_t ipv4_size = 20;
constexpr std::size_t ipv6_size = 40;
constexpr std::size_t icmp_size = 8;
constexpr std::uint8_t nd_hop_limit = 255;
/// The fast path counts it down once on the way out.
constexpr std::uint8_t error_ttl = 65;
constexpr std::size_t largest_error4 = 576;   ///< RFC 1812, 4.3.2.3
constexpr std::size_t largest_error6 = 1280;  ///< RFC 4443, 2.4 c
constexpr Mac broadcast = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/// Writes numbers in network order at the end.
class Writer {
 public:
  Writer& u8(unsigned value) {
    bytes_.push_back(static_cast<std::byte>(value));
    return *this;
  }
  Writer& u16(unsigned value) { return u8(value >> 8 & 0xff).u8(value & 0xff); }
  Writer& u32(std::uint32_t value) { return u16(value >> 16).u16(value & 0xffff); }
  Writer& mac(const Mac& mac) { return append(std::as_bytes(std::span(mac))); }
  Writer& address(const Address& address) {
    return append(std::as_bytes(std::span(address.bytes)).subspan(address.is_ipv4() ? 12 : 0));
  }
  Writer& append(Frame bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Writer& ethernet(const Mac& to, const Mac& from, std::uint16_t type) { return mac(to).mac(from).u16(type); }
  [[nodiscard]] Bytes take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

std::uint8_t u8_at(Frame bytes, std::size_t offset) { return std::to_integer<std::uint8_t>(bytes[offset]); }
std::uint16_t u16_at(Frame bytes, std::size_t offset) {
  return static_cast<std::uint16_t>(u8_at(bytes, offset) << 8 | u8_at(bytes, offset + 1));
}
void set_u16(Bytes& bytes, std::size_t offset, unsigned value) {
  bytes[offset] = static_cast<std::byte>(value >> 8);
  bytes[offset + 1] = static_cast<std::byte>(value);
}
Mac mac_at(Frame bytes, std::size_t offset) {
  Mac mac;
  std::transform(bytes.begin() + offset, bytes.begin() + offset + 6, mac.begin(), std::to_integer<std::uint8_t>);
  return mac;
}
Address ipv4_at(Frame bytes, std::size_t offset) {
  return Address::ipv4(
      {u8_at(bytes, offset), u8_at(bytes, offset + 1), u8_at(bytes, offset + 2), u8_at(bytes, offset + 3)});
}
Address ipv6_at(Frame bytes, std::size_t offset) {
  Address address;
  std::transform(bytes.begin() + offset, bytes.begin() + offset + 16, address.bytes.begin(),
                 std::to_integer<std::uint8_t>);
  return address;
}

/// An IP packet, cut to the length that it says.
struct Ip {
  Frame packet;
  bool is_ipv4 = false;
  std::size_t header = 0;
  std::uint8_t protocol = 0;
  Address source;
  Address destination;
  [[nodiscard]] Frame payload() const { return packet.subspan(header); }
};

std::optional<Ip> parse_ip(Frame frame) {
  if (frame.size() < ethernet_size) return std::nullopt;
  const std::uint16_t type = u16_at(frame, 12);
  Frame packet = frame.subspan(ethernet_size);
  if (type == ETH_P_IP && packet.size() >= ipv4_size && u8_at(packet, 0) >> 4 == 4) {
    const std::size_t header = std::size_t{4} * (u8_at(packet, 0) & 15);
    const std::size_t total = u16_at(packet, 2);
    if (header < ipv4_size || total < header || total > packet.size()) return std::nullopt;
    packet = packet.first(total);
    return Ip{packet, true, header, u8_at(packet, 9), ipv4_at(packet, 12), ipv4_at(packet, 16)};
  }
  if (type == ETH_P_IPV6 && packet.size() >= ipv6_size && u8_at(packet, 0) >> 4 == 6) {
    const std::size_t total = ipv6_size + u16_at(packet, 4);
    if (total > packet.size()) return std::nullopt;
    packet = packet.first(total);
    const Ip ip{packet, false, ipv6_size, u8_at(packet, 6), ipv6_at(packet, 8), ipv6_at(packet, 24)};
    // IPv4-mapped addresses are none of the wire (RFC 4038, 4.2), and would be taken for IPv4 ones here.
    if (ip.source.is_ipv4() || ip.destination.is_ipv4()) return std::nullopt;
    return ip;
  }
  return std::nullopt;
}

/// Sum of the pseudo-header (RFC 8200, 8.1).
std::uint32_t pseudo_sum(const Address& source, const Address& destination, std::size_t size) {
  std::uint32_t sum = static_cast<std::uint32_t>(size) + IPPROTO_ICMPV6;
  for (const Address* address : {&source, &destination})
    for (unsigned i = 0; i < 16; i += 2) sum += address->bytes[i] << 8 | address->bytes[i + 1];
  return sum;
}

Bytes ipv6_packet(const Mac& to_mac, const Mac& from_mac, const Address& to, const Address& from,
                  std::uint8_t hop_limit, Bytes message) {
  set_u16(message, 2, checksum(message, pseudo_sum(from, to, message.size())));
  return Writer()
      .ethernet(to_mac, from_mac, ETH_P_IPV6)
      .u32(0x60000000)
      .u16(static_cast<unsigned>(message.size()))
      .u8(IPPROTO_ICMPV6)
      .u8(hop_limit)
      .address(from)
      .address(to)
      .append(message)
      .take();
}

Bytes nd_message(std::uint8_t type, std::uint32_t flags, const Address& target, std::uint8_t option, const Mac& mac) {
  return Writer().u8(type).u8(0).u16(0).u32(flags).address(target).u8(option).u8(1).mac(mac).take();
}

/// Group address of the stations that may have `target` (RFC 4291, 2.7.1), and its MAC address (RFC 2464, 7).
Address solicited_node(const Address& target) {
  return {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, target.bytes[13], target.bytes[14], target.bytes[15]}};
}
Mac group_mac(const Address& group) {
  return {0x33, 0x33, group.bytes[12], group.bytes[13], group.bytes[14], group.bytes[15]};
}

std::optional<NeighbourMessage> parse_arp(Frame arp) {
  if (arp.size() < 28 || u16_at(arp, 0) != 1 || u16_at(arp, 2) != ETH_P_IP || u8_at(arp, 4) != 6 || u8_at(arp, 5) != 4)
    return std::nullopt;
  const std::uint16_t operation = u16_at(arp, 6);
  if (operation != 1 && operation != 2) return std::nullopt;
  NeighbourMessage message;
  const Endpoint sender{mac_at(arp, 8), ipv4_at(arp, 14)};
  if (sender.address.is_unicast() && !(sender.mac[0] & 1)) message.sender = sender;
  if (operation == 1) message.asked = ipv4_at(arp, 24);
  return message;
}

/// MAC address in an option of this type. Malformed options: nothing, and `malformed`.
std::optional<Mac> nd_option(Frame options, std::uint8_t type, bool& malformed) {
  std::optional<Mac> mac;
  while (!options.empty() && !malformed) {
    const std::size_t size = options.size() < 8 ? 0 : std::size_t{8} * u8_at(options, 1);
    malformed = size == 0 || size > options.size();
    if (malformed) return std::nullopt;
    if (u8_at(options, 0) == type && size == 8) mac = mac_at(options, 2);
    options = options.subspan(size);
  }
  return mac;
}

std::optional<NeighbourMessage> parse_nd(Frame frame) {
  const auto ip = parse_ip(frame);
  if (!ip || ip->is_ipv4 || ip->protocol != IPPROTO_ICMPV6 || u8_at(ip->packet, 7) != nd_hop_limit) return std::nullopt;
  const Frame message = ip->payload();
  if (message.size() < 24 || u8_at(message, 1) != 0) return std::nullopt;
  if (checksum(message, pseudo_sum(ip->source, ip->destination, message.size())) != 0) return std::nullopt;
  const std::uint8_t type = u8_at(message, 0);
  if (type != ND_NEIGHBOR_SOLICIT && type != ND_NEIGHBOR_ADVERT) return std::nullopt;
  const bool asks = type == ND_NEIGHBOR_SOLICIT;
  const Address target = ipv6_at(message, 8);
  bool malformed = !target.is_unicast();
  const auto mac = nd_option(message.subspan(24), asks ? ND_OPT_SOURCE_LINKADDR : ND_OPT_TARGET_LINKADDR, malformed);
  if (malformed) return std::nullopt;
  NeighbourMessage result;
  if (asks) result.asked = target;
  const Address& speaker = asks ? ip->source : target;
  if (mac && !((*mac)[0] & 1) && speaker.is_unicast()) result.sender = {*mac, speaker};
  return result;
}

struct ErrorCodes {
  std::uint8_t type;
  std::uint8_t code;
};

ErrorCodes codes4(Problem problem) {
  switch (problem) {
    case Problem::expired: return {ICMP_TIME_EXCEEDED, ICMP_EXC_TTL};
    case Problem::no_route: return {ICMP_DEST_UNREACH, ICMP_NET_UNREACH};
    case Problem::host_unreachable: return {ICMP_DEST_UNREACH, ICMP_HOST_UNREACH};
    case Problem::protocol_unreachable: return {ICMP_DEST_UNREACH, ICMP_PROT_UNREACH};
    case Problem::port_unreachable: return {ICMP_DEST_UNREACH, ICMP_PORT_UNREACH};
    case Problem::too_big: break;
  }
  return {ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED};
}

ErrorCodes codes6(Problem problem) {
  switch (problem) {
    case Problem::expired: return {ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_TRANSIT};
    case Problem::no_route: return {ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOROUTE};
    case Problem::host_unreachable: return {ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADDR};
    case Problem::protocol_unreachable: return {ICMP6_PARAM_PROB, ICMP6_PARAMPROB_NEXTHEADER};
    case Problem::port_unreachable: return {ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOPORT};
    case Problem::too_big: break;
  }
  return {ICMP6_PACKET_TOO_BIG, 0};
}

/// Protocol behind IPv6 extension headers, and where it begins; nothing for a later fragment and what is cut off.
std::optional<std::pair<std::uint8_t, std::size_t>> upper_layer(const Ip& ip) {
  std::uint8_t protocol = ip.protocol;
  std::size_t offset = ip.header;
  if (ip.is_ipv4) {
    if (u16_at(ip.packet, 6) & 0x1fff) return std::nullopt;
    return std::pair(protocol, offset);
  }
  while (protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_DSTOPTS ||
         protocol == IPPROTO_FRAGMENT) {
    if (offset + 8 > ip.packet.size()) return std::nullopt;
    if (protocol == IPPROTO_FRAGMENT && u16_at(ip.packet, offset + 2) & 0xfff8) return std::nullopt;
    const std::size_t size = protocol == IPPROTO_FRAGMENT ? 8 : std::size_t{8} * (u8_at(ip.packet, offset + 1) + 1);
    protocol = u8_at(ip.packet, offset);
    offset += size;
  }
  return std::pair(protocol, offset);
}

bool may_be_answered(const Ip& ip) {
  const auto upper = upper_layer(ip);
  if (!upper || !ip.source.is_unicast() || !ip.destination.is_unicast()) return false;
  const auto [protocol, offset] = *upper;
  const std::uint8_t icmp = ip.is_ipv4 ? std::uint8_t{IPPROTO_ICMP} : std::uint8_t{IPPROTO_ICMPV6};
  if (protocol != icmp) return true;
  if (offset >= ip.packet.size()) return false;
  const std::uint8_t type = u8_at(ip.packet, offset);
  // Of ICMP only questions and answers are no errors (RFC 1812, 4.3.2.7; unknown ones may be).
  if (ip.is_ipv4) return type == ICMP_ECHO || type == ICMP_ECHOREPLY || type == ICMP_TIMESTAMP;
  return type & ICMP6_INFOMSG_MASK;
}

Bytes ipv4_header(std::size_t size, std::uint8_t protocol, const Address& from, const Address& to) {
  Bytes header = Writer()
                     .u16(0x45c0)  // precedence: internetwork control (RFC 1812, 4.3.2.5)
                     .u16(static_cast<unsigned>(ipv4_size + size))
                     .u32(0)
                     .u8(error_ttl)
                     .u8(protocol)
                     .u16(0)
                     .address(from)
                     .address(to)
                     .take();
  set_u16(header, 10, checksum(header));
  return header;
}

}  // namespace

std::uint16_t checksum(Frame bytes, std::uint32_t start) {
  std::uint64_t sum = start;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += u16_at(bytes, i);
  if (bytes.size() % 2) sum += u8_at(bytes, bytes.size() - 1) << 8;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

Bytes solicitation(const Endpoint& from, const Address& target, const std::optional<Mac>& to) {
  if (target.is_ipv4())
    return Writer()
        .ethernet(to.value_or(broadcast), from.mac, ETH_P_ARP)
        .u16(1)
        .u16(ETH_P_IP)
        .u8(6)
        .u8(4)
        .u16(1)
        .mac(from.mac)
        .address(from.address)
        .mac({})
        .address(target)
        .take();
  const Address destination = to ? target : solicited_node(target);
  return ipv6_packet(to.value_or(group_mac(destination)), from.mac, destination, from.address, nd_hop_limit,
                     nd_message(ND_NEIGHBOR_SOLICIT, 0, target, ND_OPT_SOURCE_LINKADDR, from.mac));
}

Bytes advertisement(const Endpoint& from, const std::optional<Endpoint>& to) {
  const Address all_nodes{{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  const Endpoint receiver = to.value_or(Endpoint{group_mac(all_nodes), all_nodes});
  const std::uint32_t flags = to ? 0xe0000000 : 0xa0000000;  // router, override; solicited
  return ipv6_packet(receiver.mac, from.mac, receiver.address, from.address, nd_hop_limit,
                     nd_message(ND_NEIGHBOR_ADVERT, flags, from.address, ND_OPT_TARGET_LINKADDR, from.mac));
}

std::optional<NeighbourMessage> parse_neighbour_message(Frame frame) {
  if (frame.size() < ethernet_size) return std::nullopt;
  return u16_at(frame, 12) == ETH_P_ARP ? parse_arp(frame.subspan(ethernet_size)) : parse_nd(frame);
}

std::optional<IpAddresses> addresses_of(Frame frame) {
  const auto ip = parse_ip(frame);
  return ip ? std::optional(IpAddresses{ip->source, ip->destination}) : std::nullopt;
}

std::optional<Bytes> icmp_error(Problem problem, Frame about, const Endpoint& port, std::uint16_t mtu) {
  const auto ip = parse_ip(about);
  if (!ip || !may_be_answered(*ip) || port.address.is_ipv4() != ip->is_ipv4) return std::nullopt;
  const auto [type, code] = ip->is_ipv4 ? codes4(problem) : codes6(problem);
  const std::size_t largest =
      ip->is_ipv4 ? largest_error4 - ipv4_size - icmp_size : largest_error6 - ipv6_size - icmp_size;
  Writer writer;
  writer.u8(type).u8(code).u16(0);
  // The place of the next header in the packet is what a parameter problem points at.
  const bool points = !ip->is_ipv4 && problem == Problem::protocol_unreachable;
  writer.u32(points ? 6 : problem == Problem::too_big ? mtu : 0);
  writer.append(ip->packet.first(std::min(ip->packet.size(), largest)));
  Bytes message = writer.take();
  if (!ip->is_ipv4) return ipv6_packet(port.mac, port.mac, ip->source, port.address, error_ttl, std::move(message));
  set_u16(message, 2, checksum(message));
  return Writer()
      .ethernet(port.mac, port.mac, ETH_P_IP)
      .append(ipv4_header(message.size(), IPPROTO_ICMP, port.address, ip->source))
      .append(message)
      .take();
}

Problem missing_service(Frame frame) {
  const auto ip = parse_ip(frame);
  const auto upper = ip ? upper_layer(*ip) : std::nullopt;
  const bool has_ports = upper && (upper->first == IPPROTO_TCP || upper->first == IPPROTO_UDP);
  return has_ports ? Problem::port_unreachable : Problem::protocol_unreachable;
}

std::vector<Bytes> fragments(Frame frame, std::uint16_t mtu) {
  const auto ip = parse_ip(frame);
  if (!ip || !ip->is_ipv4 || mtu < ip->header + 8 || u16_at(ip->packet, 6) & 0x4000) return {};
  const std::uint16_t place = u16_at(ip->packet, 6);
  Frame rest = ip->payload();
  std::vector<Bytes> pieces;
  unsigned offset = place & 0x1fff;
  // Options that are for the first fragment only are overwritten with "no operation" in the others (RFC 791, 3.1).
  Bytes header(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(ethernet_size + ip->header));
  while (!rest.empty()) {
    const std::size_t size = std::min<std::size_t>(rest.size(), (mtu - ip->header) & ~std::size_t{7});
    const bool more = size < rest.size() || place & 0x2000;
    Bytes piece = header;
    set_u16(piece, ethernet_size + 2, static_cast<unsigned>(ip->header + size));
    set_u16(piece, ethernet_size + 6, offset | (more ? 0x2000 : 0));
    set_u16(piece, ethernet_size + 10, 0);
    set_u16(piece, ethernet_size + 10, checksum(Frame(piece).subspan(ethernet_size)));
    piece.insert(piece.end(), rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size));
    pieces.push_back(std::move(piece));
    rest = rest.subspan(size);
    offset += static_cast<unsigned>(size / 8);
    if (pieces.size() > 1) continue;
    for (std::size_t at = ethernet_size + ipv4_size; at < header.size();) {
      const std::uint8_t kind = u8_at(header, at);
      if (kind == 0) break;
      const std::size_t length = kind == 1 || at + 1 >= header.size() ? 1 : u8_at(header, at + 1);
      if (length == 0 || at + length > header.size()) return {};
      if (!(kind & 0x80)) std::fill_n(header.begin() + static_cast<std::ptrdiff_t>(at), length, std::byte{1});
      at += length;
    }
  }
  return pieces;
}

}  // namespace polycube::router
