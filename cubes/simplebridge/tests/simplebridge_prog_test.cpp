// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "abi/simplebridge.h"
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

class SimplebridgeTest : public testing::TestWithParam<Hook> {
 protected:
  // p0, p1, p2 - devices, p3 - another cube, p4 unwired.
  void SetUp() override {
    DataPath::Ports ports;
    for (int i = 0; i < 3; i++) {
      path_.add_device("d" + std::to_string(i));
      ports.emplace_back("p" + std::to_string(i), "d" + std::to_string(i));
    }
    ports.emplace_back("p3", "");
    ports.emplace_back("p4", "");
    path_.add_cube("br", service("simplebridge"), GetParam(), ports);
    path_.add_cube("next", probe(), GetParam(), {{"in", ""}});
    path_.join("br", "p3", "next", "in");
    path_.write("br", "settings", {{"aging-time", "300"}});
    must(path_.apply());
  }

  static Bytes frame(const std::string& from, const std::string& to) {
    return build(Ethernet{.source = from, .destination = to} / Ipv4{} / Udp{} / Payload("hello"));
  }
  static fdb_key key(const std::string& address) {
    fdb_key key{};
    const Bytes bytes = mac_bytes(address);
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::byte*>(key.address));
    return key;
  }
  std::optional<fdb_entry> entry(const std::string& address) {
    return path_.element<fdb_entry>("br", "fdb", key(address));
  }
  void set_entry(const std::string& address, std::uint64_t last_seen, std::uint32_t port) {
    path_.set_element("br", "fdb", key(address), fdb_entry{.last_seen = last_seen, .port = port, .reserved = 0});
  }
  void expect_flooded(const Outcome& outcome, const std::vector<std::string>& ports) {
    EXPECT_EQ(outcome.left_by, ports);
    EXPECT_THAT(outcome.drops, IsEmpty());
    // TC sends copies and drops the original, XDP broadcasts the original.
    EXPECT_EQ(outcome.verdict, GetParam() == Hook::tc ? Verdict::drop : Verdict::redirect);
  }

  DataPath path_;
};

TEST_P(SimplebridgeTest, LearnsTheSource) {
  const std::uint64_t before = engine::monotonic_now();
  (void)path_.send("br", "p1", frame(station_a, station_b));
  ASSERT_TRUE(entry(station_a));
  EXPECT_EQ(entry(station_a)->port, 1u);
  // The coarse clock is at most some ticks behind.
  EXPECT_GT(entry(station_a)->last_seen + second, before);
  EXPECT_LE(entry(station_a)->last_seen, engine::monotonic_now());
  EXPECT_FALSE(entry(station_b));
}

TEST_P(SimplebridgeTest, KnownUnicastLeavesByItsPortUnchanged) {
  (void)path_.send("br", "p1", frame(station_a, everybody));
  const Bytes sent = frame(station_b, station_a);
  const Outcome outcome = path_.send("br", "p0", sent);
  EXPECT_EQ(outcome.verdict, Verdict::redirect);
  EXPECT_THAT(outcome.left_by, ElementsAre("p1"));
  EXPECT_TRUE(same_packet(sent, outcome.packet));
}

TEST_P(SimplebridgeTest, AStationBehindTheInputPortNeedsNoForwarding) {
  (void)path_.send("br", "p1", frame(station_a, everybody));
  const Outcome outcome = path_.send("br", "p1", frame(station_b, station_a));
  EXPECT_EQ(outcome.verdict, Verdict::drop);
  EXPECT_THAT(outcome.left_by, IsEmpty());
  EXPECT_THAT(outcome.drops, ElementsAre(Pair("same-port", 1)));
}

TEST_P(SimplebridgeTest, UnknownUnicastIsFloodedOutOfTheOtherWiredPorts) {
  expect_flooded(path_.send("br", "p0", frame(station_a, station_b)), {"p1", "p2", "p3"});
  expect_flooded(path_.send("br", "p3", frame(station_a, station_b)), {"p0", "p1", "p2"});
}

TEST_P(SimplebridgeTest, BroadcastAndMulticastAreFlooded) {
  for (const char* group : {everybody, "01:00:5e:00:00:fb", "33:33:00:00:00:01"})
    expect_flooded(path_.send("br", "p1", frame(station_a, group)), {"p0", "p2", "p3"});
  EXPECT_FALSE(entry(everybody));
}

TEST_P(SimplebridgeTest, AGroupAddressInTheTableIsFloodedAllTheSame) {
  set_entry("01:00:5e:00:00:fb", 0, 2);
  expect_flooded(path_.send("br", "p0", frame(station_a, "01:00:5e:00:00:fb")), {"p1", "p2", "p3"});
}

TEST_P(SimplebridgeTest, AGroupSourceIsNotLearned) {
  for (const char* group : {everybody, "01:00:5e:00:00:fb"}) {
    (void)path_.send("br", "p1", frame(group, station_b));
    EXPECT_FALSE(entry(group)) << group;
  }
}

TEST_P(SimplebridgeTest, AStationThatMovedIsLearnedAnew) {
  (void)path_.send("br", "p1", frame(station_a, everybody));
  (void)path_.send("br", "p2", frame(station_a, everybody));
  EXPECT_EQ(entry(station_a)->port, 2u);
  EXPECT_THAT(path_.send("br", "p0", frame(station_b, station_a)).left_by, ElementsAre("p2"));
}

TEST_P(SimplebridgeTest, AnEntryThatWasAddedIsNeitherRelearnedNorAged) {
  path_.write("br", "fdb", {{"address", station_a}, {"port", "p2"}});
  must(path_.apply());
  EXPECT_EQ(entry(station_a)->last_seen, 0u);
  (void)path_.send("br", "p1", frame(station_a, everybody));
  EXPECT_EQ(entry(station_a)->port, 2u);
  EXPECT_EQ(entry(station_a)->last_seen, 0u);
  EXPECT_THAT(path_.send("br", "p0", frame(station_b, station_a)).left_by, ElementsAre("p2"));
}

TEST_P(SimplebridgeTest, AnAgedEntryIsNotUsed) {
  const std::uint64_t now = engine::monotonic_now();
  path_.write("br", "settings", {{"aging-time", "10"}});
  must(path_.apply());
  set_entry(station_a, now > 20 * second ? now - 20 * second : 1, 2);
  expect_flooded(path_.send("br", "p0", frame(station_b, station_a)), {"p1", "p2", "p3"});
  set_entry(station_a, now - second, 2);
  EXPECT_THAT(path_.send("br", "p0", frame(station_b, station_a)).left_by, ElementsAre("p2"));
}

TEST_P(SimplebridgeTest, ALongAgingTimeDoesNotOverflow) {
  path_.write("br", "settings", {{"aging-time", "4294967295"}});
  must(path_.apply());
  set_entry(station_a, 1, 2);
  EXPECT_THAT(path_.send("br", "p0", frame(station_b, station_a)).left_by, ElementsAre("p2"));
}

TEST_P(SimplebridgeTest, AnAgedEntryIsRefreshedByItsStation) {
  set_entry(station_a, 1, 2);
  (void)path_.send("br", "p2", frame(station_a, everybody));
  EXPECT_EQ(entry(station_a)->port, 2u);
  EXPECT_GT(entry(station_a)->last_seen, 1u);
}

TEST_P(SimplebridgeTest, TaggedFramesStayAsTheyAre) {
  (void)path_.send("br", "p1", frame(station_a, everybody));
  for (const Packet& packet : {Ethernet{.source = station_b, .destination = station_a} / Vlan{.id = 5} / Ipv4{} / Udp{},
                               Ethernet{.source = station_b, .destination = station_a} / Vlan{.id = 7, .tpid = 0x88a8} /
                                   Vlan{.id = 5, .priority = 6} / Ipv6{} / Tcp{}}) {
    const Bytes sent = build(packet);
    const Outcome outcome = path_.send("br", "p0", sent);
    EXPECT_THAT(outcome.left_by, ElementsAre("p1"));
    EXPECT_TRUE(same_packet(sent, outcome.packet));
  }
}

// Nothing shorter can arrive: the kernel runs no program on a packet without an Ethernet header.
TEST_P(SimplebridgeTest, AHeaderAloneIsEnoughAndLessIsRefusedByTheKernel) {
  const Bytes header = build(Ethernet{.source = station_a, .destination = station_b});
  ASSERT_EQ(header.size(), 14u);
  expect_flooded(path_.send("br", "p0", header), {"p1", "p2", "p3"});
  EXPECT_TRUE(entry(station_a));
  for (const std::size_t size : {1U, 13U})
    EXPECT_FALSE(path_.cube("br").program().test_run(std::span(header).first(size))) << size;
}

TEST_P(SimplebridgeTest, AFullTableStillForwards) {
  const bpf::Map fdb = path_.map("br", "fdb");
  std::vector<fdb_key> keys(FDB_ENTRIES);
  const std::vector<fdb_entry> entries(FDB_ENTRIES, fdb_entry{.last_seen = 0, .port = 2, .reserved = 0});
  for (std::uint32_t i = 0; i < FDB_ENTRIES; i++)
    keys[i] = {.address = {0x06, 0, static_cast<__u8>(i >> 16), static_cast<__u8>(i >> 8), static_cast<__u8>(i), 0}};
  must(fdb.update_batch(std::as_bytes(std::span(keys)), std::as_bytes(std::span(entries)), FDB_ENTRIES));
  expect_flooded(path_.send("br", "p0", frame(station_a, station_b)), {"p1", "p2", "p3"});
  EXPECT_FALSE(entry(station_a));
  EXPECT_THAT(path_.send("br", "p0", frame(station_a, "06:00:00:00:01:00")).left_by, ElementsAre("p2"));
  // What could not be learned is flooded.
  expect_flooded(path_.send("br", "p1", frame(station_b, station_a)), {"p0", "p2", "p3"});
}

TEST_P(SimplebridgeTest, AnEntryOfAnUnwiredPortDrops) {
  set_entry(station_a, 0, 4);
  EXPECT_THAT(path_.send("br", "p0", frame(station_b, station_a)).drops, ElementsAre(Pair("port-unwired", 1)));
}

TEST_P(SimplebridgeTest, EntriesGoWithTheirPort) {
  (void)path_.send("br", "p1", frame(station_a, everybody));
  (void)path_.send("br", "p2", frame(station_b, everybody));
  path_.wanted.cubes.at("br").ports.erase("p1");
  must(path_.apply());
  EXPECT_FALSE(entry(station_a));
  EXPECT_TRUE(entry(station_b));
}

TEST_P(SimplebridgeTest, AnEntryOfAPortThatTakesTheIndexOfAnotherStays) {
  (void)path_.send("br", "p1", frame(station_a, everybody));
  path_.wanted.cubes.at("br").ports.erase("p1");
  path_.set_peer("br", "new", "");
  path_.write("br", "fdb", {{"address", station_b}, {"port", "new"}});
  must(path_.apply());
  ASSERT_EQ(path_.index("br", "new"), 1u);
  EXPECT_FALSE(entry(station_a));
  ASSERT_TRUE(entry(station_b));
  EXPECT_EQ(entry(station_b)->port, 1u);
}

INSTANTIATE_TEST_SUITE_P(Hooks, SimplebridgeTest, testing::Values(Hook::tc, Hook::xdp_skb), hook_name);

}  // namespace
}  // namespace polycube::harness
