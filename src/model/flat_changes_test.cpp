// SPDX-License-Identifier: Apache-2.0
#include "model/flat_changes.h"

#include "model/test_support.h"

namespace polycube::model {
namespace {

using control::Change;
using control::Changes;
using control::Leaves;
using ::testing::ElementsAre;

const std::shared_ptr<const Schema>& supplied_schema() {
  static const auto schema = [] {
    auto loaded = Schema::load(POLYCUBE_TEST_YANG_DIR, {test_module("supplied")});
    if (!loaded) throw std::runtime_error(loaded.error().message);
    for (const auto& failure : (*loaded)->failures()) throw std::runtime_error(failure.error.message);
    return *loaded;
  }();
  return schema;
}

const std::string cube = "supplied:supplied=c";

}  // namespace
}  // namespace polycube::model

namespace polycube::control {
void PrintTo(const Change& change, std::ostream* stream) {
  const auto side = [](const std::optional<Leaves>& leaves) {
    return leaves ? testing::PrintToString(*leaves) : std::string("-");
  };
  *stream << change.node << ' ' << testing::PrintToString(change.keys) << ' ' << side(change.before) << " > "
          << side(change.after);
}
}  // namespace polycube::control

namespace polycube::model {
namespace {

class FlatChanges : public ::testing::Test {
 protected:
  FlatChanges() : store(supplied_schema()) { (void)run(Method::post, "", R"({"supplied:supplied":[{"name":"c"}]})"); }

  /// What an edit, which is published, does to the cube.
  Changes run(Method method, const std::string& path, const std::string& body = {}) {
    auto candidate = store.edit(Edit{method, path, body, Format::json});
    if (!candidate) {
      ADD_FAILURE() << path << ' ' << body << ": " << candidate.error().message;
      return {};
    }
    Changes changes;
    for (const auto& [id, change] : candidate->changes) {
      changes = flat_changes(change.before.get(), change.after.get());
      const Changes back = flat_changes(change.after.get(), change.before.get());
      EXPECT_THAT(reversed(changes), ::testing::UnorderedElementsAreArray(back)) << path;
    }
    store.publish(*candidate);
    expect_restorable(store);
    return changes;
  }

  Datastore store;
};

TEST_F(FlatChanges, OfANewCubeEverythingIsCreatedOutermostFirst) {
  const Changes changes = run(Method::post, "", R"({"supplied:supplied":[{"name":"d","mode":"b","tag":["x"],
      "ports":[{"name":"p1"}],"vlan":[{"id":7,"member":[{"port":"p1"}]}]}]})");
  EXPECT_THAT(
      changes,
      ElementsAre(
          Change{"",
                 {},
                 {},
                 Leaves{{"loglevel", "INFO"}, {"mode", "b"}, {"shadow", "false"}, {"span", "false"}, {"type", "TC"}}},
          Change{"ports", {"p1"}, {}, Leaves{{"peer", ""}, {"pvid", "1"}}},  //
          Change{"tag", {"x"}, {}, Leaves{}},                                //
          Change{"fdb", {}, {}, Leaves{{"aging", "300"}}},                   //
          Change{"vlan", {"7"}, {}, Leaves{}},                               //
          Change{"vlan/stp", {"7"}, {}, Leaves{{"priority", "5"}}},
          Change{"vlan/member", {"7", "p1"}, {}, Leaves{{"tagged", "false"}}}));
}

TEST_F(FlatChanges, OnlyWhatDiffers) {
  (void)run(Method::post, cube, R"({"supplied:ports":[{"name":"p1"},{"name":"p2"}]})");
  EXPECT_THAT(
      run(Method::patch, cube + "/ports=p2/pvid", R"({"supplied:pvid":9})"),
      ElementsAre(Change{"ports", {"p2"}, Leaves{{"peer", ""}, {"pvid", "1"}}, Leaves{{"peer", ""}, {"pvid", "9"}}}));
  // Back to the default.
  EXPECT_THAT(
      run(Method::remove, cube + "/ports=p2/pvid"),
      ElementsAre(Change{"ports", {"p2"}, Leaves{{"peer", ""}, {"pvid", "9"}}, Leaves{{"peer", ""}, {"pvid", "1"}}}));
  EXPECT_THAT(run(Method::patch, cube + "/ports=p2/pvid", R"({"supplied:pvid":1})"), ElementsAre());
}

TEST_F(FlatChanges, DeletionsComeFirstAndInnermostFirst) {
  (void)run(Method::post, cube, R"({"supplied:vlan":[{"id":7,"member":[{"port":"a"},{"port":"b"}]},{"id":8}]})");
  EXPECT_THAT(
      run(Method::put, cube + "/vlan", R"({"supplied:vlan":[{"id":8,"label":"x"},{"id":9}]})"),
      ElementsAre(Change{"vlan/member", {"7", "b"}, Leaves{{"tagged", "false"}}, {}},
                  Change{"vlan/member", {"7", "a"}, Leaves{{"tagged", "false"}}, {}},
                  Change{"vlan/stp", {"7"}, Leaves{{"priority", "5"}}, {}}, Change{"vlan", {"7"}, Leaves{}, {}},  //
                  Change{"vlan", {"8"}, Leaves{}, Leaves{{"label", "x"}}}, Change{"vlan", {"9"}, {}, Leaves{}},   //
                  Change{"vlan/stp", {"9"}, {}, Leaves{{"priority", "5"}}}));
}

TEST_F(FlatChanges, WithoutDefaultsThereIsWhatWasSet) {
  (void)run(Method::post, cube, R"({"supplied:ports":[{"name":"p1","pvid":1}]})");
  const auto& tree = *store.find("c");
  EXPECT_THAT(flat_changes(nullptr, tree.get(), Leaf::set),
              ElementsAre(Change{"", {}, {}, Leaves{}}, Change{"ports", {"p1"}, {}, Leaves{{"pvid", "1"}}}));
}

TEST(DatastoreBody, NamesWhatTheModelDoesNotHave) {
  const auto refused = [](const CubeId& id, const Change& change) {
    const auto body = datastore_body(*supplied_schema(), {{id, {change}}});
    return body ? "" : body.error().message;
  };
  const CubeId c{"supplied", "c"};
  EXPECT_EQ(refused({"gone", "c"}, {"", {}, {}, Leaves{}}), "there is no service gone (of cube c)");
  EXPECT_EQ(refused(c, {"no", {}, {}, Leaves{}}), "the model of service supplied has no node no (in cube c)");
  EXPECT_EQ(refused(c, {"ports", {"p1"}, {}, Leaves{{"no", ""}}}),
            "the model of service supplied has no node ports/no (in cube c)");
  EXPECT_EQ(refused(c, {"ports", {}, {}, Leaves{}}), "the model of service supplied has no node ports (in cube c)");
  EXPECT_EQ(refused(c, {"ports", {"a", "b"}, {}, Leaves{}}),
            "the model of service supplied has no node ports (in cube c)");
}

TEST_F(FlatChanges, TheReverseHasTheSameOrder) {
  const Changes changes{{"e/f", {}, Leaves{{"x", "1"}}, {}},
                        {"e", {}, Leaves{}, {}},
                        {"c", {}, {}, Leaves{}},
                        {"a", {}, Leaves{{"x", "1"}}, Leaves{{"x", "2"}}},
                        {"c/d", {}, {}, Leaves{}},
                        {"a/b", {}, Leaves{}, Leaves{{"x", "2"}}}};
  std::vector<std::string> nodes;
  for (const Change& change : reversed(changes)) nodes.push_back(change.node);
  EXPECT_THAT(nodes, ElementsAre("c/d", "c", "a", "a/b", "e", "e/f"));
  EXPECT_EQ(reversed(changes)[2].before, changes[3].after);
  EXPECT_EQ(reversed(changes)[0].after, std::nullopt);
}

TEST_F(FlatChanges, ValuesOfLeafListsAreKeys) {
  (void)run(Method::patch, cube, R"({"supplied:supplied":[{"name":"c","tag":["x","y"]}]})");
  EXPECT_THAT(run(Method::put, cube + "/tag", R"({"supplied:tag":["y","z"]})"),
              ElementsAre(Change{"tag", {"x"}, Leaves{}, {}}, Change{"tag", {"z"}, {}, Leaves{}}));
}

TEST_F(FlatChanges, ContainersWithoutPresenceAreThereWithTheirParent) {
  EXPECT_THAT(run(Method::put, cube + "/outer/inner/x", R"({"supplied:x":"1"})"),
              ElementsAre(Change{"outer/inner", {}, Leaves{}, Leaves{{"x", "1"}}}));
  EXPECT_THAT(run(Method::remove, cube + "/outer"),
              ElementsAre(Change{"outer/inner", {}, Leaves{{"x", "1"}}, Leaves{}}));
  EXPECT_THAT(run(Method::put, cube + "/on", R"({"supplied:on":{}})"), ElementsAre(Change{"on", {}, {}, Leaves{}}));
  EXPECT_THAT(run(Method::remove, cube + "/on"), ElementsAre(Change{"on", {}, Leaves{}, {}}));
}

TEST_F(FlatChanges, OfADeletedCubeEverything) {
  const Changes changes = run(Method::remove, cube);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].node, "fdb");
  EXPECT_EQ(changes[1].node, "");
  EXPECT_FALSE(changes[1].after);
  EXPECT_THAT(flat_changes(nullptr, nullptr), ElementsAre());
}

TEST_F(FlatChanges, OfALongListOnlyWhatTheEditTouchesIsLookedAt) {
  std::string entries;
  for (int i = 0; i < 1000; i++) entries += (i > 0 ? "," : "") + fmt::format(R"({{"address":"a{}","port":"p"}})", i);
  (void)run(Method::patch, cube + "/fdb", R"({"supplied:fdb":{"entry":[)" + entries + "]}}");
  auto candidate =
      store.edit(Edit{Method::patch, cube + "/fdb/entry=a7/port", R"({"supplied:port":"q"})", Format::json});
  ASSERT_TRUE(candidate);
  const auto& change = candidate->changes.begin()->second;
  EXPECT_EQ(rows(*change.after, supplied_schema()->service("supplied")->bindings.at(0)).size(), 1u);
  EXPECT_THAT(flat_changes(change.before.get(), change.after.get()),
              ElementsAre(Change{"fdb/entry", {"a7"}, Leaves{{"port", "p"}}, Leaves{{"port", "q"}}}));
  EXPECT_THAT(run(Method::remove, cube + "/fdb/entry=a8"),
              ElementsAre(Change{"fdb/entry", {"a8"}, Leaves{{"port", "p"}}, {}}));
}

// ---- the other way: what a control plane supplies --------------------------------------------------------------------

TEST(SuppliedState, NodesAreThoseThatTheModelMarks) {
  const ServiceModel& service = *supplied_schema()->service("supplied");
  std::vector<std::pair<std::string, bool>> nodes;
  for (const StateNode& node : service.states)
    nodes.emplace_back(fmt::format("{}", fmt::join(node.path, "/")), node.entries);
  EXPECT_THAT(nodes,
              ::testing::UnorderedElementsAre(std::pair("ports", false), std::pair("", false), std::pair("fdb", false),
                                              std::pair("fdb/entry", false), std::pair("vlan/stp", false),
                                              std::pair("route", true), std::pair("route/flag", true)));
  // What is supplied is not in the table.
  EXPECT_EQ(service.bindings.at(0).leaves.size(), 2u);
}

TEST(Invocation, EntriesAreNumberedAndKeysAreThoseOfThePath) {
  const Schema& schema = *supplied_schema();
  const auto input =
      parse_input(schema, "supplied:supplied=c/compute",
                  R"({"supplied:input":{"number":[3,4],"pair":[{"a":"x","in":{"b":"y"}},{"a":"z"}]}})", Format::json);
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_EQ(input->node, "compute");
  EXPECT_THAT(input->keys, ElementsAre());
  EXPECT_EQ(input->leaves,
            (Leaves{{"number/0", "3"}, {"number/1", "4"}, {"pair/0/a", "x"}, {"pair/0/in/b", "y"}, {"pair/1/a", "z"}}));
  const auto inner = parse_input(schema, "supplied:supplied=c/room=a%2Cb/clean", "", Format::json);
  ASSERT_TRUE(inner) << inner.error().message;
  EXPECT_EQ(inner->node, "room/clean");
  EXPECT_THAT(inner->keys, ElementsAre("a,b"));
}

TEST_F(FlatChanges, AnActionOfAnEntryNeedsTheEntry) {
  const auto missing = [&](const std::string& path) {
    const auto target = resolve(*supplied_schema(), path);
    return *missing_entry(**store.find("c"), *target);
  };
  EXPECT_EQ(missing(cube + "/room=r/clean"), cube + "/room=r");
  (void)run(Method::post, cube, R"({"supplied:room":[{"name":"r"}]})");
  EXPECT_EQ(missing(cube + "/room=r/clean"), std::nullopt);
  EXPECT_EQ(missing(cube + "/compute"), std::nullopt);
  EXPECT_EQ(missing(cube + "/route=n,h"), std::nullopt) << "the control plane may have it";
}

}  // namespace
}  // namespace polycube::model
