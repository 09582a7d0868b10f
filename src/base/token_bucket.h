// SPDX-License-Identifier: Apache-2.0
/// How often something may happen: `burst` times at once, and `rate` times a second in the long run.
/// Why: what each packet can cause, such as lines of the log, must have a limit that no traffic gets beyond. A
/// header alone, since control planes, which link none of the daemon's libraries, need it too.
/// Threading: one thread at a time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace polycube {

class TokenBucket {
 public:
  using Clock = std::chrono::steady_clock;

  TokenBucket(std::uint64_t burst, std::uint64_t rate) : burst_(burst), rate_(rate), tokens_(burst) {}

  /// Whether it may happen now.
  [[nodiscard]] bool take(Clock::time_point now) {
    const std::chrono::nanoseconds interval = std::chrono::nanoseconds(std::chrono::seconds(1)) / rate_;
    const auto earned = static_cast<std::uint64_t>(std::max((now - refilled_) / interval, Clock::rep{0}));
    if (tokens_ + earned >= burst_) {
      tokens_ = burst_;
      refilled_ = now;
    } else {
      tokens_ += earned;
      refilled_ += interval * earned;
    }
    if (tokens_ == 0) return false;
    tokens_--;
    return true;
  }

 private:
  std::uint64_t burst_;
  std::uint64_t rate_;
  std::uint64_t tokens_;
  Clock::time_point refilled_;
};

}  // namespace polycube
