// SPDX-License-Identifier: Apache-2.0
#include "topology/chains.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace polycube::topology {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

Cube transparent(Hook hook = Hook::tc, Place place = Place::undecided) {
  Cube made;
  made.hook = hook;
  made.transparent = true;
  made.place = place;
  return made;
}

Cube standard(const std::string& peer, Hook hook = Hook::tc) {
  Cube made;
  made.hook = hook;
  made.ports["p"].peer = peer;
  return made;
}

class ChainsTest : public testing::Test {
 protected:
  void expect_refused(const std::string& cube, const std::string& parent, ErrorCode code, const std::string& message,
                      const Placement& placement = Position::automatic) {
    const Topology before = topology_;
    const auto done = attach(topology_, cube, parent, placement, devices_);
    ASSERT_FALSE(done) << cube << " to " << parent;
    EXPECT_EQ(done.error().code, code) << done.error().message;
    EXPECT_THAT(done.error().message, StartsWith(message));
    EXPECT_TRUE(topology_ == before);
  }
  void put(const std::string& cube, const std::string& parent, const Placement& placement) {
    const auto done = attach(topology_, cube, parent, placement, devices_);
    EXPECT_TRUE(done) << done.error().message;
  }

  Devices devices_{{"dev", {.index = 2}}, {"other", {.index = 3}}};
  Topology topology_{{{"a", standard("")},
                      {"x", standard("other", Hook::xdp_skb)},
                      {"t1", transparent()},
                      {"t2", transparent()},
                      {"t3", transparent()},
                      {"tx", transparent(Hook::xdp_drv)},
                      {"in", transparent(Hook::tc, Place::inner)},
                      {"out", transparent(Hook::tc, Place::outer)}},
                     {}};
};

TEST_F(ChainsTest, Positions) {
  put("t1", "a:p", Position::automatic);
  put("t2", "a:p", Position::last);
  put("t3", "a:p", Position::first);
  EXPECT_THAT(topology_.chains["a:p"], ElementsAre("t3", "t1", "t2"));
  put("in", "a:p", After{"t1"});
  put("out", "a:p", Before{"t1"});
  EXPECT_THAT(topology_.chains["a:p"], ElementsAre("t3", "out", "t1", "in", "t2"));
  EXPECT_EQ(parent_of(topology_, "t1"), "a:p");
  EXPECT_EQ(parent_of(topology_, "tx"), "");
}

TEST_F(ChainsTest, InnerCubesAreNextToTheCubeOrTheStack) {
  put("in", "a:p", Position::automatic);
  put("out", "a:p", Position::automatic);
  EXPECT_THAT(topology_.chains["a:p"], ElementsAre("in", "out"));
  ASSERT_TRUE(detach(topology_, "in", "a:p"));
  ASSERT_TRUE(detach(topology_, "out", "a:p"));
  EXPECT_THAT(topology_.chains, IsEmpty());
  put("out", "dev", Position::automatic);
  put("in", "dev", Position::automatic);
  EXPECT_THAT(topology_.chains["dev"], ElementsAre("out", "in"));
  expect_refused("t1", "dev", ErrorCode::invalid_value, "Impossible to determine auto position");
}

TEST_F(ChainsTest, WhatIsRefused) {
  expect_refused("none", "dev", ErrorCode::data_missing, "Cube none does not exist");
  expect_refused("a", "dev", ErrorCode::invalid_value, "Cube a is not transparent");
  expect_refused("t1", "a:q", ErrorCode::data_missing, "Port q does not exist");
  expect_refused("t1", "none:p", ErrorCode::data_missing, "Cube none does not exist");
  expect_refused("t1", "gone", ErrorCode::data_missing, "Interface gone does not exist");
  expect_refused("t1", "t2", ErrorCode::invalid_value, "Cube t2 is transparent");
  expect_refused("t1", "t2:p", ErrorCode::invalid_value, "Cube t2 is transparent");
  expect_refused("tx", "a:p", ErrorCode::invalid_value, "tx and a:p have incompatible types");
  expect_refused("t1", "other", ErrorCode::invalid_value, "t1 and other have incompatible types");
  expect_refused("tx", "other", ErrorCode::invalid_value, "tx and other have incompatible types");
  put("tx", "x:p", Position::automatic);  // where programs are attached is the port's cube's matter
  expect_refused("tx", "dev", ErrorCode::in_use, "Cube tx is already attached");
  put("t1", "dev", Position::automatic);
  expect_refused("t2", "dev", ErrorCode::invalid_value, "Cube t3 doesn't exist", Before{"t3"});
  expect_refused("t2", "dev", ErrorCode::invalid_value, "Cube tx doesn't exist", After{"tx"});
  EXPECT_EQ(detach(topology_, "t1", "a:p").error().message, "Cube t1 is not attached to a:p");
  EXPECT_EQ(detach(topology_, "none", "a:p").error().message, "Cube none does not exist");
}

TEST_F(ChainsTest, ADeviceWithAChainTakesNoPortOfAnotherHook) {
  put("t1", "dev", Position::automatic);
  Topology candidate = topology_;
  candidate.cubes["x"].ports["p"].peer = "dev";
  devices_["dev"].up = true;
  const auto violation = check(topology_, candidate, devices_);
  ASSERT_TRUE(violation);
  EXPECT_EQ(violation->cube, "x");
  EXPECT_EQ(violation->port, "p");
  EXPECT_EQ(violation->error.code, ErrorCode::invalid_value);
}

TEST_F(ChainsTest, WhatIsDeletedIsForgotten) {
  put("t1", "a:p", Position::automatic);
  put("t2", "a:p", Position::first);
  put("t3", "dev", Position::automatic);
  topology_.cubes.erase("t2");
  forget_deleted(topology_);
  EXPECT_THAT(topology_.chains["a:p"], ElementsAre("t1"));
  topology_.cubes["a"].ports.clear();
  topology_.cubes.erase("t3");
  forget_deleted(topology_);
  EXPECT_THAT(topology_.chains, IsEmpty());
}

}  // namespace
}  // namespace polycube::topology
