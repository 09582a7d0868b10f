// SPDX-License-Identifier: Apache-2.0
/// The bridge's configuration as a value, and what follows from it for each VLAN.
/// Why: what the model says is per port; the fast path and the spanning trees want it per VLAN.
/// Invariants: apply() takes any changes that the model allows; reversed ones take it back.
/// Threading: plain values.
#pragma once

#include <polycube/change.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "abi/bridge.h"
#include "stp.h"

namespace bridge {

using VlanId = std::uint16_t;
constexpr VlanId default_vlan = 1;
constexpr VlanId last_vlan = 4094;

struct PortInTree {
  std::uint32_t path_cost = 4;
  std::uint8_t priority = 128;
};

struct TreeConfig {
  std::uint16_t priority = 32768;
  Timers timers{
      .max_age = std::chrono::seconds(20), .hello = std::chrono::seconds(2), .forward_delay = std::chrono::seconds(10)};
};

struct PortConfig {
  std::optional<MacAddress> mac;
  bool trunk = false;
  bool allow_all = false;
  VlanId access = default_vlan;  ///< of an access port
  VlanId native = default_vlan;  ///< of a trunk; 0: none
  std::set<VlanId> allowed;
  std::map<VlanId, PortInTree> trees;

  /// VLAN of untagged frames, 0 for none.
  [[nodiscard]] VlanId untagged() const { return trunk ? native : access; }
  [[nodiscard]] PortInTree in_tree(VlanId vlan) const;
};

struct Config {
  std::optional<MacAddress> mac;
  bool stp = false;
  std::chrono::seconds aging_time{300};
  std::map<std::string, PortConfig> ports;
  std::map<VlanId, TreeConfig> trees;

  [[nodiscard]] TreeConfig tree(VlanId vlan) const;
};

[[nodiscard]] Config apply(Config config, const polycube::control::Changes& changes);

/// A set of ports, by index.
struct PortSet {
  std::array<std::uint64_t, PORT_WORDS> words{};

  void add(std::uint16_t index) { words.at(index / 64) |= std::uint64_t{1} << (index % 64); }
  [[nodiscard]] bool has(std::uint16_t index) const { return (words.at(index / 64) >> (index % 64) & 1) != 0; }
  [[nodiscard]] PortSet without(const PortSet& other) const;
  [[nodiscard]] bool empty() const { return *this == PortSet{}; }
  bool operator==(const PortSet&) const = default;
};

/// The ports of a VLAN.
struct Members {
  PortSet ports;
  PortSet tagged;  ///< those among them that send its frames with a tag
};

/// VLANs that have members. `indexes` are those of ports by name; ports that it does not have are left out.
[[nodiscard]] std::map<VlanId, Members> members(const Config& config,
                                                const std::map<std::string, std::uint16_t>& indexes);

/// VLANs that have a spanning tree of their own: those that a port names. What only trunks with all VLANs have is in
/// the tree of VLAN 1.
[[nodiscard]] std::set<VlanId> vlans_with_tree(const Config& config);

}  // namespace bridge
