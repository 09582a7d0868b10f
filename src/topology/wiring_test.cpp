// SPDX-License-Identifier: Apache-2.0
#include "topology/wiring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace polycube::topology {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

using Peers = std::map<std::string, std::string>;

Cube cube(const Peers& peers, Hook hook = Hook::tc) {
  Cube made;
  made.service = "forwarder";
  made.hook = hook;
  for (const auto& [port, peer] : peers) made.ports[port].peer = peer;
  return made;
}

Topology with_indexes(Topology topology) {
  assign_indexes({}, topology);
  return topology;
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

Cube transparent(Hook hook = Hook::tc) {
  Cube made;
  made.hook = hook;
  made.transparent = true;
  return made;
}

constexpr int veth1 = 2;

Wire into(const std::string& cube, Direction direction, std::uint16_t port) {
  return {Wire::Kind::cube, 0, cube, port, direction};
}
// Of a transparent cube.
Wire into(const std::string& cube, Direction direction) { return into(cube, direction, transparent_port(direction)); }
Wire out_of(int device) { return {Wire::Kind::device, device, "", 0}; }
Wire pass(int device, Direction direction) { return {Wire::Kind::pass, device, "", 0, direction}; }

constexpr auto in = Direction::ingress;
constexpr auto out = Direction::egress;

TEST(WireTest, DevicesAndMutualLinksLeadSomewhere) {
  Topology topology =
      with_indexes({{{"a", cube({{"p0", "veth1"}, {"p1", "b:q1"}, {"p2", "b:q0"}, {"p3", ""}, {"p4", "gone"}})},
                     {"b", cube({{"q0", ""}, {"q1", "a:p1"}})}}});
  Wiring wiring = wire(topology, host());
  ASSERT_EQ(wiring.cubes.size(), 2u);
  EXPECT_EQ(wiring.cubes["a"].ingress.size(), 2u);
  EXPECT_EQ(wiring.cubes["a"].ingress[0], (Wire{Wire::Kind::device, 2, "", 0}));
  EXPECT_EQ(wiring.cubes["a"].ingress[1], (Wire{Wire::Kind::cube, 0, "b", 1}));
  EXPECT_EQ(wiring.cubes["b"].ingress.size(), 1u);
  EXPECT_EQ(wiring.cubes["b"].ingress[1], (Wire{Wire::Kind::cube, 0, "a", 1}));
}

TEST(WireTest, SimilarNamesAreNotMutual) {
  Topology topology =
      with_indexes({{{"a", cube({{"p", "b:q"}})}, {"b", cube({{"q", "aa:p"}})}, {"aa", cube({{"p", ""}})}}});
  Wiring wiring = wire(topology, {});
  EXPECT_THAT(wiring.cubes["a"].ingress, IsEmpty());
  EXPECT_THAT(wiring.cubes["b"].ingress, IsEmpty());
  topology.cubes["b"].ports["q"].peer = "a.p";
  EXPECT_THAT(wire(topology, {}).cubes["a"].ingress, IsEmpty());
  topology.cubes["b"].ports["q"].peer = "a:pp";
  EXPECT_THAT(wire(topology, {}).cubes["a"].ingress, IsEmpty());
}

TEST(WireTest, DownDevicesStayWired) {
  Topology topology = with_indexes({{{"a", cube({{"p0", "off"}})}}});
  EXPECT_EQ(wire(topology, host()).cubes["a"].ingress[0].device, 4);
}

TEST(IsUpTest, NeedsACarrierOrACube) {
  Devices devices = host();
  EXPECT_FALSE(is_up({}, devices));
  EXPECT_TRUE(is_up({Wire::Kind::cube, 0, "b", 1}, devices));
  EXPECT_TRUE(is_up({Wire::Kind::device, 2, "", 0}, devices));
  EXPECT_FALSE(is_up({Wire::Kind::device, 3, "", 0}, devices)) << "up, but without a carrier";
  EXPECT_FALSE(is_up({Wire::Kind::device, 4, "", 0}, devices));
  EXPECT_FALSE(is_up({Wire::Kind::device, 99, "", 0}, devices));
}

// veth1 - d1 - d2 - t2 - t1 - a:p, as the packets of a device meet them.
Topology device_chain(Hook hook) {
  Topology topology = with_indexes({{{"a", cube({{"o", ""}, {"p", "veth1"}}, hook)}}});
  for (const char* name : {"d1", "d2", "t1", "t2"}) topology.cubes[name] = transparent(hook);
  topology.chains = {{"a:p", {"t1", "t2"}}, {"veth1", {"d1", "d2"}}};
  return topology;
}

TEST(ChainWireTest, ADeviceOnTc) {
  const Wiring wiring = wire(device_chain(Hook::tc), host());
  EXPECT_THAT(wiring.gates, UnorderedElementsAre(Pair(Gate{veth1, Hook::tc, in}, into("d1", in)),
                                                 Pair(Gate{veth1, Hook::tc, out}, into("t1", out))));
  EXPECT_EQ(wiring.cubes.at("d1").ingress.at(0), into("d2", in));
  EXPECT_EQ(wiring.cubes.at("d2").ingress.at(0), into("t2", in));
  EXPECT_EQ(wiring.cubes.at("t2").ingress.at(0), into("t1", in));
  EXPECT_EQ(wiring.cubes.at("t1").ingress.at(0), into("a", in, 1));
  EXPECT_EQ(wiring.cubes.at("a").ingress.at(1), out_of(veth1)) << "the egress hook of the device does the rest";
  EXPECT_EQ(wiring.cubes.at("t1").egress.at(1), into("t2", out));
  EXPECT_EQ(wiring.cubes.at("t2").egress.at(1), into("d2", out));
  EXPECT_EQ(wiring.cubes.at("d2").egress.at(1), into("d1", out));
  EXPECT_EQ(wiring.cubes.at("d1").egress.at(1), pass(veth1, out));
  EXPECT_THAT(wiring.cubes.at("d1").host_egress, IsEmpty());
  EXPECT_EQ(wiring.cubes.at("a").peers.at(1), out_of(veth1));
}

TEST(ChainWireTest, ADeviceOnXdpHasTwoWaysOut) {
  const Wiring wiring = wire(device_chain(Hook::xdp_drv), host());
  EXPECT_THAT(wiring.gates, UnorderedElementsAre(Pair(Gate{veth1, Hook::xdp_drv, in}, into("d1", in)),
                                                 Pair(Gate{veth1, Hook::tc, out}, into("t1", out))));
  EXPECT_EQ(wiring.cubes.at("a").ingress.at(1), into("t1", out));
  EXPECT_EQ(wiring.cubes.at("d1").egress.at(1), out_of(veth1));
  EXPECT_EQ(wiring.cubes.at("d1").host_egress.at(1), pass(veth1, out));
  EXPECT_EQ(wiring.cubes.at("t2").host_egress.at(1), into("d2", out));
}

TEST(ChainWireTest, ADeviceWithoutAPort) {
  for (const Hook hook : {Hook::tc, Hook::xdp_skb}) {
    Topology topology = device_chain(hook);
    topology.cubes["a"].ports["p"].peer = "";
    const Wiring wiring = wire(topology, host());
    EXPECT_EQ(wiring.gates.at({veth1, hook, in}), into("d1", in));
    EXPECT_EQ(wiring.gates.at({veth1, Hook::tc, out}), into("d2", out));
    EXPECT_EQ(wiring.cubes.at("d2").ingress.at(0), pass(veth1, in));
    const CubeWires& last = wiring.cubes.at("d1");
    EXPECT_EQ((hook == Hook::tc ? last.egress : last.host_egress).at(1), pass(veth1, out));
    EXPECT_THAT(wiring.cubes.at("t1").ingress, IsEmpty()) << "its port leads nowhere";
    EXPECT_THAT(wire(topology, {}).gates, IsEmpty()) << "no device";
  }
}

TEST(ChainWireTest, BetweenCubes) {
  Topology topology = with_indexes({{{"a", cube({{"p", "b:q"}})}, {"b", cube({{"q", "a:p"}})}}});
  for (const char* name : {"t1", "t2", "u1", "u2"}) topology.cubes[name] = transparent();
  topology.chains = {{"a:p", {"t1", "t2"}}, {"b:q", {"u1", "u2"}}};
  const Wiring wiring = wire(topology, {});
  EXPECT_THAT(wiring.gates, IsEmpty());
  EXPECT_EQ(wiring.cubes.at("a").ingress.at(0), into("t1", out));
  EXPECT_EQ(wiring.cubes.at("t1").egress.at(1), into("t2", out));
  EXPECT_EQ(wiring.cubes.at("t2").egress.at(1), into("u2", in));
  EXPECT_EQ(wiring.cubes.at("u2").ingress.at(0), into("u1", in));
  EXPECT_EQ(wiring.cubes.at("u1").ingress.at(0), into("b", in, 0));
  EXPECT_EQ(wiring.cubes.at("b").ingress.at(0), into("u1", out));
  EXPECT_EQ(wiring.cubes.at("u2").egress.at(1), into("t2", in));
  EXPECT_EQ(wiring.cubes.at("t1").ingress.at(0), into("a", in, 0));
  EXPECT_EQ(wiring.cubes.at("a").peers.at(0), into("b", in, 0));
}

TEST(EgressWireTest, ACubeWithAnEgressProgram) {
  for (const Hook hook : {Hook::tc, Hook::xdp_skb}) {
    Topology topology =
        with_indexes({{{"a", cube({{"p", "veth1"}, {"q", "b:r"}}, hook)}, {"b", cube({{"r", "a:q"}}, hook)}}});
    topology.cubes["a"].egress = true;
    const Wiring wiring = wire(topology, host());
    const CubeWires& a = wiring.cubes.at("a");
    EXPECT_EQ(a.ingress.at(1), into("a", out, 1));
    EXPECT_EQ(a.egress.at(1), into("b", in, 0));
    EXPECT_EQ(wiring.cubes.at("b").ingress.at(0), into("a", in, 1)) << "nothing on the way in";
    EXPECT_EQ(wiring.gates.at({veth1, hook, in}), into("a", in, 0));
    EXPECT_EQ(wiring.gates.at({veth1, Hook::tc, out}), into("a", out, 0));
    EXPECT_EQ(a.ingress.at(0), hook == Hook::tc ? out_of(veth1) : into("a", out, 0));
    EXPECT_EQ(a.egress.at(0), hook == Hook::tc ? pass(veth1, out) : out_of(veth1));
    EXPECT_EQ(a.host_egress.contains(0), hook != Hook::tc);
    EXPECT_FALSE(a.host_egress.contains(1));
  }
}

std::vector<std::string> cubes_reached(int device, const Wiring& wiring) {
  std::vector<std::string> names;
  for (const auto& [name, wires] : reached_from(device, wiring).cubes) names.push_back(name);
  return names;
}

TEST(ReachedFromTest, CubesBehindDevicesAndCubes) {
  Topology topology;
  topology.cubes["a"] = cube({{"p1", "veth1"}, {"p2", "b:p1"}});
  topology.cubes["b"] = cube({{"p1", "a:p2"}, {"p2", "veth2"}});
  topology.cubes["monitor"] = transparent();
  topology.chains["veth2"] = {"monitor"};
  topology.cubes["alone"] = cube({{"p1", "off"}});
  topology.cubes["unwired"] = cube({{"p1", ""}});
  const Wiring wiring = wire(with_indexes(topology), host());
  EXPECT_THAT(cubes_reached(veth1, wiring), ElementsAre("a", "b", "monitor"));
  EXPECT_THAT(cubes_reached(4, wiring), ElementsAre("alone"));
  EXPECT_THAT(cubes_reached(1, wiring), IsEmpty());
  const Wiring reached = reached_from(veth1, wiring);
  for (const auto& [gate, first] : reached.gates) EXPECT_EQ(wiring.gates.at(gate), first);
  EXPECT_EQ(reached.gates.size(), wiring.gates.size() - 1);  // without that of "off"
  EXPECT_EQ(reached.cubes.at("a"), wiring.cubes.at("a"));
}

}  // namespace
}  // namespace polycube::topology
