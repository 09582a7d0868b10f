// SPDX-License-Identifier: Apache-2.0
#include "stp.h"

#include <algorithm>
#include <utility>

namespace bridge {

using namespace std::chrono_literals;

namespace {

constexpr Duration hold_time = 1s;                  // 8.10.2
constexpr Duration message_age_increment = 1s;      // 8.10.1
constexpr std::uint32_t highest_path_cost = 65535;  // of a port

}  // namespace

bool Timer::advance(Duration elapsed, Duration limit) {
  if (!value_) return false;
  *value_ += elapsed;
  if (*value_ < limit) return false;
  value_.reset();
  return true;
}

Timers valid_timers(const Timers& wanted) {
  Timers timers;
  timers.hello = std::clamp<Duration>(wanted.hello, 1s, 10s);
  timers.forward_delay = std::clamp<Duration>(wanted.forward_delay, 4s, 30s);
  timers.forward_delay = std::max<Duration>(timers.forward_delay, timers.hello + 2s);
  timers.max_age = std::clamp<Duration>(wanted.max_age, 2 * (timers.hello + 1s), 2 * (timers.forward_delay - 1s));
  timers.max_age = std::clamp<Duration>(timers.max_age, 6s, 40s);
  return timers;
}

SpanningTree::SpanningTree(BridgeId id, const Timers& timers, Send send)
    : id_(id), own_timers_(timers), timers_(timers), send_(std::move(send)), root_(id) {
  hello_.start();
}

void SpanningTree::set_bridge(BridgeId id, const Timers& timers) {
  const bool was_root = is_root();
  own_timers_ = timers;
  if (was_root) timers_ = timers;
  if (id == id_) return;
  for (auto& [number, port] : ports_)
    if (is_designated(port)) port.designated.bridge = id;
  id_ = id;
  if (was_root) root_ = id;  // until the ports have been asked, it is
  configuration_update();
  port_state_selection();
  if (was_root && is_root()) config_bpdu_generation();
  become_root_unless(was_root);
}

void SpanningTree::set_port(PortNumber number, std::uint32_t path_cost, std::uint8_t priority) {
  auto [entry, added] = ports_.try_emplace(number);
  Port& port = entry->second;
  const auto id = static_cast<std::uint16_t>(priority << 8 | (number & 0xff));
  if (added) {
    port.id = id;
    port.path_cost = path_cost;
    initialize_port(port);
    port.state = PortState::disabled;
    return;
  }
  if (port.id == id && port.path_cost == path_cost) return;
  const bool was_root = is_root();
  if (is_designated(port)) port.designated.port = id;
  port.id = id;
  port.path_cost = path_cost;
  if (port.designated.bridge == id_ && port.id < port.designated.port) become_designated_port(port);
  configuration_update();
  port_state_selection();
  become_root_unless(was_root);
}

void SpanningTree::remove_port(PortNumber number) {
  disable_port(number);
  ports_.erase(number);
}

void SpanningTree::initialize_port(Port& port) {
  become_designated_port(port);
  port.state = PortState::blocking;
  port.acknowledge = port.config_pending = false;
  port.message_age.stop();
  port.forward_delay.stop();
  port.hold.stop();
}

void SpanningTree::enable_port(PortNumber number) {
  const auto entry = ports_.find(number);
  if (entry == ports_.end() || entry->second.state != PortState::disabled) return;
  initialize_port(entry->second);
  port_state_selection();
  // Others need not wait for the next hello to hear of the segment's bridge.
  transmit_config(number, entry->second);
}

void SpanningTree::resume_port(PortNumber number) {
  const auto entry = ports_.find(number);
  if (entry == ports_.end() || entry->second.state != PortState::disabled) return;
  initialize_port(entry->second);
  entry->second.state = PortState::forwarding;
  transmit_config(number, entry->second);
}

void SpanningTree::await_root(PortNumber number) {
  awaited_ = number;
  awaiting_.start();
}

void SpanningTree::resume_topology_change() {
  topology_change_ = topology_change_detected_ = true;
  topology_change_timer_.start();
}

void SpanningTree::disable_port(PortNumber number) {
  const auto entry = ports_.find(number);
  if (entry == ports_.end() || entry->second.state == PortState::disabled) return;
  if (number == awaited_) awaiting_.stop();
  const bool was_root = is_root();
  initialize_port(entry->second);
  entry->second.state = PortState::disabled;
  configuration_update();
  port_state_selection();
  become_root_unless(was_root);
}

void SpanningTree::become_root_unless(bool was_root) {
  if (was_root || !is_root()) return;
  timers_ = own_timers_;
  topology_change_detection();
  tcn_.stop();
  config_bpdu_generation();
  hello_.start();
}

void SpanningTree::receive(PortNumber number, const Bpdu& bpdu) {
  const auto entry = ports_.find(number);
  if (entry == ports_.end() || entry->second.state == PortState::disabled) return;
  const auto* config = std::get_if<ConfigBpdu>(&bpdu);
  if (config == nullptr) return received_tcn(number, entry->second);
  const bool is_awaited = awaiting_.is_running() && number == awaited_;
  if (is_awaited) awaiting_.stop();
  received_config(number, entry->second, *config);
  if (is_awaited) port_state_selection();
}

void SpanningTree::received_config(PortNumber number, Port& port, const ConfigBpdu& bpdu) {
  if (bpdu.message_age >= bpdu.timers.max_age || bpdu.cost > UINT32_MAX - highest_path_cost) return;
  if (!supersedes(port, bpdu)) {
    if (is_designated(port)) transmit_config(number, port);
    return;
  }
  const bool was_root = is_root();
  port.designated = {bpdu.root, bpdu.cost, bpdu.bridge, bpdu.port};
  port.message_age.start(bpdu.message_age);
  configuration_update();
  port_state_selection();
  if (was_root && !is_root()) {
    hello_.stop();
    if (topology_change_detected_) {
      topology_change_timer_.stop();
      transmit_tcn();
      tcn_.start();
    }
  }
  if (root_port_ != number) return;
  record_timeout_values(bpdu);
  config_bpdu_generation();
  if (bpdu.acknowledgment) {
    topology_change_detected_ = false;
    tcn_.stop();
  }
}

void SpanningTree::received_tcn(PortNumber number, Port& port) {
  if (!is_designated(port)) return;
  topology_change_detection();
  port.acknowledge = true;
  transmit_config(number, port);
}

void SpanningTree::record_timeout_values(const ConfigBpdu& bpdu) {
  timers_ = bpdu.timers;
  topology_change_ = bpdu.topology_change;
}

bool SpanningTree::is_designated(const Port& port) const {
  return port.designated.bridge == id_ && port.designated.port == port.id;
}

// Better than what the segment has, or from the one that it has it from.
bool SpanningTree::supersedes(const Port& port, const ConfigBpdu& bpdu) const {
  const Vector& known = port.designated;
  const auto route = std::tuple(bpdu.root, bpdu.cost, bpdu.bridge) <=> std::tuple(known.root, known.cost, known.bridge);
  if (route != 0) return route < 0;
  return bpdu.bridge != id_ || bpdu.port <= known.port;
}

void SpanningTree::transmit_config(PortNumber number, Port& port) {
  if (awaiting_.is_running()) return;
  if (port.hold.is_running()) {
    port.config_pending = true;
    return;
  }
  ConfigBpdu bpdu{.root = root_,
                  .cost = root_path_cost_,
                  .bridge = id_,
                  .port = port.id,
                  .message_age = {},
                  .timers = timers_,
                  .topology_change = topology_change_,
                  .acknowledgment = port.acknowledge};
  if (root_port_) bpdu.message_age = ports_.at(*root_port_).message_age.value() + message_age_increment;
  if (bpdu.message_age >= timers_.max_age) return;
  port.acknowledge = port.config_pending = false;
  port.hold.start();
  send_(number, bpdu);
}

void SpanningTree::config_bpdu_generation() {
  for (auto& [number, port] : ports_)
    if (port.state != PortState::disabled && is_designated(port)) transmit_config(number, port);
}

void SpanningTree::transmit_tcn() {
  if (root_port_) send_(*root_port_, TcnBpdu{});
}

void SpanningTree::configuration_update() {
  root_selection();
  designated_port_selection();
}

void SpanningTree::root_selection() {
  using Candidate = std::tuple<Vector, std::uint16_t>;  // what a port offers, and its id
  std::optional<Candidate> best;
  root_port_.reset();
  for (const auto& [number, port] : ports_) {
    if (port.state == PortState::disabled || is_designated(port) || port.designated.root >= id_) continue;
    Vector offer = port.designated;
    offer.cost += port.path_cost;
    const Candidate candidate{offer, port.id};
    if (best && *best <= candidate) continue;
    best = candidate;
    root_port_ = number;
  }
  root_ = best ? std::get<0>(*best).root : id_;
  root_path_cost_ = best ? std::get<0>(*best).cost : 0;
}

void SpanningTree::designated_port_selection() {
  for (auto& [number, port] : ports_) {
    if (port.state == PortState::disabled) continue;
    const Vector own{root_, root_path_cost_, id_, port.id};
    if (is_designated(port) || port.designated.root != root_ || own < port.designated) become_designated_port(port);
  }
}

void SpanningTree::become_designated_port(Port& port) { port.designated = {root_, root_path_cost_, id_, port.id}; }

void SpanningTree::port_state_selection() {
  for (auto& [number, port] : ports_) {
    if (port.state == PortState::disabled) continue;
    const bool designated = is_designated(port);
    if (designated) port.message_age.stop();
    if (!designated || root_port_ == number) port.config_pending = port.acknowledge = false;
    if (designated || root_port_ == number)
      make_forwarding(port);
    else
      make_blocking(port);
  }
}

void SpanningTree::make_forwarding(Port& port) {
  if (port.state != PortState::blocking || awaiting_.is_running()) return;
  port.state = PortState::listening;
  port.forward_delay.start();
}

void SpanningTree::make_blocking(Port& port) {
  if (port.state == PortState::blocking) return;
  const bool was_learning = port.state == PortState::forwarding || port.state == PortState::learning;
  port.state = PortState::blocking;
  port.forward_delay.stop();
  if (was_learning) topology_change_detection();
}

void SpanningTree::topology_change_detection() {
  if (is_root()) {
    topology_change_ = true;
    topology_change_timer_.start();
  } else if (!topology_change_detected_) {
    transmit_tcn();
    tcn_.start();
  }
  topology_change_detected_ = true;
}

PortState SpanningTree::state(PortNumber number) const {
  const auto entry = ports_.find(number);
  return entry == ports_.end() ? PortState::disabled : entry->second.state;
}

void SpanningTree::advance(Duration elapsed) {
  if (hello_.advance(elapsed, own_timers_.hello)) {
    config_bpdu_generation();
    hello_.start();
  }
  if (tcn_.advance(elapsed, own_timers_.hello)) {
    transmit_tcn();
    tcn_.start();
  }
  if (topology_change_timer_.advance(elapsed, timers_.max_age + timers_.forward_delay))
    topology_change_ = topology_change_detected_ = false;
  if (awaiting_.advance(elapsed, timers_.max_age)) {
    port_state_selection();
    config_bpdu_generation();
  }
  for (auto& [number, port] : ports_) advance_port(number, port, elapsed);
}

void SpanningTree::advance_port(PortNumber number, Port& port, Duration elapsed) {
  if (port.message_age.advance(elapsed, timers_.max_age)) {
    const bool was_root = is_root();
    become_designated_port(port);
    configuration_update();
    port_state_selection();
    become_root_unless(was_root);
  }
  if (port.forward_delay.advance(elapsed, timers_.forward_delay)) forward_delay_expiry(port);
  if (port.hold.advance(elapsed, hold_time) && port.config_pending) transmit_config(number, port);
}

void SpanningTree::forward_delay_expiry(Port& port) {
  if (port.state == PortState::listening) {
    port.state = PortState::learning;
    port.forward_delay.start();
  } else if (port.state == PortState::learning) {
    port.state = PortState::forwarding;
    const bool designated_somewhere = std::any_of(
        ports_.begin(), ports_.end(), [&](const auto& entry) { return entry.second.designated.bridge == id_; });
    if (designated_somewhere) topology_change_detection();
  }
}

}  // namespace bridge
