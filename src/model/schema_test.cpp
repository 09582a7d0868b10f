// SPDX-License-Identifier: Apache-2.0
#include "model/schema.h"

#include <filesystem>
#include <fstream>

#include "model/test_support.h"

namespace polycube::model {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

TEST(Schema, LoadsTheCubes) {
  const auto& schema = test_schema();
  ASSERT_EQ(schema->services().size(), 5u);
  const ServiceModel* bridge = schema->service("simplebridge");
  ASSERT_NE(bridge, nullptr);
  EXPECT_EQ(bridge->description, "Simple L2 Bridge Service");
  EXPECT_EQ(bridge->version, "1.0.0");
  EXPECT_TRUE(bridge->slow_path_reasons.empty());
  EXPECT_EQ(schema->service("helloworld")->slow_path_reasons, std::vector<std::string>{"action"});
  EXPECT_FALSE(bridge->loop_safe);
  EXPECT_TRUE(schema->service("alltypes")->loop_safe);
  EXPECT_EQ(schema->service("nope"), nullptr);
  ASSERT_EQ(bridge->clears.size(), 1u);
  EXPECT_EQ(bridge->clears[0].table, "fdb");
  EXPECT_EQ(bridge->clears[0].path, (std::vector<std::string>{"fdb", "flush"}));
}

TEST(Schema, BindsTheForwarder) {
  const auto& actions = binding("simpleforwarder", "actions");
  EXPECT_EQ(actions.kind, BindingKind::list);
  EXPECT_EQ(actions.path, std::vector<std::string>{"actions"});
  ASSERT_EQ(actions.leaves.size(), 3u);
  EXPECT_EQ(actions.leaves[0].name, "inport");
  EXPECT_TRUE(actions.leaves[0].key);
  EXPECT_EQ(actions.leaves[0].type, LeafType::port);
  EXPECT_EQ(actions.leaves[1].type, LeafType::enumeration);
  const std::vector<std::pair<std::string, std::int64_t>> values = {{"drop", 0}, {"slowpath", 1}, {"forward", 2}};
  EXPECT_EQ(actions.leaves[1].enumerators, values);
  EXPECT_EQ(actions.leaves[2].type, LeafType::port);
}

TEST(Schema, BindsTheBridge) {
  const auto& fdb = binding("simplebridge", "fdb");
  ASSERT_EQ(fdb.leaves.size(), 3u);
  EXPECT_EQ(fdb.leaves[0].type, LeafType::mac);
  EXPECT_TRUE(fdb.leaves[1].follows);
  EXPECT_TRUE(fdb.leaves[2].age);
  EXPECT_FALSE(fdb.leaves[2].config);
  EXPECT_EQ(fdb.leaves[2].field, "last_seen");
  EXPECT_EQ(fdb.max_age_path, (std::vector<std::string>{"fdb", "aging-time"}));
  const auto& settings = binding("simplebridge", "settings");
  EXPECT_EQ(settings.kind, BindingKind::leaf);
  EXPECT_EQ(settings.path, (std::vector<std::string>{"fdb", "aging-time"}));
  EXPECT_EQ(settings.leaves.at(0).field, "aging_time");
}

TEST(Schema, BindsRules) {
  const auto& rules = binding("pbforwarder", "rules");
  std::map<std::string, LeafType> types;
  for (const auto& leaf : rules.leaves) types[leaf.name] = leaf.type;
  EXPECT_EQ(types.at("src_ip"), LeafType::ip);
  EXPECT_EQ(types.at("dst_port"), LeafType::range);
  EXPECT_EQ(types.at("in_port"), LeafType::port);
  EXPECT_EQ(types.at("src_mac"), LeafType::mac);
  EXPECT_TRUE(test_schema()->service("pbforwarder")->logs_packets);
  EXPECT_FALSE(test_schema()->service("helloworld")->logs_packets);
}

TEST(Schema, BindsEveryType) {
  const auto& backends = binding("alltypes", "backends");
  std::map<std::string, LeafType> types;
  for (const auto& leaf : backends.leaves) types[leaf.name] = leaf.type;
  EXPECT_EQ(types.at("vip"), LeafType::ipv4);  // through a typedef of a typedef
  EXPECT_EQ(types.at("port"), LeafType::integer);
  EXPECT_EQ(types.at("proto"), LeafType::enumeration);
  EXPECT_EQ(types.at("out"), LeafType::port);  // a leafref in a typedef
  EXPECT_EQ(types.at("net"), LeafType::ipv4_prefix);
  EXPECT_EQ(types.at("net6"), LeafType::ipv6_prefix);
  EXPECT_EQ(types.at("name-of"), LeafType::string);
  EXPECT_EQ(types.at("bits"), LeafType::bits);
  EXPECT_EQ(backends.leaves[7].field, "name_of");
  const auto& pool = binding("alltypes", "pool");
  ASSERT_EQ(pool.leaves.size(), 5u);
  EXPECT_EQ(pool.leaves[0].name, "vip");
  EXPECT_TRUE(pool.leaves[3].key);
  EXPECT_EQ(pool.leaves[3].type, LeafType::ipv6);
  EXPECT_EQ(pool.leaves[4].name, "weight");
  const auto& settings = binding("alltypes", "settings");
  EXPECT_EQ(settings.kind, BindingKind::container);
  EXPECT_EQ(settings.leaves.at(1).field, "speed");
  EXPECT_FALSE(settings.leaves.at(2).config);
}

const json& child(const json& node, const std::string& name) {
  for (const auto& candidate : node.at("children")) {
    if (candidate.at("name") == name) return candidate;
  }
  throw std::runtime_error("no child " + name);
}

TEST(Schema, Describes) {
  const json& description = test_schema()->description();
  const json& bridge = description.at("services").at("simplebridge");
  EXPECT_EQ(bridge.at("kind"), "list");
  EXPECT_EQ(bridge.at("version"), "1.0.0");
  EXPECT_EQ(bridge.at("module"), "simplebridge");
  EXPECT_EQ(bridge.at("keys"), json::parse(R"(["name"])"));
  EXPECT_EQ(bridge.at("children")[0].at("name"), "name");
  EXPECT_EQ(child(bridge, "uuid").at("config"), false);
  EXPECT_EQ(child(bridge, "type").at("init-only"), true);
  EXPECT_EQ(child(bridge, "type").at("default"), "TC");
  EXPECT_FALSE(child(bridge, "type").contains("unavailable"));
  EXPECT_EQ(child(bridge, "span").at("unavailable"), true);
  EXPECT_EQ(child(bridge, "type").at("type"),
            json::parse(R"({"base":"enumeration","typedef":"hook","enum":["TC","XDP_SKB","XDP_DRV"]})"));
  const json& port = child(child(child(bridge, "fdb"), "entry"), "port");
  EXPECT_EQ(port.at("mandatory"), true);
  EXPECT_EQ(port.at("example"), "port1");
  EXPECT_EQ(port.at("type").at("ref"), "ports/name");
  EXPECT_EQ(port.at("type").at("base"), "string");
  EXPECT_EQ(child(child(bridge, "fdb"), "aging-time").at("type").at("units"), "seconds");
  EXPECT_FALSE(child(child(bridge, "fdb"), "aging-time").contains("config"));
  const json& flush = child(child(bridge, "fdb"), "flush");
  EXPECT_EQ(flush.at("kind"), "action");
  EXPECT_EQ(flush.at("output")[0].at("name"), "flushed");
  EXPECT_FALSE(flush.at("output")[0].contains("config"));
  EXPECT_FALSE(child(child(bridge, "fdb"), "entry").contains("ordered-by-user"));
  const auto twins = Schema::load(POLYCUBE_TEST_YANG_DIR, {test_module("twins")}).value()->description();
  EXPECT_EQ(child(twins.at("services").at("twins"), "ranked").at("ordered-by-user"), true);
  const json& all = description.at("services").at("alltypes");
  EXPECT_EQ(child(all, "u16").at("type").at("range"), "1..10 | 20..30");
  EXPECT_EQ(child(all, "s").at("type").at("length"), "1..8");
  EXPECT_EQ(child(all, "s").at("type").at("patterns"), json::parse(R"(["[a-z]*"])"));
  EXPECT_EQ(child(all, "d").at("type").at("range"), "-1.5..100.0");
  EXPECT_EQ(child(all, "flags").at("type").at("bits"), json::parse(R"(["syn","ack"])"));
  EXPECT_EQ(child(all, "mac").at("type").at("typedef"), "mac-address");
  EXPECT_EQ(child(all, "tags").at("kind"), "leaf-list");
  EXPECT_EQ(child(all, "z").at("kind"), "leaf");  // inside a choice
  std::vector<std::string> rpcs;
  for (const auto& rpc : description.at("polycube").at("rpcs")) rpcs.push_back(rpc.at("name"));
  EXPECT_EQ(rpcs, (std::vector<std::string>{"connect", "disconnect", "attach", "detach", "apply", "rollback",
                                            "start-trace", "read-trace", "stop-trace", "simulate"}));
  EXPECT_EQ(description.at("polycube").at("rpcs")[2].at("input").size(), 5u);
  EXPECT_EQ(description.at("polycube").at("containers").size(), 7u);
}

TEST(Schema, Sources) {
  EXPECT_THAT(*test_schema()->source("simplebridge"), HasSubstr("module simplebridge"));
  EXPECT_THAT(*test_schema()->source("polycube-base"), HasSubstr("extension table"));
  EXPECT_THAT(*test_schema()->source("ietf-yang-types"), HasSubstr("module ietf-yang-types"));
  EXPECT_EQ(test_schema()->source("nope").error().code, ErrorCode::not_found);
}

TEST(Schema, NeedsTheBaseModules) {
  EXPECT_FALSE(Schema::load("/nonexistent", {}));
  EXPECT_FALSE(Schema::load(POLYCUBE_TEST_SOURCE_DIR, {}));
}

/// Writes modules into a folder of its own.
class BrokenModules : public ::testing::Test {
 protected:
  BrokenModules() {
    std::string name = (std::filesystem::temp_directory_path() / "polycube-schema-XXXXXX").string();
    folder = mkdtemp(name.data());
  }
  ~BrokenModules() override { std::filesystem::remove_all(folder); }

  std::filesystem::path write(const std::string& name, const std::string& text) {
    const auto file = folder / (name + ".yang");
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }

  /// A service with these statements in its list.
  std::filesystem::path service(const std::string& name, const std::string& statements) {
    return write(name, "module " + name + " { yang-version 1.1; namespace \"urn:test:" + name + "\"; prefix p;\n" +
                           "import polycube-base { prefix pcn; }\nimport ietf-inet-types { prefix inet; }\n" +
                           "pcn:service \"x\"; list " + name + " { key name; uses pcn:standard-cube;\n" + statements +
                           "} }");
  }

  /// Loads the file between two good services, expects it alone to be refused, and returns why.
  std::string reason(const std::filesystem::path& file) {
    const auto schema =
        Schema::load(POLYCUBE_TEST_YANG_DIR, {cube_module("helloworld"), file, cube_module("simplebridge")});
    if (!schema) {
      ADD_FAILURE() << schema.error().message;
      return {};
    }
    EXPECT_EQ((*schema)->services().size(), 2u) << file;
    EXPECT_NE((*schema)->service("simplebridge"), nullptr);
    if ((*schema)->failures().size() != 1) {
      ADD_FAILURE() << file << " was accepted";
      return {};
    }
    EXPECT_EQ((*schema)->failures()[0].file, file);
    EXPECT_THAT((*schema)->failures()[0].error.message, HasSubstr(file.string()));
    return (*schema)->failures()[0].error.message;
  }

  std::filesystem::path folder;
};

TEST_F(BrokenModules, GoodOne) {
  const auto schema = Schema::load(POLYCUBE_TEST_YANG_DIR, {service("good", "leaf x { type string; }")});
  ASSERT_TRUE(schema);
  EXPECT_TRUE((*schema)->failures().empty());
}

TEST_F(BrokenModules, AreRefusedByName) {
  EXPECT_THAT(reason(folder / "missing.yang"), HasSubstr("cannot read"));
  EXPECT_THAT(reason(write("syntax", "module syntax {")), HasSubstr("syntax.yang"));
  EXPECT_THAT(reason(write("binary", std::string("\0\1\2", 3))), HasSubstr("not a text file"));
  EXPECT_THAT(reason(write("empty", "")), HasSubstr("empty.yang"));
  EXPECT_THAT(reason(service("type", "leaf x { type nonsense; }")), HasSubstr("nonsense"));
  EXPECT_THAT(
      reason(write("imports", "module imports { namespace \"urn:i\"; prefix i; import nowhere { prefix n; } }")),
      HasSubstr("nowhere"));
  EXPECT_THAT(reason(cube_module("helloworld")), HasSubstr("already a module called helloworld"));
}

TEST_F(BrokenModules, AreNoServices) {
  EXPECT_THAT(
      reason(
          write("plain",
                "module plain { namespace \"urn:p\"; prefix p; list plain { key name; leaf name { type string; } } }")),
      HasSubstr("no pcn:service"));
  const std::string head =
      " { yang-version 1.1; namespace \"urn:t\"; prefix p; import polycube-base { prefix pcn; } pcn:service \"x\";";
  EXPECT_THAT(reason(write("other", "module other" + head + " list another { key name; uses pcn:standard-cube; } }")),
              HasSubstr("a list called other"));
  EXPECT_THAT(reason(write("shouts", "module shouts" + head +
                                         " pcn:slow-path-reasons \"arp NO_ROUTE\"; list shouts { key name; uses "
                                         "pcn:standard-cube; } }")),
              HasSubstr("not 'NO_ROUTE'"));
  EXPECT_THAT(
      reason(write("twice", "module twice" + head +
                                " pcn:drop-reasons \"a b a\"; list twice { key name; uses pcn:standard-cube; } }")),
      HasSubstr("pcn:drop-reasons has a twice"));
  EXPECT_THAT(reason(write("two", "module two" + head +
                                      " list two { key name; uses pcn:standard-cube; } leaf x { type string; } }")),
              HasSubstr("only top-level data node"));
  EXPECT_THAT(reason(write("key", "module key" + head + " list key { key uuid; leaf uuid { type string; } } }")),
              HasSubstr("must be 'name'"));
  EXPECT_THAT(reason(write("bare", "module bare" + head + " list bare { key name; leaf name { type string; } } }")),
              HasSubstr("pcn:standard-cube"));
}

TEST_F(BrokenModules, BindImpossibly) {
  const auto why = [&](const std::string& statements) { return reason(service("svc", statements)); };
  const std::string list = "list l { pcn:table t; key k; leaf k { type uint8; } ";
  EXPECT_THAT(why(list + "leaf u { type union { type uint8; type string; } } }"), HasSubstr("/svc:svc/l/u"));
  EXPECT_THAT(why(list + "leaf d { type decimal64 { fraction-digits 2; } } }"), HasSubstr("/svc:svc/l/d"));
  EXPECT_THAT(why(list + "leaf ip { type inet:ip-address; } }"), HasSubstr("/svc:svc/l/ip"));
  EXPECT_THAT(why(list + "leaf-list many { type uint8; } }"), HasSubstr("leaf-list"));
  EXPECT_THAT(why(list + "leaf a { type uint8; } leaf b { type uint8; pcn:field a; } }"), HasSubstr("field 'a'"));
  EXPECT_THAT(why(list + "container c { pcn:table u; leaf x { type uint8; } } }"), HasSubstr("inside a list"));
  EXPECT_THAT(why("leaf-list x { type uint8; pcn:table t; }"), HasSubstr("only lists, containers and leaves"));
  EXPECT_THAT(why("list l { config false; pcn:table t; leaf x { type uint8; } }"), HasSubstr("without keys"));
  EXPECT_THAT(why(list + "} list m { pcn:table t; key k; leaf k { type uint8; } }"),
              HasSubstr("bound to another node"));
  EXPECT_THAT(why("leaf a { pcn:table this-name-is-too-long; type uint8; }"), HasSubstr("1 to 15 characters"));
  EXPECT_THAT(why(list + "leaf age { type uint32; pcn:age-of x; } }"), HasSubstr("pcn:age-of"));
  EXPECT_THAT(why("leaf m { type uint32; } list l { pcn:table t; pcn:max-age m; key k; leaf k { type uint8; } }"),
              HasSubstr("needs a leaf with pcn:age-of"));
  EXPECT_THAT(why("list l { pcn:table t; pcn:max-age no; key k; leaf k { type uint8; } "
                  "leaf age { config false; type uint32; pcn:age-of x; } }"),
              HasSubstr("'no' is not an integer leaf"));
  EXPECT_THAT(why("action a { pcn:clears nothing; }"), HasSubstr("no list is bound"));
  EXPECT_THAT(why("leaf f { type string; pcn:follows; }"), HasSubstr("pcn:follows"));
  EXPECT_THAT(why("leaf f { type string; pcn:field x; }"), HasSubstr("pcn:field"));
  EXPECT_THAT(why("leaf f { config false; type string; pcn:init-only; }"), HasSubstr("pcn:init-only"));
  EXPECT_THAT(why("anydata x;"), HasSubstr("anydata"));
}

TEST_F(BrokenModules, ManyAtOnce) {
  const auto schema = Schema::load(
      POLYCUBE_TEST_YANG_DIR, {write("a", "module a {"), cube_module("helloworld"), service("b", "leaf x { type no; }"),
                               cube_module("helloworld"), write("c", "garbage"), cube_module("simplebridge")});
  ASSERT_TRUE(schema);
  EXPECT_EQ((*schema)->services().size(), 2u);
  EXPECT_EQ((*schema)->failures().size(), 4u);
}

}  // namespace
}  // namespace polycube::model
