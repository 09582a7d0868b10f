// SPDX-License-Identifier: Apache-2.0
// The entries of a standalone list are left out of a transaction that does not touch them; nobody must be able to tell.
// So whatever is done to such a list is done to its twin as well, which a condition keeps from being left out.
#include "model/working_copy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "model/test_support.h"

namespace polycube::model {
namespace {

using nlohmann::json;

const std::shared_ptr<const Schema>& twins_schema() {
  static const auto schema = [] {
    auto loaded = Schema::load(POLYCUBE_TEST_YANG_DIR, {test_module("twins"), test_module("annex"), test_module("axis"),
                                                        cube_module("simplebridge"), cube_module("pbforwarder")});
    if (!loaded) throw std::runtime_error(loaded.error().message);
    for (const auto& failure : (*loaded)->failures()) throw std::runtime_error(failure.error.message);
    return *loaded;
  }();
  return schema;
}

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

/// The order of entries has no meaning, except in the list that is `ordered-by user`.
json sorted(json value, const std::string& name = {}) {
  for (auto& [key, element] : value.items()) {
    if (element.is_structured()) element = sorted(element, key);
  }
  if (value.is_array() && name != "rank") std::sort(value.begin(), value.end());
  return value;
}

const std::string cube = "twins:twins=t";

/// One side: the edits name "LIST", which is "alone" or "watched".
class Twin {
 public:
  explicit Twin(std::string name) : name_(std::move(name)), store_(twins_schema()) {
    (void)run(
        {{Method::post, "", R"({"twins:twins":[{"name":"t","ports":[{"name":"p0"},{"name":"p1"},{"name":"p2"}]}]})",
          Format::json}});
  }

  /// What came of it, as text that does not tell which twin it is.
  std::string run(std::vector<Edit> edits) {
    for (auto& edit : edits) {
      edit.path = replace_all(edit.path, "LIST", name_);
      edit.body = replace_all(edit.body, "LIST", name_);
    }
    const std::string running = print_all();
    auto candidate = store_.edit(edits);
    EXPECT_EQ(print_all(), running) << "an edit changed what runs before it was published";
    // Which of several faults is named depends on the order of the entries.
    if (!candidate) return "refused " + running;
    std::string outcome = fmt::format("created {} {} changes {} ", candidate->created, anonymous(candidate->location),
                                      candidate->changes.size());
    for (const auto& [id, change] : candidate->changes) outcome += rows_text(change);
    store_.publish(*candidate);
    return outcome + print_all();
  }

  [[nodiscard]] bool uses_selections() const {
    const auto candidate = store_.edit(Edit{Method::patch, cube + "/last", R"({"twins:last":"probe"})", Format::json});
    if (!candidate) return false;
    return rows(*candidate->changes.begin()->second.after, table()).size() < rows(**store_.find("t"), table()).size();
  }

 private:
  [[nodiscard]] const TableBinding& table() const {
    for (const auto& bound : twins_schema()->service("twins")->bindings) {
      if (bound.table == name_) return bound;
    }
    throw std::runtime_error("no table " + name_);
  }

  [[nodiscard]] std::string anonymous(const std::string& text) const { return replace_all(text, name_, "LIST"); }

  [[nodiscard]] std::string rows_text(const Candidate::Change& change) const {
    const RowChanges difference = changes(change.before.get(), change.after.get(), table());
    std::vector<std::string> texts;
    for (const auto& [sign, list] : {std::pair('-', &difference.removed), std::pair('+', &difference.written)}) {
      for (const Row& row : *list) {
        std::string text(1, sign);
        for (const auto& cell : row) text += cell.value_or("?") + ",";
        texts.push_back(text);
      }
    }
    std::sort(texts.begin(), texts.end());
    return fmt::format("{} ", fmt::join(texts, " "));
  }

  [[nodiscard]] std::string print_all() const {
    std::string text;
    const CubeTree* tree = store_.find("t");
    if (!tree) return "none";
    for (const auto defaults : {WithDefaults::report_all, WithDefaults::trim, WithDefaults::explicit_}) {
      ReadOptions options;
      options.with_defaults = defaults;
      auto printed = print(**tree, cube, options);
      if (!printed) return printed.error().message;
      json value = json::parse(*printed)["twins:twins"][0];
      value.erase(name_ == "alone" ? "watched" : "alone");
      text += sorted(json::parse(anonymous(value.dump()))).dump() + '\n';
    }
    return text;
  }

  std::string name_;
  Datastore store_;
};

class Dice {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}
  unsigned roll(unsigned sides) { return static_cast<unsigned>(random_() % sides); }
  std::string port() { return fmt::format("p{}", roll(4)); }
  std::string key() { return fmt::format("{},{}", roll(5), roll(2)); }

  json entry(bool with_keys) {
    json result = json::object();
    if (with_keys) result = {{"id", roll(5)}, {"vlan", roll(2)}};
    if (roll(3) == 0) result["port"] = port();
    if (roll(8) == 0) result["guard"] = port();
    if (roll(3) == 0) result["weight"] = roll(3);
    if (roll(6) == 0) result["fixed"] = fmt::format("f{}", roll(2));
    if (roll(6) == 0) result["more"] = roll(4) == 0 ? json::object() : json{{"text", "x"}};
    if (roll(4) == 0) result["inner"] = {{{"name", "i"}, {"port", port()}}, {{"name", fmt::format("j{}", roll(2))}}};
    return result;
  }

  json entries() {
    json list = json::array();
    for (unsigned i = roll(4); i > 0; --i) list.push_back(entry(true));
    return list;
  }

  json ranks() {
    json list = json::array();
    std::vector<unsigned> keys{1, 2, 3, 4};
    std::shuffle(keys.begin(), keys.end(), random_);
    keys.resize(roll(5));
    for (const unsigned key : keys) list.push_back({{"k", key}});
    if (!list.empty() && roll(3) == 0) list[0]["port"] = port();
    return list;
  }

  json container() {
    json result = json::object();
    if (roll(3) == 0) result["rank"] = ranks();
    if (roll(2)) result["entry"] = entries();
    if (roll(3) == 0) result["aging"] = roll(2) ? 300 : 5;
    return result;
  }

  Edit edit() {
    const std::string box = cube + "/LIST";
    const std::string one = box + "/entry=" + key();
    const auto make = [](Method method, const std::string& path, const json& body) {
      return Edit{method, path, body.is_null() ? "" : body.dump(), Format::json};
    };
    const auto wrap = [](const std::string& name, json value) { return json{{"twins:" + name, std::move(value)}}; };
    switch (roll(25)) {
      case 0:
      case 1: return make(Method::post, box, wrap("entry", entries()));
      case 2: return make(Method::patch, one, wrap("entry", json::array({entry(false)})));
      case 3: return make(Method::put, one, wrap("entry", json::array({entry(false)})));
      case 4: return make(Method::remove, one, nullptr);
      case 5: return make(Method::put, box + "/entry", wrap("entry", entries()));
      case 6: return make(Method::remove, box + (roll(3) ? "/entry" : ""), nullptr);
      case 7: return make(roll(2) ? Method::put : Method::patch, box, wrap("LIST", container()));
      case 8: return make(Method::patch, box + "/entry", wrap("entry", entries()));
      case 9: return make(Method::remove, cube + "/ports=" + port(), nullptr);
      case 10:
      case 11:
      case 12: {
        const std::string name = port();
        return make(Method::put, cube + "/ports=" + name, wrap("ports", {{{"name", name}, {"peer", port()}}}));
      }
      case 13: return make(Method::patch, cube, wrap("twins", {{{"name", "t"}, {"LIST", container()}}}));
      case 14: return make(Method::patch, one + "/port", wrap("port", port()));
      case 15: return make(Method::remove, one + (roll(2) ? "/weight" : "/port"), nullptr);
      case 16: return make(Method::put, one + "/inner=i", wrap("inner", {{{"name", "i"}, {"port", port()}}}));
      case 17: return make(Method::post, cube, wrap("LIST", container()));
      case 18: return make(Method::patch, box + "/aging", wrap("aging", roll(2) ? 300 : 7));
      case 19: return make(Method::remove, box + "/aging", nullptr);
      case 20: return make(Method::patch, cube + "/last", wrap("last", port()));
      case 21:
      case 22: return make(Method::put, box + "/rank", wrap("rank", ranks()));
      case 23: return make(Method::post, box, wrap("rank", ranks()));
      case 24: return make(Method::remove, box + fmt::format("/rank={}", 1 + roll(4)), nullptr);
      default:
        if (roll(6)) return make(Method::remove, one + "/inner", nullptr);
        return make(Method::put, cube,
                    wrap("twins", {{{"name", "t"}, {"LIST", container()}, {"ports", {{{"name", port()}}}}}}));
    }
  }

 private:
  std::mt19937 random_;
};

TEST(WorkingCopy, NobodyCanTellWhatWasLeftOut) {
  Twin alone("alone");
  Twin watched("watched");
  Dice dice(7);
  bool left_out = false;
  unsigned accepted = 0;
  for (unsigned i = 0; i < 4000; ++i) {
    std::vector<Edit> edits;
    for (unsigned n = 1 + dice.roll(3) / 2 * dice.roll(3); n > 0; --n) edits.push_back(dice.edit());
    const std::string mine = alone.run(edits);
    ASSERT_EQ(mine, watched.run(edits)) << i << ": " << edits[0].path << ' ' << edits[0].body;
    left_out = left_out || alone.uses_selections();
    accepted += mine.starts_with("created");
    ASSERT_FALSE(watched.uses_selections());
  }
  EXPECT_TRUE(left_out);
  EXPECT_GT(accepted, 1000u);
}

TEST(WorkingCopy, TheOrderThatAUserGivesIsWhatRuns) {
  for (const char* name : {"alone", "watched"}) {
    Twin twin(name);
    const auto put = [&](const std::string& ranks) {
      return twin.run({{Method::put, cube + "/LIST/rank", R"({"twins:rank":)" + ranks + "}", Format::json}});
    };
    (void)put(R"([{"k":1},{"k":2},{"k":3}])");
    EXPECT_THAT(put(R"([{"k":3},{"k":1},{"k":2}])"), ::testing::HasSubstr(R"("rank":[{"k":3},{"k":1},{"k":2}])"));
  }
}

/// A list that another module puts into the cube.
class Annex : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = store.edit(
        Edit{Method::post, "",
             R"({"twins:twins":[{"name":"t","ports":[{"name":"p0"},{"name":"p1"},{"name":"p2"}],"annex:annex":{
                  "entry":[{"id":1,"port":"p0"},{"id":2,"port":"p1"},{"id":3,"guard":"p2"}]}}]})",
             Format::json});
    ASSERT_TRUE(made) << made.error().message;
    store.publish(*made);
  }

  static std::size_t entries(const DataTree& tree) {
    const auto printed = print(tree, cube + "/annex:annex", {});
    return printed ? json::parse(*printed)["annex:annex"]["entry"].size() : 0;
  }

  Datastore store{twins_schema()};
};

TEST_F(Annex, EntriesOfAnotherModuleFollowThePort) {
  auto removed = store.edit(Edit{Method::remove, cube + "/ports=p0", "", Format::json});
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(entries(*removed->changes.begin()->second.before), 1u);
  EXPECT_EQ(entries(*removed->changes.begin()->second.after), 0u);
  store.publish(*removed);
  EXPECT_EQ(entries(**store.find("t")), 2u);
}

TEST_F(Annex, EntriesOfAnotherModuleHoldThePort) {
  const auto refused = store.edit(Edit{Method::remove, cube + "/ports=p2", "", Format::json});
  ASSERT_FALSE(refused);
  EXPECT_ERROR(refused.error(), in_use, "port p2 is used by entry '3'", cube + "/ports=p2");
}

TEST(Standalone, AnEntryFulfilsItsOwnConditions) {
  Datastore store(twins_schema());
  const auto edit = [&](Method method, const std::string& path, const std::string& body) {
    auto candidate = store.edit(Edit{method, path, body, Format::json});
    if (candidate) store.publish(*candidate);
    return static_cast<bool>(candidate);
  };
  ASSERT_TRUE(edit(Method::post, "", R"({"twins:twins":[{"name":"t","own":[{"k":1,"v":2},{"k":2}]}]})"));
  EXPECT_FALSE(edit(Method::post, cube, R"({"twins:own":[{"k":3,"v":3}]})"));
  EXPECT_FALSE(edit(Method::post, cube, R"({"twins:own":[{"k":3,"v":7}]})"));
  EXPECT_FALSE(edit(Method::patch, cube + "/own=1/v", R"({"twins:v":1})"));
  EXPECT_TRUE(edit(Method::patch, cube + "/own=2/v", R"({"twins:v":9})"));
  EXPECT_FALSE(edit(Method::put, cube + "/own", R"({"twins:own":[{"k":1,"v":2},{"k":5,"v":4}]})"));
  EXPECT_TRUE(edit(Method::patch, cube + "/last", R"({"twins:last":"x"})"));
}

TEST(Standalone, AddingAnEntryThatExistsReplacesIt) {
  Datastore store(twins_schema());
  const auto add = [&](const std::string& path, const std::string& body) {
    auto candidate = store.edit(Edit{Method::post, path, body, Format::json});
    if (candidate) store.publish(*candidate);
    return candidate ? "" : candidate.error().message;
  };
  ASSERT_EQ(add("", R"({"twins:twins":[{"name":"t","own":[{"k":1,"v":2},{"k":2}]}]})"), "");
  EXPECT_EQ(add(cube, R"({"twins:own":[{"k":1}]})"), "");
  EXPECT_EQ(add(cube, R"({"twins:own":[{"k":2,"v":9},{"k":3}]})"), "");
  const auto printed = print(**store.find("t"), cube + "/own", {});
  ASSERT_TRUE(printed);
  EXPECT_EQ(sorted(json::parse(*printed)), json::parse(R"({"twins:own":[{"k":1},{"k":2,"v":9},{"k":3}]})"));
  EXPECT_EQ(add(cube, R"({"twins:own":[{"k":4},{"k":4}]})"), "own '4' is given twice");
  EXPECT_EQ(add(cube, R"({"twins:own":[{"k":1,"v":1}]})").find("exists"), std::string::npos)
      << "refused by its condition";
  EXPECT_NE(add(cube, R"({"twins:own":[{"k":1,"v":1}]})"), "");
}

class Bridge : public ::testing::Test {
 protected:
  static constexpr unsigned size = 10'000;

  void SetUp() override {
    json entries = json::array();
    for (unsigned i = 0; i < size; ++i) entries.push_back({{"address", address(i)}, {"port", i % 100 ? "p1" : "p2"}});
    const json bridge = {{"name", "b"}, {"ports", {{{"name", "p1"}}, {{"name", "p2"}}}}, {"fdb", {{"entry", entries}}}};
    auto made = edit(Method::post, "", json{{"simplebridge:simplebridge", {bridge}}}.dump());
    store.publish(made);
  }

  static std::string address(unsigned i) { return fmt::format("02:00:00:00:{:02x}:{:02x}", i >> 8, i & 255); }

  Candidate edit(Method method, const std::string& path, const std::string& body) {
    auto candidate = store.edit(Edit{method, path, body, Format::json});
    if (!candidate) throw std::runtime_error(candidate.error().message);
    return std::move(*candidate);
  }

  static const TableBinding& fdb() {
    for (const auto& bound : twins_schema()->service("simplebridge")->bindings) {
      if (bound.table == "fdb") return bound;
    }
    throw std::runtime_error("no table fdb");
  }
  static std::size_t entries(const CubeTree& tree) { return rows(*tree, fdb()).size(); }

  const std::string br = "simplebridge:simplebridge=b";
  Datastore store{twins_schema()};
};

TEST_F(Bridge, AChangeHoldsOnlyWhatItTouches) {
  const auto peer = edit(Method::patch, br + "/ports=p1/peer", R"({"simplebridge:peer":"x"})");
  EXPECT_EQ(entries(peer.changes.begin()->second.before), 0u);
  EXPECT_EQ(entries(peer.changes.begin()->second.after), 0u);

  const auto added =
      edit(Method::post, br + "/fdb", R"({"simplebridge:entry":[{"address":"0a:00:00:00:00:01","port":"p1"}]})");
  EXPECT_EQ(entries(added.changes.begin()->second.before), 0u);
  EXPECT_EQ(entries(added.changes.begin()->second.after), 1u);

  const auto changed = edit(Method::patch, br + "/fdb/entry=" + address(7) + "/port", R"({"simplebridge:port":"p2"})");
  EXPECT_EQ(entries(changed.changes.begin()->second.before), 1u);
  EXPECT_EQ(entries(changed.changes.begin()->second.after), 1u);

  // Those that follow the port, and no others.
  const auto removed = edit(Method::remove, br + "/ports=p2", "");
  EXPECT_EQ(entries(removed.changes.begin()->second.before), size / 100);
  EXPECT_EQ(entries(removed.changes.begin()->second.after), 0u);
  EXPECT_EQ(entries(*store.find("b")), size);
}

TEST_F(Bridge, EntriesStayInTheirPlace) {
  const auto before = rows(**store.find("b"), fdb());
  auto changed = edit(Method::patch, br + "/fdb/entry=" + address(7) + "/port", R"({"simplebridge:port":"p2"})");
  store.publish(changed);
  auto after = rows(**store.find("b"), fdb());
  EXPECT_EQ(after[7][1], "p2");
  after[7][1] = "p1";
  EXPECT_EQ(after, before);
}

TEST_F(Bridge, WhatSomebodyHoldsDoesNotChange) {
  const CubeTree held = *store.find("b");
  auto changed = edit(Method::remove, br + "/fdb/entry=" + address(7), "");
  store.publish(changed);
  EXPECT_EQ(entries(held), size);
  EXPECT_EQ(entries(*store.find("b")), size - 1);
}

// Trees of different cubes have nothing in common; nothing else can keep a node from being inserted.
TEST(TakeOver, SaysWhatCannotBeTakenOver) {
  Datastore store(twins_schema());
  const std::string body = R"({"twins:twins":[{"name":"t","last":"x"}],"simplebridge:simplebridge":[{"name":"b"}]})";
  auto made = store.edit(Edit{Method::post, "", body, Format::json});
  ASSERT_TRUE(made) << made.error().message;
  const auto copy = [&](const CubeId& id) { return made->changes.at(id).after->duplicate().value(); };
  const DataTree twins = copy({"twins", "t"});
  const DataTree before = copy({"simplebridge", "b"});
  const DataTree bridge = copy({"simplebridge", "b"});
  std::ostringstream text;
  auto& sinks = spdlog::default_logger()->sinks();
  sinks.push_back(std::make_shared<spdlog::sinks::ostream_sink_st>(text));
  take_over(bridge.forest(), before.forest(), twins.forest(), twins_schema()->details());
  sinks.pop_back();
  EXPECT_THAT(text.str(), ::testing::HasSubstr("twins:twins=t/last"));
}

TEST(Standalone, ListsWhoseEntriesStandForThemselves) {
  std::vector<std::string> names;
  for (const lysc_node* list : twins_schema()->details().standalone) names.push_back(schema_path(list));
  EXPECT_THAT(names,
              ::testing::UnorderedElementsAre("/pbforwarder:pbforwarder/rules", "/simplebridge:simplebridge/fdb/entry",
                                              "/twins:twins/alone/entry", "/twins:twins/annex:annex/entry",
                                              "/twins:twins/own", "/twins:twins/kept"));
}

}  // namespace
}  // namespace polycube::model
