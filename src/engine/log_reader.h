// SPDX-License-Identifier: Apache-2.0
/// Writes what the fast path of one cube logs into the daemon's log.
/// Why: a fast path can log every packet; a log that is written to a disk cannot take that. What is too much is left out and
/// counted.
/// Invariants: at most `burst` lines at once and `rate` a second in the long run; what is missing is said, once a second at
/// most.
/// Threading: one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/log.h"
#include "base/token_bucket.h"
#include "engine/log_format.h"

namespace polycube::engine {

class LogReader {
 public:
  using Clock = TokenBucket::Clock;
  using Write =
      std::function<void(spdlog::level::level_enum, const std::string&, std::chrono::system_clock::time_point)>;

  static constexpr std::uint64_t burst = 1000;  ///< lines
  static constexpr std::uint64_t rate = 100;    ///< lines a second

  /// `lost`: how many lines the fast path could not put into its ring, ever.
  LogReader(std::string cube, std::function<std::uint64_t()> lost, Write write);
  ~LogReader();
  LogReader(const LogReader&) = delete;
  LogReader& operator=(const LogReader&) = delete;

  void read(std::span<const std::byte> record, Clock::time_point now);
  /// Says what is missing. Returns whether there is something that can only be said later.
  [[nodiscard]] bool report(Clock::time_point now);

 private:
  void say_missing();

  std::string cube_;
  std::function<std::uint64_t()> lost_;
  Write write_;
  std::uint64_t known_lost_;
  std::uint64_t suppressed_ = 0;  ///< since the last report
  TokenBucket tokens_{burst, rate};
  Clock::time_point reported_;
};

}  // namespace polycube::engine
