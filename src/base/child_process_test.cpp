// SPDX-License-Identifier: Apache-2.0
#include "base/child_process.h"

#include <dirent.h>
#include <gmock/gmock.h>

namespace polycube {
namespace {

using testing::HasSubstr;
using Ending = ChildResult::Ending;

ChildResult run(const std::string& script, const std::string& input = {}, const ChildLimits& limits = {}) {
  auto result = run_child({"/bin/sh", "-c", script}, {"PATH=/usr/bin:/bin", "GIVEN=this"}, input, limits);
  EXPECT_TRUE(result) << result.error().message;
  return result.value_or(ChildResult{});
}

TEST(ChildProcess, HasItsInputAndSaysHowItEnded) {
  const ChildResult result = run("tr a-z A-Z; echo $GIVEN $HOME >&2; exit 3", "hello");
  EXPECT_EQ(result.ending, Ending::exited);
  EXPECT_EQ(result.status, 3);
  EXPECT_EQ(result.output, "HELLO");
  EXPECT_EQ(result.errors, "this\n");
}

TEST(ChildProcess, LongInputAndOutputGoThroughTogether) {
  const std::string text(3 << 20, 'x');
  EXPECT_EQ(run("cat", text).output, text);
  EXPECT_EQ(run("exit 0", text).ending, Ending::exited);  // who reads nothing
}

TEST(ChildProcess, HasNothingElseOpen) { EXPECT_EQ(run("ls /proc/self/fd | wc -l").output, "4\n"); }

TEST(ChildProcess, ThatTakesTooLongIsKilled) {
  ChildLimits limits;
  limits.time = std::chrono::seconds(1);
  EXPECT_EQ(run("sleep 1000 & sleep 1000", "", limits).ending, Ending::took_too_long);
  EXPECT_EQ(run("exec >&- 2>&-; sleep 1000", "", limits).ending, Ending::took_too_long);
}

TEST(ChildProcess, ThatUsesTooMuchIsKilled) {
  ChildLimits limits;
  limits.processor_time = std::chrono::seconds(1);
  EXPECT_EQ(run("while :; do :; done", "", limits).ending, Ending::killed);
  limits = {};
  limits.output = 1000;
  EXPECT_EQ(run("yes", "", limits).ending, Ending::wrote_too_much);
  limits = {};
  limits.errors = 100;
  const ChildResult chatty = run("yes | head -c 100000 >&2; echo done", "", limits);
  EXPECT_EQ(chatty.errors.size(), 100u);
  EXPECT_EQ(chatty.output, "done\n");
  limits = {};
  limits.memory = 64 << 20;
  EXPECT_NE(run("head -c 200000000 /dev/zero | tail -n 1", "", limits).errors, "");
}

TEST(ChildProcess, ThatDoesNotExistIsAnError) {
  const auto result = run_child({"/nowhere/program"}, {}, "", {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::not_found);
  EXPECT_THAT(result.error().message, HasSubstr("/nowhere/program"));
}

}  // namespace
}  // namespace polycube
