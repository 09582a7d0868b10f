// SPDX-License-Identifier: Apache-2.0
/// What the service manager hears of the daemon, and when it hears nothing any more.
/// Why: a unit is started when the daemon serves, not before; and a daemon that hangs is replaced by one that does not, which
/// costs no packet, because the data path stays.
/// Invariants: without a service manager (NOTIFY_SOCKET, WATCHDOG_USEC) nothing happens.
/// Threading: safe from every thread.
/// Source: sd_notify(3), sd_watchdog_enabled(3).
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace polycube::daemon {

/// One line for whoever asks how the service is.
void notify_status(const std::string& status);
void notify_ready(const std::string& status);
void notify_stopping(const std::string& status);

/// As long as it lives, the service manager is told that the daemon works, after each round of checks. What does not answer is
/// named in the log, because the service manager only sees that nothing comes.
class Watchdog {
 public:
  struct Check {
    std::string what;            ///< "the slow path's thread"
    std::function<void()> wait;  ///< returns when that has answered, and not at all while it hangs
  };
  explicit Watchdog(std::vector<Check> checks);
  ~Watchdog() = default;
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  void run(const std::stop_token& stop);
  [[nodiscard]] bool carry_out(const Check& check);
  void observe(const std::stop_token& stop);
  void pause(std::unique_lock<std::mutex>& lock, const std::stop_token& stop, Clock::duration time);

  std::vector<Check> checks_;
  Clock::duration limit_{};  ///< how long the service manager waits
  std::mutex mutex_;         ///< guards the rest
  std::condition_variable_any never_;
  const Check* current_ = nullptr;  ///< that is being carried out
  Clock::time_point since_;
  bool late_ = false;  ///< has been logged
  std::jthread runner_;
  std::jthread observer_;
};

}  // namespace polycube::daemon
