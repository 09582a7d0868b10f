// SPDX-License-Identifier: Apache-2.0
/// Bridge protocol data units: values, and frames.
/// Why: what comes off the wire is checked in one place; everything behind it works with values.
/// Invariants: decode(encode(x)) == x where x was decoded; times are rounded to the 1/256 s that messages have.
/// Threading: pure functions.
/// Units: Duration is in microseconds.
/// Source: IEEE Std 802.1D-1998, 9 (BPDUs), 7.12.3 (LLC). Per-VLAN BPDUs are those of PVST+: the same behind a SNAP
/// header of Cisco's, with the VLAN in a type-length-value behind.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace bridge {

using Duration = std::chrono::microseconds;
using MacAddress = std::array<std::uint8_t, 6>;

struct Timers {
  Duration max_age = std::chrono::seconds(20);
  Duration hello = std::chrono::seconds(2);
  Duration forward_delay = std::chrono::seconds(15);
  bool operator==(const Timers&) const = default;
};

struct ConfigBpdu {
  std::uint64_t root = 0;
  std::uint32_t cost = 0;
  std::uint64_t bridge = 0;
  std::uint16_t port = 0;
  Duration message_age{};
  Timers timers;
  bool topology_change = false;
  bool acknowledgment = false;
  bool operator==(const ConfigBpdu&) const = default;
};

/// Topology change notification.
struct TcnBpdu {
  bool operator==(const TcnBpdu&) const = default;
};

using Bpdu = std::variant<ConfigBpdu, TcnBpdu>;

/// A frame with a BPDU that is for the link: untagged, to 01:80:c2:00:00:00.
[[nodiscard]] std::vector<std::byte> encode(const Bpdu& bpdu, const MacAddress& source);
/// One for the VLAN: to 01:00:0c:cc:cc:cd; tagged when `tagged`.
[[nodiscard]] std::vector<std::byte> encode_pvst(const Bpdu& bpdu, const MacAddress& source, std::uint16_t vlan,
                                                 bool tagged);

/// The BPDU of a frame of either kind, with one tag or without. Nothing when it has none that this bridge understands,
/// or when it says that it was sent in another VLAN than `vlan`. BPDUs of rapid bridges are not understood: they fall
/// back to this protocol where they hear it.
[[nodiscard]] std::optional<Bpdu> decode(std::span<const std::byte> frame, std::uint16_t vlan);

}  // namespace bridge
