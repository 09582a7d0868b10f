// SPDX-License-Identifier: Apache-2.0
#include "api/tls.h"

#include <gmock/gmock.h>

#include <fstream>

#include "api/test_certificates.h"

namespace polycube::api {
namespace {

using ::testing::HasSubstr;

TEST(UserNameTest, EmailWinsOverHostOverCommonName) {
  EXPECT_EQ(user_name({{"Ann@EXAMPLE.org"}, {"h.example"}, {"cn"}}), "Ann@example.org")
      << "RFC 7407: the host part only";
  EXPECT_EQ(user_name({{}, {"Node1.Example"}, {"cn"}}), "node1.example");
  EXPECT_EQ(user_name({{}, {}, {"operator", "second"}}), "operator");
}

TEST(UserNameTest, NoNameIsBetterThanOneThatMisleads) {
  EXPECT_EQ(user_name({}), std::nullopt);
  EXPECT_EQ(user_name({{}, {}, {""}}), std::nullopt);
  EXPECT_EQ(user_name({{}, {}, {std::string("root\0.evil", 10)}}), std::nullopt);
  EXPECT_EQ(user_name({{}, {}, {"line\nbreak"}}), std::nullopt);
  EXPECT_EQ(user_name({{}, {}, {"with blank"}}), std::nullopt);
  EXPECT_EQ(user_name({{}, {}, {std::string(129, 'a')}}), std::nullopt);
  EXPECT_EQ(user_name({{"nobody"}, {}, {"cn"}}), std::nullopt)
      << "what is no e-mail address is not replaced by another";
}

class TlsContextTest : public ::testing::Test {
 protected:
  TlsContextTest() {
    std::string name = (std::filesystem::temp_directory_path() / "polycube-tls-XXXXXX").native();
    folder_ = ::mkdtemp(name.data());
    write_certificate(folder_ / "a.pem", "a");
    write_certificate(folder_ / "b.pem", "b");
    std::ofstream(folder_ / "text.pem") << "this is no certificate\n";
  }
  ~TlsContextTest() override { std::filesystem::remove_all(folder_); }

  std::string refused(const TlsFiles& files) {
    const auto context = TlsContext::load(files);
    return context ? "accepted" : context.error().message;
  }

  std::filesystem::path folder_;
};

TEST_F(TlsContextTest, SaysWhichFileIsWrong) {
  const auto a = folder_ / "a.pem";
  const auto none = folder_ / "none.pem";
  const auto text = folder_ / "text.pem";
  EXPECT_EQ(refused({a, a, a}), "accepted");
  EXPECT_EQ(refused({.certificate = a, .key = a, .ca = {}, .crl = {}, .blacklist = {}, .whitelist = folder_}),
            "accepted");
  EXPECT_THAT(refused({none, a, a}), HasSubstr("the certificate " + none.native() + " cannot be used"));
  EXPECT_THAT(refused({none, a, a}), HasSubstr("No such file"));
  EXPECT_THAT(refused({text, a, a}), HasSubstr("the certificate " + text.native()));
  EXPECT_THAT(refused({a, text, a}), HasSubstr("the key " + text.native()));
  EXPECT_THAT(refused({a, folder_ / "b.pem", a}), HasSubstr("key values mismatch"));
  EXPECT_THAT(refused({a, a, text}), HasSubstr("the CA " + text.native()));
  EXPECT_THAT(refused({a, a, a, a}), HasSubstr("the revocation list " + a.native()));
  EXPECT_THAT(refused({a, a, a, {}, none}), HasSubstr(none.native() + " is no folder"));
}

}  // namespace
}  // namespace polycube::api
