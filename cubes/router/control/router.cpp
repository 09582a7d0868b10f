// SPDX-License-Identifier: Apache-2.0
// The control plane of a router: configuration into tables, and what the fast path leaves to it.
#include <polycube/control.h>
#include <polycube/local_mac.h>
#include <polycube/table.h>

#include <algorithm>
#include <set>

#include "abi/router.h"
#include "base/token_bucket.h"
#include "control/address.h"
#include "control/neighbour_cache.h"
#include "control/packets.h"
#include "control/router_config.h"
#include "control/routing_table.h"

namespace polycube::router {
namespace {

using control::Changes;
using control::Direction;
using control::Rows;
using Clock = std::chrono::steady_clock;

constexpr std::uint16_t default_mtu = 1500;
constexpr std::chrono::milliseconds tick_interval{100};

prefix4 key4(const Prefix& prefix) {
  prefix4 key{.length = prefix.length - 96u, .address = {}};
  std::copy_n(prefix.address.bytes.begin() + 12, 4, key.address);
  return key;
}

prefix6 key6(const Prefix& prefix) {
  prefix6 key{.length = prefix.length, .address = {}};
  std::copy_n(prefix.address.bytes.begin(), 16, key.address);
  return key;
}

hop hop_of(const NextHop& next_hop) {
  hop key{.address = {}, .port = next_hop.port};
  std::copy_n(next_hop.address.bytes.begin(), 16, key.address);
  return key;
}

// And back.

Prefix prefix_of(const prefix4& key) {
  const auto& [a, b, c, d] = key.address;
  return Prefix::of(Address::ipv4({a, b, c, d}), static_cast<std::uint8_t>(key.length + 96));
}

Prefix prefix_of(const prefix6& key) {
  Address address;
  std::copy_n(key.address, 16, address.bytes.begin());
  return Prefix::of(address, static_cast<std::uint8_t>(key.length));
}

NextHop next_hop_of(const hop& key) {
  NextHop next_hop{{}, static_cast<std::uint16_t>(key.port)};
  std::copy_n(key.address, 16, next_hop.address.bytes.begin());
  return next_hop;
}

std::vector<NextHop> hops_of(const group& value) {
  std::vector<NextHop> hops;
  for (std::size_t i = 0; i < std::min<std::size_t>(value.count, MAX_HOPS); i++)
    hops.push_back(next_hop_of(value.hops[i]));
  return hops;
}

Mac mac_of(const neighbour& value) {
  Mac mac;
  std::copy_n(value.mac, 6, mac.begin());
  return mac;
}

neighbour neighbour_of(const Mac& mac) {
  neighbour value{.mac = {}, .used = 0};
  std::copy_n(mac.begin(), 6, value.mac);
  return value;
}

/// A port at work.
struct Interface {
  std::string name;
  Mac mac{};
  std::uint16_t mtu = default_mtu;
  bool operator==(const Interface&) const = default;
};

class Router : public control::Cube {
 public:
  explicit Router(control::Host& host)
      : host_(host),
        routes4_(control::Table<prefix4, route>::open(host, "routes4").value()),
        routes6_(control::Table<prefix6, route>::open(host, "routes6").value()),
        groups_(control::Table<__u32, group>::open(host, "groups").value()),
        neighbours_(control::Table<hop, neighbour>::open(host, "neighbours").value()),
        interfaces_(control::Table<__u32, interface>::open(host, "interfaces").value()),
        timer_(host.every(tick_interval, [this] { tick(); })) {}

  Result<> prepare(const Changes& changes) override { return check(config_, routing_.size(), changes); }

  Result<> commit(const Changes& changes) override {
    if (!std::exchange(begun_, true)) PCN_TRY(resume());
    auto done = follow(changes);
    if (done) announce_changed(changes);
    if (done) return done;
    Changes back(changes.rbegin(), changes.rend());
    for (auto& change : back) std::swap(change.before, change.after);
    (void)follow(back);
    return done;
  }

  Result<Rows> state(const std::string& node) override {
    if (node.empty()) return Rows{{{}, {{"route-count", std::to_string(route_count())}}}};
    if (node == "ports") return port_rows();
    if (node == "route") return route_rows();
    if (node == "arp-table") return neighbour_rows();
    return Rows{};
  }

  void link(std::string_view port, bool up) override {
    report(update_ports());
    if (up) announce(port);
  }

  void peer_changed(std::string_view port) override {
    report(update_ports());
    announce(port);
  }

  void packet_in(const control::PacketIn& in) override {
    const auto port = active_.find(in.port_index);
    if (port == active_.end()) return;
    switch (in.reason) {
      case REASON_ARP:
      case REASON_ND: return neighbour_message(in, port->second);
      case REASON_UNRESOLVED: return resolve(in);
      case REASON_EXPIRED: return complain(Problem::expired, in.port_index, in.packet, 0);
      case REASON_NO_ROUTE: return complain(Problem::no_route, in.port_index, in.packet, 0);
      case REASON_TOO_BIG:
        return complain(Problem::too_big, in.port_index, in.packet, static_cast<std::uint16_t>(in.metadata[0]));
      case REASON_LOCAL: return complain(missing_service(in.packet), in.port_index, in.packet, 0);
      case REASON_FRAGMENT:
        for (const Bytes& piece : fragments(in.packet, static_cast<std::uint16_t>(in.metadata[0])))
          enter(in.port_index, piece, in.traffic_class);
        return;
      default: return;
    }
  }

 private:
  // ---- configuration

  /// Before there is a configuration: what the tables have from a control plane before goes on being used.
  Result<> resume() {
    RoutingTable::Update tables;
    PCN_TRY(groups_.for_each([&](std::uint32_t number, const group& value) {
      if (value.count > 0) tables.groups[number] = hops_of(value);
    }));
    const auto add = [&](const auto& key, const route& value) {
      tables.entries[prefix_of(key)] = Entry{static_cast<route_kind>(value.kind), value.port, value.group};
    };
    PCN_TRY(routes4_.for_each(add));
    PCN_TRY(routes6_.for_each(add));
    routing_.resume(tables);
    std::set<std::uint32_t> ports;
    for (const control::Port& port : host_.ports()) ports.insert(port.index);
    std::map<NextHop, Mac> known;
    std::vector<hop> gone;
    PCN_TRY(neighbours_.for_each([&](const hop& key, const neighbour& value) {
      if (ports.contains(key.port))
        known[next_hop_of(key)] = mac_of(value);
      else
        gone.push_back(key);
    }));
    cache_.resume(known, Clock::now());
    return neighbours_.remove(gone);
  }

  Result<> follow(const Changes& changes) {
    std::vector<std::uint16_t> gone;
    for (const auto& change : changes) {
      if (change.node == "ports" && !change.after)
        for (const auto& [index, interface] : active_)
          if (interface.name == change.keys[0]) gone.push_back(index);
      apply(config_, change);
      if (change.node != "route") continue;
      const auto [network, next_hop] = route_key(change);
      if (change.after) routing_.add(network, next_hop, route_of(*change.after));
      if (!change.after) routing_.remove(network, next_hop);
    }
    for (const std::uint16_t index : gone) {
      active_.erase(index);
      perform(cache_.remove_port(index));
    }
    return update_ports();
  }

  /// Brings tables and state in line with the configuration, the links and the devices.
  Result<> update_ports() {
    Ports ports;
    for (const control::Port& port : host_.ports()) {
      const auto configured = config_.ports.find(port.name);
      if (configured == config_.ports.end()) continue;
      PCN_TRY(update_interface(port, configured->second));
      ports[port.name] = {port.index, port.up || port.peer.empty(), configured->second.addresses()};
    }
    routing_.set_ports(ports);
    const auto computed = routing_.compute();
    if (auto written = write(routing_.take()); !written) {
      routing_.forget_tables();
      return written;
    }
    update_permanent(ports);
    return computed;
  }

  Result<> update_interface(const control::Port& port, const PortConfig& configured) {
    const auto before = active_.find(port.index);
    Interface now{port.name, configured.mac.value_or(Mac{}), default_mtu};
    const auto device_mac = port.device ? parse_mac(port.device->mac) : std::nullopt;
    if (port.device) now.mtu = static_cast<std::uint16_t>(std::clamp(port.device->mtu, 68u, 65535u));
    if (!configured.mac) now.mac = device_mac ? *device_mac : control::local_mac(host_, port.name);
    if (before != active_.end() && before->second == now) return {};
    struct interface value{};
    std::copy_n(now.mac.begin(), 6, value.mac);
    value.mtu = now.mtu;
    const Address link_local = link_local_of(now.mac);
    std::copy_n(link_local.bytes.begin(), 16, value.link_local);
    PCN_TRY(interfaces_.set(port.index, value));
    active_[port.index] = now;
    return {};
  }

  Result<> write(const RoutingTable::Update& update) {
    std::vector<__u32> numbers;
    std::vector<group> groups;
    for (const auto& [number, hops] : update.groups) {
      numbers.push_back(number);
      group& value = groups.emplace_back();
      for (const NextHop& next_hop : hops) value.hops[value.count++] = hop_of(next_hop);
    }
    std::vector<prefix4> set4, removed4;
    std::vector<prefix6> set6, removed6;
    std::vector<route> values4, values6;
    for (const auto& [prefix, entry] : update.entries) {
      const bool four = prefix.address.is_ipv4();
      if (!entry) {
        four ? removed4.push_back(key4(prefix)) : removed6.push_back(key6(prefix));
        continue;
      }
      four ? set4.push_back(key4(prefix)) : set6.push_back(key6(prefix));
      (four ? values4 : values6).push_back({static_cast<__u16>(entry->kind), entry->port, entry->group});
    }
    PCN_TRY(groups_.set(numbers, groups));
    PCN_TRY(routes4_.set(set4, values4));
    PCN_TRY(routes6_.set(set6, values6));
    PCN_TRY(routes4_.remove(removed4));
    return routes6_.remove(removed6);
  }

  void update_permanent(const Ports& ports) {
    std::map<NextHop, Mac> entries;
    for (const auto& [address, added] : config_.neighbours)
      if (const auto port = ports.find(added.port); port != ports.end())
        entries[{address, port->second.index}] = added.mac;
    perform(cache_.set_permanent(entries));
  }

  // ---- packets

  void report(const Result<>& result) {
    if (!result) host_.log(control::LogLevel::err, result.error().message);
  }

  /// A packet to be routed, as if it had been received on the port.
  void enter(std::uint16_t port, Frame frame, std::uint32_t traffic_class = 0) {
    report(host_.send_packet_out(port, frame, Direction::ingress, traffic_class));
  }

  void perform(const NeighbourCache::Actions& actions) {
    for (const NextHop& neighbour : actions.remove) report(neighbours_.remove(hop_of(neighbour)));
    for (const auto& [neighbour, mac] : actions.install) report(neighbours_.set(hop_of(neighbour), neighbour_of(mac)));
    for (const auto& [neighbour, to] : actions.ask) ask(neighbour, to);
    for (const Held& packet : actions.deliver) enter(packet.port, packet.frame);
    for (const Held& packet : actions.unreachable) complain(Problem::host_unreachable, packet.port, packet.frame, 0);
  }

  /// An address of the port from which to speak to `to`: of its network if there is one, else the first of its family.
  std::optional<Address> source_for(std::uint16_t port, const Address& to) const {
    std::optional<Address> first;
    const auto active = active_.find(port);
    const auto found = active == active_.end() ? routing_.ports().end() : routing_.ports().find(active->second.name);
    if (found == routing_.ports().end()) return first;
    for (const auto& [address, network] : found->second.addresses) {
      if (network.contains(to)) return address;
      if (!first && address.is_ipv4() == to.is_ipv4()) first = address;
    }
    return first;
  }

  void ask(const NextHop& neighbour, const std::optional<Mac>& to) {
    const auto port = active_.find(neighbour.port);
    if (port == active_.end()) return;
    const auto source = neighbour.address.is_ipv4() ? source_for(neighbour.port, neighbour.address)
                                                    : std::optional(link_local_of(port->second.mac));
    if (!source) return;
    report(host_.send_packet_out(neighbour.port, solicitation({port->second.mac, *source}, neighbour.address, to)));
  }

  /// Ports that have other addresses now. What is new is announced when its link comes up.
  void announce_changed(const Changes& changes) {
    std::set<std::string> names;
    for (const auto& change : changes)
      if ((change.node == "ports" && change.before && change.after) ||
          (change.node == "ports/secondaryip" && change.after))
        names.insert(change.keys[0]);
    for (const std::string& name : names) announce(name);
  }

  /// Tells the neighbours which MAC address the port has now.
  void announce(std::string_view name) {
    const auto port = routing_.ports().find(std::string(name));
    if (port == routing_.ports().end() || !active_.contains(port->second.index)) return;
    const Mac& mac = active_.at(port->second.index).mac;
    for (const auto& [address, network] : port->second.addresses)
      report(host_.send_packet_out(port->second.index, address.is_ipv4()
                                                           ? solicitation({mac, address}, address, std::nullopt)
                                                           : advertisement({mac, address}, std::nullopt)));
  }

  bool is_own(std::uint16_t port, const Address& address) const {
    if (address == link_local_of(active_.at(port).mac)) return true;
    const auto entry = routing_.local().find(Prefix::of(address, 128));
    return entry != routing_.local().end() && entry->second == Entry{ROUTE_OWN, port, 0};
  }

  void neighbour_message(const control::PacketIn& in, const Interface& port) {
    const auto message = parse_neighbour_message(in.packet);
    if (!message) return;
    const bool asks_us = message->asked && is_own(in.port_index, *message->asked);
    if (message->sender && !is_own(in.port_index, message->sender->address)) {
      const Address& address = message->sender->address;
      const auto* network = find_port(routing_.ports(), address, port.name);
      const bool is_neighbour = network || address.is_link_local();
      if (is_neighbour) perform(cache_.heard({address, in.port_index}, message->sender->mac, asks_us, Clock::now()));
    }
    // ARP is answered by the fast path, and so are solicitations without further options.
    if (in.reason != REASON_ND || !asks_us || in.metadata[0] == ND_ANSWERED) return;
    report(host_.send_packet_out(in.port_index, advertisement({port.mac, *message->asked}, message->sender)));
  }

  void resolve(const control::PacketIn& in) {
    const auto addresses = addresses_of(in.packet);
    if (!addresses) return;
    NextHop neighbour{addresses->destination, static_cast<std::uint16_t>(in.metadata[0])};
    if (in.metadata[1] != NO_GROUP) {
      const NextHop* next_hop = routing_.next_hop(in.metadata[1], in.metadata[2]);
      if (!next_hop) return;
      neighbour = *next_hop;
    }
    if (!active_.contains(neighbour.port)) return;
    perform(cache_.hold(neighbour, {in.port_index, Bytes(in.packet.begin(), in.packet.end())}, Clock::now()));
  }

  void complain(Problem problem, std::uint16_t port, Frame about, std::uint16_t mtu) {
    const auto active = active_.find(port);
    if (active == active_.end()) return;
    const auto addresses = addresses_of(about);
    const auto source = addresses ? source_for(port, addresses->source) : std::nullopt;
    const auto error = source ? icmp_error(problem, about, {active->second.mac, *source}, mtu) : std::nullopt;
    if (error && errors_.take(Clock::now())) enter(port, *error);
  }

  void tick() {
    perform(cache_.tick(
        [this](const NextHop& next_hop, const Mac& mac) {
          const auto entry = neighbours_.get(hop_of(next_hop));
          if (!entry || !*entry || !(*entry)->used) return false;
          report(neighbours_.set(hop_of(next_hop), neighbour_of(mac)));
          return true;
        },
        Clock::now()));
  }

  // ---- state

  Rows port_rows() const {
    Rows rows;
    for (const auto& [index, interface] : active_)
      rows.push_back({{interface.name}, {{"mac-in-use", text_of(interface.mac)}}});
    return rows;
  }

  std::string name_of(std::uint16_t port) const {
    const auto found = active_.find(port);
    return found == active_.end() ? std::string() : found->second.name;
  }

  /// What route_rows() has, of which there may be 100,000.
  [[nodiscard]] std::size_t route_count() const {
    const auto& local = routing_.local();
    return routing_.size() + static_cast<std::size_t>(std::count_if(local.begin(), local.end(), [](const auto& entry) {
             return entry.second.kind == ROUTE_CONNECTED;
           }));
  }

  Rows route_rows() const {
    Rows rows;
    for (const auto& [prefix, entry] : routing_.local())
      if (entry.kind == ROUTE_CONNECTED)
        rows.push_back(
            {{prefix.text(), "local"}, {{"interface", name_of(entry.port)}, {"pathcost", "0"}, {"active", "true"}}});
    routing_.for_each([&](const Prefix& network, const Address& next_hop) {
      rows.push_back(
          {{network.text(), next_hop.text()}, {{"active", routing_.is_active(network, next_hop) ? "true" : "false"}}});
    });
    return rows;
  }

  Rows neighbour_rows() const {
    Rows rows;
    for (const auto& [neighbour, mac] : cache_.learned())
      rows.push_back({{neighbour.address.text()}, {{"mac", text_of(mac)}, {"interface", name_of(neighbour.port)}}});
    return rows;
  }

  control::Host& host_;
  bool begun_ = false;  ///< there was a commit()
  control::Table<prefix4, route> routes4_;
  control::Table<prefix6, route> routes6_;
  control::Table<__u32, group> groups_;
  control::Table<hop, neighbour> neighbours_;
  control::Table<__u32, struct interface> interfaces_;
  Config config_;
  RoutingTable routing_;
  NeighbourCache cache_;
  TokenBucket errors_{100, 1000};              ///< ICMP errors (RFC 1812, 4.3.2.8; RFC 4443, 2.4 f)
  std::map<std::uint16_t, Interface> active_;  ///< by port index
  control::Timer timer_;
};

}  // namespace
}  // namespace polycube::router

using polycube::router::Router;
POLYCUBE_SERVICE(Router);
