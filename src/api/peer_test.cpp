// SPDX-License-Identifier: Apache-2.0
#include "api/peer.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/fd.h"

namespace polycube::api {
namespace {

TEST(PeerTest, LargeEntriesAreReadAsWell) {
  std::size_t largest = 0;
  const auto name = entry_name([&](std::span<char> buffer, const char*& found) {
    largest = buffer.size();
    if (buffer.size() < (std::size_t{1} << 20)) return ERANGE;
    found = "everybody";
    return 0;
  });
  ASSERT_TRUE(name) << name.error().message;
  EXPECT_EQ(*name, "everybody");
  EXPECT_GE(largest, std::size_t{1} << 20);
}

TEST(PeerTest, NoEntryIsNoErrorAndAnErrorIsNotNoEntry) {
  const auto none = entry_name([](std::span<char>, const char*&) { return 0; });
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  EXPECT_FALSE(entry_name([](std::span<char>, const char*&) { return ECONNREFUSED; }));
  EXPECT_FALSE(entry_name([](std::span<char>, const char*&) { return ERANGE; })) << "it ends";
}

TEST(PeerTest, KnowsThisProcess) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const Fd one(ends[0]);
  const Fd other(ends[1]);
  const auto client = client_of(one.get());
  ASSERT_TRUE(client) << client.error().message;
  EXPECT_EQ(client->address, "pid " + std::to_string(::getpid()));
  EXPECT_EQ(client->recovery, ::geteuid() == 0);
  EXPECT_FALSE(client->user.empty());
}

}  // namespace
}  // namespace polycube::api
