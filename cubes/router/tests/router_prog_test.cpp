// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <set>

#include "abi/router.h"
#include "control/address.h"
#include "harness/data_path.h"
#include "harness/must.h"

namespace polycube::harness {
namespace {

using router::Address;
using router::Prefix;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr const char* station = "02:00:00:00:00:01";
constexpr const char* next_hop_a = "02:00:00:00:00:0a";
constexpr const char* next_hop_b = "02:00:00:00:00:0b";
constexpr const char* mac0 = "02:00:00:00:01:00";  // of the router's ports
constexpr const char* mac1 = "02:00:00:00:01:01";
constexpr const char* mac2 = "02:00:00:00:01:02";

class RouterTest : public testing::TestWithParam<Hook> {
 protected:
  // p0 10.0.0.254/24 and fd00::fe/64, p1 10.1.0.254/24 and fd01::fe/64, p2 with an MTU of 1280.
  void SetUp() override {
    DataPath::Ports ports;
    for (int i = 0; i < 3; i++) {
      path_.add_device("d" + std::to_string(i));
      ports.emplace_back("p" + std::to_string(i), "d" + std::to_string(i));
    }
    path_.add_cube("r", service("router"), GetParam(), ports);
    must(path_.apply());
    add_interface(0, mac0, 1500);
    add_interface(1, mac1, 1500);
    add_interface(2, mac2, 1280);
    for (std::uint16_t i = 0; i < 3; i++) {
      add_route(fmt::format("10.{}.0.0/24", i), {ROUTE_CONNECTED, i, 0});
      add_route(fmt::format("10.{}.0.254/32", i), {ROUTE_OWN, i, 0});
      add_route(fmt::format("10.{}.0.255/32", i), {ROUTE_BROADCAST, i, 0});
      add_route(fmt::format("fd0{}::/64", i), {ROUTE_CONNECTED, i, 0});
      add_route(fmt::format("fd0{}::fe/128", i), {ROUTE_OWN, i, 0});
    }
    add_neighbour("10.0.0.1", 0, station);
    add_neighbour("fd00::1", 0, station);
    add_neighbour("10.1.0.10", 1, next_hop_a);
    add_neighbour("fd01::10", 1, next_hop_a);
    add_neighbour("10.2.0.11", 2, next_hop_b);
    add_neighbour("fd02::11", 2, next_hop_b);
  }

  void add_interface(std::uint32_t port, const std::string& mac, std::uint16_t mtu) {
    struct interface value{};
    const auto parsed = router::parse_mac(mac).value();
    std::copy(parsed.begin(), parsed.end(), value.mac);
    value.mtu = mtu;
    const auto address = router::link_local_of(parsed);
    std::copy(address.bytes.begin(), address.bytes.end(), value.link_local);
    path_.set_element("r", "interfaces", port, value);
  }
  void add_route(const std::string& network, const ::route& value) {
    const Prefix prefix = Prefix::parse(network).value();
    if (prefix.address.is_ipv4()) {
      prefix4 key{.length = prefix.length - 96u, .address = {}};
      std::copy_n(prefix.address.bytes.begin() + 12, 4, key.address);
      path_.set_element("r", "routes4", key, value);
    } else {
      prefix6 key{.length = prefix.length, .address = {}};
      std::copy_n(prefix.address.bytes.begin(), 16, key.address);
      path_.set_element("r", "routes6", key, value);
    }
  }
  static hop hop_of(const std::string& address, std::uint32_t port) {
    hop value{.address = {}, .port = port};
    std::copy_n(Address::parse(address).value().bytes.begin(), 16, value.address);
    return value;
  }
  void add_neighbour(const std::string& address, std::uint32_t port, const std::string& mac) {
    neighbour value{};
    const auto parsed = router::parse_mac(mac).value();
    std::copy(parsed.begin(), parsed.end(), value.mac);
    path_.set_element("r", "neighbours", hop_of(address, port), value);
  }
  void add_group(std::uint32_t number, const std::vector<hop>& hops) {
    group value{};
    for (const hop& one : hops) value.hops[value.count++] = one;
    path_.set_element("r", "groups", number, value);
  }

  Outcome send(const Packet& packet, const std::string& port = "p0") { return path_.send("r", port, build(packet)); }
  static Ethernet to_router() { return {.source = station, .destination = mac0}; }
  static Ethernet from_router(const std::string& mac, const std::string& to) {
    return {.source = mac, .destination = to};
  }
  static Packet udp4(const Ethernet& ethernet, const Ipv4& ip) { return ethernet / ip / Udp{} / Payload("hello"); }
  static Packet udp6(const Ethernet& ethernet, const Ipv6& ip) { return ethernet / ip / Udp{} / Payload("hello"); }

  static void expect_sent(const Outcome& outcome, const std::string& port, const Packet& packet) {
    EXPECT_THAT(outcome.left_by, ElementsAre(port));
    EXPECT_TRUE(same_packet(build(packet), outcome.packet));
  }
  static void expect_dropped(const Outcome& outcome, const std::string& why, const std::string& what = "") {
    EXPECT_EQ(outcome.verdict, Verdict::drop) << what;
    EXPECT_THAT(outcome.left_by, IsEmpty()) << what;
    EXPECT_THAT(outcome.drops, ElementsAre(Pair(why, 1))) << what;
  }
  // What is in the ring of the slow path: reason and metadata.
  using Shown = std::pair<int, std::array<std::uint32_t, 3>>;
  Shown shown() {
    std::promise<Shown> arrived;
    const auto subscription = must(path_.engine().subscribe("r", [&, done = false](const engine::PacketIn& in) mutable {
      if (!std::exchange(done, true)) arrived.set_value({in.reason, {in.metadata[0], in.metadata[1], in.metadata[2]}});
    }));
    auto future = arrived.get_future();
    if (future.wait_for(std::chrono::seconds(20)) != std::future_status::ready)
      throw std::runtime_error("nothing came to the slow path");
    return future.get();
  }
  void expect_shown(const Outcome& outcome, int reason, std::array<std::uint32_t, 3> metadata = {}) {
    EXPECT_THAT(outcome.left_by, IsEmpty());
    ASSERT_THAT(outcome.drops, IsEmpty());
    EXPECT_EQ(shown(), Shown(reason, metadata));
  }

  DataPath path_;
};

TEST_P(RouterTest, ForwardsToANeighbour) {
  expect_sent(send(udp4(to_router(), {.destination = "10.1.0.10", .ttl = 64})), "p1",
              udp4(from_router(mac1, next_hop_a), {.destination = "10.1.0.10", .ttl = 63}));
  expect_sent(send(udp6(to_router(), {.destination = "fd01::10", .hop_limit = 64})), "p1",
              udp6(from_router(mac1, next_hop_a), {.destination = "fd01::10", .hop_limit = 63}));
  const auto used = path_.element<neighbour>("r", "neighbours", hop_of("10.1.0.10", 1));
  EXPECT_EQ(used->used, 1);
}

TEST_P(RouterTest, ForwardsEveryTtlWithARightChecksum) {
  for (int ttl = 2; ttl < 256; ttl += 11)
    for (std::uint16_t id : {0, 0x1234, 0xffff}) {
      const auto value = static_cast<std::uint8_t>(ttl);
      expect_sent(send(udp4(to_router(), {.destination = "10.1.0.10", .ttl = value, .id = id})), "p1",
                  udp4(from_router(mac1, next_hop_a),
                       {.destination = "10.1.0.10", .ttl = static_cast<std::uint8_t>(ttl - 1), .id = id}));
    }
}

TEST_P(RouterTest, TheChecksumWrapsAround) {
  // The identification that makes the checksum 0xfeff, to which the lower TTL adds 0x0100, and those next to it.
  const Bytes first = build(udp4(to_router(), {.destination = "10.1.0.10", .ttl = 2}));
  const unsigned sum = (std::to_integer<unsigned>(first[24]) << 8 | std::to_integer<unsigned>(first[25])) + 0x0100;
  for (const unsigned add : {0xffffu, 0u, 1u}) {
    const auto number = static_cast<std::uint16_t>(sum + (sum >> 16) + add);
    const Outcome outcome = send(udp4(to_router(), {.destination = "10.1.0.10", .ttl = 2, .id = number}));
    EXPECT_TRUE(
        same_packet(build(udp4(from_router(mac1, next_hop_a), {.destination = "10.1.0.10", .ttl = 1, .id = number})),
                    outcome.packet));
  }
}

TEST_P(RouterTest, TheLongestPrefixWins) {
  add_group(0, {hop_of("10.1.0.10", 1)});
  add_group(1, {hop_of("10.2.0.11", 2)});
  add_group(2, {hop_of("fd01::10", 1)});
  add_group(3, {hop_of("fd02::11", 2)});
  add_route("0.0.0.0/0", {ROUTE_GATEWAY, 0, 0});
  add_route("20.5.0.0/16", {ROUTE_GATEWAY, 0, 1});
  add_route("20.5.6.0/24", {ROUTE_GATEWAY, 0, 0});
  add_route("::/0", {ROUTE_GATEWAY, 0, 2});
  add_route("2001:db8::/32", {ROUTE_GATEWAY, 0, 3});
  for (const auto& [to, port] : std::vector<std::pair<std::string, std::string>>{
           {"20.4.255.255", "p1"}, {"20.5.0.1", "p2"}, {"20.5.6.1", "p1"}, {"20.5.7.1", "p2"}, {"8.8.8.8", "p1"}})
    EXPECT_THAT(send(udp4(to_router(), {.destination = to})).left_by, ElementsAre(port)) << to;
  EXPECT_THAT(send(udp6(to_router(), {.destination = "2001:db8::5"})).left_by, ElementsAre("p2"));
  EXPECT_THAT(send(udp6(to_router(), {.destination = "2001:db9::5"})).left_by, ElementsAre("p1"));
}

TEST_P(RouterTest, FlowsAreSpreadOverNextHopsOfEqualCost) {
  add_group(0, {hop_of("10.1.0.10", 1), hop_of("10.2.0.11", 2)});
  add_group(1, {hop_of("fd01::10", 1), hop_of("fd02::11", 2)});
  add_route("0.0.0.0/0", {ROUTE_GATEWAY, 0, 0});
  add_route("::/0", {ROUTE_GATEWAY, 0, 1});
  int first[2] = {};
  for (std::uint16_t port = 1; port <= 200; port++) {
    const Packet four = to_router() / Ipv4{.destination = "8.8.8.8"} / Udp{.source_port = port};
    const Packet six = to_router() / Ipv6{.destination = "2001::8"} / Tcp{.source_port = port};
    const auto way = send(four).left_by;
    EXPECT_EQ(send(four).left_by, way) << "a flow keeps its way";
    first[0] += way == std::vector<std::string>{"p1"};
    first[1] += send(six).left_by == std::vector<std::string>{"p1"};
  }
  for (const int count : first) {
    EXPECT_GT(count, 70);
    EXPECT_LT(count, 130);
  }
  std::set<std::vector<std::string>> ways;  // fragments of a packet stay together
  for (std::uint16_t offset = 0; offset < 5; offset++)
    ways.insert(send(to_router() / Ipv4{.destination = "8.8.8.8", .more_fragments = true, .fragment_offset = offset} /
                     Udp{.source_port = offset} / Payload(100))
                    .left_by);
  EXPECT_EQ(ways.size(), 1u);
}

TEST_P(RouterTest, AnswersArpForItsOwnAddressOfThePort) {
  const Ethernet everybody{.source = station, .destination = "ff:ff:ff:ff:ff:ff"};
  const Arp request{.sender_mac = station, .sender_ip = "10.0.0.1", .target_ip = "10.0.0.254"};
  expect_sent(send(everybody / request), "p0",
              from_router(mac0, station) / Arp{.operation = 2,
                                               .sender_mac = mac0,
                                               .sender_ip = "10.0.0.254",
                                               .target_mac = station,
                                               .target_ip = "10.0.0.1"});
  Arp other = request;
  other.target_ip = "10.1.0.254";
  expect_dropped(send(everybody / other), "not-asked", "the address is another port's");
  other.target_ip = "10.0.0.7";
  expect_dropped(send(everybody / other), "not-asked");
}

TEST_P(RouterTest, ShowsWhatIsNewAboutNeighboursToTheSlowPath) {
  const Ethernet everybody{.source = station, .destination = "ff:ff:ff:ff:ff:ff"};
  const Outcome known = send(everybody / Arp{.sender_ip = "10.0.0.9", .target_ip = "10.0.0.254"});
  EXPECT_THAT(known.left_by, ElementsAre("p0")) << "answered as well";
  EXPECT_EQ(shown().first, REASON_ARP);
  expect_shown(send(to_router() / Arp{.operation = 2, .sender_ip = "10.0.0.9", .target_ip = "10.0.0.254"}), REASON_ARP);
  expect_shown(send(everybody / Arp{.sender_mac = next_hop_a, .sender_ip = "10.0.0.1", .target_ip = "10.0.0.1"}),
               REASON_ARP);
  expect_dropped(send(everybody / Arp{.operation = 3}), "unsupported");
  expect_dropped(send(everybody / Arp{.sender_mac = "01:00:00:00:00:01", .target_ip = "10.0.0.254"}), "malformed");
}

TEST_P(RouterTest, AnswersEchoRequestsToAllItsAddresses) {
  for (const char* own : {"10.0.0.254", "10.1.0.254"})
    for (const std::uint8_t ttl : {1, 7, 255})
      expect_sent(send(to_router() / Ipv4{.destination = own, .ttl = ttl} / Icmp{.rest = 0x12345678} / Payload("ping")),
                  "p0",
                  from_router(mac0, station) / Ipv4{.source = own, .destination = "10.0.0.1"} /
                      Icmp{.type = 0, .rest = 0x12345678} / Payload("ping"));
  for (const std::string& own : {std::string("fd00::fe"), std::string("fd01::fe"),
                                 router::link_local_of(router::parse_mac(mac0).value()).text()})
    expect_sent(
        send(to_router() / Ipv6{.destination = own, .hop_limit = 1} / Icmpv6{.rest = 0x12345678} / Payload("ping")),
        "p0",
        from_router(mac0, station) / Ipv6{.source = own, .destination = "fd00::1"} /
            Icmpv6{.type = 129, .rest = 0x12345678} / Payload("ping"));
}

TEST_P(RouterTest, ServesNothingElseItself) {
  expect_shown(send(udp4(to_router(), {.destination = "10.0.0.254"})), REASON_LOCAL);
  expect_shown(send(to_router() / Ipv6{.destination = "fd01::fe"} / Tcp{}), REASON_LOCAL);
  expect_dropped(send(to_router() / Ipv4{.destination = "10.0.0.254"} / Icmp{.type = 13}), "unsupported");
  expect_dropped(send(to_router() / Ipv4{.destination = "10.0.0.254", .more_fragments = true} / Icmp{}), "fragment");
  expect_dropped(send(to_router() / Ipv6{.destination = "fd00::fe"} / Icmpv6{.type = 1}), "unsupported");
  expect_dropped(send(to_router() / Ipv6{.destination = "fd00::fe"} / Icmpv6{.code = 1}), "unsupported");
}

TEST_P(RouterTest, WhatItCannotForwardIsExplained) {
  expect_shown(send(udp4(to_router(), {.destination = "8.8.8.8"})), REASON_NO_ROUTE);
  expect_shown(send(udp6(to_router(), {.destination = "2001::8"})), REASON_NO_ROUTE);
  for (const std::uint8_t ttl : {0, 1}) {
    expect_shown(send(udp4(to_router(), {.destination = "10.1.0.10", .ttl = ttl})), REASON_EXPIRED);
    expect_shown(send(udp6(to_router(), {.destination = "fd01::10", .hop_limit = ttl})), REASON_EXPIRED);
  }
  expect_shown(send(udp4(to_router(), {.destination = "10.1.0.77"})), REASON_UNRESOLVED, {1, NO_GROUP, 0});
  add_group(5, {hop_of("fd02::99", 2)});
  add_route("2001::/16", {ROUTE_GATEWAY, 0, 5});
  expect_shown(send(udp6(to_router(), {.destination = "2001::8"})), REASON_UNRESOLVED, {2, 5, 0});
}

TEST_P(RouterTest, ThePacketMustFitTheLink) {
  const auto packet4 = [](std::size_t size, bool dont_fragment, const std::string& to = "10.2.0.11") {
    return to_router() / Ipv4{.destination = to, .dont_fragment = dont_fragment} / Udp{} / Payload(size - 28);
  };
  const auto packet6 = [](std::size_t size) {
    return to_router() / Ipv6{.destination = "fd02::11"} / Udp{} / Payload(size - 48);
  };
  EXPECT_THAT(send(packet4(1280, true)).left_by, ElementsAre("p2"));
  EXPECT_THAT(send(packet6(1280)).left_by, ElementsAre("p2"));
  EXPECT_THAT(send(packet4(1500, true, "10.1.0.10")).left_by, ElementsAre("p1"));
  expect_shown(send(packet4(1281, true)), REASON_TOO_BIG, {1280, 0, 0});
  expect_shown(send(packet6(1281)), REASON_TOO_BIG, {1280, 0, 0});
  expect_shown(send(packet4(1281, false)), REASON_FRAGMENT, {1280, 0, 0});
}

TEST_P(RouterTest, PaddingIsNoPartOfThePacket) {
  Bytes frame = build(to_router() / Ipv4{.destination = "10.2.0.11"} / Udp{} / Payload("x"));
  frame.resize(1400);
  EXPECT_THAT(path_.send("r", "p0", frame).left_by, ElementsAre("p2"));
}

TEST_P(RouterTest, MartiansAreDropped) {
  add_group(0, {hop_of("10.1.0.10", 1)});
  add_group(1, {hop_of("fd01::10", 1)});
  add_route("0.0.0.0/0", {ROUTE_GATEWAY, 0, 0});
  add_route("::/0", {ROUTE_GATEWAY, 0, 1});
  for (const char* source :
       {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"})
    expect_dropped(send(udp4(to_router(), {.source = source, .destination = "8.8.8.8"})), "martian", source);
  for (const char* to : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"})
    expect_dropped(send(udp4(to_router(), {.destination = to})), "martian", to);
  expect_dropped(send(udp4(to_router(), {.destination = "10.1.0.255"})), "broadcast");
  for (const char* source : {"::", "::1", "ff02::1"})
    expect_dropped(send(udp6(to_router(), {.source = source, .destination = "2001::1"})), "martian", source);
  expect_dropped(send(udp6(to_router(), {.source = "fe80::1", .destination = "2001::1"})), "link-local");
  for (const char* to : {"::", "::1"}) expect_dropped(send(udp6(to_router(), {.destination = to})), "martian", to);
  for (const char* to : {"ff02::1", "ff0e::1"})
    expect_dropped(send(udp6(to_router(), {.destination = to})), "unsupported", to);
  expect_dropped(send(udp6(to_router(), {.destination = "fe80::5"})), "link-local");
  EXPECT_THAT(send(udp4(to_router(), {.source = "1.2.3.4", .destination = "223.1.1.1"})).left_by, ElementsAre("p1"));
}

TEST_P(RouterTest, FramesThatAreNotForItAreDropped) {
  expect_dropped(send(udp4({.destination = "02:00:00:00:00:77"}, {.destination = "10.1.0.10"})), "other-mac");
  expect_dropped(send(udp4({.destination = mac1}, {.destination = "10.1.0.10"})), "other-mac",
                 "the address is another port's");
  expect_dropped(send(udp4({.destination = "ff:ff:ff:ff:ff:ff"}, {.destination = "10.1.0.10"})), "broadcast");
  expect_dropped(send(udp6({.destination = "33:33:00:00:00:01"}, {.destination = "fd01::10"})), "broadcast");
  expect_dropped(send(to_router() / Vlan{.id = 5} / Ipv4{.destination = "10.1.0.10"} / Udp{}), "vlan");
  expect_dropped(send(Packet{Ethernet{.destination = mac0, .type = 0x88b6}, Payload("hello")}), "unsupported");
}

TEST_P(RouterTest, MalformedPacketsAreDropped) {
  for (const Ipv4& ip :
       {Ipv4{.destination = "10.1.0.10", .version = 5}, Ipv4{.destination = "10.1.0.10", .header_words = 4},
        Ipv4{.destination = "10.1.0.10", .total_length = 2000}, Ipv4{.destination = "10.1.0.10", .total_length = 19},
        Ipv4{.destination = "10.1.0.10", .checksum = 0}, Ipv4{.destination = "10.0.0.254", .checksum = 1}})
    expect_dropped(send(to_router() / ip / Icmp{} / Payload("hello")), "malformed");
  for (const Ipv6& ip :
       {Ipv6{.destination = "fd01::10", .version = 4}, Ipv6{.destination = "fd01::10", .payload_length = 500}})
    expect_dropped(send(to_router() / ip / Udp{} / Payload("hello")), "malformed");
}

TEST_P(RouterTest, OptionsAndExtensionHeadersPassThrough) {
  for (std::size_t size : {4, 20, 40}) {
    const Bytes options(size, std::byte{1});
    expect_sent(send(udp4(to_router(), {.destination = "10.1.0.10", .options = options})), "p1",
                udp4(from_router(mac1, next_hop_a), {.destination = "10.1.0.10", .ttl = 63, .options = options}));
  }
  Bytes frame = build(udp4(to_router(), {.destination = "10.1.0.10", .options = Bytes(8, std::byte{1})}));
  frame[14 + 25] = std::byte{7};
  expect_dropped(path_.send("r", "p0", frame), "malformed", "the checksum covers the options");
  EXPECT_THAT(send(to_router() / Ipv6{.destination = "fd01::10"} / Ipv6Extension{} / Ipv6Fragment{} / Udp{}).left_by,
              ElementsAre("p1"));
}

// A solicitation as hosts send it: 24 bytes and the option with their MAC address.
Packet solicitation(const Ethernet& ethernet, Ipv6 ip, const std::string& target, const std::string& mac,
                    std::uint8_t type = 135, std::uint32_t flags = 0, std::uint8_t option = 1) {
  Bytes rest;
  const auto wanted = Address::parse(target).value();
  for (const auto byte : wanted.bytes) rest.push_back(std::byte{byte});
  rest.push_back(std::byte{option});
  rest.push_back(std::byte{1});
  const Bytes address = mac_bytes(mac);
  rest.insert(rest.end(), address.begin(), address.end());
  ip.hop_limit = ip.hop_limit == 64 ? 255 : ip.hop_limit;
  return ethernet / ip / Icmpv6{.type = type, .rest = flags} / Payload(rest);
}

TEST_P(RouterTest, AnswersNeighbourSolicitations) {
  const Ethernet group{.source = station, .destination = "33:33:ff:00:00:fe"};
  for (const std::string& own :
       {std::string("fd00::fe"), router::link_local_of(router::parse_mac(mac0).value()).text()}) {
    expect_sent(send(solicitation(group, {.destination = "ff02::1:ff00:fe"}, own, station)), "p0",
                solicitation(from_router(mac0, station), {.source = own, .destination = "fd00::1"}, own, mac0, 136,
                             0xe0000000, 2));
  }
  EXPECT_THAT(
      send(solicitation(group, {.source = "fd00::9", .destination = "ff02::1:ff00:fe"}, "fd00::fe", station)).left_by,
      ElementsAre("p0"));
  EXPECT_EQ(shown(), Shown(REASON_ND, {ND_ANSWERED, 0, 0})) << "its sender is new";
  expect_dropped(send(solicitation(group, {.destination = "ff02::1:ff00:fe"}, "fd01::fe", station)), "not-asked",
                 "another port's");
  expect_dropped(send(solicitation(group, {.destination = "ff02::1:ff00:fe", .hop_limit = 254}, "fd00::fe", station)),
                 "unsupported", "from afar");
  Bytes wrong = build(solicitation(group, {.destination = "ff02::1:ff00:fe"}, "fd00::fe", station));
  wrong.back() ^= std::byte{1};
  expect_dropped(path_.send("r", "p0", wrong), "malformed", "the checksum");
  expect_shown(send(solicitation(to_router(), {.destination = "fd00::fe"}, "fd00::1", station, 136)), REASON_ND);
}

INSTANTIATE_TEST_SUITE_P(Hooks, RouterTest, testing::Values(Hook::tc, Hook::xdp_skb), hook_name);

}  // namespace
}  // namespace polycube::harness
