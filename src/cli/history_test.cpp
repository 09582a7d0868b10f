// SPDX-License-Identifier: Apache-2.0
#include "cli/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace polycube::cli {
namespace {

std::string content(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

TEST(History, IsKeptWhereItsFolderExistsAndRotates) {
  const auto folder = std::filesystem::temp_directory_path() / ("polycubectl-log-" + std::to_string(::getpid()));
  record(folder, {"r1", "show"}, 0, "x\n");
  EXPECT_FALSE(std::filesystem::exists(folder));
  std::filesystem::create_directory(folder);
  record(folder, {"r1", "sh\now"}, 2, "answer\n");
  EXPECT_THAT(content(folder / "polycubectl.log"), testing::EndsWith("polycubectl r1 sh\\now -> 2\n"));
  EXPECT_THAT(content(folder / "polycubectl_response.log"), testing::EndsWith("-> 2\nanswer\n"));
  for (int i = 0; i < 8; ++i) record(folder, {"r1"}, 0, std::string(600'000, 'x'));
  EXPECT_TRUE(std::filesystem::exists(folder / "polycubectl_response.log.3"));
  EXPECT_FALSE(std::filesystem::exists(folder / "polycubectl_response.log.4"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace polycube::cli
