// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/test_schema.h"

namespace polycube::cli {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using Words = std::vector<std::string>;

Live live() {
  return {[] { return std::vector<Live::Cube>{{"br1", "simplebridge"}, {"r1", "router"}, {"sf1", "simpleforwarder"}}; },
          [](const Target& list) -> std::vector<Words> {
            if (list.node().name == "ports") return {{"a"}, {"b"}};
            if (list.node().name == "route")
              return {{"10.0.0.0/8", "1.1.1.1"}, {"10.0.0.0/8", "2.2.2.2"}, {"20.0.0.0/8", "1.1.1.1"}};
            return {};
          },
          [] { return Words{"eth0", "veth1"}; }, [] { return Words{"br1:a", "br1:b", "r1:a"}; }};
}

Words candidates(const Words& before, const std::string& partial = {}) {
  return complete(test_schema(), before, partial, live());
}

std::string help_for(Words words) {
  words.emplace_back("?");
  const auto text = help(test_schema(), parse_command_line(words).value(), live(), true);
  return text ? *text : "error: " + text.error().message;
}

TEST(Complete, TheFirstWord) {
  EXPECT_THAT(candidates({}), IsSupersetOf({"router", "br1", "connect", "cubes", "topology", "add", "show"}));
  EXPECT_THAT(candidates({}, "simple"), ElementsAre("simplebridge", "simpleforwarder"));
  EXPECT_THAT(candidates({"show"}), IsSupersetOf({"cubes", "br1", "router"}));
  EXPECT_THAT(candidates({"nosuch"}), IsEmpty());
}

TEST(Complete, MembersVerbsAndEntries) {
  EXPECT_THAT(candidates({"br1"}), IsSupersetOf({"ports", "fdb", "loglevel", "show", "set", "del"}));
  EXPECT_THAT(candidates({"br1", "fdb"}), IsSupersetOf({"entry", "flush", "aging-time"}));
  EXPECT_THAT(candidates({"br1", "ports"}), IsSupersetOf({"a", "b", "add", "show", "del"}));
  EXPECT_THAT(candidates({"br1", "ports", "show"}), ElementsAre("a", "b"));
  EXPECT_THAT(candidates({"r1", "route", "del"}), ElementsAre("10.0.0.0/8", "20.0.0.0/8"));
  EXPECT_THAT(candidates({"r1", "route", "10.0.0.0/8", "del"}), ElementsAre("1.1.1.1", "2.2.2.2"));
  EXPECT_THAT(candidates({"r1", "show", "li"}, "li"), IsEmpty());
}

TEST(Complete, KeysAndParameters) {
  EXPECT_THAT(candidates({"br1", "ports", "add"}), ElementsAre("<name>"));
  EXPECT_THAT(candidates({"br1", "ports", "add"}, "x"), IsEmpty());
  EXPECT_THAT(candidates({"r1", "ports", "add", "p1"}), IsSupersetOf({"peer=", "ip="}));
  EXPECT_THAT(candidates({"r1", "ports", "add", "p1"}), Not(Contains("status=")));
  EXPECT_THAT(candidates({"r1", "ports", "add", "p1", "ip=1"}), ElementsAre("peer="));
  EXPECT_THAT(candidates({"r1", "set"}), Not(Contains("type=")));
  EXPECT_THAT(candidates({"r1", "chain", "INGRESS", "append"}), ElementsAre("action=", "src="));
}

TEST(Complete, Values) {
  EXPECT_THAT(candidates({"sf1", "actions", "add", "a"}, "action="), ElementsAre("action=drop", "action=forward"));
  EXPECT_THAT(candidates({"router", "add", "r2"}, "type=x"), ElementsAre("type=xdp_drv", "type=xdp_skb"));
  EXPECT_THAT(candidates({"router", "add", "r2"}, "type="), ElementsAre("type=tc", "type=xdp_drv", "type=xdp_skb"));
  EXPECT_THAT(candidates({"router", "add", "r2"}, "type=X"), ElementsAre("type=XDP_DRV", "type=XDP_SKB"));
  EXPECT_THAT(candidates({"br1", "ports", "a", "set"}, "peer=br1:"), ElementsAre("peer=br1:a", "peer=br1:b"));
  EXPECT_THAT(candidates({"br1", "ports", "a", "set"}, "peer=v"), ElementsAre("peer=veth1"));
  EXPECT_THAT(candidates({"sf1", "actions", "a", "set"}, "outport="), ElementsAre("outport=a", "outport=b"));
  EXPECT_THAT(candidates({"r1", "set"}, "span="), ElementsAre("span=false", "span=true"));
  EXPECT_THAT(candidates({"r1", "chain", "INGRESS", "append"}, "action="),
              ElementsAre("action=drop", "action=forward"));
}

TEST(Complete, OwnWords) {
  EXPECT_THAT(candidates({"connect"}), ElementsAre("br1:a", "br1:b", "eth0", "r1:a", "veth1"));
  EXPECT_THAT(candidates({"connect", "br1:a", "eth0"}), IsEmpty());
  EXPECT_THAT(candidates({"attach", "br1", "eth0"}), ElementsAre("after=", "before=", "position="));
  EXPECT_THAT(candidates({"cubes"}), ElementsAre("add", "set", "show"));
  EXPECT_THAT(candidates({"cubes", "show"}), ElementsAre("br1", "r1", "sf1"));
  EXPECT_THAT(candidates({"netdevs", "show"}), ElementsAre("eth0", "veth1"));
  EXPECT_THAT(candidates({"r1", "show"}, "-v"), ElementsAre("-verbose"));
  EXPECT_THAT(candidates({"r1"}, "-v"), IsEmpty());
  EXPECT_THAT(candidates({"router", "add", "r2"}, "-"), ElementsAre("-f", "-log"));
  EXPECT_THAT(candidates({"router", "add", "r2", "-f"}), IsEmpty());
}

TEST(Help, AddIsLaidOutInTwoPartsWithAnExample) {
  EXPECT_EQ(help_for({"r1", "ports", "add"}),
            "\n"
            "Keyword             Type      Description\n"
            "<name>              string    Name of the port.                                                           "
            "               port1\n"
            "\n"
            "Other parameters:\n"
            "peer=value          string    Network device or 'cube:port' to which the port is wired; empty when it is "
            "not connected.  r0:port1\n"
            "ip=value            string    Address and prefix length.                                                  "
            "               10.0.0.1/24\n"
            "\n"
            "Example:\n"
            "polycubectl r1 ports add port1 peer=r0:port1 ip=10.0.0.1/24\n"
            "\n");
}

TEST(Help, AnExampleGoesOnFromWhatIsTyped) {
  EXPECT_THAT(help_for({"r1", "ports", "add", "x", "peer=eth0"}),
              HasSubstr("Example:\npolycubectl r1 ports add x peer=eth0 ip=10.0.0.1/24\n"));
  EXPECT_THAT(help_for({"r1", "route", "10.0.0.0/8", "del"}),
              HasSubstr("polycubectl r1 route del 10.0.0.0/8 2.2.2.2\n"));
}

TEST(Help, OffersOnlyWhatCanBeChanged) {
  Schema schema = test_schema();
  auto& router = schema.services.find("router")->second;
  for (auto& child : router.children) {
    if (child.name == "span") child.unavailable = true;
    if (child.name == "route") child.config = false;
  }
  const auto text = [&](Words words) { return help(schema, parse_command_line(words).value(), live(), true).value(); };
  EXPECT_THAT(text({"r1", "set", "?"}), Not(HasSubstr("span")));
  EXPECT_THAT(complete(schema, {"r1", "set"}, "", live()), Not(Contains("span=")));
  EXPECT_THAT(text({"r1", "show", "?"}), HasSubstr("\nspan "));
  EXPECT_THAT(text({"r1", "route", "?"}), HasSubstr("\nshow "));
  EXPECT_THAT(text({"r1", "route", "?"}), Not(HasSubstr("\ndel ")));
}

TEST(Help, RootListsServicesCubesAndCommands) {
  const auto text = help_for({});
  for (const auto* word :
       {"For help on keywords use '?'", "simplebridge", "Simple L2 Bridge Service", "r1 ", "connect", "netdevs",
        "\n-f FILE", "\n-json, -yaml", "\n-hide=", "\n-interval=", "\n-log ", "\n-h, --help"})
    EXPECT_THAT(text, HasSubstr(word));
  EXPECT_THAT(help(test_schema(), parse_command_line({}).value(), live(), false).value(),
              Not(HasSubstr("\nservices ")));
}

TEST(Help, ContextsOfResources) {
  EXPECT_THAT(help_for({"br1"}), HasSubstr("\nfdb                 container"));
  EXPECT_THAT(help_for({"r1", "chain", "INGRESS", "append"}),
              HasSubstr("action=value        string    What to do. (drop, forward)"));
  EXPECT_THAT(help_for({"r1", "set"}), Not(HasSubstr("uuid")));
  EXPECT_THAT(help_for({"r1", "route", "del"}), HasSubstr("Example:\npolycubectl r1 route del"));
  EXPECT_THAT(help_for({"r1", "route", "del"}), HasSubstr("\nWithout a key, all entries are deleted.\n"));
  EXPECT_THAT(help_for({"r1", "route"}), HasSubstr("Delete an entry. Without a key, all entries are deleted.\n"));
  EXPECT_THAT(help_for({"r1", "route", "10.0.0.0/8", "del"}), Not(HasSubstr("Without a key")));
  EXPECT_THAT(help_for({"sf1", "actions", "add"}), HasSubstr("(drop, forward) (mandatory)"));
  EXPECT_THAT(help_for({"sf1", "actions", "add"}), HasSubstr("actions add port1 action=drop"));
  EXPECT_THAT(help_for({"sf1", "actions", "a", "set"}), Not(HasSubstr("(mandatory)")));
  EXPECT_THAT(help_for({"r1", "nosuch"}), HasSubstr("Unknown word 'nosuch'"));
}

TEST(Help, OwnWords) {
  EXPECT_EQ(help_for({"version"}), "There is not help for this command\n");
  EXPECT_THAT(help_for({"connect"}), HasSubstr("<peer1>"));
  EXPECT_THAT(help_for({"cubes"}), HasSubstr("cubes add FILE"));
  EXPECT_THAT(help_for({"services"}), HasSubstr("services show"));
}

}  // namespace
}  // namespace polycube::cli
