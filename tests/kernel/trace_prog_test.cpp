// SPDX-License-Identifier: Apache-2.0
// Packets that are followed: what programs tell of them, which ones are, and that nothing is left of it afterwards.
#include <net/if.h>
#include <unistd.h>

#include <memory>

#include "service/packet_filter.h"
#include "trace_test_kit.h"

namespace polycube::harness {
namespace {

using engine::PacketIn;
using engine::Send;
using testing::ElementsAre;
using testing::IsEmpty;

TEST_P(TraceTest, APacketIsFollowedThroughCubes) {
  two_cubes();
  start();
  at("d1").send(frame_);
  EXPECT_TRUE(same_packet(frame_, at("d2").receive()));
  const auto events = events_.take(5);
  std::vector<std::string> texts;
  for (const pcn_trace_event& event : events) {
    texts.push_back(text(event));
    EXPECT_EQ(event.id, events.front().id);
    EXPECT_GE(event.time, events.front().time);
    EXPECT_EQ(event.packet_length, frame_.size());
    const auto* bytes = reinterpret_cast<const std::byte*>(event.packet);
    EXPECT_TRUE(same_packet(frame_, Bytes(bytes, bytes + frame_.size())));
  }
  EXPECT_THAT(texts, ElementsAre("at d1", "enters a 0/0", "leaves a 1", "enters b 0/0", "leaves b 1"));
  EXPECT_EQ(events.back().wire.kind, PCN_WIRE_DEVICE);
  EXPECT_EQ(events.back().wire.target, if_nametoindex("d2"));
}

TEST_P(TraceTest, NothingIsLeftOfItAfterwards) {
  two_cubes();
  const auto instructions = [&] {
    return must(path_.cube("a").entry({topology::Direction::ingress, 0}).info()).instructions;
  };
  const std::uint32_t before = instructions();
  start();
  EXPECT_GT(instructions(), before);
  must(path_.trace(false));
  EXPECT_EQ(instructions(), before);
  at("d1").send(frame_);
  EXPECT_TRUE(same_packet(frame_, at("d2").receive()));
  EXPECT_EQ(must(path_.engine().tracer().counts()).begun, 0u);
}

TEST_P(TraceTest, AsManyAsAllowedAreFollowed) {
  two_cubes();
  start(2);
  for (int i = 0; i < 5; i++) {
    at("d1").send(frame_);
    (void)at("d2").receive();
  }
  EXPECT_EQ(take(10).size(), 10u);
  const auto counts = must(path_.engine().tracer().counts());
  EXPECT_EQ(counts.begun, 2u);
  EXPECT_EQ(counts.missed, 3u);
  EXPECT_EQ(counts.lost, 0u);
}

TEST_P(TraceTest, WhereItEndsAndWhy) {
  for (const char* device : {"d1", "d2", "d3", "d4"}) add_device(device);
  path_.add_cube("a", probe(), hook(), {{"p1", "d1"}, {"p2", "d2"}, {"p3", "d3"}, {"p4", "d4"}, {"free", ""}});
  rule("a", "p1", {{"action", "drop"}});
  rule("a", "p2", {{"action", "host"}});
  forward("a", "p3", 4);
  rule("a", "p4", {{"action", "fail"}});
  must(path_.apply());
  start();
  at("d1").send(frame_);
  EXPECT_THAT(take(3), ElementsAre("at d1", "enters a 0/0", fmt::format("dropped by a: {}", +PCN_DROP_POLICY)));
  at("d2").send(frame_);
  EXPECT_THAT(take(3), ElementsAre("at d2", "enters a 0/1", "a to the host"));
  at("d3").send(frame_);
  EXPECT_THAT(take(3), ElementsAre("at d3", "enters a 0/2", fmt::format("dropped by a: {}", +PCN_DROP_UNWIRED)));
  at("d4").send(frame_);
  EXPECT_THAT(take(3), ElementsAre("at d4", "enters a 0/3", fmt::format("dropped by a: {}", +PCN_DROP_ERROR)));
}

TEST_P(TraceTest, TheSlowPathAndWhatItSends) {
  add_device("d1");
  add_device("d2");
  path_.add_cube("a", slow_prober(), hook(), {{"p1", "d1"}, {"p2", "d2"}});
  rule("a", "p1", {{"action", "slow-path"}, {"outport", "1"}});
  must(path_.apply());
  const engine::Outlet outlet = must(path_.engine().outlet("a"));
  const auto packets =
      must(path_.engine().subscribe("a", [&](const PacketIn& in) { must(outlet.send(1, Send::onward, in.packet)); }));
  start();
  at("d1").send(frame_);
  EXPECT_TRUE(same_packet(frame_, at("d2").receive()));
  // What is sent out of a port does not meet handle_tx again.
  std::vector<std::string> expected{"at d1", "enters a 0/0", fmt::format("slow path of a: {}", PROBE_REASON),
                                    "slow path of a sends", "leaves a 1"};
  if (hook() == Hook::tc) expected.emplace_back("at d2");
  EXPECT_EQ(take(expected.size()), expected);
}

TEST_P(TraceTest, TheWayOut) {
  add_device("d1");
  add_device("d2");
  path_.add_cube("a", slow_prober(), hook(), {{"p1", "d1"}, {"p2", "d2"}});
  forward("a", "p1", 1);
  must(path_.apply());
  start();
  at("d1").send(frame_);
  EXPECT_TRUE(same_packet(frame_, at("d2").receive()));
  // On TC it is at the device, on XDP in the chain.
  std::vector<std::string> expected{"at d1", "enters a 0/0", "leaves a 1", "enters a 0/1", "leaves a 1"};
  if (hook() == Hook::tc) expected.insert(expected.begin() + 3, "at d2");
  EXPECT_EQ(take(expected.size()), expected);
}

TEST_P(TraceTest, CopiesAreFollowed) {
  for (const char* device : {"d1", "d2", "d3"}) add_device(device);
  path_.add_cube("a", flooder(), hook(), {{"p1", "d1"}, {"p2", "d2"}, {"to-b", ""}});
  path_.add_cube("b", probe(), hook(), {{"in", ""}, {"out", "d3"}});
  path_.join("a", "to-b", "b", "in");
  rule("a", "p1", {{"action", "flood"}});
  forward("b", "in", 1);
  must(path_.apply());
  start();
  at("d1").send(frame_);
  EXPECT_TRUE(same_packet(frame_, at("d2").receive()));
  EXPECT_TRUE(same_packet(frame_, at("d3").receive()));
  EXPECT_THAT(take(5), ElementsAre("at d1", "enters a 0/0", "a floods", "enters b 0/0", "leaves b 1"));
}

TEST_P(TraceTest, CubesThatComeWhileItRunsAreFollowed) {
  two_cubes();
  start();
  add_device("d3");
  path_.add_cube("c", probe(), hook(), {{"in", "d3"}, {"out", ""}});
  rule("c", "in", {{"action", "drop"}});
  must(path_.apply());
  at("d3").send(frame_);
  EXPECT_THAT(take(3), ElementsAre("at d3", "enters c 0/0", fmt::format("dropped by c: {}", +PCN_DROP_POLICY)));
}

// Every expression decides over every packet as libpcap does.
TEST_P(TraceTest, FiltersMeanWhatTheyMeanToLibpcap) {
  add_device("d1");
  path_.add_cube("a", probe(), hook(), {{"in", "d1"}});
  rule("a", "in", {{"action", "drop"}});
  must(path_.apply());
  start(1'000'000);
  const std::vector<Bytes> packets = {
      frame_,
      build(Ethernet{} / Ipv4{.source = "10.1.2.3", .ttl = 3} / Tcp{.destination_port = 443}),
      build(Ethernet{} / Ipv4{.options = Bytes(8, std::byte{1})} / Tcp{.flags = 0x12} / Payload(std::size_t{300}, 7)),
      build(Ethernet{} / Ipv4{.fragment_offset = 10} / Payload(std::size_t{64}, 53)),
      build(Ethernet{} / Ipv6{} / Udp{.destination_port = 53}),
      build(Ethernet{} / Ipv6{.source = "fd00::17"} / Tcp{}),
      build(Ethernet{.destination = "ff:ff:ff:ff:ff:ff"} / Arp{}),
      build(Ethernet{} / Ipv4{} / Icmp{}),
      build(Ethernet{} / Vlan{.id = 5} / Ipv4{} / Udp{.destination_port = 53}),
      build(Ethernet{.source = "02:00:00:00:00:77"} / Ipv6{} / Icmpv6{}),
      build(Ethernet{.type = 0x1234} / Payload(std::size_t{50})),
  };
  for (const char* expression : {"ip",
                                 "ip6",
                                 "arp",
                                 "vlan",
                                 "vlan 5",
                                 "vlan and udp port 53",
                                 "tcp",
                                 "udp",
                                 "icmp",
                                 "icmp6",
                                 "host 10.1.2.3",
                                 "net 10.1.0.0/16",
                                 "ip6 host fd00::17",
                                 "port 53",
                                 "tcp dst port 443 or arp",
                                 "not ip",
                                 "ether src 02:00:00:00:00:77",
                                 "ether broadcast",
                                 "less 60",
                                 "greater 300",
                                 "tcp[tcpflags] & tcp-syn != 0",
                                 "tcp[13] == 0x12",
                                 "ip[8] < 5",
                                 "ip[6:2] & 0x1fff != 0",
                                 "ether[12:2] = 0x1234",
                                 "len > 100 and len < 1000",
                                 "udp[8:4] = 0x68656c6c",
                                 "ip proto 17",
                                 "(ip[0] & 0xf) * 4 > 20",
                                 "ip[2:2] / 2 > 100",
                                 "ether[200] = 7",
                                 "ip[2:2] % 2 = 0 and ip[2:2] - 20 > 10",
                                 "portrange 50-60",
                                 "ip6 protochain 17",
                                 "ip multicast"}) {
    const engine::PacketFilter filter = must(service::compile_filter(expression));
    must(path_.engine().tracer().set_filter(filter));
    for (const Bytes& packet : packets) {
      const std::uint64_t before = must(path_.engine().tracer().counts()).begun;
      const std::uint64_t dropped = path_.statistics("a").drops["policy"];
      at("d1").send(packet);
      while (path_.statistics("a").drops["policy"] == dropped) usleep(100);
      const bool expected = service::matches(filter, packet);
      EXPECT_EQ(must(path_.engine().tracer().counts()).begun - before, expected ? 1u : 0u)
          << expression << " on a packet of " << packet.size() << " bytes, the " << &packet - packets.data() << "th";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Hooks, TraceTest, testing::Values(Hook::tc, Hook::xdp_skb, Hook::xdp_drv),
                         [](const auto& info) {
                           return info.param == Hook::tc ? "tc" : info.param == Hook::xdp_skb ? "xdp_skb" : "xdp_drv";
                         });

}  // namespace
}  // namespace polycube::harness
