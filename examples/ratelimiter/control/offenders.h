// SPDX-License-Identifier: Apache-2.0
// Who exceeds its rate, from counters that are read once a second. Knows nothing of tables or timers, so that it can be
// tested without them.
#pragma once

#include <cstdint>
#include <map>

namespace ratelimiter {

struct Offender {
  std::uint64_t dropped = 0;       // packets, ever
  std::uint64_t dropped_rate = 0;  // packets in the last second
  unsigned quiet = 0;              // seconds without a drop
};

class Offenders {
 public:
  static constexpr unsigned forgotten_after = 60;  // quiet seconds

  using Counters = std::map<std::uint32_t, std::uint64_t>;  // dropped packets by address in network byte order

  // Takes a second's counters. What is not among them any more is forgotten.
  void update(const Counters& counters);

  [[nodiscard]] const std::map<std::uint32_t, Offender>& all() const { return all_; }

 private:
  std::map<std::uint32_t, Offender> all_;
};

}  // namespace ratelimiter
