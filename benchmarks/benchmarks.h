// SPDX-License-Identifier: Apache-2.0
/// The groups of rows of the table; each adds its section to the report.
/// Errors: what keeps a group from being measured at all.
/// Threading: one after the other, in the laboratory.
#pragma once

#include "report.h"

namespace polycube::bench {

struct Effort {
  unsigned rounds;         ///< of interleaved comparisons
  std::uint32_t test_run;  ///< packets of one test-run
  std::uint32_t live;      ///< frames of one live-frames measurement
  unsigned changes;        ///< configuration changes whose latency is measured
  unsigned rewirings;
  unsigned kills;
  unsigned repetitions;  ///< of what must leave nothing behind
  unsigned cubes;
  unsigned chains;   ///< of many cubes, each applied and taken back
  unsigned entries;  ///< of a list written in one request
};
inline constexpr Effort full_effort = {15, 1'000'000, 400'000, 200, 1000, 200, 100, 1000, 9, 10'000};
inline constexpr Effort quick_effort = {min_rounds, 100'000, 80'000, 20, 50, 8, 10, 50, 3, 10'000};

/// simpleforwarder against hand-written programs.
[[nodiscard]] Result<> forwarder(Report& report, const Effort& effort);
/// The cost of each further cube.
[[nodiscard]] Result<> chain(Report& report, const Effort& effort);
/// From a configuration change to its effect, and what is lost meanwhile.
[[nodiscard]] Result<> change(Report& report, const Effort& effort);
/// Packets lost, and what is left in the kernel, while the daemon is killed, restarted and upgraded, rewires and takes
/// changes back.
[[nodiscard]] Result<> continuity(Report& report, const Effort& effort);
/// What a daemon that lives on has more of.
[[nodiscard]] Result<> endurance(Report& report, const Effort& effort);
/// Packets that are compared with thousands of rules.
[[nodiscard]] Result<> rules(Report& report, const Effort& effort);
/// Many cubes, long lists.
[[nodiscard]] Result<> scale(Report& report, const Effort& effort);
/// From a fast path to the control plane and back out.
[[nodiscard]] Result<> slow_path(Report& report, const Effort& effort);
/// The cube router against the kernel's forwarding.
[[nodiscard]] Result<> router(Report& report, const Effort& effort);
/// The cube bridge against the kernel's bridge.
[[nodiscard]] Result<> bridge(Report& report, const Effort& effort);
/// What following packets costs, and that it costs nothing while nobody does.
[[nodiscard]] Result<> tracing(Report& report, const Effort& effort);
/// Lines of code.
[[nodiscard]] Result<> lines(Report& report, const Effort& effort);

}  // namespace polycube::bench
