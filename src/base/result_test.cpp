// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>

namespace polycube {
namespace {

Result<std::unique_ptr<int>> half_of(int value) {
  if (value % 2 != 0) return fail(ErrorCode::invalid_value, "{} is odd", value);
  return std::make_unique<int>(value / 2);
}

Result<int> quarter_of(int value, int& steps) {
  PCN_ASSIGN(auto half, half_of(value));
  ++steps;
  PCN_ASSIGN(auto quarter, half_of(*half));
  ++steps;
  return *quarter;
}

Result<> require_even(int value, int& evaluations) {
  PCN_TRY((++evaluations, half_of(value)));
  return {};
}

TEST(Result, FailFormatsItsMessage) {
  Result<> result = fail(ErrorCode::in_use, "device {} is the peer of {}", "veth1", "br1:p1");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::in_use);
  EXPECT_EQ(result.error().message, "device veth1 is the peer of br1:p1");
  EXPECT_TRUE(result.error().path.empty());
  EXPECT_TRUE(result.error().detail.empty());
}

TEST(Result, FailErrnoNamesTheSystemsReason) {
  Result<> result = fail_errno(ENOENT, "cannot open x.o");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::system);
  EXPECT_EQ(result.error().message, "cannot open x.o: No such file or directory");
}

TEST(Result, FailWithKeepsEverythingButPutsContextInFront) {
  Result<> result = fail_with(Error{ErrorCode::verifier_rejected, "refused", "/a:b=c", "line 1\nline 2"}, "cube sf1");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::verifier_rejected);
  EXPECT_EQ(result.error().message, "cube sf1: refused");
  EXPECT_EQ(result.error().path, "/a:b=c");
  EXPECT_EQ(result.error().detail, "line 1\nline 2");
}

TEST(Result, AssignMovesValuesThrough) {
  int steps = 0;
  Result<int> result = quarter_of(12, steps);
  ASSERT_TRUE(result);
  EXPECT_EQ(*result, 3);
  EXPECT_EQ(steps, 2);
}

TEST(Result, AssignReturnsTheFirstErrorAtOnce) {
  int steps = 0;
  Result<int> odd = quarter_of(5, steps);
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().message, "5 is odd");
  EXPECT_EQ(steps, 0);
  Result<int> odd_half = quarter_of(6, steps);
  ASSERT_FALSE(odd_half);
  EXPECT_EQ(odd_half.error().message, "3 is odd");
  EXPECT_EQ(steps, 1);
}

TEST(Result, TryEvaluatesOnceAndPassesTheErrorOn) {
  int evaluations = 0;
  EXPECT_TRUE(require_even(2, evaluations));
  EXPECT_EQ(evaluations, 1);
  Result<> odd = require_even(3, evaluations);
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().code, ErrorCode::invalid_value);
  EXPECT_EQ(evaluations, 2);
}

}  // namespace
}  // namespace polycube
