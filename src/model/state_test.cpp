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

class SuppliedState : public ::testing::Test {
 protected:
  SuppliedState() : store(load()) {
    auto candidate = store.edit(Edit{Method::post, "", R"({"supplied:supplied":[{"name":"c","ports":[{"name":"p1"}],
        "route":[{"network":"n","hop":"h"}],"vlan":[{"id":7}]}]})",
                                     Format::json});
    if (!candidate) throw std::runtime_error(candidate.error().message);
    store.publish(*candidate);
    tree = std::make_unique<DataTree>(std::move(*(*store.find("c"))->duplicate()));
  }

  static std::shared_ptr<const Schema> load() {
    auto loaded = Schema::load(POLYCUBE_TEST_YANG_DIR, {test_module("supplied")});
    if (!loaded) throw std::runtime_error(loaded.error().message);
    return *loaded;
  }

  Result<> add(const std::vector<std::string>& path, const control::Rows& rows) {
    for (const StateNode& node : store.schema()->service("supplied")->states)
      if (node.path == path) return add_state(*tree, node, rows);
    return fail(ErrorCode::unknown_element, "not marked");
  }
  json get(const std::string& path) const {
    const auto text = print(*tree, "supplied:supplied=c" + path, {});
    return text ? json::parse(*text) : json(text.error().message);
  }

  Datastore store;
  std::unique_ptr<DataTree> tree;
};

TEST_F(SuppliedState, LeavesOfWhatIsThere) {
  ASSERT_TRUE(add({}, {{{}, {{"uptime", "5"}, {"mode", "not the configured one"}}}}));
  EXPECT_EQ(get("/uptime")["supplied:uptime"], 5);
  EXPECT_EQ(get("/mode")["supplied:mode"], "a");
  ASSERT_TRUE(add({"ports"}, {{{"p1"}, {{"role", "root"}}}, {{"p9"}, {{"role", "none"}}}}));
  EXPECT_EQ(get("/ports=p1/role")["supplied:role"], "root");
  EXPECT_EQ(get("/ports")["supplied:ports"].size(), 1u) << "a port is not made by its state";
  ASSERT_TRUE(add({"vlan", "stp"}, {{{"7"}, {{"root", "r"}}}, {{"8"}, {{"root", "r"}}}}));
  EXPECT_EQ(get("/vlan")["supplied:vlan"].size(), 1u);
  EXPECT_EQ(get("/vlan=7/stp")["supplied:stp"], json::parse(R"({"priority":5,"root":"r"})"));
}

TEST_F(SuppliedState, EntriesBesideTheConfiguredOnes) {
  ASSERT_TRUE(add({"route"}, {{{"n", "h"}, {{"cost", "9"}, {"interface", "i"}}},
                              {{"m", "local"}, {{"cost", "0"}, {"interface", "j"}}},
                              {{"m", "local"}, {{"interface", "k"}}}}));
  EXPECT_EQ(get("/route=n,h")["supplied:route"][0],
            json::parse(R"({"network":"n","hop":"h","cost":1,"interface":"i"})"));
  EXPECT_EQ(get("/route=m,local")["supplied:route"][0],
            json::parse(R"({"network":"m","hop":"local","cost":0,"interface":"k"})"));
  ASSERT_TRUE(
      add({"route", "flag"}, {{{"m", "local", "up"}, {}}, {{"m", "local", "host"}, {}}, {{"x", "y", "up"}, {}}}));
  EXPECT_EQ(get("/route=m,local/flag")["supplied:flag"], json::parse(R"(["up","host"])"));
  EXPECT_EQ(get("/route")["supplied:route"].size(), 2u);
}

TEST_F(SuppliedState, WhatTheModelDoesNotHaveIsAnError) {
  EXPECT_ERROR(add({"ports"}, {{{}, {}}}).error(), invalid_value, "the state of ports has a row with 0 keys", "");
  EXPECT_ERROR(add({"ports"}, {{{"p1", "p2"}, {}}}).error(), invalid_value, "a row with 2 keys (p1, p2)", "");
  EXPECT_ERROR(add({"ports"}, {{{"p1"}, {{"color", "red"}}}}).error(), invalid_value, "a leaf color", "");
  EXPECT_ERROR(add({"ports"}, {{{"p1"}, {{"name", "red"}}}}).error(), invalid_value, "a leaf name", "");
  EXPECT_ERROR(add({}, {{{}, {{"uptime", "long"}}}}).error(), invalid_value, "long", "");
}

}  // namespace
}  // namespace polycube::model
