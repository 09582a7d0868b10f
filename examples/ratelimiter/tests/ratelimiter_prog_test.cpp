// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "abi/ratelimiter.h"
#include "harness/data_path.h"
#include "harness/must.h"

namespace polycube::harness {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

class RatelimiterTest : public testing::TestWithParam<Hook> {
 protected:
  // In front of a device.
  void SetUp() override {
    path_.add_device("d0");
    path_.add_cube("rl", service("ratelimiter"), GetParam(), {});
    path_.wanted.chains["d0"] = {"rl"};
    path_.write("rl", "settings", {{"rate", "1"}});
    path_.write("rl", "settings", {{"burst", "3"}});
    must(path_.apply());
  }
  static Bytes frame(const std::string& source) {
    return build(Ethernet{} / Ipv4{.source = source} / Udp{} / Payload("hello"));
  }
  bool passes(const std::string& source) { return path_.send("rl", 0, frame(source)).verdict != Verdict::drop; }
  // Sends faster than one packet a second until one is dropped.
  void exhaust(const std::string& source) {
    for (int i = 0; i < 100; i++)
      if (!passes(source)) return;
    FAIL() << source << " is not limited";
  }

  DataPath path_;
  const source first_{htonl(0x0a000001)};
};

TEST_P(RatelimiterTest, ABurstPassesAndThenTheRate) {
  const auto begin = steady_clock::now();
  unsigned passed = 0;
  for (int i = 0; i < 20; i++) passed += passes("10.0.0.1");
  const auto lasted = std::chrono::duration_cast<seconds>(steady_clock::now() - begin).count();
  EXPECT_GE(passed, 3u);
  EXPECT_LE(passed, 3u + lasted + 1);
}

TEST_P(RatelimiterTest, WhoExceedsItsRateIsDroppedAndCounted) {
  exhaust("10.0.0.1");
  EXPECT_EQ(path_.element<drops>("rl", "dropped", first_)->packets, 1u);
  exhaust("10.0.0.1");
  EXPECT_EQ(path_.element<drops>("rl", "dropped", first_)->packets, 2u);
  EXPECT_EQ(path_.statistics("rl").drops.at("policy"), 2u);
}

TEST_P(RatelimiterTest, OthersDoNotSuffer) {
  exhaust("10.0.0.1");
  EXPECT_TRUE(passes("10.0.0.2"));
  EXPECT_NE(path_.send_out("rl", 1, frame("10.0.0.1")).verdict, Verdict::drop) << "the other direction";
}

TEST_P(RatelimiterTest, ASourceMayHaveARateOfItsOwn) {
  path_.write("rl", "sources", {{"address", "10.0.0.1"}, {"rate", "1000000000"}});
  path_.write("rl", "sources", {{"address", "10.0.0.2"}, {"rate", "0"}});
  must(path_.apply());
  for (int i = 0; i < 5; i++) EXPECT_TRUE(passes("10.0.0.1"));
  EXPECT_FALSE(passes("10.0.0.2"));
}

TEST_P(RatelimiterTest, AHigherRateHelpsAtOnce) {
  exhaust("10.0.0.1");
  path_.write("rl", "settings", {{"rate", "1000000"}});
  must(path_.apply());
  EXPECT_TRUE(passes("10.0.0.1"));
}

TEST_P(RatelimiterTest, WhatIsNotIpv4Passes) {
  path_.write("rl", "settings", {{"rate", "0"}});
  must(path_.apply());
  EXPECT_FALSE(passes("10.0.0.1"));
  for (const Packet& packet : {Ethernet{} / Arp{}, Ethernet{} / Ipv6{} / Udp{}})
    EXPECT_NE(path_.send("rl", 0, build(packet)).verdict, Verdict::drop);
}

INSTANTIATE_TEST_SUITE_P(Hooks, RatelimiterTest, testing::Values(Hook::tc, Hook::xdp_skb), hook_name);

}  // namespace
}  // namespace polycube::harness
