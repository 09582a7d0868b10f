// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "abi/helloworld.h"
#include "harness/data_path.h"
#include "harness/must.h"

namespace polycube::harness {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class HelloworldTest : public testing::TestWithParam<Hook> {
 protected:
  void add_cube(const DataPath::Ports& ports) {
    path_.add_device("d0");
    path_.add_device("d1");
    path_.add_cube("hw", service("helloworld"), GetParam(), ports);
    must(path_.apply());
  }
  void set_action(const std::string& action) {
    path_.write("hw", "settings", {{"action", action}});
    must(path_.apply());
  }

  DataPath path_;
  const Bytes frame_ = build(Ethernet{} / Ipv4{} / Icmp{} / Payload("hello"));
};

TEST_P(HelloworldTest, DropsAtFirstAndWhenTold) {
  add_cube({{"a", "d0"}, {"b", "d1"}});
  EXPECT_THAT(path_.send("hw", "a", frame_).drops, ElementsAre(Pair("policy", 1)));
  set_action("forward");
  set_action("drop");
  const Outcome outcome = path_.send("hw", "a", frame_);
  EXPECT_EQ(outcome.verdict, Verdict::drop);
  EXPECT_THAT(outcome.left_by, IsEmpty());
  EXPECT_THAT(outcome.drops, ElementsAre(Pair("policy", 1)));
}

TEST_P(HelloworldTest, ForwardsBetweenItsTwoPorts) {
  add_cube({{"a", "d0"}, {"b", "d1"}});
  set_action("forward");
  const Outcome there = path_.send("hw", "a", frame_);
  EXPECT_EQ(there.verdict, Verdict::redirect);
  // On TC what leaves by a device is counted at its egress hook, which a test-run does not come to.
  using Ports = std::vector<std::string>;
  const bool counted = GetParam() != topology::Hook::tc;
  EXPECT_EQ(there.left_by, counted ? Ports{"b"} : Ports{});
  EXPECT_TRUE(same_packet(frame_, there.packet));
  const Outcome back = path_.send("hw", "b", frame_);
  EXPECT_EQ(back.verdict, Verdict::redirect);
  EXPECT_EQ(back.left_by, counted ? Ports{"a"} : Ports{});
  EXPECT_TRUE(same_packet(frame_, back.packet));
}

TEST_P(HelloworldTest, ShowsPacketsToTheSlowPath) {
  add_cube({{"a", "d0"}, {"b", "d1"}});
  set_action("slowpath");
  const Outcome outcome = path_.send("hw", "b", frame_);
  EXPECT_EQ(outcome.verdict, Verdict::drop);
  EXPECT_THAT(outcome.left_by, IsEmpty());
  EXPECT_THAT(outcome.drops, IsEmpty()) << "it arrived";
  std::promise<std::pair<std::uint16_t, Bytes>> arrived;
  const auto subscription = must(path_.engine().subscribe("hw", [&](const engine::PacketIn& in) {
    arrived.set_value({in.port, Bytes(in.packet.begin(), in.packet.end())});
  }));
  const auto [port, packet] = arrived.get_future().get();
  EXPECT_EQ(port, 1);
  EXPECT_TRUE(same_packet(frame_, packet));
}

TEST_P(HelloworldTest, ForwardsToNowhereWhileTheOtherPortIsUnwired) {
  add_cube({{"a", "d0"}, {"b", ""}});
  set_action("forward");
  EXPECT_THAT(path_.send("hw", "a", frame_).drops, ElementsAre(Pair("port-unwired", 1)));
}

TEST_P(HelloworldTest, ForwardsToNowhereWhileThereIsNoOtherPort) {
  add_cube({{"a", "d0"}});
  set_action("forward");
  EXPECT_THAT(path_.send("hw", "a", frame_).drops, ElementsAre(Pair("no-such-port", 1)));
}

TEST_P(HelloworldTest, AnActionOutsideTheModelDrops) {
  add_cube({{"a", "d0"}, {"b", "d1"}});
  path_.set_element("hw", "settings", std::uint32_t{0}, settings{7});
  EXPECT_THAT(path_.send("hw", "a", frame_).drops, ElementsAre(Pair("policy", 1)));
}

INSTANTIATE_TEST_SUITE_P(Hooks, HelloworldTest, testing::Values(Hook::tc, Hook::xdp_skb), hook_name);

}  // namespace
}  // namespace polycube::harness
