// SPDX-License-Identifier: Apache-2.0
#include "model/state.h"

#include "model/test_support.h"

namespace polycube::model {
namespace {

using nlohmann::json;

class State : public ::testing::Test {
 protected:
  void SetUp() override {
    s.edit(Method::post, "", R"({"simplebridge:simplebridge":[{"name":"b","ports":[{"name":"p1"},{"name":"p2"}]},
                                                              {"name":"c","ports":[{"name":"p1"}]}]})");
  }
  DataTree copy(const std::string& cube) { return std::move(*(*s.store.find(cube))->duplicate()); }
  static json get(const DataTree& tree, const std::string& path) {
    const auto text = print(tree, path, {});
    return text ? json::parse(*text) : json(text.error().message);
  }

  Store s;
};

const std::string br = "simplebridge:simplebridge=b";

TEST_F(State, LeafBelowTheCube) {
  DataTree tree = copy("b");
  ASSERT_TRUE(add_leaf(tree, "service-name", "simplebridge"));
  ASSERT_TRUE(add_leaf(tree, "ports[name='p1']/status", "UP"));
  EXPECT_EQ(get(tree, br + "/service-name")["simplebridge:service-name"], "simplebridge");
  EXPECT_EQ(get(tree, br + "/ports=p1/status")["simplebridge:status"], "UP");
  // Given again, it has the new value.
  ASSERT_TRUE(add_leaf(tree, "ports[name='p1']/status", "DOWN"));
  EXPECT_EQ(get(tree, br + "/ports=p1/status")["simplebridge:status"], "DOWN");
  // What runs does not have it.
  EXPECT_FALSE(print(**s.store.find("b"), br + "/service-name", {}));
}

TEST_F(State, ParentsAreMade) {
  DataTree tree = copy("b");
  ASSERT_TRUE(add_leaf(tree, "ports[name='p1']/statistics/in-pkts", "7"));
  EXPECT_EQ(get(tree, br + "/ports=p1/statistics")["simplebridge:statistics"]["in-pkts"], "7");
}

TEST_F(State, AbsolutePathInAnEmptyForest) {
  DataTree forest(s.store.schema());
  ASSERT_TRUE(add_leaf(forest, "/polycube:version/polycubed", "1.2"));
  ASSERT_TRUE(add_leaf(forest, "/polycube:services/service[name='x']/path", "/a"));
  EXPECT_EQ(get(forest, "polycube:version")["polycube:version"]["polycubed"], "1.2");
  EXPECT_EQ(get(forest, "polycube:services/service=x")["polycube:service"][0]["path"], "/a");
}

TEST_F(State, WhatTheModelDoesNotHaveIsRefused) {
  DataTree tree = copy("b");
  const auto name = add_leaf(tree, "no-such-leaf", "1");
  ASSERT_FALSE(name);
  EXPECT_EQ(name.error().code, ErrorCode::invalid_value);
  EXPECT_THAT(name.error().message, ::testing::HasSubstr("no-such-leaf"));
  const auto value = add_leaf(tree, "ports[name='p1']/status", "SIDEWAYS");
  ASSERT_FALSE(value);
  EXPECT_THAT(value.error().message, ::testing::HasSubstr("SIDEWAYS"));
  EXPECT_FALSE(print(tree, br + "/ports=p1/status", {}));
}

TEST_F(State, SeveralCubesInOneForest) {
  DataTree forest(s.store.schema());
  ASSERT_TRUE(append(forest, DataTree(s.store.schema())));
  EXPECT_TRUE(forest.empty());
  ASSERT_TRUE(append(forest, copy("b")));
  DataTree second = copy("c");
  ASSERT_TRUE(append(forest, std::move(second)));
  ASSERT_TRUE(add_leaf(forest, "/polycube:version/polycubed", "1.2"));
  EXPECT_EQ(get(forest, "simplebridge:simplebridge")["simplebridge:simplebridge"].size(), 2u);
  EXPECT_EQ(get(forest, "polycube:version")["polycube:version"]["polycubed"], "1.2");
}

TEST_F(State, KeysAreQuoted) {
  EXPECT_EQ(quote_key("p1"), "'p1'");
  EXPECT_EQ(quote_key("it's"), "\"it's\"");
  DataTree forest(s.store.schema());
  ASSERT_TRUE(add_leaf(forest, "/polycube:services/service[name=" + quote_key("it's") + "]/path", "/a"));
  EXPECT_EQ(get(forest, "polycube:services/service=it%27s/path")["polycube:path"], "/a");
}

}  // namespace
}  // namespace polycube::model
