// SPDX-License-Identifier: Apache-2.0
#include "service/line_limit.h"

#include <fmt/format.h>

#include <utility>

namespace polycube::service {

bool LineLimit::take(TokenBucket::Clock::time_point now) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->tokens.take(now)) return true;
    if (state_->missing++ > 0) return false;
  }
  later_([state = state_] { state->say_missing(); });
  return false;
}

void LineLimit::State::say_missing() {
  std::uint64_t count = 0;
  {
    const std::lock_guard lock(mutex);
    count = std::exchange(missing, 0);
  }
  if (count == 0) return;
  write(fmt::format("the control plane logs too much, {} lines are missing: more than {} a second are not written",
                    count, rate));
}

}  // namespace polycube::service
