// SPDX-License-Identifier: Apache-2.0
#include "cli/topology_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace polycube::cli {
namespace {

using testing::HasSubstr;

const DrawOptions ascii{false, 0, {}};

PortView port(const std::string& name, const std::string& peer, bool up = true) { return {name, peer, up, 0, 0, 0, 0}; }

const TopologyView chain{{"br1", "simplebridge", "TC", {port("p1", "veth1"), port("p2", "fw:a")}},
                         {"fw", "simpleforwarder", "TC", {port("a", "br1:p2"), port("b", "veth2")}}};

std::size_t occurrences(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

TEST(Draw, AChainIsOneRow) {
  EXPECT_EQ(draw(chain, {}, {}), "veth1 ──● p1 [br1 simplebridge TC] p2 ●──● a [fw simpleforwarder TC] b ●── veth2\n");
  EXPECT_EQ(draw(chain, {}, ascii),
            "veth1 --* p1 [br1 simplebridge TC] p2 *--* a [fw simpleforwarder TC] b *-- veth2\n");
}

TEST(Draw, AStarHangsBelowItsCube) {
  TopologyView star{{"b", "bridge", "XDP_DRV", {}}};
  for (int i = 1; i <= 5; ++i) star[0].ports.push_back(port("p" + std::to_string(i), "v" + std::to_string(i)));
  EXPECT_EQ(draw(star, {}, ascii),
            "v1 --* p1 [b bridge XDP_DRV] p2 *-- v2\n"
            "           |- p3 *-- v3\n"
            "           |- p4 *-- v4\n"
            "           `- p5 *-- v5\n");
}

TEST(Draw, BranchesOfSeveralCubesDoNotCross) {
  auto view = chain;
  view[0].ports.push_back(port("x", "veth3"));
  view[1].ports.push_back(port("y", "r:1"));
  view.push_back({"r", "router", "TC", {port("1", "fw:y"), port("2", "veth4"), port("3", "")}});
  EXPECT_EQ(draw(view, {}, ascii),
            "veth1 --* p1 [br1 simplebridge TC] p2 *--* a [fw simpleforwarder TC] y *--* 1 [r router TC] 2 *-- veth4\n"
            "              |                               |                                `- 3 o not connected\n"
            "              |                               `- b *-- veth2\n"
            "              `- x *-- veth3\n");
}

TEST(Draw, ARingEndsWhereItBegan) {
  const TopologyView ring{{"a", "r", "TC", {port("1", "c:2"), port("2", "b:1")}},
                          {"b", "r", "TC", {port("1", "a:2"), port("2", "c:1")}},
                          {"c", "r", "TC", {port("1", "b:2"), port("2", "a:1")}}};
  EXPECT_EQ(draw(ring, {}, ascii), "[a r TC] 1 *--* 2 [c r TC] 1 *--* 2 [b r TC] 1 *--* 2 [a]\n");
}

TEST(Draw, MarksWhatIsNotUp) {
  const TopologyView view{
      {"a",
       "r",
       "TC",
       {port("1", "", false), port("2", "b:1", false), port("3", "veth1", false), port("4", "gone:1", false)}},
      {"b", "r", "TC", {port("1", "", false)}}};
  EXPECT_EQ(draw(view, {}, ascii),
            "veth1 --x 3 [a r TC]\n"
            "             |- 1 o not connected\n"
            "             |- 2 x.. b:1 (one-sided)\n"
            "             `- 4 x.. gone:1 (one-sided)\n"
            "[b r TC]\n"
            " `- 1 o not connected\n");
}

CubeView transparent(const std::string& name, const std::string& parent, std::size_t place = 0) {
  return {name, "t", "TC", {}, parent, place};
}

TEST(Draw, TransparentCubesStandInTheLineInOrder) {
  auto view = chain;
  view.insert(view.begin(), {transparent("d2", "veth1", 1), transparent("n2", "br1:p1", 1), transparent("m", "fw:a")});
  view.insert(view.end(), {transparent("d1", "veth1", 0), transparent("n1", "br1:p1", 0), transparent("k", "br1:p2"),
                           transparent("out1", "fw:b", 0), transparent("out2", "fw:b", 1),
                           transparent("wire", "veth2", 0), transparent("inner", "veth2", 1)});
  EXPECT_EQ(
      draw(view, {}, ascii),
      "veth1 --[d1 t TC]--[d2 t TC]--[n2 t TC]--[n1 t TC]--* p1 [br1 simplebridge TC] p2 *--[k t TC]--[m t TC]--* "
      "a [fw simpleforwarder TC] b *--[out1 t TC]--[out2 t TC]--[inner t TC]--[wire t TC]-- veth2\n");
  EXPECT_EQ(draw(view, {}, {false, 0, "n1"}), draw(view, {}, ascii));
}

TEST(Draw, TransparentCubesWithoutAPortBehindThem) {
  const TopologyView view{{"a", "r", "TC", {port("1", "", false), port("2", "b:9", false)}},
                          transparent("y", "veth5", 1),
                          transparent("x", "veth5", 0),
                          transparent("alone", ""),
                          transparent("free", "a:1"),
                          transparent("half", "a:2")};
  EXPECT_EQ(draw(view, {}, ascii),
            "[a r TC]\n"
            " |- 1 o--[free t TC] not connected\n"
            " `- 2 x--[half t TC].. b:9 (one-sided)\n"
            "veth5 --[x t TC]--[y t TC]-- host\n"
            "[alone t TC] not attached\n");
  EXPECT_EQ(draw(view, {}, {false, 0, "y"}), "veth5 --[x t TC]--[y t TC]-- host\n");
  EXPECT_EQ(draw(view, {}, {false, 0, "veth5"}), "veth5 --[x t TC]--[y t TC]-- host\n");
}

TEST(Draw, SaysWhatAOneSidedLinkLacks) {
  TopologyView view{{"a", "r", "TC", {port("1", "b:1", false)}}, {"b", "r", "TC", {port("1", "", false)}}};
  view[0].ports[0].reason = "b:1 has no peer";
  EXPECT_THAT(draw(view, {}, ascii), HasSubstr("1 x.. b:1 (one-sided: b:1 has no peer)\n"));
}

TEST(Draw, IsolatedCubesAndNothing) {
  EXPECT_EQ(draw({}, {}, ascii), "");
  EXPECT_EQ(draw({{"a", "r", "TC", {}}, {"b", "r", "TC", {}}}, {}, ascii), "[a r TC]\n[b r TC]\n");
}

TEST(Draw, AHundredCubesWrapAtTheWidth) {
  TopologyView view;
  for (int i = 0; i < 100; ++i) {
    const auto name = [](int k) { return "cube" + std::to_string(k); };
    view.push_back({name(i),
                    "simpleforwarder",
                    "TC",
                    {port("l", i == 0 ? "veth0" : name(i - 1) + ":r"),
                     port("r", i == 99 ? "veth1" : name(i + 1) + ":l"), port("m", "", false)}});
  }
  std::ranges::reverse(view);
  const auto text = draw(view, {}, {false, 120, {}});
  for (std::size_t start = 0; start < text.size();) {
    const auto end = text.find('\n', start);
    EXPECT_LE(end - start, 125U);
    start = end + 1;
  }
  EXPECT_EQ(occurrences(text, " simpleforwarder TC]"), 100U);
  EXPECT_EQ(occurrences(text, "not connected"), 100U);
  EXPECT_EQ(occurrences(text, "veth0") + occurrences(text, "veth1"), 2U);
  for (int i = 1; text.find("(" + std::to_string(i) + ")") != std::string::npos; ++i)
    EXPECT_EQ(occurrences(text, "(" + std::to_string(i) + ")"), 2U) << i;
}

TEST(Draw, OnlyTheGroupThatIsAskedFor) {
  auto view = chain;
  view.push_back({"other", "r", "TC", {port("1", "veth9")}});
  EXPECT_THAT(draw(view, {}, {false, 0, "veth2"}), HasSubstr("[br1 "));
  EXPECT_EQ(draw(view, {}, {false, 0, "other"}), "veth9 --* 1 [other r TC]\n");
  EXPECT_EQ(draw(view, {}, {false, 0, "nosuch"}), "");
}

TEST(Draw, NamesCannotEscapeToTheTerminal) {
  EXPECT_EQ(draw({{"a\x1b", "r", "TC", {}}}, {}, ascii), "[a\\x1b r TC]\n");
}

TEST(Rates, AreDrawnAlongTheLinkAndInATable) {
  auto later = chain;
  later[0].ports[0].in_packets = 6'000;
  later[0].ports[0].in_octets = 600'000;
  later[0].ports[0].out_packets = 5;
  const auto rates = rates_between(chain, later, std::chrono::duration<double>(0.5));
  const auto text = draw(later, rates, ascii);
  EXPECT_THAT(text, HasSubstr("veth1 --12.0k> <10--* p1 [br1"));
  EXPECT_THAT(
      text, HasSubstr("port    in pkt/s  in bit/s  out pkt/s  out bit/s\nbr1:p1  12.0k     9.60M     10         0\n"));
}

TEST(Rates, CountersThatWentBackHaveNone) {
  auto earlier = chain;
  earlier[0].ports[0].in_packets = 5;
  const auto rates = rates_between(earlier, chain, std::chrono::duration<double>(1));
  EXPECT_FALSE(rates.contains({"br1", "p1"}));
  EXPECT_TRUE(rates.contains({"br1", "p2"}));
  EXPECT_TRUE(rates_between(chain, chain, std::chrono::duration<double>(0)).empty());
}

TEST(Rates, AreWrittenForPeople) {
  EXPECT_EQ(human(0), "0");
  EXPECT_EQ(human(950), "950");
  EXPECT_EQ(human(1000), "1.00k");
  EXPECT_EQ(human(12'000), "12.0k");
  EXPECT_EQ(human(1'234'567), "1.23M");
  EXPECT_EQ(human(999'600), "1.00M");
}

TEST(Topology, IsReadFromTheCubes) {
  const auto view = parse_topology(Json::parse(
      R"({"cube":[{"name":"a","service-name":"r","type":"TC","ports":[{"name":"1","peer":"x","status":"UP","in-pkts":7}]},3]})"));
  ASSERT_EQ(view.size(), 2U);
  EXPECT_FALSE(view[0].parent);
  EXPECT_EQ(view[0].ports[0].in_packets, 7U);
  EXPECT_TRUE(view[0].ports[0].up);
  EXPECT_TRUE(parse_topology(Json(nullptr)).empty());
  const auto attached = parse_topology(
      Json::parse(R"({"cube":[{"name":"s","parent":"x"},{"name":"t","parent":"x"},{"name":"u","parent":"a:1"},)"
                  R"({"name":"a","ports":[{"name":"1","tcubes":["v","u"],"status-reason":"why"}]}]})"),
      Json::parse(R"({"netdev":[{"name":"x","tcubes":["t","s"]}]})"));
  EXPECT_GT(attached[0].place, attached[1].place);
  EXPECT_EQ(attached[2].parent, "a:1");
  EXPECT_EQ(attached[3].ports[0].reason, "why");
}

}  // namespace
}  // namespace polycube::cli
