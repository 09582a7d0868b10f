// SPDX-License-Identifier: Apache-2.0
/// One bridge in one spanning tree: what it makes of BPDUs and of time.
/// Why: a pure state machine. Time is told, BPDUs are values, so it is tested without clocks, packets and a kernel.
/// Invariants: ports are known by their number; unknown ones are ignored. A port that is added is disabled.
/// Threading: one thread. `send` is called from within the functions and must not call back.
/// Units: Duration; path costs as in the standard.
/// Source: IEEE Std 802.1D-1998, 8.5 (parameters), 8.6 (procedures), 8.7 (operation), 8.8 (management). The functions
/// have the names of the procedures.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <tuple>

#include "bpdu.h"

namespace bridge {

enum class PortState { disabled, blocking, listening, learning, forwarding };

/// Counts up from where it is started until it is stopped.
class Timer {
 public:
  void start(Duration from = {}) { value_ = from; }
  void stop() { value_.reset(); }
  [[nodiscard]] Duration value() const { return value_.value_or(Duration{}); }
  [[nodiscard]] bool is_running() const { return value_.has_value(); }
  /// Whether it runs and has come to `limit` now; then it is stopped.
  [[nodiscard]] bool advance(Duration elapsed, Duration limit);

 private:
  std::optional<Duration> value_;
};

/// What the user asked for, brought into the ranges and relations of 8.10.2. Maximum age gives way to the others.
[[nodiscard]] Timers valid_timers(const Timers& wanted);

/// Priority in the highest 16 bits, MAC address in the others; the lower, the more preferred.
using BridgeId = std::uint64_t;

class SpanningTree {
 public:
  using PortNumber = std::uint16_t;
  using Send = std::function<void(PortNumber, const Bpdu&)>;

  SpanningTree(BridgeId id, const Timers& timers, Send send);

  void set_bridge(BridgeId id, const Timers& timers);
  /// Adds the port, or changes it.
  void set_port(PortNumber number, std::uint32_t path_cost, std::uint8_t priority);
  void remove_port(PortNumber number);
  void enable_port(PortNumber number);
  void disable_port(PortNumber number);

  // Of a bridge that begins anew while its ports are at work. Nothing changes by that, so no topology change is told.
  /// In place of enable_port(): the port forwards until BPDUs say otherwise.
  void resume_port(PortNumber number);
  /// To be called before ports are enabled: this one was that towards the root. Until it is heard there who is the root, for
  /// max_age at most, nobody is told that this bridge were it, and no port begins to forward.
  void await_root(PortNumber number);
  /// Of the root: the topology has changed a short while ago, and not all may know.
  void resume_topology_change();

  void receive(PortNumber number, const Bpdu& bpdu);
  /// Time passes. Steps should be short against the timers.
  void advance(Duration elapsed);

  /// Disabled for an unknown port.
  [[nodiscard]] PortState state(PortNumber number) const;
  /// While there is one, dynamic entries are to age in forward_delay().
  [[nodiscard]] bool topology_change() const { return topology_change_; }
  [[nodiscard]] Duration forward_delay() const { return timers_.forward_delay; }
  [[nodiscard]] BridgeId id() const { return id_; }
  [[nodiscard]] BridgeId root() const { return root_; }
  [[nodiscard]] std::uint32_t root_path_cost() const { return root_path_cost_; }
  /// The awaited one until the root is known.
  [[nodiscard]] std::optional<PortNumber> root_port() const {
    return awaiting_.is_running() ? std::optional(awaited_) : root_port_;
  }
  [[nodiscard]] bool is_root() const { return root_ == id_; }

 private:
  /// From where a segment gets its information, compared as the standard does: the lower, the better.
  struct Vector {
    BridgeId root = 0;
    std::uint32_t cost = 0;
    BridgeId bridge = 0;
    std::uint16_t port = 0;
    auto operator<=>(const Vector&) const = default;
  };
  struct Port {
    std::uint16_t id = 0;
    PortState state = PortState::disabled;
    std::uint32_t path_cost = 0;
    Vector designated;
    bool acknowledge = false;
    bool config_pending = false;
    Timer message_age, forward_delay, hold;
  };

  [[nodiscard]] bool is_designated(const Port& port) const;
  [[nodiscard]] bool supersedes(const Port& port, const ConfigBpdu& bpdu) const;
  void received_config(PortNumber number, Port& port, const ConfigBpdu& bpdu);
  void received_tcn(PortNumber number, Port& port);
  void record_timeout_values(const ConfigBpdu& bpdu);
  void transmit_config(PortNumber number, Port& port);
  void config_bpdu_generation();
  void transmit_tcn();
  void configuration_update();
  void root_selection();
  void designated_port_selection();
  void become_designated_port(Port& port);
  void port_state_selection();
  void make_forwarding(Port& port);
  void make_blocking(Port& port);
  /// What follows when this bridge has become the root by what was done since `was_root`.
  void become_root_unless(bool was_root);
  void topology_change_detection();
  void initialize_port(Port& port);
  void advance_port(PortNumber number, Port& port, Duration elapsed);
  void forward_delay_expiry(Port& port);

  BridgeId id_;
  Timers own_timers_;
  Timers timers_;  ///< the root's
  Send send_;
  std::map<PortNumber, Port> ports_;
  BridgeId root_;
  std::uint32_t root_path_cost_ = 0;
  std::optional<PortNumber> root_port_;
  bool topology_change_ = false;
  bool topology_change_detected_ = false;
  Timer hello_, tcn_, topology_change_timer_;
  PortNumber awaited_ = 0;
  Timer awaiting_;  ///< runs while the root is not known yet
};

}  // namespace bridge
