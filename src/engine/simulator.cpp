// SPDX-License-Identifier: Apache-2.0
#include "engine/simulator.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <future>
#include <iterator>

#include "bpf/ring_buffer.h"
#include "engine/engine_parts.h"

namespace polycube::engine {

using topology::Direction;
using topology::Gate;
using topology::Hook;

namespace {

constexpr std::uint16_t number = 1;  // of the packet
constexpr std::size_t tag_offset = 2 * ETH_ALEN;
constexpr std::size_t tag_size = 4;

/// A packet in front of a program.
struct Visit {
  Family family;
  std::uint16_t slot;
  std::uint16_t port;  ///< of a cube; at a device the program knows it
  std::uint32_t traffic_class;
  int device;  ///< where it is, 0: at none that leads to cubes
  bpf::Bytes packet;
  std::optional<pcn_trace_event> gate = {};  ///< told before, of a packet at a device
};

std::span<const std::byte> bytes_of(const auto& value) { return std::as_bytes(std::span(&value, 1)); }

// Of a packet that has room for addresses, as all have that the kernel runs programs over.
void push_tag(bpf::Bytes& packet, std::span<const std::byte> tag) {
  if (packet.size() < tag_offset) return;
  packet.insert(packet.begin() + tag_offset, tag.begin(), tag.end());
}

void push_tag(bpf::Bytes& packet, std::uint16_t tci) {
  const std::array<std::uint16_t, 2> tag{htons(ETH_P_8021Q), htons(tci)};
  push_tag(packet, bytes_of(tag));
}

// Of a packet that has one.
void pop_tag(bpf::Bytes& packet) {
  if (packet.size() >= tag_offset + tag_size + sizeof(std::uint16_t))
    packet.erase(packet.begin() + tag_offset, packet.begin() + tag_offset + tag_size);
}

// Nothing can be sent from here. A network namespace belongs to a thread.
Result<> without_devices(const std::function<Result<>()>& work) {
  const auto enter_and_work = [&]() -> Result<> {
    if (unshare(CLONE_NEWNET) < 0) return fail_errno(errno, "cannot create a network namespace");
    return work();
  };
  return std::async(std::launch::async, enter_and_work).get();
}

bool has_port(const __u64 (&ports)[2], std::size_t port) { return (ports[port / 64] >> (port % 64) & 1) != 0; }

/// The packet as it was on the wire when the event was told: a test run does not give back a tag that is beside it.
bpf::Bytes packet_at(const pcn_trace_event& event, bpf::Bytes packet) {
  if (event.packet_length == packet.size() + tag_size)
    push_tag(packet, std::as_bytes(std::span(event.packet)).subspan(tag_offset, tag_size));
  return packet;
}

}  // namespace

struct Simulator::Run {
  const Simulator& simulator;
  const Engine& twin;
  bpf::RingBuffer ring;
  std::vector<pcn_trace_event>& told;  ///< by the program that was run last
  Simulation result;
  std::vector<Visit> visits;  ///< to be made, the last one first
  std::vector<Visit> next;    ///< those that follow from the last, in order

  Result<> make_all() {
    for (std::size_t runs = 0;; runs++) {
      std::move(next.rbegin(), next.rend(), std::back_inserter(visits));
      next.clear();
      if (visits.empty()) return {};
      if (runs == max_runs) {
        result.complete = false;
        return {};
      }
      const Visit visit = std::move(visits.back());
      visits.pop_back();
      if (visit.gate) result.events.push_back(*visit.gate);
      PCN_ASSIGN(bpf::Bytes packet, make(visit));
      if (told.empty()) return fail(ErrorCode::system, "a program that the packet enters did not run");
      result.events.insert(result.events.end(), told.begin(), told.end());
      const pcn_trace_event last = told.back();
      follow(visit, last, packet_at(last, std::move(packet)));
    }
  }

  // Runs the program; returns the packet as that left it.
  Result<bpf::Bytes> make(const Visit& visit) {
    told.clear();
    const bpf::Program& entrance = simulator.entrances_.at(visit.family);
    bpf::Program::Run run;
    if (visit.family == Family::tc) {
      __sk_buff context{};
      context.mark = visit.traffic_class;
      context.cb[0] = visit.port;
      context.cb[1] = visit.slot;
      context.cb[3] = PCN_TRACE_MAGIC;
      context.cb[4] = number;
      PCN_ASSIGN(run, entrance.test_run(visit.packet, {.context = bytes_of(context)}));
    } else {
      const pcn_frame frame = Injector::frame_for(
          {.slot = visit.slot, .port = visit.port, .traffic_class = visit.traffic_class, .trace = number, .bytes = {}});
      bpf::Bytes framed(bytes_of(frame).begin(), bytes_of(frame).end());
      framed.insert(framed.end(), visit.packet.begin(), visit.packet.end());
      PCN_ASSIGN(run, entrance.test_run(framed));
    }
    PCN_TRY(ring.consume(SIZE_MAX));
    return std::move(run.packet);
  }

  // What becomes of the packet when the programs are through with it.
  void follow(const Visit& visit, const pcn_trace_event& last, const bpf::Bytes& packet) {
    switch (last.kind) {
      case PCN_TRACE_LEAVE:
        if (last.wire.kind == PCN_WIRE_DEVICE) {
          // XDP sends past the device's hooks.
          if (visit.family == Family::tc)
            enter_gate(static_cast<int>(last.wire.target), Direction::egress, last.traffic_class, packet);
        } else if (last.wire.kind == PCN_WIRE_PASS && last.wire.port == PCN_INGRESS) {
          enter_host(visit, static_cast<int>(last.wire.target), packet);
        }
        return;
      case PCN_TRACE_HOST: enter_host(visit, visit.device, packet); return;
      case PCN_TRACE_FLOOD: copy(visit, last, packet); return;
      default: return;
    }
  }

  // Behind the cubes of a device on XDP are those that it has on TC.
  void enter_host(const Visit& visit, int device, const bpf::Bytes& packet) {
    if (visit.family != Family::xdp) return;
    if (const auto gate = twin.roots_.find({device, Hook::tc, Direction::ingress}); gate != twin.roots_.end())
      enter(gate->first, gate->second.root, 0, packet);
  }

  bool enter_gate(int device, Direction direction, std::uint32_t traffic_class, const bpf::Bytes& packet) {
    // XDP comes first.
    for (const Hook hook : {Hook::xdp_drv, Hook::xdp_skb, Hook::tc}) {
      const auto gate = twin.roots_.find({device, hook, direction});
      if (gate == twin.roots_.end()) continue;
      enter(gate->first, gate->second.root, traffic_class, packet);
      return true;
    }
    return false;
  }

  // Tells of it as the tracer does (src/engine/bpf/tracer.bpf.c).
  void enter(const Gate& gate, const Root& root, std::uint32_t traffic_class, const bpf::Bytes& packet) {
    const Family family = family_of(gate.hook);
    pcn_trace_event event{};
    event.time = monotonic_now();
    event.id = number;
    event.kind = PCN_TRACE_GATE;
    event.cube = trace_number(family, root.slot());
    event.wire.target = static_cast<__u32>(gate.device);
    event.direction = gate.direction == Direction::egress ? PCN_EGRESS : PCN_INGRESS;
    event.packet_length = static_cast<__u32>(packet.size());
    std::memcpy(event.packet, packet.data(), std::min(packet.size(), sizeof(event.packet)));
    next.push_back({family, root.slot(), 0, traffic_class, gate.device, packet, event});
  }

  void copy(const Visit& visit, const pcn_trace_event& flood, const bpf::Bytes& packet) {
    const auto cube = twin.traced_cube(flood.cube);
    if (!cube) return;
    const pcn_config& config = twin.cubes_.at(*cube)->constants().ingress;
    bpf::Bytes changed = packet;
    if (flood.has_tag != 0)
      pop_tag(changed);
    else
      push_tag(changed, flood.tci);
    for (std::size_t port = 0; port < config.ports; port++) {
      const pcn_wire& wire = config.wires[port];
      if (port == flood.port || wire.kind == PCN_WIRE_NONE || !has_port(flood.ports, port)) continue;
      const bool keeps = has_port(flood.tagged, port) == (flood.has_tag != 0);
      const bpf::Bytes& copied = keeps ? packet : changed;
      if (wire.kind == PCN_WIRE_DEVICE)
        enter_gate(static_cast<int>(wire.target), Direction::egress, flood.traffic_class, copied);
      else
        next.push_back(
            {visit.family, static_cast<std::uint16_t>(wire.target), wire.port, flood.traffic_class, 0, copied});
    }
  }
};

Result<Simulation> Simulator::run(int device, Direction direction, std::span<const std::byte> packet) const {
  if (packet.size() < smallest || packet.size() > largest)
    return fail(ErrorCode::invalid_value, "the packet has {} bytes, not {} to {}", packet.size(), smallest, largest);
  std::vector<pcn_trace_event> told;
  PCN_ASSIGN(bpf::RingBuffer ring,
             bpf::RingBuffer::open(twin_->tracer().ring(), [&told](std::span<const std::byte> record) {
               if (const auto event = parse_trace_event(record)) told.push_back(*event);
             }));
  Run run{*this, *twin_, std::move(ring), told, {}, {}, {}};
  if (!run.enter_gate(device, direction, 0, {packet.begin(), packet.end()}))
    return fail(ErrorCode::data_missing, "packets that {} the device meet no cube",
                direction == Direction::egress ? "the host sends out of" : "come in by");
  PCN_TRY(without_devices([&] { return run.make_all(); }));
  return std::move(run.result);
}

}  // namespace polycube::engine
