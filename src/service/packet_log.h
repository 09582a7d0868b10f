// SPDX-License-Identifier: Apache-2.0
/// The control plane of services that only want to see packets (pcn:logs-packets): it writes a line into the log for each.
/// Threading: as every control plane.
#pragma once

#include <polycube/control.h>

namespace polycube::service {

[[nodiscard]] const control::Service& packet_log();

}  // namespace polycube::service
