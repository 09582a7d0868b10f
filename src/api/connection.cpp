// SPDX-License-Identifier: Apache-2.0
#include "api/connection.h"

#include <netdb.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "api/peer.h"

namespace polycube::api {

namespace {

constexpr std::chrono::milliseconds hurried_timeout{1'000};

std::string address_text(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  std::array<char, NI_MAXHOST> host;
  std::array<char, NI_MAXSERV> port;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (::getpeername(socket, address, &size) != 0 || ::getnameinfo(address, size, host.data(), host.size(), port.data(),
                                                                  port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return "an unknown address";
  if (storage.ss_family == AF_INET6) return fmt::format("[{}]:{}", host.data(), port.data());
  return fmt::format("{}:{}", host.data(), port.data());
}

}  // namespace

Connection::Connection(Fd fd, const Limits& limits, bool tls) : fd_(std::move(fd)), limits_(limits) {
  enter(tls ? Phase::handshake : Phase::idle, limits.receive_timeout);
}

Result<> Connection::ask_kernel() {
  PCN_ASSIGN(client_, client_of(fd_.get()));
  return {};
}

Result<> Connection::begin_tls(const std::shared_ptr<const TlsContext>& context) {
  client_.address = address_text(fd_.get());
  tls_.emplace(context, fd_.get());
  if (tls_->get() == nullptr) return fail(ErrorCode::access_denied, "out of memory");
  for (;;) {
    ERR_clear_error();
    const int returned = SSL_accept(tls_->get());
    if (returned == 1) break;
    const Step step = tls_step(returned);
    if (step.wait == 0) return fail(ErrorCode::access_denied, "{}", tls_->handshake_failure());
    if (!wait(step.wait))
      return fail(ErrorCode::access_denied, "{}",
                  timed_out_ ? "the handshake took too long" : "it had to make room, or the daemon stops");
  }
  PCN_ASSIGN(client_.user, tls_->user());
  phase_ = Phase::idle;  // the deadline stays: it bounds the handshake and the first request together
  return {};
}

void Connection::enter(Phase phase, std::chrono::milliseconds timeout) {
  const auto now = Clock::now();
  phase_ = phase;
  since_ = now.time_since_epoch().count();
  deadline_ = phase == Phase::handling ? Clock::time_point::max() : now + timeout;
  timed_out_ = false;
}

void Connection::allow(std::size_t count) {
  allowed_ = count;
  exhausted_ = false;
}

void Connection::interrupt() {
  interrupted_ = true;
  ::shutdown(fd_.get(), SHUT_RDWR);
}

bool Connection::wait(short events) {
  while (!interrupted_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
    if (left <= 0) break;
    pollfd entry{fd_.get(), events, 0};
    const int count = ::poll(&entry, 1, static_cast<int>(std::min<decltype(left)>(left, 60'000)));
    if (count > 0) return !interrupted_;
    if (count < 0 && errno != EINTR) return false;
  }
  timed_out_ = !interrupted_;
  return false;
}

/// Of a call of OpenSSL that returned what it had not finished.
Connection::Step Connection::tls_step(int returned) {
  switch (SSL_get_error(tls_->get(), returned)) {
    case SSL_ERROR_WANT_READ: return {0, POLLIN};
    case SSL_ERROR_WANT_WRITE: return {0, POLLOUT};
    case SSL_ERROR_ZERO_RETURN: return {};  // the client has nothing more to say, but may listen
    default: tls_broken_ = true; return {};
  }
}

Connection::Step Connection::receive_some() {
  if (tls_) {
    if (tls_broken_) return {};
    ERR_clear_error();
    const int count = SSL_read(tls_->get(), buffer_.data(), static_cast<int>(buffer_.size()));
    return count > 0 ? Step{static_cast<std::size_t>(count)} : tls_step(count);
  }
  ssize_t count = 0;
  do {
    count = ::recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  if (count > 0) return {static_cast<std::size_t>(count)};
  return {0, static_cast<short>(count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? POLLIN : 0)};
}

Connection::Step Connection::send_some(const char* data, std::size_t size) {
  if (tls_) {
    if (tls_broken_) return {};
    ERR_clear_error();
    const int count = SSL_write(tls_->get(), data, static_cast<int>(std::min<std::size_t>(size, 1U << 30)));
    return count > 0 ? Step{static_cast<std::size_t>(count)} : tls_step(count);
  }
  ssize_t count = 0;
  do {
    count = ::send(fd_.get(), data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  if (count > 0) return {static_cast<std::size_t>(count)};
  return {0, static_cast<short>(count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? POLLOUT : 0)};
}

bool Connection::fill() {
  for (;;) {
    const Step step = receive_some();
    if (step.count > 0) {
      begin_ = 0;
      end_ = step.count;
      // Data that keeps coming must not outrun the deadline, which wait() alone would check.
      if (Clock::now() < deadline_) return true;
      timed_out_ = true;
      return false;
    }
    if (step.wait == 0 || !wait(step.wait)) return false;
  }
}

bool Connection::wait_readable() { return begin_ < end_ || fill(); }

ssize_t Connection::read(char* data, std::size_t size) {
  if (size == 0) return 0;
  if (allowed_ == 0) {
    exhausted_ = true;
    return -1;
  }
  if (!wait_readable()) return -1;
  const auto count = std::min({size, end_ - begin_, allowed_});
  std::memcpy(data, buffer_.data() + begin_, count);
  begin_ += count;
  allowed_ -= count;
  return static_cast<ssize_t>(count);
}

ssize_t Connection::write(const char* data, std::size_t size) {
  if (phase_ == Phase::handling) enter(Phase::replying, hurried_ ? hurried_timeout : limits_.reply_timeout);
  std::size_t sent = 0;
  while (sent < size) {
    const Step step = send_some(data + sent, size - sent);
    sent += step.count;
    if (step.count == 0 && (step.wait == 0 || !wait(step.wait))) {
      broken_ = true;
      return -1;
    }
  }
  return static_cast<ssize_t>(size);
}

void Connection::send(EndlessBody& stream) {
  for (;;) {
    auto text = stream.next();
    if (!text) return;
    if (text->empty()) {
      enter(Phase::streaming);
      std::array<pollfd, 2> entries = {{{fd_.get(), POLLIN | POLLRDHUP, 0}, {stream.fd(), POLLIN, 0}}};
      const int count = ::poll(entries.data(), entries.size(), static_cast<int>(limits_.stream_pause.count()));
      if (interrupted_ || entries[0].revents != 0 || (count < 0 && errno != EINTR)) return;
      if (count != 0) continue;
      text = ": still here\n\n";
    }
    enter(Phase::replying, hurried_ ? hurried_timeout : limits_.reply_timeout);
    if (write(text->data(), text->size()) < 0) return;
  }
}

void Connection::end() {
  if (tls_ && tls_->get() != nullptr && !tls_broken_ && SSL_is_init_finished(tls_->get())) {
    ERR_clear_error();
    SSL_shutdown(tls_->get());
  }
  ::shutdown(fd_.get(), SHUT_WR);
}

void Connection::drain() {
  end();
  while (fill()) {
  }
  begin_ = end_ = 0;
}

void Connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

void Connection::get_local_ip_and_port(std::string& ip, int& port) const { get_remote_ip_and_port(ip, port); }

}  // namespace polycube::api
