// SPDX-License-Identifier: Apache-2.0
#include "harness/packet.h"

#include <gmock/gmock.h>

#include <stdexcept>

namespace polycube::harness {
namespace {

Bytes hex(std::string_view text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size();) {
    if (text[i] == ' ') {
      i++;
      continue;
    }
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
    i += 2;
  }
  return bytes;
}

// The expected bytes come from scapy 2.5.
TEST(PacketTest, UdpOverIpv4) {
  const Bytes frame = build(Ethernet{} / Ipv4{} / Udp{.source_port = 1000, .destination_port = 53} / Payload("abc"));
  EXPECT_TRUE(same_packet(
      hex("020000000002020000000001 0800 4500001f00000000401166cc0a0000010a000002 03e80035000b2356 616263"), frame));
}

TEST(PacketTest, TcpOverIpv6) {
  const Bytes frame = build(Ethernet{} / Ipv6{} / Tcp{.source_port = 1, .destination_port = 2});
  EXPECT_TRUE(same_packet(hex("020000000002020000000001 86dd 60000000 0014 06 40 fd000000000000000000000000000001"
                              "fd000000000000000000000000000002 0001 0002 00000000 00000000 5002 ffff b5db 0000"),
                          frame));
}

TEST(PacketTest, IcmpEcho) {
  const Bytes packet = build(Icmp{.rest = 0x00010002} / Payload("xy"));
  EXPECT_TRUE(same_packet(hex("0800 7f83 0001 0002 7879"), packet));
}

TEST(PacketTest, Arp) {
  EXPECT_TRUE(same_packet(hex("ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 0a000001 000000000000"
                              "0a000002"),
                          build(Ethernet{.destination = "ff:ff:ff:ff:ff:ff"} / Arp{})));
}

TEST(PacketTest, TagsNameTheirTpidInTheHeaderInFront) {
  const Bytes frame = build(Ethernet{} / Vlan{.id = 7, .priority = 3, .tpid = 0x88a8} / Vlan{.id = 4094} / Ipv4{});
  EXPECT_TRUE(same_packet(hex("88a8 6007 8100 0ffe 0800 45"), Bytes(frame.begin() + 12, frame.begin() + 23)));
}

TEST(PacketTest, OptionsLengthenTheIpv4Header) {
  const Bytes packet = build(Ipv4{.options = hex("940400 00 01")} / Payload(std::size_t{1}));
  EXPECT_EQ(packet.size(), 20u + 8u + 1u);
  EXPECT_EQ(packet[0], std::byte{0x47});
  EXPECT_EQ(packet[3], std::byte{29});
}

TEST(PacketTest, FragmentsCarryOffsetAndFlag) {
  const Bytes packet =
      build(Ipv4{.id = 9, .more_fragments = true, .fragment_offset = 185, .protocol = 17} / Payload("data"));
  EXPECT_EQ(packet[9], std::byte{17});
  EXPECT_TRUE(same_packet(hex("0009 20b9"), Bytes(packet.begin() + 4, packet.begin() + 8)));
}

TEST(PacketTest, ExtensionHeadersAreChained) {
  const Bytes packet = build(Ipv6{} / Ipv6Extension{.kind = 0} / Ipv6Extension{.kind = 60, .content = Bytes(7)} /
                             Ipv6Fragment{.id = 5, .offset = 1, .more = true} / Icmpv6{});
  EXPECT_EQ(packet.size(), 40u + 8u + 16u + 8u + 8u);
  EXPECT_EQ(packet[6], std::byte{0});
  EXPECT_EQ(packet[40], std::byte{60});
  EXPECT_EQ(packet[48], std::byte{44});
  EXPECT_EQ(packet[49], std::byte{1});
  EXPECT_EQ(packet[64], std::byte{58});
  EXPECT_TRUE(same_packet(hex("0009 00000005"), Bytes(packet.begin() + 66, packet.begin() + 72)));
}

TEST(PacketTest, ComputedFieldsCanBeOverridden) {
  const Bytes packet = build(Ipv4{.header_words = 15, .total_length = 9, .protocol = 1, .checksum = 0xbeef} /
                             Udp{.length = 1, .checksum = 0});
  EXPECT_EQ(packet[0], std::byte{0x4f});
  EXPECT_TRUE(same_packet(hex("0009"), Bytes(packet.begin() + 2, packet.begin() + 4)));
  EXPECT_TRUE(same_packet(hex("01 beef"), Bytes(packet.begin() + 9, packet.begin() + 12)));
  EXPECT_TRUE(same_packet(hex("0001 0000"), Bytes(packet.begin() + 24, packet.begin() + 28)));
}

TEST(PacketTest, AddressesThatAreNoneAreRefused) {
  EXPECT_THROW((void)build(Ethernet{.source = "02:00:00"}), std::invalid_argument);
  EXPECT_THROW((void)build(Ethernet{.source = "02:00:00:00:00:01:02"}), std::invalid_argument);
  EXPECT_THROW((void)build(Ipv4{.source = "10.0.0.256"}), std::invalid_argument);
}

TEST(PacketTest, ADifferenceIsShownInItsLine) {
  Bytes actual(40);
  actual[17] = std::byte{0xab};
  actual.resize(39);
  const auto result = same_packet(Bytes(40), actual);
  EXPECT_FALSE(result);
  const std::string text = result.message();
  EXPECT_THAT(text, testing::HasSubstr("40 and 39 bytes"));
  EXPECT_THAT(text, testing::HasSubstr("  0000  00 00"));
  EXPECT_THAT(text, testing::HasSubstr("- 0010  00*00 00"));
  EXPECT_THAT(text, testing::HasSubstr("+ 0010  00*ab 00"));
  EXPECT_THAT(text, testing::HasSubstr("*00\n+ 0020"));
}

}  // namespace
}  // namespace polycube::harness
