// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "abi/bridge.h"
#include "engine/table_access.h"
#include "harness/data_path.h"
#include "harness/must.h"

namespace polycube::harness {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr std::uint64_t second = 1'000'000'000;
constexpr const char* station_a = "02:00:00:00:00:0a";
constexpr const char* station_b = "02:00:00:00:00:0b";
constexpr const char* everybody = "ff:ff:ff:ff:ff:ff";
constexpr const char* bridges = "01:80:c2:00:00:00";
constexpr const char* pvst = "01:00:0c:cc:cc:cd";

// What the control plane would write is written by the tests.
class BridgeTest : public testing::TestWithParam<Hook> {
 protected:
  // access10, other10 and access20 are access ports, trunk has VLANs 10, 20 and natively 30, all every VLAN and none
  // natively, cube 10 as an access port towards another cube and tagged10 as a trunk towards another.
  void SetUp() override {
    DataPath::Ports ports;
    for (const char* name : {"access10", "other10", "access20", "trunk", "all"}) {
      path_.add_device(std::string("d") + name);
      sockets_.emplace(name, FrameSocket(DataPath::far_end(std::string("d") + name)));
      ports.emplace_back(name, std::string("d") + name);
    }
    ports.emplace_back("cube", "");
    ports.emplace_back("tagged10", "");
    path_.add_cube("br", service("bridge"), GetParam(), ports);
    path_.add_cube("next", probe(), GetParam(), {{"in", ""}, {"tin", ""}, {"out", ""}, {"tout", ""}});
    for (const char* name : {"out", "tout"}) {
      path_.add_device(name);
      sockets_.emplace(name, FrameSocket(DataPath::far_end(name)));
      path_.set_peer("next", name, name);
    }
    path_.join("br", "cube", "next", "in");
    path_.join("br", "tagged10", "next", "tin");
    path_.write("next", "rules", {{"inport", "in"}, {"action", "forward"}, {"outport", "2"}});
    path_.write("next", "rules", {{"inport", "tin"}, {"action", "forward"}, {"outport", "3"}});
    must(path_.apply());
    set_port("access10", 10, false);
    set_port("other10", 10, false);
    set_port("access20", 20, false);
    set_port("trunk", 30, true);
    set_port("all", 0, true);
    set_port("cube", 10, false);
    set_port("tagged10", 0, true);
    set_vlan(10, {"access10", "other10", "trunk", "all", "cube", "tagged10"}, {"trunk", "all", "tagged10"});
    set_vlan(20, {"access20", "trunk", "all"}, {"trunk", "all"});
    set_vlan(30, {"trunk", "all"}, {"all"});
    set_vlan(40, {"all"}, {"all"});
  }

  std::uint32_t index(const std::string& name) const { return path_.index("br", name); }
  void set_port(const std::string& name, std::uint16_t pvid, bool trunk) {
    path_.set_element("br", "ports", index(name), port{.pvid = pvid, .trunk = trunk});
  }
  void add(__u64 (&words)[PORT_WORDS], const std::vector<std::string>& names) const {
    for (const std::string& name : names) words[index(name) / 64] |= std::uint64_t{1} << index(name) % 64;
  }
  vlan get_vlan(std::uint32_t id) { return path_.element<vlan>("br", "vlans", id).value(); }
  void set_vlan(std::uint32_t id, const vlan& element) { path_.set_element("br", "vlans", id, element); }
  void set_vlan(std::uint32_t id, const std::vector<std::string>& members, const std::vector<std::string>& tagged) {
    vlan element{};
    add(element.learning, members);
    add(element.forwarding, members);
    add(element.tagged, tagged);
    element.aging = 300 * second;
    set_vlan(id, element);
  }
  void block(std::uint32_t id, const std::string& name, bool learning) {
    vlan element = get_vlan(id);
    const std::uint64_t bit = std::uint64_t{1} << index(name) % 64;
    element.forwarding[index(name) / 64] &= ~bit;
    if (!learning) element.learning[index(name) / 64] &= ~bit;
    set_vlan(id, element);
  }
  void turn_on_stp(std::uint32_t id) {
    vlan element = get_vlan(id);
    element.stp = 1;
    set_vlan(id, element);
  }

  static Bytes frame(const std::string& from, const std::string& to) {
    return build(Ethernet{.source = from, .destination = to} / Ipv4{} / Udp{} / Payload("hello, here is a frame"));
  }
  static Bytes frame(const std::string& from, const std::string& to, std::uint16_t id, std::uint8_t priority = 0) {
    return build(Ethernet{.source = from, .destination = to} / Vlan{.id = id, .priority = priority} / Ipv4{} / Udp{} /
                 Payload("hello, here is a frame"));
  }
  static fdb_key key(std::uint16_t id, const std::string& address) {
    fdb_key key{.vlan = id, .mac = {}};
    const Bytes bytes = mac_bytes(address);
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::byte*>(key.mac));
    return key;
  }
  std::optional<fdb_entry> entry(std::uint16_t id, const std::string& address) {
    return path_.element<fdb_entry>("br", "fdb", key(id, address));
  }
  void set_entry(std::uint16_t id, const std::string& address, const std::string& name, std::uint64_t last_seen = 0) {
    path_.set_element("br", "fdb", key(id, address), fdb_entry{.last_seen = last_seen, .port = index(name), .type = 0});
  }
  void expect_dropped(const std::string& in, const Bytes& sent, const std::string& why) {
    const Outcome outcome = path_.send("br", in, sent);
    EXPECT_EQ(outcome.verdict, Verdict::drop);
    EXPECT_THAT(outcome.left_by, IsEmpty());
    EXPECT_THAT(outcome.drops, ElementsAre(Pair(why, 1)));
  }
  void expect_flooded(const std::string& in, const Bytes& sent, std::vector<std::string> ports) {
    const Outcome outcome = path_.send("br", in, sent);
    std::vector<std::string> left = outcome.left_by;
    std::sort(left.begin(), left.end());
    std::sort(ports.begin(), ports.end());
    EXPECT_EQ(left, ports) << in;
    EXPECT_THAT(outcome.drops, IsEmpty());
  }

  DataPath path_;
  std::map<std::string, FrameSocket> sockets_;
};

// ---- to which VLAN a frame belongs ---------------------------------------------------------------------------------

TEST_P(BridgeTest, AnAccessPortHasOneVlanWithoutTags) {
  expect_flooded("access10", frame(station_a, station_b), {"other10", "trunk", "all", "cube", "tagged10"});
  expect_flooded("access20", frame(station_a, station_b), {"trunk", "all"});
  expect_dropped("access10", frame(station_a, station_b, 10), "vlan");
  expect_dropped("access10", frame(station_a, station_b, 20), "vlan");
}

TEST_P(BridgeTest, ATrunkHasItsVlansWithTagsAndTheNativeOneWithout) {
  expect_flooded("trunk", frame(station_a, station_b, 10), {"access10", "other10", "all", "cube", "tagged10"});
  expect_flooded("trunk", frame(station_a, station_b, 20), {"access20", "all"});
  expect_flooded("trunk", frame(station_a, station_b), {"all"});
  expect_dropped("trunk", frame(station_a, station_b, 40), "not-forwarding");
  expect_dropped("all", frame(station_a, station_b), "vlan");
  expect_dropped("all", frame(station_a, station_b, 4095), "not-forwarding");
}

TEST_P(BridgeTest, APriorityTagIsNoVlan) {
  expect_flooded("access20", frame(station_a, station_b, 0, 5), {"trunk", "all"});
  EXPECT_TRUE(entry(20, station_a));
  expect_dropped("all", frame(station_a, station_b, 0), "vlan");
}

TEST_P(BridgeTest, AServiceTagIsContent) {
  set_entry(20, station_b, "trunk");
  const Outcome outcome = path_.send(
      "br", "access20",
      build(Ethernet{.source = station_a, .destination = station_b} / Vlan{.id = 7, .tpid = 0x88a8} / Ipv4{} / Udp{}));
  EXPECT_THAT(outcome.left_by, ElementsAre("trunk"));
}

// ---- known addresses -----------------------------------------------------------------------------------------------

TEST_P(BridgeTest, KnownUnicastGetsTheTagOfItsPort) {
  set_entry(10, station_b, "trunk");
  set_entry(10, station_a, "access10");
  struct Case {
    const char* in;
    Bytes sent;
    const char* out;
    Bytes expected;
  };
  for (const Case& each :
       {Case{"access10", frame(station_a, station_b), "trunk", frame(station_a, station_b, 10)},
        Case{"trunk", frame(station_b, station_a, 10, 3), "access10", frame(station_b, station_a)},
        Case{"all", frame(station_b, station_a, 10), "access10", frame(station_b, station_a)},
        Case{"other10", frame(station_b, station_a), "access10", frame(station_b, station_a)},
        Case{"all", frame(station_a, station_b, 10, 7), "trunk", frame(station_a, station_b, 10, 7)}}) {
    sockets_.at(each.in).send(each.sent);
    EXPECT_TRUE(same_packet(each.expected, sockets_.at(each.out).receive())) << each.in << " to " << each.out;
  }
  for (const auto& [name, socket] : sockets_) EXPECT_THAT(socket.pending(), IsEmpty()) << name;
}

TEST_P(BridgeTest, APriorityGoesOnInTheTag) {
  set_entry(20, station_b, "trunk");
  sockets_.at("access20").send(frame(station_a, station_b, 0, 5));
  EXPECT_TRUE(same_packet(frame(station_a, station_b, 20, 5), sockets_.at("trunk").receive()));
}

TEST_P(BridgeTest, AddressesAreLearnedByVlan) {
  (void)path_.send("br", "trunk", frame(station_a, everybody, 10));
  (void)path_.send("br", "access20", frame(station_a, everybody));
  ASSERT_TRUE(entry(10, station_a));
  ASSERT_TRUE(entry(20, station_a));
  EXPECT_EQ(entry(10, station_a)->port, index("trunk"));
  EXPECT_EQ(entry(10, station_a)->type, std::uint32_t{FDB_DYNAMIC});
  EXPECT_EQ(entry(20, station_a)->port, index("access20"));
  EXPECT_FALSE(entry(30, station_a));
  EXPECT_THAT(path_.send("br", "other10", frame(station_b, station_a)).left_by, ElementsAre("trunk"));
  EXPECT_THAT(path_.send("br", "all", frame(station_b, station_a, 20)).left_by, ElementsAre("access20"));
}

TEST_P(BridgeTest, WhatIsNotAcceptedIsNotLearned) {
  expect_dropped("access10", frame(station_a, everybody, 20), "vlan");
  expect_dropped("trunk", frame(station_a, everybody, 40), "not-forwarding");
  for (const std::uint16_t id : {10, 20, 30, 40}) EXPECT_FALSE(entry(id, station_a)) << id;
  (void)path_.send("br", "access10", frame(everybody, station_a));
  EXPECT_FALSE(entry(10, everybody));
}

TEST_P(BridgeTest, AStationMovesUnlessItIsStatic) {
  (void)path_.send("br", "access10", frame(station_a, everybody));
  (void)path_.send("br", "other10", frame(station_a, everybody));
  EXPECT_EQ(entry(10, station_a)->port, index("other10"));
  path_.write("br", "fdb", {{"vlan", "10"}, {"mac", station_b}, {"port", "trunk"}});
  must(path_.apply());
  (void)path_.send("br", "other10", frame(station_b, everybody));
  EXPECT_EQ(entry(10, station_b)->port, index("trunk"));
  EXPECT_EQ(entry(10, station_b)->last_seen, 0u);
  EXPECT_EQ(entry(10, station_b)->type, std::uint32_t{FDB_STATIC});
}

TEST_P(BridgeTest, AnOldEntryIsNotUsed) {
  const std::uint64_t now = engine::monotonic_now();
  vlan element = get_vlan(20);
  element.aging = 10 * second;
  set_vlan(20, element);
  set_entry(20, station_b, "trunk", now > 20 * second ? now - 20 * second : 1);
  expect_flooded("access20", frame(station_a, station_b), {"trunk", "all"});
  element.aging = UINT64_MAX / 4;
  set_vlan(20, element);
  EXPECT_THAT(path_.send("br", "access20", frame(station_a, station_b)).left_by, ElementsAre("trunk"));
}

TEST_P(BridgeTest, NothingGoesBackOrOutOfTheVlan) {
  set_entry(10, station_b, "access10");
  expect_dropped("access10", frame(station_a, station_b), "same-port");
  set_entry(20, station_b, "access10");  // a static entry whose port is not in the VLAN
  expect_dropped("access20", frame(station_a, station_b), "not-forwarding");
}

// ---- floods --------------------------------------------------------------------------------------------------------

TEST_P(BridgeTest, FloodedCopiesHaveTheTagsOfTheirPorts) {
  const auto expect = [&](const std::string& in, const Bytes& sent, const std::map<std::string, Bytes>& copies) {
    sockets_.at(in).send(sent);
    for (const auto& [name, copy] : copies)
      EXPECT_TRUE(same_packet(copy, sockets_.at(name).receive())) << in << " " << name;
    for (const auto& [name, socket] : sockets_) EXPECT_THAT(socket.pending(), IsEmpty()) << in << " " << name;
  };
  const Bytes plain = frame(station_a, everybody);
  const Bytes tagged = frame(station_a, everybody, 10);
  expect("access10", plain, {{"other10", plain}, {"trunk", tagged}, {"all", tagged}, {"out", plain}, {"tout", tagged}});
  expect("trunk", tagged, {{"access10", plain}, {"other10", plain}, {"all", tagged}, {"out", plain}, {"tout", tagged}});
  const Bytes native = frame(station_b, everybody);
  expect("trunk", native, {{"all", frame(station_b, everybody, 30)}});
  expect("all", frame(station_b, everybody, 30, 6), {{"trunk", native}});
  expect("access20", frame(station_b, everybody, 0, 4),
         {{"trunk", frame(station_b, everybody, 20, 4)}, {"all", frame(station_b, everybody, 20, 4)}});
  EXPECT_THAT(path_.statistics("br").drops, IsEmpty());
}

// ---- spanning tree -------------------------------------------------------------------------------------------------

TEST_P(BridgeTest, ABlockedPortNeitherLearnsNorForwards) {
  set_entry(10, station_b, "other10");
  block(10, "other10", false);
  expect_dropped("other10", frame(station_a, everybody), "not-forwarding");
  EXPECT_FALSE(entry(10, station_a));
  expect_dropped("access10", frame(station_a, station_b), "not-forwarding");
  expect_flooded("access10", frame(station_a, everybody), {"trunk", "all", "cube", "tagged10"});
}

TEST_P(BridgeTest, ALearningPortLearnsAndDoesNotForward) {
  block(10, "other10", true);
  expect_dropped("other10", frame(station_a, everybody), "not-forwarding");
  EXPECT_TRUE(entry(10, station_a));
  expect_flooded("access10", frame(station_b, everybody), {"trunk", "all", "cube", "tagged10"});
}

TEST_P(BridgeTest, ATrunkIsBlockedInOneVlanOnly) {
  block(10, "trunk", false);
  expect_dropped("trunk", frame(station_a, everybody, 10), "not-forwarding");
  expect_flooded("trunk", frame(station_a, everybody, 20), {"access20", "all"});
}

TEST_P(BridgeTest, BpdusAreForTheSlowPathWhereThereIsASpanningTree) {
  turn_on_stp(10);
  turn_on_stp(30);
  block(10, "access10", false);
  std::vector<std::tuple<std::uint16_t, std::uint16_t, std::uint32_t>> seen;
  const auto subscription = must(path_.engine().subscribe(
      "br", [&](const engine::PacketIn& in) { seen.emplace_back(in.port, in.reason, in.metadata[0]); }));
  const auto send = [&](const std::string& in, const Bytes& bytes) {
    const std::size_t before = seen.size();
    EXPECT_THAT(path_.send("br", in, bytes).left_by, IsEmpty());
    for (int i = 0; i < 2000 && seen.size() == before; i++) usleep(1000);
  };
  send("access10", frame(station_a, bridges));
  send("trunk", frame(station_a, pvst, 10));
  send("trunk", frame(station_a, bridges));
  EXPECT_THAT(seen,
              ElementsAre(std::tuple(index("access10"), REASON_BPDU, 10u), std::tuple(index("trunk"), REASON_BPDU, 10u),
                          std::tuple(index("trunk"), REASON_BPDU, 30u)));
  EXPECT_FALSE(entry(10, station_a));
}

TEST_P(BridgeTest, WithoutSpanningTreeBpdusAreBridged) {
  expect_flooded("access20", frame(station_a, bridges), {"trunk", "all"});
  expect_flooded("access20", frame(station_a, pvst), {"trunk", "all"});
}

TEST_P(BridgeTest, OtherAddressesOfTheLinkStayOnIt) {
  for (const char* address : {"01:80:c2:00:00:01", "01:80:c2:00:00:0e", "01:80:c2:00:00:0f"})
    expect_dropped("access20", frame(station_a, address), "reserved");
  expect_flooded("access20", frame(station_a, "01:80:c2:00:00:10"), {"trunk", "all"});
}

INSTANTIATE_TEST_SUITE_P(Hooks, BridgeTest, testing::Values(Hook::tc, Hook::xdp_skb, Hook::xdp_drv), hook_name);

}  // namespace
}  // namespace polycube::harness
