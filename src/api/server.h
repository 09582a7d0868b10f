// SPDX-License-Identifier: Apache-2.0
/// The HTTP server of the daemon.
/// Why: one thread for each connection keeps the handling simple and lets a slow client wait alone. What bounds the
/// threads is the number of connections: when it is reached, the connection that has waited longest for its client
/// makes room, so that whoever sends complete requests is always served.
/// Invariants: after stop() no thread runs and the socket's file is gone; a request that the controller has begun is
/// finished. The same handler serves both listeners.
/// Threading: start() and stop() from one thread; the handler is called from many.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <thread>

#include "api/activity.h"
#include "api/exchange.h"
#include "api/listener.h"
#include "base/result.h"

namespace polycube::api {

struct ServerOptions {
  std::filesystem::path socket;   ///< of the Unix socket
  std::optional<TcpAddress> tcp;  ///< loopback address for a second listener
  Limits limits;
  Activity* activity = nullptr;  ///< counts connections; outlives the server
};

class Server {
 public:
  Server(RequestHandler handler, ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Serves from its return on. Errors: those of UnixListener and TcpListener; then nothing was started.
  [[nodiscard]] Result<> start();

  /// Returns when what the controller has begun is finished and answered, which a client can delay by a second.
  void stop();

  /// Port of the TCP listener, 0 without one.
  [[nodiscard]] std::uint16_t port() const { return tcp_ ? tcp_->port() : 0; }

 private:
  struct Session {
    Session(Fd fd, const Limits& limits, bool over_tcp) : connection(std::move(fd), limits), tcp(over_tcp) {}
    Connection connection;
    bool tcp;
    bool evicted = false;            ///< it has made room
    std::atomic<bool> done = false;  ///< the thread is about to end
    std::thread thread;
  };

  void run();
  void accept_all(int listener, bool tcp);
  void admit(Fd fd, bool tcp);
  bool make_room();
  void reap();
  void drain_sessions();
  void wake() const;

  const ServerOptions options_;
  Exchange exchange_;
  std::optional<UnixListener> unix_;
  std::optional<TcpListener> tcp_;
  Fd wakeup_;  ///< eventfd: a session has ended, or stop()
  std::atomic<bool> stopping_ = false;
  std::list<Session> sessions_;  ///< used by the accepting thread only
  std::thread thread_;
};

}  // namespace polycube::api
