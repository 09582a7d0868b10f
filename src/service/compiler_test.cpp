// SPDX-License-Identifier: Apache-2.0
#include "service/compiler.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

namespace polycube::service {
namespace {

using control::Code;
using control::Hook;
using control::Program;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr Program slave{control::Direction::ingress, 1};

const std::string good = R"(#include <polycube/slave.h>
static __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)
{
	return RX_DROP;
}
)";

Error error_of(const std::string& source, const CompilerTools& tools = {}) {
  const auto result = compile(Code::from_source(source), Hook::tc, slave, tools);
  EXPECT_FALSE(result);
  return result ? Error{} : result.error();
}

TEST(Compiler, MakesTheObjectsThatAreNeeded) {
  const auto sizes = [](Hook hook, const Program& program) {
    const auto code = compile(Code::from_source(good), hook, program);
    EXPECT_TRUE(code) << code.error().message << code.error().detail;
    return code ? std::pair(!code->tc_object.empty(), !code->xdp_object.empty()) : std::pair(false, false);
  };
  EXPECT_EQ(sizes(Hook::tc, slave), std::pair(true, false));
  EXPECT_EQ(sizes(Hook::xdp, slave), std::pair(false, true));
  EXPECT_EQ(sizes(Hook::xdp, {control::Direction::egress, 1}), std::pair(true, true));
  EXPECT_EQ(sizes(Hook::xdp, {}), std::pair(true, true));
}

TEST(Compiler, LeavesWhatIsCompiledAlone) {
  const auto code =
      compile(Code::of_package("step"), Hook::tc, slave, {.clang = "/nowhere", .sandbox = {}, .headers = {}});
  ASSERT_TRUE(code);
  EXPECT_EQ(code->name, "step");
}

TEST(Compiler, SaysWhatIsWrongAndWhere) {
  const Error error = error_of(good + "int broken(void)\n{\n\treturn nothing;\n}\n" + "int worse = ;\n");
  EXPECT_EQ(error.code, ErrorCode::invalid_value);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("source:8:9: error: use of undeclared identifier 'nothing'"), Not(HasSubstr("worse"))));
  EXPECT_THAT(error.detail, AllOf(HasSubstr("source:8:9"), HasSubstr("source:10:13"), HasSubstr("2 errors generated")));
}

TEST(Compiler, SeesNothingOfTheMachine) {
  for (const char* file :
       {"/etc/shadow", "/etc/passwd", "/proc/self/environ", "/proc/1/cmdline", "/var/lib/dpkg/status"}) {
    const std::string include = std::string("#include \"") + file + "\"\n";
    EXPECT_THAT(error_of(include).message, AllOf(HasSubstr(file), HasSubstr("file not found")));
    const std::string embed = std::string("asm(\".incbin \\\"") + file + "\\\"\");\n";
    EXPECT_THAT(error_of(embed).message, HasSubstr("Could not find incbin file"));
  }
}

TEST(Compiler, ThatDoesNotEndIsStopped) {
  // Each level doubles the work of the one below.
  std::string endless = "#define A0 x+x\n";
  for (int i = 1; i < 40; i++) {
    const std::string below = "A" + std::to_string(i - 1);
    endless += "#define A" + std::to_string(i) + " " + below + " + " + below + "\n";
  }
  const Error error = error_of(endless + "int x = A39;\n", {.headers = {}, .time = std::chrono::seconds(1)});
  EXPECT_EQ(error.code, ErrorCode::limit_exceeded) << error.message;
  EXPECT_EQ(error_of(std::string(2 << 20, ' ')).code, ErrorCode::limit_exceeded);
}

TEST(Compiler, ThatFailsForWantOfMemorySaysSo) {
  const Error error = error_of("int x[] = {[400000000] = 1};\n");
  EXPECT_EQ(error.code, ErrorCode::limit_exceeded) << error.message;
  EXPECT_THAT(error.message, HasSubstr("more memory than the compiler may use (2048 MiB)"));
}

TEST(Compiler, ThatASignalEndedSaysSo) {
  // In place of the compiler: the sandbox turns the signal into a status.
  const std::filesystem::path script = testing::TempDir() + "killed_compiler";
  std::ofstream(script) << "#!/bin/sh\nexit 139\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  const Error error = error_of(good, {.clang = "/usr/bin/clang-19", .sandbox = script, .headers = {}});
  EXPECT_EQ(error.code, ErrorCode::limit_exceeded);
  EXPECT_THAT(error.message, HasSubstr("the compiler was killed (Segmentation fault)"));
  std::ofstream(script) << "#!/bin/sh\nexit 7\n";
  EXPECT_THAT(error_of(good, {.clang = "/usr/bin/clang-19", .sandbox = script, .headers = {}}).message,
              HasSubstr("status 7 and did not say why"));
  std::filesystem::remove(script);
}

TEST(Compiler, HasItsTimeForAllObjectsTogether) {
  // In place of the compiler: each object takes its time.
  const std::filesystem::path script = testing::TempDir() + "slow_compiler";
  std::ofstream(script) << "#!/bin/sh\nsleep 1\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  const auto result = compile(
      Code::from_source(good), Hook::xdp, {},
      {.clang = "/usr/bin/clang-19", .sandbox = script, .headers = {}, .time = std::chrono::milliseconds(1500)});
  std::filesystem::remove(script);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::limit_exceeded);
  EXPECT_THAT(result.error().message, HasSubstr("it may take 1.5 s here for all objects"));
}

TEST(Compiler, TakesCodeOfOneKind) {
  Code both = Code::from_source(good);
  both.name = "step";
  EXPECT_EQ(compile(both, Hook::tc, slave).error().code, ErrorCode::invalid_value);
  both.name = {};
  both.tc_object.resize(1);
  EXPECT_EQ(compile(both, Hook::tc, slave).error().code, ErrorCode::invalid_value);
}

TEST(Compiler, SaysWhatHasToBeInstalled) {
  const Error no_clang = error_of(good, {.clang = "/nowhere/clang", .sandbox = "/usr/bin/bwrap", .headers = {}});
  EXPECT_EQ(no_clang.code, ErrorCode::unsupported_feature);
  EXPECT_THAT(no_clang.message, AllOf(HasSubstr("/nowhere/clang"), HasSubstr("install the package clang-19")));
  const Error no_sandbox = error_of(good, {.clang = "/usr/bin/clang-19", .sandbox = "/nowhere/bwrap", .headers = {}});
  EXPECT_THAT(no_sandbox.message, HasSubstr("install the package bubblewrap"));
  const Error no_headers =
      error_of(good, {.clang = "/usr/bin/clang-19", .sandbox = "/usr/bin/bwrap", .headers = "/nowhere"});
  EXPECT_THAT(no_headers.message, HasSubstr("the SDK's headers are not installed"));
}

}  // namespace
}  // namespace polycube::service
