// SPDX-License-Identifier: Apache-2.0
#include "daemon/options.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

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
  EXPECT_EQ(std::filesystem::status(folder_ / "state").permissions(), std::filesystem::perms::owner_all);
}

TEST_F(OptionsTest, StateFolderGoesAtTheEndWhenAsked) {
  {
    auto kept = StateDir::open(folder_ / "state");
  }
  EXPECT_TRUE(std::filesystem::exists(folder_ / "state"));
  {
    StateDir::open(folder_ / "state")->remove_at_end();
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "state"));
  EXPECT_FALSE(StateDir::open(folder_ / "no" / "state"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "no")) << "a slip in the path leaves no folders behind";
}

/// An owner that leaves takes its lock file along, which the next one may have opened already.
TEST_F(OptionsTest, StateFolderHasOneOwnerWhileOwnersComeAndGo) {
  std::atomic<int> owners = 0;
  std::atomic<int> taken = 0;
  std::atomic<bool> shared = false;
  const auto come_and_go = [&] {
    for (int i = 0; i < 1'500 && !shared; ++i) {
      auto state = StateDir::open(folder_ / "state");
      if (!state) {
        if (state.error().code != ErrorCode::in_use) ADD_FAILURE() << state.error().message;
        continue;
      }
      if (++owners != 1) shared = true;
      ++taken;
      usleep(1);  // so that a second owner would meet the first
      state->remove_at_end();
      --owners;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) threads.emplace_back(come_and_go);
  for (auto& thread : threads) thread.join();
  EXPECT_FALSE(shared);
  EXPECT_GT(taken, 0);
}

TEST_F(OptionsTest, FoldersOfServicesMustExist) {
  const std::string file = config("services-dir: " + (folder_ / "none").string() + "\n");
  EXPECT_THAT(parse({"--config", file.c_str()}).error().message, HasSubstr("none: there is no such folder"));
  EXPECT_TRUE(parse({"--config", config("").c_str(), "--services-dir", folder_.c_str()}));
}

TEST_F(OptionsTest, ServicesOverTcpNeedAllOfTls) {
  const std::string none = config("");
  EXPECT_TRUE(parse({"--config", none.c_str(), "--services-socket", "/run/x/services.sock"}));
  for (std::vector<const char*> tls : {std::vector<const char*>{},
                                       {"--services-certificate", "c", "--services-key", "k"},
                                       {"--services-certificate", "c", "--services-ca", "a"},
                                       {"--services-key", "k", "--services-ca", "a"}}) {
    tls.insert(tls.begin(), {"--config", none.c_str(), "--services-listen", "0.0.0.0:9443"});
    EXPECT_THAT(parse(tls).error().message,
                HasSubstr("needs --services-certificate, --services-key and --services-ca"));
  }
  EXPECT_THAT(parse({"--config", none.c_str(), "--services-key", "k"}).error().message, HasSubstr("is not given"));
  const std::string file = config(
      "services-listen: 0.0.0.0:9443\nservices-certificate: c\nservices-key: k\nservices-ca: a\nservices-socket: s\n");
  const auto options = parse({"--config", file.c_str()});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->services_listen, "0.0.0.0:9443");
  EXPECT_EQ(options->services_ca, "a");
  EXPECT_EQ(options->services_socket, "s");
}

// The file that is installed: all settings, each as a comment that is right without its '#'.
TEST_F(OptionsTest, TheInstalledFileHasAllSettings) {
  std::ifstream file(POLYCUBE_TEST_SOURCE_DIR "/../../packaging/polycubed.conf");
  ASSERT_TRUE(file);
  std::vector<std::string> names = {"loglevel"};  // another name of log-level
  std::string settings;
  for (std::string line; std::getline(file, line);) {
    ASSERT_TRUE(line.empty() || line.front() == '#') << line;
    if (line.empty() || line.starts_with("# ") || line == "#") continue;
    names.push_back(line.substr(1, line.find(':') - 1));
    settings += line.substr(1) + "\n";
  }
  EXPECT_THAT(names, testing::UnorderedElementsAreArray(setting_names()));
  Options options;
  const auto applied = apply_config(config(settings), {}, options);
  EXPECT_TRUE(applied) << applied.error().message;
}

}  // namespace
}  // namespace polycube::daemon
