// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <atomic>
#include <future>
#include <random>
#include <thread>

#include "abi/pbforwarder.h"
#include "harness/data_path.h"
#include "harness/must.h"

namespace polycube::harness {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

const Payload data(std::size_t{8});

class PbforwarderTest : public testing::TestWithParam<Hook> {
 protected:
  void SetUp() override {
    path_.add_device("d0");
    path_.add_device("d1");
    path_.add_cube("pb", service("pbforwarder"), GetParam(),
                   {{"in", "d0"}, {"other", ""}, {"out", "d1"}, {"free", ""}});
    must(path_.apply());
  }

  void write(unsigned id, Cells cells) {
    cells["id"] = std::to_string(id);
    path_.write("pb", "rules", cells);
  }
  void remove(unsigned id) {
    path_.remove("pb", "rules", {{"id", std::to_string(id)}});
    must(path_.apply());
  }
  /// A rule that forwards to the port out.
  void rule(unsigned id, Cells cells) {
    cells["action"] = "forward";
    cells["out_port"] = "out";
    write(id, std::move(cells));
    must(path_.apply());
  }
  /// Rule 0 alone.
  void only(const Cells& cells) {
    path_.remove("pb", "rules", {{"id", "0"}});
    rule(0, cells);
  }

  [[nodiscard]] bool passes(const Packet& packet, const std::string& in = "in") const {
    const Bytes sent = build(packet);
    const Outcome outcome = path_.send("pb", in, sent);
    if (outcome.verdict == Verdict::redirect) {
      EXPECT_THAT(outcome.left_by, ElementsAre("out"));
      EXPECT_TRUE(same_packet(sent, outcome.packet));
      return true;
    }
    EXPECT_THAT(outcome.drops, ElementsAre(Pair(AnyOf("policy", "no-rule", "malformed"), 1)));
    EXPECT_THAT(outcome.left_by, IsEmpty());
    return false;
  }

  DataPath path_;
  const Packet udp_ = Ethernet{} / Ipv4{} / Udp{} / data;
};

TEST_P(PbforwarderTest, WithoutRulesPacketsAreDropped) { EXPECT_FALSE(passes(udp_)); }

TEST_P(PbforwarderTest, ARuleWithoutFieldsIsForEveryPacket) {
  only({});
  for (const Packet& packet :
       {udp_, Ethernet{} / Ipv6{} / Tcp{}, Ethernet{} / Arp{}, Packet{Ethernet{}}, Ethernet{} / Vlan{} / data,
        Ethernet{} / Ipv4{.fragment_offset = 9} / data, Ethernet{} / Ipv4{} / Icmp{}})
    EXPECT_TRUE(passes(packet));
}

TEST_P(PbforwarderTest, MalformedPacketsAreDropped) {
  only({});
  EXPECT_FALSE(passes(Ethernet{} / Ipv4{.total_length = 99} / Udp{}));
  EXPECT_FALSE(passes(Ethernet{} / Ipv4{.header_words = 4} / Udp{}));
  EXPECT_FALSE(passes(Ethernet{} / Ipv4{} / Udp{.length = 2}));
}

TEST_P(PbforwarderTest, InPort) {
  only({{"in_port", "in"}});  // index 0, as in the key of no packet
  EXPECT_TRUE(passes(udp_, "in"));
  EXPECT_FALSE(passes(udp_, "other"));
  EXPECT_FALSE(passes(udp_, "free"));
  only({{"in_port", "free"}});
  EXPECT_FALSE(passes(udp_, "in"));
  EXPECT_TRUE(passes(udp_, "free"));
  EXPECT_TRUE(passes(Ethernet{} / data, "free"));  // whatever it carries
}

TEST_P(PbforwarderTest, MacAddresses) {
  only({{"src_mac", "02:00:00:00:00:01"}});
  EXPECT_TRUE(passes(Packet{Ethernet{}}));
  EXPECT_FALSE(passes(Packet{Ethernet{.source = "03:00:00:00:00:01"}}));
  EXPECT_FALSE(passes(Packet{Ethernet{.source = "02:00:00:00:00:11"}}));
  only({{"dst_mac", "00:00:00:00:00:00"}});
  EXPECT_FALSE(passes(Packet{Ethernet{}}));
  EXPECT_TRUE(passes(Packet{Ethernet{.destination = "00:00:00:00:00:00"}}));
  EXPECT_FALSE(passes(Packet{Ethernet{.destination = "00:00:00:00:00:01"}}));
  only({{"src_mac", "02:00:00:00:00:01"}, {"dst_mac", "ff:ff:ff:ff:ff:ff"}});
  EXPECT_TRUE(passes(Ethernet{.destination = "ff:ff:ff:ff:ff:ff"} / Arp{}));
  EXPECT_FALSE(passes(Ethernet{} / Arp{}));
}

TEST_P(PbforwarderTest, Vlan) {
  only({{"vlan", "5"}});
  EXPECT_TRUE(passes(Ethernet{} / Vlan{.id = 5, .priority = 6} / Ipv4{} / Udp{}));
  EXPECT_TRUE(passes(Ethernet{} / Vlan{.id = 5, .tpid = 0x88a8} / Vlan{.id = 6} / Ipv4{} / Udp{}));
  EXPECT_TRUE(passes(Ethernet{} / Vlan{.id = 5} / data));
  EXPECT_FALSE(passes(Ethernet{} / Vlan{.id = 6} / Vlan{.id = 5} / Ipv4{} / Udp{}));
  EXPECT_FALSE(passes(udp_));
  only({{"vlan", "0"}});
  EXPECT_FALSE(passes(udp_));  // untagged
  EXPECT_TRUE(passes(Ethernet{} / Vlan{.id = 0, .priority = 7} / Ipv4{} / Udp{}));
  only({{"vlan", "4095"}});
  EXPECT_FALSE(passes(udp_));
}

TEST_P(PbforwarderTest, Ipv4AddressesAndPrefixes) {
  const auto to = [](const std::string& address) { return Ethernet{} / Ipv4{.destination = address} / Udp{}; };
  only({{"dst_ip", "10.0.0.2"}});
  EXPECT_TRUE(passes(to("10.0.0.2")));
  EXPECT_FALSE(passes(to("10.0.0.3")));
  EXPECT_FALSE(passes(to("138.0.0.2")));
  only({{"dst_ip", "10.0.0.0/23"}});
  EXPECT_TRUE(passes(to("10.0.0.0")));
  EXPECT_TRUE(passes(to("10.0.1.255")));
  EXPECT_FALSE(passes(to("10.0.2.0")));
  EXPECT_FALSE(passes(to("9.255.255.255")));
  only({{"dst_ip", "0.0.0.0/0"}});
  EXPECT_TRUE(passes(to("255.255.255.255")));
  EXPECT_FALSE(passes(Ethernet{} / Ipv6{} / Udp{}));
  EXPECT_FALSE(passes(Ethernet{} / Arp{}));
  only({{"src_ip", "10.0.0.1"}, {"dst_ip", "10.0.0.0/8"}});
  EXPECT_TRUE(passes(to("10.9.9.9")));
  EXPECT_FALSE(passes(to("11.9.9.9")));
  EXPECT_FALSE(passes(Ethernet{} / Ipv4{.source = "10.0.0.2"} / Udp{}));
  EXPECT_TRUE(passes(Ethernet{} / Ipv4{.options = Bytes(8)} / Tcp{}));
  EXPECT_TRUE(passes(Ethernet{} / Ipv4{.fragment_offset = 4, .protocol = 17} / data));
}

TEST_P(PbforwarderTest, Ipv6AddressesAndPrefixes) {
  const auto from = [](const std::string& address) { return Ethernet{} / Ipv6{.source = address} / Tcp{}; };
  only({{"src_ip", "fd00::1"}});
  EXPECT_TRUE(passes(from("fd00::1")));
  EXPECT_FALSE(passes(from("fd00::2")));
  EXPECT_FALSE(passes(from("fd00::1:0:0:0:1")));
  only({{"src_ip", "fd00:0:0:4000::/50"}});
  EXPECT_TRUE(passes(from("fd00:0:0:7fff::1")));
  EXPECT_FALSE(passes(from("fd00:0:0:8000::1")));
  only({{"src_ip", "::/0"}});
  EXPECT_TRUE(passes(from("::")));
  EXPECT_FALSE(passes(udp_));
  EXPECT_FALSE(passes(Ethernet{} / data));
  // 10.0.0.1 and the first bytes of this one are the same.
  only({{"src_ip", "a00:1::"}});
  EXPECT_TRUE(passes(from("a00:1::")));
  EXPECT_FALSE(passes(Ethernet{} / Ipv4{.source = "10.0.0.1"} / Tcp{}));
  only({{"src_ip", "10.0.0.1"}});
  EXPECT_FALSE(passes(from("a00:1::")));
}

// More than the index looks at, so that the rule itself has to be compared.
TEST_P(PbforwarderTest, EveryBitOfARuleCounts) {
  only({{"src_mac", "02:00:00:00:00:01"},
        {"src_ip", "fd00::1"},
        {"dst_ip", "fd00::2"},
        {"l4_proto", "tcp"},
        {"src_port", "1024"},
        {"dst_port", "80"}});
  const Ethernet ethernet;
  const Ipv6 ip;
  const Tcp tcp;
  EXPECT_TRUE(passes(ethernet / ip / tcp));
  EXPECT_FALSE(passes(Ethernet{.source = "82:00:00:00:00:01"} / ip / tcp));
  EXPECT_FALSE(passes(Ethernet{.source = "02:00:00:00:00:00"} / ip / tcp));
  EXPECT_FALSE(passes(ethernet / Ipv6{.source = "fd00::3"} / tcp));
  EXPECT_FALSE(passes(ethernet / Ipv6{.source = "7d00::1"} / tcp));
  EXPECT_FALSE(passes(ethernet / Ipv6{.destination = "fd00::3"} / tcp));
  EXPECT_FALSE(passes(ethernet / Ipv6{.destination = "fd00:0:0:0:8000::2"} / tcp));
  EXPECT_FALSE(passes(ethernet / ip / Udp{.source_port = 1024, .destination_port = 80}));
  EXPECT_FALSE(passes(ethernet / ip / Tcp{.source_port = 1025}));
  EXPECT_FALSE(passes(ethernet / ip / Tcp{.destination_port = 81}));
  EXPECT_TRUE(passes(ethernet / Vlan{} / ip / tcp, "other"));
}

TEST_P(PbforwarderTest, Protocols) {
  only({{"l4_proto", "tcp"}});
  EXPECT_TRUE(passes(Ethernet{} / Ipv4{} / Tcp{}));
  EXPECT_TRUE(passes(Ethernet{} / Ipv6{} / Ipv6Extension{} / Tcp{}));
  EXPECT_FALSE(passes(udp_));
  EXPECT_FALSE(passes(Ethernet{} / Arp{}));
  only({{"l4_proto", "icmpv6"}});
  EXPECT_TRUE(passes(Ethernet{} / Ipv6{} / Icmpv6{}));
  EXPECT_FALSE(passes(Ethernet{} / Ipv4{} / Icmp{}));
  only({{"l4_proto", "gre"}});
  EXPECT_TRUE(passes(Ethernet{} / Ipv4{.protocol = 47} / data));
  only({{"l4_proto", "udp"}});
  EXPECT_TRUE(passes(Ethernet{} / Ipv4{.fragment_offset = 4, .protocol = 17} / data))
      << "known of later fragments, too";
}

TEST_P(PbforwarderTest, PortsAndRanges) {
  const auto udp = [](unsigned to, unsigned from = 1024) {
    return Ethernet{} / Ipv4{} /
           Udp{.source_port = static_cast<std::uint16_t>(from), .destination_port = static_cast<std::uint16_t>(to)};
  };
  only({{"l4_proto", "udp"}, {"dst_port", "80"}});
  EXPECT_TRUE(passes(udp(80)));
  EXPECT_FALSE(passes(udp(81)));
  EXPECT_FALSE(passes(udp(0x5000))) << "80 in the other byte order";
  EXPECT_FALSE(passes(Ethernet{} / Ipv4{} / Tcp{.destination_port = 80}));
  only({{"l4_proto", "udp"}, {"dst_port", "1000-2000"}});
  for (const auto& [port, passed] : {std::pair(999u, false),
                                     {1000u, true},
                                     {1500u, true},
                                     {2000u, true},
                                     {2001u, false},
                                     {0u, false},
                                     {65535u, false}})
    EXPECT_EQ(passes(udp(port)), passed) << port;
  only({{"l4_proto", "udp"}, {"src_port", "65535"}, {"dst_port", "0-0"}});
  EXPECT_TRUE(passes(udp(0, 65535)));
  EXPECT_FALSE(passes(udp(1, 65535)));
  EXPECT_FALSE(passes(udp(0, 65534)));
  only({{"l4_proto", "tcp"}, {"src_port", "0-65535"}});
  EXPECT_TRUE(passes(Ethernet{} / Ipv4{} / Tcp{.source_port = 0}));
  EXPECT_TRUE(passes(Ethernet{} / Ipv4{.more_fragments = true} / Tcp{}));
  EXPECT_FALSE(passes(Ethernet{} / Ipv4{.fragment_offset = 4, .protocol = 6} / data)) << "nobody knows its ports";
  only({{"l4_proto", "sctp"}, {"dst_port", "7"}});
  Bytes sctp(12);
  sctp[3] = std::byte{7};
  EXPECT_TRUE(passes(Ethernet{} / Ipv4{.protocol = 132} / Payload(sctp)));
}

TEST_P(PbforwarderTest, TheFirstRuleDecidesAndGapsDoNotMatter) {
  write(3, {{"l4_proto", "udp"}, {"action", "drop"}});
  rule(4294967295, {});
  EXPECT_FALSE(passes(udp_));
  EXPECT_TRUE(passes(Ethernet{} / Arp{}));
  rule(2, {{"dst_ip", "10.0.0.2"}});
  EXPECT_TRUE(passes(udp_));
  remove(2);
  EXPECT_FALSE(passes(udp_));
  remove(3);
  EXPECT_TRUE(passes(udp_));
  remove(4294967295);
  EXPECT_FALSE(passes(udp_));
}

TEST_P(PbforwarderTest, AReplacedRuleForgetsWhatItWas) {
  only({{"dst_ip", "10.0.0.2"}, {"l4_proto", "udp"}, {"dst_port", "53"}, {"in_port", "in"}, {"vlan", "9"}});
  EXPECT_FALSE(passes(udp_));
  rule(0, {{"dst_ip", "10.0.0.2"}});
  EXPECT_TRUE(passes(udp_));
  rule(0, {{"dst_ip", "10.0.0.3"}});
  EXPECT_FALSE(passes(udp_));
}

TEST_P(PbforwarderTest, AProtocolOfOneRuleIsNoneOfTheNext) {
  write(0, {{"l4_proto", "tcp"}, {"dst_port", "22"}, {"action", "drop"}});
  rule(1, {{"dst_ip", "10.0.0.2"}});
  EXPECT_TRUE(passes(udp_));
  EXPECT_TRUE(passes(Ethernet{} / Ipv4{} / Tcp{}));
  EXPECT_FALSE(passes(Ethernet{} / Ipv4{} / Tcp{.destination_port = 22}));
}

TEST_P(PbforwarderTest, ForwardToAnUnwiredPortDrops) {
  write(0, {{"action", "forward"}, {"out_port", "free"}});
  must(path_.apply());
  EXPECT_THAT(path_.send("pb", "in", build(udp_)).drops, ElementsAre(Pair("port-unwired", 1)));
}

TEST_P(PbforwarderTest, SlowpathGivesPacketsToTheControlPlane) {
  write(0, {{"l4_proto", "udp"}, {"action", "slowpath"}});
  must(path_.apply());
  const Outcome outcome = path_.send("pb", "other", build(udp_));
  EXPECT_EQ(outcome.verdict, Verdict::drop);
  EXPECT_THAT(outcome.drops, IsEmpty()) << "it arrived";
  std::promise<std::pair<std::uint16_t, Bytes>> arrived;
  const auto subscription = must(path_.engine().subscribe("pb", [&](const engine::PacketIn& in) {
    arrived.set_value({in.port, Bytes(in.packet.begin(), in.packet.end())});
  }));
  const auto [port, packet] = arrived.get_future().get();
  EXPECT_EQ(port, 1);
  EXPECT_TRUE(same_packet(build(udp_), packet));
}

TEST_P(PbforwarderTest, WhatIsTakenBackIsAsBefore) {
  rule(0, {{"dst_ip", "10.0.0.2"}});
  rule(70, {{"l4_proto", "tcp"}});
  // The last row cannot be written, so the others are taken back.
  write(0, {{"action", "drop"}});
  path_.remove("pb", "rules", {{"id", "70"}});
  write(1, {{"action", "drop"}});
  write(2, {{"action", "forward"}, {"out_port", "nowhere"}});
  EXPECT_FALSE(path_.apply());
  EXPECT_TRUE(passes(udp_));
  EXPECT_TRUE(passes(Ethernet{} / Ipv4{.destination = "10.0.0.9"} / Tcp{.source_port = 0, .destination_port = 0}));
  EXPECT_FALSE(passes(Ethernet{} / Arp{}));
}

// One rule that forwards goes and another one comes, in front of one that drops: between them, packets would be lost.
TEST_P(PbforwarderTest, PacketsSeeARequestWhollyOrNotAtAll) {
  write(5000, {{"action", "drop"}});
  rule(1000, {{"dst_ip", "10.0.0.2"}});
  const bpf::Program& program = path_.cube("pb").program();
  const std::uint64_t dropped = path_.statistics("pb").drops["policy"];
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> sent = 0;
  const Bytes packet = build(udp_);
  bpf::Program::RunOptions often;
  often.repeat = 1000;
  std::thread traffic([&] {
    while (!stop) {
      must(program.test_run(packet, often));
      sent += often.repeat;
    }
  });
  for (unsigned round = 0; round < 200; round++) {
    const unsigned first = round % 2 == 0 ? 2000 : 1000;
    path_.remove("pb", "rules", {{"id", std::to_string(3000 - first)}});
    for (unsigned i = 1; i < 50; i++)
      write(first + i, {{"dst_ip", fmt::format("10.{}.0.0/16", 1 + (round + i) % 200)}, {"action", "drop"}});
    rule(first, {{"dst_ip", round % 3 == 0 ? "10.0.0.2" : "10.0.0.0/24"}});
    // Some packets see each of them.
    for (const std::uint64_t before = sent; sent == before;) std::this_thread::yield();
  }
  stop = true;
  traffic.join();
  EXPECT_EQ(path_.statistics("pb").drops["policy"], dropped) << "of " << sent;
}

TEST_P(PbforwarderTest, ATableThatIsFullSaysSo) {
  for (unsigned id = 0; id < RULES; id++) write(7 * id, {{"dst_ip", fmt::format("10.9.{}.{}", id >> 8, id & 255)}});
  must(path_.apply());
  write(1, {{"action", "forward"}, {"out_port", "out"}});
  const auto refused = path_.apply();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "cube pb: table rules is full (8192 entries)");
  EXPECT_FALSE(passes(udp_));
  remove(7);
  rule(1, {});
  EXPECT_TRUE(passes(udp_));
}

/// A rule and a packet as few numbers, and whether they match.
struct Fields {
  int in_port, vlan, source, destination, protocol, from, to;
};

class RandomRules : public PbforwarderTest {
 protected:
  std::mt19937 random_{20261121};
  int draw(int sides) { return static_cast<int>(random_() % static_cast<unsigned>(sides)); }

  /// -1: open. Addresses of rules are prefixes: the number of bits that are open is in the upper half.
  Fields draw_rule() {
    const auto maybe = [&](int value) { return draw(2) == 0 ? -1 : value; };
    const int ports = draw(3);
    Fields rule{maybe(draw(2)),
                maybe(draw(3)),
                maybe(draw(64) | draw(7) << 8),
                maybe(draw(64) | draw(7) << 8),
                ports > 0 ? draw(2) : maybe(draw(3)),
                -1,
                -1};
    if (ports > 0 && draw(2) == 0) rule.from = draw(40) | draw(40) << 8;
    if (ports > 0 && draw(2) == 0) rule.to = draw(40) | draw(40) << 8;
    return rule;
  }
  Fields draw_packet() { return {draw(2), draw(4) - 1, draw(64), draw(64), draw(4), draw(40), draw(40)}; }

  static int low(int range) { return std::min(range & 255, range >> 8); }
  static int high(int range) { return std::max(range & 255, range >> 8); }
  static bool covers(int prefix, int address) {
    return prefix < 0 || (prefix & 255) >> (prefix >> 8) == address >> (prefix >> 8);
  }

  static bool matches(const Fields& rule, const Fields& packet) {
    const bool ports = packet.protocol < 2;
    return (rule.in_port < 0 || rule.in_port == packet.in_port) && (rule.vlan < 0 || rule.vlan == packet.vlan) &&
           covers(rule.source, packet.source) && covers(rule.destination, packet.destination) &&
           (rule.protocol < 0 || rule.protocol == packet.protocol) &&
           (rule.from < 0 || (ports && packet.from >= low(rule.from) && packet.from <= high(rule.from))) &&
           (rule.to < 0 || (ports && packet.to >= low(rule.to) && packet.to <= high(rule.to)));
  }

  static Cells cells(const Fields& rule) {
    Cells cells;
    const auto prefix = [](const char* net, int value) {
      const int length = 32 - (value >> 8);
      const int address = (value & 255) >> (value >> 8) << (value >> 8);
      return fmt::format("{}.{}/{}", net, address, length);
    };
    if (rule.in_port >= 0) cells["in_port"] = rule.in_port == 0 ? "in" : "other";
    if (rule.vlan >= 0) cells["vlan"] = std::to_string(rule.vlan);
    if (rule.source >= 0) cells["src_ip"] = prefix("10.0.0", rule.source);
    if (rule.destination >= 0) cells["dst_ip"] = prefix("10.1.0", rule.destination);
    if (rule.protocol >= 0) cells["l4_proto"] = std::array{"tcp", "udp", "icmp"}[rule.protocol];
    if (rule.from >= 0) cells["src_port"] = fmt::format("{}-{}", low(rule.from), high(rule.from));
    if (rule.to >= 0) cells["dst_port"] = fmt::format("{}-{}", low(rule.to), high(rule.to));
    return cells;
  }

  static Bytes packet(const Fields& fields) {
    Packet packet{Ethernet{}};
    if (fields.vlan >= 0) packet.emplace_back(Vlan{.id = static_cast<std::uint16_t>(fields.vlan)});
    packet.emplace_back(Ipv4{.source = fmt::format("10.0.0.{}", fields.source),
                             .destination = fmt::format("10.1.0.{}", fields.destination),
                             .protocol = std::array<std::uint8_t, 4>{6, 17, 1, 47}[fields.protocol]});
    const auto from = static_cast<std::uint16_t>(fields.from), to = static_cast<std::uint16_t>(fields.to);
    switch (fields.protocol) {
      case 0: packet.emplace_back(Tcp{.source_port = from, .destination_port = to}); break;
      case 1: packet.emplace_back(Udp{.source_port = from, .destination_port = to}); break;
      case 2: packet.emplace_back(Icmp{}); break;
      default: packet.emplace_back(data);
    }
    return build(packet);
  }
};

// Rules come, change and go; which one a packet matches is told by the rule's output port and then its id.
TEST_P(RandomRules, FindTheFirstThatMatches) {
  std::map<unsigned, Fields> rules;
  for (int round = 0; round < 60; round++) {
    for (int change = 0; change < 20; change++) {
      const unsigned id = static_cast<unsigned>(draw(2) == 0 ? draw(100) : draw(RULES));
      if (draw(3) == 0 && rules.erase(id) > 0) {
        path_.remove("pb", "rules", {{"id", std::to_string(id)}});
      } else {
        rules[id] = draw_rule();
        Cells row = cells(rules[id]);
        row["action"] = id % 2 == 0 ? "forward" : "drop";
        row["out_port"] = "out";
        write(id, row);
      }
      must(path_.apply());
    }
    for (int i = 0; i < 60; i++) {
      const Fields fields = draw_packet();
      const auto first =
          std::find_if(rules.begin(), rules.end(), [&](const auto& r) { return matches(r.second, fields); });
      const bool passed =
          path_.send("pb", fields.in_port == 0 ? "in" : "other", packet(fields)).verdict == Verdict::redirect;
      ASSERT_EQ(passed, first != rules.end() && first->first % 2 == 0)
          << "round " << round << " rules " << rules.size();
    }
  }
}

TEST_P(RandomRules, AllOfThem) {
  for (unsigned id = 0; id < RULES; id++)
    write(id, {{"dst_ip", fmt::format("10.{}.{}.1", id >> 8, id & 255)},
               {"action", id % 2 == 0 ? "forward" : "drop"},
               {"out_port", "out"}});
  must(path_.apply());
  for (const unsigned id : {0u, 1u, 63u, 64u, 4094u, 8189u, 8190u, 8191u})
    EXPECT_EQ(passes(Ethernet{} / Ipv4{.destination = fmt::format("10.{}.{}.1", id >> 8, id & 255)} / Udp{}),
              id % 2 == 0);
  EXPECT_FALSE(passes(Ethernet{} / Ipv4{.destination = "10.32.0.1"} / Udp{}));
}

INSTANTIATE_TEST_SUITE_P(Hooks, PbforwarderTest, testing::Values(Hook::tc, Hook::xdp_skb), hook_name);
INSTANTIATE_TEST_SUITE_P(Hooks, RandomRules, testing::Values(Hook::tc, Hook::xdp_skb), hook_name);

}  // namespace
}  // namespace polycube::harness
