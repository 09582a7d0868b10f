// SPDX-License-Identifier: Apache-2.0
#include "api/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace polycube::api {
namespace {

using service::Metrics;
using Type = service::MetricFamily::Type;
using ::testing::HasSubstr;
using ::testing::Not;

std::string prometheus(const Metrics& metrics) { return print_metrics(metrics, Exposition::prometheus); }
std::string openmetrics(const Metrics& metrics) { return print_metrics(metrics, Exposition::openmetrics); }

TEST(ExpositionTest, CountersHaveTheirSuffixWhereTheFormatHasIt) {
  Metrics metrics;
  metrics.family("x_bytes", Type::counter, "Help.").add({{"a", "b"}}, 3);
  EXPECT_EQ(prometheus(metrics),
            "# HELP x_bytes_total Help.\n# TYPE x_bytes_total counter\nx_bytes_total{a=\"b\"} 3\n");
  EXPECT_EQ(openmetrics(metrics),
            "# HELP x_bytes Help.\n# TYPE x_bytes counter\n# UNIT x_bytes bytes\nx_bytes_total{a=\"b\"} 3\n# EOF\n");
}

TEST(ExpositionTest, Info) {
  Metrics metrics;
  metrics.family("x_build", Type::info, "Help.").add({{"version", "1"}}, 1);
  EXPECT_THAT(prometheus(metrics), HasSubstr("# TYPE x_build_info gauge\nx_build_info{version=\"1\"} 1\n"));
  EXPECT_THAT(openmetrics(metrics), HasSubstr("# TYPE x_build info\nx_build_info{version=\"1\"} 1\n"));
}

TEST(ExpositionTest, TextsAreEscaped) {
  Metrics metrics;
  metrics.family("x", Type::gauge, "a\\b\n\"c\"").add({{"l", "q\"\\\n"}}, 1);
  EXPECT_THAT(prometheus(metrics), HasSubstr("# HELP x a\\\\b\\n\"c\"\n"));
  EXPECT_THAT(openmetrics(metrics), HasSubstr("# HELP x a\\\\b\\n\\\"c\\\"\n"));
  EXPECT_THAT(prometheus(metrics), HasSubstr("x{l=\"q\\\"\\\\\\n\"} 1\n"));
}

TEST(ExpositionTest, Numbers) {
  Metrics metrics;
  auto& family = metrics.family("x", Type::gauge, "Help.");
  for (const double value : {0.0, 1.5, 9007199254740992.0, 1e300, -2.0}) family.add({}, value);
  EXPECT_THAT(prometheus(metrics), HasSubstr("x 0\nx 1.5\nx 9007199254740992\nx 1e+300\nx -2\n"));
}

TEST(ExpositionTest, Histogram) {
  Metrics metrics;
  service::Histogram histogram;
  histogram.observe(0.002);
  histogram.observe(5);
  histogram.observe(50);
  histogram.add_to(metrics.family("x_seconds", Type::histogram, "Help."), {{"a", "b"}});
  const std::string text = prometheus(metrics);
  EXPECT_THAT(text, HasSubstr("x_seconds_bucket{a=\"b\",le=\"0.001\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("x_seconds_bucket{a=\"b\",le=\"1.0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("x_seconds_bucket{a=\"b\",le=\"10.0\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("x_seconds_bucket{a=\"b\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("x_seconds_sum{a=\"b\"} 55.002\nx_seconds_count{a=\"b\"} 3\n"));
}

TEST(ExpositionTest, AFamilyIsOneAndOneWithoutSamplesIsNotThere) {
  Metrics metrics;
  metrics.family("x", Type::gauge, "Help.").add({{"a", "1"}}, 1);
  metrics.family("y", Type::gauge, "Help.");
  metrics.family("x", Type::gauge, "Help.").add({{"a", "2"}}, 2);
  EXPECT_EQ(prometheus(metrics), "# HELP x Help.\n# TYPE x gauge\nx{a=\"1\"} 1\nx{a=\"2\"} 2\n");
}

TEST(ExpositionTest, TheFormOfTheOriginal) {
  Metrics metrics;
  metrics.family("polycube_cubes", Type::gauge, "Help.").add({{"cube", "r1"}}, 1);
  auto& family = metrics.family("polycube_router_x", Type::gauge, "Help.", "router_x");
  family.add({{"cube", "r1"}, {"port", "a"}}, 1);
  family.add({{"cube", "r1"}, {"port", "b"}}, 2);
  family.add({{"cube", "r2"}, {"port", "a"}}, 4);
  EXPECT_EQ(print_declared_metrics(metrics),
            "# HELP router_x Help.\n# TYPE router_x gauge\nrouter_x{cubeName=\"r1\"} 3\nrouter_x{cubeName=\"r2\"} 4\n");
}

TEST(ExpositionTest, WhichFormat) {
  const auto choice = [](const std::string& accept) { return choose_exposition({{"Accept", accept}}); };
  EXPECT_EQ(choose_exposition({}), Exposition::prometheus);
  EXPECT_EQ(choice("*/*"), Exposition::prometheus);
  EXPECT_EQ(choice("text/plain"), Exposition::prometheus);
  // What Prometheus sends.
  EXPECT_EQ(choice("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                   "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"),
            Exposition::openmetrics);
  EXPECT_EQ(choice("application/openmetrics-text;q=0.2,text/plain;q=0.5"), Exposition::prometheus);
  EXPECT_EQ(choice("application/openmetrics-text;q=0"), Exposition::prometheus);
}

}  // namespace
}  // namespace polycube::api
