// SPDX-License-Identifier: Apache-2.0
/// Follows packets through cubes: which ones, how many, and what programs tell of them.
/// Why: programs that follow packets are others, which are loaded for as long as that lasts, so that it costs nothing
/// otherwise. Which packets are followed is decided in front of the first cube, by a filter and a number of packets that may be
/// on their way, so that a flood of them neither fills the ring nor reaches the slow path's thread.
/// Invariants: at most `allowed` packets were ever given a number.
/// Threading: safe from every thread.
/// Source: sdk/bpf/polycube/trace.h.
#pragma once

#include <polycube/abi.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "bpf/map.h"
#include "engine/packet_filter.h"
#include "engine/panel.h"

namespace polycube::engine {

/// Whether the programs of an engine follow packets.
enum class Tracing : std::uint16_t { off = PCN_TRACE_OFF, on = PCN_TRACE_ON, simulate = PCN_TRACE_SIMULATE };

/// Numbers of all packets since the engine was made.
struct TraceCounts {
  std::uint64_t allowed = 0;
  std::uint64_t begun = 0;
  std::uint64_t missed = 0;  ///< the filter let them through when no more were allowed
  std::uint64_t lost = 0;    ///< events that found no room
};

/// By which events name a cube or a gate: its slot, and of which panel.
[[nodiscard]] constexpr std::uint16_t trace_number(Family family, std::uint16_t slot) {
  static_assert(PCN_PANEL_SLOTS <= 0x8000);
  return static_cast<std::uint16_t>(family == Family::xdp ? slot | 0x8000U : slot);
}

/// What is in an event; nothing when it is none.
[[nodiscard]] std::optional<pcn_trace_event> parse_trace_event(std::span<const std::byte> record);

class Tracer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Tracer>> create();

  /// The maps that programs share, by name.
  [[nodiscard]] std::map<std::string, int> shared_maps() const;
  [[nodiscard]] const bpf::Map& ring() const { return ring_; }

  /// Errors: limit_exceeded (more than PCN_TRACE_INSTRUCTIONS).
  [[nodiscard]] Result<> set_filter(const PacketFilter& filter) const;
  [[nodiscard]] Result<> allow(std::uint64_t packets) const;
  [[nodiscard]] Result<TraceCounts> counts() const;

 private:
  Tracer() = default;
  bpf::Map ring_;
  bpf::Map counts_;
  bpf::Map filter_;
};

/// The number of a packet that this thread's slow path is handling and that is followed, else 0: what the slow path sends
/// meanwhile is followed as well.
class FollowedPacket {
 public:
  explicit FollowedPacket(std::uint16_t number) : before_(current_) { current_ = number; }
  ~FollowedPacket() { current_ = before_; }
  FollowedPacket(const FollowedPacket&) = delete;
  FollowedPacket& operator=(const FollowedPacket&) = delete;
  [[nodiscard]] static std::uint16_t current() { return current_; }

 private:
  static thread_local std::uint16_t current_;
  std::uint16_t before_;
};

}  // namespace polycube::engine
