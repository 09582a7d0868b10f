// SPDX-License-Identifier: Apache-2.0
/// The way of one packet through cubes, made of what programs told of it.
/// Invariants: pure; events of which the first ones are missing make a path that begins later.
/// Threading: pure.
/// Units: nanoseconds.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/tracer.h"
#include "model/datastore.h"
#include "service/packet_text.h"

namespace polycube::service {

/// What the numbers in events stand for; empty texts for what is not there any more.
struct TraceNames {
  std::function<std::string(std::uint16_t number)> cube;
  std::function<std::string(const std::string& cube)> service;
  std::function<std::string(const std::string& cube, std::uint16_t index)> port;
  /// Of a port: "cube:port" or a device.
  std::function<std::string(const std::string& cube, const std::string& port)> peer;
  std::function<std::string(int index)> device;
  /// Why a cube's fast path sent a packet to its slow path.
  std::function<std::string(const std::string& cube, std::uint16_t reason)> slow_path;
  /// Why a cube dropped a packet.
  std::function<std::string(const std::string& cube, std::uint16_t reason)> drop;
};

struct TraceHop {
  std::uint64_t begin = 0;     ///< since the first event
  std::uint64_t duration = 0;  ///< until the packet left; 0: nothing was told of that
  std::string device;          ///< instead of all that follows down to `program`
  std::string cube;
  std::string service;
  std::string port;           ///< by which the packet came; of a transparent cube none
  std::uint16_t program = 0;  ///< 0: the master
  bool egress = false;
  bool sent = false;    ///< by the slow path
  std::string verdict;  ///< as in the model: leaf verdict
  std::string reason;
  struct Way {
    std::string port;
    std::string peer;
  };
  std::vector<Way> ways;  ///< out of which ports it went
  std::vector<std::string> changes;
};

struct TracePath {
  std::uint64_t time = 0;  ///< of the first event, CLOCK_MONOTONIC
  std::uint32_t length = 0;
  std::string summary;  ///< of the packet as it came
  std::vector<TraceHop> hops;
};

/// `events`: of one packet, in the order of their times.
[[nodiscard]] TracePath trace_path(std::span<const pcn_trace_event> events, const TraceNames& names);

/// As in the model: an entry of list `packet`. `timed`: with times.
[[nodiscard]] model::Output output_of(const TracePath& path, bool timed = true);

}  // namespace polycube::service
