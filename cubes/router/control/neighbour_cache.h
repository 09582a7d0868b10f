// SPDX-License-Identifier: Apache-2.0
/// Which MAC addresses neighbours have: asking, waiting with packets in hand, keeping up to date, giving up.
/// Why: a pure machine on the time it is told, the same for ARP and neighbour discovery.
/// Invariants: at most max_held packets wait for a neighbour (the newest ones), and max_held_bytes for all. An entry that was
/// added stays as it is. A neighbour that packets are sent to is asked again when nothing confirmed it for reachable_time,
/// and is meanwhile used; one that nobody uses is forgotten. Answers that nobody asked for make no entries.
/// Threading: one thread.
/// Source: RFC 4861, 7 and 10, which ARP follows here as well (RFC 1122, 2.3.2).
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "control/address.h"
#include "control/routing_table.h"

namespace polycube::router {

/// A packet that waits, and the port on which it came.
struct Held {
  std::uint16_t port = 0;
  std::vector<std::byte> frame;
  bool operator==(const Held&) const = default;
};

class NeighbourCache {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds retransmit_time{1};
  static constexpr std::chrono::seconds reachable_time{30};
  static constexpr std::chrono::seconds look_time{5};  ///< how often an entry that nothing confirms is looked at
  static constexpr std::chrono::seconds unused_time{300};
  static constexpr unsigned max_questions = 3;
  static constexpr std::size_t max_held = 5;
  static constexpr std::size_t max_held_bytes = 4 << 20;

  /// What is to be done, in this order.
  struct Actions {
    std::vector<NextHop> remove;
    std::vector<std::pair<NextHop, Mac>> install;
    std::vector<std::pair<NextHop, std::optional<Mac>>> ask;  ///< this station only, or everybody
    std::vector<Held> deliver;
    std::vector<Held> unreachable;
  };

  /// Neighbours that the fast path has from a cache before this one. They are used as if they had been confirmed now, and
  /// asked again in the course of reachable_time, not all at once. Comes first.
  void resume(const std::map<NextHop, Mac>& entries, Time now);

  /// A packet is to be sent to a neighbour that the fast path does not know.
  [[nodiscard]] Actions hold(const NextHop& neighbour, Held packet, Time now);
  /// The neighbour said that it has the address. `may_add`: it wants to talk to us.
  [[nodiscard]] Actions heard(const NextHop& neighbour, const Mac& mac, bool may_add, Time now);
  /// Time has passed. `used` says whether packets were sent to the neighbour since it was asked last.
  [[nodiscard]] Actions tick(const std::function<bool(const NextHop&, const Mac&)>& used, Time now);
  /// Entries that were added: all of them.
  [[nodiscard]] Actions set_permanent(const std::map<NextHop, Mac>& entries);
  [[nodiscard]] Actions remove_port(std::uint16_t port);

  [[nodiscard]] std::map<NextHop, Mac> learned() const;

 private:
  enum class State { incomplete, reachable, probing, permanent };
  struct Neighbour {
    State state = State::incomplete;
    Mac mac{};
    Time confirmed{};
    Time next{};  ///< something is to be done then
    unsigned questions = 0;
    std::deque<Held> held;
  };
  using Neighbours = std::map<NextHop, Neighbour>;

  void ask(const NextHop& neighbour, Neighbour& entry, Time now, Actions& actions);
  Neighbours::iterator erase(Neighbours::iterator entry, Actions& actions);
  std::vector<Held> take_held(Neighbour& entry);

  Neighbours neighbours_;
  std::size_t held_bytes_ = 0;
};

}  // namespace polycube::router
