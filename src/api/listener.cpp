// SPDX-License-Identifier: Apache-2.0
#include "api/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"

namespace polycube::api {

namespace {

constexpr mode_t group_mode = 0660;
constexpr mode_t owner_mode = 0600;
constexpr int backlog = 1024;

Result<Fd> open_socket(int family) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fail_errno(errno, "socket");
  return fd;
}

Result<sockaddr_un> unix_address(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto& text = path.native();
  if (text.empty() || text.size() >= sizeof(address.sun_path)) {
    return fail(ErrorCode::invalid_value, "the path of a Unix socket has 1 to {} bytes, '{}' has {}",
                sizeof(address.sun_path) - 1, text, text.size());
  }
  std::memcpy(address.sun_path, text.data(), text.size());
  return address;
}

bool is_at(const Fd& fd, const std::filesystem::path& path) {
  struct stat opened{};
  struct stat there{};
  return ::fstat(fd.get(), &opened) == 0 && ::stat(path.c_str(), &there) == 0 && opened.st_dev == there.st_dev &&
         opened.st_ino == there.st_ino;
}

/// Serialises check, removal and bind among daemons that start or end at the same time. Nothing when the folder went away.
Result<std::optional<Fd>> lock_folder(const std::filesystem::path& folder) {
  Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) return fail_errno(errno, fmt::format("open {}", folder.native()));
  for (int attempt = 0; attempt < 100; ++attempt) {
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0)
      return is_at(fd, folder) ? std::optional<Fd>(std::move(fd)) : std::nullopt;
    if (errno != EWOULDBLOCK && errno != EINTR) return fail_errno(errno, fmt::format("lock {}", folder.native()));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return fail(ErrorCode::in_use, "another process keeps the folder {} locked", folder.native());
}

struct Folder {
  Fd lock;
  bool created = false;
};

Result<Folder> make_folder(const std::filesystem::path& path) {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const bool created = ::mkdir(path.c_str(), 0777) == 0;
    if (!created && errno != EEXIST) {
      return fail(ErrorCode::system, "create the folder {} of the socket: {}; choose one in an existing folder",
                  path.native(), std::strerror(errno));
    }
    PCN_ASSIGN(auto lock, lock_folder(path));
    if (lock) return Folder{std::move(*lock), created};
  }
  return fail(ErrorCode::system, "the folder {} vanishes as soon as it is made", path.native());
}

/// Removes a socket that nobody listens on.
Result<> remove_stale(const std::filesystem::path& path, const sockaddr_un& address) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return fail_errno(errno, fmt::format("stat {}", path.native()));
  }
  if (!S_ISSOCK(status.st_mode)) {
    return fail(ErrorCode::in_use, "{} exists and is not a socket; remove it or choose another path", path.native());
  }
  PCN_ASSIGN(const Fd probe, open_socket(AF_UNIX));
  const int answer = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  if (answer == 0 || errno != ECONNREFUSED) {
    return fail(ErrorCode::in_use, "another daemon serves {}; stop it or choose another socket", path.native());
  }
  if (::unlink(path.c_str()) != 0) return fail_errno(errno, fmt::format("remove the stale socket {}", path.native()));
  return {};
}

/// `storage` receives the address.
Result<socklen_t> socket_address(const TcpAddress& address, sockaddr_storage& storage) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (::inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    return static_cast<socklen_t>(sizeof(sockaddr_in));
  }
  if (::inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    return static_cast<socklen_t>(sizeof(sockaddr_in6));
  }
  return fail(ErrorCode::invalid_value, "'{}' is no IP address; 0.0.0.0 and [::] mean all of this machine's",
              address.host);
}

/// The group that may use the socket, if the machine has it.
std::optional<gid_t> find_group(const std::string& name) {
  if (name.empty()) return std::nullopt;
  ::group entry{};
  ::group* found = nullptr;
  std::vector<char> buffer(65536);  // a group has its members with it
  if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return found->gr_gid;
  log::warn("there is no group {}: only root can use the Unix socket (addgroup --system {})", name, name);
  return std::nullopt;
}

}  // namespace

Result<TcpAddress> parse_tcp_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return fail(ErrorCode::invalid_value, "'{}' is not ADDRESS:PORT, such as 127.0.0.1:9000 or [::1]:9000", text);
  }
  auto host = text.substr(0, colon);
  const auto port_text = text.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  TcpAddress address{host == "localhost" ? "127.0.0.1" : std::string(host), 0};
  const auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), address.port);
  if (error != std::errc() || end != port_text.data() + port_text.size() ||
      (!bracketed && host.find(':') != std::string_view::npos)) {
    return fail(ErrorCode::invalid_value, "'{}' is not ADDRESS:PORT, such as 127.0.0.1:9000 or [::1]:9000", text);
  }
  sockaddr_storage storage{};
  PCN_TRY(socket_address(address, storage));
  return address;
}

Result<UnixListener> UnixListener::listen(const std::filesystem::path& path, const std::string& group) {
  PCN_ASSIGN(const auto address, unix_address(path));
  const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  UnixListener listener;  // it may have to remove the folder, for which the lock must be free again
  PCN_ASSIGN(const Folder folder, make_folder(parent));
  if (folder.created) listener.folder_ = parent;
  PCN_TRY(remove_stale(path, address));
  PCN_ASSIGN(listener.fd_, open_socket(AF_UNIX));
  const auto owners = find_group(group);
  // On Linux the mode of an unbound socket becomes that of its file (less the umask): there is no moment at which
  // others could connect. The group comes when the file is there, and then what it may.
  if (::fchmod(listener.fd(), owner_mode) != 0) return fail_errno(errno, "set the mode of the socket");
  if (::bind(listener.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return fail_errno(errno, fmt::format("bind {}", path.native()));
  }
  listener.path_ = path;
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) {
    listener.device_ = status.st_dev;
    listener.inode_ = status.st_ino;
  }
  if (owners && ::lchown(path.c_str(), static_cast<uid_t>(-1), *owners) != 0)
    return fail_errno(errno, fmt::format("give {} to group {}", path.native(), group));
  if (::chmod(path.c_str(), owners ? group_mode : owner_mode) != 0)
    return fail_errno(errno, fmt::format("chmod {}", path.native()));
  if (::listen(listener.fd(), backlog) != 0) return fail_errno(errno, fmt::format("listen on {}", path.native()));
  return listener;
}

UnixListener::UnixListener(UnixListener&& other) noexcept
    : fd_(std::move(other.fd_)),
      path_(std::exchange(other.path_, {})),
      folder_(std::exchange(other.folder_, {})),
      device_(other.device_),
      inode_(other.inode_) {}

UnixListener& UnixListener::operator=(UnixListener&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  std::swap(folder_, other.folder_);
  std::swap(device_, other.device_);
  std::swap(inode_, other.inode_);
  return *this;
}

UnixListener::~UnixListener() {
  struct stat status{};
  if (!path_.empty() && ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
  if (folder_.empty()) return;
  // Another daemon may be about to make its socket there.
  if (const auto lock = lock_folder(folder_); lock && *lock) ::rmdir(folder_.c_str());
}

Result<TcpListener> TcpListener::listen(const TcpAddress& address) {
  sockaddr_storage storage{};
  PCN_ASSIGN(auto length, socket_address(address, storage));
  TcpListener listener;
  PCN_ASSIGN(listener.fd_, open_socket(storage.ss_family));
  const int yes = 1;
  ::setsockopt(listener.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (::bind(listener.fd(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) {
    if (errno == EADDRINUSE) {
      return fail(ErrorCode::in_use, "port {} of {} is used by another process", address.port, address.host);
    }
    return fail_errno(errno, fmt::format("bind {} port {}", address.host, address.port));
  }
  if (::listen(listener.fd(), backlog) != 0) return fail_errno(errno, fmt::format("listen on {}", address.host));
  length = sizeof(storage);
  if (::getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    return fail_errno(errno, "getsockname");
  }
  listener.port_ = ntohs(storage.ss_family == AF_INET ? reinterpret_cast<sockaddr_in*>(&storage)->sin_port
                                                      : reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port);
  return listener;
}

}  // namespace polycube::api
