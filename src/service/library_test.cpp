// SPDX-License-Identifier: Apache-2.0
#include "service/library.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace polycube::service {
namespace {

namespace fs = std::filesystem;

class PackageTest : public ::testing::Test {
 protected:
  PackageTest() {
    std::string name = (fs::temp_directory_path() / "polycube-library-XXXXXX").native();
    folder_ = ::mkdtemp(name.data());
    ::chmod(folder_.c_str(), 0755);
    fs::create_directory(folder_ / "package");
    std::ofstream(folder_ / "package" / "model.yang") << "module";
    fs::create_directory(folder_ / "open");
    ::chmod((folder_ / "open").c_str(), 0777);
  }
  ~PackageTest() override { fs::remove_all(folder_); }

  fs::path folder_;
};

TEST_F(PackageTest, LinksInFoldersOfRootMayLeadToIt) {
  EXPECT_TRUE(check_package(folder_ / "package"));
  EXPECT_TRUE(check_package(folder_ / "package" / ".." / "package" / "."));
  fs::create_symlink("package", folder_ / "relative");
  fs::create_symlink(folder_ / "relative", folder_ / "absolute");
  EXPECT_TRUE(check_package(folder_ / "absolute"));
  fs::create_symlink(folder_ / "package" / "model.yang", folder_ / "package" / "other.yang");
  EXPECT_TRUE(check_package(folder_ / "package"));
}

TEST_F(PackageTest, WhoCanChangeALinkOnTheWayDecides) {
  fs::create_symlink(folder_ / "package", folder_ / "open" / "link");
  EXPECT_FALSE(check_package(folder_ / "open" / "link")) << "it could lead elsewhere when it is opened";
  fs::create_symlink(folder_ / "open" / "link", folder_ / "link");
  EXPECT_FALSE(check_package(folder_ / "link"));
  fs::create_symlink(folder_ / "open" / "link" / "model.yang", folder_ / "package" / "other.yang");
  EXPECT_FALSE(check_package(folder_ / "package")) << "of a file in it as well";
  EXPECT_FALSE(check_package(folder_ / "open" / ".." / "package")) << "a folder could become a link";
}

TEST_F(PackageTest, FilesAndFoldersThatOthersMayWriteAreRefused) {
  ::chmod((folder_ / "package" / "model.yang").c_str(), 0666);
  EXPECT_FALSE(check_package(folder_ / "package"));
  ::chmod((folder_ / "package" / "model.yang").c_str(), 0644);
  EXPECT_TRUE(check_package(folder_ / "package"));
  ::chmod((folder_ / "package").c_str(), 01777);
  EXPECT_FALSE(check_package(folder_ / "package")) << "a sticky folder is no harm above only";
}

TEST_F(PackageTest, LoopsAndWhatIsNotThereAreErrors) {
  fs::create_symlink("loop", folder_ / "loop");
  EXPECT_FALSE(check_package(folder_ / "loop"));
  EXPECT_FALSE(check_package(folder_ / "absent"));
}

TEST_F(PackageTest, LinksOfOthersAreRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a link away";
  fs::create_symlink("package", folder_ / "link");
  ASSERT_EQ(::lchown((folder_ / "link").c_str(), 65534, 65534), 0);
  EXPECT_FALSE(check_package(folder_ / "link"));
}

}  // namespace
}  // namespace polycube::service
