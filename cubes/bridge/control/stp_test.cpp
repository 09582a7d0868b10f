// SPDX-License-Identifier: Apache-2.0
// Networks of bridges on simulated time.
#include "stp.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <vector>

namespace bridge {
namespace {

using namespace std::chrono_literals;

constexpr Timers timers{.max_age = 20s, .hello = 2s, .forward_delay = 15s};

BridgeId id(unsigned number, unsigned priority = 0x8000) { return BridgeId{priority} << 48 | number; }

// Bridges and the segments between their ports. BPDUs arrive when the function that sent them has ended.
class Network {
 public:
  using Place = std::pair<unsigned, SpanningTree::PortNumber>;

  SpanningTree& add(unsigned number, unsigned ports, unsigned priority = 0x8000) {
    bridges_[number] = std::make_unique<SpanningTree>(
        id(number, priority), timers,
        [this, number](SpanningTree::PortNumber port, const Bpdu& bpdu) { sent_.push_back({{number, port}, bpdu}); });
    for (SpanningTree::PortNumber port = 1; port <= ports; port++) bridges_[number]->set_port(port, 4, 128);
    return *bridges_[number];
  }
  SpanningTree& at(unsigned number) { return *bridges_.at(number); }
  void join(const std::vector<Place>& places) {
    for (const Place& place : places) segments_[place] = places;
    for (const Place& place : places) at(place.first).enable_port(place.second);
    deliver();
  }
  // The bridge's process is another one: it knows which ports forward, and which one was towards the root.
  void restart(unsigned number, unsigned ports) {
    std::map<SpanningTree::PortNumber, PortState> states;
    for (SpanningTree::PortNumber port = 1; port <= ports; port++) states[port] = at(number).state(port);
    const auto root_port = at(number).root_port();
    const BridgeId bridge = at(number).id();
    SpanningTree& tree = add(number, ports, static_cast<unsigned>(bridge >> 48));
    if (root_port) tree.await_root(*root_port);
    for (const auto& [port, state] : states) {
      if (state == PortState::forwarding)
        tree.resume_port(port);
      else if (state != PortState::disabled)
        tree.enable_port(port);
    }
    deliver();
  }
  void cut(Place place) {
    for (const Place& each : std::vector<Place>(segments_.at(place))) {
      segments_.erase(each);
      at(each.first).disable_port(each.second);
    }
    deliver();
  }
  // The segment goes silent, but nobody's link falls.
  void silence(Place place) {
    for (const Place& each : std::vector<Place>(segments_.at(place))) segments_.erase(each);
  }
  void run(Duration time) {
    for (; time > 0s; time -= 100ms) {
      for (auto& [number, bridge] : bridges_) bridge->advance(100ms);
      deliver();
    }
  }
  [[nodiscard]] unsigned count(PortState state) {
    unsigned ports = 0;
    for (auto& [number, bridge] : bridges_)
      for (SpanningTree::PortNumber port = 1; port <= 8; port++) ports += bridge->state(port) == state;
    return ports;
  }
  // Without a loop among forwarding ports, and all bridges reach each other.
  void expect_tree() {
    std::map<unsigned, unsigned> group;
    for (auto& [number, bridge] : bridges_) group[number] = number;
    for (const auto& [place, places] : segments_) {
      if (places.front() != place) continue;
      std::vector<unsigned> forwarding;
      for (const Place& each : places)
        if (at(each.first).state(each.second) == PortState::forwarding) forwarding.push_back(each.first);
      for (std::size_t i = 1; i < forwarding.size(); i++) {
        const unsigned a = group[forwarding[0]], b = group[forwarding[i]];
        EXPECT_NE(a, b) << "a loop through bridges " << forwarding[0] << " and " << forwarding[i];
        for (auto& [number, of] : group)
          if (of == b) of = a;
      }
    }
    for (const auto& [number, of] : group) EXPECT_EQ(of, group.begin()->second) << "bridge " << number;
  }
  [[nodiscard]] unsigned sent(Place place) const {
    const auto entry = counts_.find(place);
    return entry == counts_.end() ? 0 : entry->second;
  }

 private:
  struct Message {
    Place from;
    Bpdu bpdu;
  };
  void deliver() {
    for (; !sent_.empty(); sent_.pop_front()) {
      const Message message = sent_.front();
      counts_[message.from]++;
      if (!segments_.contains(message.from)) continue;
      for (const Place& to : segments_.at(message.from))
        if (to != message.from) at(to.first).receive(to.second, message.bpdu);
    }
  }
  std::map<unsigned, std::unique_ptr<SpanningTree>> bridges_;
  std::map<Place, std::vector<Place>> segments_;
  std::map<Place, unsigned> counts_;
  std::deque<Message> sent_;
};

// 1 - 2 - 3 - 1, by ports 1 (clockwise) and 2.
void make_ring(Network& net) {
  for (const unsigned number : {1, 2, 3}) net.add(number, 2);
  net.join({{1, 1}, {2, 2}});
  net.join({{2, 1}, {3, 2}});
  net.join({{3, 1}, {1, 2}});
}

TEST(SpanningTree, APortComesToForwardInTwiceTheForwardDelay) {
  Network net;
  SpanningTree& one = net.add(1, 1);
  EXPECT_EQ(one.state(1), PortState::disabled);
  net.join({{1, 1}});
  EXPECT_EQ(one.state(1), PortState::listening);
  net.run(14900ms);
  EXPECT_EQ(one.state(1), PortState::listening);
  net.run(200ms);
  EXPECT_EQ(one.state(1), PortState::learning);
  net.run(15s);
  EXPECT_EQ(one.state(1), PortState::forwarding);
  EXPECT_TRUE(one.is_root());
}

TEST(SpanningTree, ARingOfThreeBlocksOnePort) {
  Network net;
  make_ring(net);
  net.run(60s);
  net.expect_tree();
  EXPECT_EQ(net.count(PortState::forwarding), 5u);
  EXPECT_EQ(net.count(PortState::blocking), 1u);
  for (const unsigned number : {1, 2, 3}) EXPECT_EQ(net.at(number).root(), id(1));
  EXPECT_EQ(net.at(3).state(2), PortState::blocking) << "of two equally near bridges the one with the lower id serves";
  EXPECT_EQ(net.at(2).root_port(), 2);
  EXPECT_EQ(net.at(2).root_path_cost(), 4u);
}

TEST(SpanningTree, NeverALoopOnTheWay) {
  Network net;
  make_ring(net);
  for (int i = 0; i < 600; i++) {
    net.run(100ms);
    EXPECT_LE(net.count(PortState::forwarding), 5u);
  }
}

TEST(SpanningTree, ABrokenLinkIsReplaced) {
  Network net;
  make_ring(net);
  net.run(60s);
  net.cut({1, 2});
  net.run(35s);
  net.expect_tree();
  EXPECT_EQ(net.at(3).state(2), PortState::forwarding);
  EXPECT_EQ(net.at(3).root_path_cost(), 8u);
}

TEST(SpanningTree, ASilentLinkIsReplacedWhenItsInformationIsTooOld) {
  Network net;
  make_ring(net);
  net.run(60s);
  net.silence({1, 2});
  net.run(18s);
  EXPECT_EQ(net.at(3).state(2), PortState::blocking);
  net.run(35s);
  EXPECT_EQ(net.at(3).state(2), PortState::forwarding);
  EXPECT_EQ(net.at(3).root_port(), 2);
}

TEST(SpanningTree, TheLossOfTheRootElectsAnother) {
  Network net;
  make_ring(net);
  net.run(60s);
  net.cut({1, 1});
  net.cut({1, 2});
  net.run(60s);
  EXPECT_TRUE(net.at(2).is_root());
  EXPECT_EQ(net.at(3).root(), id(2));
  EXPECT_EQ(net.at(3).state(2), PortState::forwarding);
}

TEST(SpanningTree, APriorityMakesTheRoot) {
  Network net;
  make_ring(net);
  net.run(60s);
  net.at(3).set_bridge(id(3, 0x1000), timers);
  net.run(90s);
  net.expect_tree();
  for (const unsigned number : {1, 2, 3}) EXPECT_EQ(net.at(number).root(), id(3, 0x1000));
  net.at(3).set_bridge(id(3, 0xf000), timers);
  net.run(90s);
  net.expect_tree();
  for (const unsigned number : {1, 2, 3}) EXPECT_EQ(net.at(number).root(), id(1));
}

TEST(SpanningTree, ACostTurnsTheWay) {
  Network net;
  make_ring(net);
  net.run(60s);
  net.at(2).set_port(2, 100, 128);
  net.run(90s);
  net.expect_tree();
  EXPECT_EQ(net.at(2).root_port(), 1);
  EXPECT_EQ(net.at(2).state(2), PortState::blocking);
}

TEST(SpanningTree, OfParallelLinksThePriorityOfTheNearerBridgesPortDecides) {
  Network net;
  net.add(1, 2);
  net.add(2, 2);
  net.join({{1, 1}, {2, 1}});
  net.join({{1, 2}, {2, 2}});
  net.run(60s);
  EXPECT_EQ(net.at(2).root_port(), 1);
  EXPECT_EQ(net.at(2).state(2), PortState::blocking);
  net.at(1).set_port(2, 4, 16);
  net.run(60s);
  EXPECT_EQ(net.at(2).root_port(), 2);
  EXPECT_EQ(net.at(2).state(1), PortState::blocking);
  net.at(1).set_port(2, 4, 200);
  net.run(60s);
  EXPECT_EQ(net.at(2).root_port(), 1);
  EXPECT_EQ(net.at(1).state(2), PortState::forwarding);
}

TEST(SpanningTree, TheNearerBridgeServesASegment) {
  Network net;
  make_ring(net);
  net.run(60s);
  EXPECT_EQ(net.at(2).state(1), PortState::forwarding);
  net.at(3).set_port(1, 1, 128);  // three is nearer to the root than two now
  net.run(60s);
  net.expect_tree();
  EXPECT_EQ(net.at(3).state(2), PortState::forwarding);
  EXPECT_EQ(net.at(2).state(1), PortState::blocking);
}

TEST(SpanningTree, ABridgeBlocksAPortThatHearsAnotherOfItsOwn) {
  Network net;
  net.add(1, 2);
  net.join({{1, 1}, {1, 2}});
  net.run(60s);
  EXPECT_EQ(net.at(1).state(1), PortState::forwarding);
  EXPECT_EQ(net.at(1).state(2), PortState::blocking);
}

TEST(SpanningTree, ATopologyChangeIsToldToAllAndEnds) {
  Network net;
  make_ring(net);
  net.run(100s);
  for (const unsigned number : {1, 2, 3}) EXPECT_FALSE(net.at(number).topology_change()) << number;
  net.cut({2, 1});  // 2 - 3 was not in the tree
  net.run(5s);
  for (const unsigned number : {1, 2, 3}) EXPECT_FALSE(net.at(number).topology_change()) << number;
  net.join({{2, 1}, {3, 2}});
  net.run(31s);
  net.cut({1, 2});
  net.run(40s);  // 3 forwards by another port and notifies 2, which notifies 1
  for (const unsigned number : {1, 2, 3}) EXPECT_TRUE(net.at(number).topology_change()) << number;
  net.run(40s);
  for (const unsigned number : {1, 2, 3}) EXPECT_FALSE(net.at(number).topology_change()) << number;
}

TEST(SpanningTree, APortThatBlocksChangesTheTopology) {
  Network net;
  make_ring(net);
  net.run(100s);
  EXPECT_FALSE(net.at(1).topology_change());
  net.at(3).set_port(1, 1, 128);  // two blocks its port towards three
  net.run(3s);                    // before any other port forwards
  EXPECT_EQ(net.at(2).state(1), PortState::blocking);
  EXPECT_TRUE(net.at(1).topology_change());
}

// ---- beginning anew --------------------------------------------------------------------------------------------------

std::vector<PortState> states(Network& net) {
  std::vector<PortState> all;
  for (const unsigned number : {1, 2, 3})
    for (const SpanningTree::PortNumber port : {1, 2}) all.push_back(net.at(number).state(port));
  return all;
}

class ResumingTree : public testing::TestWithParam<unsigned> {};

TEST_P(ResumingTree, GoesOnAsItWas) {
  Network net;
  make_ring(net);
  net.run(100s);
  const auto before = states(net);
  const auto root_port = net.at(GetParam()).root_port();
  net.restart(GetParam(), 2);
  EXPECT_EQ(net.at(GetParam()).root_port(), root_port);
  for (int i = 0; i < 600; i++) {
    net.run(100ms);
    for (std::size_t port = 0; port < before.size(); port++) {
      ASSERT_EQ(states(net)[port] == PortState::forwarding, before[port] == PortState::forwarding) << port;
    }
    for (const unsigned number : {1, 2, 3}) ASSERT_FALSE(net.at(number).topology_change()) << number;
  }
  EXPECT_EQ(states(net), before);
  for (const unsigned number : {1, 2, 3}) EXPECT_EQ(net.at(number).root(), id(1));
  EXPECT_EQ(net.at(GetParam()).root_port(), root_port);
}
INSTANTIATE_TEST_SUITE_P(Bridges, ResumingTree, testing::Values(1, 2, 3));  // the root, in between, and who blocks

TEST(SpanningTree, WhoAwaitsTheRootDoesNotSayThatItIsTheRoot) {
  Network net;
  make_ring(net);
  net.run(100s);
  net.silence({1, 1});  // 1 - 2: two hears nothing of the root
  const unsigned before = net.sent({2, 1}) + net.sent({2, 2});
  net.restart(2, 2);
  net.run(19s);
  EXPECT_EQ(net.sent({2, 1}) + net.sent({2, 2}), before);
  EXPECT_EQ(net.at(2).root_port(), 2);
  net.run(5s);
  EXPECT_GT(net.sent({2, 1}) + net.sent({2, 2}), before) << "when it would have forgotten the root";
  net.run(60s);
  EXPECT_EQ(net.at(2).root(), id(1)) << "by three";
  net.expect_tree();
}

TEST(SpanningTree, WhoAwaitsTheRootBringsNoPortToForward) {
  Network net;
  make_ring(net);
  net.run(100s);
  net.silence({3, 1});
  net.silence({3, 2});
  net.restart(3, 2);
  net.run(19s);
  EXPECT_EQ(net.at(3).state(1), PortState::forwarding);
  EXPECT_EQ(net.at(3).state(2), PortState::blocking);
  net.run(2s);
  EXPECT_EQ(net.at(3).state(2), PortState::listening);
}

TEST(SpanningTree, WhoAwaitsTheRootGoesOnWhenItHearsOfItOrTheLinkFalls) {
  for (const bool falls : {true, false}) {
    Network net;
    SpanningTree& one = net.add(1, 2);
    one.await_root(1);
    one.resume_port(1);
    one.enable_port(2);
    EXPECT_EQ(one.state(2), PortState::blocking);
    if (falls)
      one.disable_port(1);
    else
      one.receive(1, ConfigBpdu{.root = id(9), .bridge = id(9), .port = 1, .timers = timers});  // no better than one
    EXPECT_EQ(one.state(2), PortState::listening) << falls;
    EXPECT_EQ(one.root_port(), std::nullopt);
    net.run(3s);
    EXPECT_GT(net.sent({1, 2}), 0u);
  }
}

TEST(SpanningTree, WhoAwaitsTheRootGivesUpWhenThatLinkFalls) {
  Network net;
  make_ring(net);
  net.run(100s);
  net.restart(2, 2);
  net.cut({2, 2});
  net.run(60s);
  EXPECT_EQ(net.at(2).root(), id(1));
  EXPECT_EQ(net.at(2).root_port(), 1);
  net.expect_tree();
}

TEST(SpanningTree, APortThatResumedIsBlockedByABetterBridge) {
  Network net;
  make_ring(net);
  net.run(100s);
  net.restart(2, 2);
  EXPECT_EQ(net.at(2).state(1), PortState::forwarding);
  net.at(3).set_port(1, 1, 128);  // three is nearer to the root than two now
  net.run(3s);
  EXPECT_EQ(net.at(2).state(1), PortState::blocking);
  net.run(60s);
  net.expect_tree();
}

TEST(SpanningTree, ATopologyChangeIsToldOnByWhoBeginsAnew) {
  Network net;
  make_ring(net);
  net.run(100s);
  net.restart(1, 2);
  net.at(1).resume_topology_change();
  net.run(3s);
  for (const unsigned number : {1, 2, 3}) EXPECT_TRUE(net.at(number).topology_change()) << number;
  net.run(40s);
  for (const unsigned number : {1, 2, 3}) EXPECT_FALSE(net.at(number).topology_change()) << number;
}

TEST(SpanningTree, TheRootsTimersAreEverybodys) {
  Network net;
  make_ring(net);
  net.at(1).set_bridge(id(1), {.max_age = 10s, .hello = 1s, .forward_delay = 6s});
  net.run(5s);
  EXPECT_EQ(net.at(3).forward_delay(), 6s);
}

TEST(SpanningTree, NotMoreThanABpduASecond) {
  Network net;
  net.add(1, 1);
  net.join({{1, 1}});
  const unsigned before = net.sent({1, 1});
  const ConfigBpdu inferior{.root = id(9), .bridge = id(9), .port = 1, .timers = timers};
  for (int i = 0; i < 100; i++) {
    net.at(1).receive(1, inferior);  // each would be answered
    net.run(100ms);
  }
  EXPECT_LE(net.sent({1, 1}) - before, 11u);
  EXPECT_GE(net.sent({1, 1}) - before, 9u);
}

TEST(SpanningTree, WhatIsTooOldOrUnknownIsIgnored) {
  Network net;
  SpanningTree& one = net.add(1, 1);
  const ConfigBpdu better{.root = id(0), .bridge = id(0), .port = 1, .message_age = 20s, .timers = timers};
  one.receive(1, better);  // a disabled port
  net.join({{1, 1}});
  one.receive(1, better);
  one.receive(7, better);
  EXPECT_TRUE(one.is_root());
}

TEST(SpanningTree, APortThatIsRemovedIsForgotten) {
  Network net;
  make_ring(net);
  net.run(60s);
  net.at(3).remove_port(1);
  EXPECT_EQ(net.at(3).state(1), PortState::disabled);
  net.run(60s);
  EXPECT_EQ(net.at(3).root_port(), 2);
}

TEST(SpanningTree, TimersAreBroughtIntoTheirRelations) {
  const auto valid = [](Duration age, Duration hello, Duration delay) {
    return valid_timers({.max_age = age, .hello = hello, .forward_delay = delay});
  };
  EXPECT_EQ(valid(20s, 2s, 15s), (Timers{20s, 2s, 15s}));
  EXPECT_EQ(valid(20s, 2s, 10s), (Timers{18s, 2s, 10s}));
  EXPECT_EQ(valid(20s, 1s, 4s), (Timers{6s, 1s, 4s}));
  EXPECT_EQ(valid(1s, 2s, 15s), (Timers{6s, 2s, 15s}));
  EXPECT_EQ(valid(100s, 0s, 100s), (Timers{40s, 1s, 30s}));
  EXPECT_EQ(valid(20s, 10s, 4s), (Timers{22s, 10s, 12s}));
}

}  // namespace
}  // namespace bridge
