// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace polycube::log {
namespace {

TEST(Log, ParsesEveryLevelInAnyLetterCase) {
  const std::pair<const char*, spdlog::level::level_enum> levels[] = {
      {"trace", spdlog::level::trace}, {"Debug", spdlog::level::debug}, {"INFO", spdlog::level::info},
      {"wArN", spdlog::level::warn},   {"err", spdlog::level::err},     {"CRITICAL", spdlog::level::critical},
      {"off", spdlog::level::off},
  };
  for (const auto& [text, level] : levels) {
    auto parsed = parse_level(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(*parsed, level) << text;
  }
}

TEST(Log, RefusesOtherWordsAndNamesTheLevels) {
  for (const char* text : {"", "warning", "info ", "1", "trace\n"}) {
    auto parsed = parse_level(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_value);
  }
  EXPECT_EQ(parse_level("loud").error().message,
            "loud is not a valid logging level; use trace, debug, info, warn, err, critical or off");
}

// One test, because a process starts its log once.
TEST(Log, WritesLinesOfItsLevelAndAboveToStandardError) {
  testing::internal::CaptureStderr();
  start(spdlog::level::info);
  debug("not shown");
  info("cube {} created", "sf1");
  warn("device {} is gone", "veth1");
  write(spdlog::level::trace, "[sf1] shown", std::chrono::system_clock::time_point(std::chrono::hours(24)));
  std::string text = testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, testing::MatchesRegex("[0-9-]+T[0-9:.]+[+-][0-9:]+ info +cube sf1 created\n"
                                          "[0-9-]+T[0-9:.]+[+-][0-9:]+ warning +device veth1 is gone\n"
                                          "1970-01-0[12]T[0-9:.]+[+-][0-9:]+ trace +.sf1. shown\n"));
}

}  // namespace
}  // namespace polycube::log
