// SPDX-License-Identifier: Apache-2.0
/// The control plane of services that only want to see packets (pcn:logs-packets): it writes a line into the log for each.
/// Invariants: at most 1,000 lines at once and 100 a second in the long run; what is missing is counted and said.
/// Threading: as every control plane.
#pragma once

#include <polycube/control.h>

namespace polycube::service {

[[nodiscard]] const control::Service& packet_log();

}  // namespace polycube::service
