// SPDX-License-Identifier: Apache-2.0
#include "cli/input.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/fd.h"

namespace polycube::cli {
namespace {

using std::chrono::milliseconds;
constexpr Patience hasty{milliseconds(20), milliseconds(30), milliseconds(40), milliseconds(20)};
constexpr Patience calm{milliseconds(60'000), milliseconds(60'000), milliseconds(60'000), milliseconds(60'000)};

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    read_end = Fd(ends[0]);
    write_end = Fd(ends[1]);
  }
  void write(const std::string& text) const {
    EXPECT_EQ(::write(write_end.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  Fd read_end;
  Fd write_end;
};

TEST(Input, AFileIsReadFromWhereItStands) {
  char name[] = "/tmp/polycubectl-input-XXXXXX";
  const Fd fd(::mkstemp(name));
  ASSERT_EQ(::write(fd.get(), "ab: c", 5), 5);
  EXPECT_FALSE(read_input(fd.get(), true, hasty).value());  // nothing is left to read
  ::lseek(fd.get(), 1, SEEK_SET);
  EXPECT_EQ(read_input(fd.get(), true, hasty).value(), "b: c");
  ::lseek(fd.get(), 0, SEEK_SET);
  EXPECT_EQ(read_input(fd.get(), false, hasty).value(), "ab: c");
  ::unlink(name);
}

TEST(Input, AFileThatALoopHasBegunToReadIsTheLoops) {
  char name[] = "/tmp/polycubectl-input-XXXXXX";
  const Fd fd(::mkstemp(name));
  ASSERT_EQ(::write(fd.get(), "p1\np2\n", 6), 6);
  ::lseek(fd.get(), 3, SEEK_SET);
  EXPECT_FALSE(read_input(fd.get(), false, hasty).value());
  EXPECT_EQ(::lseek(fd.get(), 0, SEEK_CUR), 3) << "nothing of it was taken";
  ::unlink(name);
}

TEST(Input, APipeThatOurParentReadsIsItsOwn) {
  const Pipe pipe;
  pipe.write("p1\np2\n");
  const Fd before(::dup(STDIN_FILENO));
  ASSERT_EQ(::dup2(pipe.read_end.get(), STDIN_FILENO), STDIN_FILENO);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto input = read_input(STDIN_FILENO, false, hasty);
    ::_exit(input && !*input ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(::dup2(before.get(), STDIN_FILENO), STDIN_FILENO);
  EXPECT_EQ(status, 0) << "the list was read as a document";
}

TEST(Input, FilesAreReadWhole) {
  const std::string name = "/tmp/polycubectl-file-" + std::to_string(::getpid());
  std::ofstream(name) << std::string(100'000, 'x');
  EXPECT_EQ(read_file(name), std::string(100'000, 'x'));
  std::filesystem::remove(name);
  const auto gone = read_file(name);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().message, "Cannot read the file " + name + ": No such file or directory");
  EXPECT_EQ(read_file("/tmp").error().message, "Cannot read the file /tmp: Is a directory");
  EXPECT_EQ(read_file("/dev/zero").error().code, ErrorCode::limit_exceeded);
}

TEST(Input, APipeIsReadToItsEnd) {
  Pipe pipe;
  pipe.write("a: ");
  std::thread writer([&] {
    pipe.write("1");
    pipe.write_end = Fd();
  });
  EXPECT_EQ(read_input(pipe.read_end.get(), false, calm).value(), "a: 1");
  writer.join();
}

TEST(Input, AnOpenSilentPipeIsNobodysInput) {
  const Pipe pipe;
  EXPECT_FALSE(read_input(pipe.read_end.get(), false, hasty).value());
  EXPECT_FALSE(read_input(pipe.read_end.get(), true, hasty).value());
}

TEST(Input, AWriterOfOurOwnPipelineMayBeLate) {
  Pipe pipe;
  const pid_t writer = ::fork();
  if (writer == 0) {
    ::usleep(200'000);
    ::_exit(::write(pipe.write_end.get(), "late", 4) == 4 ? 0 : 1);
  }
  pipe.write_end = Fd();
  auto patience = calm;
  patience.first = milliseconds(1);
  EXPECT_EQ(read_input(pipe.read_end.get(), false, patience).value(), "late");
  EXPECT_EQ(::waitpid(writer, nullptr, 0), writer);
}

TEST(Input, AnEmptyClosedPipeIsNobodysInput) {
  Pipe pipe;
  pipe.write_end = Fd();
  EXPECT_FALSE(read_input(pipe.read_end.get(), true, calm).value());
}

TEST(Input, ADocumentThatStopsInTheMiddleIsRefused) {
  const Pipe pipe;
  pipe.write("a: ");
  EXPECT_EQ(read_input(pipe.read_end.get(), false, hasty).error().code, ErrorCode::malformed_message);
}

TEST(Input, DevicesAndClosedDescriptorsAreNobodysInput) {
  const Fd zero(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(read_input(zero.get(), true, calm).value());
  EXPECT_FALSE(read_input(-1, true, calm).value());
  const Pipe pipe;
  EXPECT_FALSE(read_input(pipe.write_end.get(), true, hasty).value());
}

}  // namespace
}  // namespace polycube::cli
