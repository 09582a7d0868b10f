// SPDX-License-Identifier: Apache-2.0
// Real frames through real devices: what is flooded arrives once behind every other port and nowhere else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "harness/data_path.h"
#include "harness/must.h"
#include "harness/probe/abi/probe.h"

namespace polycube::harness {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class FloodTest : public testing::TestWithParam<Hook> {
 protected:
  Hook hook() const { return GetParam(); }

  void add_device(const std::string& name) {
    path_.add_device(name);
    sockets_.emplace(name, FrameSocket(DataPath::far_end(name)));
  }
  void flood(const std::string& cube, const std::string& port, const std::string& traffic_class = "0") {
    path_.write(cube, "rules", {{"inport", port}, {"action", "flood"}, {"traffic_class", traffic_class}});
  }
  void forward(const std::string& cube, const std::string& from, const std::string& to) {
    path_.write(cube, "rules", {{"inport", from}, {"action", "forward"}, {"outport", to}});
  }

  // Sends frames into one device and expects each, in order and once, at the others; what has not been looked for at any
  // device is an error. The last frame of the run is the fence behind which copies of earlier ones cannot come.
  void expect_flooded(const std::string& in, const std::vector<std::string>& out, std::vector<Bytes> frames) {
    frames.push_back(build(Ethernet{.destination = "ff:ff:ff:ff:ff:ff"} / Payload("fence")));
    for (const Bytes& frame : frames) sockets_.at(in).send(frame);
    for (const std::string& device : out)
      for (const Bytes& frame : frames) EXPECT_TRUE(same_packet(frame, sockets_.at(device).receive())) << device;
    for (const auto& [device, socket] : sockets_) EXPECT_THAT(socket.pending(), IsEmpty()) << device;
  }

  // The last one is as large as an MTU of 1500 bytes allows.
  static std::vector<Bytes> some_frames() {
    return {build(Ethernet{.destination = "ff:ff:ff:ff:ff:ff"} / Arp{}),
            build(Ethernet{.destination = "01:00:5e:00:00:01"} / Ipv4{.destination = "224.0.0.1"} / Udp{} /
                  Payload("multicast")),
            build(Ethernet{} / Vlan{.id = 5} / Ipv4{} / Udp{} / Payload("tagged")),
            build(Ethernet{} / Ipv6{} / Tcp{} / Payload(std::size_t{1440}, 0x5a))};
  }

  DataPath path_;
  std::map<std::string, FrameSocket> sockets_;
};

TEST_P(FloodTest, ToDevices) {
  for (const char* device : {"d1", "d2", "d3"}) add_device(device);
  path_.add_cube("a", flooder(), hook(), {{"p1", "d1"}, {"p2", "d2"}, {"p3", "d3"}, {"p4", ""}});
  for (const char* port : {"p1", "p2", "p3"}) flood("a", port);
  must(path_.apply());
  expect_flooded("d1", {"d2", "d3"}, some_frames());
  expect_flooded("d3", {"d1", "d2"}, some_frames());
  EXPECT_EQ(path_.statistics("a", "p1").in_packets, 5u);
  EXPECT_EQ(path_.statistics("a", "p1").out_packets, 5u);
  EXPECT_EQ(path_.statistics("a", "p2").out_packets, 10u);
  EXPECT_EQ(path_.statistics("a", "p4").out_packets, 0u);
  EXPECT_THAT(path_.statistics("a").drops, IsEmpty());
}

// d1 - a, which floods to d2 and to the cubes b and c, each of which forwards to a device of its own.
TEST_P(FloodTest, ToDevicesAndCubes) {
  for (const char* device : {"d1", "d2", "d3", "d4"}) add_device(device);
  path_.add_cube("a", flooder(), hook(), {{"p1", "d1"}, {"p2", "d2"}, {"p3", ""}, {"p4", ""}});
  path_.add_cube("b", probe(), hook(), {{"q1", ""}, {"q2", ""}, {"q3", "d3"}});
  path_.add_cube("c", probe(), hook(), {{"q1", "d4"}, {"q2", ""}});
  path_.join("a", "p3", "b", "q2");
  path_.join("a", "p4", "c", "q2");
  for (const char* port : {"p1", "p2", "p3", "p4"}) flood("a", port, "17");
  forward("b", "q2", "2");
  forward("b", "q3", "1");
  forward("c", "q2", "0");
  forward("c", "q1", "1");
  must(path_.apply());
  expect_flooded("d1", {"d2", "d3", "d4"}, some_frames());
  EXPECT_EQ(path_.statistics("b", "q2").in_packets, 5u);
  EXPECT_EQ(path_.statistics("b", "q1").in_packets, 0u);
  EXPECT_EQ(path_.statistics("c", "q2").in_packets, 5u);
  EXPECT_EQ(path_.element<seen>("b", "seen", std::uint32_t{0})->traffic_class, 17u);
  EXPECT_EQ(path_.element<seen>("c", "seen", std::uint32_t{0})->in_port, 1u);
  // And from behind a cube.
  expect_flooded("d3", {"d1", "d2", "d4"}, some_frames());
  expect_flooded("d4", {"d1", "d2", "d3"}, some_frames());
  for (const char* cube : {"a", "b", "c"}) EXPECT_THAT(path_.statistics(cube).drops, IsEmpty()) << cube;
}

// Two bridges in a row: what one floods the other floods again.
TEST_P(FloodTest, ThroughAnotherFlooder) {
  for (const char* device : {"d1", "d2", "d3", "d4"}) add_device(device);
  path_.add_cube("a", flooder(), hook(), {{"p1", "d1"}, {"p2", "d2"}, {"p3", ""}});
  path_.add_cube("b", flooder(), hook(), {{"p1", ""}, {"p2", "d3"}, {"p3", "d4"}});
  path_.join("a", "p3", "b", "p1");
  for (const char* cube : {"a", "b"})
    for (const char* port : {"p1", "p2", "p3"}) flood(cube, port);
  must(path_.apply());
  expect_flooded("d1", {"d2", "d3", "d4"}, some_frames());
  expect_flooded("d4", {"d1", "d2", "d3"}, some_frames());
}

TEST_P(FloodTest, ToManyCubes) {
  add_device("d0");
  DataPath::Ports ports{{"p0", "d0"}};
  std::vector<std::string> devices;
  for (int i = 1; i <= 20; i++) ports.emplace_back("p" + std::to_string(i), "");
  path_.add_cube("a", flooder(), hook(), ports);
  for (int i = 1; i <= 20; i++) {
    const std::string number = std::to_string(i);
    add_device("d" + number);
    devices.push_back("d" + number);
    path_.add_cube("c" + number, probe(), hook(), {{"out", "d" + number}, {"in", ""}});
    path_.join("a", "p" + number, "c" + number, "in");
    forward("c" + number, "in", "0");
  }
  flood("a", "p0");
  must(path_.apply());
  expect_flooded("d0", devices, some_frames());
}

TEST_P(FloodTest, FollowsARewiring) {
  for (const char* device : {"d1", "d2", "d3"}) add_device(device);
  path_.add_cube("a", flooder(), hook(), {{"p1", "d1"}, {"p2", "d2"}, {"p3", ""}});
  path_.add_cube("b", probe(), hook(), {{"q1", ""}, {"q2", "d3"}});
  flood("a", "p1");
  forward("b", "q1", "1");
  must(path_.apply());
  expect_flooded("d1", {"d2"}, some_frames());
  path_.join("a", "p3", "b", "q1");
  must(path_.apply());
  expect_flooded("d1", {"d2", "d3"}, some_frames());
  path_.set_peer("a", "p2", "");
  must(path_.apply());
  expect_flooded("d1", {"d3"}, some_frames());
  path_.set_peer("a", "p3", "d2");
  must(path_.apply());
  expect_flooded("d1", {"d2"}, some_frames());
}

TEST_P(FloodTest, UnicastThroughDevices) {
  for (const char* device : {"d1", "d2"}) add_device(device);
  path_.add_cube("a", probe(), hook(), {{"p1", "d1"}, {"p2", "d2"}});
  forward("a", "p1", "1");
  forward("a", "p2", "0");
  must(path_.apply());
  expect_flooded("d1", {"d2"}, some_frames());
  expect_flooded("d2", {"d1"}, some_frames());
}

INSTANTIATE_TEST_SUITE_P(Hooks, FloodTest, testing::Values(Hook::tc, Hook::xdp_skb, Hook::xdp_drv), hook_name);

}  // namespace
}  // namespace polycube::harness
