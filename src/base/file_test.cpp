// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

namespace polycube {
namespace {

class FileTest : public ::testing::Test {
 protected:
  FileTest() {
    char name[] = "/tmp/polycube-file-XXXXXX";
    folder = mkdtemp(name);
  }
  ~FileTest() override { std::filesystem::remove_all(folder); }
  std::filesystem::path folder;
};

TEST_F(FileTest, TakesThePlaceOfWhatWasThere) {
  const auto file = folder / "f";
  for (const Lasting lasting : {Lasting::process, Lasting::power})
    for (const std::string& content : {std::string(200'000, 'x'), std::string("short"), std::string()}) {
      const auto put = put_file(file, content, lasting);
      ASSERT_TRUE(put) << put.error().message;
      EXPECT_EQ(read_file(file).value_or("-"), content);
    }
  struct stat status{};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1) << "nothing else is left";
}

TEST_F(FileTest, WhatCannotBePutInPlaceChangesNothing) {
  const auto file = folder / "f";
  std::filesystem::create_directory(file);  // no file takes its place
  EXPECT_FALSE(put_file(file, "x", Lasting::power));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  EXPECT_FALSE(put_file(folder / "no/f", "x", Lasting::process));
  EXPECT_FALSE(sync_folder(folder / "no"));
  EXPECT_EQ(read_file(folder / "no").error().code, ErrorCode::data_missing);
}

}  // namespace
}  // namespace polycube
