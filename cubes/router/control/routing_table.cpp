// SPDX-License-Identifier: Apache-2.0
#include "control/routing_table.h"

#include <algorithm>

namespace polycube::router {

namespace {

// An IPv4 network's own and its broadcast address; networks of one or two addresses have none (RFC 3021).
std::vector<Address> broadcasts_of(const Prefix& network) {
  if (!network.address.is_ipv4() || network.length > 126) return {};
  Address last = network.address;
  for (unsigned bit = network.length; bit < 128; bit++)
    last.bytes[bit / 8] |= static_cast<std::uint8_t>(0x80 >> bit % 8);
  return {network.address, last};
}

std::map<Prefix, Entry> local_entries(const Ports& ports) {
  std::map<Prefix, Entry> entries;
  for (const auto& [name, port] : ports)
    for (const auto& [address, network] : port.addresses)
      entries[Prefix::of(address, 128)] = {ROUTE_OWN, port.index, 0};
  for (const auto& [name, port] : ports)
    for (const auto& [address, network] : port.addresses)
      for (const Address& broadcast : broadcasts_of(network))
        entries.insert({Prefix::of(broadcast, 128), {ROUTE_BROADCAST, port.index, 0}});
  for (const auto& [name, port] : ports)
    for (const auto& [address, network] : port.addresses) entries.insert({network, {ROUTE_CONNECTED, port.index, 0}});
  return entries;
}

}  // namespace

const Ports::value_type* find_port(const Ports& ports, const Address& next_hop, const std::string& wanted) {
  if (!wanted.empty() && next_hop.is_link_local()) {
    const auto port = ports.find(wanted);
    return port == ports.end() ? nullptr : &*port;
  }
  const Ports::value_type* found = nullptr;
  int longest = -1;
  for (const auto& port : ports) {
    if (!wanted.empty() && port.first != wanted) continue;
    for (const auto& [address, network] : port.second.addresses) {
      if (!network.contains(next_hop) || network.length <= longest) continue;
      found = &port;
      longest = network.length;
    }
  }
  return found;
}

void RoutingTable::resume(const Update& tables) {
  for (const auto& [network, entry] : tables.entries) {
    if (entry->kind == ROUTE_GATEWAY) {
      const auto hops = tables.groups.find(entry->group);
      if (hops == tables.groups.end()) {
        update_.entries[network] = std::nullopt;
        continue;
      }
      for (auto number = static_cast<std::uint32_t>(groups_.size()); number <= entry->group; number++) groups_[number];
      Group& group = groups_.at(entry->group);
      if (group.users++ == 0) {
        group.hops = hops->second;
        group_of_.emplace(group.hops, entry->group);
      }
    }
    installed_[network] = *entry;
    dirty_.insert(network);
  }
  for (const auto& [number, group] : groups_)
    if (group.users == 0) free_.push_back(number);
}

void RoutingTable::set_ports(const Ports& ports) {
  if (ports == ports_) return;
  for (const auto& [prefix, entry] : local_) dirty_.insert(prefix);
  ports_ = ports;
  local_ = local_entries(ports);
  for (const auto& [prefix, entry] : local_) dirty_.insert(prefix);
  for (const auto& [prefix, routes] : routes_) dirty_.insert(prefix);
}

void RoutingTable::add(const Prefix& network, const Address& next_hop, const Route& route) {
  size_ += routes_[network].insert_or_assign(next_hop, route).second;
  dirty_.insert(network);
}

void RoutingTable::remove(const Prefix& network, const Address& next_hop) {
  const auto routes = routes_.find(network);
  if (routes == routes_.end()) return;
  size_ -= routes->second.erase(next_hop);
  if (routes->second.empty()) routes_.erase(routes);
  dirty_.insert(network);
}

std::vector<NextHop> RoutingTable::best(const Prefix& network) const {
  const auto routes = routes_.find(network);
  if (routes == routes_.end()) return {};
  std::vector<NextHop> hops;
  std::uint32_t lowest = 0;
  for (const auto& [next_hop, route] : routes->second) {
    const auto* port = find_port(ports_, next_hop, route.port);
    if (!port || !port->second.up || (!hops.empty() && route.cost > lowest)) continue;
    if (!hops.empty() && route.cost < lowest) hops.clear();
    lowest = route.cost;
    if (hops.size() < MAX_HOPS) hops.push_back({next_hop, port->second.index});
  }
  return hops;
}

Result<std::uint32_t> RoutingTable::acquire(std::vector<NextHop> hops) {
  const auto known = group_of_.find(hops);
  if (known != group_of_.end()) {
    groups_.at(known->second).users++;
    return known->second;
  }
  if (free_.empty() && groups_.size() >= MAX_GROUPS)
    return fail(ErrorCode::limit_exceeded, "a router has at most {} different sets of next hops", MAX_GROUPS);
  std::uint32_t group = static_cast<std::uint32_t>(groups_.size());
  if (!free_.empty()) {
    group = free_.back();
    free_.pop_back();
  }
  update_.groups[group] = hops;
  group_of_[hops] = group;
  groups_[group] = {std::move(hops), 1};
  return group;
}

void RoutingTable::release(std::uint32_t number) {
  Group& group = groups_.at(number);
  if (--group.users > 0) return;
  const auto known = group_of_.find(group.hops);  // of two that are the same, which resume() may find, one is known
  if (known != group_of_.end() && known->second == number) group_of_.erase(known);
  group.hops.clear();  // stays as a place of its own until it is used again
  free_.push_back(number);
}

Result<std::optional<Entry>> RoutingTable::wanted(const Prefix& network) {
  if (const auto local = local_.find(network); local != local_.end()) return local->second;
  std::vector<NextHop> hops = best(network);
  if (hops.empty()) return std::optional<Entry>();
  PCN_ASSIGN(const std::uint32_t group, acquire(std::move(hops)));
  return Entry{ROUTE_GATEWAY, 0, group};
}

Result<> RoutingTable::compute() {
  std::vector<std::uint32_t> unused;  // released at the end: packets may use a group until its routes are written
  const auto finish = [&] {
    for (const std::uint32_t group : unused) release(group);
  };
  while (!dirty_.empty()) {
    const Prefix network = *dirty_.begin();
    const auto entry = wanted(network);
    if (!entry) {
      finish();
      return tl::unexpected<Error>(entry.error());
    }
    const auto before = installed_.find(network);
    const std::optional<Entry> old = before == installed_.end() ? std::nullopt : std::optional(before->second);
    if (old && old->kind == ROUTE_GATEWAY) unused.push_back(old->group);
    dirty_.erase(dirty_.begin());
    if (old == *entry) continue;
    update_.entries[network] = *entry;
    if (*entry) installed_[network] = **entry;
    if (!*entry) installed_.erase(network);
  }
  finish();
  return {};
}

void RoutingTable::forget_tables() {
  for (const auto& [number, group] : groups_)
    if (group.users > 0) update_.groups[number] = group.hops;
  for (const auto& [network, entry] : installed_) update_.entries.insert({network, entry});
}

bool RoutingTable::is_active(const Prefix& network, const Address& next_hop) const {
  const auto entry = installed_.find(network);
  if (entry == installed_.end() || entry->second.kind != ROUTE_GATEWAY) return false;
  const auto& hops = groups_.at(entry->second.group).hops;
  return std::any_of(hops.begin(), hops.end(), [&](const NextHop& hop) { return hop.address == next_hop; });
}

const NextHop* RoutingTable::next_hop(std::uint32_t group, std::uint32_t place) const {
  const auto found = groups_.find(group);
  return found == groups_.end() || place >= found->second.hops.size() ? nullptr : &found->second.hops[place];
}

}  // namespace polycube::router
