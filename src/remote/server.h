// SPDX-License-Identifier: Apache-2.0
/// Where services with a process of their own connect to the daemon: a Unix socket for root, and TCP with certificates on
/// both sides.
/// Why: who serves a cube decides what the data path does; there is no way in without proof of being allowed to.
/// Invariants: on the Unix socket only processes of root are let in, on TCP only those whose certificate the given CA
/// signed. At most max_sessions are served.
/// Threading: one owner.
#pragma once

#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "api/listener.h"
#include "control.grpc.pb.h"
#include "remote/session.h"
#include "remote/tls.h"

namespace polycube::remote {

struct ServerOptions {
  std::filesystem::path socket;  ///< empty: none
  std::string address;           ///< "ADDRESS:PORT" for TCP; empty: none
  TlsFiles tls;
  std::chrono::milliseconds patience = offer_deadline;  ///< with those who connect, until they offer a service
};

class Server final : private pb::Services::Service {
 public:
  static constexpr std::size_t max_sessions = 64;

  explicit Server(service::ServiceRegistry& registry) : registry_(registry) {}
  /// Ends all sessions.
  ~Server() override;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Serves from its return on. Errors: those of UnixListener; invalid_value for TCP without certificates; in_use.
  [[nodiscard]] Result<> start(const ServerOptions& options);
  /// Of the TCP listener; 0 without.
  [[nodiscard]] int port() const { return port_; }

 private:
  grpc::Status Attach(grpc::ServerContext* context, Session::Stream* stream) override;
  void accept(const std::stop_token& stop);
  void admit(Fd fd);

  service::ServiceRegistry& registry_;
  std::optional<api::UnixListener> unix_;
  int port_ = 0;
  std::chrono::milliseconds patience_ = offer_deadline;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;
  std::list<std::shared_ptr<Session>> sessions_;
  bool stopping_ = false;
  std::jthread acceptor_;
};

}  // namespace polycube::remote
