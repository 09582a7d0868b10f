// SPDX-License-Identifier: Apache-2.0
// Neighbours on a clock that the test turns.
#include "control/neighbour_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace polycube::router {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using namespace std::chrono_literals;
using Actions = NeighbourCache::Actions;

constexpr Mac mac_a = {2, 0, 0, 0, 0, 0xa};
constexpr Mac mac_b = {2, 0, 0, 0, 0, 0xb};

class NeighbourCacheTest : public testing::Test {
 protected:
  static Held packet(int number, std::size_t size = 60) {
    return {3, std::vector<std::byte>(size, static_cast<std::byte>(number))};
  }
  Actions hold(int number) { return cache_.hold(a_, packet(number), now_); }
  Actions heard(const Mac& mac, bool may_add = false) { return cache_.heard(a_, mac, may_add, now_); }
  Actions after(std::chrono::milliseconds time) {
    now_ += time;
    return cache_.tick(
        [this](const NextHop& hop, const Mac&) {
          looks_++;
          return hop == a_ && std::exchange(used_, false);
        },
        now_);
  }

  const NextHop a_{Address::parse("10.0.0.1").value(), 1};
  NeighbourCache cache_;
  NeighbourCache::Time now_ = NeighbourCache::Time(1000h);
  bool used_ = false;
  int looks_ = 0;
};

TEST_F(NeighbourCacheTest, PacketsWaitForTheAnswer) {
  EXPECT_THAT(hold(1).ask, ElementsAre(Pair(a_, std::optional<Mac>())));
  EXPECT_THAT(hold(2).ask, IsEmpty()) << "one question for all";
  const Actions actions = heard(mac_a);
  EXPECT_THAT(actions.install, ElementsAre(Pair(a_, mac_a)));
  EXPECT_THAT(actions.deliver, ElementsAre(packet(1), packet(2)));
  EXPECT_THAT(cache_.learned(), ElementsAre(Pair(a_, mac_a)));
  EXPECT_THAT(hold(3).deliver, ElementsAre(packet(3))) << "on its way here meanwhile";
}

TEST_F(NeighbourCacheTest, TheNewestPacketsWait) {
  for (int i = 0; i < 9; i++) (void)hold(i);
  EXPECT_THAT(heard(mac_a).deliver, ElementsAre(packet(4), packet(5), packet(6), packet(7), packet(8)));
}

TEST_F(NeighbourCacheTest, ADeadNeighbourIsAskedThreeTimesAndGivenUp) {
  EXPECT_THAT(hold(1).ask, SizeIs(1));
  EXPECT_THAT(after(999ms).ask, IsEmpty());
  EXPECT_THAT(after(1ms).ask, SizeIs(1));
  EXPECT_THAT(after(1s).ask, SizeIs(1));
  const Actions actions = after(1s);
  EXPECT_THAT(actions.ask, IsEmpty());
  EXPECT_THAT(actions.unreachable, ElementsAre(packet(1)));
  EXPECT_THAT(actions.remove, IsEmpty()) << "it was never in the table";
  EXPECT_THAT(heard(mac_a).install, IsEmpty()) << "too late";
  EXPECT_THAT(hold(2).ask, SizeIs(1)) << "the next packet begins anew";
}

TEST_F(NeighbourCacheTest, AnAnswerThatNobodyAskedForMakesNoEntry) {
  EXPECT_THAT(heard(mac_a).install, IsEmpty());
  EXPECT_THAT(heard(mac_a, true).install, SizeIs(1)) << "but a question to us does";
}

TEST_F(NeighbourCacheTest, ANeighbourThatMovedIsFollowed) {
  (void)heard(mac_a, true);
  EXPECT_THAT(heard(mac_a).install, IsEmpty());
  EXPECT_THAT(heard(mac_b).install, ElementsAre(Pair(a_, mac_b)));
}

TEST_F(NeighbourCacheTest, OneInUseIsAskedAgainAndStays) {
  (void)heard(mac_a, true);
  EXPECT_THAT(after(29s).ask, IsEmpty());
  EXPECT_EQ(looks_, 0);
  used_ = true;
  EXPECT_THAT(after(1s).ask, ElementsAre(Pair(a_, std::optional(mac_a))));
  EXPECT_THAT(heard(mac_a).remove, IsEmpty());
  EXPECT_THAT(after(10s).ask, IsEmpty());
  used_ = true;
  EXPECT_THAT(after(20s).ask, SizeIs(1));
  EXPECT_THAT(after(1s).ask, SizeIs(1));
  EXPECT_THAT(after(1s).ask, SizeIs(1));
  EXPECT_THAT(cache_.learned(), SizeIs(1)) << "used until it is given up";
  EXPECT_THAT(after(1s).remove, ElementsAre(a_));
  EXPECT_THAT(cache_.learned(), IsEmpty());
}

TEST_F(NeighbourCacheTest, OneThatNobodyUsesIsForgottenWithoutAQuestion) {
  (void)heard(mac_a, true);
  for (int i = 0; i < 59; i++) {
    const Actions actions = after(5s);
    EXPECT_THAT(actions.ask, IsEmpty());
    EXPECT_THAT(actions.remove, IsEmpty());
  }
  EXPECT_THAT(after(5s).remove, ElementsAre(a_));
}

TEST_F(NeighbourCacheTest, OneThatWasAddedNeitherAgesNorMoves) {
  (void)hold(1);
  Actions actions = cache_.set_permanent({{a_, mac_a}});
  EXPECT_THAT(actions.install, ElementsAre(Pair(a_, mac_a)));
  EXPECT_THAT(actions.deliver, ElementsAre(packet(1)));
  EXPECT_THAT(cache_.set_permanent({{a_, mac_a}}).install, IsEmpty());
  EXPECT_THAT(heard(mac_b).install, IsEmpty());
  EXPECT_THAT(after(1h).remove, IsEmpty());
  EXPECT_THAT(cache_.learned(), IsEmpty()) << "it is configuration";
  EXPECT_THAT(cache_.set_permanent({{a_, mac_b}}).install, ElementsAre(Pair(a_, mac_b)));
  EXPECT_THAT(cache_.set_permanent({}).remove, ElementsAre(a_));
}

TEST_F(NeighbourCacheTest, NeighboursGoWithTheirPort) {
  const NextHop other{Address::parse("fd00::1").value(), 2};
  (void)heard(mac_a, true);
  (void)cache_.heard(other, mac_b, true, now_);
  EXPECT_THAT(cache_.remove_port(1).remove, ElementsAre(a_));
  EXPECT_THAT(cache_.learned(), ElementsAre(Pair(other, mac_b)));
}

TEST_F(NeighbourCacheTest, WhatWaitsIsBounded) {
  std::size_t held = 0;
  const auto hop = [](std::uint32_t i) {
    return NextHop{Address::ipv4({20, static_cast<std::uint8_t>(i >> 16), static_cast<std::uint8_t>(i >> 8),
                                  static_cast<std::uint8_t>(i)}),
                   1};
  };
  for (std::uint32_t i = 0; i < 1000; i++) (void)cache_.hold(hop(i), packet(1, 9000), now_);
  for (std::uint32_t i = 0; i < 1000; i++)
    for (const Held& one : cache_.heard(hop(i), mac_a, false, now_).deliver) held += one.frame.size();
  EXPECT_LE(held, NeighbourCache::max_held_bytes);
  EXPECT_GT(held, NeighbourCache::max_held_bytes - 9000);
  EXPECT_THAT(hold(1).ask, SizeIs(1));
  EXPECT_THAT(heard(mac_a).deliver, SizeIs(1)) << "what was delivered no longer counts";
  for (std::uint32_t i = 1000; i < MAX_NEIGHBOURS + 10; i++) (void)cache_.heard(hop(i), mac_a, true, now_);
  EXPECT_THAT(cache_.learned(), SizeIs(MAX_NEIGHBOURS));
  EXPECT_THAT(cache_.hold(hop(MAX_NEIGHBOURS + 100), packet(1), now_).ask, IsEmpty());
}

TEST_F(NeighbourCacheTest, ThoseOfACacheBeforeAreUsedAndAge) {
  const NextHop other{Address::parse("fd00::1").value(), 2};
  cache_.resume({{a_, mac_a}, {other, mac_b}}, now_);
  EXPECT_THAT(cache_.learned(), ElementsAre(Pair(a_, mac_a), Pair(other, mac_b)));
  EXPECT_THAT(hold(1).deliver, ElementsAre(packet(1)));
  EXPECT_THAT(heard(mac_a).install, IsEmpty()) << "it is in the table";
  used_ = true;
  EXPECT_THAT(after(30s).ask, ElementsAre(Pair(a_, std::optional(mac_a)))) << "as usual";
  EXPECT_THAT(heard(mac_a).remove, IsEmpty());
  std::vector<NextHop> gone;
  for (int i = 0; i < 58; i++)
    for (const NextHop& neighbour : after(5s).remove) gone.push_back(neighbour);
  EXPECT_THAT(gone, ElementsAre(other)) << "nobody used it";
}

TEST_F(NeighbourCacheTest, ThoseOfACacheBeforeAreNotAskedAllAtOnce) {
  std::map<NextHop, Mac> entries;
  for (std::uint8_t i = 1; i <= 150; i++) entries[{Address::ipv4({10, 0, 0, i}), 1}] = mac_a;
  cache_.resume(entries, now_);
  std::size_t asked = 0;
  for (int i = 0; i < 300; i++) {
    const Actions actions = cache_.tick([](const NextHop&, const Mac&) { return true; }, now_ += 100ms);
    EXPECT_THAT(actions.ask, SizeIs(testing::Le(5))) << "new ones, and two again";
    asked += actions.ask.size();
    for (const auto& [neighbour, mac] : actions.ask) (void)cache_.heard(neighbour, mac_a, false, now_);
  }
  EXPECT_EQ(asked, 150u);
}

TEST_F(NeighbourCacheTest, ThoseOfACacheBeforeMayBeAdded) {
  cache_.resume({{a_, mac_a}}, now_);
  EXPECT_THAT(cache_.set_permanent({{a_, mac_b}}).install, ElementsAre(Pair(a_, mac_b)));
  EXPECT_THAT(after(1h).remove, IsEmpty());
}

}  // namespace
}  // namespace polycube::router
