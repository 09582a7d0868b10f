// SPDX-License-Identifier: Apache-2.0
#include "model/data_tree.h"

#include <set>

#include "model/test_support.h"

namespace polycube::model {
namespace {

using nlohmann::json;

const std::string br = "simplebridge:simplebridge=b";
const std::string at = "alltypes:alltypes=a";

class Trees : public ::testing::Test {
 protected:
  void SetUp() override {
    s.edit(Method::post, "", R"({
      "simplebridge:simplebridge": [{"name": "b", "ports": [{"name": "p1"}, {"name": "p2"}],
        "fdb": {"entry": [{"address": "02:00:00:00:00:0A", "port": "p1"}, {"address": "02:00:00:00:00:02", "port": "p2"}]}}],
      "alltypes:alltypes": [{"name": "a", "ports": [{"name": "p1"}], "backends": [
        {"vip": "10.0.0.1", "port": 80, "proto": "tcp", "out": "p1", "pool": [{"address": "::1"}, {"address": "::2", "weight": 9}]},
        {"vip": "10.0.0.1", "port": 80, "proto": "udp", "pool": [{"address": "::1"}]}]}]})");
  }
  [[nodiscard]] const DataTree& tree(const std::string& cube) const { return **s.store.find(cube); }
  RowChanges diff(const Candidate& candidate, const TableBinding& bound) {
    const auto& change = candidate.changes.begin()->second;
    return changes(change.before.get(), change.after.get(), bound);
  }
  Store s;
};

TEST_F(Trees, RowsOfAList) {
  const auto all = rows(tree("b"), binding("simplebridge", "fdb"));
  EXPECT_EQ(all,
            (std::vector<Row>{{"02:00:00:00:00:0a", "p1", std::nullopt}, {"02:00:00:00:00:02", "p2", std::nullopt}}));
}

TEST_F(Trees, RowsOfANestedList) {
  EXPECT_EQ(rows(tree("a"), binding("alltypes", "pool")), (std::vector<Row>{{"10.0.0.1", "80", "tcp", "::1", "1"},
                                                                            {"10.0.0.1", "80", "tcp", "::2", "9"},
                                                                            {"10.0.0.1", "80", "udp", "::1", "1"}}));
}

TEST_F(Trees, RowsOfALeafAndAContainer) {
  EXPECT_EQ(rows(tree("b"), binding("simplebridge", "settings")), (std::vector<Row>{{"300"}}));
  EXPECT_EQ(rows(tree("a"), binding("alltypes", "settings")), (std::vector<Row>{{"7", std::nullopt, std::nullopt}}));
}

TEST_F(Trees, ChangesOfAnEdit) {
  const auto& fdb = binding("simplebridge", "fdb");
  const auto candidate = s.edit(Method::put, br + "/fdb", R"({"simplebridge:fdb":{"aging-time":5,"entry":[
      {"address":"02:00:00:00:00:02","port":"p1"},{"address":"02:00:00:00:00:03","port":"p1"}]}})");
  const auto change = diff(candidate, fdb);
  EXPECT_EQ(change.removed, (std::vector<Row>{{"02:00:00:00:00:0a", "p1", std::nullopt}}));
  EXPECT_EQ(change.written,
            (std::vector<Row>{{"02:00:00:00:00:02", "p1", std::nullopt}, {"02:00:00:00:00:03", "p1", std::nullopt}}));
  const auto settings = diff(candidate, binding("simplebridge", "settings"));
  EXPECT_EQ(settings.written, (std::vector<Row>{{"5"}}));
  EXPECT_TRUE(settings.removed.empty());
  // An edit of something else changes no row.
  EXPECT_TRUE(diff(s.edit(Method::patch, br + "/loglevel", R"({"simplebridge:loglevel":"OFF"})"), fdb).empty());
}

TEST_F(Trees, ChangesOfNestedLists) {
  const auto& pool = binding("alltypes", "pool");
  const auto change = diff(s.edit(Method::remove, at + "/backends=10.0.0.1,80,tcp"), pool);
  EXPECT_EQ(change.removed.size(), 2u);
  EXPECT_TRUE(change.written.empty());
  const auto written =
      diff(s.edit(Method::patch, at + "/backends=10.0.0.1,80,udp/pool=::1/weight", R"({"alltypes:weight":3})"), pool);
  EXPECT_EQ(written.written, (std::vector<Row>{{"10.0.0.1", "80", "udp", "::1", "3"}}));
}

TEST_F(Trees, ChangesOfCreatedAndDeletedCubes) {
  const auto& fdb = binding("simplebridge", "fdb");
  EXPECT_EQ(changes(nullptr, &tree("b"), fdb).written.size(), 2u);
  EXPECT_EQ(changes(&tree("b"), nullptr, fdb).removed.size(), 2u);
  EXPECT_TRUE(changes(nullptr, nullptr, fdb).empty());
  EXPECT_TRUE(changes(&tree("b"), &tree("b"), fdb).empty());
}

TEST_F(Trees, AddsRows) {
  auto copy = tree("b").duplicate();
  ASSERT_TRUE(copy);
  const auto& fdb = binding("simplebridge", "fdb");
  ASSERT_TRUE(add_rows(
      *copy, fdb,
      {{"02:00:00:00:00:0a", "p2", "7"}, {"02:00:00:00:00:99", "p2", "8"}, {"02:00:00:00:00:98", "p1", std::nullopt}}));
  EXPECT_EQ(rows(*copy, fdb), (std::vector<Row>{{"02:00:00:00:00:0a", "p1", "7"},
                                                {"02:00:00:00:00:02", "p2", std::nullopt},
                                                {"02:00:00:00:00:99", "p2", "8"},
                                                {"02:00:00:00:00:98", "p1", std::nullopt}}));
  EXPECT_EQ(rows(tree("b"), fdb).size(), 2u);  // the original is as it was
  EXPECT_FALSE(add_rows(*copy, fdb, {{"no mac", "p1", std::nullopt}}));
  EXPECT_FALSE(add_rows(*copy, fdb, {{std::nullopt, "p1", std::nullopt}}));
  EXPECT_FALSE(add_rows(*copy, fdb, {{"02:00:00:00:00:97"}}));
}

TEST_F(Trees, AddsRowsBelowNewParents) {
  auto copy = tree("a").duplicate();
  const auto& pool = binding("alltypes", "pool");
  ASSERT_TRUE(add_rows(*copy, pool, {{"10.0.0.9", "1", "tcp", "::9", "4"}, {"10.0.0.1", "80", "udp", "::7", "5"}}));
  EXPECT_EQ(rows(*copy, pool).size(), 5u);
  EXPECT_EQ(rows(*copy, binding("alltypes", "backends")).size(), 3u);
  ASSERT_TRUE(add_rows(*copy, binding("alltypes", "settings"), {{"99", "fast", "5"}}));
  EXPECT_EQ(rows(*copy, binding("alltypes", "settings")), (std::vector<Row>{{"7", "fast", "5"}}));
}

TEST_F(Trees, ManyRows) {
  auto copy = tree("b").duplicate();
  const auto& fdb = binding("simplebridge", "fdb");
  std::vector<Row> many;
  for (int i = 0; i < 20000; ++i)
    many.push_back({fmt::format("06:00:00:00:{:02x}:{:02x}", i / 256, i % 256), "p1", std::to_string(i)});
  ASSERT_TRUE(add_rows(*copy, fdb, many));
  ASSERT_TRUE(add_rows(*copy, fdb, many));
  EXPECT_EQ(rows(*copy, fdb).size(), 20002u);
  EXPECT_EQ(changes(&tree("b"), &*copy, fdb).written.size(), 20000u);
}

TEST_F(Trees, LeafByPath) {
  EXPECT_EQ(leaf(tree("b"), {"name"}), "b");
  EXPECT_EQ(leaf(tree("b"), {"fdb", "aging-time"}), "300");
  EXPECT_EQ(leaf(tree("b"), {"uuid"}), std::nullopt);
  EXPECT_EQ(leaf(tree("b"), {"fdb"}), std::nullopt);
  EXPECT_EQ(leaf(tree("b"), {"nope", "x"}), std::nullopt);
  EXPECT_EQ(leaf(tree("b"), {}), std::nullopt);
  EXPECT_EQ(leaf(DataTree(test_schema()), {"name"}), std::nullopt);
}

TEST_F(Trees, DuplicateIsIndependent) {
  auto copy = tree("b").duplicate();
  ASSERT_TRUE(copy);
  ASSERT_TRUE(add_rows(*copy, binding("simplebridge", "fdb"), {{"02:00:00:00:00:99", "p1", std::nullopt}}));
  DataTree moved = std::move(*copy);
  EXPECT_EQ(rows(moved, binding("simplebridge", "fdb")).size(), 3u);
  EXPECT_TRUE(DataTree(test_schema()).duplicate()->empty());
}

}  // namespace
}  // namespace polycube::model
