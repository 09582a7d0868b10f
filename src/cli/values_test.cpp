// SPDX-License-Identifier: Apache-2.0
#include "cli/values.h"

#include <gtest/gtest.h>

#include "cli/document.h"
#include "cli/test_schema.h"

namespace polycube::cli {
namespace {

const Node& limits() { return *test_schema().service("router")->child("limits"); }
Json typed(const char* base, const Json& value) {
  Node leaf;
  leaf.kind = Node::Kind::leaf;
  leaf.type.base = base;
  leaf.type.enums = {"TC", "XDP_SKB", "drop"};
  return to_wire(leaf, value);
}

/// A list with keys of these types, named a, b, ...
Node list_of(const std::vector<const char*>& types) {
  Node list;
  list.kind = Node::Kind::list;
  for (const char* base : types) {
    Node key;
    key.kind = Node::Kind::leaf;
    key.name = std::string(1, static_cast<char>('a' + list.keys.size()));
    key.type.base = base;
    list.keys.push_back(key.name);
    list.children.push_back(std::move(key));
  }
  return list;
}

std::string shown(const Node& list, const char* entries) { return from_wire(&list, Json::parse(entries)).dump(); }

TEST(Values, EntriesWithNumbersAsKeysAreInTheirOrder) {
  auto list = list_of({"uint32"});
  EXPECT_EQ(shown(list, R"([{"a":10},{"a":9,"x":1},{"a":100}])"), R"([{"a":9,"x":1},{"a":10},{"a":100}])");
  EXPECT_EQ(shown(list, R"([{"a":2},{},7,{"a":1}])"), R"([{},7,{"a":1},{"a":2}])");
  list.user_ordered = true;
  EXPECT_EQ(shown(list, R"([{"a":10},{"a":9}])"), R"([{"a":10},{"a":9}])");
  EXPECT_EQ(shown(list_of({"int64"}), R"([{"a":"1"},{"a":"-9223372036854775808"},{"a":"0"}])"),
            R"([{"a":-9223372036854775808},{"a":0},{"a":1}])");
  EXPECT_EQ(shown(list_of({"uint64"}), R"([{"a":"18446744073709551615"},{"a":"9223372036854775808"},{"a":"1"}])"),
            R"([{"a":1},{"a":9223372036854775808},{"a":18446744073709551615}])");
}

TEST(Values, OtherKeysLeaveTheOrderAlone) {
  EXPECT_EQ(shown(list_of({"string"}), R"([{"a":"10"},{"a":"9"}])"), R"([{"a":"10"},{"a":"9"}])");
  EXPECT_EQ(shown(list_of({"uint16", "string", "uint8"}),
                  R"([{"a":2,"b":"z","c":1},{"a":1,"b":"y","c":9},{"a":1,"b":"x","c":3}])"),
            R"([{"a":1,"b":"y","c":9},{"a":1,"b":"x","c":3},{"a":2,"b":"z","c":1}])");
}

TEST(Values, AreTypedByTheModelNotByTheirLooks) {
  EXPECT_EQ(typed("string", "10").dump(), R"("10")");
  EXPECT_EQ(typed("string", "true").dump(), R"("true")");
  EXPECT_EQ(typed("string", 10).dump(), R"("10")");
  EXPECT_EQ(typed("string", nullptr).dump(), R"("")");
  EXPECT_EQ(typed("uint32", "10").dump(), "10");
  EXPECT_EQ(typed("uint32", "+10").dump(), "10");
  EXPECT_EQ(typed("int32", "-10").dump(), "-10");
  EXPECT_EQ(typed("uint64", "18446744073709551615").dump(), R"("18446744073709551615")");
  EXPECT_EQ(typed("uint64", 7).dump(), R"("7")");
  EXPECT_EQ(typed("decimal64", "1.50").dump(), R"("1.50")");
  EXPECT_EQ(typed("boolean", "T").dump(), "true");
  EXPECT_EQ(typed("boolean", "False").dump(), "false");
  EXPECT_EQ(typed("empty", "").dump(), "[null]");
  EXPECT_EQ(typed("enumeration", "xdp_skb").dump(), R"("XDP_SKB")");
  EXPECT_EQ(typed("enumeration", "DROP").dump(), R"("drop")");
  EXPECT_EQ(typed("union", "80").dump(), "80");
  EXPECT_EQ(typed("union", "080").dump(), R"("080")");
  EXPECT_EQ(typed("union", "any").dump(), R"("any")");
}

TEST(Values, WhatDoesNotFitIsLeftToTheDaemon) {
  EXPECT_EQ(typed("uint32", "ten").dump(), R"("ten")");
  EXPECT_EQ(typed("uint32", "").dump(), R"("")");
  EXPECT_EQ(typed("uint64", "99999999999999999999").dump(), R"("99999999999999999999")");
  EXPECT_EQ(typed("boolean", "1").dump(), R"("1")");
  EXPECT_EQ(typed("enumeration", "sideways").dump(), R"("sideways")");
}

TEST(Values, LeafListsTakeOneValueOrAList) {
  const auto& tags = *test_schema().service("router")->child("tags");
  EXPECT_EQ(to_wire(tags, "a").dump(), R"(["a"])");
  EXPECT_EQ(to_wire(tags, "[a, 10]").dump(), R"(["a","10"])");
  EXPECT_EQ(to_wire(tags, "").dump(), "[]");
  EXPECT_EQ(to_wire(tags, Json::array({1, "b"})).dump(), R"(["1","b"])");
}

TEST(Values, BodiesAreTypedThroughout) {
  const auto document = parse_document(
      "uuid: u\nchain:\n  name: ingress\n  rule:\n    - id: 1\n      port: any\nlimits:\n  bytes: 5\nsurprise: 1\n");
  const auto& router = *test_schema().service("router");
  EXPECT_EQ(body_to_wire(router.children, *document, State::drop).dump(),
            R"({"chain":[{"name":"INGRESS","rule":[{"id":1,"port":"any"}]}],"limits":{"bytes":"5"},"surprise":"1"})");
  EXPECT_EQ(body_to_wire(router.children, Json{{"uuid", "u"}}, State::keep).dump(), R"({"uuid":"u"})");
}

TEST(Values, ComeBackWithoutPrefixesAndWithNumbers) {
  const auto json =
      Json::parse(R"({"router:burst":{"size":3},"router:bytes":"18446744073709551615","share":"0.5","strict":[null]})");
  EXPECT_EQ(from_wire(&limits(), json).dump(),
            R"({"bytes":18446744073709551615,"share":0.5,"strict":[null],"burst":{"size":3}})");
  EXPECT_EQ(from_wire(static_cast<const Node*>(nullptr), Json::parse(R"([{"m:a":"1"}])")).dump(), R"([{"a":"1"}])");
}

TEST(Assign, DottedKeysNestAlongTheModel) {
  Json object = Json::object();
  const auto& children = test_schema().service("router")->children;
  EXPECT_TRUE(assign(object, children, "limits.burst.size", "3"));
  EXPECT_TRUE(assign(object, children, "limits.port.low", "7"));
  EXPECT_TRUE(assign(object, children, "un.known", "x"));
  EXPECT_EQ(object.dump(), R"({"limits":{"burst":{"size":"3"},"port.low":"7"},"un":{"known":"x"}})");
  EXPECT_FALSE(assign(object, children, "limits.burst", "x"));
  EXPECT_FALSE(assign(object, children, "limits.", "x"));
  EXPECT_FALSE(assign(object, children, std::string(100, '.'), "x"));
}

}  // namespace
}  // namespace polycube::cli
