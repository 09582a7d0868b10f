// SPDX-License-Identifier: Apache-2.0
#include "service/line_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace polycube::service {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LineLimitTest : public testing::Test {
 protected:
  /// How many of them may be written.
  std::uint64_t take(std::uint64_t count) {
    std::uint64_t taken = 0;
    for (std::uint64_t i = 0; i < count; i++) taken += limit_->take(now_) ? 1 : 0;
    return taken;
  }

  TokenBucket::Clock::time_point now_{std::chrono::hours(1)};
  std::vector<std::string> said_;
  std::vector<std::function<void()>> later_;
  std::optional<LineLimit> limit_{std::in_place,
                                  [this](std::function<void()> function) { later_.push_back(std::move(function)); },
                                  [this](const std::string& text) { said_.push_back(text); }};
};

TEST_F(LineLimitTest, WhatIsWithinItIsWritten) {
  EXPECT_EQ(take(LineLimit::burst), LineLimit::burst);
  now_ += std::chrono::seconds(1);
  EXPECT_EQ(take(LineLimit::rate), LineLimit::rate);
  limit_.reset();
  EXPECT_THAT(said_, IsEmpty());
  EXPECT_THAT(later_, IsEmpty());
}

TEST_F(LineLimitTest, AFloodIsCutOffAndCounted) {
  EXPECT_EQ(take(LineLimit::burst + 7), LineLimit::burst);
  ASSERT_EQ(later_.size(), 1u);
  later_.front()();
  EXPECT_THAT(said_, ElementsAre("the control plane logs too much, 7 lines are missing: more than 100 a second are not "
                                 "written"));
  EXPECT_EQ(take(3), 0u);
  ASSERT_EQ(later_.size(), 2u) << "what is missing from now on is said another time";
  later_.back()();
  EXPECT_THAT(said_.back(), HasSubstr("3 lines are missing"));
}

TEST_F(LineLimitTest, WhatIsMissingAtTheEndIsSaidOnce) {
  EXPECT_EQ(take(LineLimit::burst + 1), LineLimit::burst);
  limit_.reset();
  EXPECT_THAT(said_, ElementsAre(HasSubstr("1 lines are missing")));
  later_.front()();
  EXPECT_EQ(said_.size(), 1u);
}

}  // namespace
}  // namespace polycube::service
