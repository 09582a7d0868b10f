// SPDX-License-Identifier: Apache-2.0
// What parse.h finds in packets of every kind, whole, cut at every byte and changed in every byte, against a second parser
// that is written straight from the RFCs.
#include <linux/if.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "parser_test_kit.h"

namespace polycube::harness {
namespace {

constexpr std::uint16_t ipv4 = 0x0800, ipv6 = 0x86dd, arp = 0x0806;

/// What is to be found; fields of layers that are not reached do not count.
struct Expected {
  std::uint32_t layers = 3;
  std::uint16_t ethertype = ipv4;
  std::uint16_t l3 = 14;
  std::vector<std::uint16_t> tags = {};
  std::uint32_t end = 0;
  std::uint8_t protocol = 0;
  std::uint8_t fragment = 0;
  std::uint16_t l4 = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t headers = 0;
  friend bool operator==(const Expected&, const Expected&) = default;
};

void PrintTo(const Expected& e, std::ostream* out) {
  *out << "layers " << e.layers << " type " << std::hex << e.ethertype << std::dec << " l3 " << e.l3 << " tags ["
       << testing::PrintToString(e.tags) << "] end " << e.end << " protocol " << int{e.protocol} << " fragment "
       << int{e.fragment} << " l4 " << e.l4 << " ports " << e.source_port << " " << e.destination_port << " headers "
       << std::hex << e.headers << std::dec;
}

/// The second parser: reads bytes by checked index.
class Model {
 public:
  explicit Model(const Bytes& packet) : bytes_(packet) {}

  Expected parse() {
    e_ = Expected{.layers = 0, .ethertype = 0, .l3 = 0};
    if (!link()) return Expected{.layers = 0, .ethertype = 0, .l3 = 0};
    e_.layers = 1;
    const Expected link_only = e_;
    if (!network()) return link_only;
    e_.layers = 2;
    const Expected network_only = e_;
    if (!transport()) return network_only;
    e_.layers = 3;
    return e_;
  }

 private:
  [[nodiscard]] unsigned u8(std::size_t at) const { return std::to_integer<unsigned>(bytes_.at(at)); }
  [[nodiscard]] unsigned u16(std::size_t at) const { return u8(at) << 8 | u8(at + 1); }
  [[nodiscard]] bool has(std::size_t end) const { return end <= bytes_.size(); }

  bool link() {
    if (!has(14)) return false;
    e_.ethertype = static_cast<std::uint16_t>(u16(12));
    e_.l3 = 14;
    while (e_.tags.size() < 2 && (e_.ethertype == 0x8100 || e_.ethertype == 0x88a8)) {
      if (!has(e_.l3 + 4u)) return false;
      e_.tags.push_back(u16(e_.l3) & 0xfff);
      e_.ethertype = static_cast<std::uint16_t>(u16(e_.l3 + 2u));
      e_.l3 += 4;
    }
    return true;
  }

  bool network() {
    const std::size_t l3 = e_.l3;
    if (e_.ethertype == arp) {
      if (!has(l3 + 8)) return false;
      const bool known = u16(l3) == 1 && u16(l3 + 2) == 0x800 && u16(l3 + 4) == 0x0604;
      if (known) e_.headers |= PARSER_ARP;
      return !known || has(l3 + 28);
    }
    if (e_.ethertype == ipv4) {
      if (!has(l3 + 20) || u8(l3) >> 4 != 4) return false;
      const unsigned header = (u8(l3) & 15) * 4, total = u16(l3 + 2), fragment = u16(l3 + 6);
      if (header < 20 || total < header || !has(l3 + total)) return false;
      e_.headers |= PARSER_IPV4;
      e_.end = static_cast<std::uint32_t>(l3 + total);
      e_.l4 = static_cast<std::uint16_t>(l3 + header);
      e_.protocol = static_cast<std::uint8_t>(u8(l3 + 9));
      e_.fragment = (fragment & 0x1fff) != 0 ? 2 : (fragment & 0x2000) != 0 ? 1 : 0;
      return true;
    }
    if (e_.ethertype == ipv6) {
      if (!has(l3 + 40) || u8(l3) >> 4 != 6) return false;
      e_.protocol = static_cast<std::uint8_t>(u8(l3 + 6));
      std::size_t payload = u16(l3 + 4);
      if (payload == 0 && e_.protocol == 0) payload = bytes_.size() - l3 - 40;
      if (!has(l3 + 40 + payload)) return false;
      e_.headers |= PARSER_IPV6;
      e_.l4 = static_cast<std::uint16_t>(l3 + 40);
      e_.end = static_cast<std::uint32_t>(l3 + 40 + payload);
    }
    return true;
  }

  bool extensions() {
    for (int count = 0;; count++) {
      const unsigned kind = e_.protocol;
      if (e_.fragment == 2 || (kind != 0 && kind != 43 && kind != 44 && kind != 51 && kind != 60)) return true;
      if (count == 8 || e_.l4 + 4u > e_.end) return false;
      const unsigned size = kind == 44 ? 8 : kind == 51 ? (u8(e_.l4 + 1u) + 2) * 4 : (u8(e_.l4 + 1u) + 1) * 8;
      if (e_.l4 + size > e_.end) return false;
      if (kind == 44 && u16(e_.l4 + 2u) >> 3 != 0)
        e_.fragment = 2;
      else if (kind == 44 && (u16(e_.l4 + 2u) & 1) != 0)
        e_.fragment = 1;
      e_.protocol = static_cast<std::uint8_t>(u8(e_.l4));
      e_.l4 = static_cast<std::uint16_t>(e_.l4 + size);
    }
  }

  bool ports(unsigned header, std::uint32_t bit) {
    if (e_.l4 + header > e_.end) return false;
    e_.source_port = static_cast<std::uint16_t>(u16(e_.l4));
    e_.destination_port = static_cast<std::uint16_t>(u16(e_.l4 + 2u));
    e_.headers |= bit | PARSER_PORTS;
    return true;
  }

  bool transport() {
    if (e_.ethertype == ipv6 && !extensions()) return false;
    if (e_.fragment == 2) e_.l4 = 0;
    if (e_.l4 == 0) return true;
    const unsigned room = e_.end - e_.l4;
    switch (e_.protocol) {
      case 6: return ports(20, PARSER_TCP) && u8(e_.l4 + 12u) >> 4 >= 5 && (u8(e_.l4 + 12u) >> 4) * 4 <= room;
      case 17: return ports(8, PARSER_UDP) && u16(e_.l4 + 4u) >= 8 && (e_.fragment == 1 || u16(e_.l4 + 4u) <= room);
      case 132: return ports(12, PARSER_SCTP);
      case 1: e_.headers |= PARSER_ICMP; return room >= 8;
      case 58: e_.headers |= PARSER_ICMPV6; return room >= 8;
      default: return true;
    }
  }

  const Bytes& bytes_;
  Expected e_;
};

/// What the kernel found, without what does not count.
Expected expected_of(const parsed& found) {
  Expected e{.layers = found.layers, .ethertype = 0, .l3 = 0};
  if (found.layers < 1) return e;
  e.ethertype = found.ethertype;
  e.l3 = found.l3;
  e.tags.assign(found.tag_ids, found.tag_ids + std::min<int>(found.tags, 2));
  if (found.layers < 2) return e;
  e.headers = found.headers;
  if (e.ethertype != ipv4 && e.ethertype != ipv6) return e;
  e.end = found.end;
  if (found.layers < 3 && e.ethertype == ipv6) {
    // Where the chain of extension headers broke does not count.
    e.l4 = static_cast<std::uint16_t>(e.l3 + 40);
    return e;
  }
  e.protocol = found.protocol;
  e.fragment = found.fragment;
  e.l4 = found.l4;
  if (found.layers < 3) return e;
  e.source_port = found.source_port;
  e.destination_port = found.destination_port;
  return e;
}

Expected counting(Expected e) {
  if (e.layers == 2 && e.ethertype == ipv6) e.protocol = 0;
  if (e.layers == 2 && e.ethertype == ipv4 && e.fragment == 2) e.l4 = 0;
  return e;
}

/// First bytes of the headers that were found.
std::uint32_t samples(const Expected& e, const Bytes& packet) {
  std::uint32_t sum = 0;
  const auto first = [&](std::size_t at) { sum += std::to_integer<std::uint32_t>(packet.at(at)); };
  if ((e.headers & (PARSER_ARP | PARSER_IPV4 | PARSER_IPV6)) != 0) first(e.l3);
  if ((e.headers & (PARSER_TCP | PARSER_UDP | PARSER_ICMP | PARSER_ICMPV6 | PARSER_SCTP)) != 0) first(e.l4);
  return sum;
}

Bytes raw(std::initializer_list<int> values) {
  Bytes bytes;
  for (int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

struct Case {
  std::string name;
  Packet packet;
  Expected expected;
};

const Payload data(std::size_t{16}, 0xa5);
const Payload sctp(raw({0x10, 0, 0x20, 0, 0, 0, 0, 1, 0, 0, 0, 0}));
const Payload authentication(raw({6, 2, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9}));  // in front of TCP

std::vector<Case> link_cases() {
  return {
      {"untagged",
       Ethernet{} / Ipv4{} / Tcp{} / data,
       {.end = 70, .protocol = 6, .l4 = 34, .source_port = 1024, .destination_port = 80, .headers = 0x10a}},
      {"one tag",
       Ethernet{} / Vlan{.id = 4095, .priority = 7, .drop_eligible = true} / Ipv4{} / Udp{} / data,
       {.l3 = 18,
        .tags = {4095},
        .end = 62,
        .protocol = 17,
        .l4 = 38,
        .source_port = 1024,
        .destination_port = 53,
        .headers = 0x112}},
      {"priority tag",
       Ethernet{} / Vlan{.id = 0, .priority = 5} / Ipv4{} / Icmp{},
       {.l3 = 18, .tags = {0}, .end = 46, .protocol = 1, .l4 = 38, .headers = 0x22}},
      {"two tags",
       Ethernet{} / Vlan{.id = 7, .tpid = 0x88a8} / Vlan{.id = 8} / Ipv4{} / Udp{},
       {.l3 = 22,
        .tags = {7, 8},
        .end = 50,
        .protocol = 17,
        .l4 = 42,
        .source_port = 1024,
        .destination_port = 53,
        .headers = 0x112}},
      {"three tags",
       Ethernet{} / Vlan{.id = 1} / Vlan{.id = 2} / Vlan{.id = 3} / Ipv4{} / Udp{},
       {.ethertype = 0x8100, .l3 = 22, .tags = {1, 2}}},
      {"another protocol", Ethernet{} / data, {.ethertype = 0x88b5}},
      {"802.3", Ethernet{.type = 16} / data, {.ethertype = 16}},
      {"ARP", Ethernet{} / Arp{}, {.ethertype = arp, .headers = PARSER_ARP}},
      {"tagged ARP",
       Ethernet{} / Vlan{.id = 3} / Arp{} / data,
       {.ethertype = arp, .l3 = 18, .tags = {3}, .headers = PARSER_ARP}},
      {"ARP of another kind", Ethernet{.type = arp} / Payload(raw({0, 6, 8, 0, 6, 4, 0, 1, 1, 2})), {.ethertype = arp}},
  };
}

std::vector<Case> ipv4_cases() {
  return {
      {"options",
       Ethernet{} / Ipv4{.options = Bytes(40, std::byte{1})} / Tcp{.options = Bytes(40)} / data,
       {.end = 150, .protocol = 6, .l4 = 74, .source_port = 1024, .destination_port = 80, .headers = 0x10a}},
      {"padded",
       Ethernet{} / Ipv4{.total_length = 28, .protocol = 17} / Udp{.length = 8} / data,
       {.end = 42, .protocol = 17, .l4 = 34, .source_port = 1024, .destination_port = 53, .headers = 0x112}},
      {"SCTP",
       Ethernet{} / Ipv4{.protocol = 132} / sctp,
       {.end = 46, .protocol = 132, .l4 = 34, .source_port = 0x1000, .destination_port = 0x2000, .headers = 0x182}},
      {"nothing inside", Ethernet{} / Ipv4{.protocol = 47}, {.end = 34, .protocol = 47, .l4 = 34, .headers = 2}},
      {"first fragment",
       Ethernet{} / Ipv4{.more_fragments = true} / Udp{.length = 4000} / data,
       {.end = 58,
        .protocol = 17,
        .fragment = 1,
        .l4 = 34,
        .source_port = 1024,
        .destination_port = 53,
        .headers = 0x112}},
      {"middle fragment",
       Ethernet{} / Ipv4{.more_fragments = true, .fragment_offset = 3, .protocol = 17} / data,
       {.end = 50, .protocol = 17, .fragment = 2, .headers = 2}},
      {"last fragment of one byte",
       Ethernet{} / Ipv4{.fragment_offset = 8191, .protocol = 6} / Payload(std::size_t{1}),
       {.end = 35, .protocol = 6, .fragment = 2, .headers = 2}},
      {"unfragmentable",
       Ethernet{} / Ipv4{.dont_fragment = true} / Udp{},
       {.end = 42, .protocol = 17, .l4 = 34, .source_port = 1024, .destination_port = 53, .headers = 0x112}},
      {"ICMPv6 in IPv4", Ethernet{} / Ipv4{} / Icmpv6{}, {.end = 42, .protocol = 58, .l4 = 34, .headers = 0x42}},
  };
}

std::vector<Case> ipv6_cases() {
  const auto eight = [](int more) {
    Packet packet = Ethernet{} / Ipv6{};
    packet.emplace_back(Ipv6Extension{.kind = 0});
    for (int i = 1; i < 8 + more; i++) packet.emplace_back(Ipv6Extension{.kind = 60, .content = Bytes(i * 5)});
    packet.emplace_back(Udp{});
    return packet;
  };
  const Expected fixed_header{.layers = 2, .ethertype = ipv6, .l4 = 54, .headers = 4};
  Expected many = fixed_header;
  many.end = 54 + 8 + 8 + 16 + 24 + 24 + 32 + 32 + 40 + 48 + 8;
  return {
      {"TCP",
       Ethernet{} / Ipv6{} / Tcp{} / data,
       {.ethertype = ipv6,
        .end = 90,
        .protocol = 6,
        .l4 = 54,
        .source_port = 1024,
        .destination_port = 80,
        .headers = 0x10c}},
      {"ICMPv6 behind tags",
       Ethernet{} / Vlan{.id = 2} / Vlan{.id = 3} / Ipv6{} / Icmpv6{},
       {.ethertype = ipv6, .l3 = 22, .tags = {2, 3}, .end = 70, .protocol = 58, .l4 = 62, .headers = 0x44}},
      {"ICMP in IPv6",
       Ethernet{} / Ipv6{} / Icmp{},
       {.ethertype = ipv6, .end = 62, .protocol = 1, .l4 = 54, .headers = 0x24}},
      {"no next header", Ethernet{} / Ipv6{}, {.ethertype = ipv6, .end = 54, .protocol = 59, .l4 = 54, .headers = 4}},
      {"ESP",
       Ethernet{} / Ipv6{.next_header = 50} / data,
       {.ethertype = ipv6, .end = 70, .protocol = 50, .l4 = 54, .headers = 4}},
      {"every extension",
       Ethernet{} / Vlan{.id = 5} / Ipv6{} / Ipv6Extension{.kind = 0} /
           Ipv6Extension{.kind = 60, .content = Bytes(20)} / Ipv6Extension{.kind = 43, .content = Bytes(22)} /
           Ipv6Fragment{} / Ipv6Extension{.kind = 60, .next_header = 51} / authentication / Tcp{} / data,
       {.ethertype = ipv6,
        .l3 = 18,
        .tags = {5},
        .end = 18 + 40 + 8 + 24 + 24 + 8 + 8 + 16 + 36,
        .protocol = 6,
        .l4 = 18 + 40 + 8 + 24 + 24 + 8 + 8 + 16,
        .source_port = 1024,
        .destination_port = 80,
        .headers = 0x10c}},
      {"longest extension",
       Ethernet{} / Ipv6{} / Ipv6Extension{.kind = 60, .content = Bytes(2046)} / Udp{},
       {.ethertype = ipv6,
        .end = 54 + 2048 + 8,
        .protocol = 17,
        .l4 = 54 + 2048,
        .source_port = 1024,
        .destination_port = 53,
        .headers = 0x114}},
      {"most extensions",
       eight(0),
       {.ethertype = ipv6,
        .end = 54 + 8 + 8 + 16 + 24 + 24 + 32 + 32 + 40 + 8,
        .protocol = 17,
        .l4 = 54 + 8 + 8 + 16 + 24 + 24 + 32 + 32 + 40,
        .source_port = 1024,
        .destination_port = 53,
        .headers = 0x114}},
      {"too many extensions", eight(1), many},
      {"first fragment",
       Ethernet{} / Ipv6{} / Ipv6Fragment{.more = true} / Udp{.length = 3000},
       {.ethertype = ipv6,
        .end = 70,
        .protocol = 17,
        .fragment = 1,
        .l4 = 62,
        .source_port = 1024,
        .destination_port = 53,
        .headers = 0x114}},
      {"later fragment",
       Ethernet{} / Ipv6{} / Ipv6Fragment{.offset = 1, .next_header = 17} / data,
       {.ethertype = ipv6, .end = 78, .protocol = 17, .fragment = 2, .headers = 4}},
      {"later fragment of options",
       Ethernet{} / Ipv6{} / Ipv6Fragment{.offset = 9, .more = true, .next_header = 60} / data,
       {.ethertype = ipv6, .end = 78, .protocol = 60, .fragment = 2, .headers = 4}},
      {"jumbogram",
       Ethernet{} / Ipv6{.payload_length = 0} / Ipv6Extension{.kind = 0, .content = raw({0xc2, 4, 0, 1, 0, 0})} / Tcp{},
       {.ethertype = ipv6,
        .end = 82,
        .protocol = 6,
        .l4 = 62,
        .source_port = 1024,
        .destination_port = 80,
        .headers = 0x10c}},
  };
}

std::vector<Case> all_cases() {
  std::vector<Case> all = link_cases();
  for (const auto& more : {ipv4_cases(), ipv6_cases()}) all.insert(all.end(), more.begin(), more.end());
  return all;
}

class ParseTest : public ParserTest {
 protected:
  // The kernel does not test-run what is too short for the header that it promises: those are cut by the program.
  static constexpr std::size_t surely_long_enough = 60;

  void compare(const Bytes& packet, const std::string& what) {
    const Expected wanted = Model(packet).parse();
    Bytes padded = packet;
    padded.resize(std::max(packet.size(), surely_long_enough));
    give({.operation = padded == packet ? PARSER_NOTHING : PARSER_CUT,
          .value = static_cast<std::uint32_t>(packet.size())});
    const parsed got = run(padded).found;
    ASSERT_EQ(got.done, 0) << what;
    ASSERT_EQ(expected_of(got), counting(wanted)) << what;
    ASSERT_EQ(got.sampled, samples(wanted, packet)) << what;
  }
};

TEST_P(ParseTest, EveryKindOfPacket) {
  for (const Case& a : all_cases()) {
    const Bytes packet = build(a.packet);
    EXPECT_EQ(expected_of(run(packet).found), a.expected) << a.name;
    EXPECT_EQ(counting(Model(packet).parse()), a.expected) << a.name;
  }
}

TEST_P(ParseTest, CutAtEveryByte) {
  for (const Case& a : all_cases()) {
    const Bytes packet = build(a.packet);
    for (std::size_t size = 14; size < packet.size(); size++)
      compare(Bytes(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size)),
              a.name + " cut to " + std::to_string(size));
  }
}

// So that what is cut is missed by the transport header and not by the length in front of it.
TEST_P(ParseTest, CutAtEveryByteWithALengthThatSaysSo) {
  for (const Case& a : all_cases()) {
    const Bytes packet = build(a.packet);
    const bool v4 = a.expected.ethertype == ipv4, v6 = a.expected.ethertype == ipv6;
    const std::size_t from = a.expected.l3 + (v4 ? 20u : 40u), length_at = a.expected.l3 + (v4 ? 2u : 4u);
    for (std::size_t size = from; (v4 || v6) && size < packet.size(); size++) {
      Bytes cut(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size));
      const std::size_t length = v4 ? size - a.expected.l3 : size - from;
      cut[length_at] = static_cast<std::byte>(length >> 8);
      cut[length_at + 1] = static_cast<std::byte>(length);
      compare(cut, a.name + " shortened to " + std::to_string(size));
    }
  }
}

TEST_P(ParseTest, EveryByteChanged) {
  for (const Case& a : all_cases()) {
    const Bytes packet = build(a.packet);
    for (std::size_t at = 12; at < std::min<std::size_t>(packet.size(), 160); at++) {
      for (const int value : {0, 1, 4, 6, 17, 44, 51, 0x45, 0x4f, 0x60, 0x80, 0xff}) {
        Bytes changed = packet;
        changed[at] = static_cast<std::byte>(value);
        compare(changed, a.name + " with byte " + std::to_string(at) + " = " + std::to_string(value));
      }
    }
  }
}

TEST_P(ParseTest, ContradictionsAreMalformed) {
  const std::vector<std::pair<Packet, std::uint32_t>> packets = {
      {Ethernet{} / Ipv4{.header_words = 4} / Tcp{}, 1},
      {Ethernet{} / Ipv4{.header_words = 15} / Udp{}, 1},
      {Ethernet{} / Ipv4{.version = 5} / Udp{}, 1},
      {Ethernet{} / Ipv4{.total_length = 19} / Udp{}, 1},
      {Ethernet{} / Ipv4{.total_length = 29} / Udp{}, 1},
      {Ethernet{} / Ipv4{.total_length = 0} / Udp{}, 1},
      {Ethernet{} / Ipv6{.version = 4} / Udp{}, 1},
      {Ethernet{} / Ipv6{.payload_length = 9} / Udp{}, 1},
      {Ethernet{} / Ipv6{.payload_length = 0} / Udp{}, 2},
      {Ethernet{} / Ipv6{} / Ipv6Extension{.kind = 60, .length = 2} / Udp{}, 2},
      {Ethernet{} / Ipv6{.next_header = 60}, 2},
      {Ethernet{} / Ipv4{} / Tcp{.data_offset = 4}, 2},
      {Ethernet{} / Ipv4{} / Tcp{.data_offset = 6}, 2},
      {Ethernet{} / Ipv4{} / Udp{.length = 7}, 2},
      {Ethernet{} / Ipv4{} / Udp{.length = 9}, 2},
      {Ethernet{} / Ipv4{.more_fragments = true, .protocol = 6} / Payload(std::size_t{8}), 2},
  };
  for (std::size_t i = 0; i < packets.size(); i++)
    EXPECT_EQ(run(build(packets[i].first)).found.layers, packets[i].second) << "packet " << i;
}

// The kernel's own batches of TCP segments may be longer than the length field can say (IPv4: it is then zero).
TEST_P(ParseTest, ALengthOfZeroIsABatchOfSegments) {
  if (GetParam() != Hook::tc) return;  // XDP sees no batches
  __sk_buff context{};
  context.gso_segs = 2;
  context.gso_size = 8;
  const Bytes packet = build(Ethernet{} / Ipv4{.total_length = 0} / Tcp{} / data);
  const parsed found = run(packet, std::as_bytes(std::span(&context, 1))).found;
  EXPECT_EQ(found.layers, 3u);
  EXPECT_EQ(found.end, packet.size());
}

// Frames longer than a page come from a packet socket with no more than the Ethernet header in their linear part.
TEST_P(ParseTest, HeadersAreFetchedFromWhereverTheyAre) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const Fd owner(socket);
  for (const char* device : {"d0", "d0_far", "d1", "d1_far"}) {
    ifreq request{};
    std::strncpy(request.ifr_name, device, sizeof(request.ifr_name) - 1);
    request.ifr_mtu = GetParam() == Hook::tc ? 9000 : 3000;
    ASSERT_EQ(ioctl(socket, SIOCSIFMTU, &request), 0) << device;
  }
  const Payload much(std::size_t{GetParam() == Hook::tc ? 7000u : 2500u});
  const FrameSocket in(DataPath::far_end("d0")), out(DataPath::far_end("d1"));
  for (const Packet& packet :
       {Ethernet{} / Vlan{.id = 6} / Vlan{.id = 7} / Ipv4{.options = Bytes(40)} / Tcp{.options = Bytes(40)} / much,
        Ethernet{} / Ipv6{} / Ipv6Extension{.kind = 60, .content = Bytes(100)} / Ipv6Fragment{} / Udp{} / much,
        Ethernet{} / Arp{} / much, Ethernet{} / Ipv4{} / Icmp{} / much}) {
    const Bytes frame = build(packet);
    in.send(frame);
    EXPECT_TRUE(same_packet(frame, out.receive()));
    const parsed got = found();
    // On TC the kernel has taken the first tag out.
    Expected wanted = Model(frame).parse();
    if (GetParam() == Hook::tc && !wanted.tags.empty()) {
      wanted.l3 -= 4;
      wanted.end -= 4;
      wanted.l4 -= 4;
    }
    EXPECT_EQ(wanted.layers, 3u);
    EXPECT_EQ(expected_of(got), wanted);
  }
}

INSTANTIATE_TEST_SUITE_P(Hooks, ParseTest, testing::Values(Hook::tc, Hook::xdp_skb), hook_name);

}  // namespace
}  // namespace polycube::harness
