// SPDX-License-Identifier: Apache-2.0
#include "control/offenders.h"

#include <utility>

namespace ratelimiter {

void Offenders::update(const Counters& counters) {
  std::map<std::uint32_t, Offender> previous = std::exchange(all_, {});
  for (const auto& [address, dropped] : counters) {
    Offender& offender = all_[address] = previous[address];
    // A counter that the table forgot and began anew is smaller.
    offender.dropped_rate = dropped >= offender.dropped ? dropped - offender.dropped : dropped;
    offender.dropped = dropped;
    offender.quiet = offender.dropped_rate == 0 ? offender.quiet + 1 : 0;
  }
}

}  // namespace ratelimiter
