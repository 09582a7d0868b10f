// SPDX-License-Identifier: Apache-2.0
/// The bytes of one client, with deadlines and bounds.
/// Why: httplib's own stream limits the wait for each byte, which a client that trickles bytes never exceeds. Here the
/// whole request and the whole reply have one deadline each, and what is read is counted.
/// Invariants: no call waits beyond the deadline of its phase; in the phase `handling` there is none, because the
/// controller is at work and a transaction is never cut short; in `streaming` the connection waits for events. `since()` is
/// when the phase began.
/// Threading: one thread reads and writes; any thread may ask for the phase and interrupt().
/// Source: RFC 9112; RFC 8446, 6.1.
#pragma once

#include <httplib.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>

#include "api/http.h"
#include "api/tls.h"
#include "base/fd.h"
#include "service/client.h"

namespace polycube::api {

/// Bounds of the transport. Times are for the whole of what they name, not for each byte.
struct Limits {
  std::size_t body = std::size_t{16} << 20;         ///< bytes of one request's body: over 100,000 list entries
  std::size_t header = std::size_t{64} << 10;       ///< bytes of request line and header section
  std::size_t all_bodies = std::size_t{256} << 20;  ///< bytes of the bodies that are held at one time
  std::size_t connections = 512;                    ///< further ones take the place of the longest waiting
  std::size_t for_root = 16;                        ///< beyond these, for root on this machine when nobody waits
  std::size_t requests_per_connection = 100'000;
  std::chrono::milliseconds receive_timeout{10'000};  ///< from connecting, or a request's first byte, to its last byte
  std::chrono::milliseconds idle_timeout{60'000};     ///< between two requests
  std::chrono::milliseconds reply_timeout{30'000};    ///< until the client has taken the reply
  std::chrono::milliseconds stream_pause{15'000};     ///< after which a stream without events says that it lives
  std::chrono::milliseconds linger_timeout{2'000};    ///< for a client to stop sending what was refused
};

class Connection final : public httplib::Stream {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Phase { handshake, idle, receiving, handling, replying, streaming, closing };

  /// `tls`: nothing is known of the client until begin_tls() has said who they are.
  Connection(Fd fd, const Limits& limits, bool tls);

  /// Finds out who is at the other end of a Unix socket. Errors: as client_of().
  [[nodiscard]] Result<> ask_kernel();
  /// Begins TLS, and finds out who is at the other end by their certificate. Until then nothing can be read or written.
  /// Errors: access_denied with the reason, for the log.
  [[nodiscard]] Result<> begin_tls(const std::shared_ptr<const TlsContext>& context);
  [[nodiscard]] const service::Client& client() const { return client_; }

  /// Begins a phase. `timeout` is counted from now; it is ignored for `handling`.
  void enter(Phase phase, std::chrono::milliseconds timeout = {});
  [[nodiscard]] Phase phase() const { return phase_.load(); }
  [[nodiscard]] Clock::time_point since() const { return Clock::time_point(Clock::duration(since_.load())); }

  /// Sends a body without an end until that ends, or the client goes, says something or does not take what is sent.
  void send(EndlessBody& stream);

  /// Waits for a byte of the client until the deadline. False: none came, or the client has gone.
  [[nodiscard]] bool wait_readable();
  /// More bytes than `count` are not read from here on.
  void allow(std::size_t count);
  [[nodiscard]] bool exhausted() const { return exhausted_; }
  [[nodiscard]] bool timed_out() const { return timed_out_; }
  /// A reply could not be sent whole: nobody could say what belongs to the next one.
  [[nodiscard]] bool broken() const { return broken_; }

  /// Reads and forgets until the client stops sending, at most until the deadline: a reply that was sent before the
  /// request was read to its end would be lost in a reset otherwise.
  void drain();
  /// Tells the other end that nothing follows, as far as that takes no waiting.
  void end();
  /// Makes every waiting call of the connection's thread return.
  void interrupt();
  /// From here on replies have to be taken within a second.
  void hurry() { hurried_ = true; }

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* data, std::size_t size) override;
  ssize_t write(const char* data, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return fd_.get(); }

 private:
  [[nodiscard]] bool wait(short events);
  [[nodiscard]] bool fill();
  /// What one try to read or write led to: so many bytes, or what to wait for; neither: the connection has ended.
  struct Step {
    std::size_t count = 0;
    short wait = 0;
  };
  [[nodiscard]] Step receive_some();
  [[nodiscard]] Step send_some(const char* data, std::size_t size);
  [[nodiscard]] Step tls_step(int returned);

  Fd fd_;
  const Limits& limits_;
  service::Client client_;
  std::optional<TlsSession> tls_;
  bool broken_ = false;
  bool tls_broken_ = false;  ///< nothing may be asked of it any more, not even to say good-bye
  std::atomic<Phase> phase_{Phase::idle};
  std::atomic<Clock::rep> since_;
  std::atomic<bool> interrupted_ = false;
  std::atomic<bool> hurried_ = false;
  Clock::time_point deadline_;
  std::size_t allowed_ = 0;
  bool exhausted_ = false;
  bool timed_out_ = false;
  std::array<char, 16384> buffer_;  ///< httplib reads headers byte by byte
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace polycube::api
