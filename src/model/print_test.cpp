// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "model/test_support.h"

namespace polycube::model {
namespace {

using nlohmann::json;

const std::string br = "simplebridge:simplebridge=b";

class Print : public ::testing::Test {
 protected:
  void SetUp() override {
    s.edit(Method::post, "", R"({
      "simplebridge:simplebridge": [{"name": "b", "type": "TC", "ports": [{"name": "p1", "peer": "eth0"}, {"name": "p2"}],
        "fdb": {"entry": [{"address": "02:00:00:00:00:01", "port": "p1"}]}}, {"name": "c"}],
      "alltypes:alltypes": [{"name": "a", "plain": "x", "ratio": 50}]})");
    auto copy = (*s.store.find("b"))->duplicate();
    tree = std::make_unique<DataTree>(std::move(*copy));
    const Row row = {"02:00:00:00:00:01", "p1", "12"};
    ASSERT_TRUE(add_rows(*tree, binding("simplebridge", "fdb"), {row}));
  }

  json get(const std::string& path, const ReadOptions& options = {}) {
    const auto text = print(*tree, path, options);
    EXPECT_TRUE(text) << (text ? "" : text.error().message);
    return text ? json::parse(*text) : json();
  }

  static ReadOptions depth(unsigned levels) {
    ReadOptions options;
    options.depth = levels;
    return options;
  }
  static ReadOptions content(Content what) {
    ReadOptions options;
    options.content = what;
    return options;
  }
  static ReadOptions defaults(WithDefaults mode) {
    ReadOptions options;
    options.with_defaults = mode;
    return options;
  }

  Store s;
  std::unique_ptr<DataTree> tree;
};

TEST_F(Print, Resources) {
  EXPECT_EQ(get(br + "/ports=p1"), json::parse(R"({"simplebridge:ports":[{"name":"p1","peer":"eth0"}]})"));
  EXPECT_EQ(get(br + "/ports"),
            json::parse(R"({"simplebridge:ports":[{"name":"p1","peer":"eth0"},{"name":"p2","peer":""}]})"));
  EXPECT_EQ(get(br + "/ports=p1/peer"), json::parse(R"({"simplebridge:peer":"eth0"})"));
  EXPECT_EQ(get(br + "/fdb/aging-time"), json::parse(R"({"simplebridge:aging-time":300})"));
  EXPECT_EQ(get(br + "/fdb/entry=02:00:00:00:00:01/age"), json::parse(R"({"simplebridge:age":12})"));
  EXPECT_TRUE(get("").contains("ietf-restconf:data"));
  EXPECT_EQ(get("")["ietf-restconf:data"]["simplebridge:simplebridge"].size(), 1u);
}

TEST_F(Print, Errors) {
  EXPECT_ERROR(print(*tree, br + "/ports=zz", {}).error(), not_found, "no such resource", br + "/ports=zz");
  EXPECT_ERROR(print(*tree, "simplebridge:simplebridge=zz/ports", {}).error(), not_found, "",
               "simplebridge:simplebridge=zz");
  EXPECT_ERROR(print(*tree, br + "/prts", {}).error(), unknown_element, "did you mean ports", br);
  EXPECT_EQ(print(*tree, br + "/fdb/flush", {}).error().code, ErrorCode::operation_not_supported);
  EXPECT_EQ(print(*tree, br + "/%", {}).error().code, ErrorCode::malformed_message);
  EXPECT_EQ(print(*tree, "simpleforwarder:simpleforwarder", {}).error().code, ErrorCode::not_found);
  EXPECT_EQ(print(DataTree(test_schema()), "simplebridge:simplebridge", {}).error().code, ErrorCode::not_found);
  EXPECT_EQ(*print(DataTree(test_schema()), "", {}), R"({"ietf-restconf:data":{}})");
}

TEST_F(Print, Depth) {
  EXPECT_EQ(get(br, depth(1)), json::parse(R"({"simplebridge:simplebridge":[{"name":"b"}]})"));
  const auto two = get(br, depth(2))["simplebridge:simplebridge"][0];
  EXPECT_EQ(two["ports"], json::parse(R"([{"name":"p1"},{"name":"p2"}])"));
  EXPECT_EQ(two["fdb"], json::object());
  EXPECT_EQ(two["type"], "TC");
  const auto three = get(br, depth(3))["simplebridge:simplebridge"][0];
  EXPECT_EQ(three["fdb"]["aging-time"], 300);
  EXPECT_EQ(three["fdb"]["entry"], json::parse(R"([{"address":"02:00:00:00:00:01"}])"));
  EXPECT_EQ(get(br, depth(65535)), get(br));
  EXPECT_EQ(get(br + "/fdb", depth(1)), json::parse(R"({"simplebridge:fdb":{}})"));
  EXPECT_EQ(get("", depth(1)), json::parse(R"({"ietf-restconf:data":{}})"));
  EXPECT_EQ(get("", depth(2)), json::parse(R"({"ietf-restconf:data":{"simplebridge:simplebridge":[{"name":"b"}]}})"));
}

TEST_F(Print, ContentFilter) {
  const auto config = get(br, content(Content::config))["simplebridge:simplebridge"][0];
  EXPECT_FALSE(config["fdb"]["entry"][0].contains("age"));
  const auto state = get(br, content(Content::nonconfig))["simplebridge:simplebridge"][0];
  EXPECT_EQ(state, json::parse(R"({"name":"b","fdb":{"entry":[{"address":"02:00:00:00:00:01","age":12}]}})"));
  EXPECT_EQ(print(*tree, br + "/loglevel", content(Content::nonconfig)).error().code, ErrorCode::not_found);
  EXPECT_EQ(print(*tree, br + "/fdb/entry=02:00:00:00:00:01/age", content(Content::config)).error().code,
            ErrorCode::not_found);
}

TEST_F(Print, Defaults) {
  const auto all = get(br)["simplebridge:simplebridge"][0];
  EXPECT_EQ(all["loglevel"], "INFO");
  const auto trimmed = get(br, defaults(WithDefaults::trim))["simplebridge:simplebridge"][0];
  EXPECT_FALSE(trimmed.contains("type"));
  EXPECT_FALSE(trimmed["fdb"].contains("aging-time"));
  const auto given = get(br, defaults(WithDefaults::explicit_))["simplebridge:simplebridge"][0];
  EXPECT_EQ(given["type"], "TC");
  EXPECT_FALSE(given.contains("loglevel"));
  EXPECT_EQ(given["fdb"]["entry"][0]["age"], 12);
  const auto tagged = get(br, defaults(WithDefaults::report_all_tagged))["simplebridge:simplebridge"][0];
  EXPECT_EQ(tagged["@loglevel"], json::parse(R"({"ietf-netconf-with-defaults:default":true})"));
  EXPECT_TRUE(tagged.contains("@type"));
  EXPECT_FALSE(tagged.contains("@name"));
  // As the target, a default exists in every mode.
  EXPECT_EQ(get(br + "/loglevel", defaults(WithDefaults::trim)), json::parse(R"({"simplebridge:loglevel":"INFO"})"));
}

TEST_F(Print, Xml) {
  ReadOptions options;
  options.format = Format::xml;
  EXPECT_EQ(*print(*tree, br + "/ports=p1", options),
            "<ports xmlns=\"urn:polycube:simplebridge\"><name>p1</name><peer>eth0</peer></ports>");
  s.edit(Method::patch, br + "/ports=p1/peer", R"({"simplebridge:peer":"<&\">"})");
  EXPECT_EQ(*s.print("b", br + "/ports=p1/peer", options),
            "<peer xmlns=\"urn:polycube:simplebridge\">&lt;&amp;&quot;&gt;</peer>");
  const auto whole = print(*tree, "", options);
  EXPECT_THAT(*whole,
              ::testing::StartsWith("<data xmlns=\"urn:ietf:params:xml:ns:yang:ietf-restconf\"><simplebridge xmlns="));
}

TEST_F(Print, EscapesJson) {
  s.edit(Method::patch, br + "/ports=p1/peer", R"({"simplebridge:peer":"a\"b\\c\nd\te"})");
  EXPECT_EQ(s.get("b", br + "/ports=p1/peer")["simplebridge:peer"], "a\"b\\c\nd\te");
}

TEST_F(Print, YangLibrary) {
  DataTree forest(test_schema());
  ASSERT_TRUE(add_yang_library(forest));
  const auto library =
      json::parse(*print(forest, "ietf-yang-library:yang-library", {}))["ietf-yang-library:yang-library"];
  std::set<std::string> modules;
  for (const auto& module : library["module-set"][0]["module"]) modules.insert(module["name"].get<std::string>());
  EXPECT_TRUE(modules.count("simplebridge"));
  EXPECT_TRUE(modules.count("polycube"));
  EXPECT_FALSE(library["content-id"].get<std::string>().empty());
  EXPECT_TRUE(print(forest, "ietf-yang-library:modules-state", {}));
  // Beside cubes, too.
  ASSERT_TRUE(add_yang_library(*tree));
  EXPECT_TRUE(print(*tree, "ietf-yang-library:yang-library/content-id", {}));
  EXPECT_TRUE(print(*tree, br, {}));
}

// Printing the part of a cube is printing the cube.
TEST(Part, HoldsAllThatIsPrinted) {
  Store s;
  s.edit(Method::post, "",
         R"({"simplebridge:simplebridge":[{"name":"b","ports":[{"name":"p1"},{"name":"p2"}],"fdb":{"entry":[
      {"address":"02:00:00:00:00:01","port":"p1"},{"address":"02:00:00:00:00:0a","port":"p2"}]}}],
    "alltypes:alltypes":[{"name":"a","ports":[{"name":"p1"}],"tags":["x","y"],"as-a":{"x":"1"},"backends":[
      {"vip":"10.0.0.1","port":80,"proto":"tcp","id":1,"pool":[{"address":"::1"},{"address":"::2","more":{"text":"t"}}]},
      {"vip":"10.0.0.1","port":80,"proto":"udp","id":2}]}]})");
  const std::string a = "alltypes:alltypes=a";
  const std::string b = "simplebridge:simplebridge=b";
  const std::vector<std::string> paths = {"",
                                          "alltypes:alltypes",
                                          a,
                                          a + "/settings",
                                          a + "/settings/max-size",
                                          a + "/tags",
                                          a + "/tags=x",
                                          a + "/dnums=1",
                                          a + "/as-a",
                                          a + "/i8",
                                          a + "/backends",
                                          a + "/backends=10.0.0.1,80,tcp",
                                          a + "/backends=10.0.0.1,80,tcp/pool",
                                          a + "/backends=10.0.0.1,80,tcp/pool=::2",
                                          a + "/backends=10.0.0.1,80,tcp/pool=::2/more",
                                          a + "/backends=10.0.0.9,80,tcp",
                                          a + "/backends=10.0.0.1,80,udp/vip",
                                          b,
                                          b + "/fdb",
                                          b + "/fdb/entry",
                                          b + "/fdb/entry=02:00:00:00:00:0A",
                                          b + "/fdb/entry=02:00:00:00:00:0a/port",
                                          b + "/fdb/entry=nonsense",
                                          b + "/ports=p2",
                                          b + "/ports=p2/statistics"};
  for (const auto& path : paths) {
    const DataTree& whole = **s.store.find(path.starts_with("simplebridge") ? "b" : "a");
    const auto target = resolve(*test_schema(), path);
    ASSERT_TRUE(target) << path;
    for (const std::optional<unsigned> depth : {std::optional<unsigned>(), {1}, {2}, {3}, {4}, {5}}) {
      for (const auto defaults : {WithDefaults::report_all, WithDefaults::trim, WithDefaults::explicit_}) {
        ReadOptions options;
        options.depth = depth;
        options.with_defaults = defaults;
        const auto copy = part(whole, *target, depth);
        ASSERT_TRUE(copy) << path;
        const auto expected = print(whole, path, options);
        const auto printed = print(*copy, path, options);
        EXPECT_EQ(printed ? *printed : printed.error().message, expected ? *expected : expected.error().message)
            << path << " depth " << depth.value_or(0);
      }
    }
  }
}

TEST(Part, LeavesOutWhatIsElsewhereOrTooDeep) {
  Store s;
  s.edit(Method::post, "", R"({"simplebridge:simplebridge":[{"name":"b","ports":[{"name":"p1"}],"fdb":{"entry":[
      {"address":"02:00:00:00:00:01","port":"p1"},{"address":"02:00:00:00:00:02","port":"p1"},
      {"address":"02:00:00:00:00:03","port":"p1"}]}}]})");
  const auto entries = [&](const std::string& path, std::optional<unsigned> depth) {
    const auto copy = part(**s.store.find("b"), *resolve(*test_schema(), path), depth);
    return copy ? rows(*copy, binding("simplebridge", "fdb")).size() : 99;
  };
  const std::string b = "simplebridge:simplebridge=b";
  EXPECT_EQ(entries(b, std::nullopt), 3u);
  EXPECT_EQ(entries(b, 3), 3u);
  EXPECT_EQ(entries(b, 1), 0u);
  EXPECT_LE(entries(b, 2), 1u);  // whether the container holds something
  EXPECT_EQ(entries(b + "/ports", std::nullopt), 0u);
  EXPECT_EQ(entries(b + "/fdb/entry=02:00:00:00:00:02", std::nullopt), 1u);
}

}  // namespace
}  // namespace polycube::model
