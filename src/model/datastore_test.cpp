// SPDX-License-Identifier: Apache-2.0
#include "model/datastore.h"

#include <atomic>
#include <thread>

#include "model/test_support.h"
#include "model/yang.h"

namespace polycube::model {
namespace {

using nlohmann::json;

const std::string sf = "simpleforwarder:simpleforwarder=sf";
const std::string br = "simplebridge:simplebridge=b";
const std::string at = "alltypes:alltypes=a";

class Edits : public ::testing::Test {
 protected:
  void SetUp() override {
    s.edit(Method::post, "", R"({
      "simpleforwarder:simpleforwarder": [{"name": "sf", "ports": [{"name": "p1"}, {"name": "p2"}, {"name": "p3"}],
        "actions": [{"inport": "p1", "action": "forward", "outport": "p2"}]}],
      "simplebridge:simplebridge": [{"name": "b", "ports": [{"name": "p1"}, {"name": "p2"}],
        "fdb": {"entry": [{"address": "02:00:00:00:00:01", "port": "p1"}, {"address": "02:00:00:00:00:02", "port": "p2"}]}}],
      "alltypes:alltypes": [{"name": "a", "ports": [{"name": "p1"}, {"name": "p2"}]}]})");
  }
  Store s;
};

TEST(Path, Parses) {
  const auto steps = parse_path("m:list=a%2Fb,%3Ac,/x=/leaf");
  ASSERT_TRUE(steps);
  ASSERT_EQ(steps->size(), 3u);
  EXPECT_EQ((*steps)[0].module, "m");
  EXPECT_EQ((*steps)[0].keys, (std::vector<std::string>{"a/b", ":c", ""}));
  EXPECT_EQ((*steps)[1].keys, std::vector<std::string>{""});
  EXPECT_TRUE((*steps)[2].keys.empty());
  EXPECT_TRUE(parse_path("")->empty());
}

TEST(Path, RefusesWhatIsNoPath) {
  for (const char* bad : {"/", "a/", "/a", "a//b", "a%", "a%4", "a%zz", "a=%00", "a=%ff", "a=%c0%80", "a b", "a:b:c",
                          ":a", "a:", "=x", "a=\x01"}) {
    const auto steps = parse_path(bad);
    ASSERT_FALSE(steps) << bad;
    EXPECT_EQ(steps.error().code, ErrorCode::malformed_message) << bad;
  }
  std::string deep = "a";
  for (int i = 0; i < 100; ++i) deep += "/a";
  EXPECT_FALSE(parse_path(deep));
}

TEST(Path, EncodesKeys) {
  EXPECT_EQ(encode_key("a-b_c.d~"), "a-b_c.d~");
  EXPECT_EQ(encode_key("10.0.0.0/24,x\xc3\xa9"), "10.0.0.0%2F24%2Cx%C3%A9");
  EXPECT_EQ(parse_path("l=" + encode_key("a,b=%/"))->front().keys.front(), "a,b=%/");
}

TEST_F(Edits, Resolve) {
  EXPECT_EQ(resolve(*test_schema(), "")->kind, Target::Kind::datastore);
  const auto action = resolve(*test_schema(), br + "/fdb/flush");
  ASSERT_TRUE(action);
  EXPECT_EQ(action->kind, Target::Kind::action);
  EXPECT_EQ(action->cube, (CubeId{"simplebridge", "b"}));
  EXPECT_EQ(resolve(*test_schema(), br + "/fdb/entry")->kind, Target::Kind::data);
  EXPECT_TRUE(resolve(*test_schema(), br + "/fdb/entry")->config);
  EXPECT_FALSE(resolve(*test_schema(), br + "/uuid")->config);
  EXPECT_FALSE(resolve(*test_schema(), "polycube:cubes")->cube);
  EXPECT_FALSE(resolve(*test_schema(), "simplebridge:simplebridge")->cube);
  EXPECT_EQ(resolve(*test_schema(), "nope:nope").error().code, ErrorCode::unknown_element);
  EXPECT_EQ(resolve(*test_schema(), br + "/fdb/entry=a,b").error().code, ErrorCode::malformed_message);
  EXPECT_EQ(resolve(*test_schema(), br + "/fdb=x").error().code, ErrorCode::malformed_message);
  EXPECT_EQ(resolve(*test_schema(), br + "/ports/peer").error().code, ErrorCode::missing_element);
  EXPECT_EQ(resolve(*test_schema(), br + "/loglevel/x").error().code, ErrorCode::unknown_element);
}

TEST_F(Edits, PostCreatesCubesWithDefaults) {
  EXPECT_EQ(s.store.cubes().size(), 3u);
  const auto cube = s.get("sf", sf)["simpleforwarder:simpleforwarder"][0];
  EXPECT_EQ(cube["type"], "TC");
  EXPECT_EQ(cube["shadow"], false);
  EXPECT_EQ(cube["ports"][0]["peer"], "");
}

TEST_F(Edits, PostReportsLocation) {
  const auto cube = s.edit(Method::post, "", R"({"helloworld:helloworld":[{"name":"h"}]})");
  EXPECT_TRUE(cube.created);
  EXPECT_EQ(cube.location, "helloworld:helloworld=h");
  EXPECT_EQ(cube.changes.size(), 1u);
  EXPECT_EQ(cube.changes.begin()->second.before, nullptr);
  EXPECT_EQ(s.edit(Method::post, br + "/fdb", R"({"simplebridge:entry":[{"address":"02:00:00:00:00:AB","port":"p1"}]})")
                .location,
            br + "/fdb/entry=02%3A00%3A00%3A00%3A00%3Aab");
  const auto several = s.edit(Method::post, br, R"({"simplebridge:ports":[{"name":"x"},{"name":"y"}]})");
  EXPECT_TRUE(several.created);
  EXPECT_EQ(several.location, "");
}

TEST_F(Edits, PostRefusesWhatExists) {
  EXPECT_ERROR(s.refuse(Method::post, "", R"({"simplebridge:simplebridge":[{"name":"new"},{"name":"b"}]})"),
               data_exists, "cube 'b' exists", br);
  EXPECT_ERROR(s.refuse(Method::post, "", R"({"simplebridge:simplebridge":[{"name":"sf"}]})"), data_exists,
               "of service simpleforwarder", "simplebridge:simplebridge=sf");
  EXPECT_ERROR(
      s.refuse(Method::put, "simplebridge:simplebridge=sf", R"({"simplebridge:simplebridge":[{"name":"sf"}]})"),
      data_exists, "of service simpleforwarder", "simplebridge:simplebridge=sf");
  EXPECT_ERROR(s.refuse(Method::post, br, R"({"simplebridge:ports":[{"name":"new"},{"name":"p1"}]})"), data_exists,
               "port 'p1' exists", br + "/ports=p1");
  EXPECT_ERROR(s.refuse(Method::post, br, R"({"simplebridge:loglevel":"DEBUG"})"), data_exists, "loglevel exists",
               br + "/loglevel");
  EXPECT_ERROR(s.refuse(Method::post, "", R"({"helloworld:helloworld":[{"name":"x"},{"name":"x"}]})"), invalid_value,
               "given twice", "helloworld:helloworld=x");
  EXPECT_ERROR(s.refuse(Method::post, br, R"({"simplebridge:ports":[{"name":"x"},{"name":"x"}]})"), invalid_value,
               "given twice", br + "/ports=x");
  EXPECT_ERROR(s.refuse(Method::post, "simplebridge:simplebridge=no", R"({"simplebridge:ports":[{"name":"x"}]})"),
               data_missing, "there is no cube 'no'", "simplebridge:simplebridge=no");
}

TEST_F(Edits, PostTakesExactlyOneKindOfChild) {
  EXPECT_EQ(s.refuse(Method::post, br, R"({"simplebridge:ports":[{"name":"x"}],"simplebridge:fdb":{}})").code,
            ErrorCode::malformed_message);
  EXPECT_EQ(s.refuse(Method::post, br, "{}").code, ErrorCode::malformed_message);
  EXPECT_EQ(s.refuse(Method::post, br, R"({"simplebridge:ports":[]})").code, ErrorCode::malformed_message);
  EXPECT_EQ(s.refuse(Method::post, "", "{}").code, ErrorCode::malformed_message);
  EXPECT_EQ(s.refuse(Method::post, br + "/ports", R"({"simplebridge:ports":[{"name":"x"}]})").code,
            ErrorCode::operation_not_supported);
  EXPECT_EQ(s.refuse(Method::post, br + "/fdb/flush", "{}").code, ErrorCode::operation_not_supported);
}

TEST_F(Edits, PostOfADefaultContainer) {
  s.edit(Method::remove, br + "/fdb");
  EXPECT_TRUE(s.edit(Method::post, br, R"({"simplebridge:fdb":{"aging-time":9}})").created);
  EXPECT_ERROR(s.refuse(Method::post, br, R"({"simplebridge:fdb":{"aging-time":8}})"), data_exists, "fdb exists",
               br + "/fdb");
}

TEST_F(Edits, PutReplacesOrCreates) {
  EXPECT_TRUE(
      s.edit(Method::put, sf + "/ports=q", R"({"simpleforwarder:ports":[{"name":"q","peer":"eth0"}]})").created);
  EXPECT_EQ(s.get("sf", sf + "/ports=q/peer")["simpleforwarder:peer"], "eth0");
  EXPECT_FALSE(s.edit(Method::put, sf + "/ports=q", R"({"simpleforwarder:ports":[{}]})").created);
  EXPECT_EQ(s.get("sf", sf + "/ports=q/peer")["simpleforwarder:peer"], "");
  EXPECT_TRUE(s.edit(Method::put, "helloworld:helloworld=h", R"({"helloworld:helloworld":[{"name":"h"}]})").created);
  EXPECT_TRUE(
      s.edit(Method::put, "helloworld:helloworld=h", R"({"helloworld:helloworld":[{"name":"h"}]})").changes.empty());
  EXPECT_ERROR(s.refuse(Method::put, sf + "/ports=q", R"({"simpleforwarder:ports":[{"name":"r"}]})"), invalid_value,
               "'q' in the path and 'r' in the body", sf + "/ports=q");
  EXPECT_ERROR(s.refuse(Method::put, sf + "/ports=q", R"({"simpleforwarder:ports":[{"name":"q"},{"name":"q"}]})"),
               malformed_message, "one entry", sf + "/ports=q");
  EXPECT_ERROR(s.refuse(Method::put, sf + "/ports=q", R"({"simpleforwarder:actions":[]})"), malformed_message,
               "simpleforwarder:ports", sf + "/ports=q");
  EXPECT_ERROR(s.refuse(Method::put, "helloworld:helloworld=no/ports=x", R"({"helloworld:ports":[{"name":"x"}]})"),
               data_missing, "no cube 'no'", "helloworld:helloworld=no");
  s.edit(Method::put, br + "/fdb", R"({"simplebridge:fdb":{"entry":[{"address":"02:00:00:00:00:09","port":"p1"}]}})");
  EXPECT_EQ(s.get("b", br + "/fdb/entry")["simplebridge:entry"].size(), 1u);
  s.edit(Method::put, br + "/fdb/entry", R"({"simplebridge:entry":[]})");
  EXPECT_EQ(s.print("b", br + "/fdb/entry").error().code, ErrorCode::not_found);
}

TEST_F(Edits, PutOfTheDatastoreAndOfAService) {
  s.edit(Method::put, "simplebridge:simplebridge", R"({"simplebridge:simplebridge":[{"name":"c"}]})");
  EXPECT_EQ(s.store.find("b"), nullptr);
  EXPECT_NE(s.store.find("c"), nullptr);
  const auto all = s.edit(Method::put, "", R"({"ietf-restconf:data":{"helloworld:helloworld":[{"name":"sf"}]}})");
  EXPECT_EQ(s.store.cubes().size(), 1u);
  EXPECT_EQ(all.changes.size(), 4u);
  s.edit(Method::put, "", R"({"ietf-restconf:data":{}})");
  EXPECT_TRUE(s.store.cubes().empty());
}

TEST_F(Edits, PatchMerges) {
  s.edit(Method::patch, br,
         R"({"simplebridge:simplebridge":[{"name":"b","ports":[{"name":"p3"}],"fdb":{"aging-time":60}}]})");
  EXPECT_EQ(s.get("b", br + "/ports")["simplebridge:ports"].size(), 3u);
  EXPECT_EQ(s.get("b", br + "/fdb/entry")["simplebridge:entry"].size(), 2u);
  EXPECT_EQ(s.get("b", br + "/fdb/aging-time")["simplebridge:aging-time"], 60);
  s.edit(Method::patch, br + "/ports=p3", R"({"simplebridge:ports":[{"name":"p3","peer":"x"}]})");
  s.edit(Method::patch, br + "/ports=p2/peer", R"({"simplebridge:peer":"y"})");
  EXPECT_EQ(s.get("b", br + "/ports=p2/peer")["simplebridge:peer"], "y");
  EXPECT_FALSE(s.edit(Method::patch, "", R"({"helloworld:helloworld":[{"name":"h"}]})").created);
  EXPECT_NE(s.store.find("h"), nullptr);
  EXPECT_ERROR(s.refuse(Method::patch, br + "/ports=no", R"({"simplebridge:ports":[{"name":"no"}]})"), data_missing,
               "there is no port 'no'", br + "/ports=no");
  EXPECT_ERROR(s.refuse(Method::patch, "helloworld:helloworld=z", R"({"helloworld:helloworld":[{"name":"z"}]})"),
               data_missing, "there is no cube 'z'", "helloworld:helloworld=z");
}

TEST_F(Edits, EditWithoutEffectChangesNothing) {
  EXPECT_TRUE(s.edit(Method::patch, br + "/ports=p2/peer", R"({"simplebridge:peer":"y"})").changes.size() == 1u);
  EXPECT_TRUE(s.edit(Method::patch, br + "/ports=p2/peer", R"({"simplebridge:peer":"y"})").changes.empty());
}

TEST_F(Edits, OnlyTouchedCubesAreListed) {
  const auto candidate = s.edit(Method::patch, br + "/loglevel", R"({"simplebridge:loglevel":"debug"})");
  ASSERT_EQ(candidate.changes.size(), 1u);
  EXPECT_EQ(candidate.changes.begin()->first, (CubeId{"simplebridge", "b"}));
  EXPECT_EQ(s.get("b", br + "/loglevel")["simplebridge:loglevel"], "DEBUG");
  // What was published before is as it was.
  const auto& before = candidate.changes.begin()->second.before;
  EXPECT_EQ(leaf(*before, {"loglevel"}), "INFO");
}

TEST_F(Edits, Delete) {
  s.edit(Method::remove, br + "/fdb/entry=02:00:00:00:00:01");
  EXPECT_ERROR(s.refuse(Method::remove, br + "/fdb/entry=02:00:00:00:00:01"), data_missing,
               "no entry '02:00:00:00:00:01'", br + "/fdb/entry=02%3A00%3A00%3A00%3A00%3A01");
  s.edit(Method::remove, br + "/ports");
  EXPECT_ERROR(s.refuse(Method::remove, br + "/ports"), data_missing, "no entries of ports", br + "/ports");
  s.edit(Method::remove, "simplebridge:simplebridge");
  EXPECT_EQ(s.store.find("b"), nullptr);
  EXPECT_EQ(s.refuse(Method::remove, "simplebridge:simplebridge").code, ErrorCode::data_missing);
  s.edit(Method::remove, sf);
  EXPECT_EQ(s.refuse(Method::remove, sf).code, ErrorCode::data_missing);
  EXPECT_EQ(s.refuse(Method::remove, "").code, ErrorCode::operation_not_supported);
}

TEST_F(Edits, DeleteOfALeaf) {
  s.edit(Method::patch, br + "/fdb/aging-time", R"({"simplebridge:aging-time":60})");
  s.edit(Method::remove, br + "/fdb/aging-time");
  EXPECT_EQ(s.get("b", br + "/fdb/aging-time")["simplebridge:aging-time"], 300);
  EXPECT_TRUE(s.edit(Method::remove, br + "/fdb/aging-time").changes.empty());
  EXPECT_ERROR(s.refuse(Method::remove, br + "/fdb/entry=02:00:00:00:00:01/address"), invalid_value, "is the key",
               br + "/fdb/entry=02%3A00%3A00%3A00%3A00%3A01/address");
  EXPECT_ERROR(s.refuse(Method::remove, br + "/fdb/entry=02:00:00:00:00:01/port"), missing_element,
               "missing attribute 'port'", br + "/fdb/entry=02%3A00%3A00%3A00%3A00%3A01/port");
  EXPECT_ERROR(s.refuse(Method::patch, br + "/ports=p1/name", R"({"simplebridge:name":"q"})"), invalid_value,
               "cannot be changed", br + "/ports=p1/name");
}

TEST_F(Edits, DeletedPortTakesItsFollowersAlong) {
  s.edit(Method::remove, br + "/ports=p1");
  const auto entries = s.get("b", br + "/fdb/entry")["simplebridge:entry"];
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0]["port"], "p2");
}

TEST_F(Edits, FollowersOfFollowersGoToo) {
  s.edit(Method::patch, at, R"({"alltypes:alltypes":[{"chain":[{"name":"1","member":"p1"},{"name":"2","next":"1"},
      {"name":"3","next":"2"},{"name":"4","member":"p2"}]}]})");
  s.edit(Method::remove, at + "/ports=p1");
  const auto chain = s.get("a", at + "/chain")["alltypes:chain"];
  ASSERT_EQ(chain.size(), 1u);
  EXPECT_EQ(chain[0]["name"], "4");
}

TEST_F(Edits, WhatTheBodyNamesItselfDoesNotVanish) {
  EXPECT_ERROR(s.refuse(Method::put, br, R"({"simplebridge:simplebridge":[{"name":"b","ports":[{"name":"p2"}],
      "fdb":{"entry":[{"address":"02:00:00:00:00:01","port":"p1"}]}}]})"),
               data_missing, "Port p1 does not exist", br + "/fdb/entry=02%3A00%3A00%3A00%3A00%3A01/port");
}

TEST_F(Edits, OtherReferencesHoldThePort) {
  EXPECT_ERROR(s.refuse(Method::remove, sf + "/ports=p1"), in_use, "port p1 is used by actions 'p1'", sf + "/ports=p1");
  EXPECT_ERROR(s.refuse(Method::remove, sf + "/ports=p2"), in_use, "port p2 is used by actions 'p1'", sf + "/ports=p2");
  s.edit(Method::remove, sf + "/ports=p3");
  EXPECT_ERROR(s.refuse(Method::post, sf, R"({"simpleforwarder:actions":[{"inport":"x","action":"drop"}]})"),
               data_missing, "Port x does not exist", sf + "/actions=x/inport");
  EXPECT_ERROR(s.refuse(Method::patch, sf + "/actions=p1/outport", R"({"simpleforwarder:outport":"x"})"), data_missing,
               "Port x does not exist", sf + "/actions=p1/outport");
}

TEST_F(Edits, ReferencesWithPredicatesAndAbsolutePaths) {
  s.edit(Method::patch, at + "/ports=p1/peer", R"({"alltypes:peer":"eth0"})");
  s.edit(Method::patch, at, R"({"alltypes:alltypes":[{"ref":"p1","special":"eth0"}]})");
  EXPECT_EQ(s.refuse(Method::patch, at + "/special", R"({"alltypes:special":"eth1"})").code, ErrorCode::data_missing);
  EXPECT_ERROR(s.refuse(Method::patch, at + "/ref", R"({"alltypes:ref":"p9"})"), data_missing, "Port p9 does not exist",
               at + "/ref");
  EXPECT_ERROR(s.refuse(Method::remove, at + "/ports=p1"), in_use, "port p1 is used by ref", at + "/ports=p1");
}

TEST_F(Edits, InitOnly) {
  EXPECT_ERROR(s.refuse(Method::patch, sf + "/type", R"({"simpleforwarder:type":"XDP_SKB"})"), invalid_value,
               "type can be given only when the cube is created", sf + "/type");
  s.edit(Method::patch, sf + "/type", R"({"simpleforwarder:type":"tc"})");
  s.edit(Method::post, "", R"({"helloworld:helloworld":[{"name":"x","type":"XDP_DRV"}]})");
  EXPECT_ERROR(s.refuse(Method::put, "helloworld:helloworld=x", R"({"helloworld:helloworld":[{"name":"x"}]})"),
               invalid_value, "only when the cube is created", "helloworld:helloworld=x/type");
  EXPECT_EQ(s.refuse(Method::remove, "helloworld:helloworld=x/type").code, ErrorCode::invalid_value);
  const std::string backend = at + "/backends=10.0.0.1,80,tcp";
  s.edit(Method::post, at, R"({"alltypes:backends":[{"vip":"10.0.0.1","port":80,"proto":"TCP","opt":1}]})");
  EXPECT_ERROR(s.refuse(Method::patch, backend + "/opt", R"({"alltypes:opt":2})"), invalid_value,
               "opt can be given only when the backend is created", backend + "/opt");
  EXPECT_ERROR(s.refuse(Method::patch, at + "/fixed", R"({"alltypes:fixed":"late"})"), invalid_value,
               "fixed can be given only when the cube is created", at + "/fixed");
}

TEST_F(Edits, StateIsReadOnly) {
  EXPECT_ERROR(s.refuse(Method::post, "", R"({"helloworld:helloworld":[{"name":"x","uuid":"a"}]})"), invalid_value,
               "uuid is read-only", "helloworld:helloworld=x/uuid");
  EXPECT_ERROR(s.refuse(Method::patch, sf + "/uuid", R"({"simpleforwarder:uuid":"a"})"), invalid_value, "read-only",
               sf + "/uuid");
  EXPECT_ERROR(s.refuse(Method::put, "polycube:cubes", R"({"polycube:cubes":{}})"), invalid_value, "read-only",
               "polycube:cubes");
  EXPECT_ERROR(s.refuse(Method::patch, "", R"({"polycube:netdevs":{}})"), invalid_value, "read-only",
               "polycube:netdevs");
}

TEST_F(Edits, ModelMessagesAreKept) {
  const auto message = [&](const std::string& path, const std::string& body) {
    return s.refuse(Method::patch, path, body).message;
  };
  EXPECT_EQ(s.refuse(Method::post, sf, R"({"simpleforwarder:actions":[{"inport":"p2","action":"FORWARD"}]})").message,
            "Outport is mandatory for FORWARD action");
  EXPECT_EQ(message(sf + "/span", R"({"simpleforwarder:span":true})"),
            "span mode is not present in no-shadow services");
  EXPECT_EQ(s.refuse(Method::post, "", R"({"helloworld:helloworld":[{"name":"-x"}]})").message,
            "a name holds letters, digits, '_', '.' and '-', and does not begin with '-'");
  EXPECT_EQ(s.refuse(Method::post, "", R"({"helloworld:helloworld":[{"name":".."}]})").message,
            "'.' and '..' are no names");
  EXPECT_EQ(message(at + "/s", R"({"alltypes:s":"ABC"})"), "only small letters");
}

TEST_F(Edits, ValueErrorsExplain) {
  const auto refuse = [&](const std::string& leaf, const std::string& value) {
    const Error error = s.refuse(Method::patch, at + '/' + leaf, "{\"alltypes:" + leaf + "\":" + value + "}");
    EXPECT_EQ(error.code, ErrorCode::invalid_value) << leaf;
    EXPECT_EQ(error.path, at + '/' + leaf);
    return error.message;
  };
  using ::testing::HasSubstr;
  EXPECT_THAT(refuse("e", "\"blue\""), HasSubstr("'blue' is not a value of e: expected Red or green"));
  EXPECT_THAT(refuse("i8", "128"), HasSubstr("-128..127"));
  EXPECT_THAT(refuse("i8", "1.5"), HasSubstr("whole number"));
  EXPECT_THAT(refuse("u16", "11"), HasSubstr("1..10 | 20..30"));
  EXPECT_THAT(refuse("ratio", "101"), HasSubstr("0..100"));
  EXPECT_THAT(refuse("d", "\"-1.51\""), HasSubstr("-1.5..100.0"));
  EXPECT_THAT(refuse("d", "\"1.234\""), HasSubstr("at most 2 decimals"));
  EXPECT_THAT(refuse("u64", "\"18446744073709551616\""), HasSubstr("0..18446744073709551615"));
  EXPECT_THAT(refuse("b", "\"true\""), HasSubstr("'true' is not a value of b: expected true or false, not a string"));
  EXPECT_THAT(refuse("b", "1"), HasSubstr("but it is a number"));
  EXPECT_THAT(refuse("i8", "\"1\""), HasSubstr("expected a number, not a string"));
  EXPECT_THAT(refuse("plain", "1"), HasSubstr("must be a string"));
  EXPECT_THAT(refuse("plain", "null"), HasSubstr("but it is null"));
  EXPECT_THAT(refuse("plain", "[]"), HasSubstr("but it is an array"));
  EXPECT_THAT(refuse("plain", "{}"), HasSubstr("but it is an object"));
  EXPECT_THAT(refuse("plain", "\"A\""), HasSubstr("does not match the pattern \"[a-z]+\""));
  EXPECT_THAT(refuse("s", "\"abcdefghi\""), HasSubstr("9 characters, allowed are 1..8"));
  EXPECT_THAT(refuse("flags", "\"syn fin\""), HasSubstr("any of syn or ack"));
  EXPECT_THAT(refuse("mac", "\"02:00\""), HasSubstr("MAC address"));
  EXPECT_THAT(refuse("v6", "\"1.2.3.4\""), HasSubstr("IPv6 address"));
  EXPECT_THAT(refuse("ip", "\"1.2.3\""), HasSubstr("IPv4 or IPv6"));
  EXPECT_THAT(refuse("id", "\"dog\""), HasSubstr("identity"));
  EXPECT_THAT(refuse("blob", "\"***\""), HasSubstr("base64"));
  EXPECT_THAT(refuse("mixed", "\"none\""), HasSubstr("none of the types"));
  EXPECT_THAT(refuse("nothing", "true"), HasSubstr("[null]"));
}

TEST_F(Edits, ValuesOfEveryType) {
  s.edit(Method::patch, at, R"({"alltypes:alltypes":[{"i8":-5,"i64":"-9223372036854775808","u16":25,"u64":7,"ratio":10,
    "d":"1.50","b":true,"e":"RED","flags":"ack syn","blob":"AAEC","nothing":[null],"s":"abc","id":"cat","ip":"10.0.0.1",
    "v6":"2001:DB8:0::1","mac":"AA:bb:CC:dd:EE:ff","mixed":"any","tags":["x","y"],"only-when":"w"}]})");
  const auto cube = s.get("a", at)["alltypes:alltypes"][0];
  EXPECT_EQ(cube["i8"], -5);
  EXPECT_EQ(cube["i64"], "-9223372036854775808");
  EXPECT_EQ(cube["u64"], "7");
  EXPECT_EQ(cube["d"], "1.5");
  EXPECT_EQ(cube["b"], true);
  EXPECT_EQ(cube["e"], "Red");
  EXPECT_EQ(cube["flags"], "syn ack");
  EXPECT_EQ(cube["nothing"], json::parse("[null]"));
  EXPECT_EQ(cube["id"], "alltypes:cat");
  EXPECT_EQ(cube["v6"], "2001:db8::1");
  EXPECT_EQ(cube["mac"], "aa:bb:cc:dd:ee:ff");
  EXPECT_EQ(cube["mixed"], "ANY");
  EXPECT_EQ(cube["tags"], json::parse(R"(["x","y"])"));
  EXPECT_EQ(cube["dnums"], json::parse("[1,2]"));
}

TEST_F(Edits, KeysInThePathNeedNotBeCanonical) {
  s.edit(Method::post, br + "/fdb", R"({"simplebridge:entry":[{"address":"02:00:00:00:00:AB","port":"p1"}]})");
  EXPECT_EQ(s.get("b", br + "/fdb/entry=02:00:00:00:00:aB/port")["simplebridge:port"], "p1");
  s.edit(Method::put, br + "/fdb/entry=02:00:00:00:00:AB",
         R"({"simplebridge:entry":[{"address":"02:00:00:00:00:ab","port":"p2"}]})");
  EXPECT_EQ(s.get("b", br + "/fdb/entry")["simplebridge:entry"].size(), 3u);
  EXPECT_EQ(s.refuse(Method::remove, br + "/fdb/entry=zz").code, ErrorCode::invalid_value);
}

TEST_F(Edits, LeafLists) {
  s.edit(Method::patch, at + "/tags", R"({"alltypes:tags":["x","y"]})");
  s.edit(Method::post, at, R"({"alltypes:tags":["z"]})");
  EXPECT_ERROR(s.refuse(Method::post, at, R"({"alltypes:tags":["z"]})"), data_exists, "'z' exists", at + "/tags=z");
  EXPECT_ERROR(s.refuse(Method::post, at, R"({"alltypes:tags":["q"]})"), limit_exceeded,
               "maximum number of tags reached (3)", at + "/tags=q");
  s.edit(Method::remove, at + "/tags=x");
  EXPECT_EQ(s.get("a", at + "/tags")["alltypes:tags"], json::parse(R"(["y","z"])"));
  EXPECT_TRUE(s.edit(Method::put, at + "/tags=w", R"({"alltypes:tags":["w"]})").created);
  s.edit(Method::put, at + "/tags", R"({"alltypes:tags":["one"]})");
  EXPECT_EQ(s.get("a", at + "/tags")["alltypes:tags"], json::parse(R"(["one"])"));
  s.edit(Method::patch, at + "/dnums", R"({"alltypes:dnums":[2]})");
  EXPECT_EQ(s.get("a", at + "/dnums")["alltypes:dnums"], json::parse("[2]"));
  s.edit(Method::remove, at + "/dnums");
  EXPECT_EQ(s.get("a", at + "/dnums")["alltypes:dnums"], json::parse("[1,2]"));
}

TEST_F(Edits, CompositeKeysAndNestedLists) {
  const std::string backend = at + "/backends=10.0.0.1,80,tcp";
  s.edit(Method::post, at,
         R"({"alltypes:backends":[{"vip":"10.0.0.1","port":80,"proto":"tcp","pool":[{"address":"::1"}]}]})");
  s.edit(Method::put, backend + "/pool=2001:DB8::2", R"({"alltypes:pool":[{"address":"2001:db8::2","weight":5}]})");
  EXPECT_EQ(s.get("a", backend + "/pool=2001:db8::2/weight")["alltypes:weight"], 5);
  EXPECT_EQ(s.get("a", at + "/backends=10.0.0.1,80,TCP/pool")["alltypes:pool"].size(), 2u);
  EXPECT_ERROR(s.refuse(Method::post, at, R"({"alltypes:backends":[{"vip":"10.0.0.1","port":80}]})"), missing_element,
               "missing attribute 'proto'", at + "/backends");
  EXPECT_ERROR(s.refuse(Method::post, at, R"({"alltypes:backends":[{"vip":"10.0.0.1","port":70000,"proto":"udp"}]})"),
               invalid_value, "0..65535", at + "/backends/port");
  EXPECT_EQ(s.refuse(Method::remove, at + "/backends=10.0.0.1,80").code, ErrorCode::malformed_message);
}

TEST_F(Edits, ConstraintsOfTheModel) {
  EXPECT_ERROR(s.refuse(Method::post, "",
                        R"({"helloworld:helloworld":[{"name":"h","ports":[{"name":"a"},{"name":"b"},{"name":"c"}]}]})"),
               limit_exceeded, "maximum number of ports reached (2)", "helloworld:helloworld=h/ports=c");
  EXPECT_ERROR(s.refuse(Method::post, sf, R"({"simpleforwarder:actions":[{"inport":"p2"}]})"), missing_element,
               "missing attribute 'action'", sf + "/actions=p2/action");
  EXPECT_EQ(s.refuse(Method::patch, at, R"({"alltypes:alltypes":[{"as-a":{"x":"1"},"y":"2"}]})").code,
            ErrorCode::invalid_value);
  s.edit(Method::patch, at + "/y", R"({"alltypes:y":"2"})");
  s.edit(Method::put, at + "/as-a", R"({"alltypes:as-a":{"x":"1"}})");
  EXPECT_EQ(s.print("a", at + "/y").error().code, ErrorCode::not_found);
  EXPECT_EQ(s.refuse(Method::patch, at + "/only-when", R"({"alltypes:only-when":"w"})").code, ErrorCode::invalid_value);
  EXPECT_EQ(s.refuse(Method::patch, at, R"({"alltypes:alltypes":[{"backends":[
      {"vip":"10.0.0.1","port":1,"proto":"tcp","id":1},{"vip":"10.0.0.2","port":1,"proto":"tcp","id":1}]}]})")
                .code,
            ErrorCode::data_exists);
}

TEST_F(Edits, UnknownNames) {
  EXPECT_ERROR(s.refuse(Method::post, "", R"({"simplebrige:simplebridge":[]})"), unknown_element,
               "did you mean simplebridge", "");
  EXPECT_ERROR(s.refuse(Method::post, "", R"({"helloworld:helloworld":[{"name":"h","acton":"drop"}]})"),
               unknown_element, "helloworld has no 'acton'; did you mean action?", "helloworld:helloworld=h");
  EXPECT_ERROR(s.refuse(Method::patch, br + "/fdb/zzz", R"({})"), unknown_element, "fdb has no 'zzz'", br + "/fdb");
  EXPECT_ERROR(s.refuse(Method::post, br + "/fdb", R"({"alltypes:entry":[]})"), unknown_element, "fdb has no",
               br + "/fdb");
}

TEST_F(Edits, MalformedBodies) {
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "{\"a\":";
  std::string deep_arrays(1000000, '[');
  std::string deep_xml;
  for (int i = 0; i < 100000; ++i) deep_xml += "<a>";
  const std::string bad[] = {"",
                             "   ",
                             "{",
                             "[]",
                             "1",
                             "null",
                             "{\"a\"}",
                             "{\"a\":1,}",
                             "{\"helloworld:helloworld\":[{\"name\":\"h",
                             std::string("{\"a\":\"\0\"}", 9),
                             "{\"helloworld:helloworld\":[{\"name\":\"a\\u0000b\"}]}",
                             "{\"helloworld:helloworld\":[{\"name\":\"\xff\"}]}",
                             "{\"helloworld:helloworld\":[{\"name\":\"\\ud800\"}]}",
                             deep,
                             deep_arrays,
                             "<",
                             "<a",
                             "<a>",
                             "<a></b>",
                             "<a/><b/>",
                             deep_xml,
                             "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
                             "<a>\xff</a>",
                             "text",
                             "{\"helloworld:helloworld\":[{\"name\":\"h\",\"name\":\"h\"}]}"};
  for (const auto& body : bad) {
    const bool xml = !body.empty() && body[0] == '<';
    const auto candidate = s.store.edit(Edit{Method::post, "", body, xml ? Format::xml : Format::json});
    ASSERT_FALSE(candidate) << body.substr(0, 80);
    EXPECT_EQ(candidate.error().code, ErrorCode::malformed_message) << body.substr(0, 80) << candidate.error().message;
    EXPECT_LT(candidate.error().message.size(), 300u);
  }
}

TEST_F(Edits, Xml) {
  s.edit(Method::post, "", R"(<helloworld xmlns="urn:polycube:helloworld"><name>h</name><ports><name>a</name></ports>
      <ports><name>b</name><peer>x &amp; y</peer></ports><action>FORWARD</action></helloworld>)");
  EXPECT_EQ(s.get("h", "helloworld:helloworld=h/ports=b/peer")["helloworld:peer"], "x & y");
  EXPECT_EQ(s.get("h", "helloworld:helloworld=h/action")["helloworld:action"], "forward");
  s.edit(Method::patch, at, R"(<alltypes xmlns="urn:polycube:test:alltypes" xmlns:q="urn:polycube:test:alltypes">
      <id>q:cat</id><nothing/><i8> 5 </i8><tags>one</tags></alltypes>)");
  EXPECT_EQ(s.get("a", at + "/id")["alltypes:id"], "alltypes:cat");
  EXPECT_EQ(s.get("a", at + "/i8")["alltypes:i8"], 5);
  EXPECT_EQ(s.get("a", at + "/nothing")["alltypes:nothing"], json::parse("[null]"));
  EXPECT_EQ(s.refuse(Method::post, "", "<helloworlds/>").code, ErrorCode::unknown_element);
  EXPECT_EQ(s.refuse(Method::post, "", "<helloworld xmlns=\"urn:nowhere\"><name>i</name></helloworld>").code,
            ErrorCode::unknown_element);
}

TEST_F(Edits, SeveralEditsAreOneCandidate) {
  const auto candidate = s.store.edit(
      std::vector<Edit>{{Method::put, sf + "/ports=n", R"({"simpleforwarder:ports":[{"name":"n"}]})", Format::json},
                        {Method::patch, sf + "/actions=p1/outport", R"({"simpleforwarder:outport":"n"})", Format::json},
                        {Method::remove, sf + "/ports=p2", "", Format::json},
                        {Method::patch, br + "/loglevel", R"({"simplebridge:loglevel":"OFF"})", Format::json}});
  ASSERT_TRUE(candidate) << candidate.error().message;
  EXPECT_EQ(candidate->changes.size(), 2u);
  EXPECT_EQ(
      s.store.edit(std::vector<Edit>{{Method::remove, sf, "", Format::json}, {Method::remove, sf, "", Format::json}})
          .error()
          .code,
      ErrorCode::data_missing);
  const auto nothing =
      s.store.edit(std::vector<Edit>{{Method::post, "", R"({"helloworld:helloworld":[{"name":"t"}]})", Format::json},
                                     {Method::remove, "helloworld:helloworld=t", "", Format::json}});
  ASSERT_TRUE(nothing);
  EXPECT_TRUE(nothing->changes.empty());
}

TEST_F(Edits, ThreadsDoNotMix) {
  s.edit(Method::post, br + "/fdb", R"({"simplebridge:entry":[{"address":"02:00:00:00:00:03","port":"p1"},
      {"address":"02:00:00:00:00:04","port":"p1"},{"address":"02:00:00:00:00:05","port":"p1"}]})");
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string value = std::to_string(1000 + t);
      for (int i = 0; i < 500; ++i) {
        const auto refused =
            s.store.edit(Edit{Method::patch, at + "/i8", "{\"alltypes:i8\":" + value + "}", Format::json});
        wrong += refused || refused.error().message.find(value) == std::string::npos;
        // All threads search one tree, by key and by name.
        const DataTree& tree = **s.store.find("b");
        const auto entry = print(tree, br + "/fdb/entry=02:00:00:00:00:02", {});
        const auto age = print(tree, br + "/fdb/aging-time", {});
        wrong += !entry || entry->find("02:00:00:00:00:02") == std::string::npos;
        wrong += !age || age->find("300") == std::string::npos;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

/// A schema with a module more, made from the texts of another: what the files became does not matter.
std::shared_ptr<const Schema> larger_schema() {
  Schema::Texts texts = test_schema()->texts();
  const std::string supplied = test_module("supplied");
  std::vector<std::filesystem::path> modules{"/gone/simpleforwarder.yang", "/gone/simplebridge.yang",
                                             "/gone/helloworld.yang", "/gone/alltypes.yang", supplied};
  const auto schema = Schema::load(POLYCUBE_TEST_YANG_DIR, modules, texts);
  if (!schema || !(*schema)->failures().empty()) throw std::runtime_error("the larger schema");
  return *schema;
}

TEST_F(Edits, ConfigurationMovesToALargerSchema) {
  s.edit(Method::patch, at, R"({"alltypes:alltypes": [{"name": "a", "i64": "-5", "ratio": 50, "d": "1.5", "b": true,
    "e": "Red", "flags": "syn ack", "blob": "AAEC", "nothing": [null], "id": "alltypes:cat", "ip": "10.0.0.1"}]})");
  std::map<std::string, std::vector<std::string>> before;
  const auto printed = [](const Datastore& store, const std::string& cube) {
    std::vector<std::string> texts;
    for (const auto mode : {WithDefaults::report_all, WithDefaults::trim, WithDefaults::explicit_}) {
      ReadOptions options;
      options.with_defaults = mode;
      texts.push_back(model::print(**store.find(cube), "", options).value());
    }
    return texts;
  };
  for (const char* cube : {"sf", "b", "a"}) before[cube] = printed(s.store, cube);
  std::weak_ptr<const Schema> schema;
  {
    auto larger = larger_schema();
    schema = larger;
    auto moved = s.store.moved_to(larger);
    ASSERT_TRUE(moved) << moved.error().message;
    s.store = std::move(*moved);
  }
  EXPECT_NE(s.store.schema(), test_schema());
  ASSERT_NE(s.store.schema()->service("supplied"), nullptr);
  for (const char* cube : {"sf", "b", "a"}) {
    EXPECT_EQ(printed(s.store, cube), before[cube]);
    EXPECT_EQ((*s.store.find(cube))->forest()->schema->module->ctx, s.store.schema()->context());
  }
  // It is edited, checked and created in as ever.
  s.edit(Method::patch, sf, R"({"simpleforwarder:simpleforwarder": [{"name": "sf", "actions": [
    {"inport": "p2", "action": "forward", "outport": "p3"}]}]})");
  s.refuse(Method::remove, at + "/ports=p9");
  EXPECT_THAT(s.refuse(Method::remove, sf + "/ports=p3").message, testing::HasSubstr("used by actions"));
  s.edit(Method::remove, sf + "/actions=p2");
  s.edit(Method::remove, sf + "/ports=p3");
  s.edit(Method::post, "", R"({"supplied:supplied": [{"name": "new"}]})");
  EXPECT_NE(s.store.find("new"), nullptr);
}

TEST_F(Edits, ConfigurationDoesNotMoveToASchemaWithoutItsModules) {
  const auto small = Schema::load(POLYCUBE_TEST_YANG_DIR, {cube_module("helloworld")});
  ASSERT_TRUE(small);
  EXPECT_FALSE(s.store.moved_to(*small));
  EXPECT_NE(s.store.find("sf"), nullptr);
}

}  // namespace
}  // namespace polycube::model
