// SPDX-License-Identifier: Apache-2.0
/// A trace that somebody reads: events come on the slow path's thread, finished packets go to requests.
/// Why: a packet is finished when nothing was told of it for a while, since copies and the slow path go ways of their own. Only
/// `window` packets are followed at a time, so events are few however many packets there are.
/// Invariants: each packet is given once, in the order in which they came.
/// Threading: safe from every thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/tracer.h"

namespace polycube::service {

class TraceSession {
 public:
  using Clock = std::chrono::steady_clock;

  /// Packets followed at a time: each may have as many events as a chain has programs, twice.
  static constexpr std::uint64_t window = 32;
  static constexpr std::chrono::milliseconds quiet{200};  ///< then a packet is finished
  static constexpr std::chrono::milliseconds longest_wait{1000};
  static constexpr std::chrono::seconds patience{10};  ///< of one that nobody reads
  static constexpr std::size_t longest_path = 1024;    ///< events of a packet; what goes round in a loop has more

  /// `before`: the tracer's counts when it begins. `count`: it ends with so many packets; 0: never.
  TraceSession(std::string id, std::string author, const engine::TraceCounts& before, std::uint64_t count)
      : id_(std::move(id)), author_(std::move(author)), before_(before), count_(count), read_(Clock::now()) {}

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const std::string& author() const { return author_; }
  [[nodiscard]] const engine::TraceCounts& before() const { return before_; }

  void add(const pcn_trace_event& event);

  struct Packet {
    std::uint64_t number;  ///< from 1 on
    std::vector<pcn_trace_event> events;
  };
  /// Waits for finished packets.
  [[nodiscard]] std::vector<Packet> take();

  /// How many packets may be followed by now, for Tracer::allow().
  [[nodiscard]] std::uint64_t allowed() const;
  /// Whether as many as were asked for were taken.
  [[nodiscard]] bool finished() const;
  /// Whether nobody has read for so long that nobody will.
  [[nodiscard]] bool abandoned() const;
  /// Those who wait get nothing more.
  void end();

 private:
  [[nodiscard]] std::vector<Packet> take_finished(Clock::time_point now);

  const std::string id_;
  const std::string author_;
  const engine::TraceCounts before_;
  const std::uint64_t begun_ =  ///< CLOCK_MONOTONIC, as in events
      static_cast<std::uint64_t>(std::chrono::nanoseconds(Clock::now().time_since_epoch()).count());
  const std::uint64_t count_;
  mutable std::mutex mutex_;
  std::condition_variable ended_changed_;
  bool ended_ = false;
  Clock::time_point read_;
  std::uint64_t taken_ = 0;
  struct Open {
    std::uint64_t order;  ///< in which they came
    Clock::time_point last;
    std::vector<pcn_trace_event> events;
  };
  std::uint64_t next_order_ = 0;
  std::map<std::uint16_t, Open> open_;  ///< by the number that packets carry
};

}  // namespace polycube::service
