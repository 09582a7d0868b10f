// SPDX-License-Identifier: Apache-2.0
/// A router's configuration as values, and whether a request may make it so.
/// Why: a request is refused before anything happens, with the words that its author understands.
/// Invariants: Config holds what is valid; routes are in the RoutingTable, of which there may be 100,000.
/// Threading: plain values and pure functions.
#pragma once

#include <polycube/change.h>

#include "base/result.h"
#include "control/routing_table.h"

namespace polycube::router {

inline constexpr std::size_t max_routes = 100'000;

struct PortConfig {
  std::optional<InterfaceAddress> primary;
  std::map<std::string, InterfaceAddress> secondary;  ///< by key
  std::optional<Mac> mac;
  [[nodiscard]] std::vector<InterfaceAddress> addresses() const;
};

/// A neighbour that was added.
struct AddedNeighbour {
  std::string port;
  Mac mac{};
};

struct Config {
  std::map<std::string, PortConfig> ports;
  std::map<Address, AddedNeighbour> neighbours;
};

struct RouteKey {
  Prefix network;
  Address next_hop;
};

// Of changes that were checked.
void apply(Config& config, const control::Change& change);
[[nodiscard]] RouteKey route_key(const control::Change& change);
[[nodiscard]] RoutingTable::Route route_of(const control::Leaves& leaves);

/// `routes`: how many there are before the changes. A route that is added to a router needs a reachable next hop; those of
/// a router that is created as a whole (restored, perhaps) wait for theirs. Errors: those of the request.
[[nodiscard]] Result<> check(const Config& config, std::size_t routes, const control::Changes& changes);

}  // namespace polycube::router
