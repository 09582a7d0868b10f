// SPDX-License-Identifier: Apache-2.0
// Packets that are simulated: they take the way of real ones, and leave nothing behind.
#include <bpf/bpf.h>

#include <algorithm>
#include <cstring>

#include "harness/probe/abi/programs.h"
#include "trace_test_kit.h"

namespace polycube::harness {
namespace {

using engine::Simulation;
using engine::Simulator;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;
using topology::Direction;

// What an event says, wherever it was told.
std::string all_of(const engine::Engine& engine, const pcn_trace_event& event) {
  const std::size_t bytes = std::min<std::size_t>(event.packet_length, sizeof(event.packet));
  const bool to_device = event.kind == PCN_TRACE_LEAVE && event.wire.kind == PCN_WIRE_DEVICE;
  return fmt::format("{}, {}, class {}, {}, {:#x} {:#x} {} {}, {} bytes: {:02x}", text(engine, event),
                     event.direction == PCN_EGRESS ? "out" : "in", event.traffic_class,
                     to_device ? std::to_string(event.wire.target) : "no device", event.ports[0], event.tagged[0],
                     event.tci, event.has_tag, event.packet_length,
                     fmt::join(std::span(event.packet).first(bytes), ""));
}

std::vector<std::string> all_of(const engine::Engine& engine, const std::vector<pcn_trace_event>& events) {
  std::vector<std::string> texts;
  for (const pcn_trace_event& event : events) texts.push_back(all_of(engine, event));
  return texts;
}

std::set<std::uint32_t> maps_of(const bpf::Program& program) {
  std::uint32_t ids[64] = {};
  bpf_prog_info info{};
  info.nr_map_ids = std::size(ids);
  info.map_ids = reinterpret_cast<std::uintptr_t>(ids);
  __u32 size = sizeof(info);
  must(bpf_obj_get_info_by_fd(program.fd(), &info, &size) == 0 ? Result<>() : fail_errno(errno, "inspect a program"));
  return {ids, ids + info.nr_map_ids};
}

// The kernel frees programs and maps some time after their last user.
bool is_gone(int (*open)(std::uint32_t), std::uint32_t id) {
  for (int i = 0; i < 5000; i++) {
    if (!Fd(open(id))) return true;
    usleep(1000);
  }
  return false;
}

class SimulateTest : public TraceTest {
 protected:
  Simulation simulate(const std::string& device, const Bytes& packet, Direction direction = Direction::ingress) {
    const Simulator simulator = must(path_.simulator(device));
    Simulation simulation = must(simulator.run(static_cast<int>(if_nametoindex(device.c_str())), direction, packet));
    texts_.clear();
    for (const pcn_trace_event& event : simulation.events) texts_.push_back(harness::text(simulator.twin(), event));
    all_ = all_of(simulator.twin(), simulation.events);
    return simulation;
  }

  // Simulates first, and then sends: both tell the same.
  void expect_same(const std::string& device, const Bytes& packet) {
    (void)simulate(device, packet);
    start();
    at(device).send(packet);
    EXPECT_EQ(all_of(path_.engine(), events_.take(all_.size())), all_);
    subscription_ = {};
    must(path_.trace(false));
  }

  // Some for which fast paths differ: short ones, tagged ones, and one that is longer than an event.
  const std::vector<Bytes> packets_ = {
      frame_, build(Ethernet{} / Vlan{.id = 5, .priority = 3} / Ipv4{} / Udp{} / Payload("tagged")),
      build(Ethernet{} / Vlan{.id = 7, .tpid = 0x88a8} / Vlan{.id = 5} / Ipv4{} / Udp{} / Payload("twice")),
      build(Ethernet{} / Ipv6{} / Tcp{} / Payload(std::size_t{1400}, 0x5a))};
  std::vector<std::string> texts_;  ///< of what was simulated last
  std::vector<std::string> all_;
};

TEST_P(SimulateTest, ThroughCubesAsRealPackets) {
  two_cubes();
  rule("a", "in", {{"action", "forward"}, {"outport", "1"}, {"traffic_class", "9"}});
  must(path_.apply());
  for (const Bytes& packet : packets_) expect_same("d1", packet);
  EXPECT_THAT(texts_, ElementsAre("at d1", "enters a 0/0", "leaves a 1", "enters b 0/0", "leaves b 1"));
}

TEST_P(SimulateTest, EndsAsRealPackets) {
  for (const char* device : {"d1", "d2", "d3", "d4", "d5"}) add_device(device);
  path_.add_cube("a", slow_prober(), hook(),
                 {{"p1", "d1"}, {"p2", "d2"}, {"p3", "d3"}, {"p4", "d4"}, {"p5", "d5"}, {"free", ""}});
  rule("a", "p1", {{"action", "drop"}});
  rule("a", "p2", {{"action", "host"}});
  forward("a", "p3", 5);
  rule("a", "p4", {{"action", "fail"}});
  rule("a", "p5", {{"action", "slow-path"}});
  must(path_.apply());
  for (const char* device : {"d1", "d2", "d3", "d4", "d5"}) expect_same(device, frame_);
  EXPECT_THAT(texts_, ElementsAre("at d5", "enters a 0/4", fmt::format("slow path of a: {}", PROBE_REASON)));
}

// Of a cube with many devices packets enter by programs that only say on which port.
TEST_P(SimulateTest, ManyDevices) {
  DataPath::Ports ports;
  for (int i = 1; i <= static_cast<int>(engine::Cube::max_own_entries) + 1; i++) {
    add_device(fmt::format("d{}", i));
    ports.emplace_back(fmt::format("p{}", i), fmt::format("d{}", i));
  }
  path_.add_cube("a", slow_prober(), hook(), ports);
  forward("a", "p9", 0);
  must(path_.apply());
  expect_same("d9", frame_);
  EXPECT_THAT(texts_, testing::Contains("leaves a 0"));
}

TEST_P(SimulateTest, TheWayOut) {
  add_device("d1");
  add_device("d2");
  path_.add_cube("a", slow_prober(), hook(), {{"p1", "d1"}, {"p2", "d2"}});
  forward("a", "p1", 1);
  must(path_.apply());
  for (const Bytes& packet : packets_) expect_same("d1", packet);
  // What the host sends, which meets XDP cubes at the hook of TC.
  (void)simulate("d2", frame_, Direction::egress);
  EXPECT_THAT(texts_, ElementsAre("at d2", "enters a 0/1", "leaves a 1"));
}

TEST_P(SimulateTest, CopiesAsRealPackets) {
  for (const char* device : {"d1", "d2", "d3", "d4"}) add_device(device);
  path_.add_cube("a", flooder(), hook(), {{"p1", "d1"}, {"p2", "d2"}, {"to-b", ""}, {"to-c", ""}, {"free", ""}});
  path_.add_cube("b", probe(), hook(), {{"in", ""}, {"out", "d3"}});
  path_.add_cube("c", slow_prober(), hook(), {{"in", ""}, {"out", "d4"}});
  path_.join("a", "to-b", "b", "in");
  path_.join("a", "to-c", "c", "in");
  rule("a", "p1", {{"action", "flood"}, {"traffic_class", "4"}});
  forward("b", "in", 1);
  forward("c", "in", 1);
  must(path_.apply());
  for (const Bytes& packet : packets_) {
    (void)simulate("d1", packet);
    const auto simulated = all_;
    EXPECT_THAT(simulated, testing::Not(IsEmpty()));
    start();
    at("d1").send(packet);
    // Real copies go on in any order.
    EXPECT_THAT(all_of(path_.engine(), events_.take(simulated.size())), UnorderedElementsAreArray(simulated));
    subscription_ = {};
    must(path_.trace(false));
  }
}

TEST_P(SimulateTest, ProgramsThatControlPlanesAdded) {
  add_device("d1");
  add_device("d2");
  path_.add_cube("c", caller(), hook(), {{"p1", "d1"}, {"p2", "d2"}});
  must(path_.apply());
  const engine::Microcubes programs = must(path_.engine().microcubes("c"));
  must(programs.add(Direction::ingress, must(caller().package->code("step")), 1));
  must(programs.add(Direction::ingress, must(caller().package->code("later")), 2));
  const auto set = [&](const char* table, engine::MicrocubeId program, const auto& value) {
    const std::uint32_t zero = 0;
    must(must(path_.cube("c").map(table, program))
             .set(std::as_bytes(std::span(&zero, 1)), std::as_bytes(std::span(&value, 1)), 1));
  };
  set("calls", {}, call{1, 6});
  set("steps", {Direction::ingress, 1}, step{2, PROBE_FORWARD, 8, 0, 0, 0});
  set("steps", {Direction::ingress, 2}, step{0, PROBE_FORWARD, 0, 0, 0, 0});
  expect_same("d1", frame_);
  EXPECT_THAT(texts_, testing::Contains(HasSubstr("enters c 2/0")));
}

TEST_P(SimulateTest, ALoopEnds) {
  add_device("d1");
  path_.add_cube("a", flooder(), hook(), {{"p1", "d1"}, {"p2", ""}, {"p3", ""}});
  path_.add_cube("b", flooder(), hook(), {{"p1", ""}, {"p2", ""}});
  path_.join("a", "p2", "b", "p1");
  path_.join("a", "p3", "b", "p2");
  for (const char* port : {"p1", "p2", "p3"}) rule("a", port, {{"action", "flood"}});
  for (const char* port : {"p1", "p2"}) rule("b", port, {{"action", "flood"}});
  must(path_.apply());
  EXPECT_FALSE(simulate("d1", frame_).complete);
}

TEST_P(SimulateTest, NothingIsSentCountedOrLeft) {
  for (const char* device : {"d1", "d2", "d3"}) add_device(device);
  path_.add_cube("a", flooder(), hook(), {{"p1", "d1"}, {"p2", "d2"}, {"to-b", ""}});
  path_.add_cube("b", slow_prober(), hook(), {{"in", ""}, {"out", "d3"}});
  path_.join("a", "to-b", "b", "in");
  rule("a", "p1", {{"action", "flood"}});
  rule("a", "p2", {{"action", "forward"}, {"outport", "0"}});
  rule("b", "in", {{"action", "slow-path"}});
  must(path_.apply());
  std::size_t received = 0;
  const auto packets = must(path_.engine().subscribe("b", [&](const engine::PacketIn&) { received++; }));
  std::set<std::uint32_t> programs;
  std::set<std::uint32_t> maps;
  for (const char* cube : {"a", "b"}) {
    const Simulator simulator = must(path_.simulator("d1"));
    const bpf::Program& program = simulator.twin().cube(cube)->program();
    programs.insert(must(program.info()).id);
    maps.merge(maps_of(program));
    for (const std::uint32_t map : maps_of(path_.cube(cube).program())) EXPECT_FALSE(maps.contains(map));
  }
  const auto seen = [&](const char* cube) { return *path_.element<::seen>(cube, "seen", std::uint32_t{0}); };
  EXPECT_EQ(simulate("d1", frame_).events.size(), 5u);
  (void)simulate("d2", frame_);
  EXPECT_EQ(seen("a").packets, 0u);
  EXPECT_EQ(seen("b").packets, 0u);
  EXPECT_EQ(path_.statistics("a", "p1").in_packets, 0u);
  EXPECT_EQ(path_.statistics("a", "p2").out_packets, 0u);
  EXPECT_EQ(path_.statistics("b", "in").in_packets, 0u);
  EXPECT_THAT(path_.statistics("b").drops, IsEmpty());
  for (const std::uint32_t program : programs) EXPECT_TRUE(is_gone(bpf_prog_get_fd_by_id, program));
  for (const std::uint32_t map : maps) EXPECT_TRUE(is_gone(bpf_map_get_fd_by_id, map));
  for (const auto& [device, socket] : sockets_) EXPECT_THAT(socket.pending(), IsEmpty()) << device;
  EXPECT_EQ(received, 0u);
  // All of it still runs.
  at("d2").send(frame_);
  EXPECT_TRUE(same_packet(frame_, at("d1").receive()));
  EXPECT_EQ(seen("a").packets, 1u);
}

TEST_P(SimulateTest, SeesWhatTablesHoldNow) {
  two_cubes();
  (void)simulate("d1", frame_);
  EXPECT_EQ(texts_.back(), "leaves b 1");
  rule("b", "in", {{"action", "drop"}});
  must(path_.apply());
  (void)simulate("d1", frame_);
  EXPECT_EQ(texts_.back(), fmt::format("dropped by b: {}", +PCN_DROP_POLICY));
}

// Devices and the kernel take a tag out of the packet before programs of TC see that.
TEST_P(SimulateTest, ATagIsWhereProgramsExpectIt) {
  two_cubes();
  const Bytes packet = build(Ethernet{} / Vlan{.id = 5} / Ipv4{} / Udp{} / Payload("tagged"));
  const Simulator simulator = must(path_.simulator("d1"));
  must(simulator.run(static_cast<int>(if_nametoindex("d1")), Direction::ingress, packet));
  const std::uint32_t zero = 0;
  const bpf::Bytes bytes = must(must(simulator.twin().cube("a")->map("seen")).get(std::as_bytes(std::span(&zero, 1))));
  ::seen last{};
  std::memcpy(&last, bytes.data(), sizeof(last));
  EXPECT_EQ(last.length, hook() == Hook::tc ? packet.size() - 4 : packet.size());
}

TEST_P(SimulateTest, WhatCannotBeSimulated) {
  two_cubes();
  add_device("d3");
  const auto error = [&](const std::string& device, const Bytes& packet, Direction direction = Direction::ingress) {
    const Simulator simulator = must(path_.simulator(device));
    const auto done = simulator.run(static_cast<int>(if_nametoindex(device.c_str())), direction, packet);
    return done ? std::string("none") : done.error().message;
  };
  EXPECT_THAT(error("d3", frame_), HasSubstr("come in by the device meet no cube"));
  EXPECT_THAT(error("d1", frame_, Direction::egress), HasSubstr("sends out of the device meet no cube"));
  EXPECT_THAT(error("d1", Bytes(13)), HasSubstr("13 bytes"));
  EXPECT_THAT(error("d1", Bytes(3401)), HasSubstr("3401 bytes"));
  EXPECT_EQ(error("d1", Bytes(14)), "none");
  EXPECT_EQ(error("d1", Bytes(3400)), "none");
}

INSTANTIATE_TEST_SUITE_P(Hooks, SimulateTest, testing::Values(Hook::tc, Hook::xdp_skb, Hook::xdp_drv),
                         [](const auto& info) {
                           return info.param == Hook::tc ? "tc" : info.param == Hook::xdp_skb ? "xdp_skb" : "xdp_drv";
                         });

}  // namespace
}  // namespace polycube::harness
