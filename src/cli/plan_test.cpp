// SPDX-License-Identifier: Apache-2.0
#include "cli/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/document.h"
#include "cli/test_schema.h"

namespace polycube::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

Result<Plan> plan(const Words& words, const std::string& input = {}) {
  const auto line = parse_command_line(words).value();
  std::optional<Json> document;
  if (!input.empty()) document = parse_document(input).value();
  return make_plan(test_schema(), line, document,
                   {[](const std::string& name) -> Result<std::optional<std::string>> {
                      if (name == "r1") return std::optional<std::string>("router");
                      if (name == "br1") return std::optional<std::string>("simplebridge");
                      return std::optional<std::string>();
                    },
                    [] { return Words{"r1", "br1"}; }});
}

/// "METHOD path body", or the error.
std::string request(const Words& words, const std::string& input = {}) {
  const auto made = plan(words, input);
  if (!made) return "error: " + made.error().message;
  const auto& request = made->request;
  return request.method + " " + request.path + (request.body.empty() ? "" : " " + request.body);
}

TEST(Plan, AddPostsAnEntryToItsParent) {
  EXPECT_EQ(request({"simplebridge", "add", "b2", "type=xdp_skb"}),
            R"(POST /restconf/data {"simplebridge:simplebridge":[{"name":"b2","type":"XDP_SKB"}]})");
  EXPECT_EQ(
      request({"br1", "ports", "add", "10", "peer=veth1"}),
      R"(POST /restconf/data/simplebridge:simplebridge=br1 {"simplebridge:ports":[{"name":"10","peer":"veth1"}]})");
  EXPECT_EQ(
      request({"r1", "route", "add", "10.9.0.0/16", "10.0.0.2", "pathcost=5"}),
      R"(POST /restconf/data/router:router=r1 {"router:route":[{"network":"10.9.0.0/16","nexthop":"10.0.0.2","pathcost":5}]})");
  EXPECT_EQ(
      request({"br1", "fdb", "entry", "add", "02:00:00:00:00:01", "port=p1"}),
      R"(POST /restconf/data/simplebridge:simplebridge=br1/fdb {"simplebridge:entry":[{"address":"02:00:00:00:00:01","port":"p1"}]})");
}

TEST(Plan, WithoutACommandThereIsAPost) {
  EXPECT_EQ(request({"router", "r2"}), request({"router", "add", "r2"}));
  EXPECT_EQ(request({"br1", "ports", "p9", "peer=veth1"}), request({"br1", "ports", "add", "p9", "peer=veth1"}));
  for (const Words& words : {Words{"br1", "ports"}, Words{"r1", "type"}, Words{"br1", "fdb"}})
    EXPECT_EQ(plan(words).error().code, ErrorCode::malformed_message) << words[1];
}

TEST(Plan, AMisspeltCommandMakesNothing) {
  EXPECT_EQ(
      request({"router", "shwo"}),
      "error: router shwo: say what to do: add, set, show or del; did you mean the command show instead of shwo?");
  EXPECT_THAT(request({"br1", "dl", "ports"}), HasSubstr("Unknown word 'dl'"));
  EXPECT_THAT(request({"br1", "dl", "ports"}), HasSubstr("did you mean the command del instead of dl?"));
  EXPECT_THAT(request({"shwo", "br1"}), HasSubstr("did you mean the command show instead of shwo?"));
  EXPECT_THAT(request({"br1", "ports", "p1", "set"}), Not(HasSubstr("did you mean")));
}

TEST(Plan, AFileIsRefusedWhereThereIsNoDocument) {
  EXPECT_THAT(request({"connect", "br1:p1", "veth1", "-f", "x"}), HasSubstr("Bad syntax, usage: connect"));
  EXPECT_THAT(request({"attach", "n1", "veth1", "-f", "x"}), HasSubstr("Bad syntax, usage: attach"));
}

TEST(Plan, KeysMayBeInTheBody) {
  EXPECT_EQ(request({"br1", "ports", "add", "name=p1"}), request({"br1", "ports", "add", "p1"}));
  EXPECT_EQ(request({"r1", "route", "add", "10.0.0.0/8"}), "error: route needs its key 'nexthop'");
  EXPECT_THAT(request({"br1", "ports", "add", "p1", "name=p2"}),
              HasSubstr("name is 'p1' in the path and 'p2' in the body"));
}

TEST(Plan, SetPatchesTheResource) {
  EXPECT_EQ(
      request({"br1", "ports", "p1", "set", "peer="}),
      R"(PATCH /restconf/data/simplebridge:simplebridge=br1/ports=p1 {"simplebridge:ports":[{"name":"p1","peer":""}]})");
  EXPECT_EQ(request({"br1", "fdb", "set", "aging-time=60"}),
            R"(PATCH /restconf/data/simplebridge:simplebridge=br1/fdb {"simplebridge:fdb":{"aging-time":60}})");
  EXPECT_EQ(
      request({"r1", "set", "limits.burst.size=3", "loglevel=trace"}),
      R"(PATCH /restconf/data/router:router=r1 {"router:router":[{"name":"r1","limits":{"burst":{"size":3}},"loglevel":"TRACE"}]})");
  EXPECT_THAT(request({"br1", "ports", "set", "peer=x"}), HasSubstr("needs the key"));
  EXPECT_THAT(request({"r1", "type", "set", "x=1"}), HasSubstr("set type=value"));
}

TEST(Plan, DeletesEntriesListsAndCubes) {
  EXPECT_EQ(request({"del", "br1"}), "DELETE /restconf/data/simplebridge:simplebridge=br1");
  EXPECT_EQ(request({"br1", "del", "ports", "p1"}), "DELETE /restconf/data/simplebridge:simplebridge=br1/ports=p1");
  EXPECT_EQ(request({"r1", "route", "del"}), "DELETE /restconf/data/router:router=r1/route");
  EXPECT_THAT(request({"r1", "route", "10.0.0.0/8", "del"}), HasSubstr("needs its key 'nexthop'"));
}

TEST(Plan, ReadsAreAsDeepAsTheyAreShown) {
  const std::string prefix = "GET /restconf/data/router:router=r1?with-defaults=report-all";
  EXPECT_EQ(request({"r1", "show", "-brief"}), prefix + "&depth=4");
  EXPECT_THAT(request({"helloworld", "h1", "show", "-brief"}), HasSubstr("&depth=3"));
  EXPECT_EQ(request({"r1", "show"}), prefix + "&depth=4");
  EXPECT_EQ(request({"r1", "show", "-verbose"}), prefix + "&depth=5");
  EXPECT_EQ(request({"r1", "show", "-json"}), prefix);
  EXPECT_EQ(request({"r1", "type", "show"}),
            "GET /restconf/data/router:router=r1/type?with-defaults=report-all&depth=1");
}

TEST(Plan, ActionsArePosted) {
  EXPECT_EQ(request({"br1", "fdb", "flush"}), "POST /restconf/data/simplebridge:simplebridge=br1/fdb/flush");
  EXPECT_EQ(
      request({"r1", "chain", "INGRESS", "append", "src=10.0.0.0/8", "action=DROP"}),
      R"(POST /restconf/data/router:router=r1/chain=INGRESS/append {"router:input":{"src":"10.0.0.0/8","action":"drop"}})");
  EXPECT_EQ(
      request({"r1", "chain", "INGRESS", "batch", "rules="}, R"({"rules":[{"n":1,"action":"DROP"}]})"),
      R"(POST /restconf/data/router:router=r1/chain=INGRESS/batch {"router:input":{"rules":[{"n":1,"action":"drop"}]}})");
  EXPECT_THAT(request({"br1", "fdb", "flush", "show"}), HasSubstr("is an action"));
}

TEST(Plan, ADocumentReplacesTheAssignments) {
  EXPECT_EQ(
      request({"router", "add", "r2"}, "type: xdp_drv\nuuid: dropped\nports:\n- name: 1\n  ip: 10.0.0.1/24\n"),
      R"(POST /restconf/data {"router:router":[{"name":"r2","type":"XDP_DRV","ports":[{"name":"1","ip":"10.0.0.1/24"}]}]})");
  EXPECT_EQ(request({"r1", "ports", "p1", "add", "ip=1"}, "ip: 2\n"),
            R"(POST /restconf/data/router:router=r1 {"router:ports":[{"name":"p1","ip":"2"}]})");
  EXPECT_THAT(request({"router", "add", "r2"}, "service-name: bridge\n"),
              HasSubstr("is 'router' in the path and 'bridge' in the body"));
  EXPECT_THAT(request({"router", "add", "r2"}, "- 1\n"), HasSubstr("is no object"));
}

TEST(Plan, ADocumentMayHoldManyEntries) {
  EXPECT_EQ(request({"router", "add"}, "- name: a\n- name: b\n"),
            R"(POST /restconf/data {"router:router":[{"name":"a"},{"name":"b"}]})");
  EXPECT_EQ(
      request({"br1", "fdb", "entry", "add"}, "[{address: x, port: p},{address: y, port: p}]"),
      R"(POST /restconf/data/simplebridge:simplebridge=br1/fdb {"simplebridge:entry":[{"address":"x","port":"p"},{"address":"y","port":"p"}]})");
  EXPECT_THAT(request({"br1", "fdb", "entry", "add"}, "[]"), HasSubstr("holds no entries of entry"));
  EXPECT_EQ(
      request({"br1", "ports", "set"}, "[{name: a, peer: x}]"),
      R"(PATCH /restconf/data/simplebridge:simplebridge=br1 {"simplebridge:simplebridge":[{"name":"br1","ports":[{"name":"a","peer":"x"}]}]})");
}

TEST(Plan, CubesComeAsAListOrByService) {
  const auto list =
      request({"cubes", "add"}, "- service-name: router\n  name: 1\n- service-name: helloworld\n  name: h\n");
  EXPECT_EQ(list, R"(POST /restconf/data {"router:router":[{"name":"1"}],"helloworld:helloworld":[{"name":"h"}]})");
  EXPECT_EQ(request({"cubes", "add"}, "router:\n- name: 1\n  uuid: x\nhelloworld:\n- name: h\n"), list);
  EXPECT_EQ(
      request({"cubes", "set"}, "{service-name: router, name: r1, ports: [{name: p, peer: 'b:q'}]}"),
      R"(PATCH /restconf/data {"ietf-restconf:data":{"router:router":[{"name":"r1","ports":[{"name":"p","peer":"b:q"}]}]}})");
  EXPECT_EQ(request({"cubes", "add", "service-name=router", "name=r2"}),
            R"(POST /restconf/data {"router:router":[{"name":"r2"}]})");
}

TEST(Plan, CubesThatAreNoneAreRefused) {
  EXPECT_THAT(request({"cubes", "add"}, "- name: x\n"), HasSubstr("lacks its service-name: \"x\""));
  EXPECT_THAT(request({"cubes", "add"}, "- service-name: ruter\n  name: x\n"), HasSubstr("did you mean router?"));
  EXPECT_THAT(request({"cubes", "add"}, "router: 5\n"), HasSubstr("holds no list"));
  EXPECT_THAT(request({"cubes", "add"}, "- service-name: router\n"), HasSubstr("needs its key 'name'"));
  EXPECT_THAT(request({"cubes", "add"}, "[]"), HasSubstr("no cubes"));
  EXPECT_THAT(request({"cubes", "add"}), HasSubstr("standard input"));
  EXPECT_THAT(request({"cubes", "del"}), HasSubstr("Bad syntax"));
}

TEST(Plan, Operations) {
  EXPECT_EQ(request({"connect", "br1:p1", "veth1"}),
            R"(POST /restconf/operations/polycube:connect {"polycube:input":{"peer1":"br1:p1","peer2":"veth1"}})");
  EXPECT_EQ(
      request({"attach", "n1", "eth0", "position=first"}),
      R"(POST /restconf/operations/polycube:attach {"polycube:input":{"cube":"n1","port":"eth0","position":"first"}})");
  EXPECT_EQ(request({"detach", "n1", "eth0"}),
            R"(POST /restconf/operations/polycube:detach {"polycube:input":{"cube":"n1","port":"eth0"}})");
  EXPECT_EQ(request({"connect", "a"}), "error: Bad syntax, usage: connect peer1 peer2");
  EXPECT_EQ(request({"detach", "a"}), "error: Bad syntax, usage: detach cube port");
  EXPECT_EQ(request({"attach", "a", "b", "position=first", "before=x"}), "error: Only one parameter is supported");
  EXPECT_EQ(request({"attach", "a", "b", "place=1"}), "error: Parameter place is not valid");
  EXPECT_EQ(request({"attach", "a", "b", "position=third"}), "error: third is not valid for position argument");
  EXPECT_THAT(request({"attach", "a", "b", "c"}), HasSubstr("Bad syntax"));
}

TEST(Plan, GrammarAndModelErrorsDiffer) {
  EXPECT_EQ(plan({"r1", "ports"}).error().code, ErrorCode::malformed_message);
  EXPECT_EQ(plan({"add"}).error().code, ErrorCode::malformed_message);
  EXPECT_EQ(plan({"nosuch", "show"}).error().code, ErrorCode::unknown_element);
  EXPECT_EQ(plan({"r1", "nosuch", "show"}).error().code, ErrorCode::unknown_element);
}

TEST(Input, IsReadWhereADocumentMakesSense) {
  const auto input = [](const Words& words) { return input_of(parse_command_line(words).value()); };
  EXPECT_EQ(input({"cubes", "add"}), Input::required);
  EXPECT_EQ(input({"router", "add", "r1", "-f", "-"}), Input::required);
  EXPECT_EQ(input({"router", "add", "r1"}), Input::optional);
  EXPECT_EQ(input({"br1", "fdb", "flush"}), Input::optional);
  EXPECT_EQ(input({"br1", "set", "a=1", "b=2"}), Input::optional);
  EXPECT_EQ(input({"br1", "set", "a=1"}), Input::none);
  EXPECT_EQ(input({"br1", "show"}), Input::none);
  EXPECT_EQ(input({"del", "br1"}), Input::none);
  EXPECT_EQ(input({"connect", "a", "b"}), Input::none);
}

}  // namespace
}  // namespace polycube::cli
