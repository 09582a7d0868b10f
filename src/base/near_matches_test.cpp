// SPDX-License-Identifier: Apache-2.0
#include "base/near_matches.h"

#include <gtest/gtest.h>

#include <map>

namespace polycube {
namespace {

TEST(NearMatches, AreTheNearestFirstAndAtMostFive) {
  EXPECT_EQ(near_matches("r11", {"r1", "router", "br1", "x"}), "; did you mean r1, br1?");
  EXPECT_EQ(near_matches("prots", {"ports", "fdb"}), "; did you mean ports?");
  EXPECT_EQ(near_matches("zzzzzz", {"ports", "fdb"}), "");
  EXPECT_EQ(near_matches("ports", {}), "");
  EXPECT_EQ(near_matches("p", {"p1", "p2", "p3", "p4", "p5", "p6"}), "; did you mean p1, p2, p3, p4, p5?");
}

TEST(NearMatches, OfAMapAreItsKeys) {
  EXPECT_EQ(near_keys("vethl", std::map<std::string, int>{{"veth1", 1}, {"wlan0", 2}}), "; did you mean veth1?");
}

TEST(NearMatches, ALongWordIsNotCompared) {
  EXPECT_EQ(near_matches(std::string(1000, 'x'), {std::string(1000, 'y')}), "");
}

}  // namespace
}  // namespace polycube
