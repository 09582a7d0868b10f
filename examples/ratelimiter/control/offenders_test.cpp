// SPDX-License-Identifier: Apache-2.0
#include "control/offenders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ratelimiter {
namespace {

TEST(Offenders, TheRateIsWhatWasDroppedSince) {
  Offenders offenders;
  offenders.update({{1, 100}});
  EXPECT_EQ(offenders.all().at(1).dropped_rate, 100u);
  offenders.update({{1, 130}, {2, 5}});
  EXPECT_EQ(offenders.all().at(1).dropped_rate, 30u);
  EXPECT_EQ(offenders.all().at(1).dropped, 130u);
  EXPECT_EQ(offenders.all().at(2).dropped_rate, 5u);
}

TEST(Offenders, SecondsWithoutDropsAreCounted) {
  Offenders offenders;
  for (int second = 0; second < 3; second++) offenders.update({{1, 7}});
  EXPECT_EQ(offenders.all().at(1).dropped_rate, 0u);
  EXPECT_EQ(offenders.all().at(1).quiet, 2u);
  offenders.update({{1, 8}});
  EXPECT_EQ(offenders.all().at(1).quiet, 0u);
}

TEST(Offenders, ACounterMayBeginAnewOrGo) {
  Offenders offenders;
  offenders.update({{1, 100}, {2, 100}});
  offenders.update({{1, 3}});
  EXPECT_EQ(offenders.all().at(1).dropped_rate, 3u);
  EXPECT_EQ(offenders.all().size(), 1u);
}

}  // namespace
}  // namespace ratelimiter
