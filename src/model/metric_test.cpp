// SPDX-License-Identifier: Apache-2.0
#include "model/metric.h"

#include <filesystem>
#include <fstream>

#include "model/state.h"
#include "model/test_support.h"

namespace polycube::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A service `watched` with these nodes.
class Metrics : public ::testing::Test {
 protected:
  ~Metrics() override { std::filesystem::remove_all(folder_); }

  std::shared_ptr<const Schema> load(const std::string& nodes) {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "watched.yang")
        << "module watched { yang-version 1.1; namespace \"urn:watched\"; prefix watched;"
           "import polycube-base { prefix pcn; } import ietf-yang-types { prefix yang; } pcn:service \"Watched\";"
           "list watched { key name; uses pcn:standard-cube { refine \"ports\" { pcn:metric watched_ports; } }"
        << nodes << "} }";
    auto schema = Schema::load(POLYCUBE_TEST_YANG_DIR, {folder_ / "watched.yang"});
    return schema ? *schema : nullptr;
  }
  std::string refusal(const std::string& nodes) {
    const auto schema = load(nodes);
    return schema->failures().empty() ? "" : schema->failures().front().error.message;
  }

  /// The metric of this name in a cube with this body.
  std::vector<Measured> measured(const std::string& body, const std::string& name) {
    Datastore store(schema_);
    auto candidate =
        store.edit(Edit{Method::post, "", R"({"watched:watched":[{"name":"w",)" + body + "}]}", Format::json});
    if (!candidate) throw std::runtime_error(candidate.error().message);
    store.publish(*candidate);
    for (const Metric& metric : schema_->service("watched")->metrics)
      if (metric.name == name) return measure(**store.find("w"), metric);
    throw std::runtime_error("no such metric");
  }

  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("polycube-metric-" + std::to_string(::getpid()));
  std::shared_ptr<const Schema> schema_;
};

const char* const nodes = R"(
  container outer {
    leaf rate { type uint32; pcn:metric watched_rate; description "How
      fast."; }
    leaf on { type boolean; pcn:metric watched_on; }
  }
  leaf seen { type yang:counter64; pcn:metric watched_seen_packets; }
  list zone {
    key "a b-c";
    leaf a { type string; }
    leaf b-c { type uint8; }
    leaf address { type string; pcn:metric watched_addresses; }
    leaf-list member { type string; pcn:metric watched_members; }
  })";

TEST_F(Metrics, WhatTheModelSays) {
  schema_ = load(nodes);
  ASSERT_TRUE(schema_ != nullptr);
  ASSERT_TRUE(schema_->failures().empty()) << schema_->failures().front().error.message;
  std::map<std::string, Metric> metrics;
  for (const Metric& metric : schema_->service("watched")->metrics) metrics[metric.name] = metric;
  ASSERT_EQ(metrics.size(), 6U);
  EXPECT_EQ(metrics["watched_rate"].help, "How fast.");
  EXPECT_TRUE(metrics["watched_seen_packets"].counter);
  EXPECT_FALSE(metrics["watched_rate"].counter);
  EXPECT_THAT(metrics["watched_members"].labels, ElementsAre("zone_a", "zone_b_c"));
  EXPECT_TRUE(metrics["watched_ports"].labels.empty());
}

TEST_F(Metrics, Values) {
  schema_ = load(nodes);
  const std::string body = R"("ports":[{"name":"p1"},{"name":"p2"}],"outer":{"rate":7,"on":true},"seen":"9",
    "zone":[{"a":"x","b-c":1,"address":"here","member":["m","n"]},{"a":"y","b-c":2}])";
  EXPECT_THAT(measured(body, "watched_ports"), ElementsAre(Measured{{}, 2}));
  EXPECT_THAT(measured(body, "watched_rate"), ElementsAre(Measured{{}, 7}));
  EXPECT_THAT(measured(body, "watched_on"), ElementsAre(Measured{{}, 1}));
  EXPECT_THAT(measured(body, "watched_seen_packets"), ElementsAre(Measured{{}, 9}));
  EXPECT_THAT(measured(body, "watched_addresses"), ElementsAre(Measured{{"x", "1"}, 1}));
  EXPECT_THAT(measured(body, "watched_members"), ElementsAre(Measured{{"x", "1"}, 2}, Measured{{"y", "2"}, 0}));
  // What is not there: no entries are a number, no leaf is none.
  EXPECT_THAT(measured(R"("loglevel":"INFO")", "watched_ports"), ElementsAre(Measured{{}, 0}));
  EXPECT_TRUE(measured(R"("loglevel":"INFO")", "watched_rate").empty());
}

TEST_F(Metrics, MistakesOfTheAuthor) {
  EXPECT_THAT(refusal("container c { pcn:metric watched_c; leaf x { type string; } }"), HasSubstr("leaf-lists and"));
  EXPECT_THAT(refusal("leaf x { type uint8; pcn:metric 1x; }"), HasSubstr("begins with a letter"));
  EXPECT_THAT(refusal("leaf x { type uint8; pcn:metric watched_X; }"), HasSubstr("lower-case"));
  EXPECT_THAT(refusal("leaf x { type uint8; pcn:metric watched_x_total; }"), HasSubstr("_total"));
  EXPECT_THAT(refusal("leaf x { type uint8; pcn:metric watched_ports; }"), HasSubstr("another node"));
}

}  // namespace
}  // namespace polycube::model
