// SPDX-License-Identifier: Apache-2.0
/// Listening sockets of the API: a Unix socket, and TCP.
/// Why: who may connect to the Unix socket is decided by its permissions; over TCP it takes TLS (api/tls.h).
/// Invariants: the socket's file appears with its final permissions; one that a running daemon serves is never taken
/// over, one that a dead daemon left is replaced. The file is removed with its owner, unless someone else replaced it.
/// Threading: one owner.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace polycube::api {

struct TcpAddress {
  std::string host;        ///< numeric, without brackets
  std::uint16_t port = 0;  ///< 0: any free one
};

/// "127.0.0.1:9000", "[::1]:9000" or "localhost:9000" (which is 127.0.0.1). Errors: invalid_value when it is no IP
/// address and port.
[[nodiscard]] Result<TcpAddress> parse_tcp_address(std::string_view text);

class UnixListener {
 public:
  /// Creates the socket's folder if need be (but not the one that it is in) and removes at the end what it created.
  /// The socket is for its owner and the members of `group`, if there is such a group; otherwise for its owner only.
  /// Errors: in_use, invalid_value, system.
  [[nodiscard]] static Result<UnixListener> listen(const std::filesystem::path& path, const std::string& group);

  UnixListener() = default;
  UnixListener(UnixListener&& other) noexcept;
  UnixListener& operator=(UnixListener&& other) noexcept;
  ~UnixListener();

  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  Fd fd_;
  std::filesystem::path path_;
  std::filesystem::path folder_;  ///< created by us, or empty
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

class TcpListener {
 public:
  /// Errors: invalid_value, in_use, system.
  [[nodiscard]] static Result<TcpListener> listen(const TcpAddress& address);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  Fd fd_;
  std::uint16_t port_ = 0;
};

}  // namespace polycube::api
