// SPDX-License-Identifier: Apache-2.0
#include "service/scope.h"

#include <gtest/gtest.h>

namespace polycube::service {
namespace {

model::Target target(std::vector<model::PathStep> steps) {
  model::Target result;
  if (!steps.empty()) result.kind = model::Target::Kind::data;
  result.steps = std::move(steps);
  return result;
}

const Scope::Step bridge{"simplebridge", "b"};

TEST(Scope, WithoutDepthWhatIsAboveAndBelowTheTarget) {
  const auto port = target({{"simplebridge", "simplebridge", {"b"}}, {"", "ports", {"p1"}}});
  const Scope scope(port, std::nullopt);
  EXPECT_TRUE(scope.covers({bridge}));
  EXPECT_TRUE(scope.covers({bridge, {"ports", "p1"}, {"statistics"}, {"in-pkts"}}));
  EXPECT_TRUE(scope.covers({bridge, {"ports"}}));
  EXPECT_FALSE(scope.covers({bridge, {"ports", "p2"}}));
  EXPECT_FALSE(scope.covers({bridge, {"fdb"}, {"entry"}}));
  EXPECT_FALSE(scope.covers({{"simplebridge", "c"}}));
  EXPECT_FALSE(scope.covers({{"helloworld", "b"}}));
}

TEST(Scope, TheTargetIsLevelOne) {
  const auto cube = target({{"simplebridge", "simplebridge", {"b"}}});
  EXPECT_TRUE(Scope(cube, 1).covers({bridge}));
  EXPECT_FALSE(Scope(cube, 1).covers({bridge, {"uuid"}}));
  EXPECT_TRUE(Scope(cube, 2).covers({bridge, {"uuid"}}));
  EXPECT_FALSE(Scope(cube, 2).covers({bridge, {"fdb"}, {"entry"}}));
  EXPECT_TRUE(Scope(cube, 3).covers({bridge, {"fdb"}, {"entry"}}));
}

TEST(Scope, TheDatastoreIsAboveEverything) {
  const auto all = target({});
  EXPECT_TRUE(Scope(all, std::nullopt).covers({{"services"}, {"service", "x"}}));
  EXPECT_FALSE(Scope(all, 1).covers({bridge}));
  EXPECT_TRUE(Scope(all, 2).covers({bridge}));
  EXPECT_FALSE(Scope(all, 2).covers({{"services"}, {"service", "x"}}));
}

TEST(Scope, OneEntryOfAMachinesList) {
  const auto service = target({{"polycube", "services", {}}, {"", "service", {"x"}}});
  EXPECT_TRUE(Scope(service, std::nullopt).covers({{"services"}, {"service", "x"}}));
  EXPECT_FALSE(Scope(service, std::nullopt).covers({{"services"}, {"service", "y"}}));
  EXPECT_FALSE(Scope(service, std::nullopt).covers({{"cubes"}, {"cube", "x"}}));
}

}  // namespace
}  // namespace polycube::service
