// SPDX-License-Identifier: Apache-2.0
/// The HTTP server of the daemon.
/// Why: one thread for each connection keeps the handling simple and lets a slow client wait alone. What bounds the
/// threads is the number of connections: when it is reached, the connection that has waited longest for its client
/// makes room, and before all others one whose client has not said yet who they are: strangers drive nobody out, and
/// whoever sends complete requests is always served. A handshake of TLS is part of what is bounded.
/// Invariants: after stop() no thread runs and the socket's file is gone; a request that the controller has begun is
/// finished. The same handler serves both listeners.
/// Threading: start() and stop() from one thread; the handler is called from many.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "api/activity.h"
#include "api/exchange.h"
#include "api/listener.h"
#include "base/result.h"
#include "base/token_bucket.h"

namespace polycube::api {

struct ServerOptions {
  std::filesystem::path socket;   ///< of the Unix socket
  std::string group = {};         ///< whose members may use it; empty or unknown: nobody but root
  std::optional<TcpAddress> tcp;  ///< for a second listener, with TLS
  TlsFiles tls;                   ///< for it
  Limits limits;
  Activity* activity = nullptr;  ///< counts connections; outlives the server
  RefusalHandler refused = {};   ///< called from many threads
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

  /// Reads the files of TLS again, for the connections from now on. Errors: as start(); then those before stay in use.
  [[nodiscard]] Result<> reload_tls();

  /// Port of the TCP listener, 0 without one.
  [[nodiscard]] std::uint16_t port() const { return tcp_ ? tcp_->port() : 0; }

 private:
  struct Session {
    Session(Fd fd, const Limits& limits, bool tls) : connection(std::move(fd), limits, tls) {}
    Connection connection;
    bool evicted = false;            ///< it has made room
    std::atomic<bool> done = false;  ///< the thread is about to end
    std::thread thread;
  };

  void run();
  void accept_all(int listener, bool tcp);
  void admit(Fd fd, bool tcp);
  void serve(Connection& connection, const std::shared_ptr<const TlsContext>& tls);
  void report_refusal(const std::string& address, const std::string& reason);
  bool make_room();
  void reap();
  void drain_sessions();
  void wake() const;

  const ServerOptions options_;
  Exchange exchange_;
  std::optional<UnixListener> unix_;
  std::optional<TcpListener> tcp_;
  std::atomic<std::shared_ptr<const TlsContext>> tls_;
  std::mutex refusals_mutex_;
  TokenBucket refusals_{20, 1};  ///< lines about clients that TLS refuses
  std::uint64_t unsaid_refusals_ = 0;
  Fd wakeup_;  ///< eventfd: a session has ended, or stop()
  std::atomic<bool> stopping_ = false;
  std::list<Session> sessions_;  ///< used by the accepting thread only
  std::thread thread_;
};

}  // namespace polycube::api
