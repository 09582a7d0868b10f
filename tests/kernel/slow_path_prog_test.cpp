// SPDX-License-Identifier: Apache-2.0
// Real frames from the fast path to a handler in user space and back out of the cube's ports.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

#include "harness/data_path.h"
#include "harness/must.h"
#include "harness/probe/abi/probe.h"

namespace polycube::harness {
namespace {

using engine::Outlet;
using engine::PacketIn;
using engine::Send;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr std::chrono::seconds long_enough{20};  // only a broken run waits for it

// What handlers were given, for the test's thread.
class Mailbox {
 public:
  struct Letter {
    PacketIn head;
    Bytes packet;
  };
  void put(const PacketIn& in) {
    const std::lock_guard lock(mutex_);
    letters_.push_back({in, Bytes(in.packet.begin(), in.packet.end())});
    arrived_.notify_all();
  }
  Letter take() {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, long_enough, [&] { return !letters_.empty(); }))
      throw std::runtime_error("nothing came to the slow path");
    Letter letter = std::move(letters_.front());
    letters_.pop_front();
    return letter;
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return letters_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Letter> letters_;
};

// A frame that says whose it is and which one, and has another length than those before and after it.
Bytes numbered(std::uint8_t sender, std::uint32_t number) {
  Bytes frame(64 + number % 97);
  std::fill_n(frame.begin(), 12, std::byte{2});
  frame[12] = std::byte{0x88};
  frame[13] = std::byte{0xb6};
  frame[14] = std::byte{sender};
  std::memcpy(frame.data() + 15, &number, sizeof(number));
  return frame;
}

class SlowPathTest : public testing::TestWithParam<Hook> {
 protected:
  Hook hook() const { return GetParam(); }

  void add_device(const std::string& name) {
    path_.add_device(name);
    sockets_.emplace(name, FrameSocket(DataPath::far_end(name)));
  }
  const FrameSocket& at(const std::string& device) { return sockets_.at(device); }
  void rule(const std::string& cube, const std::string& port, const std::string& action,
            const std::string& outport = "0", const std::string& traffic_class = "0") {
    path_.write(cube, "rules",
                {{"inport", port}, {"action", action}, {"outport", outport}, {"traffic_class", traffic_class}});
  }

  // d1 - a, d2 - b; all goes to the slow path.
  void two_cubes() {
    add_device("d1");
    add_device("d2");
    path_.add_cube("a", slow_prober(), hook(), {{"p1", "d1"}});
    path_.add_cube("b", slow_prober(), hook(), {{"p1", "d2"}});
    rule("a", "p1", "slow-path");
    rule("b", "p1", "slow-path");
    must(path_.apply());
  }

  static Bytes udp(const std::string& text) { return build(Ethernet{} / Ipv4{} / Udp{} / Payload(text)); }
  static std::vector<Bytes> some_frames() {
    return {build(Ethernet{.destination = "ff:ff:ff:ff:ff:ff"} / Arp{}), udp("short"),
            build(Ethernet{} / Vlan{.id = 5} / Ipv4{} / Udp{} / Payload("tagged")),
            build(Ethernet{} / Ipv6{} / Tcp{} / Payload(std::size_t{200}, 0x33)),
            build(Ethernet{} / Ipv6{} / Tcp{} / Payload(std::size_t{1440}, 0x5a))};
  }

  DataPath path_;
  std::map<std::string, FrameSocket> sockets_;
};

TEST_P(SlowPathTest, PacketsComeWholeWithWhatIsKnownAboutThem) {
  add_device("d1");
  add_device("d2");
  path_.add_cube("a", slow_prober(), hook(), {{"p1", "d1"}, {"p2", "d2"}});
  rule("a", "p1", "slow-path", "40");
  rule("a", "p2", "slow-path", "41", "9");
  must(path_.apply());
  Mailbox mailbox;
  const auto subscription = must(path_.engine().subscribe("a", [&](const PacketIn& in) { mailbox.put(in); }));
  std::uint32_t number = 0;
  for (const Bytes& frame : some_frames()) {
    for (const auto& [device, outport, traffic_class] : {std::tuple("d1", 40u, 0u), std::tuple("d2", 41u, 9u)}) {
      at(device).send(frame);
      const Mailbox::Letter letter = mailbox.take();
      EXPECT_TRUE(same_packet(frame, letter.packet)) << device;
      EXPECT_EQ(letter.head.packet_length, frame.size());
      EXPECT_EQ(letter.head.port, device == std::string("d1") ? 0 : 1);
      EXPECT_EQ(letter.head.reason, PROBE_REASON);
      EXPECT_EQ(letter.head.traffic_class, traffic_class);
      EXPECT_EQ(letter.head.metadata[0], ++number);
      EXPECT_EQ(letter.head.metadata[2], outport);
    }
  }
  EXPECT_EQ(path_.statistics("a", "p1").in_packets, 5u);
  EXPECT_EQ(path_.statistics("a", "p1").out_packets, 0u);
  EXPECT_THAT(path_.statistics("a").drops, IsEmpty());
}

// What leaves by a port of a cube with ports, forwarded or sent by the host, and goes on from the slow path.
TEST_P(SlowPathTest, PacketsComeFromTheWayOut) {
  add_device("d1");
  add_device("d2");
  path_.add_cube("a", slow_prober(), hook(), {{"p1", "d1"}, {"p2", "d2"}});
  rule("a", "p1", "forward", "1", "6");
  must(path_.apply());
  constexpr ::rule to_slow_path{.action = PROBE_SLOW_PATH, .outport = 42, .traffic_class = 0};
  const std::uint32_t p2 = 1;
  must(must(path_.cube("a").map("outs"))
           .set(std::as_bytes(std::span(&p2, 1)), std::as_bytes(std::span(&to_slow_path, 1)), 1));
  Mailbox mailbox;
  const auto subscription = must(path_.engine().subscribe("a", [&](const PacketIn& in) { mailbox.put(in); }));
  const Outlet outlet = must(path_.engine().outlet("a"));
  FrameSocket host("d2");
  for (const Bytes& frame : some_frames()) {
    for (const bool forwarded : {true, false}) {
      if (forwarded)
        at("d1").send(frame);
      else
        EXPECT_ANY_THROW(host.send(frame)) << "the kernel tells the sender that it did not leave";
      const Mailbox::Letter letter = mailbox.take();
      EXPECT_TRUE(same_packet(frame, letter.packet)) << forwarded;
      EXPECT_EQ(letter.head.port, 1) << forwarded;
      EXPECT_EQ(letter.head.direction, topology::Direction::egress);
      EXPECT_EQ(letter.head.reason, PROBE_REASON);
      EXPECT_EQ(letter.head.traffic_class, forwarded ? 6u : 0u);
      EXPECT_EQ(letter.head.metadata[2], to_slow_path.outport);
      must(outlet.send(letter.head.port, Send::onward, letter.packet));
      EXPECT_TRUE(same_packet(frame, at("d2").receive())) << forwarded;
    }
  }
  EXPECT_EQ(mailbox.size(), 0u);
  EXPECT_THAT(path_.statistics("a").drops, IsEmpty());
}

// Longer than any frame of Ethernet, as segments are that a device puts together.
TEST_P(SlowPathTest, LongPacketsComeWholeOrCut) {
  path_.add_cube("a", slow_prober(), hook(), {{"p1", ""}});
  rule("a", "p1", "slow-path");
  must(path_.apply());
  Mailbox mailbox;
  const auto subscription = must(path_.engine().subscribe("a", [&](const PacketIn& in) { mailbox.put(in); }));
  const Outlet outlet = must(path_.engine().outlet("a"));
  constexpr std::size_t longest = PCN_RECORD_LARGEST;
  std::vector<std::size_t> lengths{2000, 2048, 2049, 9000, 16000};
  // The injector of TC takes bytes off the end, which the kernel does with no more than that.
  if (hook() != Hook::tc) lengths.insert(lengths.end(), {PCN_RECORD_JUMBO, PCN_RECORD_JUMBO + 1, longest, longest + 1});
  for (const std::size_t length : lengths) {
    SCOPED_TRACE(length);
    Bytes frame = numbered(1, 7);
    for (std::size_t i = frame.size(); i < length; i++) frame.push_back(static_cast<std::byte>(i % 251));
    must(outlet.send(0, Send::in, frame));
    const Mailbox::Letter letter = mailbox.take();
    EXPECT_EQ(letter.head.packet_length, length);
    EXPECT_EQ(letter.head.metadata[1], length);
    frame.resize(std::min(length, longest));
    EXPECT_TRUE(same_packet(frame, letter.packet));
  }
  EXPECT_THAT(path_.statistics("a").drops, IsEmpty());
}

TEST_P(SlowPathTest, WhatCameBeforeAnybodyListenedIsDelivered) {
  add_device("d1");
  path_.add_cube("a", slow_prober(), hook(), {{"p1", "d1"}});
  rule("a", "p1", "slow-path");
  must(path_.apply());
  at("d1").send(udp("early"));
  Mailbox mailbox;
  const auto subscription = must(path_.engine().subscribe("a", [&](const PacketIn& in) { mailbox.put(in); }));
  EXPECT_TRUE(same_packet(udp("early"), mailbox.take().packet));
}

TEST_P(SlowPathTest, PacketsGoOutOfPorts) {
  for (const char* device : {"d1", "d2", "d3"}) add_device(device);
  path_.add_cube("a", slow_prober(), hook(), {{"p1", "d1"}, {"p2", "d2"}, {"p3", ""}, {"p4", ""}});
  path_.add_cube("b", probe(), hook(), {{"q1", ""}, {"q2", "d3"}});
  path_.join("a", "p3", "b", "q1");
  rule("b", "q1", "forward", "1");
  must(path_.apply());
  const Outlet outlet = must(path_.engine().outlet("a"));
  for (const Bytes& frame : some_frames()) {
    must(outlet.send(0, Send::onward, frame));
    EXPECT_TRUE(same_packet(frame, at("d1").receive()));
    must(outlet.send(2, Send::onward, frame, 23));
    EXPECT_TRUE(same_packet(frame, at("d3").receive()));
  }
  EXPECT_EQ(path_.element<seen>("b", "seen", std::uint32_t{0})->traffic_class, 23u);
  EXPECT_EQ(path_.statistics("a", "p1").out_packets, 5u);
  EXPECT_EQ(path_.statistics("a", "p3").out_packets, 5u);
  EXPECT_EQ(path_.statistics("b", "q1").in_packets, 5u);
  EXPECT_THAT(at("d2").pending(), IsEmpty());

  must(outlet.send(3, Send::onward, udp("to nowhere")));
  must(outlet.send(77, Send::onward, udp("to no port")));
  must(outlet.send(0, Send::onward, udp("fence")));
  EXPECT_TRUE(same_packet(udp("fence"), at("d1").receive()));
  EXPECT_THAT(path_.statistics("a").drops, ElementsAre(Pair("no-such-port", 1u), Pair("port-unwired", 1u)));
}

TEST_P(SlowPathTest, PacketsGoInAsIfReceived) {
  add_device("d1");
  add_device("d2");
  path_.add_cube("a", slow_prober(), hook(), {{"p1", "d1"}, {"p2", "d2"}});
  rule("a", "p1", "forward", "1");
  must(path_.apply());
  const Outlet outlet = must(path_.engine().outlet("a"));
  for (const Bytes& frame : some_frames()) {
    must(outlet.send(0, Send::in, frame, 4));
    EXPECT_TRUE(same_packet(frame, at("d2").receive()));
  }
  EXPECT_EQ(path_.statistics("a", "p1").in_packets, 5u);
  EXPECT_EQ(path_.element<seen>("a", "seen", std::uint32_t{0})->traffic_class, 4u);
}

TEST_P(SlowPathTest, BadPacketsAreRefused) {
  path_.add_cube("a", slow_prober(), hook(), {{"p1", ""}});
  must(path_.apply());
  const Outlet outlet = must(path_.engine().outlet("a"));
  EXPECT_EQ(outlet.send(0, Send::onward, Bytes(13)).error().code, ErrorCode::invalid_value);
  EXPECT_EQ(outlet.send(0, Send::onward, Bytes(70000)).error().code, ErrorCode::invalid_value);
}

TEST_P(SlowPathTest, WithoutASlowPathThereIsNone) {
  path_.add_cube("a", probe(), hook(), {{"p1", ""}});
  must(path_.apply());
  EXPECT_EQ(path_.engine().outlet("a").error().code, ErrorCode::data_missing);
  EXPECT_EQ(path_.engine().subscribe("a", [](const PacketIn&) {}).error().code, ErrorCode::data_missing);
}

// A function of a runs elsewhere and does not end: its ring fills, its packets are dropped and counted, and b's come through.
// What is in the ring comes afterwards, in order.
TEST_P(SlowPathTest, ACubeThatStandsStillLosesItsOwnPacketsOnly) {
  two_cubes();
  Mailbox of_a;
  Mailbox of_b;
  std::recursive_mutex turn;
  std::unique_lock stands_still(turn);
  const auto listens_a = must(path_.engine().subscribe(
      "a", [&](const PacketIn& in) { of_a.put(in); }, [&] { return std::unique_lock(turn, std::try_to_lock); }));
  const auto listens_b = must(path_.engine().subscribe("b", [&](const PacketIn& in) { of_b.put(in); }));
  constexpr std::uint32_t sent = 3000;  // a record takes at least 256 bytes of 256 KiB
  for (std::uint32_t i = 0; i < sent; i++) {
    at("d1").send(numbered(1, i));
    if (i % 100 != 0) continue;
    at("d2").send(numbered(2, i));
    EXPECT_TRUE(same_packet(numbered(2, i), of_b.take().packet));
  }
  const std::uint64_t dropped = path_.statistics("a").drops["slow-path-full"];
  EXPECT_GT(dropped, 0u);
  EXPECT_EQ(of_a.size(), 0u);
  stands_still.unlock();
  for (std::uint32_t i = 0; i < sent - dropped; i++) EXPECT_TRUE(same_packet(numbered(1, i), of_a.take().packet));
  EXPECT_EQ(path_.statistics("a", "p1").in_packets, sent);
  EXPECT_THAT(path_.statistics("b").drops, IsEmpty());
}

// a's packets never end, and each takes its time: b's has to wait for no more of them than two rounds have.
TEST_P(SlowPathTest, AFloodOfOneCubeStarvesNoOther) {
  two_cubes();
  Mailbox of_b;
  std::atomic<std::uint64_t> handled = 0;
  const auto listens_a = must(path_.engine().subscribe("a", [&](const PacketIn&) {
    handled++;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }));
  std::uint64_t handled_then = 0;
  const auto listens_b = must(path_.engine().subscribe("b", [&](const PacketIn& in) {
    handled_then = handled;
    of_b.put(in);
  }));
  const auto fill = [&] {  // more than can be handled meanwhile
    const std::uint64_t before = path_.statistics("a").drops["slow-path-full"];
    while (path_.statistics("a").drops["slow-path-full"] == before)
      for (int i = 0; i < 1000; i++) at("d1").send(udp("flood"));
  };
  for (int round = 0; round < 5; round++) {
    fill();
    const std::uint64_t before = handled;
    at("d2").send(udp("single"));
    EXPECT_TRUE(same_packet(udp("single"), of_b.take().packet));
    EXPECT_LE(handled_then - before, 2 * engine::SlowPath::budget);
  }
  EXPECT_THAT(path_.statistics("b").drops, IsEmpty());
}

TEST_P(SlowPathTest, AfterItsEndASubscriptionGetsNothing) {
  add_device("d1");
  path_.add_cube("a", slow_prober(), hook(), {{"p1", "d1"}});
  rule("a", "p1", "slow-path");
  must(path_.apply());
  std::promise<void> entered;
  std::promise<void> leave;
  std::atomic<int> calls = 0;
  std::optional<engine::SlowPath::Subscription> subscription;
  subscription.emplace(must(path_.engine().subscribe("a", [&](const PacketIn&) {
    if (++calls == 1) {
      entered.set_value();
      leave.get_future().wait();
    }
  })));
  for (int i = 0; i < 5; i++) at("d1").send(udp("one"));
  entered.get_future().wait();
  std::future<void> end = std::async(std::launch::async, [&] { subscription.reset(); });
  leave.set_value();
  end.get();  // the handler is not running any more
  const int before = calls;
  Mailbox mailbox;
  at("d1").send(udp("two"));
  const auto next = must(path_.engine().subscribe("a", [&](const PacketIn& in) { mailbox.put(in); }));
  while (!same_packet(udp("two"), mailbox.take().packet)) {
  }
  EXPECT_EQ(calls, before);
}

// A million packets of two cubes, in turn: each comes to the slow path of its cube, with what the fast path knew about it, and
// out of the other one, in order. As many are on their way as rings and sockets hold.
TEST_P(SlowPathTest, NothingIsMixedUp) {
  add_device("d1");
  add_device("d2");
  path_.add_cube("a", slow_prober(), hook(), {{"p1", "d1"}, {"p2", ""}});
  path_.add_cube("b", slow_prober(), hook(), {{"p1", "d2"}, {"p2", ""}});
  path_.join("a", "p2", "b", "p2");
  for (const auto& [cube, known] : {std::pair("a", "1"), std::pair("b", "2")}) {
    rule(cube, "p1", "slow-path", known, known);
    rule(cube, "p2", "forward", "0");
  }
  must(path_.apply());
  struct Side {
    Outlet outlet;
    std::uint8_t sender;
    std::uint32_t seen = 0;
    std::uint32_t wrong = 0;
  };
  Side a{must(path_.engine().outlet("a")), 1};
  Side b{must(path_.engine().outlet("b")), 2};
  const auto pass_on = [](Side& side) {
    return [&side](const PacketIn& in) {
      const Bytes expected = numbered(side.sender, side.seen++);
      const bool right = std::equal(in.packet.begin(), in.packet.end(), expected.begin(), expected.end());
      const bool right_head = in.port == 0 && in.direction == topology::Direction::ingress &&
                              in.reason == PROBE_REASON && in.traffic_class == side.sender &&
                              in.packet_length == expected.size() && in.metadata[1] == expected.size() &&
                              in.metadata[2] == side.sender;
      if (!right || !right_head || !side.outlet.send(1, Send::onward, in.packet)) side.wrong++;
    };
  };
  const auto listens_a = must(path_.engine().subscribe("a", pass_on(a)));
  const auto listens_b = must(path_.engine().subscribe("b", pass_on(b)));
  constexpr std::uint32_t window = 256;
  constexpr std::uint32_t rounds = 1954;  // of twice the window: a million
  std::uint32_t mixed_up = 0;
  for (std::uint32_t round = 0; round < rounds; round++) {
    for (std::uint32_t i = round * window; i < (round + 1) * window; i++) {
      at("d1").send(numbered(1, i));
      at("d2").send(numbered(2, i));
    }
    for (const auto& [device, sender] : {std::pair("d2", std::uint8_t{1}), std::pair("d1", std::uint8_t{2})}) {
      std::uint32_t i = round * window;
      for (const Bytes& frame : at(device).receive(window)) mixed_up += frame == numbered(sender, i++) ? 0 : 1;
    }
  }
  EXPECT_EQ(mixed_up, 0u);
  for (const auto& [cube, side] : {std::pair("a", &a), std::pair("b", &b)}) {
    EXPECT_EQ(side->seen, rounds * window) << cube;
    EXPECT_EQ(side->wrong, 0u) << cube;
    EXPECT_EQ(path_.statistics(cube, "p1").in_packets, rounds * window);
    EXPECT_EQ(path_.statistics(cube, "p1").out_packets, rounds * window);
    EXPECT_THAT(path_.statistics(cube).drops, IsEmpty());
  }
}

INSTANTIATE_TEST_SUITE_P(Hooks, SlowPathTest, testing::Values(Hook::tc, Hook::xdp_skb, Hook::xdp_drv), hook_name);

}  // namespace
}  // namespace polycube::harness
