// SPDX-License-Identifier: Apache-2.0
#include "service/trace_session.h"

#include <algorithm>

namespace polycube::service {

void TraceSession::add(const pcn_trace_event& event) {
  const std::lock_guard lock(mutex_);
  auto open = open_.find(event.id);
  if (open == open_.end()) {
    // A tracer is the first to tell of a packet. Until there is one at each device, packets may come along with the number that
    // an earlier trace left in the word of their CPU; and what is finished already may tell of itself late. The ring may have
    // events of the trace before.
    if (event.kind != PCN_TRACE_GATE || event.time < begun_) return;
    open = open_.try_emplace(event.id).first;
    open->second.order = next_order_++;
  }
  open->second.last = Clock::now();
  if (open->second.events.size() < longest_path) open->second.events.push_back(event);
}

std::vector<TraceSession::Packet> TraceSession::take_finished(Clock::time_point now) {
  std::vector<Packet> packets;
  for (auto open = open_.begin(); open != open_.end();) {
    if (now - open->second.last < quiet && open->second.events.size() < longest_path) {
      ++open;
      continue;
    }
    packets.push_back({open->second.order, std::move(open->second.events)});
    open = open_.erase(open);
  }
  std::ranges::sort(packets, {}, &Packet::number);
  // CPUs that count at the same time may count one too many.
  if (count_ != 0 && packets.size() > count_ - taken_) packets.resize(count_ - taken_);
  for (Packet& packet : packets) {
    packet.number = ++taken_;
    std::ranges::sort(packet.events, {}, &pcn_trace_event::time);  // CPUs do not wait for each other
  }
  return packets;
}

std::vector<TraceSession::Packet> TraceSession::take() {
  const Clock::time_point end = Clock::now() + longest_wait;
  std::unique_lock lock(mutex_);
  for (;;) {
    const Clock::time_point now = read_ = Clock::now();
    auto packets = take_finished(now);
    if (!packets.empty() || now >= end || ended_) return packets;
    ended_changed_.wait_for(lock, quiet / 4, [this] { return ended_; });
  }
}

std::uint64_t TraceSession::allowed() const {
  const std::lock_guard lock(mutex_);
  const std::uint64_t most = taken_ + window;
  return before_.begun + (count_ == 0 ? most : std::min(count_, most));
}

bool TraceSession::finished() const {
  const std::lock_guard lock(mutex_);
  return ended_ || (count_ != 0 && taken_ >= count_);
}

bool TraceSession::abandoned() const {
  const std::lock_guard lock(mutex_);
  return Clock::now() - read_ > patience;
}

void TraceSession::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  ended_changed_.notify_all();
}

}  // namespace polycube::service
