// SPDX-License-Identifier: Apache-2.0
/// What tests of packets that are followed, or simulated, have in common.
/// Threading: Events from any, the rest by one thread.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "harness/data_path.h"
#include "harness/must.h"
#include "harness/probe/abi/probe.h"

namespace polycube::harness {

constexpr std::chrono::seconds long_enough{20};  // only a broken run waits for it

// Events in the order in which they came.
class Events {
 public:
  void put(const pcn_trace_event& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
    arrived_.notify_all();
  }
  std::vector<pcn_trace_event> take(std::size_t count) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, long_enough, [&] { return events_.size() >= count; }))
      ADD_FAILURE() << events_.size() << " events came, not " << count;
    return std::exchange(events_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<pcn_trace_event> events_;
};

inline std::string name(const engine::Engine& engine, const pcn_trace_event& event) {
  return engine.traced_cube(event.cube).value_or("nobody");
}

inline std::string text(const engine::Engine& engine, const pcn_trace_event& event) {
  const std::string cube = name(engine, event);
  switch (event.kind) {
    case PCN_TRACE_GATE: {
      const auto gate = engine.traced_gate(event.cube);
      char device[16] = "nowhere";
      if (gate) if_indextoname(static_cast<unsigned>(gate->device), device);
      return std::string("at ") + device;
    }
    case PCN_TRACE_ENTER: return fmt::format("enters {} {}/{}", cube, event.program, event.port);
    case PCN_TRACE_LEAVE: return fmt::format("leaves {} {}", cube, event.port);
    case PCN_TRACE_HOST: return cube + " to the host";
    case PCN_TRACE_DROP: return fmt::format("dropped by {}: {}", cube, event.reason);
    case PCN_TRACE_CONTROLLER: return fmt::format("slow path of {}: {}", cube, event.reason);
    case PCN_TRACE_FLOOD: return cube + " floods";
    case PCN_TRACE_SENT: return fmt::format("slow path of {} sends", cube);
    default: return "?";
  }
}

class TraceTest : public testing::TestWithParam<Hook> {
 protected:
  Hook hook() const { return GetParam(); }

  void add_device(const std::string& name) {
    path_.add_device(name);
    sockets_.emplace(name, FrameSocket(DataPath::far_end(name)));
  }
  const FrameSocket& at(const std::string& device) { return sockets_.at(device); }
  void rule(const std::string& cube, const std::string& in, const Cells& cells) {
    Cells row = cells;
    row["inport"] = in;
    path_.write(cube, "rules", row);
  }
  void forward(const std::string& cube, const std::string& in, int out) {
    rule(cube, in, {{"action", "forward"}, {"outport", std::to_string(out)}});
  }
  void start(std::uint64_t allowed = 100) {
    must(path_.engine().tracer().allow(allowed));
    must(path_.trace(true));
    listen();
  }
  void listen() {
    engine::SlowPath::Reader reader;
    reader.record = [this](std::span<const std::byte> record) { events_.put(*engine::parse_trace_event(record)); };
    subscription_ = must(path_.engine().slow_path().subscribe(path_.engine().tracer().ring(), std::move(reader)));
  }

  // d1 - a - b - d2
  void two_cubes() {
    add_device("d1");
    add_device("d2");
    path_.add_cube("a", probe(), hook(), {{"in", "d1"}, {"out", ""}});
    path_.add_cube("b", probe(), hook(), {{"in", ""}, {"out", "d2"}});
    path_.join("a", "out", "b", "in");
    forward("a", "in", 1);
    forward("b", "in", 1);
    must(path_.apply());
  }

  std::string text(const pcn_trace_event& event) const { return harness::text(path_.engine(), event); }
  std::vector<std::string> take(std::size_t count) {
    std::vector<std::string> texts;
    for (const pcn_trace_event& event : events_.take(count)) texts.push_back(text(event));
    return texts;
  }

  Events events_;
  DataPath path_;
  std::map<std::string, FrameSocket> sockets_;
  engine::SlowPath::Subscription subscription_;  // first to go
  const Bytes frame_ = build(Ethernet{} / Ipv4{} / Udp{} / Payload("hello"));
};

}  // namespace polycube::harness
