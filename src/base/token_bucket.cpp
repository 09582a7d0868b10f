// SPDX-License-Identifier: Apache-2.0
#include "base/token_bucket.h"

#include <algorithm>

namespace polycube {

bool TokenBucket::take(Clock::time_point now) {
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

}  // namespace polycube
