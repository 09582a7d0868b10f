// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include <charconv>

namespace bridge {

namespace {

using polycube::control::Change;
using polycube::control::Leaves;

template <typename T>
T number(const std::string& text, int base = 10) {
  std::uint64_t value = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), value, base);  // the model has checked it
  return static_cast<T>(value);
}

std::string leaf(const Leaves& leaves, const char* name) {
  const auto entry = leaves.find(name);
  return entry == leaves.end() ? std::string() : entry->second;
}

bool is_set(const Leaves& leaves, const char* name) { return leaf(leaves, name) == "true"; }

std::chrono::seconds seconds(const Leaves& leaves, const char* name) {
  return std::chrono::seconds(number<std::uint32_t>(leaf(leaves, name)));
}

std::optional<MacAddress> mac(const Leaves& leaves) {
  const std::string text = leaf(leaves, "mac");
  if (text.empty()) return std::nullopt;
  MacAddress address{};
  for (std::size_t i = 0; i < address.size(); i++) address[i] = number<std::uint8_t>(text.substr(3 * i, 2), 16);
  return address;
}

// What the mode of a port does not have comes without leaves, and has the defaults when it comes back.
void apply_access(PortConfig& port, const Leaves& after) {
  port.access = after.empty() ? default_vlan : number<VlanId>(leaf(after, "vlanid"));
}

void apply_trunk(PortConfig& port, const Leaves& after) {
  port.allow_all = is_set(after, "allow-all");
  port.native = default_vlan;
  if (!after.empty())
    port.native = is_set(after, "native-vlan-enabled") ? number<VlanId>(leaf(after, "native-vlan")) : VlanId{0};
}

void apply_tree(Config& config, VlanId vlan, const std::optional<Leaves>& after) {
  config.trees.erase(vlan);
  if (!after) return;
  config.trees[vlan] = {.priority = number<std::uint16_t>(leaf(*after, "priority")),
                        .timers = {.max_age = seconds(*after, "max-message-age"),
                                   .hello = seconds(*after, "hello-time"),
                                   .forward_delay = seconds(*after, "forward-delay")}};
}

void apply_port_tree(PortConfig& port, VlanId vlan, const std::optional<Leaves>& after) {
  port.trees.erase(vlan);
  if (!after) return;
  port.trees[vlan] = {.path_cost = number<std::uint32_t>(leaf(*after, "path-cost")),
                      .priority = number<std::uint8_t>(leaf(*after, "port-priority"))};
}

// What is below a port that is deleted is deleted before it, and created after it.
void apply_to_port(Config& config, const Change& change) {
  const std::string& name = change.keys.front();
  const auto& after = change.after;
  if (change.node == "ports") {
    if (!after) return void(config.ports.erase(name));
    config.ports[name].mac = mac(*after);
    config.ports[name].trunk = leaf(*after, "mode") == "trunk";
    return;
  }
  PortConfig& port = config.ports[name];
  if (change.node == "ports/access") {
    if (after) apply_access(port, *after);
  } else if (change.node == "ports/trunk") {
    if (after) apply_trunk(port, *after);
  } else if (change.node == "ports/trunk/allowed") {
    const auto vlan = number<VlanId>(change.keys.at(1));
    if (after)
      port.allowed.insert(vlan);
    else
      port.allowed.erase(vlan);
  } else if (change.node == "ports/stp") {
    apply_port_tree(port, number<VlanId>(change.keys.at(1)), after);
  }
}

}  // namespace

PortInTree PortConfig::in_tree(VlanId vlan) const {
  const auto entry = trees.find(vlan);
  return entry == trees.end() ? PortInTree{} : entry->second;
}

TreeConfig Config::tree(VlanId vlan) const {
  const auto entry = trees.find(vlan);
  return entry == trees.end() ? TreeConfig{} : entry->second;
}

Config apply(Config config, const polycube::control::Changes& changes) {
  for (const Change& change : changes) {
    if (change.node.starts_with("ports")) {
      apply_to_port(config, change);
    } else if (change.node == "stp") {
      apply_tree(config, number<VlanId>(change.keys.front()), change.after);
    } else if (change.node.empty() && change.after) {
      config.mac = mac(*change.after);
      config.stp = is_set(*change.after, "stp-enabled");
    } else if (change.node == "fdb" && change.after) {
      config.aging_time = seconds(*change.after, "aging-time");
    }
  }
  return config;
}

PortSet PortSet::without(const PortSet& other) const {
  PortSet rest;
  for (std::size_t i = 0; i < words.size(); i++) rest.words[i] = words[i] & ~other.words[i];
  return rest;
}

std::map<VlanId, Members> members(const Config& config, const std::map<std::string, std::uint16_t>& indexes) {
  std::map<VlanId, Members> vlans;
  for (const auto& [name, port] : config.ports) {
    const auto index = indexes.find(name);
    if (index == indexes.end()) continue;
    const auto add = [&vlans, &port = port, index](VlanId vlan) {
      vlans[vlan].ports.add(index->second);
      if (vlan != port.untagged()) vlans[vlan].tagged.add(index->second);
    };
    if (port.untagged() != 0) add(port.untagged());
    if (port.trunk && port.allow_all)
      for (VlanId vlan = 1; vlan <= last_vlan; vlan++) add(vlan);
    else if (port.trunk)
      for (const VlanId vlan : port.allowed) add(vlan);
  }
  return vlans;
}

std::set<VlanId> vlans_with_tree(const Config& config) {
  std::set<VlanId> vlans;
  if (!config.stp) return vlans;
  for (const auto& [name, port] : config.ports) {
    if (port.untagged() != 0) vlans.insert(port.untagged());
    if (port.trunk) vlans.insert(port.allowed.begin(), port.allowed.end());
    if (port.trunk && port.allow_all) vlans.insert(default_vlan);
  }
  return vlans;
}

}  // namespace bridge
