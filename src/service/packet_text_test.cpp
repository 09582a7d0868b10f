// SPDX-License-Identifier: Apache-2.0
#include "service/packet_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "harness/packet.h"

namespace polycube::service {
namespace {

using harness::Arp;
using harness::build;
using harness::Bytes;
using harness::Ethernet;
using harness::Icmpv6;
using harness::Ipv4;
using harness::Ipv6;
using harness::Ipv6Extension;
using harness::Ipv6Fragment;
using harness::Packet;
using harness::Payload;
using harness::Tcp;
using harness::Udp;
using harness::Vlan;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

std::string summary(const Packet& packet) { return packet_summary(packet_fields(build(packet))); }

TEST(PacketText, SaysInOneLineWhatAPacketIs) {
  const std::string between = "02:00:00:00:00:01 > 02:00:00:00:00:02, ";
  EXPECT_EQ(summary(Ethernet{} / Ipv4{} / Udp{}), between + "IPv4 10.0.0.1 > 10.0.0.2 ttl 64, UDP 1024 > 53");
  EXPECT_EQ(summary(Ethernet{} / Vlan{.id = 5} / Ipv4{.ttl = 3} / Tcp{.flags = 0x12}),
            between + "VLAN 5, IPv4 10.0.0.1 > 10.0.0.2 ttl 3, TCP 1024 > 80 SA");
  EXPECT_EQ(summary(Ethernet{} / Ipv6{} / Icmpv6{}),
            between + "IPv6 fd00::1 > fd00::2 hlim 64, ICMPv6 type 128 code 0");
  EXPECT_EQ(summary(Ethernet{} / Ipv6{} / Ipv6Extension{} / Tcp{}),
            between + "IPv6 fd00::1 > fd00::2 hlim 64, TCP 1024 > 80 S");
  EXPECT_EQ(summary(Ethernet{} / Arp{}), between + "ARP who has 10.0.0.2? tell 10.0.0.1");
  EXPECT_EQ(summary(Ethernet{} / Ipv4{.fragment_offset = 10} / Payload("x")),
            between + "IPv4 10.0.0.1 > 10.0.0.2 ttl 64, fragment at 80");
  EXPECT_EQ(summary(Ethernet{.type = 0x1234} / Payload("x")), between + "type 0x1234");
}

TEST(PacketText, SaysWhatBecameOfAPacket) {
  const auto fields = [](const Packet& packet) { return packet_fields(build(packet)); };
  const auto before = fields(Ethernet{} / Ipv4{.checksum = 1} / Udp{.checksum = 1});
  EXPECT_THAT(packet_changes(before, before), IsEmpty());
  EXPECT_THAT(
      packet_changes(before, fields(Ethernet{.source = "02:00:00:00:00:09"} / Ipv4{.ttl = 63, .checksum = 2} /
                                    Udp{.checksum = 1})),
      ElementsAre("eth.src 02:00:00:00:00:01 -> 02:00:00:00:00:09", "ip.ttl 64 -> 63", "ip.checksum 0x0001 -> 0x0002"));
  const auto tagged = fields(Ethernet{} / Vlan{.id = 5} / Ipv4{.checksum = 1} / Udp{.checksum = 1});
  EXPECT_THAT(packet_changes(before, tagged), ElementsAre("vlan.id - -> 5", "vlan.pcp - -> 0"));
  EXPECT_THAT(packet_changes(tagged, before), ElementsAre("vlan.id 5 -> -", "vlan.pcp 0 -> -"));
}

// Cut anywhere and full of anything, it says less, and never reads beyond the end.
TEST(PacketText, TakesWhateverComes) {
  std::minstd_rand random(1);
  const std::vector<Bytes> packets{build(Ethernet{} / Vlan{} / Ipv4{.options = Bytes(8)} / Tcp{}),
                                   build(Ethernet{} / Ipv6{} / Ipv6Extension{} / Ipv6Fragment{} / Udp{}),
                                   build(Ethernet{} / Arp{}), build(Ethernet{} / Ipv6{} / Icmpv6{})};
  for (const Bytes& packet : packets) {
    for (std::size_t length = 0; length <= packet.size(); length++) {
      Bytes cut(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(length));
      cut.shrink_to_fit();
      EXPECT_FALSE(packet_summary(packet_fields(cut)).empty());
      for (int i = 0; i < 20 && length > 14; i++) {
        Bytes damaged = cut;
        damaged[14 + random() % (length - 14)] = static_cast<std::byte>(random());
        (void)packet_fields(damaged);
      }
    }
  }
  EXPECT_THAT(packet_fields(packets[0]), Contains(Pair("tcp.flags", "S")));
}

}  // namespace
}  // namespace polycube::service
