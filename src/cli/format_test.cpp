// SPDX-License-Identifier: Apache-2.0
#include "cli/format.h"

#include <gtest/gtest.h>

namespace polycube::cli {
namespace {

const Json router = Json::parse(R"({
  "name": "r1", "type": "TC", "shadow": false, "_links": [1],
  "fdb": {"aging-time": 300, "entry": [{"address": "aa", "age": 1}], "inner": {"x": "y"}},
  "empty": {},
  "ports": [
    {"name": "p1", "peer": "veth1", "statistics": {"in": 1}, "ip2": [{"ip": "1.1.1.1", "n": 1}, {"ip": "2.2.2.2"}]},
    {"name": "port2", "mac": "02:00", "peer": ""}
  ],
  "tags": ["a", "b"]
})");

TEST(Text, ObjectsAreLeavesThenContainersThenLists) {
  EXPECT_EQ(to_text(router, Detail::normal),
            "name: r1\n"
            "type: TC\n"
            "shadow: false\n"
            "fdb:\n"
            " aging-time: 300\n"
            " inner:\n"
            "  x: y\n"
            "\n"
            " entry:\n"
            "  address  age\n"
            "  aa       1\n"
            "\n"
            "ports:\n"
            " name   mac    peer   ip2\n"
            " p1            veth1  [2 items]\n"
            " port2  02:00\n"
            "\n"
            "tags:\n"
            " a\n"
            " b\n"
            "\n");
}

TEST(Text, VerboseExpandsNestedLists) {
  EXPECT_EQ(to_text(router["ports"], Detail::verbose),
            "name   mac    peer   ip (ip2)  n (ip2)\n"
            "p1            veth1  1.1.1.1   1\n"
            "                     2.2.2.2\n"
            "port2  02:00\n"
            "\n");
}

TEST(Text, BriefCountsTheListsOfAnObject) {
  EXPECT_EQ(to_text(router, Detail::brief),
            "name: r1\ntype: TC\nshadow: false\nfdb:\n aging-time: 300\n inner:\n  x: y\n entry: [1 items]\nports: [2 "
            "items]\n"
            "\ntags:\n a\n b\n\n");
  EXPECT_EQ(to_text(Json::parse(R"([{"name":"p1"},{"name":"p2"}])"), Detail::brief), "name\np1\np2\n\n");
}

TEST(Text, LeavesAreBare) {
  EXPECT_EQ(to_text("veth1", Detail::normal), "veth1\n");
  EXPECT_EQ(to_text("", Detail::normal), "\n");
  EXPECT_EQ(to_text(18446744073709551615U, Detail::normal), "18446744073709551615\n");
  EXPECT_EQ(to_text(0.5, Detail::normal), "0.500000\n");
  EXPECT_EQ(to_text(nullptr, Detail::normal), "<nil>\n");
  EXPECT_EQ(to_text(true, Detail::normal), "true\n");
  EXPECT_EQ(to_text(Json::array(), Detail::normal), "");
  EXPECT_EQ(to_text(Json::array({"a", "b"}), Detail::normal), "a\nb\n");
}

TEST(Text, TablesNeverSendControlCharacters) {
  EXPECT_EQ(to_text(Json::parse(R"([{"a":"x\n\u001b[2Jy"}])"), Detail::normal), "a\nx\\n\\x1b[2Jy\n\n");
}

TEST(Hide, LeavesOutLeavesColumnsListsAndContainers) {
  Options options;
  options.hide = {"type", "ports.peer", "ports.ip2", "fdb", "tags", "empty", "shadow", "nosuch.thing"};
  EXPECT_EQ(render(router, options), "name: r1\n\nports:\n name   mac\n p1\n port2  02:00\n\n");
  options.hide = {"peer", "mac", "ip2.n"};
  options.detail = Detail::verbose;
  EXPECT_EQ(render(router["ports"], options), "name   ip (ip2)\np1     1.1.1.1\n       2.2.2.2\nport2\n\n");
}

TEST(Render, JsonAndYamlAreOneDocument) {
  Options options;
  options.format = Format::json;
  EXPECT_EQ(render(Json{{"a", Json::array({1})}}, options), "{\n  \"a\": [\n    1\n  ]\n}\n");
  EXPECT_EQ(render("UP", options), "\"UP\"\n");
  options.format = Format::yaml;
  EXPECT_EQ(render(Json{{"a", Json::array({1})}}, options), "a:\n  - 1\n");
}

TEST(Table, PadsByColumnsNotBytes) {
  EXPECT_EQ(table({{"n\xc3\xa4me", "x"}, {"a", "y"}}, ""), "n\xc3\xa4me  x\na     y\n");
}

}  // namespace
}  // namespace polycube::cli
