// SPDX-License-Identifier: Apache-2.0
#include "remote/server.h"

#include <grpc/support/log.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

namespace polycube::remote {

namespace {

// gRPC's own log goes where ours does; what it calls an error is often a client that went away.
void redirect_log() {
  gpr_set_log_function([](gpr_log_func_args* line) { log::debug("gRPC: {}", line->message); });
}

// A peer that stands still, or a machine that is gone, is noticed although nobody calls.
void add_keepalive(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 2000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 3000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
}

}  // namespace

Server::~Server() {
  acceptor_ = std::jthread();
  if (server_ == nullptr) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& session : sessions_) session->stop("the daemon stops");
  }
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  server_->Wait();
}

Result<> Server::start(const ServerOptions& options) {
  redirect_log();
  patience_ = options.patience;
  grpc::ServerBuilder builder;
  builder.RegisterService(this);
  builder.SetMaxReceiveMessageSize(max_message);
  builder.SetMaxSendMessageSize(max_message);
  add_keepalive(builder);
  if (!options.address.empty()) {
    PCN_ASSIGN(const TlsTexts tls, read_tls(options.tls));
    grpc::SslServerCredentialsOptions credentials(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    credentials.pem_root_certs = tls.ca;
    credentials.pem_key_cert_pairs.push_back({tls.key, tls.certificate});
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort(options.address, grpc::SslServerCredentials(credentials), &port_);
  }
  if (!options.socket.empty()) {
    PCN_ASSIGN(unix_, api::UnixListener::listen(options.socket, ""));
  }
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || (!options.address.empty() && port_ == 0))
    return fail(ErrorCode::in_use,
                "cannot serve services on {}: the address is used by another process or not of this machine, or the "
                "certificate, key and CA do not fit",
                options.address);
  if (unix_) acceptor_ = std::jthread([this](const std::stop_token& stop) { accept(stop); });
  return {};
}

void Server::accept(const std::stop_token& stop) {
  constexpr std::chrono::milliseconds pause{100};
  const std::stop_callback wake(stop, [this] { ::shutdown(unix_->fd(), SHUT_RDWR); });  // which ends poll()
  while (!stop.stop_requested()) {
    pollfd entry{unix_->fd(), POLLIN, 0};
    if (::poll(&entry, 1, -1) <= 0 || stop.stop_requested()) continue;
    Fd fd(::accept4(unix_->fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      admit(std::move(fd));
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
      log::warn("a service has to wait: {}", fail_errno(errno, "accept").value().message);
      std::this_thread::sleep_for(pause);  // it stays in the backlog
    }
  }
}

void Server::admit(Fd fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
      (peer.uid != 0 && peer.uid != ::geteuid())) {  // the daemon itself is root
    log::warn("a process of user {} is not let in as a service: it must belong to root", peer.uid);
    return;
  }
  grpc::AddInsecureChannelFromFd(server_.get(), fd.release());
}

grpc::Status Server::Attach(grpc::ServerContext* context, Session::Stream* stream) {
  std::shared_ptr<Session> session;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return {grpc::StatusCode::UNAVAILABLE, "the daemon stops"};
    if (sessions_.size() >= max_sessions) {
      log::warn("a service is refused: {} are connected", sessions_.size());
      return {grpc::StatusCode::RESOURCE_EXHAUSTED, fmt::format("{} services are connected", sessions_.size())};
    }
    session = sessions_.emplace_back(std::make_shared<Session>(registry_, *context, patience_));
  }
  session->run(*stream);
  const std::lock_guard lock(mutex_);
  sessions_.remove(session);
  return grpc::Status::OK;
}

}  // namespace polycube::remote
