// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "abi/simpleforwarder.h"
#include "harness/data_path.h"
#include "harness/must.h"

namespace polycube::harness {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class SimpleforwarderTest : public testing::TestWithParam<Hook> {
 protected:
  // p0 - a device, p1 - another cube, p2 unwired.
  void SetUp() override {
    path_.add_device("d0");
    path_.add_cube("fwd", service("simpleforwarder"), GetParam(), {{"p0", "d0"}, {"p1", ""}, {"p2", ""}});
    path_.add_cube("next", probe(), GetParam(), {{"unused", ""}, {"in", ""}});
    path_.join("fwd", "p1", "next", "in");
    path_.write("next", "rules", {{"inport", "in"}, {"action", "host"}});
    must(path_.apply());
  }
  void forward(const std::string& in, const std::string& out) {
    path_.write("fwd", "actions", {{"inport", in}, {"action", "forward"}, {"outport", out}});
    must(path_.apply());
  }

  DataPath path_;
  const Bytes frame_ = build(Ethernet{} / Ipv4{} / Udp{} / Payload("hello"));
};

TEST_P(SimpleforwarderTest, WithoutAnEntryPacketsAreDropped) {
  const Outcome outcome = path_.send("fwd", "p0", frame_);
  EXPECT_EQ(outcome.verdict, Verdict::drop);
  EXPECT_THAT(outcome.left_by, IsEmpty());
  EXPECT_THAT(outcome.drops, ElementsAre(Pair("policy", 1)));
}

TEST_P(SimpleforwarderTest, ActionDropDrops) {
  path_.write("fwd", "actions", {{"inport", "p1"}, {"action", "drop"}});
  must(path_.apply());
  const Outcome outcome = path_.send("fwd", "p1", frame_);
  EXPECT_EQ(outcome.verdict, Verdict::drop);
  EXPECT_THAT(outcome.drops, ElementsAre(Pair("policy", 1)));
}

TEST_P(SimpleforwarderTest, ActionSlowpathShowsPacketsAndDropsThem) {
  path_.write("fwd", "actions", {{"inport", "p1"}, {"action", "slowpath"}});
  must(path_.apply());
  const Outcome outcome = path_.send("fwd", "p1", frame_);
  EXPECT_EQ(outcome.verdict, Verdict::drop);
  EXPECT_THAT(outcome.left_by, IsEmpty());
  EXPECT_THAT(outcome.drops, IsEmpty()) << "it arrived";
  std::promise<std::pair<std::uint16_t, Bytes>> arrived;
  const auto subscription = must(path_.engine().subscribe("fwd", [&](const engine::PacketIn& in) {
    arrived.set_value({in.port, Bytes(in.packet.begin(), in.packet.end())});
  }));
  const auto [port, packet] = arrived.get_future().get();
  EXPECT_EQ(port, 1);
  EXPECT_TRUE(same_packet(frame_, packet));
}

TEST_P(SimpleforwarderTest, ForwardsToADeviceUnchanged) {
  forward("p1", "p0");
  for (const Packet& packet :
       {Ethernet{} / Ipv4{} / Tcp{}, Ethernet{} / Vlan{.id = 9} / Arp{},
        Ethernet{.destination = "ff:ff:ff:ff:ff:ff"} / Payload(std::size_t{1486}, 7), Packet{Ethernet{}}}) {
    const Bytes sent = build(packet);
    const Outcome outcome = path_.send("fwd", "p1", sent);
    EXPECT_EQ(outcome.verdict, Verdict::redirect);
    EXPECT_THAT(outcome.left_by, ElementsAre("p0"));
    EXPECT_THAT(outcome.drops, IsEmpty());
    EXPECT_TRUE(same_packet(sent, outcome.packet));
  }
}

TEST_P(SimpleforwarderTest, ForwardsToACube) {
  forward("p0", "p1");
  const Outcome outcome = path_.send("fwd", "p0", frame_);
  EXPECT_EQ(outcome.verdict, Verdict::host);  // the next cube's
  EXPECT_THAT(outcome.left_by, ElementsAre("p1"));
  EXPECT_TRUE(same_packet(frame_, outcome.packet));
  EXPECT_EQ(path_.statistics("next", "in").in_packets, 1u);
}

TEST_P(SimpleforwarderTest, ForwardsBackOutOfTheInputPort) {
  forward("p0", "p0");
  EXPECT_THAT(path_.send("fwd", "p0", frame_).left_by, ElementsAre("p0"));
}

TEST_P(SimpleforwarderTest, ForwardToAnUnwiredPortDrops) {
  forward("p0", "p2");
  const Outcome outcome = path_.send("fwd", "p0", frame_);
  EXPECT_EQ(outcome.verdict, Verdict::drop);
  EXPECT_THAT(outcome.drops, ElementsAre(Pair("port-unwired", 1)));
}

TEST_P(SimpleforwarderTest, ForwardBeyondTheLastPortDrops) {
  for (const std::uint16_t out : {3, 128, 65535}) {
    path_.set_element("fwd", "actions", std::uint32_t{0}, action{ACTION_FORWARD, out});
    const Outcome outcome = path_.send("fwd", "p0", frame_);
    EXPECT_EQ(outcome.verdict, Verdict::drop) << out;
    EXPECT_THAT(outcome.drops, ElementsAre(Pair("no-such-port", 1))) << out;
  }
}

TEST_P(SimpleforwarderTest, AnActionOutsideTheModelDrops) {
  path_.set_element("fwd", "actions", std::uint32_t{0}, action{3, 0});
  EXPECT_THAT(path_.send("fwd", "p0", frame_).drops, ElementsAre(Pair("policy", 1)));
}

TEST_P(SimpleforwarderTest, OnlyTheInputPortCounts) {
  forward("p0", "p1");
  forward("p1", "p0");
  EXPECT_THAT(path_.send("fwd", "p0", frame_).left_by, ElementsAre("p1"));
  EXPECT_THAT(path_.send("fwd", "p1", frame_).left_by, ElementsAre("p0"));
  EXPECT_THAT(path_.send("fwd", "p2", frame_).drops, ElementsAre(Pair("policy", 1)));
}

TEST_P(SimpleforwarderTest, ARemovedEntryDropsAgain) {
  forward("p0", "p1");
  path_.remove("fwd", "actions", {{"inport", "p0"}});
  must(path_.apply());
  EXPECT_THAT(path_.send("fwd", "p0", frame_).drops, ElementsAre(Pair("policy", 1)));
}

INSTANTIATE_TEST_SUITE_P(Hooks, SimpleforwarderTest, testing::Values(Hook::tc, Hook::xdp_skb), hook_name);

}  // namespace
}  // namespace polycube::harness
