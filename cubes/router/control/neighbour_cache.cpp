// SPDX-License-Identifier: Apache-2.0
#include "control/neighbour_cache.h"

#include <iterator>

namespace polycube::router {

void NeighbourCache::ask(const NextHop& neighbour, Neighbour& entry, Time now, Actions& actions) {
  entry.questions++;
  entry.next = now + retransmit_time;
  actions.ask.emplace_back(neighbour, entry.state == State::probing ? std::optional(entry.mac) : std::nullopt);
}

std::vector<Held> NeighbourCache::take_held(Neighbour& entry) {
  for (const Held& packet : entry.held) held_bytes_ -= packet.frame.size();
  std::vector<Held> packets(std::make_move_iterator(entry.held.begin()), std::make_move_iterator(entry.held.end()));
  entry.held.clear();
  return packets;
}

NeighbourCache::Neighbours::iterator NeighbourCache::erase(Neighbours::iterator entry, Actions& actions) {
  if (entry->second.state != State::incomplete) actions.remove.push_back(entry->first);
  (void)take_held(entry->second);
  return neighbours_.erase(entry);
}

void NeighbourCache::resume(const std::map<NextHop, Mac>& entries, Time now) {
  const std::chrono::microseconds step = std::chrono::microseconds(reachable_time) / (entries.size() + 1);
  Time next = now;
  for (const auto& [neighbour, mac] : entries)
    neighbours_[neighbour] = {State::reachable, mac, now, next += step, 0, {}};
}

NeighbourCache::Actions NeighbourCache::hold(const NextHop& neighbour, Held packet, Time now) {
  Actions actions;
  auto found = neighbours_.find(neighbour);
  if (found == neighbours_.end()) {
    if (neighbours_.size() >= MAX_NEIGHBOURS) return actions;
    found = neighbours_.emplace(neighbour, Neighbour{}).first;
    ask(neighbour, found->second, now, actions);
  }
  Neighbour& entry = found->second;
  if (entry.state != State::incomplete) {
    // Found while the packet was on its way here.
    actions.deliver.push_back(std::move(packet));
    return actions;
  }
  if (entry.held.size() == max_held) {
    held_bytes_ -= entry.held.front().frame.size();
    entry.held.pop_front();
  }
  if (held_bytes_ + packet.frame.size() > max_held_bytes) return actions;
  held_bytes_ += packet.frame.size();
  entry.held.push_back(std::move(packet));
  return actions;
}

NeighbourCache::Actions NeighbourCache::heard(const NextHop& neighbour, const Mac& mac, bool may_add, Time now) {
  Actions actions;
  auto found = neighbours_.find(neighbour);
  if (found == neighbours_.end()) {
    if (!may_add || neighbours_.size() >= MAX_NEIGHBOURS) return actions;
    found = neighbours_.emplace(neighbour, Neighbour{}).first;
  }
  Neighbour& entry = found->second;
  if (entry.state == State::permanent) return actions;
  if (entry.state == State::incomplete || entry.mac != mac) actions.install.emplace_back(neighbour, mac);
  actions.deliver = take_held(entry);
  entry = {State::reachable, mac, now, now + reachable_time, 0, {}};
  return actions;
}

NeighbourCache::Actions NeighbourCache::tick(const std::function<bool(const NextHop&, const Mac&)>& used, Time now) {
  Actions actions;
  for (auto it = neighbours_.begin(); it != neighbours_.end();) {
    auto& [neighbour, entry] = *it;
    if (entry.state == State::permanent || now < entry.next) {
      ++it;
    } else if (entry.state == State::reachable) {
      if (used(neighbour, entry.mac)) {
        entry.state = State::probing;
        ask(neighbour, entry, now, actions);
      } else if (now - entry.confirmed >= unused_time) {
        it = erase(it, actions);
        continue;
      } else {
        entry.next = now + look_time;
      }
      ++it;
    } else if (entry.questions < max_questions) {
      ask(neighbour, entry, now, actions);
      ++it;
    } else {
      auto lost = take_held(entry);
      std::move(lost.begin(), lost.end(), std::back_inserter(actions.unreachable));
      it = erase(it, actions);
    }
  }
  return actions;
}

NeighbourCache::Actions NeighbourCache::set_permanent(const std::map<NextHop, Mac>& entries) {
  Actions actions;
  for (auto it = neighbours_.begin(); it != neighbours_.end();) {
    const bool gone = it->second.state == State::permanent && !entries.contains(it->first);
    it = gone ? erase(it, actions) : std::next(it);
  }
  for (const auto& [neighbour, mac] : entries) {
    Neighbour& entry = neighbours_[neighbour];
    if (entry.state == State::permanent && entry.mac == mac) continue;
    for (Held& packet : take_held(entry)) actions.deliver.push_back(std::move(packet));
    entry = {State::permanent, mac, {}, {}, 0, {}};
    actions.install.emplace_back(neighbour, mac);
  }
  return actions;
}

NeighbourCache::Actions NeighbourCache::remove_port(std::uint16_t port) {
  Actions actions;
  for (auto it = neighbours_.begin(); it != neighbours_.end();)
    it = it->first.port == port ? erase(it, actions) : std::next(it);
  return actions;
}

std::map<NextHop, Mac> NeighbourCache::learned() const {
  std::map<NextHop, Mac> entries;
  for (const auto& [neighbour, entry] : neighbours_)
    if (entry.state == State::reachable || entry.state == State::probing) entries[neighbour] = entry.mac;
  return entries;
}

}  // namespace polycube::router
