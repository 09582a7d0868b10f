// SPDX-License-Identifier: Apache-2.0
#include "cli/settings.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <map>

namespace polycube::cli {
namespace {

Environment from(const std::map<std::string, std::string>& values) {
  return [values](const char* name) {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

Endpoint endpoint(const std::string& url) {
  Settings settings;
  settings.url = url;
  return parse_endpoint(settings).value();
}

TEST(Settings, TheDefaultIsTheUnixSocket) {
  EXPECT_EQ(endpoint(parse_settings("", from({}))->url).socket, "/run/polycube/polycubed.sock");
  // Files written by the original hold its own default; its server is not ours.
  const auto former = parse_settings("url: http://localhost:9000/polycube/v1/\n", from({}));
  EXPECT_EQ(endpoint(former->url).socket, "/run/polycube/polycubed.sock");
}

TEST(Settings, TheEnvironmentWinsOverTheFile) {
  const auto file = "debug: true\nurl: http://127.0.0.1:9000\nexpert: false\n";
  EXPECT_TRUE(parse_settings(file, from({}))->debug);
  EXPECT_FALSE(parse_settings(file, from({}))->expert);
  const auto settings =
      parse_settings(file, from({{"POLYCUBECTL_DEBUG", "false"}, {"POLYCUBECTL_URL", "http+unix:///x"}}));
  EXPECT_FALSE(settings->debug);
  EXPECT_EQ(settings->url, "http+unix:///x");
  EXPECT_FALSE(parse_settings("debug: perhaps\n", from({})));
  EXPECT_FALSE(parse_settings("- a\n", from({})));
}

TEST(Settings, Endpoints) {
  EXPECT_EQ(endpoint("http+unix:///tmp/a.sock").socket, "/tmp/a.sock");
  EXPECT_EQ(endpoint("http://127.0.0.1:9000/anything/").host, "127.0.0.1");
  EXPECT_EQ(endpoint("http://127.0.0.1:9000").port, 9000);
  EXPECT_EQ(endpoint("http://[::1]:81").host, "::1");
  EXPECT_EQ(endpoint("http://[::1]").port, 80);
  for (const auto* bad : {"http+unix://relative", "ftp://x", "http://", "http://x:0", "http://x:99999", "http://x:y",
                          "https://without-ca"}) {
    Settings settings;
    settings.url = bad;
    EXPECT_FALSE(parse_endpoint(settings)) << bad;
  }
}

TEST(Settings, TheFirstRunWritesTheFileAndHonoursTheEnvironment) {
  const auto home = std::filesystem::temp_directory_path() / ("polycubectl-home-" + std::to_string(::getpid()));
  std::filesystem::create_directories(home);
  const auto environment = from({{"HOME", home.string()}, {"POLYCUBECTL_URL", "http+unix:///first"}});
  EXPECT_EQ(load_settings(environment)->url, "http+unix:///first");
  struct stat status{};
  ASSERT_EQ(::stat((home / ".config/polycube").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
  EXPECT_EQ(load_settings(from({{"HOME", home.string()}}))->url, Settings().url);
  std::ofstream(home / ".config/polycube/polycubectl_config.yaml") << "url: [";
  EXPECT_FALSE(load_settings(environment));
  std::filesystem::remove_all(home);
  EXPECT_TRUE(load_settings(from({{"HOME", "/proc/none"}})));
}

}  // namespace
}  // namespace polycube::cli
