// SPDX-License-Identifier: Apache-2.0
#include "control/router_config.h"

#include <algorithm>

namespace polycube::router {

namespace {

using control::Change;
using control::Leaves;

template <typename... Args>
tl::unexpected<Error> refuse(std::string path, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(
      Error{ErrorCode::invalid_value, fmt::format(format, std::forward<Args>(args)...), std::move(path), {}});
}

std::optional<std::string> leaf(const Leaves& leaves, const std::string& name) {
  const auto found = leaves.find(name);
  return found == leaves.end() ? std::nullopt : std::optional(found->second);
}

Result<> check_address(const std::string& path, const std::string& text) {
  const auto parsed = InterfaceAddress::parse(text);
  if (!parsed)
    return refuse(path, "Ip address is not in a valide format: {}; it is ADDRESS/LENGTH, such as 10.0.0.254/24", text);
  const auto& [address, network] = *parsed;
  if (!address.is_unicast() || address.is_link_local())
    return refuse(path,
                  "{} cannot be the address of a port: it is no unicast address, or a link-local one, which ports have"
                  " by themselves",
                  address.text());
  const bool has_broadcast = address.is_ipv4() && network.length <= 126;
  const Address after_last = [&] {
    Address last = network.address;
    for (unsigned bit = network.length; bit < 128; bit++)
      last.bytes[bit / 8] |= static_cast<std::uint8_t>(0x80 >> bit % 8);
    return last;
  }();
  if (has_broadcast && (address == network.address || address == after_last))
    return refuse(path, "{} is the network's or the broadcast address of {}, not that of a station", address.text(),
                  network.text());
  return {};
}

/// What a change says by itself.
Result<> check_change(const Change& change) {
  if (change.node == "ports")
    if (const auto ip = leaf(*change.after, "ip")) return check_address("ports=" + change.keys[0] + "/ip", *ip);
  if (change.node == "ports/secondaryip")
    return check_address(fmt::format("ports={}/secondaryip", change.keys[0]), change.keys[1]);
  if (change.node == "arp-table") {
    const auto address = Address::parse(change.keys[0]);
    if (!address || !address->is_unicast())
      return refuse("arp-table", "{} is not the address of a neighbour", change.keys[0]);
  }
  return {};
}

/// Every address once, every network on one port.
Result<> check_ports(const Config& config) {
  std::map<Address, std::string> stations;
  std::map<Prefix, std::string> networks;
  for (const auto& [name, port] : config.ports) {
    for (const auto& [address, network] : port.addresses()) {
      if (const auto [other, is_new] = stations.emplace(address, name); !is_new)
        return refuse("ports=" + name, "Address {} is on port {} already", address.text(), other->second);
      if (const auto [other, is_new] = networks.emplace(network, name); !is_new && other->second != name)
        return refuse("ports=" + name, "Network {} is that of port {} already", network.text(), other->second);
    }
  }
  return {};
}

Ports ports_of(const Config& config) {
  Ports ports;
  for (const auto& [name, port] : config.ports) ports[name] = {0, true, port.addresses()};
  return ports;
}

Result<> check_route(const Change& change, const Ports& ports, bool may_wait) {
  const auto network = Prefix::parse(change.keys[0]);
  const auto next_hop = Address::parse(change.keys[1]);
  if (!network || !next_hop) return refuse("route", "{} {} is no route", change.keys[0], change.keys[1]);
  if (network->address.is_ipv4() != next_hop->is_ipv4() || !next_hop->is_unicast())
    return refuse("route", "The next hop {} cannot be that of {}: it is a station's address of the same family",
                  change.keys[1], change.keys[0]);
  const std::string port = leaf(*change.after, "interface").value_or("");
  if (next_hop->is_link_local() && port.empty())
    return refuse("route", "The next hop {} is link-local: say behind which port it is, with interface=PORT",
                  change.keys[1]);
  for (const auto& [name, addresses] : ports)
    for (const auto& [address, prefix] : addresses.addresses)
      if (address == *next_hop)
        return refuse("route", "The next hop {} is an address of this router, on port {}", change.keys[1], name);
  if (may_wait || find_port(ports, *next_hop, port)) return {};
  if (!port.empty() && !ports.contains(port)) return refuse("route", "There is no port {}", port);
  return refuse("route", "Non reacheable {} network: {} has no address in it", change.keys[1],
                port.empty() ? "no port" : "port " + port);
}

}  // namespace

std::vector<InterfaceAddress> PortConfig::addresses() const {
  std::vector<InterfaceAddress> all;
  if (primary) all.push_back(*primary);
  for (const auto& [key, address] : secondary) all.push_back(address);
  return all;
}

void apply(Config& config, const Change& change) {
  if (change.node == "ports") {
    if (!change.after) {
      config.ports.erase(change.keys[0]);
      return;
    }
    PortConfig& port = config.ports[change.keys[0]];
    const auto ip = leaf(*change.after, "ip");
    const auto mac = leaf(*change.after, "mac");
    port.primary = ip ? InterfaceAddress::parse(*ip) : std::nullopt;
    port.mac = mac ? parse_mac(*mac) : std::nullopt;
  } else if (change.node == "ports/secondaryip") {
    if (const auto port = config.ports.find(change.keys[0]); port != config.ports.end()) {
      port->second.secondary.erase(change.keys[1]);
      if (change.after) port->second.secondary.emplace(change.keys[1], InterfaceAddress::parse(change.keys[1]).value());
    }
  } else if (change.node == "arp-table") {
    const Address address = Address::parse(change.keys[0]).value();
    config.neighbours.erase(address);
    if (change.after)
      config.neighbours[address] = {change.after->at("interface"), parse_mac(change.after->at("mac")).value()};
  }
}

RouteKey route_key(const Change& change) {
  return {Prefix::parse(change.keys[0]).value(), Address::parse(change.keys[1]).value()};
}

RoutingTable::Route route_of(const Leaves& leaves) {
  const auto cost = leaf(leaves, "pathcost");
  return {leaf(leaves, "interface").value_or(""),
          cost ? static_cast<std::uint32_t>(std::stoul(*cost)) : std::uint32_t{1}};
}

Result<> check(const Config& config, std::size_t routes, const control::Changes& changes) {
  Config next = config;
  bool is_new_router = false;
  for (const Change& change : changes) {
    is_new_router |= change.node.empty() && !change.before;
    if (change.after) PCN_TRY(check_change(change));
    apply(next, change);
    if (change.node == "route") routes += change.after.has_value() - change.before.has_value();
  }
  PCN_TRY(check_ports(next));
  if (routes > max_routes)
    return fail(ErrorCode::limit_exceeded, "a router has at most {} routes; remove some or use larger networks",
                max_routes);
  const Ports ports = ports_of(next);
  for (const Change& change : changes) {
    if (change.node == "route" && change.after) PCN_TRY(check_route(change, ports, is_new_router));
    if (change.node != "arp-table" || !change.after) continue;
    const std::string& port = change.after->at("interface");
    if (!is_new_router && !ports.contains(port)) return refuse("arp-table", "There is no port {}", port);
  }
  return {};
}

}  // namespace polycube::router
