// SPDX-License-Identifier: Apache-2.0
#include "api/audit.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

namespace polycube::api {
namespace {

class AuditTest : public ::testing::Test {
 protected:
  AuditTest() {
    std::string name = (std::filesystem::temp_directory_path() / "polycube-audit-XXXXXX").native();
    folder_ = ::mkdtemp(name.data());
  }
  ~AuditTest() override { std::filesystem::remove_all(folder_); }

  static std::vector<nlohmann::json> records(const std::filesystem::path& file) {
    std::vector<nlohmann::json> found;
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) found.push_back(nlohmann::json::parse(line));
    return found;
  }
  [[nodiscard]] std::filesystem::path file(const char* name = "audit.log") const { return folder_ / name; }

  HttpRequest request_{.method = "PATCH",
                       .target = "/restconf/data",
                       .headers = {},
                       .body = "{}",
                       .client = {.user = "ann", .address = "192.0.2.1:7"}};
  std::filesystem::path folder_;
};

TEST_F(AuditTest, ARecordSaysWhoWhatAndWhatCameOfIt) {
  auto log = AuditLog::open(file());
  ASSERT_TRUE(log);
  (*log)->record(request_, 204, "");
  (*log)->record(request_, 403, "not permitted");
  const auto found = records(file());
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0]["user"], "ann");
  EXPECT_EQ(found[0]["from"], "192.0.2.1:7");
  EXPECT_EQ(found[0]["method"], "PATCH");
  EXPECT_EQ(found[0]["target"], "/restconf/data");
  EXPECT_EQ(found[0]["status"], 204);
  EXPECT_EQ(found[0]["body"], "{}");
  EXPECT_FALSE(found[0].contains("refused"));
  EXPECT_EQ(found[1]["refused"], "not permitted");
  struct stat status{};
  ASSERT_EQ(::stat(file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(AuditTest, NobodyForgesALine) {
  auto log = AuditLog::open(file());
  request_.client.user = "a\"\n{\"user\":\"root\"}";
  request_.target = "/x\r\n\x1b[2J";
  request_.body = std::string("\xff\0\n", 3) + std::string(AuditLog::shown_body, 'x');
  (*log)->record(request_, 400, "\n");
  const auto found = records(file());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]["user"], request_.client.user);
  EXPECT_EQ(found[0]["body-length"], AuditLog::shown_body + 3);
  std::ostringstream text;
  text << std::ifstream(file()).rdbuf();
  EXPECT_THAT(text.str(), ::testing::Not(::testing::HasSubstr("\x1b")));
}

TEST_F(AuditTest, FullFilesAreRenamedAndTheOldestGoes) {
  auto log = AuditLog::open(file(), 500);
  for (int i = 0; i < 100; ++i) {
    request_.target = "/" + std::to_string(i);
    (*log)->record(request_, 204, "");
  }
  int newest = 99;
  for (const char* name : {"audit.log", "audit.log.1", "audit.log.2", "audit.log.3"}) {
    const auto found = records(file(name));
    ASSERT_FALSE(found.empty()) << name;
    EXPECT_LE(std::filesystem::file_size(file(name)), 500U);
    for (auto one = found.rbegin(); one != found.rend(); ++one)
      EXPECT_EQ((*one)["target"], "/" + std::to_string(newest--));
  }
  EXPECT_FALSE(std::filesystem::exists(file("audit.log.4")));
}

TEST_F(AuditTest, GoesOnInAFileThatIsThere) {
  (*AuditLog::open(file()))->record(request_, 204, "");
  (*AuditLog::open(file()))->record(request_, 204, "");
  EXPECT_EQ(records(file()).size(), 2U);
  std::filesystem::create_symlink(file(), file("link"));
  EXPECT_FALSE(AuditLog::open(file("link"))) << "a link may lead anywhere";
}

TEST_F(AuditTest, BlanksHideNothing) {
  auto log = AuditLog::open(file());
  request_.body = std::string(5000, ' ') + "{ \"a\" :\n \"b  \\\" c\" }";
  (*log)->record(request_, 204, "");
  request_.body = std::string(5000, '\n') + "<a   x='1'>" + std::string(5000, ' ') + "<!-- " + std::string(5000, 'x') +
                  " --> <b>c   d</b>\n</a>";
  (*log)->record(request_, 204, "");
  const auto found = records(file());
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0]["body"], "{\"a\":\"b  \\\" c\"}");
  EXPECT_EQ(found[1]["body"], "<a x='1'><b>c d</b></a>");
  EXPECT_EQ(found[1]["body-length"], request_.body.size());
}

TEST_F(AuditTest, TheDigestIsOfTheWholeBody) {
  auto log = AuditLog::open(file());
  request_.body = "abc";
  (*log)->record(request_, 204, "");
  EXPECT_EQ(records(file())[0]["body-sha256"], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
      << "FIPS 180-2, B.1";
}

TEST_F(AuditTest, ALineThatDoesNotFitIsNotThere) {
  auto log = AuditLog::open(file());
  (*log)->record(request_, 204, "");
  const auto size = std::filesystem::file_size(file());
  // A file that may not grow: the next line is written in part.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit little{size + 10, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &little), 0);
  (*log)->record(request_, 204, "lost");
  EXPECT_EQ(std::filesystem::file_size(file()), size);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  (*log)->record(request_, 204, "");
  const auto found = records(file());
  ASSERT_EQ(found.size(), 2U);
  EXPECT_FALSE(found[1].contains("refused"));
}

TEST_F(AuditTest, AFileThatWasMovedIsLeftAlone) {
  auto log = AuditLog::open(file());
  (*log)->record(request_, 204, "");
  std::filesystem::rename(file(), file("moved"));
  ASSERT_TRUE((*log)->reopen());
  (*log)->record(request_, 204, "");
  EXPECT_EQ(records(file("moved")).size(), 1U);
  EXPECT_EQ(records(file()).size(), 1U);
  std::filesystem::remove(file());
  std::filesystem::create_symlink("elsewhere", file());
  EXPECT_FALSE((*log)->reopen());
  std::filesystem::remove(file());
  (*log)->record(request_, 204, "");
  EXPECT_FALSE(std::filesystem::exists(file())) << "it goes on in the file of before";
}

TEST_F(AuditTest, AFullDiskStopsNothing) {
  auto log = AuditLog::open("/dev/full");
  ASSERT_TRUE(log);
  (*log)->record(request_, 204, "");
  (*log)->record(request_, 204, "");
}

}  // namespace
}  // namespace polycube::api
