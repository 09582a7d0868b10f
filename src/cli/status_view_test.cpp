// SPDX-License-Identifier: Apache-2.0
#include "cli/status_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace polycube::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

const double start = 1795320000;  // 2026-11-22T04:00:00Z

Json well() {
  return Json::parse(R"({"condition":"well","started":"2026-11-22T04:00:00.123Z","revision":7,"cubes":2,"ports":3,
                         "ports-up":1})");
}

TEST(Status, AllIsWell) {
  EXPECT_EQ(status_text(well(), "1.2", start + 3725),
            "All is well.\n\npolycubed 1.2, up 1 h 2 min; cubes: 2; ports up: 1 of 3; saved revision: 7\n");
  EXPECT_FALSE(is_faulty(well()));
  EXPECT_TRUE(is_faulty(Json::object()));
}

TEST(Status, WhatIsWrongComesFirst) {
  auto status = well();
  status["condition"] = "faulty";
  status["problem"] =
      Json::parse(R"([{"kind":"port-down","subject":"a:p","message":"port a:p is DOWN","advice":"up"}])");
  status["drops"] = Json::parse(R"([{"cube":"a","reason":"policy","packets":12}])");
  status["fault"] = Json::parse(R"([{"number":1,"time":"T1","kind":"k","subject":"s","state":"raised","message":"m"},
                                    {"number":2,"time":"T2","kind":"k","subject":"s","state":"cleared","message":"m"}])");
  status.erase("revision");
  const auto text = status_text(status, "1.2", start);
  EXPECT_THAT(text, StartsWith("One thing is wrong:\n\n  port a:p is DOWN\n    -> up\n"));
  EXPECT_THAT(text, HasSubstr("nothing is saved"));
  EXPECT_THAT(text, HasSubstr("  a  policy  12\n"));
  EXPECT_LT(text.find("T2"), text.find("T1"));
  EXPECT_TRUE(is_faulty(status));
}

TEST(Status, DaysAndClocksThatDiffer) {
  EXPECT_THAT(status_text(well(), "1", start + 200000), HasSubstr("up 2 d 7 h;"));
  EXPECT_THAT(status_text(well(), "1", start - 5), Not(HasSubstr("up -")));
}

TEST(Events, OneLineEach) {
  EXPECT_EQ(event_text(Json::parse(R"({"eventTime":"T","polycube:fault":{"kind":"k","message":"a\nb"}})")),
            "T fault kind=k message=a\\nb\n");
  EXPECT_EQ(event_text(Json::parse(R"({"eventTime":"T","polycube:configuration-change":{"changes":"x\ny"}})")),
            "T configuration-change\n    x\n    y\n");
}

TEST(Events, MessagesInPieces) {
  EventReader reader;
  EXPECT_THAT(reader.read(": hello\n\nda"), IsEmpty());
  EXPECT_EQ(reader.comment(), "hello");
  EXPECT_THAT(reader.read("ta: {1}\n"), IsEmpty());
  EXPECT_THAT(reader.read("\ndata: {2}\n\ndata: {3}\n\n: end\n"), ElementsAre("{1}", "{2}", "{3}"));
  EXPECT_EQ(reader.comment(), "end");
}

}  // namespace
}  // namespace polycube::cli
