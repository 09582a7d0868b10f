// SPDX-License-Identifier: Apache-2.0
#include "model/test_support.h"

namespace polycube::model {
namespace {

using Leaves = std::map<std::string, std::string>;

Result<Leaves> input(const std::string& path, const std::string& body) {
  PCN_ASSIGN(Invocation invocation,
             parse_input(*test_schema(), path, body, !body.empty() && body[0] == '<' ? Format::xml : Format::json));
  return std::move(invocation.leaves);
}

const std::string compute = "alltypes:alltypes=a/compute";

TEST(Input, Rpc) {
  EXPECT_EQ(*input("polycube:connect", R"({"polycube:input":{"peer1":"a:b","peer2":"eth0"}})"),
            (Leaves{{"peer1", "a:b"}, {"peer2", "eth0"}}));
  EXPECT_EQ(*input("polycube:connect", R"(<input xmlns="urn:polycube"><peer1>a:b</peer1><peer2>eth0</peer2></input>)"),
            (Leaves{{"peer1", "a:b"}, {"peer2", "eth0"}}));
  EXPECT_ERROR(input("polycube:connect", R"({"polycube:input":{"peer1":"a:b"}})").error(), missing_element,
               "missing attribute 'peer2'", "polycube:connect/peer2");
  EXPECT_ERROR(input("polycube:connect", "").error(), missing_element, "missing attribute 'peer1'",
               "polycube:connect/peer1");
  EXPECT_ERROR(input("polycube:connect", R"({"polycube:input":{"peer3":"a"}})").error(), unknown_element,
               "did you mean peer1 or peer2", "polycube:connect");
  EXPECT_ERROR(input("polycube:conect", "").error(), unknown_element, "did you mean polycube:connect?", "");
  EXPECT_EQ(input("connect", "").error().code, ErrorCode::unknown_element);
  EXPECT_EQ(input("", "").error().code, ErrorCode::malformed_message);
}

TEST(Input, ChoiceOfAttach) {
  EXPECT_EQ(*input("polycube:attach", R"({"polycube:input":{"cube":"c","port":"p"}})"),
            (Leaves{{"cube", "c"}, {"port", "p"}}));
  EXPECT_EQ(
      input("polycube:attach", R"({"polycube:input":{"cube":"c","port":"p","position":"FIRST"}})")->at("position"),
      "first");
  EXPECT_ERROR(
      input("polycube:attach", R"({"polycube:input":{"cube":"c","port":"p","position":"first","before":"x"}})").error(),
      invalid_value, "position and before exclude each other", "polycube:attach");
  EXPECT_ERROR(input("polycube:attach", R"({"polycube:input":{"cube":"c","port":"p","position":"up"}})").error(),
               invalid_value, "expected auto, first or last", "polycube:attach/position");
}

TEST(Input, Action) {
  EXPECT_TRUE(input("simplebridge:simplebridge=b/fdb/flush", "")->empty());
  EXPECT_TRUE(input("simplebridge:simplebridge=b/fdb/flush", R"({"simplebridge:input":{}})")->empty());
  EXPECT_TRUE(input("simplebridge:simplebridge=b/fdb/flush", "{}")->empty());
  EXPECT_EQ(*input(compute, R"({"alltypes:input":{"a":3,"op":"MINUS","more":{"deep":"x"}}})"),
            (Leaves{{"a", "3"}, {"op", "minus"}, {"more/deep", "x"}}));
  EXPECT_EQ(input(compute, R"({"alltypes:input":{"a":3}})")->at("op"), "PLUS");
  EXPECT_ERROR(input(compute, R"({"alltypes:input":{"a":300}})").error(), invalid_value, "0..255", compute + "/a");
  EXPECT_ERROR(input(compute, "").error(), missing_element, "'a'", compute + "/a");
  EXPECT_EQ(input(compute, R"({"input":{"a":1},"x":2})").error().code, ErrorCode::malformed_message);
  EXPECT_EQ(input(compute, R"({"alltypes:output":{}})").error().code, ErrorCode::malformed_message);
  EXPECT_EQ(input(compute, R"({"alltypes:input":[]})").error().code, ErrorCode::invalid_value);
  EXPECT_EQ(input(compute, "{").error().code, ErrorCode::malformed_message);
  EXPECT_EQ(input("simplebridge:simplebridge=b/fdb", "").error().code, ErrorCode::operation_not_supported);
  EXPECT_EQ(input("simplebridge:simplebridge=-/fdb/flush", "").error().code, ErrorCode::invalid_value);
}

TEST(Output, Prints) {
  EXPECT_EQ(*print_output(*test_schema(), "simplebridge:simplebridge=b/fdb/flush", {{"flushed", "true"}}, Format::json),
            R"({"simplebridge:output":{"flushed":true}})");
  EXPECT_EQ(*print_output(*test_schema(), compute, {{"sum", "5"}, {"text", "a\"b"}}, Format::json),
            R"({"alltypes:output":{"sum":5,"text":"a\"b"}})");
  EXPECT_EQ(*print_output(*test_schema(), compute, {{"sum", "5"}}, Format::xml),
            "<output xmlns=\"urn:polycube:test:alltypes\"><sum>5</sum></output>");
  EXPECT_EQ(*print_output(*test_schema(), compute, {}, Format::json), "");
  EXPECT_FALSE(print_output(*test_schema(), compute, {{"a", "5"}}, Format::json));
  EXPECT_FALSE(print_output(*test_schema(), compute, {{"sum", "x"}}, Format::json));
}

}  // namespace
}  // namespace polycube::model
