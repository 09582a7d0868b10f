// SPDX-License-Identifier: Apache-2.0
#include "daemon/options.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include "daemon/state_dir.h"

namespace polycube::daemon {
namespace {

using testing::HasSubstr;

class OptionsTest : public testing::Test {
 protected:
  OptionsTest() : folder_(std::filesystem::temp_directory_path() / ("polycube-options-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~OptionsTest() override { std::filesystem::remove_all(folder_); }

  Result<Options> parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "polycubed");
    return parse_options(static_cast<int>(arguments.size()), arguments.data());
  }
  std::string config(const std::string& text) {
    const std::filesystem::path file = folder_ / "polycubed.conf";
    std::ofstream(file) << text;
    return file.string();
  }

  std::filesystem::path folder_;
};

TEST_F(OptionsTest, Defaults) {
  auto options = parse({"--config", config("").c_str()});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->socket, "/run/polycube/polycubed.sock");
  EXPECT_EQ(options->state_dir, "/var/lib/polycube");
  EXPECT_FALSE(options->clean_on_exit);
}

TEST_F(OptionsTest, CommandLineWinsOverFile) {
  const std::string file = config("# a comment\n\nsocket: /a/b:c\nlog-level: debug\nclean-on-exit: true\n");
  auto options = parse({"--config", file.c_str(), "--log-level", "err"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->socket, "/a/b:c");
  EXPECT_EQ(options->log_level, "err");
  EXPECT_TRUE(options->clean_on_exit);
}

TEST_F(OptionsTest, BadLineNamesFileLineAndText) {
  for (const char* line : {"nonsense", "unknown: 1", "log-level: loud", "clean-on-exit: perhaps", "socket:"}) {
    const std::string file = config("# first\n" + std::string(line) + "\n");
    auto options = parse({"--config", file.c_str()});
    ASSERT_FALSE(options) << line;
    EXPECT_EQ(options.error().message, "bad line in configuration file: " + file + ":2 -> \"" + line + "\"");
  }
}

TEST_F(OptionsTest, ExplicitFileMustExist) {
  auto options = parse({"--config", "/nonexistent/polycubed.conf"});
  ASSERT_FALSE(options);
  EXPECT_EQ(options.error().message, "error opening /nonexistent/polycubed.conf");
}

TEST_F(OptionsTest, UnknownOptionAndLevel) {
  EXPECT_THAT(parse({"--bogus"}).error().message, HasSubstr("--bogus"));
  EXPECT_THAT(parse({"--config", config("").c_str(), "-l", "loud"}).error().message,
              HasSubstr("loud is not a valid logging level"));
}

TEST_F(OptionsTest, HelpAndVersionOnlyAnswer) {
  EXPECT_THAT(parse({"--help"})->answer, HasSubstr("--state-dir"));
  EXPECT_THAT(parse({"--version"})->answer, HasSubstr("polycubed 0."));
}

TEST_F(OptionsTest, StateFolderHasOneOwner) {
  auto first = StateDir::open(folder_ / "state");
  ASSERT_TRUE(first) << first.error().message;
  auto second = StateDir::open(folder_ / "state");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::in_use);
  EXPECT_THAT(second.error().message, HasSubstr(std::to_string(getpid())));
  first->remove();
  EXPECT_FALSE(std::filesystem::exists(folder_ / "state"));
}

}  // namespace
}  // namespace polycube::daemon
