// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
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

std::string stream_of_stderr() {
  struct stat file{};
  EXPECT_EQ(fstat(STDERR_FILENO, &file), 0);
  return fmt::format("{}:{}", file.st_dev, file.st_ino);
}

TEST(Log, GivesTheJournalEachLineWithItsPriority) {
  testing::internal::CaptureStderr();
  setenv("JOURNAL_STREAM", stream_of_stderr().c_str(), 1);
  start(spdlog::level::debug);
  setenv("JOURNAL_STREAM", "0:0", 1);  // as for a process whose standard error leads elsewhere by now
  critical("refused:\n line 1\n\n line 3");
  error("e");
  warn("w");
  info("i");
  debug("d");
  write(spdlog::level::warn, "[sf1] shown", {});
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "<2>refused:\n<2> line 1\n<2>\n<2> line 3\n<3>e\n<4>w\n<6>i\n<7>d\n<4>[sf1] shown\n");
  start(spdlog::level::info);
  testing::internal::CaptureStderr();
  info("i");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::EndsWith(" info     i\n"));
  unsetenv("JOURNAL_STREAM");
}

}  // namespace
}  // namespace polycube::log
