// SPDX-License-Identifier: Apache-2.0
#include "model/access_rules.h"

#include <gmock/gmock.h>

namespace polycube::model {
namespace {

using control::Leaves;
using Steps = std::vector<AccessStep>;

const AccessSubject ann{"ann", {"staff"}};

AccessStep cube(const std::string& name) { return {"bridge", "bridge", {{"name", name}}}; }
const AccessStep ports{"bridge", "ports", {{"name", "p1"}}};

bool permitted(const AccessRules& rules, const AccessSubject& who, Access access, const Steps& path) {
  AccessJudge judge(rules, who, access);
  for (const AccessStep& step : path) judge = judge.below(step);
  return judge.permits();
}

AccessRule on(const std::string& path, bool permit, std::optional<std::set<Access>> accesses = {}) {
  return {.kind = AccessRule::Kind::data, .path = *parse_access_path(path), .accesses = accesses, .permit = permit};
}

AccessRules with(std::vector<AccessRule> rules) { return {.lists = {{{"staff"}, std::move(rules)}}}; }

TEST(AccessJudgeTest, WithoutRulesTheDefaultsDecide) {
  const AccessRules rules;
  EXPECT_TRUE(permitted(rules, ann, Access::read, {cube("br1")}));
  EXPECT_FALSE(permitted(rules, ann, Access::create, {cube("br1")}));
  EXPECT_FALSE(permitted(rules, ann, Access::update, {cube("br1")}));
  EXPECT_FALSE(permitted(rules, ann, Access::remove, {cube("br1")}));
  EXPECT_TRUE(permitted(rules, ann, Access::exec, {cube("br1")}));
  EXPECT_FALSE(AccessJudge(rules, ann, Access::read).below(cube("br1")).permits(true)) << "default-deny-all";
}

TEST(AccessJudgeTest, RecoveryAndDisabledRulesPermitEverything) {
  AccessRules rules = with({on("/", false)});
  EXPECT_FALSE(permitted(rules, ann, Access::read, {cube("br1")}));
  EXPECT_TRUE(permitted(rules, {"root", {}, true}, Access::remove, {cube("br1")}));
  EXPECT_FALSE(permitted(rules, {"root", {"staff"}, false}, Access::read, {cube("br1")})) << "a name is no privilege";
  rules.enabled = false;
  EXPECT_TRUE(permitted(rules, ann, Access::remove, {cube("br1")}));
}

TEST(AccessJudgeTest, TheFirstRuleThatFitsDecides) {
  const AccessRules rules =
      with({on("/bridge:bridge[name='br1']/ports", false), on("/bridge:bridge[name='br1']", true), on("/", false)});
  EXPECT_TRUE(permitted(rules, ann, Access::update, {cube("br1")}));
  EXPECT_FALSE(permitted(rules, ann, Access::update, {cube("br1"), ports}));
  EXPECT_FALSE(permitted(rules, ann, Access::update, {cube("br1"), ports, {"bridge", "peer"}}));
  EXPECT_TRUE(permitted(rules, ann, Access::update, {cube("br1"), {"bridge", "portsman"}}));
  EXPECT_FALSE(permitted(rules, ann, Access::read, {cube("br10")}));
}

TEST(AccessJudgeTest, KeysThatAreLeftOutStandForAll) {
  const AccessRules rules = with({on("/bridge:bridge/ports[name='p1']", true)});
  EXPECT_TRUE(permitted(rules, ann, Access::create, {cube("br1"), ports}));
  EXPECT_FALSE(permitted(rules, ann, Access::create, {cube("br1"), {"bridge", "ports", {{"name", "p2"}}}}));
  EXPECT_FALSE(permitted(rules, ann, Access::create, {{"bridge", "bridge"}, {"bridge", "ports"}}))
      << "a whole list is more than one entry";
}

TEST(AccessJudgeTest, ModulesAndKindsOfAccess) {
  AccessRule look{.module = "bridge", .accesses = std::set{Access::read, Access::update}, .permit = true};
  AccessRules rules = with({look});
  rules.read_default = false;
  EXPECT_TRUE(permitted(rules, ann, Access::read, {cube("br1")}));
  EXPECT_TRUE(permitted(rules, ann, Access::update, {cube("br1")}));
  EXPECT_FALSE(permitted(rules, ann, Access::remove, {cube("br1")}));
  EXPECT_FALSE(permitted(rules, ann, Access::read, {{"router", "router"}}));
  rules.lists[0].rules[0].accesses = std::set<Access>();
  EXPECT_FALSE(permitted(rules, ann, Access::read, {cube("br1")})) << "no bits are no access, not all";
}

TEST(AccessJudgeTest, GroupsOfTheRulesAndOfTheSystem) {
  AccessRules rules = with({on("/", true)});
  EXPECT_TRUE(permitted(rules, ann, Access::create, {cube("br1")}));
  EXPECT_FALSE(permitted(rules, {"bob"}, Access::create, {cube("br1")}));
  rules.external_groups = false;
  EXPECT_FALSE(permitted(rules, ann, Access::create, {cube("br1")}));
  rules.groups["staff"].insert("ann");
  EXPECT_TRUE(permitted(rules, ann, Access::create, {cube("br1")}));
  rules.lists[0].groups = {"*"};
  EXPECT_FALSE(permitted(rules, {"bob"}, Access::create, {cube("br1")})) << "RFC 8341, 3.4.4: who is in no group";
  rules.groups["others"].insert("bob");
  EXPECT_TRUE(permitted(rules, {"bob"}, Access::create, {cube("br1")}));
}

TEST(AccessJudgeTest, IsFinalWhereNoPathLeadsFurther) {
  const AccessRules rules = with({on("/bridge:bridge[name='br1']/ports", false)});
  const AccessJudge root(rules, ann, Access::read);
  EXPECT_FALSE(root.is_final());
  EXPECT_FALSE(root.below(cube("br1")).is_final());
  EXPECT_TRUE(root.below(cube("br1")).below(ports).is_final());
  EXPECT_TRUE(root.below(cube("br2")).is_final());
}

TEST(OperationTest, NamesModulesAndDefaults) {
  using Kind = AccessRule::Kind;
  AccessRules rules = with({{.kind = Kind::operation, .name = "attach", .permit = false},
                            {.module = "polycube", .kind = Kind::operation, .name = "*", .permit = true},
                            on("/", true),
                            {.kind = Kind::notification, .name = "fault", .permit = false}});
  rules.exec_default = false;
  EXPECT_FALSE(is_permitted(rules, ann, Kind::operation, "polycube", "attach"));
  EXPECT_TRUE(is_permitted(rules, ann, Kind::operation, "polycube", "apply"));
  EXPECT_FALSE(is_permitted(rules, ann, Kind::operation, "other", "apply")) << "a rule for data is none for operations";
  EXPECT_FALSE(is_permitted(rules, ann, Kind::notification, "polycube", "fault"));
  EXPECT_TRUE(is_permitted(rules, ann, Kind::notification, "polycube", "change"));
  EXPECT_FALSE(is_permitted(rules, ann, Kind::notification, "polycube", "change", true));
}

TEST(AccessPathTest, ReadsPathsAsPeopleWriteThem) {
  EXPECT_TRUE(parse_access_path("/")->empty());
  const auto path = parse_access_path("/bridge:bridge[name='a/b]'] / ports[ bridge:name = \"it's\" ][x='']/other:leaf");
  ASSERT_TRUE(path) << path.error().message;
  ASSERT_EQ(path->size(), 3U);
  EXPECT_EQ((*path)[0].keys.at("name"), "a/b]");
  EXPECT_EQ((*path)[1].module, "bridge") << "of the step before";
  EXPECT_EQ((*path)[1].keys, (std::map<std::string, std::string>{{"name", "it's"}, {"x", ""}}));
  EXPECT_EQ((*path)[2].module, "other");
  EXPECT_EQ((*path)[2].name, "leaf");
}

TEST(AccessPathTest, RefusesWhatIsNone) {
  for (const char* text :
       {"", "bridge:bridge", "/bridge", "//bridge:bridge", "/a:b[", "/a:b[x", "/a:b[x=", "/a:b[x=1]", "/a:b[x='1]",
        "/a:b[x='1'", "/a:b/..", "/a:b/*", "/:b", "/a:", "/a:b:c", "/a:b|/c:d", "/a:b c", "/a:b[x='1']y"})
    EXPECT_FALSE(parse_access_path(text)) << text;
}

TEST(AccessRulesTest, OutOfTheInstancesOfTheContainer) {
  const auto rules = access_rules({
      {"", {}, {}, Leaves{{"enable-nacm", "true"}, {"read-default", "deny"}, {"exec-default", "deny"}}},
      {"groups/group", {"ops"}, {}, Leaves{}},
      {"groups/group/user-name", {"ops", "ann"}, {}, Leaves{}},
      {"rule-list", {"first"}, {}, Leaves{}},
      {"rule-list/group", {"first", "ops"}, {}, Leaves{}},
      {"rule-list/rule",
       {"first", "one"},
       {},
       Leaves{{"path", "/bridge:bridge"}, {"action", "permit"}, {"access-operations", "read delete"}}},
      {"rule-list", {"second"}, {}, Leaves{}},
      {"rule-list/rule", {"second", "two"}, {}, Leaves{{"rpc-name", "apply"}, {"action", "deny"}}},
  });
  ASSERT_TRUE(rules) << rules.error().message;
  EXPECT_FALSE(rules->read_default);
  EXPECT_FALSE(rules->exec_default);
  EXPECT_FALSE(rules->write_default);
  EXPECT_TRUE(rules->groups.at("ops").contains("ann"));
  ASSERT_EQ(rules->lists.size(), 2U);
  EXPECT_EQ(rules->lists[0].rules[0].accesses, (std::set{Access::read, Access::remove}));
  EXPECT_EQ(rules->lists[1].rules[0].kind, AccessRule::Kind::operation);
  EXPECT_TRUE(permitted(*rules, {"ann"}, Access::remove, {cube("br1")}));
  EXPECT_FALSE(permitted(*rules, {"ann"}, Access::create, {cube("br1")}));
  EXPECT_FALSE(access_rules({{"rule-list", {"x"}, {}, Leaves{}},
                             {"rule-list/rule", {"x", "y"}, {}, Leaves{{"path", "nonsense"}, {"action", "deny"}}}}));
}

}  // namespace
}  // namespace polycube::model
