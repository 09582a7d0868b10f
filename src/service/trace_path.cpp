// SPDX-License-Identifier: Apache-2.0
#include "service/trace_path.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/cube.h"

namespace polycube::service {

namespace {

std::span<const std::byte> packet_of(const pcn_trace_event& event) {
  const std::size_t length = std::min<std::size_t>(event.packet_length, PCN_TRACE_BYTES);
  return std::as_bytes(std::span(event.packet)).first(length);
}

class PathBuilder {
 public:
  PathBuilder(TracePath& path, const TraceNames& names) : path_(path), names_(names) {}

  void add(const pcn_trace_event& event) {
    const PacketFields now = packet_fields(packet_of(event));
    if (path_.summary.empty()) {
      path_.time = event.time;
      path_.length = event.packet_length;
      path_.summary = packet_summary(now);
      before_ = now;
    }
    TraceHop& hop = hop_of(event);
    if (!begins(event)) hop.duration = event.time - path_.time - hop.begin;
    for (std::string& change : changes_to(now, begins(event))) hop.changes.push_back(std::move(change));
    if (event.kind == PCN_TRACE_FLOOD) copied_.push_back(now);
    before_ = now;
    judge(event, hop);
  }

  void finish() {
    for (std::size_t i = 0; i < path_.hops.size(); i++) {
      TraceHop& hop = path_.hops[i];
      if (!hop.verdict.empty() || !hop.device.empty()) continue;
      const bool jumps =
          i + 1 < path_.hops.size() && path_.hops[i + 1].cube == hop.cube && path_.hops[i + 1].program != 0;
      hop.verdict = jumps ? "jumps" : "unknown";
    }
  }

 private:
  static bool begins(const pcn_trace_event& event) {
    return event.kind == PCN_TRACE_GATE || event.kind == PCN_TRACE_ENTER || event.kind == PCN_TRACE_SENT;
  }

  // A copy begins with what was copied, whatever became of another copy meanwhile.
  std::vector<std::string> changes_to(const PacketFields& now, bool begins) const {
    std::vector<std::string> changes = packet_changes(before_, now);
    if (!begins) return changes;
    for (const PacketFields& copied : copied_)
      if (auto others = packet_changes(copied, now); others.size() < changes.size()) changes = std::move(others);
    return changes;
  }

  // The hop that an event belongs to: a new one, or the last one of the same program that has not ended.
  TraceHop& hop_of(const pcn_trace_event& event) {
    const bool is_first = begins(event);
    const bool at_device = event.kind == PCN_TRACE_GATE;
    const std::string cube = at_device ? std::string() : names_.cube(event.cube);
    const bool egress = event.direction == PCN_EGRESS;
    if (!is_first)
      for (auto hop = path_.hops.rbegin(); hop != path_.hops.rend(); ++hop)
        if (hop->cube == cube && hop->program == event.program && hop->egress == egress && !ended(*hop)) return *hop;
    TraceHop& hop = path_.hops.emplace_back();
    hop.begin = event.time - path_.time;
    hop.egress = egress;
    if (at_device) {
      hop.device = names_.device(static_cast<int>(event.wire.target));
      hop.verdict = egress ? "leaves" : "arrives";
      return hop;
    }
    hop.cube = cube;
    hop.service = names_.service(cube);
    hop.program = event.program;
    hop.sent = event.kind == PCN_TRACE_SENT;
    if (is_first) hop.port = names_.port(cube, event.port);
    return hop;
  }

  // A packet of which the slow path has a copy may go on.
  static bool ended(const TraceHop& hop) { return !hop.verdict.empty() && hop.verdict != "slow-path"; }

  void judge(const pcn_trace_event& event, TraceHop& hop) {
    switch (event.kind) {
      case PCN_TRACE_LEAVE:
        hop.verdict = "leaves";
        // Between the transparent cubes of a chain nothing has a name.
        if (TraceHop::Way to = way(event, hop); !to.port.empty() || !to.peer.empty()) hop.ways.push_back(std::move(to));
        break;
      case PCN_TRACE_HOST: hop.verdict = "host"; break;
      case PCN_TRACE_DROP:
        hop.verdict = "dropped";
        hop.reason = names_.drop(hop.cube, event.reason);
        break;
      case PCN_TRACE_CONTROLLER:
        hop.verdict = event.wire.kind == 0 ? "slow-path" : "dropped";
        hop.reason = event.wire.kind == 0 ? names_.slow_path(hop.cube, event.reason)
                                          : names_.drop(hop.cube, PCN_DROP_CONTROLLER);
        break;
      case PCN_TRACE_FLOOD:
        hop.verdict = "copied";
        for (std::uint16_t port = 0; port < PCN_MAX_PORTS; port++) {
          if ((event.ports[port / 64] >> (port % 64) & 1) == 0 || port == event.port) continue;
          const std::string name = names_.port(hop.cube, port);
          if (const std::string peer = name.empty() ? name : names_.peer(hop.cube, name); !peer.empty())
            hop.ways.push_back({name, peer});
        }
        break;
      default: break;
    }
  }

  TraceHop::Way way(const pcn_trace_event& event, const TraceHop& hop) {
    std::string name = names_.port(hop.cube, event.port);
    std::string peer = name.empty() ? name : names_.peer(hop.cube, name);
    if (event.wire.kind == PCN_WIRE_DEVICE || event.wire.kind == PCN_WIRE_PASS)
      peer = names_.device(static_cast<int>(event.wire.target));
    return {std::move(name), std::move(peer)};
  }

  TracePath& path_;
  const TraceNames& names_;
  PacketFields before_;
  std::vector<PacketFields> copied_;
};

}  // namespace

TracePath trace_path(std::span<const pcn_trace_event> events, const TraceNames& names) {
  TracePath path;
  PathBuilder builder(path, names);
  for (const pcn_trace_event& event : events) builder.add(event);
  builder.finish();
  return path;
}

model::Output output_of(const TracePath& path, bool timed) {
  model::Output packet;
  packet.add("length", std::to_string(path.length));
  packet.add("summary", path.summary);
  for (const TraceHop& hop : path.hops) {
    model::Output& one = packet.add_node("hop");
    if (timed) one.add("begin", std::to_string(hop.begin));
    if (timed && hop.duration != 0) one.add("duration", std::to_string(hop.duration));
    if (!hop.device.empty()) one.add("device", hop.device);
    if (!hop.cube.empty()) one.add("cube", hop.cube);
    if (!hop.service.empty()) one.add("service-name", hop.service);
    if (!hop.port.empty()) one.add("port", hop.port);
    if (hop.program != 0) one.add("slave", std::to_string(hop.program));
    one.add("direction", hop.egress ? "egress" : "ingress");
    if (hop.sent) one.add("sent", "true");
    one.add("verdict", hop.verdict);
    if (!hop.reason.empty()) one.add("reason", hop.reason);
    for (const TraceHop::Way& way : hop.ways) {
      model::Output& to = one.add_node("to");
      if (!way.port.empty()) to.add("port", way.port);
      if (!way.peer.empty()) to.add("peer", way.peer);
    }
    for (const std::string& change : hop.changes) one.add("change", change);
  }
  return packet;
}

}  // namespace polycube::service
