// SPDX-License-Identifier: Apache-2.0
/// How often something may happen: `burst` times at once, and `rate` times a second in the long run.
/// Why: what each packet can cause, such as lines of the log, must have a limit that no traffic gets beyond.
/// Threading: one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>

namespace polycube {

class TokenBucket {
 public:
  using Clock = std::chrono::steady_clock;

  TokenBucket(std::uint64_t burst, std::uint64_t rate) : burst_(burst), rate_(rate), tokens_(burst) {}

  /// Whether it may happen now.
  [[nodiscard]] bool take(Clock::time_point now);

 private:
  std::uint64_t burst_;
  std::uint64_t rate_;
  std::uint64_t tokens_;
  Clock::time_point refilled_;
};

}  // namespace polycube
