// SPDX-License-Identifier: Apache-2.0
#include "cli/path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/test_schema.h"

namespace polycube::cli {
namespace {

using testing::HasSubstr;
using Words = std::vector<std::string>;

Result<Target> target(const Words& words) {
  return resolve(test_schema(), words,
                 {[](const std::string& name) -> Result<std::optional<std::string>> {
                    if (name == "r1") return std::optional<std::string>("router");
                    return std::optional<std::string>();
                  },
                  [] { return Words{"r1"}; }});
}

std::string path(const Words& words) {
  const auto found = target(words);
  return found ? api_path(*found) : "error: " + found.error().message;
}

TEST(Path, KeysFollowTheirListInModelOrder) {
  EXPECT_EQ(path({"router"}), "router:router");
  EXPECT_EQ(path({"router", "r1"}), "router:router=r1");
  EXPECT_EQ(path({"router", "r1", "route", "10.0.0.0/24", "10.0.0.1"}),
            "router:router=r1/route=10.0.0.0%2F24,10.0.0.1");
  EXPECT_EQ(path({"router", "r1", "limits", "burst", "size"}), "router:router=r1/limits/burst/size");
}

TEST(Path, ACubeIsFoundWithoutItsService) {
  EXPECT_EQ(path({"r1", "ports", "p1", "peer"}), "router:router=r1/ports=p1/peer");
}

TEST(Path, KeysArePercentEncoded) {
  EXPECT_EQ(path({"r1", "ports", "a,b c%/\xc3\xa9"}), "router:router=r1/ports=a%2Cb%20c%25%2F%C3%A9");
}

TEST(Path, EnumerationsAsKeysIgnoreLetterCase) {
  EXPECT_EQ(path({"r1", "chain", "ingress", "append"}), "router:router=r1/chain=INGRESS/append");
}

TEST(Path, PartialKeysAreSeen) {
  EXPECT_TRUE(target({"r1", "route", "10.0.0.0/8"})->last().partial());
  EXPECT_TRUE(target({"r1", "route"})->last().keyless());
}

TEST(Path, UnknownWordsNameTheirNeighbours) {
  EXPECT_THAT(path({"r1", "port"}),
              HasSubstr("Unknown word 'port': router r1 has no such member; did you mean ports?"));
  EXPECT_THAT(path({"routr"}), HasSubstr("did you mean router?"));
  EXPECT_THAT(path({"metrics", "show"}), HasSubstr("Unknown word 'metrics'"));
  EXPECT_EQ(target({"zzz"}).error().code, ErrorCode::unknown_element);
  EXPECT_THAT(path({"r11"}), HasSubstr("there is no service and no cube of this name; did you mean r1?"));
}

TEST(Path, AMisspeltCommandIsRecognised) {
  const auto meant = [](const Words& words) { return meant_verb(words); };
  EXPECT_EQ(meant({"br1", "ports", "dl", "p1"}), "; did you mean the command del instead of dl?");
  EXPECT_EQ(meant({"br1", "shwo"}), "; did you mean the command show instead of shwo?");
  EXPECT_EQ(meant({"router", "ad", "r1"}), "; did you mean the command add instead of ad?");
  EXPECT_EQ(meant({"router", "create", "r1"}), "; did you mean the command add instead of create?");
  EXPECT_EQ(meant({"delete", "r1"}), "; did you mean the command del instead of delete?");
  for (const Words& words : {Words{"router", "r1"}, Words{"simplebridge", "nu-zz"}, Words{"br1", "ports", "a"},
                             Words{"simplebridge", "net"}, Words{"simplebridge", "dev"}})
    EXPECT_EQ(meant(words), "");
}

}  // namespace
}  // namespace polycube::cli
