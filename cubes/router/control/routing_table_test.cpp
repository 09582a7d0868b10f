// SPDX-License-Identifier: Apache-2.0
#include "control/routing_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace polycube::router {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

Address ip(const std::string& text) { return Address::parse(text).value(); }
Prefix net(const std::string& text) { return Prefix::parse(text).value(); }
PortAddresses port(std::uint16_t index, const std::vector<std::string>& addresses, bool up = true) {
  PortAddresses result{index, up, {}};
  for (const auto& text : addresses) result.addresses.push_back(InterfaceAddress::parse(text).value());
  return result;
}

class RoutingTableTest : public testing::Test {
 protected:
  RoutingTableTest() {
    set_ports({{"p0", port(0, {"10.0.0.254/24", "fd00::fe/64"})}, {"p1", port(1, {"10.1.0.254/24"})}});
  }

  void set_ports(const Ports& ports) {
    table_.set_ports(ports);
    update();
  }
  void add(const std::string& network, const std::string& next_hop, std::uint32_t cost = 1,
           const std::string& port = "") {
    table_.add(net(network), ip(next_hop), {port, cost});
    update();
  }
  void remove(const std::string& network, const std::string& next_hop) {
    table_.remove(net(network), ip(next_hop));
    update();
  }
  // Follows the updates as the fast path's tables do.
  void update() {
    ASSERT_TRUE(table_.compute());
    last_ = table_.take();
    for (const auto& [number, hops] : last_.groups) groups_[number] = hops;
    for (const auto& [prefix, entry] : last_.entries) {
      if (!entry) entries_.erase(prefix);
      if (entry) entries_[prefix] = *entry;
    }
  }
  std::vector<std::string> hops(const std::string& network) {
    const auto entry = entries_.find(net(network));
    std::vector<std::string> result;
    if (entry == entries_.end() || entry->second.kind != ROUTE_GATEWAY) return result;
    for (const NextHop& hop : groups_.at(entry->second.group))
      result.push_back(fmt::format("{} {}", hop.address.text(), hop.port));
    return result;
  }
  int kind(const std::string& network) {
    const auto entry = entries_.find(net(network));
    return entry == entries_.end() ? -1 : entry->second.kind;
  }

  RoutingTable table_;
  RoutingTable::Update last_;
  std::map<std::uint32_t, std::vector<NextHop>> groups_;
  std::map<Prefix, Entry> entries_;
};

TEST_F(RoutingTableTest, AddressesMakeLocalEntries) {
  EXPECT_EQ(kind("10.0.0.254/32"), ROUTE_OWN);
  EXPECT_EQ(kind("10.0.0.0/24"), ROUTE_CONNECTED);
  EXPECT_EQ(kind("10.0.0.0/32"), ROUTE_BROADCAST);
  EXPECT_EQ(kind("10.0.0.255/32"), ROUTE_BROADCAST);
  EXPECT_EQ(kind("fd00::fe/128"), ROUTE_OWN);
  EXPECT_EQ(kind("fd00::/64"), ROUTE_CONNECTED);
  EXPECT_EQ(kind("fd00::/128"), -1);
  EXPECT_EQ(entries_.at(net("10.1.0.0/24")).port, 1);
}

TEST_F(RoutingTableTest, ALinkOfTwoAddressesHasNoBroadcast) {
  set_ports({{"p0", port(0, {"10.0.0.0/31"})}, {"p1", port(1, {"10.0.9.1/32"})}});
  EXPECT_EQ(kind("10.0.0.0/32"), ROUTE_OWN);
  EXPECT_EQ(kind("10.0.0.1/32"), -1);
  EXPECT_EQ(kind("10.0.9.1/32"), ROUTE_OWN);
  EXPECT_EQ(kind("10.0.0.255/32"), -1);
}

TEST_F(RoutingTableTest, TheLowestCostWinsWhateverTheOrder) {
  add("10.5.0.0/16", "10.0.0.1", 5);
  add("10.5.0.0/16", "10.1.0.1", 2);
  EXPECT_THAT(hops("10.5.0.0/16"), ElementsAre("10.1.0.1 1"));
  add("10.5.0.0/16", "10.0.0.2", 3);
  EXPECT_THAT(hops("10.5.0.0/16"), ElementsAre("10.1.0.1 1"));
  remove("10.5.0.0/16", "10.1.0.1");
  EXPECT_THAT(hops("10.5.0.0/16"), ElementsAre("10.0.0.2 0"));
  remove("10.5.0.0/16", "10.0.0.2");
  remove("10.5.0.0/16", "10.0.0.1");
  EXPECT_EQ(kind("10.5.0.0/16"), -1);
  EXPECT_EQ(table_.size(), 0u);
}

TEST_F(RoutingTableTest, RoutesOfEqualCostAreUsedSideBySide) {
  add("0.0.0.0/0", "10.0.0.1");
  add("0.0.0.0/0", "10.1.0.1");
  add("0.0.0.0/0", "10.1.0.2", 9);
  EXPECT_THAT(hops("0.0.0.0/0"), ElementsAre("10.0.0.1 0", "10.1.0.1 1"));
  EXPECT_TRUE(table_.is_active(net("0.0.0.0/0"), ip("10.1.0.1")));
  EXPECT_FALSE(table_.is_active(net("0.0.0.0/0"), ip("10.1.0.2")));
  for (int i = 3; i < 20; i++) add("0.0.0.0/0", fmt::format("10.1.0.{}", i));
  EXPECT_THAT(hops("0.0.0.0/0"), SizeIs(MAX_HOPS));
}

TEST_F(RoutingTableTest, NetworksWithTheSameNextHopsShareAGroupThatNeverChangesInUse) {
  add("10.5.0.0/16", "10.0.0.1");
  add("10.6.0.0/16", "10.0.0.1");
  EXPECT_EQ(entries_.at(net("10.5.0.0/16")).group, entries_.at(net("10.6.0.0/16")).group);
  const auto group = entries_.at(net("10.6.0.0/16")).group;
  add("10.5.0.0/16", "10.0.0.2");
  EXPECT_FALSE(last_.groups.contains(group));
  EXPECT_NE(entries_.at(net("10.5.0.0/16")).group, group);
  EXPECT_THAT(hops("10.6.0.0/16"), ElementsAre("10.0.0.1 0"));
  // Not even by the change that makes it unused.
  const auto left = entries_.at(net("10.5.0.0/16")).group;
  add("10.5.0.0/16", "10.0.0.3");
  EXPECT_FALSE(last_.groups.contains(left));
}

TEST_F(RoutingTableTest, AChangeTouchesWhatItIsAbout) {
  for (int i = 0; i < 200; i++) add(fmt::format("10.20.{}.0/24", i), "10.0.0.1");
  add("10.5.0.0/16", "10.0.0.1");
  EXPECT_THAT(last_.entries, SizeIs(1));
  EXPECT_THAT(last_.groups, IsEmpty());
  update();
  EXPECT_THAT(last_.entries, IsEmpty());
}

TEST_F(RoutingTableTest, ALocalNetworkComesBeforeARouteToIt) {
  add("10.1.0.0/24", "10.0.0.1");
  EXPECT_EQ(kind("10.1.0.0/24"), ROUTE_CONNECTED);
  set_ports({{"p0", port(0, {"10.0.0.254/24"})}});
  EXPECT_THAT(hops("10.1.0.0/24"), ElementsAre("10.0.0.1 0"));
  EXPECT_EQ(kind("10.1.0.254/32"), -1);
}

TEST_F(RoutingTableTest, RoutesWaitForTheirNextHopsPort) {
  add("10.5.0.0/16", "10.1.0.1");
  set_ports({{"p0", port(0, {"10.0.0.254/24"})}});
  EXPECT_EQ(kind("10.5.0.0/16"), -1);
  EXPECT_FALSE(table_.is_active(net("10.5.0.0/16"), ip("10.1.0.1")));
  set_ports({{"p0", port(0, {"10.0.0.254/24"})}, {"p7", port(7, {"10.1.0.9/16"}, false)}});
  EXPECT_EQ(kind("10.5.0.0/16"), -1) << "the link is down";
  set_ports({{"p0", port(0, {"10.0.0.254/24"})}, {"p7", port(7, {"10.1.0.9/16"})}});
  EXPECT_THAT(hops("10.5.0.0/16"), ElementsAre("10.1.0.1 7"));
}

TEST_F(RoutingTableTest, TheNextHopsPortHasTheLongestPrefixOrIsGiven) {
  set_ports({{"p0", port(0, {"10.0.0.254/8"})}, {"p1", port(1, {"10.1.0.254/24", "fd00::1/64"})}});
  add("0.0.0.0/0", "10.1.0.1");
  EXPECT_THAT(hops("0.0.0.0/0"), ElementsAre("10.1.0.1 1"));
  add("0.0.0.0/0", "10.1.0.1", 1, "p0");
  EXPECT_THAT(hops("0.0.0.0/0"), ElementsAre("10.1.0.1 0"));
  add("2001:db8::/32", "fe80::1", 1, "p1");
  EXPECT_THAT(hops("2001:db8::/32"), ElementsAre("fe80::1 1"));
  add("2001:db9::/32", "fd00::7", 1, "p0");
  EXPECT_EQ(kind("2001:db9::/32"), -1);
}

TEST_F(RoutingTableTest, TooManyGroupsAreAnErrorThatTakingBackMendsWithoutATrace) {
  std::vector<std::pair<Prefix, Address>> added;
  for (std::uint32_t i = 0; i <= MAX_GROUPS; i++) {
    added.emplace_back(net(fmt::format("20.{}.{}.0/24", i / 256, i % 256)),
                       ip(fmt::format("10.{}.{}.1", i / 256 + 1, i % 256)));
  }
  set_ports({{"p0", port(0, {"10.0.0.254/8"})}});
  for (const auto& [network, hop] : added) table_.add(network, hop, {});
  const auto result = table_.compute();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::limit_exceeded);
  for (const auto& [network, hop] : added) table_.remove(network, hop);
  update();
  EXPECT_EQ(entries_.size(), 4u) << "own, two broadcasts, the network";
  for (int i = 0; i < 10; i++) add(fmt::format("30.{}.0.0/16", i), fmt::format("10.77.{}.1", i));
  EXPECT_THAT(hops("30.3.0.0/16"), ElementsAre("10.77.3.1 0"));
}

TEST_F(RoutingTableTest, EverythingIsWrittenAgainWhenTablesAreUnknown) {
  add("10.5.0.0/16", "10.0.0.1");
  const auto entries = entries_;
  entries_.clear();
  groups_.clear();
  table_.forget_tables();
  update();
  EXPECT_EQ(entries_, entries);
  EXPECT_THAT(hops("10.5.0.0/16"), ElementsAre("10.0.0.1 0"));
}

TEST_F(RoutingTableTest, AHundredThousandRoutes) {
  for (int i = 0; i < 100'000; i++)
    table_.add(net(fmt::format("{}.{}.{}.0/24", 20 + i / 65536, i / 256 % 256, i % 256)),
               ip(fmt::format("10.0.0.{}", 1 + i % 9)), {});
  update();
  EXPECT_EQ(entries_.size(), 100'000u + 10);
  EXPECT_EQ(groups_.size(), 9u);
}

TEST(AddressTest, ReadsAndWrites) {
  for (const char* text : {"10.0.0.1", "255.255.255.255", "::1", "2001:db8::1", "fe80::1"})
    EXPECT_EQ(ip(text).text(), text);
  for (const char* text : {"", "10.0.0", "10.0.0.256", "::ffff:10.0.0.1", "x", "10.0.0.1/24"})
    EXPECT_FALSE(Address::parse(text)) << text;
  EXPECT_EQ(net("10.5.77.1/16").text(), "10.5.0.0/16");
  EXPECT_EQ(net("0.0.0.0/0").text(), "0.0.0.0/0");
  EXPECT_EQ(net("2001:db8:1:2:3::/33").text(), "2001:db8::/33");
  for (const char* text : {"10.0.0.1", "10.0.0.1/33", "10.0.0.1/", "10.0.0.1/x", "10.0.0.1/1 ", "::1/129", "/8"})
    EXPECT_FALSE(Prefix::parse(text)) << text;
  EXPECT_TRUE(net("::/0").contains(ip("2001:db8::1")));
  EXPECT_FALSE(net("::/0").contains(ip("10.0.0.1")));
  EXPECT_EQ(link_local_of(parse_mac("02:00:00:00:00:0a").value()).text(), "fe80::ff:fe00:a");
  for (const char* text : {"02:00:00:00:00", "02-00-00-00-00-01", "02:00:00:00:00:0g"})
    EXPECT_FALSE(parse_mac(text)) << text;
}

TEST(AddressTest, WhatOneStationCanHave) {
  for (const char* text : {"10.0.0.1", "223.255.255.255", "fd00::1", "fe80::1", "::2"})
    EXPECT_TRUE(ip(text).is_unicast()) << text;
  for (const char* text : {"0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255", "::", "::1", "ff02::1"})
    EXPECT_FALSE(ip(text).is_unicast()) << text;
}

// ---- beginning anew --------------------------------------------------------------------------------------------------

class ResumedTableTest : public RoutingTableTest {
 protected:
  ResumedTableTest() {
    add("10.5.0.0/16", "10.0.0.1");
    add("10.5.0.0/16", "10.1.0.1");
    add("10.6.0.0/16", "10.0.0.2");
    add("10.7.0.0/16", "10.1.0.1");
    add("10.7.0.0/16", "10.0.0.1");
    add("fd07::/64", "fd00::7");
    remove("10.6.0.0/16", "10.0.0.2");  // leaves a group that nobody uses
    add("10.8.0.0/16", "10.0.0.8");
  }
  // Another table, with the tables of the fast path as they are, and the same ports.
  void restart() {
    const Ports ports = table_.ports();
    table_ = {};
    RoutingTable::Update tables{groups_, {}};
    for (const auto& [prefix, entry] : entries_) tables.entries[prefix] = entry;
    table_.resume(tables);
    table_.set_ports(ports);
  }
  void add_all() {
    for (const char* network : {"10.5.0.0/16", "10.7.0.0/16"})
      for (const char* next_hop : {"10.0.0.1", "10.1.0.1"}) table_.add(net(network), ip(next_hop), {});
    table_.add(net("fd07::/64"), ip("fd00::7"), {});
    table_.add(net("10.8.0.0/16"), ip("10.0.0.8"), {});
  }
};

TEST_F(ResumedTableTest, TheSameConfigurationChangesNothing) {
  restart();
  add_all();
  update();
  EXPECT_THAT(last_.groups, IsEmpty());
  EXPECT_THAT(last_.entries, IsEmpty());
  EXPECT_TRUE(table_.is_active(net("10.5.0.0/16"), ip("10.1.0.1")));
  EXPECT_THAT(hops("10.7.0.0/16"), ElementsAre("10.0.0.1 0", "10.1.0.1 1"));
}

TEST_F(ResumedTableTest, OnlyWhatIsDifferentIsWritten) {
  restart();
  add_all();
  table_.remove(net("10.8.0.0/16"), ip("10.0.0.8"));
  table_.remove(net("10.7.0.0/16"), ip("10.1.0.1"));
  update();
  EXPECT_THAT(last_.entries, SizeIs(2));
  EXPECT_EQ(last_.entries.at(net("10.8.0.0/16")), std::nullopt);
  EXPECT_THAT(hops("10.7.0.0/16"), ElementsAre("10.0.0.1 0"));
  EXPECT_THAT(hops("10.5.0.0/16"), ElementsAre("10.0.0.1 0", "10.1.0.1 1")) << "its group is not used for others";
  // Groups are counted as before: those that get free are used again, the others are not.
  for (int i = 0; i < 3 * MAX_GROUPS; i++) {
    table_.add(net("10.9.0.0/16"), ip(i % 2 == 0 ? "10.0.0.9" : "10.1.0.9"), {});
    table_.remove(net("10.9.0.0/16"), ip(i % 2 == 0 ? "10.1.0.9" : "10.0.0.9"));
    update();
  }
  EXPECT_THAT(hops("10.5.0.0/16"), ElementsAre("10.0.0.1 0", "10.1.0.1 1"));
  EXPECT_THAT(hops("fd07::/64"), ElementsAre("fd00::7 0"));
}

TEST_F(ResumedTableTest, WhatThePortsDoNotHaveAnyMoreGoes) {
  restart();
  table_.set_ports({{"p0", port(0, {"10.0.0.253/24"})}});
  update();
  EXPECT_EQ(kind("10.0.0.253/32"), ROUTE_OWN);
  EXPECT_EQ(kind("10.0.0.254/32"), -1);
  EXPECT_FALSE(last_.entries.contains(net("10.0.0.0/24")));
  EXPECT_EQ(kind("10.1.0.0/24"), -1);
  EXPECT_EQ(kind("10.5.0.0/16"), -1);
  EXPECT_EQ(kind("fd07::/64"), -1);
}

TEST_F(ResumedTableTest, ARouteToAGroupThatIsNotThereGoes) {
  entries_[net("10.8.0.0/16")].group = 4000;
  entries_[net("10.10.0.0/16")] = {ROUTE_GATEWAY, 0, 4001};
  restart();
  add_all();
  update();
  EXPECT_THAT(hops("10.8.0.0/16"), ElementsAre("10.0.0.8 0"));
  EXPECT_EQ(kind("10.10.0.0/16"), -1);
}

TEST_F(ResumedTableTest, GroupsThatNobodyUsedAreThereForOthers) {
  groups_[MAX_GROUPS - 1] = groups_.at(entries_.at(net("10.8.0.0/16")).group);
  entries_[net("10.8.0.0/16")].group = MAX_GROUPS - 1;
  restart();
  add_all();
  update();
  EXPECT_THAT(last_.entries, IsEmpty());
  add("10.20.0.0/16", "10.0.0.20");
  EXPECT_THAT(hops("10.20.0.0/16"), ElementsAre("10.0.0.20 0"));
  EXPECT_THAT(hops("10.8.0.0/16"), ElementsAre("10.0.0.8 0"));
}

TEST_F(ResumedTableTest, TwoGroupsThatAreTheSameMayGo) {
  groups_[7] = groups_.at(entries_.at(net("10.5.0.0/16")).group);
  entries_[net("10.7.0.0/16")].group = 7;
  restart();
  update();
  EXPECT_EQ(kind("10.5.0.0/16"), -1);
  EXPECT_EQ(kind("10.7.0.0/16"), -1);
  add("10.5.0.0/16", "10.0.0.1");
  EXPECT_THAT(hops("10.5.0.0/16"), ElementsAre("10.0.0.1 0"));
}

TEST_F(ResumedTableTest, TwoGroupsMayBeTheSame) {
  groups_[7] = groups_.at(entries_.at(net("10.5.0.0/16")).group);
  entries_[net("10.7.0.0/16")].group = 7;
  restart();
  add_all();
  update();
  EXPECT_THAT(hops("10.7.0.0/16"), ElementsAre("10.0.0.1 0", "10.1.0.1 1"));
  remove("10.7.0.0/16", "10.1.0.1");
  remove("10.5.0.0/16", "10.0.0.1");
  EXPECT_THAT(hops("10.5.0.0/16"), ElementsAre("10.1.0.1 1"));
  EXPECT_THAT(hops("10.7.0.0/16"), ElementsAre("10.0.0.1 0"));
}

}  // namespace
}  // namespace polycube::router
