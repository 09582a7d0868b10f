// SPDX-License-Identifier: Apache-2.0
// Cubes that lead to cubes: verdicts, what travels along, counters, and what the verifier makes of the wiring.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/data_path.h"
#include "harness/must.h"
#include "harness/probe/abi/probe.h"

namespace polycube::harness {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr std::uint32_t first = 0;

class ChainTest : public testing::TestWithParam<Hook> {
 protected:
  Hook hook() const { return GetParam(); }

  void rule(const std::string& cube, const std::string& in, const Cells& cells) {
    Cells row = cells;
    row["inport"] = in;
    path_.write(cube, "rules", row);
  }
  void forward(const std::string& cube, const std::string& in, int out) {
    rule(cube, in, {{"action", "forward"}, {"outport", std::to_string(out)}});
  }
  seen last_seen(const std::string& cube) { return path_.element<seen>(cube, "seen", first).value(); }

  // A cube with an inner port for each peer; every peer drops what it gets on its port "in".
  void add_star(int peers) {
    DataPath::Ports ports{{"in", ""}};
    for (int i = 1; i <= peers; i++) ports.emplace_back("p" + std::to_string(i), "");
    path_.add_cube("hub", probe(), hook(), ports);
    for (int i = 1; i <= peers; i++) {
      const std::string peer = "peer" + std::to_string(i);
      path_.add_cube(peer, probe(), hook(), {{"unused", ""}, {"in", ""}});
      path_.join("hub", "p" + std::to_string(i), peer, "in");
    }
  }

  DataPath path_;
  const Bytes frame_ = build(Ethernet{} / Ipv4{} / Udp{} / Payload("hello"));
};

TEST_P(ChainTest, EveryVerdictAndItsReason) {
  path_.add_device("d1");
  path_.add_cube("a", probe(), hook(),
                 {{"dev", "d1"}, {"free", ""}, {"p2", ""}, {"p3", ""}, {"p4", ""}, {"p5", ""}, {"p6", ""}, {"p7", ""}});
  forward("a", "free", 0);
  forward("a", "p2", 1);
  forward("a", "p3", 9);
  rule("a", "p4", {{"action", "host"}});
  rule("a", "p5", {{"action", "fail"}});
  must(path_.apply());

  Outcome sent = path_.send("a", "free", frame_);
  EXPECT_EQ(sent.verdict, Verdict::redirect);
  EXPECT_THAT(sent.left_by, ElementsAre("dev"));
  EXPECT_THAT(sent.drops, IsEmpty());
  EXPECT_TRUE(same_packet(frame_, sent.packet));

  Outcome unwired = path_.send("a", "p2", frame_);
  EXPECT_EQ(unwired.verdict, Verdict::drop);
  EXPECT_THAT(unwired.drops, ElementsAre(Pair("port-unwired", 1)));
  EXPECT_THAT(unwired.left_by, IsEmpty());

  Outcome beyond = path_.send("a", "p3", frame_);
  EXPECT_EQ(beyond.verdict, Verdict::drop);
  EXPECT_THAT(beyond.drops, ElementsAre(Pair("no-such-port", 1)));

  Outcome host = path_.send("a", "p4", frame_);
  EXPECT_EQ(host.verdict, Verdict::host);
  EXPECT_THAT(host.drops, IsEmpty());

  Outcome failed = path_.send("a", "p5", frame_);
  EXPECT_EQ(failed.verdict, Verdict::drop);
  EXPECT_THAT(failed.drops, ElementsAre(Pair("error", 1)));

  Outcome policy = path_.send("a", "p6", frame_);
  EXPECT_EQ(policy.verdict, Verdict::drop);
  EXPECT_THAT(policy.drops, ElementsAre(Pair("policy", 1)));

  // Reasons of its own: one with a name, the last one, and one too many.
  for (const char* number : {"1", "15", "16"}) {
    rule("a", "p7", {{"action", "refuse"}, {"outport", number}});
    must(path_.apply());
    EXPECT_EQ(path_.send("a", "p7", frame_).verdict, Verdict::drop) << number;
  }

  EXPECT_THAT(path_.statistics("a").drops,
              ElementsAre(Pair("error", 2), Pair("no-such-port", 1), Pair("policy", 1), Pair("port-unwired", 1),
                          Pair("reason-15", 1), Pair("second", 1)));
}

TEST_P(ChainTest, PortsBeyondTheLastOneNeverReachTheWires) {
  path_.add_cube("a", probe(), hook(), {{"p0", ""}});
  for (int out : {1, 127, 128, 65535}) {
    forward("a", "p0", out);
    must(path_.apply());
    EXPECT_THAT(path_.send("a", "p0", frame_).drops, ElementsAre(Pair("no-such-port", 1))) << out;
  }
}

TEST_P(ChainTest, CountersArePerPortInPacketsAndBytes) {
  path_.add_device("d1");
  path_.add_cube("a", probe(), hook(), {{"p0", ""}, {"p1", "d1"}});
  forward("a", "p0", 1);
  must(path_.apply());
  const Bytes large = build(Ethernet{} / Payload(std::size_t{1000}));
  (void)path_.send("a", "p0", frame_);
  (void)path_.send("a", "p0", large);
  (void)path_.send("a", "p1", large);
  const engine::PortStatistics p0 = path_.statistics("a", "p0");
  const engine::PortStatistics p1 = path_.statistics("a", "p1");
  EXPECT_EQ(p0.in_packets, 2u);
  EXPECT_EQ(p0.in_bytes, frame_.size() + large.size());
  EXPECT_EQ(p0.out_packets, 0u);
  EXPECT_EQ(p1.out_packets, 2u);
  EXPECT_EQ(p1.out_bytes, frame_.size() + large.size());
  EXPECT_EQ(p1.in_packets, 1u);
  EXPECT_EQ(p1.in_bytes, large.size());
}

TEST_P(ChainTest, TheNextCubeSeesItsPortAndTheTrafficClass) {
  path_.add_device("d1");
  path_.add_cube("a", probe(), hook(), {{"in", ""}, {"out", ""}});
  path_.add_cube("b", probe(), hook(), {{"x", ""}, {"y", ""}, {"in", ""}, {"out", ""}});
  path_.add_cube("c", probe(), hook(), {{"out", "d1"}, {"in", ""}});
  path_.join("a", "out", "b", "in");
  path_.join("b", "out", "c", "in");
  rule("a", "in", {{"action", "forward"}, {"outport", "1"}, {"traffic_class", "23"}});
  forward("b", "in", 3);
  forward("c", "in", 0);
  must(path_.apply());
  Outcome outcome = path_.send("a", "in", frame_, 9);
  EXPECT_EQ(outcome.verdict, Verdict::redirect);
  EXPECT_TRUE(same_packet(frame_, outcome.packet));
  EXPECT_EQ(last_seen("a").traffic_class, 9u);
  EXPECT_EQ(last_seen("b").in_port, 2u);
  EXPECT_EQ(last_seen("b").traffic_class, 23u);
  EXPECT_EQ(last_seen("b").length, frame_.size());
  EXPECT_EQ(last_seen("c").in_port, 1u);
  EXPECT_EQ(last_seen("c").traffic_class, 23u);
  EXPECT_EQ(path_.statistics("c", "out").out_packets, 1u);
  EXPECT_EQ(path_.statistics("b", "in").in_packets, 1u);
  EXPECT_EQ(path_.statistics("b", "out").out_bytes, frame_.size());
}

TEST_P(ChainTest, TheVerdictOfTheLastCubeIsTheVerdict) {
  path_.add_cube("a", probe(), hook(), {{"in", ""}, {"out", ""}});
  path_.add_cube("b", probe(), hook(), {{"in", ""}});
  path_.join("a", "out", "b", "in");
  forward("a", "in", 1);
  rule("b", "in", {{"action", "host"}});
  must(path_.apply());
  EXPECT_EQ(path_.send("a", "in", frame_).verdict, Verdict::host);
  rule("b", "in", {{"action", "drop"}});
  must(path_.apply());
  EXPECT_EQ(path_.send("a", "in", frame_).verdict, Verdict::drop);
  EXPECT_THAT(path_.statistics("a").drops, IsEmpty());
  EXPECT_THAT(path_.statistics("b").drops, ElementsAre(Pair("policy", 1)));
}

TEST_P(ChainTest, TwelveDirectPeersAndMoreIndirectOnes) {
  constexpr int peers = 20;
  add_star(peers);
  must(path_.apply());
  EXPECT_EQ(path_.cube("hub").constants().ingress.direct, PCN_MAX_DIRECT);
  for (int i = 1; i <= peers; i++) {
    forward("hub", "in", i);
    must(path_.apply());
    EXPECT_THAT(path_.send("hub", "in", frame_).left_by, ElementsAre("p" + std::to_string(i)));
    const std::string peer = "peer" + std::to_string(i);
    EXPECT_EQ(last_seen(peer).packets, 1u) << peer;
    EXPECT_EQ(last_seen(peer).in_port, 1u) << peer;
  }
  EXPECT_THAT(path_.statistics("hub").drops, IsEmpty());
}

TEST_P(ChainTest, SeveralWiresToOneCubeShareADirectJump) {
  // The first ports have exits of their own.
  path_.add_cube("a", probe(), hook(), {{"in", ""}, {"p1", ""}, {"p2", ""}, {"p3", ""}, {"x", ""}, {"y", ""}});
  path_.add_cube("b", probe(), hook(), {{"x", ""}, {"y", ""}});
  path_.join("a", "x", "b", "x");
  path_.join("a", "y", "b", "y");
  must(path_.apply());
  EXPECT_EQ(path_.cube("a").constants().ingress.direct, 1u);
  for (int out : {PCN_OWN_EXITS, PCN_OWN_EXITS + 1}) {
    forward("a", "in", out);
    must(path_.apply());
    (void)path_.send("a", "in", frame_);
    EXPECT_EQ(last_seen("b").in_port, static_cast<std::uint32_t>(out - PCN_OWN_EXITS));
  }
}

// A ring that never lets go: the 34th jump is refused and counted.
TEST_P(ChainTest, JumpsEndAfterThirtyThree) {
  path_.add_cube("a", probe(), hook(), {{"x", ""}, {"y", ""}});
  path_.add_cube("b", probe(), hook(), {{"x", ""}, {"y", ""}});
  path_.join("a", "y", "b", "x");
  path_.join("b", "y", "a", "x");
  for (const char* cube : {"a", "b"}) forward(cube, "x", 1);
  must(path_.apply());
  EXPECT_EQ(path_.send("a", "x", frame_).verdict, Verdict::drop);
  EXPECT_EQ(last_seen("a").packets, 17u);
  EXPECT_EQ(last_seen("b").packets, 17u);
  EXPECT_THAT(path_.statistics("b").drops, ElementsAre(Pair("jump-failed", 1)));
  EXPECT_THAT(path_.statistics("a").drops, IsEmpty());
}

TEST_P(ChainTest, CodeOfWiresThatAreNotThereIsRemoved) {
  std::vector<std::uint32_t> counts;
  for (int peers : {0, 1, 2, 16, 17}) {
    DataPath path;
    DataPath::Ports ports{{"in", ""}};
    for (int i = 1; i <= 17; i++) ports.emplace_back("p" + std::to_string(i), "");
    path.add_cube("hub", probe(), hook(), ports);
    for (int i = 1; i <= peers; i++) {
      path.add_cube("peer" + std::to_string(i), probe(), hook(), {{"in", ""}});
      path.join("hub", "p" + std::to_string(i), "peer" + std::to_string(i), "in");
    }
    must(path.apply());
    counts.push_back(must(path.cube("hub").program().info()).instructions);
  }
  for (std::size_t i = 1; i < 4; i++) EXPECT_GT(counts[i], counts[i - 1]) << i;
  // Beyond twelve direct jumps, the code stays the same.
  EXPECT_EQ(counts[4], counts[3]);
}

INSTANTIATE_TEST_SUITE_P(Hooks, ChainTest, testing::Values(Hook::tc, Hook::xdp_skb), hook_name);

}  // namespace
}  // namespace polycube::harness
