// SPDX-License-Identifier: Apache-2.0
/// MAC addresses for cubes and ports that nobody gave one. @file
/// Why: a random one is another one when the daemon or the control plane's process begins anew, and neighbours go on
/// sending to the one before.
/// Invariants: the same cube and text have the same address as long as the cube lives; it is unicast and locally
/// administered.
/// Threading: a pure function.
/// Source: IEEE Std 802-2014, 8.4; the FNV-1a hash of 64 bits.
#pragma once

#include <polycube/control.h>

namespace polycube::control {

/// `what`: which of the cube's addresses, such as the name of a port.
[[nodiscard]] inline std::array<std::uint8_t, 6> local_mac(const Host& host, std::string_view what = {}) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  };
  add(host.uuid());
  add(what);
  hash ^= hash >> 32;  // the low bits of what comes last reach few others
  std::array<std::uint8_t, 6> mac{};
  for (std::size_t i = 0; i < mac.size(); i++) mac[i] = static_cast<std::uint8_t>(hash >> 8 * i);
  mac[0] = static_cast<std::uint8_t>((mac[0] & 0xfc) | 0x02);
  return mac;
}

}  // namespace polycube::control
