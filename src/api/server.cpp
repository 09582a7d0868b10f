// SPDX-License-Identifier: Apache-2.0
#include "api/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "base/log.h"

namespace polycube::api {

namespace {

using namespace std::chrono_literals;

/// How long replies under way may take once the server stops.
constexpr auto stop_grace = 1s;

/// Sessions that were evicted but whose threads have not ended yet.
constexpr std::size_t ending_sessions = 64;

constexpr std::string_view unavailable =
    "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";

void refuse_connection(const Fd& fd) {
  [[maybe_unused]] const auto sent =
      ::send(fd.get(), unavailable.data(), unavailable.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool is_root(const Fd& unix_socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  return ::getsockopt(unix_socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0;
}

}  // namespace

Server::Server(RequestHandler handler, ServerOptions options)
    : options_(std::move(options)), exchange_(std::move(handler), options_.limits, options_.refused) {}

Server::~Server() { stop(); }

Result<> Server::start() {
  PCN_ASSIGN(auto unix_listener, UnixListener::listen(options_.socket, options_.group));
  std::optional<TcpListener> tcp_listener;
  if (options_.tcp) {
    PCN_TRY(reload_tls());
    PCN_ASSIGN(tcp_listener, TcpListener::listen(*options_.tcp));
  }
  wakeup_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wakeup_) return fail_errno(errno, "eventfd");
  unix_.emplace(std::move(unix_listener));
  tcp_ = std::move(tcp_listener);
  stopping_ = false;
  thread_ = std::thread([this] { run(); });
  return {};
}

void Server::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  wake();
  thread_.join();
  unix_.reset();
  tcp_.reset();
}

Result<> Server::reload_tls() {
  if (!options_.tcp) return {};
  PCN_ASSIGN(auto context, TlsContext::load(options_.tls));
  tls_ = std::move(context);
  return {};
}

void Server::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wakeup_.get(), &one, sizeof(one));
}

void Server::run() {
  while (!stopping_) {
    std::array<pollfd, 3> entries = {{{wakeup_.get(), POLLIN, 0}, {unix_->fd(), POLLIN, 0}, {-1, POLLIN, 0}}};
    if (tcp_) entries[2].fd = tcp_->fd();  // poll() ignores an entry with -1
    if (::poll(entries.data(), entries.size(), -1) < 0) continue;
    if (entries[0].revents != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto got = ::read(wakeup_.get(), &count, sizeof(count));
    }
    reap();
    if (stopping_) break;
    if (entries[1].revents != 0) accept_all(unix_->fd(), false);
    if (entries[2].revents != 0) accept_all(tcp_->fd(), true);
  }
  drain_sessions();
}

void Server::accept_all(int listener, bool tcp) {
  // A bound, so that a flood on one listener does not starve the other.
  for (int i = 0; i < 64 && !stopping_; ++i) {
    Fd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      admit(std::move(fd), tcp);
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      log::warn("a client has to wait: {}", fail_errno(errno, "accept").value().message);
      make_room();
      std::this_thread::sleep_for(10ms);  // the connection stays in the backlog; without the pause this would spin
      reap();
    }
    if (errno != EINTR && errno != ECONNABORTED) return;
  }
}

void Server::admit(Fd fd, bool tcp) {
  reap();
  std::size_t serving = 0;
  for (const auto& session : sessions_) serving += session.evicted ? 0 : 1;
  // Who is to see what goes on here, and end it, gets in although all the others are being handled.
  const std::size_t most = options_.limits.connections + (!tcp && is_root(fd) ? options_.limits.for_root : 0);
  if (sessions_.size() >= most + ending_sessions ||
      (serving >= options_.limits.connections && !make_room() && serving >= most)) {
    log::warn("a client is refused: {} connections are served", sessions_.size());
    refuse_connection(fd);
    return;
  }
  if (tcp) {
    const int yes = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  }
  auto& session = sessions_.emplace_back(std::move(fd), options_.limits, tcp);
  try {
    session.thread = std::thread([this, &session, tls = tcp ? tls_.load() : nullptr] {
      if (options_.activity != nullptr) options_.activity->connected();
      serve(session.connection, tls);
      if (options_.activity != nullptr) options_.activity->disconnected();
      session.connection.interrupt();  // the client sees the end now, not when the descriptor is closed
      session.done = true;
      wake();
    });
  } catch (const std::system_error& error) {
    log::warn("a client is refused: {}", error.what());
    sessions_.pop_back();
  }
}

/// `tls`: null for the Unix socket.
void Server::serve(Connection& connection, const std::shared_ptr<const TlsContext>& tls) {
  if (tls == nullptr) {
    if (auto known = connection.ask_kernel(); !known) {
      report_refusal("the Unix socket", "it is not clear what they may do: " + known.error().message);
      (void)connection.write(unavailable.data(), unavailable.size());
      return;
    }
  } else if (auto begun = connection.begin_tls(tls); !begun) {
    if (!stopping_) report_refusal(connection.client().address, begun.error().message);
    return;
  }
  exchange_.serve(connection, stopping_);
  connection.end();
}

void Server::report_refusal(const std::string& address, const std::string& reason) {
  const std::lock_guard lock(refusals_mutex_);
  if (!refusals_.take(TokenBucket::Clock::now())) {
    ++unsaid_refusals_;
    return;
  }
  if (unsaid_refusals_ > 0) log::warn("{} more clients were refused", std::exchange(unsaid_refusals_, 0));
  log::warn("the client at {} is refused: {}", address, loggable(reason));
}

/// Ends the connection that has waited longest for its client; one whose client nobody knows yet goes before all others,
/// so that strangers drive nobody out. False: all are being handled.
bool Server::make_room() {
  const auto rank = [](const Session& session) {
    return std::pair(session.connection.phase() != Connection::Phase::handshake, session.connection.since());
  };
  Session* longest = nullptr;
  for (auto& session : sessions_) {
    const auto phase = session.connection.phase();
    // Streams wait for events, not for their clients, and are few.
    if (session.evicted || session.done || phase == Connection::Phase::handling ||
        phase == Connection::Phase::streaming)
      continue;
    if (longest == nullptr || rank(session) < rank(*longest)) longest = &session;
  }
  if (longest == nullptr) return false;
  longest->evicted = true;
  longest->connection.interrupt();
  return true;
}

void Server::reap() {
  for (auto session = sessions_.begin(); session != sessions_.end();) {
    if (!session->done) {
      ++session;
      continue;
    }
    session->thread.join();
    session = sessions_.erase(session);
  }
}

/// Ends all sessions: those that wait for a request at once, those that reply after a grace, those that are handled
/// when they are.
void Server::drain_sessions() {
  using Phase = Connection::Phase;
  const auto give_up = Connection::Clock::now() + stop_grace;
  for (auto& session : sessions_) session.connection.hurry();
  while (!sessions_.empty()) {
    const bool late = Connection::Clock::now() >= give_up;
    for (auto& session : sessions_) {
      const auto phase = session.connection.phase();
      if (phase == Phase::handling || (phase == Phase::replying && !late)) continue;
      session.connection.interrupt();
    }
    pollfd entry{wakeup_.get(), POLLIN, 0};
    if (::poll(&entry, 1, 50) > 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto got = ::read(wakeup_.get(), &count, sizeof(count));
    }
    reap();
  }
}

}  // namespace polycube::api
