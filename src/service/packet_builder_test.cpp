// SPDX-License-Identifier: Apache-2.0
#include "service/packet_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/packet.h"

namespace polycube::service {
namespace {

using namespace polycube::harness;
using testing::HasSubstr;

Bytes filled_up(Bytes frame) {
  frame.resize(std::max<std::size_t>(frame.size(), 60));
  return frame;
}

testing::AssertionResult is_built(const std::string& text, const Bytes& expected) {
  const auto built = build_packet(text);
  if (!built) return testing::AssertionFailure() << text << ": " << built.error().message;
  return same_packet(filled_up(expected), *built) << " of " << text;
}

TEST(PacketBuilder, WhatIsNotSaidFollows) {
  EXPECT_TRUE(is_built("", build(Ethernet{.type = 0x88b6})));
  EXPECT_TRUE(is_built("udp", build(Ethernet{} / Ipv4{} / Udp{.source_port = 1024, .destination_port = 7})));
  EXPECT_TRUE(is_built("tcp", build(Ethernet{} / Ipv4{} / Tcp{})));
  EXPECT_TRUE(is_built("ip6 tcp", build(Ethernet{} / Ipv6{} / Tcp{})));
  EXPECT_TRUE(is_built("arp", build(Ethernet{.destination = "ff:ff:ff:ff:ff:ff"} / Arp{})));
  EXPECT_TRUE(is_built("ip", build(Ethernet{} / Ipv4{.protocol = 253})));
  EXPECT_TRUE(is_built("ip6", build(Ethernet{} / Ipv6{.next_header = 59})));
}

TEST(PacketBuilder, AllOfItCanBeSaid) {
  EXPECT_TRUE(is_built(
      "eth src 02:00:00:00:00:0a dst 02:00:00:00:00:0B, ip src 1.2.3.4 dst 5.6.7.8 ttl 3 tos 0x10 id 9, "
      "tcp sport 5 dport 443 seq 4000000000 ack 7 flags SA, payload 100",
      build(Ethernet{.source = "02:00:00:00:00:0a", .destination = "02:00:00:00:00:0b"} /
            Ipv4{.source = "1.2.3.4", .destination = "5.6.7.8", .ttl = 3, .tos = 0x10, .id = 9} /
            Tcp{.source_port = 5, .destination_port = 443, .sequence = 4000000000, .acknowledgment = 7, .flags = 0x12} /
            Payload(std::size_t{100}, 0))));
  EXPECT_TRUE(is_built("udp dport 53 ip6 src ::1 dst ff02::1 hlim 255 payload 33",
                       build(Ethernet{} / Ipv6{.source = "::1", .destination = "ff02::1", .hop_limit = 255} /
                             Udp{.source_port = 1024, .destination_port = 53} / Payload(std::size_t{33}, 0))));
  EXPECT_TRUE(
      is_built("arp op 2 sha 02:00:00:00:00:05 spa 1.1.1.1 tha 02:00:00:00:00:06 tpa 2.2.2.2 eth dst "
               "02:00:00:00:00:06",
               build(Ethernet{.destination = "02:00:00:00:00:06"} / Arp{.operation = 2,
                                                                        .sender_mac = "02:00:00:00:00:05",
                                                                        .sender_ip = "1.1.1.1",
                                                                        .target_mac = "02:00:00:00:00:06",
                                                                        .target_ip = "2.2.2.2"})));
  EXPECT_TRUE(is_built("eth type 0x1234", build(Ethernet{.type = 0x1234})));
  EXPECT_TRUE(is_built("ip proto 47", build(Ethernet{} / Ipv4{.protocol = 47})));
}

TEST(PacketBuilder, VlanTags) {
  EXPECT_TRUE(is_built("udp vlan 5 pcp 3",
                       build(Ethernet{} / Vlan{.id = 5, .priority = 3} / Ipv4{} / Udp{.destination_port = 7})));
  EXPECT_TRUE(is_built("vlan 4095 vlan 1 udp", build(Ethernet{} / Vlan{.id = 4095, .tpid = 0x88a8} / Vlan{.id = 1} /
                                                     Ipv4{} / Udp{.destination_port = 7})));
}

TEST(PacketBuilder, PingsHaveTheirChecksums) {
  const auto sum_of = [](const std::string& text, std::size_t offset) {
    const auto packet = build_packet(text);
    return std::to_integer<unsigned>((*packet)[offset]) << 8 | std::to_integer<unsigned>((*packet)[offset + 1]);
  };
  EXPECT_EQ(sum_of("icmp id 1 seq 1", 14 + 20 + 2), 0xf7fdu);          // ~(0x0800 + 1 + 1)
  EXPECT_EQ(sum_of("icmp6 ip6 src :: dst ::", 14 + 40 + 2), 0x7fbbu);  // ~(8 + 58 + 0x8000 + 1 + 1)
}

TEST(PacketBuilder, NamesTheWordThatIsWrong) {
  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"tpc dport 80", "'tpc' is no header"},
           {"tcp dprt 80", "'dprt' is neither a header nor a field of 'tcp', which has sport, dport, seq, ack, flags"},
           {"tcp dport", "'tcp dport' needs a number from 0 to 65535"},
           {"tcp dport 65536", "'65536' is not a value of 'tcp dport'"},
           {"tcp dport -1", "'-1' is not a value"},
           {"tcp dport 8o", "'8o' is not a value"},
           {"tcp dport 0x", "'0x' is not a value"},
           {"tcp dport 1 dport 2", "'tcp dport' is there twice"},
           {"tcp tcp", "the header 'tcp' is there twice"},
           {"vlan 1 vlan 2 vlan 3", "the header 'vlan' is there three times"},
           {"vlan", "'vlan id' needs a number from 0 to 4095"},
           {"vlan 4096", "'4096' is not a value of 'vlan id'"},
           {"tcp flags SX", "'SX' is not a value of 'tcp flags': that is letters of FSRPAUEC"},
           {"ip src 10.0.0.256", "an IPv4 address"},
           {"ip src 10.0.0", "an IPv4 address"},
           {"ip6 src fd00::x", "an IPv6 address"},
           {"eth src 02:00:00:00:00", "a MAC address"},
           {"eth src 02:00:00:00:00:01:02", "a MAC address"},
           {"eth src 02-00-00-00-00-01", "a MAC address"},
           {"eth src 2:0:0:0:0:1", "a MAC address"},
           {"ip arp", "'arp' and 'ip' cannot be in one packet"},
           {"tcp udp", "'udp' and 'tcp' cannot be in one packet"},
           {"arp udp", "'arp' and 'udp' cannot be in one packet"},
           {"payload 99999", "'99999' is not a value of 'payload length'"}}) {
    const auto built = build_packet(text);
    ASSERT_FALSE(built) << text;
    EXPECT_EQ(built.error().code, ErrorCode::invalid_value);
    EXPECT_THAT(built.error().message, HasSubstr(message));
  }
}

TEST(PacketBuilder, BytesAsTheyAre) {
  EXPECT_EQ(*parse_hexadecimal("00fFa5"), (Bytes{std::byte{0}, std::byte{0xff}, std::byte{0xa5}}));
  EXPECT_EQ(parse_hexadecimal("")->size(), 0u);
  for (const char* wrong : {"0", "000", "0g", "00 0", "0x00", "-1"}) {
    const auto parsed = parse_hexadecimal(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_THAT(parsed.error().message, HasSubstr("is not two hexadecimal digits"));
  }
}

}  // namespace
}  // namespace polycube::service
