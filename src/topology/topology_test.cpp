// SPDX-License-Identifier: Apache-2.0
#include "topology/topology.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace polycube::topology {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

using Peers = std::map<std::string, std::string>;

Cube cube(const Peers& peers, Hook hook = Hook::tc, bool loop_safe = false) {
  Cube made;
  made.service = "forwarder";
  made.hook = hook;
  made.loop_safe = loop_safe;
  for (const auto& [port, peer] : peers) made.ports[port].peer = peer;
  return made;
}

Devices host() {
  Devices devices;
  devices["lo"] = {.index = 1, .up = true, .running = true, .loopback = true, .mac = "", .mtu = 65536, .addresses = {}};
  devices["veth1"] = {
      .index = 2, .up = true, .running = true, .loopback = false, .mac = "", .mtu = 1500, .addresses = {}};
  devices["veth2"] = {
      .index = 3, .up = true, .running = false, .loopback = false, .mac = "", .mtu = 1500, .addresses = {}};
  devices["off"] = {
      .index = 4, .up = false, .running = false, .loopback = false, .mac = "", .mtu = 1500, .addresses = {}};
  return devices;
}

void expect_refused(const std::optional<Violation>& violation, ErrorCode code, const std::string& message,
                    const std::string& cube_name, const std::string& port_name) {
  ASSERT_TRUE(violation) << "accepted, expected: " << message;
  EXPECT_EQ(violation->error.code, code) << violation->error.message;
  EXPECT_THAT(violation->error.message, StartsWith(message));
  EXPECT_THAT(violation->error.path, IsEmpty());
  EXPECT_EQ(violation->cube, cube_name);
  EXPECT_EQ(violation->port, port_name);
}

std::string text(const std::optional<Violation>& violation) { return violation ? violation->error.message : ""; }

TEST(HookTest, TextsAreThoseOfTheModel) {
  for (auto [hook, name] : {std::pair(Hook::tc, "TC"), {Hook::xdp_skb, "XDP_SKB"}, {Hook::xdp_drv, "XDP_DRV"}}) {
    EXPECT_EQ(to_string(hook), name);
    ASSERT_TRUE(parse_hook(name));
    EXPECT_EQ(*parse_hook(name), hook);
  }
  EXPECT_FALSE(parse_hook("XDP"));
  EXPECT_FALSE(parse_hook(""));
}

TEST(PortNameTest, HasAColon) {
  EXPECT_FALSE(parse_port_name("veth1"));
  EXPECT_FALSE(parse_port_name(""));
  auto name = parse_port_name("r1:port.2");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->cube, "r1");
  EXPECT_EQ(name->port, "port.2");
}

TEST(AssignIndexesTest, KeepsOldAndFillsGaps) {
  Topology running{{{"a", cube({{"p0", ""}, {"p1", ""}, {"p2", ""}})}}};
  assign_indexes({}, running);
  EXPECT_EQ(running.cubes["a"].ports["p0"].index, 0);
  EXPECT_EQ(running.cubes["a"].ports["p2"].index, 2);

  Topology candidate{
      {{"a", cube({{"a-new", ""}, {"b-new", ""}, {"p0", "veth1"}, {"p2", ""}})}, {"b", cube({{"p2", ""}})}}};
  assign_indexes(running, candidate);
  auto& ports = candidate.cubes["a"].ports;
  EXPECT_EQ(ports["p0"].index, 0);
  EXPECT_EQ(ports["p2"].index, 2);
  EXPECT_EQ(ports["a-new"].index, 1);
  EXPECT_EQ(ports["b-new"].index, 3);
  EXPECT_EQ(candidate.cubes["b"].ports["p2"].index, 0) << "indexes are per cube";
}

TEST(AssignIndexesTest, StaysBelowTheLimit) {
  Topology running{{{"a", {}}}};
  for (std::size_t i = 0; i < max_ports; ++i) running.cubes["a"].ports[fmt::format("old{:03}", i)];
  assign_indexes({}, running);
  Topology candidate = running;
  candidate.cubes["a"].ports.erase("old077");
  candidate.cubes["a"].ports["new"];
  assign_indexes(running, candidate);
  EXPECT_EQ(candidate.cubes["a"].ports["new"].index, 77);
}

TEST(CheckTest, AcceptsDevicesAndLinks) {
  Topology candidate{
      {{"a", cube({{"p1", "veth1"}, {"p2", "b:p1"}, {"p3", ""}})}, {"b", cube({{"p1", "a:p2"}, {"p2", "veth2"}})}}};
  EXPECT_EQ(text(check({}, candidate, host())), "");
}

TEST(CheckTest, RefusesDevicesThatAreNotThere) {
  const std::map<std::string, std::string> refused = {{"eth9", "Interface eth9 does not exist"},
                                                      {"off", "Interface off is down"},
                                                      {"lo", "Interface lo is the loopback interface"}};
  for (const auto& [name, message] : refused) {
    Topology candidate{{{"a", cube({{"p1", name}})}}};
    expect_refused(check({}, candidate, host()), ErrorCode::data_missing, message, "a", "p1");
  }
}

TEST(CheckTest, VanishedDeviceDoesNotBlockOtherChanges) {
  Topology running{{{"a", cube({{"p1", "gone"}, {"p2", ""}})}}};
  Topology candidate = running;
  candidate.cubes["a"].ports["p2"].peer = "veth1";
  EXPECT_EQ(text(check(running, candidate, host())), "");
  candidate.cubes["a"].ports["p1"].peer = "gone2";
  expect_refused(check(running, candidate, host()), ErrorCode::data_missing, "Interface gone2 does not exist", "a",
                 "p1");
}

TEST(CheckTest, ReplacedCubeIsJudgedAnew) {
  Topology running{{{"a", cube({{"p1", "gone"}})}}};
  Topology candidate{{{"a", cube({{"p1", "gone"}}, Hook::xdp_skb)}}};
  EXPECT_TRUE(check(running, candidate, host()));
}

TEST(CheckTest, RefusesDeviceOfAnotherPort) {
  Topology running{{{"b", cube({{"q", "veth1"}})}}};
  Topology candidate = running;
  candidate.cubes["a"] = cube({{"p", "veth1"}});
  auto violation = check(running, candidate, host());
  expect_refused(violation, ErrorCode::in_use, "Iface already in use", "a", "p");
  EXPECT_THAT(text(violation), HasSubstr("veth1 is the peer of b:q"));

  Topology both{{{"a", cube({{"p", "veth1"}, {"r", "veth1"}})}}};
  expect_refused(check({}, both, host()), ErrorCode::in_use, "Iface already in use", "a", "r");
}

TEST(CheckTest, DeviceMayMoveFromPortToPort) {
  Topology running{{{"a", cube({{"p", "veth1"}, {"r", ""}})}}};
  Topology candidate{{{"a", cube({{"p", ""}, {"r", "veth1"}})}}};
  EXPECT_EQ(text(check(running, candidate, host())), "");
}

TEST(CheckTest, RefusesPortsThatAreNotThere) {
  Topology no_cube{{{"a", cube({{"p", "b:q"}})}}};
  expect_refused(check({}, no_cube, host()), ErrorCode::data_missing, "Cube b does not exist", "a", "p");
  Topology no_port{{{"a", cube({{"p", "b:q"}})}, {"b", cube({})}}};
  expect_refused(check({}, no_port, host()), ErrorCode::data_missing, "Port q does not exist", "a", "p");
}

TEST(CheckTest, DeletedPeerOnlyBreaksTheLink) {
  Topology running{{{"a", cube({{"p", "b:q"}})}, {"b", cube({{"q", "a:p"}})}}};
  Topology candidate = running;
  candidate.cubes.erase("b");
  EXPECT_EQ(text(check(running, candidate, host())), "");
  candidate = running;
  candidate.cubes["b"].ports.clear();
  EXPECT_EQ(text(check(running, candidate, host())), "");
}

TEST(CheckTest, RefusesLinksInsideOneCube) {
  Topology self{{{"a", cube({{"p", "a:p"}})}}};
  expect_refused(check({}, self, host()), ErrorCode::invalid_value, "port a:p cannot be its own peer", "a", "p");
  Topology same{{{"a", cube({{"p", "a:q"}, {"q", ""}})}}};
  expect_refused(check({}, same, host()), ErrorCode::invalid_value, "port a:p cannot have the peer a:q", "a", "p");
}

TEST(CheckTest, RefusesTcWithXdp) {
  auto linked = [](Hook left, Hook right) {
    return check({}, Topology{{{"a", cube({{"p", "b:q"}}, left)}, {"b", cube({{"q", ""}}, right)}}}, host());
  };
  for (Hook xdp : {Hook::xdp_skb, Hook::xdp_drv}) {
    expect_refused(linked(Hook::tc, xdp), ErrorCode::invalid_value, "It is not possible to connect TC and XDP ports",
                   "a", "p");
    expect_refused(linked(xdp, Hook::tc), ErrorCode::invalid_value, "It is not possible to connect TC and XDP ports",
                   "a", "p");
  }
  EXPECT_EQ(text(linked(Hook::xdp_skb, Hook::xdp_drv)), "");
}

TEST(CheckTest, LimitsAreExact) {
  Topology running;
  for (std::size_t i = 0; i < max_cubes; ++i) running.cubes[fmt::format("c{}", i)] = {};
  EXPECT_EQ(text(check({}, running, {})), "");
  Topology candidate = running;
  candidate.cubes["one-more"] = {};
  expect_refused(check(running, candidate, {}), ErrorCode::limit_exceeded, "1001 cubes are too many", "one-more", "");

  Topology ports{{{"a", {}}}};
  for (std::size_t i = 0; i < max_ports; ++i) ports.cubes["a"].ports[fmt::format("p{}", i)];
  EXPECT_EQ(text(check({}, ports, {})), "");
  ports.cubes["a"].ports["one-more"];
  expect_refused(check({}, ports, {}), ErrorCode::limit_exceeded, "cube a would have 129 ports", "a", "");
}

Topology triangle() {
  return {{{"a", cube({{"p1", "b:p2"}, {"p4", "c:p4"}})},
           {"b", cube({{"p2", "a:p1"}, {"p3", "c:p3"}})},
           {"c", cube({{"p3", "b:p3"}, {"p4", "a:p4"}})}}};
}

TEST(LoopTest, IsShownFromThePortThatClosesIt) {
  Topology candidate = triangle();
  Topology running = candidate;
  running.cubes["c"].ports["p4"].peer = "";
  EXPECT_EQ(text(check({}, running, {})), "");
  auto violation = check(running, candidate, {});
  expect_refused(violation, ErrorCode::invalid_value, "the cubes would form a loop", "c", "p4");
  EXPECT_THAT(text(violation), HasSubstr("c:p4 - a:p4, a:p1 - b:p2, b:p3 - c:p3"));
}

TEST(LoopTest, IsShownFromAChangedPortWhereverTheSearchBegan) {
  Topology candidate = triangle();
  Topology running = candidate;
  running.cubes["b"].ports["p3"].peer = "";
  running.cubes["c"].ports["p3"].peer = "";
  auto violation = check(running, candidate, {});
  expect_refused(violation, ErrorCode::invalid_value, "the cubes would form a loop", "c", "p3");
  EXPECT_THAT(text(violation), HasSubstr("c:p3 - b:p3, b:p2 - a:p1, a:p4 - c:p4"));
}

TEST(LoopTest, TwoLinksBetweenTwoCubesAreALoop) {
  Topology candidate{{{"a", cube({{"p1", "b:p2"}, {"p4", "b:p3"}})}, {"b", cube({{"p2", "a:p1"}, {"p3", "a:p4"}})}}};
  auto violation = check({}, candidate, {});
  expect_refused(violation, ErrorCode::invalid_value, "the cubes would form a loop", "a", "p1");
  EXPECT_THAT(text(violation), HasSubstr("a:p1 - b:p2, b:p3 - a:p4"));
}

TEST(LoopTest, OneCubeThatBreaksItIsEnough) {
  for (const char* name : {"a", "b", "c"}) {
    Topology candidate = triangle();
    candidate.cubes[name].loop_safe = true;
    EXPECT_EQ(text(check({}, candidate, {})), "") << name;
  }
  // A second loop beside the one that is broken is still one.
  Topology candidate = triangle();
  candidate.cubes["a"].loop_safe = true;
  candidate.cubes["b"].ports["x"].peer = "c:x";
  candidate.cubes["c"].ports["x"].peer = "b:x";
  EXPECT_THAT(text(check({}, candidate, {})), HasSubstr("loop"));
}

TEST(LoopTest, OneSidedLinksDoNotCount) {
  Topology candidate = triangle();
  candidate.cubes["b"].ports["p3"].peer = "";
  EXPECT_EQ(text(check({}, candidate, {})), "");
}

TEST(LoopTest, ChainsAndTreesAreNoLoops) {
  Topology tree;
  for (int i = 1; i < 200; ++i) {
    int parent = (i - 1) / 3;
    tree.cubes[fmt::format("c{}", parent)].ports[fmt::format("to{}", i)].peer = fmt::format("c{}:up", i);
    tree.cubes[fmt::format("c{}", i)].ports["up"].peer = fmt::format("c{}:to{}", parent, i);
  }
  EXPECT_EQ(text(check({}, tree, {})), "");
  tree.cubes["c150"].ports["x"].peer = "c199:x";
  tree.cubes["c199"].ports["x"].peer = "c150:x";
  tree.cubes["c199"].ports["y"].peer = "c7:y";
  tree.cubes["c7"].ports["y"].peer = "c199:y";
  EXPECT_THAT(text(check({}, tree, {})), HasSubstr("c199:"));
}

TEST(LoopTest, IsNotLookedForWhenTheWiringStays) {
  Topology running = triangle();
  Topology candidate = running;
  candidate.cubes["a"].log_level = "DEBUG";
  candidate.cubes["d"] = cube({{"p", ""}});
  EXPECT_EQ(text(check(running, candidate, {})), "");
}

/// The longest chain there can be, every cube full of ports: a walk must neither overflow a stack nor repeat itself.
TEST(LoopTest, LongestChainIsWalked) {
  Topology chain;
  for (std::size_t i = 0; i < max_cubes; ++i) {
    Cube& one = chain.cubes[fmt::format("c{}", i)];
    for (std::size_t p = 0; p + 2 < max_ports; ++p) one.ports[fmt::format("p{}", p)];
    one.ports["left"].peer = i > 0 ? fmt::format("c{}:right", i - 1) : "";
    one.ports["right"].peer = i + 1 < max_cubes ? fmt::format("c{}:left", i + 1) : "";
  }
  EXPECT_EQ(text(check({}, chain, {})), "");
  Topology ring = chain;
  ring.cubes["c0"].ports["left"].peer = fmt::format("c{}:right", max_cubes - 1);
  ring.cubes[fmt::format("c{}", max_cubes - 1)].ports["right"].peer = "c0:left";
  EXPECT_THAT(text(check(chain, ring, {})), HasSubstr("c0:left - c999:right, c999:left - c998:right"));
}

}  // namespace
}  // namespace polycube::topology
