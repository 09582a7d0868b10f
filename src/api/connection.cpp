// SPDX-License-Identifier: Apache-2.0
#include "api/connection.h"

#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace polycube::api {

namespace {

constexpr std::chrono::milliseconds hurried_timeout{1'000};

}  // namespace

namespace {

std::string user_of(int socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.pid == 0) return {};
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer;
  if (::getpwuid_r(peer.uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::to_string(peer.uid);
  return found->pw_name;
}

}  // namespace

Connection::Connection(Fd fd, const Limits& limits) : fd_(std::move(fd)), limits_(limits), user_(user_of(fd_.get())) {
  enter(Phase::idle, limits.receive_timeout);
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

bool Connection::fill() {
  for (;;) {
    const auto count = ::recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (count > 0) {
      begin_ = 0;
      end_ = static_cast<std::size_t>(count);
      // Data that keeps coming must not outrun the deadline, which wait() alone would check.
      if (Clock::now() < deadline_) return true;
      timed_out_ = true;
      return false;
    }
    if (count == 0) return false;
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return false;
    if (!wait(POLLIN)) return false;
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
    const auto count = ::send(fd_.get(), data + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
      continue;
    }
    if (errno == EINTR) continue;
    if ((errno != EAGAIN && errno != EWOULDBLOCK) || !wait(POLLOUT)) return -1;
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

void Connection::drain() {
  ::shutdown(fd_.get(), SHUT_WR);
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
