// SPDX-License-Identifier: Apache-2.0
// checksum.h: checksums that are kept right against checksums that are computed from the whole packet.
#include <arpa/inet.h>
#include <linux/bpf.h>

#include <cstring>
#include <random>

#include "parser_test_kit.h"

namespace polycube::harness {
namespace {

std::uint16_t half(const Bytes& packet, std::size_t at) {
  std::uint16_t value;
  std::memcpy(&value, packet.data() + at, sizeof(value));
  return value;
}

std::uint32_t word(const Bytes& packet, std::size_t at) {
  std::uint32_t value;
  std::memcpy(&value, packet.data() + at, sizeof(value));
  return value;
}

constexpr std::uint32_t mangled = BPF_F_MARK_MANGLED_0;
constexpr std::uint32_t pseudo = BPF_F_PSEUDO_HDR;

class ChecksumTest : public ParserTest {
 protected:
  /// The checksum that the program makes of the old packet's.
  std::uint16_t replaced(const Bytes& packet, const Order& what) {
    give(what);
    const Seen seen = run(packet);
    EXPECT_EQ(seen.found.done, 0);
    Bytes rest = seen.packet;
    std::copy_n(packet.begin() + what.offset, 2, rest.begin() + what.offset);
    EXPECT_TRUE(same_packet(packet, rest)) << "more than the checksum changed";
    return half(seen.packet, what.offset);
  }

  std::mt19937 random_{20261121};
  std::uint32_t draw() { return static_cast<std::uint32_t>(random_()); }
  std::string address() {
    return std::to_string(1 + draw() % 223) + "." + std::to_string(draw() % 256) + "." + std::to_string(draw() % 256) +
           "." + std::to_string(draw() % 256);
  }
  Payload payload() {
    Bytes bytes(draw() % 40);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(draw());
    return Payload(bytes);
  }
  std::uint16_t port() { return static_cast<std::uint16_t>(draw() % 8 == 0 ? draw() % 2 * 0xffff : draw()); }
};

/// Offsets of what is replaced, in an untagged IPv4 packet without options.
constexpr std::uint32_t ip_checksum = 24, ip_source = 26, ttl = 22, udp_checksum = 40, tcp_checksum = 50;

TEST_P(ChecksumTest, AThousandRandomChanges) {
  for (int round = 0; round < 1000; round++) {
    const bool tcp = round % 2 == 0;
    const std::uint32_t checksum = tcp ? tcp_checksum : udp_checksum, flags = tcp ? 0 : mangled;
    const Payload content = payload();
    const auto made = [&](const std::string& source, std::uint8_t hops, std::uint16_t from) {
      const Packet ip = Ethernet{} / Ipv4{.source = source, .ttl = hops};
      return build(tcp ? ip / Tcp{.source_port = from} / content : ip / Udp{.source_port = from} / content);
    };
    const std::string addresses[] = {address(), address()};
    const std::uint8_t hops[] = {static_cast<std::uint8_t>(draw()), static_cast<std::uint8_t>(draw())};
    const std::uint16_t ports[] = {port(), port()};
    const Bytes before = made(addresses[0], hops[0], ports[0]);

    const Bytes other_address = made(addresses[1], hops[0], ports[0]);
    const std::uint32_t old_address = word(before, ip_source), new_address = word(other_address, ip_source);
    EXPECT_EQ(replaced(before, {.operation = PARSER_L3_CHECKSUM,
                                .offset = ip_checksum,
                                .old = old_address,
                                .value = new_address,
                                .flags = 4}),
              half(other_address, ip_checksum));
    EXPECT_EQ(replaced(before, {.operation = PARSER_L4_CHECKSUM,
                                .offset = checksum,
                                .old = old_address,
                                .value = new_address,
                                .flags = 4 | pseudo | flags}),
              half(other_address, checksum));
    EXPECT_EQ(replaced(before, {.operation = PARSER_DIFFERENCE,
                                .offset = checksum,
                                .old = old_address,
                                .value = new_address,
                                .flags = pseudo | flags}),
              half(other_address, checksum));

    const Bytes other_hops = made(addresses[0], hops[1], ports[0]);
    EXPECT_EQ(replaced(before, {.operation = PARSER_L3_CHECKSUM,
                                .offset = ip_checksum,
                                .old = half(before, ttl),
                                .value = half(other_hops, ttl),
                                .flags = 2}),
              half(other_hops, ip_checksum));

    const Bytes other_port = made(addresses[0], hops[0], ports[1]);
    EXPECT_EQ(replaced(before, {.operation = PARSER_L4_CHECKSUM,
                                .offset = checksum,
                                .old = htons(ports[0]),
                                .value = htons(ports[1]),
                                .flags = 2 | flags}),
              half(other_port, checksum));
    if (HasFailure()) FAIL() << "round " << round;
  }
}

TEST_P(ChecksumTest, AUdpChecksumOfZeroStays) {
  const Bytes packet = build(Ethernet{} / Ipv4{} / Udp{.checksum = 0} / Payload("abc"));
  for (const std::uint32_t size : {2u, 4u, 0u})
    EXPECT_EQ(
        replaced(packet,
                 {.operation = PARSER_L4_CHECKSUM, .offset = udp_checksum, .value = 0x1234, .flags = size | mangled}),
        0);
  EXPECT_NE(replaced(packet, {.operation = PARSER_L4_CHECKSUM,
                              .offset = udp_checksum,
                              .value = 0x1234,
                              .flags = 2 | mangled | BPF_F_MARK_ENFORCE}),
            0);
}

TEST_P(ChecksumTest, AComputedUdpChecksumOfZeroBecomesAllOnes) {
  const auto made = [](unsigned from) {
    return build(Ethernet{} / Ipv4{} / Udp{.source_port = static_cast<std::uint16_t>(from)} / Payload("abc"));
  };
  unsigned from = 1;
  while (from < 65536 && half(made(from), udp_checksum) != 0xffff) from++;
  ASSERT_LT(from, 65536u);
  Order what{.operation = PARSER_L4_CHECKSUM,
             .offset = udp_checksum,
             .old = htons(7),
             .value = htons(static_cast<std::uint16_t>(from)),
             .flags = 2 | mangled};
  EXPECT_EQ(replaced(made(7), what), 0xffff);
  what.flags = 2;
  EXPECT_EQ(replaced(made(7), what), 0);
  // And back from all ones.
  EXPECT_EQ(replaced(made(from), {.operation = PARSER_L4_CHECKSUM,
                                  .offset = udp_checksum,
                                  .old = what.value,
                                  .value = what.old,
                                  .flags = 2 | mangled}),
            half(made(7), udp_checksum));
}

TEST_P(ChecksumTest, WhatCannotBeReplacedIsAnError) {
  const Bytes packet = build(Ethernet{} / Ipv4{} / Udp{});
  for (const Order& what :
       {Order{.operation = PARSER_L3_CHECKSUM, .offset = ip_checksum, .flags = 3},
        Order{.operation = PARSER_L4_CHECKSUM, .offset = udp_checksum, .flags = 1},
        Order{.operation = PARSER_L3_CHECKSUM, .offset = ip_checksum, .old = 1, .flags = 0},
        Order{.operation = PARSER_L3_CHECKSUM, .offset = 41, .value = 1, .flags = 2},
        Order{.operation = PARSER_L4_CHECKSUM, .offset = 42, .value = 1, .flags = 2},
        Order{.operation = PARSER_L4_CHECKSUM, .offset = 0x8000 + udp_checksum, .value = 1, .flags = 2}}) {
    give(what);
    const Seen seen = run(packet);
    EXPECT_LT(seen.found.done, 0) << what.operation << " at " << what.offset << " with " << what.flags;
    EXPECT_TRUE(same_packet(packet, seen.packet));
  }
}

INSTANTIATE_TEST_SUITE_P(Hooks, ChecksumTest, testing::Values(Hook::tc, Hook::xdp_skb), hook_name);

}  // namespace
}  // namespace polycube::harness
