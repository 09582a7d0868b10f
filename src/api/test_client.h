// SPDX-License-Identifier: Apache-2.0
/// A client for tests that says exactly the bytes it is told to, at the pace it is told to.
/// Threading: one thread.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "base/fd.h"

namespace polycube::api {

class TestClient {
 public:
  static TestClient to_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    return TestClient(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }

  static TestClient to_tcp(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return TestClient(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] int fd() const { return fd_.get(); }

  /// False when the server does not take the bytes, within a second or at all.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(count));
        continue;
      }
      pollfd entry{fd_.get(), POLLOUT, 0};
      if (errno != EAGAIN || ::poll(&entry, 1, 1000) <= 0) return false;
    }
    return true;
  }

  /// One whole reply (of known length), or what came until the server closed or the time was over.
  std::string receive(std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::string reply = std::exchange(rest_, "");
    for (;;) {
      if (const auto size = reply_size(reply); size != 0 && reply.size() >= size) {
        rest_ = reply.substr(size);
        return reply.substr(0, size);
      }
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd entry{fd_.get(), POLLIN, 0};
      if (left.count() <= 0 || ::poll(&entry, 1, static_cast<int>(left.count())) <= 0) return reply;
      char buffer[65536];
      const auto count = ::recv(fd_.get(), buffer, sizeof(buffer), 0);
      if (count <= 0) {
        closed_ = true;
        return reply;
      }
      reply.append(buffer, static_cast<std::size_t>(count));
    }
  }

  std::string ask(std::string_view request) {
    send(request);
    return receive();
  }

  /// Waits until the server has closed the connection.
  bool closes(std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    receive(patience);
    return closed_;
  }

 private:
  TestClient(int family, const sockaddr* address, socklen_t length)
      : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)), connected_(::connect(fd_.get(), address, length) == 0) {}

  /// Bytes of the first reply in `text`, 0 when its header is not complete.
  static std::size_t reply_size(const std::string& text) {
    const auto end = text.find("\r\n\r\n");
    if (end == std::string::npos) return 0;
    const auto length = text.find("Content-Length: ");
    return end + 4 + (length < end ? std::stoul(text.substr(length + 16)) : 0);
  }

  Fd fd_;
  bool connected_;
  bool closed_ = false;
  std::string rest_;
};

}  // namespace polycube::api
