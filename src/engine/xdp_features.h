// SPDX-License-Identifier: Apache-2.0
/// What a network device can do with XDP, as its driver says.
/// Why: a device that cannot be sent to drops every packet that native XDP redirects there, without a trace.
/// Threading: safe from every thread; answers for the network namespace of the caller.
/// Source: Documentation/netlink/specs/netdev.yaml (Linux 6.3), family "netdev", command dev-get.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace polycube::engine {

/// The device takes frames that native XDP redirects to it. A veth has it only while its other end has GRO on or an XDP
/// program of its own.
inline constexpr std::uint64_t xdp_feature_ndo_xmit = 1U << 2;

/// The flags of this device. Errors: unsupported_feature (the kernel is older), system.
[[nodiscard]] Result<std::uint64_t> xdp_features(int device);

}  // namespace polycube::engine
