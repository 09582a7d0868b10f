// SPDX-License-Identifier: Apache-2.0
#include "base/fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <array>
#include <type_traits>
#include <utility>

namespace polycube {
namespace {

int open_descriptor() { return ::eventfd(0, EFD_CLOEXEC); }
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

static_assert(!std::is_copy_constructible_v<Fd>);
static_assert(!std::is_copy_assignable_v<Fd>);
static_assert(std::is_nothrow_move_constructible_v<Fd>);

TEST(Fd, IsEmptyByDefault) {
  Fd fd;
  EXPECT_FALSE(fd);
  EXPECT_EQ(fd.get(), -1);
}

TEST(Fd, ClosesAtTheEndOfItsLife) {
  int raw = open_descriptor();
  {
    Fd fd(raw);
    EXPECT_TRUE(fd);
    EXPECT_TRUE(is_open(raw));
  }
  EXPECT_FALSE(is_open(raw));
}

TEST(Fd, ZeroIsADescriptor) {
  Fd fd(0);
  EXPECT_TRUE(fd);
  EXPECT_EQ(fd.release(), 0);
}

TEST(Fd, MoveHandsOver) {
  int raw = open_descriptor();
  Fd first(raw);
  Fd second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): a moved-from Fd is defined to be empty
  EXPECT_EQ(second.get(), raw);
  EXPECT_TRUE(is_open(raw));
}

TEST(Fd, AssignmentClosesTheFormerDescriptor) {
  int first = open_descriptor();
  int second = open_descriptor();
  Fd fd(first);
  fd = Fd(second);
  EXPECT_EQ(fd.get(), second);
  EXPECT_FALSE(is_open(first));
  EXPECT_TRUE(is_open(second));
}

TEST(Fd, ReleaseGivesUpOwnership) {
  int raw = -1;
  {
    Fd fd(open_descriptor());
    raw = fd.release();
    EXPECT_FALSE(fd);
  }
  EXPECT_TRUE(is_open(raw));
  Fd closes(raw);
}

TEST(Fd, DuplicateIsTheSameOpenFileAndClosesOnExec) {
  Fd fd(open_descriptor());
  Result<Fd> copy = Fd::duplicate(fd.get());
  ASSERT_TRUE(copy);
  EXPECT_NE(copy->get(), fd.get());
  EXPECT_EQ(::fcntl(copy->get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  ASSERT_EQ(::eventfd_write(fd.get(), 7), 0);
  eventfd_t value = 0;
  ASSERT_EQ(::eventfd_read(copy->get(), &value), 0);
  EXPECT_EQ(value, 7U);
}

TEST(Fd, DuplicateOfAClosedDescriptorFails) {
  int raw = open_descriptor();
  {
    Fd closes(raw);
  }
  Result<Fd> copy = Fd::duplicate(raw);
  ASSERT_FALSE(copy);
  EXPECT_EQ(copy.error().code, ErrorCode::system);
  EXPECT_EQ(copy.error().message, "cannot duplicate a file descriptor: Bad file descriptor");
}

}  // namespace
}  // namespace polycube
