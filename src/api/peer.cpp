// SPDX-License-Identifier: Apache-2.0
#include "api/peer.h"

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

namespace polycube::api {

namespace {

constexpr std::size_t usual_entry = std::size_t{16} << 10;
constexpr std::size_t largest_entry = std::size_t{64} << 20;  // a group has its members with it

Result<std::string> user_name(uid_t uid) {
  const auto name = entry_name([uid](std::span<char> buffer, const char*& found) {
    passwd entry{};
    passwd* result = nullptr;
    const int error = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &result);
    if (result != nullptr) found = result->pw_name;
    return error;
  });
  if (!name) return fail_with(name.error(), fmt::format("the name of user {}", uid));
  return name->value_or(std::to_string(uid));
}

Result<std::optional<std::string>> group_name(gid_t gid) {
  auto name = entry_name([gid](std::span<char> buffer, const char*& found) {
    group entry{};
    group* result = nullptr;
    const int error = ::getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &result);
    if (result != nullptr) found = result->gr_name;
    return error;
  });
  if (!name) return fail_with(name.error(), fmt::format("the name of group {}", gid));
  return name;
}

Result<std::vector<std::string>> group_names(int socket, gid_t primary) {
  std::vector<gid_t> numbers(64);
  auto size = static_cast<socklen_t>(numbers.size() * sizeof(gid_t));
  int result = ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, numbers.data(), &size);
  if (result < 0 && errno == ERANGE) {
    numbers.resize(size / sizeof(gid_t));
    result = ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, numbers.data(), &size);
  }
  if (result < 0) return fail_errno(errno, "the groups of a process");
  numbers.resize(size / sizeof(gid_t));
  numbers.push_back(primary);
  std::vector<std::string> names;
  for (const gid_t number : numbers) {
    PCN_ASSIGN(auto name, group_name(number));
    if (name) names.push_back(std::move(*name));
  }
  return names;
}

}  // namespace

Result<std::optional<std::string>> entry_name(const EntryLookup& lookup) {
  for (std::size_t size = usual_entry; size <= largest_entry; size *= 4) {
    std::vector<char> buffer(size);
    const char* name = nullptr;
    const int error = lookup(buffer, name);
    if (error == ERANGE || error == EINTR) continue;
    if (error != 0) return fail_errno(error, "cannot be read");
    return name == nullptr ? std::nullopt : std::optional<std::string>(name);
  }
  return fail(ErrorCode::system, "cannot be read: the entry is larger than {} bytes", largest_entry);
}

Result<service::Client> client_of(int socket) {
  service::Client client;
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return fail_errno(errno, "SO_PEERCRED");
  if (peer.uid == uid_t(-1)) return client;
  client.address = fmt::format("pid {}", peer.pid);
  client.recovery = peer.uid == 0;
  // Root is let in whatever is wrong with the users and groups of the machine.
  auto user = user_name(peer.uid);
  if (!user && !client.recovery) return tl::unexpected<Error>(std::move(user).error());
  client.user = user.value_or("root");
  if (!client.recovery) {
    PCN_ASSIGN(client.groups, group_names(socket, peer.gid));
  }
  return client;
}

}  // namespace polycube::api
