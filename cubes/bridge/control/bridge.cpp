// SPDX-License-Identifier: Apache-2.0
// Brings together configuration, spanning trees and the tables `ports` and `vlans` of the fast path.
#include <polycube/local_mac.h>
#include <polycube/table.h>

#include "config.h"

namespace bridge {

namespace control = polycube::control;
using polycube::Result;
using namespace std::chrono_literals;

namespace {

constexpr const char* state_names[] = {"disabled", "blocking", "listening", "learning", "forwarding"};
constexpr auto tick = 100ms;

BridgeId bridge_id(std::uint16_t priority, const MacAddress& mac) {
  BridgeId id = priority;
  for (const std::uint8_t octet : mac) id = id << 8 | octet;
  return id;
}

std::string text_of(BridgeId id) {
  const auto octet = [&](int number) { return static_cast<unsigned>(id >> 8 * (5 - number) & 0xff); };
  return fmt::format("{}.{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", id >> 48, octet(0), octet(1), octet(2), octet(3),
                     octet(4), octet(5));
}

std::uint64_t nanoseconds(std::chrono::nanoseconds time) { return static_cast<std::uint64_t>(time.count()); }

PortSet set_of(const __u64 (&words)[PORT_WORDS]) {
  PortSet set;
  std::copy(std::begin(words), std::end(words), set.words.begin());
  return set;
}

}  // namespace

class Bridge : public control::Cube {
 public:
  explicit Bridge(control::Host& host)
      : host_(host),
        own_mac_(control::local_mac(host)),
        port_table_(control::Table<std::uint32_t, port>::open(host, "ports").value()),
        vlan_table_(control::Table<std::uint32_t, vlan>::open(host, "vlans").value()),
        fdb_(control::Table<fdb_key, fdb_entry>::open(host, "fdb").value()),
        last_tick_(std::chrono::steady_clock::now()),
        timer_(host.every(tick, [this] { advance(); })) {}

  Result<> commit(const control::Changes& changes) override {
    const bool begins = !std::exchange(begun_, true);
    if (begins) PCN_TRY(read_vlans());
    Config before = config_;
    config_ = apply(config_, changes);
    auto done = rebuild(begins);
    if (!done) {
      config_ = std::move(before);
      report(rebuild());
    }
    return done;
  }

  void link(std::string_view, bool) override { report(rebuild()); }

  void packet_in(const control::PacketIn& in) override {
    const auto vlan_of_packet = static_cast<VlanId>(in.metadata[0]);
    const auto tree = trees_.find(vlan_of_packet);
    if (in.reason != REASON_BPDU || tree == trees_.end() || !members_[vlan_of_packet].ports.has(in.port_index)) return;
    const auto bpdu = decode(in.packet, vlan_of_packet);
    if (!bpdu) return;
    tree->second.receive(number_of(in.port_index), *bpdu);
    report(write_vlans());
  }

  Result<control::Rows> state(const std::string& node) override {
    return node == "stp" ? tree_rows() : node == "ports/stp" ? port_rows() : control::Rows{};
  }

 private:
  static SpanningTree::PortNumber number_of(std::uint16_t index) { return static_cast<std::uint16_t>(index + 1); }
  static std::uint16_t index_of(SpanningTree::PortNumber number) { return static_cast<std::uint16_t>(number - 1); }

  [[nodiscard]] MacAddress mac() const { return config_.mac.value_or(own_mac_); }

  void report(const Result<>& done) {
    if (!done) host_.log(control::LogLevel::err, done.error().message);
  }

  void advance() {
    const auto now = std::chrono::steady_clock::now();
    // When this was held up, so were the BPDUs that are to be compared with the time that has passed.
    const auto elapsed = std::min<Duration>(std::chrono::duration_cast<Duration>(now - last_tick_), 5 * tick);
    last_tick_ = now;
    if (trees_.empty()) return;
    for (auto& [vlan_id, tree] : trees_) tree.advance(elapsed);
    report(write_vlans());
  }

  // What a control plane before this one wrote: the fast path may be at work by that.
  Result<> read_vlans() {
    return vlan_table_.for_each([this](std::uint32_t id, const vlan& element) {
      if (id < VLANS) written_[id] = element;
    });
  }

  // Everything that follows from the configuration and from which ports are up. `begins`: trees go on from what is written.
  Result<> rebuild(bool begins = false) {
    const auto before = std::exchange(ports_, {});
    std::map<std::string, std::uint16_t> indexes;
    for (control::Port& each : host_.ports()) {
      if (!config_.ports.contains(each.name)) continue;  // its commit is still to come
      indexes[each.name] = each.index;
      ports_[each.index] = std::move(each);
    }
    // A port that took the place of another one begins anew.
    for (const auto& [index, old] : before)
      if (const auto entry = ports_.find(index); entry == ports_.end() || entry->second.name != old.name)
        for (auto& [id, tree] : trees_) tree.remove_port(number_of(index));
    members_ = members(config_, indexes);
    rebuild_trees(begins);
    PCN_TRY(write_ports());
    return write_vlans();
  }

  void rebuild_trees(bool begins) {
    const std::set<VlanId> wanted = vlans_with_tree(config_);
    std::erase_if(trees_, [&](const auto& entry) { return !wanted.contains(entry.first); });
    for (const VlanId id : wanted) {
      const TreeConfig tree_config = config_.tree(id);
      const BridgeId own_id = bridge_id(tree_config.priority, mac());
      const Timers timers = valid_timers(tree_config.timers);
      const auto [entry, added] =
          trees_.try_emplace(id, own_id, timers,
                             [this, id](SpanningTree::PortNumber number, const Bpdu& bpdu) { send(id, number, bpdu); });
      if (!added) entry->second.set_bridge(own_id, timers);
      const bool resumes = begins && written_[id].stp != 0;
      if (resumes) resume(id, entry->second);
      rebuild_ports(id, entry->second, resumes ? set_of(written_[id].forwarding) : PortSet{});
    }
  }

  void resume(VlanId id, SpanningTree& tree) {
    const vlan& written = written_[id];
    const auto root_port = static_cast<SpanningTree::PortNumber>(written.root_port);
    const auto entry = ports_.find(index_of(root_port));
    if (root_port == 0) {
      if (written.aging < nanoseconds(config_.aging_time)) tree.resume_topology_change();
    } else if (entry != ports_.end() && entry->second.up && members_[id].ports.has(entry->first)) {
      tree.await_root(root_port);
    }
  }

  // `forwarding`: ports that do, by what is written, and are not known to the tree yet.
  void rebuild_ports(VlanId id, SpanningTree& tree, const PortSet& forwarding) {
    for (std::uint16_t index = 0; index < PCN_MAX_PORTS; index++) {
      const auto entry = ports_.find(index);
      if (entry == ports_.end() || !members_[id].ports.has(index)) {
        tree.remove_port(number_of(index));
        continue;
      }
      const PortInTree port_config = config_.ports.at(entry->second.name).in_tree(id);
      tree.set_port(number_of(index), port_config.path_cost, port_config.priority);
      if (!entry->second.up)
        tree.disable_port(number_of(index));
      else if (forwarding.has(index))
        tree.resume_port(number_of(index));
      else
        tree.enable_port(number_of(index));
    }
  }

  // Where the VLAN is untagged its BPDUs are those of the link, which every bridge understands.
  void send(VlanId id, SpanningTree::PortNumber number, const Bpdu& bpdu) {
    const std::uint16_t index = index_of(number);
    const auto entry = ports_.find(index);
    if (entry == ports_.end()) return;
    MacAddress source = mac();
    source[5] = static_cast<std::uint8_t>(source[5] + number);
    source = config_.ports.at(entry->second.name).mac.value_or(source);
    const auto frame = members_[id].tagged.has(index) ? encode_pvst(bpdu, source, id, true) : encode(bpdu, source);
    if (auto sent = host_.send_packet_out(index, frame); !sent)
      host_.log(control::LogLevel::debug, fmt::format("BPDU of VLAN {}: {}", id, sent.error().message));
  }

  Result<> write_ports() {
    std::vector<std::uint32_t> keys;
    std::vector<port> values;
    for (std::uint32_t index = 0; index < PCN_MAX_PORTS; index++) {
      port value{};
      if (const auto entry = ports_.find(static_cast<std::uint16_t>(index)); entry != ports_.end()) {
        const PortConfig& port_config = config_.ports.at(entry->second.name);
        value = {.pvid = port_config.untagged(), .trunk = port_config.trunk};
      }
      keys.push_back(index);
      values.push_back(value);
    }
    return port_table_.set(keys, values);
  }

  // What a spanning tree says about the VLANs in it.
  struct TreeState {
    PortSet learning;
    PortSet forwarding;
    std::uint64_t aging;
    SpanningTree::PortNumber root_port = 0;
  };

  [[nodiscard]] std::map<VlanId, TreeState> tree_states() const {
    std::map<VlanId, TreeState> states;
    const std::uint64_t normal = nanoseconds(config_.aging_time);
    for (const auto& [id, tree] : trees_) {
      TreeState& of_tree = states[id];
      of_tree.root_port = tree.root_port().value_or(0);
      of_tree.aging = tree.topology_change() ? std::min(normal, nanoseconds(tree.forward_delay())) : normal;
      for (const auto& [index, each] : ports_) {
        const PortState of_port = tree.state(number_of(index));
        if (of_port >= PortState::learning) of_tree.learning.add(index);
        if (of_port == PortState::forwarding) of_tree.forwarding.add(index);
      }
    }
    return states;
  }

  [[nodiscard]] vlan element_of(VlanId id, const std::map<VlanId, TreeState>& states) const {
    vlan element{};
    const auto entry = members_.find(id);
    if (entry == members_.end()) return element;
    const auto& [members, tagged] = entry->second;
    auto tree = states.find(id);
    element.stp = tree != states.end();
    if (tree == states.end()) tree = states.find(default_vlan);
    const TreeState open{members, members, nanoseconds(config_.aging_time)};
    const TreeState& state = tree == states.end() ? open : tree->second;
    element.aging = state.aging;
    element.root_port = state.root_port;
    for (std::size_t i = 0; i < PORT_WORDS; i++) {
      element.learning[i] = members.words[i] & state.learning.words[i];
      element.forwarding[i] = members.words[i] & state.forwarding.words[i];
      element.tagged[i] = tagged.words[i];
    }
    return element;
  }

  // Entries of a VLAN that the fast path must not find any more.
  struct Purge {
    PortSet ports;
    std::uint64_t max_age = UINT64_MAX;
  };

  // Writes what has changed. Ports that forward no more lose their dynamic entries, and so do stations that were not
  // heard of while entries had to age fast.
  Result<> write_vlans() {
    std::vector<std::uint32_t> keys;
    std::vector<vlan> values;
    std::map<VlanId, Purge> purges;
    const auto states = tree_states();
    for (VlanId id = 1; id <= last_vlan; id++) {
      const vlan& written = written_[id];
      const vlan element = element_of(id, states);
      if (std::memcmp(&element, &written, sizeof(element)) == 0) continue;
      const PortSet lost = set_of(written.forwarding).without(set_of(element.forwarding));
      if (!lost.empty()) purges[id].ports = lost;
      if (written.aging < element.aging) purges[id].max_age = written.aging;
      keys.push_back(id);
      values.push_back(element);
    }
    PCN_TRY(vlan_table_.set(keys, values));
    for (std::size_t i = 0; i < keys.size(); i++) written_[keys[i]] = values[i];
    return purges.empty() ? Result<>() : purge(purges);
  }

  Result<> purge(const std::map<VlanId, Purge>& purges) {
    const std::uint64_t now = nanoseconds(std::chrono::steady_clock::now().time_since_epoch());
    std::vector<fdb_key> gone;
    PCN_TRY(fdb_.for_each([&](const fdb_key& key, const fdb_entry& entry) {
      const auto rule = purges.find(key.vlan);
      if (rule == purges.end() || entry.last_seen == 0 || entry.port >= PCN_MAX_PORTS) return;
      const bool old = now > entry.last_seen && now - entry.last_seen > rule->second.max_age;
      if (old || rule->second.ports.has(static_cast<std::uint16_t>(entry.port))) gone.push_back(key);
    }));
    return fdb_.remove(gone);
  }

  [[nodiscard]] control::Rows tree_rows() const {
    control::Rows rows;
    for (const auto& [id, tree] : trees_) {
      const TreeConfig tree_config = config_.tree(id);
      const auto in_seconds = [](Duration time) {
        return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count());
      };
      control::Leaves leaves{{"priority", std::to_string(tree_config.priority)},
                             {"forward-delay", in_seconds(tree_config.timers.forward_delay)},
                             {"hello-time", in_seconds(tree_config.timers.hello)},
                             {"max-message-age", in_seconds(tree_config.timers.max_age)},
                             {"bridge-id", text_of(tree.id())},
                             {"root-id", text_of(tree.root())},
                             {"root-path-cost", std::to_string(tree.root_path_cost())},
                             {"topology-change", tree.topology_change() ? "true" : "false"}};
      if (tree.root_port()) leaves["root-port"] = ports_.at(index_of(*tree.root_port())).name;
      rows.push_back({{std::to_string(id)}, std::move(leaves)});
    }
    return rows;
  }

  [[nodiscard]] control::Rows port_rows() const {
    control::Rows rows;
    for (const auto& [id, tree] : trees_) {
      for (const auto& [index, each] : ports_) {
        if (!members_.at(id).ports.has(index)) continue;
        const PortInTree port_config = config_.ports.at(each.name).in_tree(id);
        rows.push_back({{each.name, std::to_string(id)},
                        {{"state", state_names[static_cast<int>(tree.state(number_of(index)))]},
                         {"path-cost", std::to_string(port_config.path_cost)},
                         {"port-priority", std::to_string(port_config.priority)}}});
      }
    }
    return rows;
  }

  control::Host& host_;
  const MacAddress own_mac_;
  bool begun_ = false;  // there was a commit()
  Config config_;
  std::map<std::uint16_t, control::Port> ports_;  // by index
  std::map<VlanId, Members> members_;
  std::map<VlanId, SpanningTree> trees_;
  std::array<vlan, VLANS> written_{};
  control::Table<std::uint32_t, port> port_table_;
  control::Table<std::uint32_t, vlan> vlan_table_;
  control::Table<fdb_key, fdb_entry> fdb_;
  std::chrono::steady_clock::time_point last_tick_;
  control::Timer timer_;  // last: it calls what is above
};

}  // namespace bridge

POLYCUBE_SERVICE(bridge::Bridge);
