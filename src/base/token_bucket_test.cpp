// SPDX-License-Identifier: Apache-2.0
#include "base/token_bucket.h"

#include <gtest/gtest.h>

namespace polycube {
namespace {

using namespace std::chrono_literals;

int take_all(TokenBucket& bucket, TokenBucket::Clock::time_point now) {
  int taken = 0;
  while (taken < 1000 && bucket.take(now)) taken++;
  return taken;
}

TEST(TokenBucket, HoldsABurstAndEarnsTheRate) {
  TokenBucket bucket(20, 10);
  TokenBucket::Clock::time_point now{1h};
  EXPECT_EQ(take_all(bucket, now), 20);
  EXPECT_EQ(take_all(bucket, now + 99ms), 0);
  EXPECT_EQ(take_all(bucket, now + 100ms), 1);
  EXPECT_EQ(take_all(bucket, now + 350ms), 2);
  EXPECT_EQ(take_all(bucket, now + 400ms), 1) << "halves are kept";
  EXPECT_EQ(take_all(bucket, now + 300ms), 0) << "time does not run backwards";
  EXPECT_EQ(take_all(bucket, now + 24h), 20) << "nobody saves more than a burst";
}

}  // namespace
}  // namespace polycube
