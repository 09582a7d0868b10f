// SPDX-License-Identifier: Apache-2.0
#include "service/cube_tree.h"

#include <gtest/gtest.h>

namespace polycube::service {
namespace {

bool holds(std::vector<model::PathStep> below_the_cube) {
  model::TableBinding nested;
  nested.path = {"fdb", "vlan", "entry"};
  model::Target target;
  target.steps = {{"bridge", "bridge", {"b"}}};
  target.steps.insert(target.steps.end(), below_the_cube.begin(), below_the_cube.end());
  return holds_list(target, nested);
}

TEST(HoldsList, TheListAndWhatIsAboveIt) {
  EXPECT_TRUE(holds({{"", "fdb", {}}, {"", "vlan", {}}, {"", "entry", {}}}));
  EXPECT_TRUE(holds({{"", "fdb", {}}, {"", "vlan", {}}}));
  EXPECT_TRUE(holds({{"", "fdb", {}}}));
}

TEST(HoldsList, NotPartOfIt) {
  EXPECT_FALSE(holds({{"", "fdb", {}}, {"", "vlan", {"1"}}}));
  EXPECT_FALSE(holds({{"", "fdb", {}}, {"", "vlan", {"1"}}, {"", "entry", {}}}));
  EXPECT_FALSE(holds({{"", "fdb", {}}, {"", "vlan", {}}, {"", "entry", {"x"}}}));
  EXPECT_FALSE(holds({{"", "fdb", {}}, {"", "vlan", {}}, {"", "entry", {}}, {"", "port", {}}}));
}

TEST(HoldsList, NotElsewhereAndNotTheCube) {
  EXPECT_FALSE(holds({{"", "ports", {}}}));
  EXPECT_FALSE(holds({{"", "fdb", {}}, {"", "aging-time", {}}}));
  EXPECT_FALSE(holds({}));
}

}  // namespace
}  // namespace polycube::service
