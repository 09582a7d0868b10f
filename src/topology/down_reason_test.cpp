// SPDX-License-Identifier: Apache-2.0
#include "topology/down_reason.h"

#include <gtest/gtest.h>

namespace polycube::topology {
namespace {

/// Of r1:p1, wired to `peer`, next to a cube r2 with ports wired to nothing, to r1:p1 and to another.
std::string reason(const std::string& peer) {
  Topology topology;
  topology.cubes["r1"].ports["p1"].peer = peer;
  auto& ports = topology.cubes["r2"].ports;
  ports["free"];
  ports["ours"].peer = "r1:p1";
  ports["theirs"].peer = "veth9";
  Device up;
  up.up = up.running = true;
  Device no_carrier;
  no_carrier.up = true;
  const Devices devices{{"veth1", up}, {"veth2", no_carrier}, {"veth3", Device()}};
  return down_reason(topology, "r1:p1", topology.cubes["r1"].ports["p1"], devices);
}

TEST(DownReason, NoneForWhatIsUpOrNotWired) {
  EXPECT_EQ(reason(""), "");
  EXPECT_EQ(reason("veth1"), "");
  EXPECT_EQ(reason("r2:ours"), "");
}

TEST(DownReason, OfDevices) {
  EXPECT_EQ(reason("veth2"), "veth2 has no carrier");
  EXPECT_EQ(reason("veth3"), "veth3 is down");
  EXPECT_EQ(reason("veth4"), "veth4 does not exist");
}

TEST(DownReason, OfASideThatIsMissing) {
  EXPECT_EQ(reason("r2:free"), "r2:free has no peer: r1:p1 is to be set there, too");
  EXPECT_EQ(reason("r2:theirs"), "the peer of r2:theirs is veth9, not r1:p1");
  EXPECT_EQ(reason("r2:gone"), "cube r2 has no port gone");
  EXPECT_EQ(reason("r3:p1"), "there is no cube r3");
}

}  // namespace
}  // namespace polycube::topology
