// SPDX-License-Identifier: Apache-2.0
#include "topology/topology.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/near_matches.h"
#include "topology/link.h"

namespace polycube::topology {

namespace {

constexpr std::array<std::pair<Hook, std::string_view>, 3> hook_names = {{
    {Hook::tc, "TC"},
    {Hook::xdp_skb, "XDP_SKB"},
    {Hook::xdp_drv, "XDP_DRV"},
}};

Result<> check_device(const std::string& name, const Devices& devices) {
  auto device = devices.find(name);
  if (device == devices.end())
    return fail(ErrorCode::data_missing, "Interface {} does not exist{}", name, near_keys(name, devices));
  if (device->second.loopback)
    return fail(ErrorCode::data_missing, "Interface {} is the loopback interface, to which no port can be wired", name);
  if (!device->second.up)
    return fail(ErrorCode::data_missing, "Interface {} is down: set it up first (ip link set {} up)", name, name);
  return {};
}

/// The peer of `here` is a port; judges whether the two may be linked.
Result<> check_port(const End& here, const Topology& candidate) {
  PortName name = *parse_port_name(here.port->peer);
  if (name.cube == *here.cube_name) {
    if (name.port == *here.port_name)
      return fail(ErrorCode::invalid_value, "port {} cannot be its own peer", here.text());
    return fail(ErrorCode::invalid_value, "port {} cannot have the peer {}: both are ports of the same cube",
                here.text(), here.port->peer);
  }
  auto cube = candidate.cubes.find(name.cube);
  if (cube == candidate.cubes.end())
    return fail(ErrorCode::data_missing, "Cube {} does not exist{}", name.cube, near_keys(name.cube, candidate.cubes));
  if (!cube->second.ports.contains(name.port))
    return fail(ErrorCode::data_missing, "Port {} does not exist: cube {} has no such port{}", name.port, name.cube,
                near_keys(name.port, cube->second.ports));
  if ((here.cube->hook == Hook::tc) != (cube->second.hook == Hook::tc))
    return fail(ErrorCode::invalid_value, "It is not possible to connect TC and XDP ports: {} is {}, {} is {}",
                here.text(), to_string(here.cube->hook), here.port->peer, to_string(cube->second.hook));
  return {};
}

/// Ports of `candidate` that are new or whose peer, or cube, is another than in `running`. Empty peers are left out.
std::vector<End> changed_peers(const Topology& running, const Topology& candidate) {
  std::vector<End> changed;
  auto before = running.cubes.begin();
  for (const auto& [cube_name, cube] : candidate.cubes) {
    while (before != running.cubes.end() && before->first < cube_name) ++before;
    const Cube* old = before != running.cubes.end() && before->first == cube_name ? &before->second : nullptr;
    if (old != nullptr && (old->service != cube.service || old->hook != cube.hook || old->loop_safe != cube.loop_safe))
      old = nullptr;
    static const std::map<std::string, Port> no_ports;
    const auto& old_ports = old != nullptr ? old->ports : no_ports;
    auto old_port = old_ports.begin();
    for (const auto& [port_name, port] : cube.ports) {
      while (old_port != old_ports.end() && old_port->first < port_name) ++old_port;
      bool same = old_port != old_ports.end() && old_port->first == port_name && old_port->second.peer == port.peer;
      if (!same && !port.peer.empty()) changed.push_back({&cube_name, &cube, &port_name, &port});
    }
  }
  return changed;
}

/// A device serves one port only. Judges the devices that `changed` ports take.
std::optional<Violation> check_devices_free(const Topology& candidate, const std::vector<End>& changed) {
  std::unordered_map<std::string_view, const End*> taken;
  for (const End& end : changed) {
    if (is_port_name(end.port->peer)) continue;
    auto [other, free] = taken.emplace(end.port->peer, &end);
    if (!free)
      return Violation{
          *end.cube_name, *end.port_name,
          fail(ErrorCode::in_use, "Iface already in use: {} is the peer of {}", end.port->peer, other->second->text())
              .value()};
  }
  if (taken.empty()) return std::nullopt;
  for (const auto& [cube_name, cube] : candidate.cubes) {
    for (const auto& [port_name, port] : cube.ports) {
      if (port.peer.empty()) continue;
      auto taker = taken.find(port.peer);
      if (taker == taken.end() || taker->second->port == &port) continue;
      const End& end = *taker->second;
      return Violation{
          *end.cube_name, *end.port_name,
          fail(ErrorCode::in_use, "Iface already in use: {} is the peer of {}:{}", port.peer, cube_name, port_name)
              .value()};
    }
  }
  return std::nullopt;
}

struct Link {
  End from;
  End to;
};

/// Searches the cubes that can be reached from a given one for a loop, without entering cubes that break loops.
/// Depth first, with its own stack: a chain may be as long as there are cubes.
class LoopSearch {
 public:
  explicit LoopSearch(const Topology& topology) : topology_(topology) {}

  /// The links of a loop, in order and from cube to cube, or nothing. A cube is visited once for all calls.
  std::vector<Link> from(const std::string& name, const Cube& start) {
    if (start.loop_safe || !visited_.insert(&start).second) return {};
    path_ = {{&name, &start, start.ports.begin(), nullptr}};
    links_.clear();
    while (!path_.empty()) {
      Step& step = path_.back();
      if (step.next == step.cube->ports.end()) {
        path_.pop_back();
        if (!links_.empty()) links_.pop_back();
        continue;
      }
      End here{step.name, step.cube, &step.next->first, &step.next->second};
      ++step.next;
      if (here.port == step.entry) continue;
      End there = mutual_end(topology_, here);
      if (!there || there.cube->loop_safe) continue;
      links_.push_back({here, there});
      if (!visited_.insert(there.cube).second) return close(there.cube);
      path_.push_back({there.cube_name, there.cube, there.cube->ports.begin(), there.port});
    }
    return {};
  }

 private:
  struct Step {
    const std::string* name;
    const Cube* cube;
    std::map<std::string, Port>::const_iterator next;
    const Port* entry;  ///< by which the cube was reached: going back is no loop
  };

  /// A visited cube that is reached again lies on the path: in an undirected graph there are no cross edges.
  std::vector<Link> close(const Cube* cube) {
    std::size_t first = 0;
    while (path_[first].cube != cube) ++first;
    return {links_.begin() + static_cast<std::ptrdiff_t>(first), links_.end()};
  }

  const Topology& topology_;
  std::unordered_set<const Cube*> visited_;
  std::vector<Step> path_;
  std::vector<Link> links_;  ///< between consecutive steps of the path
};

/// Names the loop beginning with a port that the candidate changes, which is the one to blame.
Violation loop_violation(std::vector<Link> loop, const std::unordered_set<const Port*>& changed) {
  auto is_changed = [&](const End& end) { return changed.contains(end.port); };
  auto blamed = std::find_if(loop.begin(), loop.end(), [&](const Link& l) { return is_changed(l.from); });
  if (blamed == loop.end()) {
    std::reverse(loop.begin(), loop.end());
    for (Link& link : loop) std::swap(link.from, link.to);
    blamed = std::find_if(loop.begin(), loop.end(), [&](const Link& l) { return is_changed(l.from); });
  }
  if (blamed != loop.end()) std::rotate(loop.begin(), blamed, loop.end());
  std::string text;
  for (const Link& link : loop) text += (text.empty() ? "" : ", ") + link.from.text() + " - " + link.to.text();
  return {*loop.front().from.cube_name, *loop.front().from.port_name,
          fail(ErrorCode::invalid_value, "the cubes would form a loop that none of them breaks: {}", text).value()};
}

std::optional<Violation> check_loops(const Topology& candidate, const std::vector<End>& changed) {
  LoopSearch search(candidate);
  for (const End& end : changed) {
    if (!mutual_end(candidate, end)) continue;
    auto loop = search.from(*end.cube_name, *end.cube);
    if (loop.empty()) continue;
    std::unordered_set<const Port*> changed_ports;
    for (const End& one : changed) changed_ports.insert(one.port);
    return loop_violation(std::move(loop), changed_ports);
  }
  return std::nullopt;
}

std::optional<Violation> check_limits(const Topology& running, const Topology& candidate) {
  if (candidate.cubes.size() > max_cubes) {
    auto added = std::find_if(candidate.cubes.begin(), candidate.cubes.end(),
                              [&](const auto& cube) { return !running.cubes.contains(cube.first); });
    return Violation{added != candidate.cubes.end() ? added->first : "", "",
                     fail(ErrorCode::limit_exceeded, "{} cubes are too many: at most {} can exist",
                          candidate.cubes.size(), max_cubes)
                         .value()};
  }
  for (const auto& [name, cube] : candidate.cubes)
    if (cube.ports.size() > max_ports)
      return Violation{name, "",
                       fail(ErrorCode::limit_exceeded, "cube {} would have {} ports: at most {} are possible", name,
                            cube.ports.size(), max_ports)
                           .value()};
  return std::nullopt;
}

/// A device has programs of one hook only: of a port's cube and of the transparent cubes there.
std::optional<Violation> check_chains(const Topology& candidate) {
  const bool at_devices = std::any_of(candidate.chains.begin(), candidate.chains.end(),
                                      [](const auto& chain) { return !is_port_name(chain.first); });
  if (!at_devices) return std::nullopt;
  for (const auto& [cube_name, cube] : candidate.cubes) {
    for (const auto& [port_name, port] : cube.ports) {
      auto chain = candidate.chains.find(port.peer);
      if (chain == candidate.chains.end() || is_port_name(port.peer)) continue;
      const Cube& attached = candidate.cubes.at(chain->second.front());
      if (attached.hook == cube.hook) continue;
      return Violation{
          cube_name, port_name,
          fail(ErrorCode::invalid_value,
               "port {}:{} cannot have the peer {}: cube {}, which is attached there, is {}, {} is {}", cube_name,
               port_name, port.peer, chain->second.front(), to_string(attached.hook), cube_name, to_string(cube.hook))
              .value()};
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Hook hook) {
  for (const auto& [value, name] : hook_names)
    if (value == hook) return name;
  return "";
}

Result<Hook> parse_hook(std::string_view text) {
  for (const auto& [value, name] : hook_names)
    if (name == text) return value;
  return fail(ErrorCode::invalid_value, "{} is not a hook; use TC, XDP_SKB or XDP_DRV", text);
}

std::optional<PortName> parse_port_name(std::string_view peer) {
  std::size_t colon = peer.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  return PortName{std::string(peer.substr(0, colon)), std::string(peer.substr(colon + 1))};
}

void assign_indexes(const Topology& running, Topology& candidate) {
  for (auto& [cube_name, cube] : candidate.cubes) {
    auto before = running.cubes.find(cube_name);
    std::vector<bool> used(cube.ports.size() + max_ports);
    std::vector<Port*> fresh;
    for (auto& [port_name, port] : cube.ports) {
      if (before != running.cubes.end()) {
        auto same = before->second.ports.find(port_name);
        if (same != before->second.ports.end() && same->second.index < used.size()) {
          port.index = same->second.index;
          used[port.index] = true;
          continue;
        }
      }
      fresh.push_back(&port);
    }
    std::size_t lowest = 0;
    for (Port* port : fresh) {
      while (used[lowest]) ++lowest;
      port->index = static_cast<std::uint16_t>(lowest++);
    }
  }
}

bool stays(const Topology& before, const Topology& after, const std::string& cube) {
  const auto old = before.cubes.find(cube);
  const auto now = after.cubes.find(cube);
  return old != before.cubes.end() && now != after.cubes.end() && old->second.service == now->second.service &&
         old->second.hook == now->second.hook;
}

void assign_uuids(const Topology& running, Topology& candidate, const std::function<std::string()>& fresh) {
  static const Cube none;
  for (auto& [cube_name, cube] : candidate.cubes) {
    if (!cube.uuid.empty()) continue;
    const Cube& before = stays(running, candidate, cube_name) ? running.cubes.at(cube_name) : none;
    cube.uuid = before.uuid.empty() ? fresh() : before.uuid;
    for (auto& [port_name, port] : cube.ports) {
      const auto same = before.ports.find(port_name);
      port.uuid = same == before.ports.end() || same->second.uuid.empty() ? fresh() : same->second.uuid;
    }
  }
}

std::optional<Violation> check(const Topology& running, const Topology& candidate, const Devices& devices) {
  if (auto violation = check_limits(running, candidate)) return violation;
  if (auto violation = check_chains(candidate)) return violation;
  std::vector<End> changed = changed_peers(running, candidate);
  if (changed.empty()) return std::nullopt;
  for (const End& end : changed) {
    auto result = is_port_name(end.port->peer) ? check_port(end, candidate) : check_device(end.port->peer, devices);
    if (!result) return Violation{*end.cube_name, *end.port_name, std::move(result).error()};
  }
  if (auto violation = check_devices_free(candidate, changed)) return violation;
  return check_loops(candidate, changed);
}

}  // namespace polycube::topology
