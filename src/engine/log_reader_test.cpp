// SPDX-License-Identifier: Apache-2.0
#include "engine/log_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <polycube/abi.h>

#include <cstring>
#include <vector>

namespace polycube::engine {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class LogReaderTest : public testing::Test {
 protected:
  struct Line {
    spdlog::level::level_enum level;
    std::string text;
    std::chrono::system_clock::time_point time;
  };

  std::unique_ptr<LogReader> make() {
    return std::make_unique<LogReader>(
        "c1", [this] { return lost_; },
        [this](spdlog::level::level_enum level, const std::string& text, std::chrono::system_clock::time_point time) {
          lines_.push_back({level, text, time});
        });
  }
  void log(std::string_view text, std::uint8_t direction = 0, std::uint16_t program = 0,
           std::chrono::nanoseconds age = {}) {
    pcn_log_record head{};
    head.time = static_cast<std::uint64_t>((LogReader::Clock::now().time_since_epoch() - age).count());
    head.level = 3;
    head.direction = direction;
    head.program = program;
    head.format = static_cast<std::uint16_t>(text.size());
    std::vector<std::byte> record(sizeof(head) + text.size());
    std::memcpy(record.data(), &head, sizeof(head));
    std::memcpy(record.data() + sizeof(head), text.data(), text.size());
    reader_->read(record, now_);
  }
  void log_many(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; i++) log("line");
  }
  std::vector<std::string> texts() {
    std::vector<std::string> texts;
    for (const Line& line : lines_) texts.push_back(line.text);
    lines_.clear();
    return texts;
  }

  std::uint64_t lost_ = 5;  // before this reader was there
  std::vector<Line> lines_;
  LogReader::Clock::time_point now_{1h};
  std::unique_ptr<LogReader> reader_ = make();
};

TEST_F(LogReaderTest, LinesSayWhereTheyComeFrom) {
  log("one");
  log("two", 1);
  log("three", 0, 2);
  log("four", 1, 2);
  EXPECT_EQ(lines_[0].level, spdlog::level::warn);
  EXPECT_THAT(texts(), ElementsAre("[c1] one", "[c1 egress] two", "[c1 2] three", "[c1 egress 2] four"));
}

TEST_F(LogReaderTest, LinesHaveTheTimeAtWhichTheyWereWritten) {
  const auto before = std::chrono::system_clock::now();
  log("old", 0, 0, 90s);
  EXPECT_LE(lines_[0].time, std::chrono::system_clock::now() - 90s);
  EXPECT_GE(lines_[0].time, before - 91s);
  log("of the future", 0, 0, -90s);
  EXPECT_LE(lines_[1].time, std::chrono::system_clock::now());
}

TEST_F(LogReaderTest, TooManyAreSuppressedAndCounted) {
  log_many(LogReader::burst + 7);
  EXPECT_THAT(texts(), SizeIs(LogReader::burst));
  EXPECT_FALSE(reader_->report(now_));
  EXPECT_THAT(texts(),
              ElementsAre("[c1] the fast path logs too much, 7 lines are missing: 7 beyond 100 a second, 0 while "
                          "its ring was full"));
  EXPECT_FALSE(reader_->report(now_ + 1h));
  EXPECT_THAT(texts(), IsEmpty()) << "it is said once";
}

TEST_F(LogReaderTest, AHundredASecondGoOn) {
  log_many(LogReader::burst);
  texts();
  now_ += 10ms;
  log_many(5);
  EXPECT_THAT(texts(), SizeIs(1));
  for (int i = 0; i < 1000; i++) {
    now_ += 1ms;
    log_many(3);
  }
  EXPECT_THAT(texts(), SizeIs(100));
  now_ += 1h;
  log_many(2 * LogReader::burst);
  EXPECT_THAT(texts(), SizeIs(LogReader::burst)) << "nobody saves more than a burst";
}

TEST_F(LogReaderTest, WhatTheRingHadNoRoomForIsReported) {
  EXPECT_FALSE(reader_->report(now_));
  EXPECT_THAT(texts(), IsEmpty()) << "what was lost before it began is not its own";
  lost_ += 12;
  EXPECT_FALSE(reader_->report(now_));
  EXPECT_THAT(texts(),
              ElementsAre(HasSubstr("12 lines are missing: 0 beyond 100 a second, 12 while its ring was full")));
}

TEST_F(LogReaderTest, ReportsAreASecondApart) {
  lost_++;
  EXPECT_FALSE(reader_->report(now_));
  lost_++;
  EXPECT_TRUE(reader_->report(now_ + 999ms)) << "to be asked again";
  EXPECT_THAT(texts(), SizeIs(1));
  EXPECT_FALSE(reader_->report(now_ + 1s));
  EXPECT_THAT(texts(), SizeIs(1));
}

TEST_F(LogReaderTest, WhatIsMissingAtTheEndIsReported) {
  log_many(LogReader::burst + 3);
  texts();
  reader_.reset();
  EXPECT_THAT(texts(), ElementsAre(HasSubstr("3 lines are missing")));
}

TEST_F(LogReaderTest, ARecordThatIsNoneIsPassedOver) {
  reader_->read({}, now_);
  EXPECT_THAT(texts(), IsEmpty());
}

}  // namespace
}  // namespace polycube::engine
