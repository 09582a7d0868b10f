// SPDX-License-Identifier: Apache-2.0
/// From addresses of ports and static routes to what the fast path looks up: longest prefixes and groups of next hops.
/// Why: which route is the best is decided per change, not per packet; a change costs what it touches, not 100,000 routes.
/// Invariants: the outcome depends on the ports and routes, not on the order in which they came. A group in use never
/// changes: other next hops are another group, so that groups are written before the routes that use them. Local entries
/// (own addresses, networks of ports) come before static routes. What was computed and not taken yet is not lost.
/// Threading: one thread.
/// Source: RFC 1812, 5.2.4.
#pragma once

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "abi/router.h"
#include "base/result.h"
#include "control/address.h"

namespace polycube::router {

struct PortAddresses {
  std::uint16_t index = 0;
  bool up = true;
  std::vector<InterfaceAddress> addresses;
  bool operator==(const PortAddresses&) const = default;
};
using Ports = std::map<std::string, PortAddresses>;  ///< by name

/// Port by which a next hop is reached: `wanted` if it has its network (or the next hop is link-local), or, without a wanted
/// one, the port with the longest prefix. Null when there is none.
[[nodiscard]] const Ports::value_type* find_port(const Ports& ports, const Address& next_hop,
                                                 const std::string& wanted);

struct NextHop {
  Address address;
  std::uint16_t port = 0;
  auto operator<=>(const NextHop&) const = default;
};

struct Entry {
  route_kind kind = ROUTE_OWN;
  std::uint16_t port = 0;
  std::uint32_t group = 0;
  bool operator==(const Entry&) const = default;
};

class RoutingTable {
 public:
  struct Route {
    std::string port;  ///< empty: derived
    std::uint32_t cost = 1;
  };
  using Routes = std::map<Address, Route>;  ///< to one network, by next hop

  /// What the fast path's tables need to follow, in this order.
  struct Update {
    std::map<std::uint32_t, std::vector<NextHop>> groups;
    std::map<Prefix, std::optional<Entry>> entries;  ///< nothing: to be removed
  };

  /// What the fast path's tables have from a table before this one: compute() tells what is to be different. Comes first.
  void resume(const Update& tables);

  void set_ports(const Ports& ports);
  void add(const Prefix& network, const Address& next_hop, const Route& route);
  void remove(const Prefix& network, const Address& next_hop);

  /// Computes what the changes make different. Errors: limit_exceeded; changes that take back those before make it good.
  [[nodiscard]] Result<> compute();
  /// What was computed since the last call.
  [[nodiscard]] Update take() { return std::exchange(update_, {}); }
  /// The next update is to have everything.
  void forget_tables();

  [[nodiscard]] const Ports& ports() const { return ports_; }
  [[nodiscard]] const std::map<Prefix, Entry>& local() const { return local_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Whether packets may go that way.
  [[nodiscard]] bool is_active(const Prefix& network, const Address& next_hop) const;
  /// Calls `visit(network, next hop)` for each route.
  template <typename Visit>
  void for_each(const Visit& visit) const {
    for (const auto& [network, routes] : routes_)
      for (const auto& [next_hop, route] : routes) visit(network, next_hop);
  }
  /// Null when the group is not in use, or smaller.
  [[nodiscard]] const NextHop* next_hop(std::uint32_t group, std::uint32_t place) const;

 private:
  struct Group {
    std::vector<NextHop> hops;
    std::size_t users = 0;
  };

  [[nodiscard]] std::vector<NextHop> best(const Prefix& network) const;
  [[nodiscard]] Result<std::optional<Entry>> wanted(const Prefix& network);
  [[nodiscard]] Result<std::uint32_t> acquire(std::vector<NextHop> hops);
  void release(std::uint32_t group);

  Ports ports_;
  std::map<Prefix, Entry> local_;
  std::map<Prefix, Routes> routes_;
  std::size_t size_ = 0;  ///< of all routes
  std::map<Prefix, Entry> installed_;
  std::set<Prefix> dirty_;
  std::map<std::uint32_t, Group> groups_;
  std::map<std::vector<NextHop>, std::uint32_t> group_of_;
  std::vector<std::uint32_t> free_;
  Update update_;
};

}  // namespace polycube::router
