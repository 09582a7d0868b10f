// SPDX-License-Identifier: Apache-2.0
// A transparent cube where packets of a device, of a cube, and of other transparent cubes meet it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "harness/data_path.h"
#include "harness/must.h"
#include "harness/probe/abi/probe.h"

namespace polycube::harness {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using topology::Direction;
using topology::transparent_port;

class TransparentTest : public testing::TestWithParam<Hook> {
 protected:
  Hook hook() const { return GetParam(); }

  // d0 - a - b - d1
  void make_chain() {
    for (const char* device : {"d0", "d1"}) {
      path_.add_device(device);
      sockets_.emplace(device, FrameSocket(DataPath::far_end(device)));
    }
    path_.add_cube("a", probe(), hook(), {{"dev", "d0"}, {"link", ""}});
    path_.add_cube("b", probe(), hook(), {{"dev", "d1"}, {"link", ""}});
    path_.join("a", "link", "b", "link");
    for (const char* cube : {"a", "b"}) {
      path_.write(cube, "rules", {{"inport", "dev"}, {"action", "forward"}, {"outport", "1"}});
      path_.write(cube, "rules", {{"inport", "link"}, {"action", "forward"}, {"outport", "0"}});
    }
    must(path_.apply());
  }
  void attach(const std::string& cube, const std::string& parent) {
    if (!path_.wanted.cubes.contains(cube)) {
      path_.add_cube(cube, service("transparenthelloworld"), hook(), {});
      for (const char* leaf : {"ingress-action", "egress-action"}) path_.write(cube, "settings", {{leaf, "pass"}});
    }
    path_.wanted.chains[parent].push_back(cube);
    must(path_.apply());
  }
  void detach(const std::string& parent) {
    path_.wanted.chains.erase(parent);
    must(path_.apply());
  }
  void set(const std::string& cube, const std::string& leaf, const std::string& action) {
    path_.write(cube, "settings", {{leaf, action}});
    must(path_.apply());
  }
  void expect_arrives(const std::string& from, const std::string& to, const std::string& where) {
    sockets_.at(from).send(frame_);
    EXPECT_TRUE(same_packet(frame_, sockets_.at(to).receive())) << where << ": " << from << " to " << to;
    for (const auto& [device, socket] : sockets_) EXPECT_THAT(socket.pending(), IsEmpty()) << where << ": " << device;
  }
  void expect_dropped(const std::string& from, const std::string& where) {
    const auto dropped = [&] { return path_.statistics("t").drops["policy"]; };
    const std::uint64_t before = dropped();
    sockets_.at(from).send(frame_);
    for (int i = 0; i < 2000 && dropped() == before; i++) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(dropped(), before + 1) << where;
    for (const auto& [device, socket] : sockets_) EXPECT_THAT(socket.pending(), IsEmpty()) << where << ": " << device;
  }
  // Packets that came and went on in a direction.
  std::pair<std::uint64_t, std::uint64_t> counted(const std::string& cube, Direction direction) {
    const std::uint16_t port = transparent_port(direction);
    const auto counters = must(path_.cube(cube).statistics({port})).ports.at(port);
    return {counters.in_packets, counters.out_packets};
  }

  DataPath path_;
  std::map<std::string, FrameSocket> sockets_;
  const Bytes frame_ = build(Ethernet{} / Ipv4{} / Udp{} / Payload("hello"));
};

// In front of each kind of parent.
TEST_P(TransparentTest, SeesBothDirections) {
  make_chain();
  for (const std::string parent : {"d0", "a:dev", "a:link", "b:link", "b:dev", "d1"}) {
    attach("t", parent);
    const bool inward = parent == "d0" || parent == "a:dev" || parent == "b:link";  // of what d0 receives
    const Direction first = inward ? Direction::ingress : Direction::egress;
    const Direction second = inward ? Direction::egress : Direction::ingress;
    const auto before = counted("t", first);
    const auto before_back = counted("t", second);
    expect_arrives("d0", "d1", parent);
    EXPECT_EQ(counted("t", first), std::pair(before.first + 1, before.second + 1)) << parent;
    expect_arrives("d1", "d0", parent);
    EXPECT_EQ(counted("t", second), std::pair(before_back.first + 1, before_back.second + 1)) << parent;
    const char* action = inward ? "ingress-action" : "egress-action";
    set("t", action, "drop");
    expect_dropped("d0", parent);
    expect_arrives("d1", "d0", parent + ", the other direction");
    set("t", action, "pass");
    expect_arrives("d0", "d1", parent);
    detach(parent);
    const auto after = counted("t", first);
    expect_arrives("d0", "d1", parent + ", detached");
    EXPECT_EQ(counted("t", first), after) << parent;
  }
  EXPECT_THAT(path_.statistics("t").drops, ElementsAre(Pair("policy", 6)));
}

TEST_P(TransparentTest, ManyInARow) {
  make_chain();
  for (const std::string parent : {"d0", "a:dev", "a:link", "b:link", "b:dev", "d1"})
    for (const char* name : {"-1", "-2"}) attach(parent.substr(0, 1) + parent.substr(parent.size() - 1) + name, parent);
  expect_arrives("d0", "d1", "twelve");
  expect_arrives("d1", "d0", "twelve");
  for (const auto& [name, cube] : path_.running().cubes) {
    if (!cube.transparent) continue;
    EXPECT_EQ(counted(name, Direction::ingress), std::pair(std::uint64_t{1}, std::uint64_t{1})) << name;
    EXPECT_EQ(counted(name, Direction::egress), std::pair(std::uint64_t{1}, std::uint64_t{1})) << name;
  }
}

TEST_P(TransparentTest, TheSlowPathSendsOn) {
  make_chain();
  for (const std::string parent : {"d0", "a:link", "d1"}) {
    attach("t", parent);
    for (const char* leaf : {"ingress-action", "egress-action"}) set("t", leaf, "slowpath");
    const auto outlet = must(path_.engine().outlet("t"));
    std::vector<std::pair<Direction, std::uint16_t>> seen;
    {
      const auto subscription = must(path_.engine().subscribe("t", [&](const engine::PacketIn& in) {
        seen.emplace_back(in.direction, in.port);
        must(outlet.send(in.port, engine::Send::onward, in.packet, in.traffic_class));
      }));
      expect_arrives("d0", "d1", parent);
      expect_arrives("d1", "d0", parent);
    }
    const bool inward = parent == "d0";
    const std::pair in(Direction::ingress, transparent_port(Direction::ingress));
    const std::pair out(Direction::egress, transparent_port(Direction::egress));
    EXPECT_THAT(seen, ElementsAre(inward ? in : out, inward ? out : in)) << parent << ": once each, no circle";
    for (const char* leaf : {"ingress-action", "egress-action"}) set("t", leaf, "pass");
    detach(parent);
  }
}

INSTANTIATE_TEST_SUITE_P(Hooks, TransparentTest, testing::Values(Hook::tc, Hook::xdp_skb, Hook::xdp_drv), hook_name);

}  // namespace
}  // namespace polycube::harness
