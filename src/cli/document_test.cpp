// SPDX-License-Identifier: Apache-2.0
#include "cli/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace polycube::cli {
namespace {

using testing::HasSubstr;

TEST(Document, ReadsYamlScalarsAsTheyAreWritten) {
  const auto json = parse_document("- name: 10\n  on: true\n  peer:\n  mac: 02:00:00:00:00:01\n");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->dump(), R"([{"name":"10","on":"true","peer":null,"mac":"02:00:00:00:00:01"}])");
}

TEST(Document, ReadsJson) {
  EXPECT_EQ(parse_document(R"({"a":[1,true,null,"x"]})")->dump(), R"({"a":[1,true,null,"x"]})");
  EXPECT_TRUE(parse_document(" \n\t ")->is_null());
  EXPECT_TRUE(parse_document("# only a comment\n")->is_null());
}

TEST(Document, RefusesWhatIsNeither) {
  for (const auto* bad : {"a: [1", "{\"a\":", "a: 1\na: 2\n", "--- 1\n--- 2\n", "? [x]\n: 1\n", "\xff\xfe", "*nowhere",
                          ",1}]", "]", "a: 1\n]"}) {
    const auto json = parse_document(bad);
    ASSERT_FALSE(json) << bad;
    EXPECT_EQ(json.error().code, ErrorCode::malformed_message) << bad;
  }
}

TEST(Document, BoundsDepthInBothNotations) {
  EXPECT_FALSE(parse_document(std::string(100'000, '[')));
  EXPECT_FALSE(parse_document(std::string(200, '[') + std::string(200, ']')));
  std::string yaml;
  for (int i = 0; i < 100; ++i) yaml += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  EXPECT_FALSE(parse_document(yaml));
  EXPECT_FALSE(parse_document("&a [*a]"));
}

TEST(Document, FollowsAliases) {
  EXPECT_EQ(parse_document("a: &x {b: 1}\nc: *x\n")->dump(), R"({"a":{"b":"1"},"c":{"b":"1"}})");
  std::string tower = "a0: &a0 [x]\n";
  for (int i = 1; i < 100; ++i) tower += fmt::format("a{0}: &a{0} [*a{1}]\n", i, i - 1);
  EXPECT_EQ(parse_document(tower).error().code, ErrorCode::limit_exceeded);
}

TEST(Document, BoundsAliasesThatMultiply) {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 10; ++i) {
    bomb += fmt::format("a{0}: &a{0} [", i);
    for (int k = 0; k < 10; ++k) bomb += fmt::format("{}*a{}", k == 0 ? "" : ",", i - 1);
    bomb += "]\n";
  }
  const auto json = parse_document(bomb);
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().code, ErrorCode::limit_exceeded);
}

TEST(Yaml, QuotesStringsThatWouldReadAsSomethingElse) {
  const Json value{{"a", "10"}, {"b", "true"}, {"c", "plain"}, {"d", ""},
                   {"e", 10},   {"f", true},   {"g", "1:2"},   {"h", "x: y"}};
  const auto yaml = to_yaml(value);
  for (const auto* line : {"a: \"10\"", "b: \"true\"", "c: plain", "d: \"\"", "e: 10", "f: true", "g: \"1:2\""})
    EXPECT_THAT(yaml, HasSubstr(line));
  EXPECT_EQ((*parse_document(yaml))["h"], "x: y");
}

TEST(Yaml, IsReadBackAsItWas) {
  const Json value =
      Json::parse(R"({"br":[{"name":"b1","ports":[{"name":"p","peer":""}],"tags":["a","- b","#c"]}],"none":[]})");
  EXPECT_EQ(*parse_document(to_yaml(value)), value);
}

}  // namespace
}  // namespace polycube::cli
