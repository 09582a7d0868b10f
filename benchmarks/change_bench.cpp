// SPDX-License-Identifier: Apache-2.0
// How long after a request was sent do packets go the new way? The chain leads to one of two sinks; a request moves it
// to the other one, which notes when its first packet arrives.
#include <chrono>
#include <thread>

#include "benchmarks.h"
#include "daemon.h"
#include "interrupt.h"
#include "laboratory.h"

namespace polycube::bench {

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr double bar = 5;  // ms, of the median; the 99th percentile is shown beside it
constexpr double packets_per_second = 100e3;
constexpr auto patience = std::chrono::seconds(10);

struct Field {
  Pair in;
  Pair out[2];
  std::optional<Sink> sinks[2];
  std::unique_ptr<PacketStream> packets;  // first to go
};

Result<> make_field(Field& field) {
  PCN_ASSIGN(field.in, create_pair("a", "b"));
  for (unsigned i : {0U, 1U}) {
    PCN_ASSIGN(field.out[i], create_pair(fmt::format("c{}", i), fmt::format("d{}", i)));
    PCN_ASSIGN(field.sinks[i], Sink::attach(field.out[i].far));
  }
  PCN_ASSIGN(field.packets, PacketStream::start(field.in.near, packets_per_second));
  return {};
}

Result<Clock::time_point> first_frame(const Sink& sink) {
  const auto deadline = Clock::now() + patience;
  while (Clock::now() < deadline) {
    if (auto time = sink.arrived()) return *time;
    PCN_TRY(check_interrupt());
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return fail(ErrorCode::system, "a change has had no effect for {} s", std::chrono::seconds(patience).count());
}

struct Latency {
  Samples effect;  ///< ms
  Samples answer;  ///< ms
};

struct Change {
  std::string path;
  std::string body[2];  ///< that leads to this sink
};

Result<> make_change(Daemon& daemon, const Field& field, const Change& change, unsigned target, Latency& latency) {
  field.sinks[target]->arm();
  const auto begin = Clock::now();
  PCN_TRY(daemon.patch(change.path, change.body[target]));
  const auto answered = Clock::now();
  PCN_ASSIGN(const Clock::time_point seen, first_frame(*field.sinks[target]));
  latency.effect.add(Milliseconds(seen - begin).count());
  latency.answer.add(Milliseconds(answered - begin).count());
  std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the last frames of the old way are through
  return {};
}

Result<> measure(Report& report, Daemon& daemon, const Field& field, const std::string& what, const Change& change,
                 unsigned count) {
  Latency latency;
  for (unsigned i = 0; i < count; i++) PCN_TRY(make_change(daemon, field, change, 1 - i % 2, latency));
  // Back to the first sink, for whatever is measured next.
  if (count % 2 == 1) PCN_TRY(daemon.patch(change.path, change.body[0]));
  report.add(
      {.what = what,
       .figure = fmt::format("{:.2f} ms, 99 %: {:.2f} ms", latency.effect.median(), latency.effect.percentile(99)),
       .reference = fmt::format("answered after {:.2f} ms", latency.answer.median()),
       .ratio = {},
       .bar = fmt::format("median < {} ms", bar),
       .met = latency.effect.median() < bar,
       .details = {{"effect_ms", to_json(latency.effect)}, {"answer_ms", to_json(latency.answer)}}});
  return {};
}

constexpr const char* cube_path = "/simpleforwarder:simpleforwarder=f";
constexpr const char* destination_address = "02:00:00:00:00:02";  // of make_frame()
constexpr const char* bridge_path = "/simplebridge:simplebridge=br";

Change action_change() {
  Change change{fmt::format("{}/actions=p0", cube_path), {}};
  for (unsigned i : {0U, 1U})
    change.body[i] =
        nlohmann::json{{"simpleforwarder:actions", {{{"inport", "p0"}, {"outport", fmt::format("p{}", i + 1)}}}}}
            .dump();
  return change;
}

/// `leaf` is qualified; `path` leads to it.
Change leaf_change(const std::string& path, const std::string& leaf, const std::string& first,
                   const std::string& second) {
  return {path, {nlohmann::json{{leaf, first}}.dump(), nlohmann::json{{leaf, second}}.dump()}};
}

Change peer_change(const std::string& port, const std::string& first, const std::string& second) {
  return leaf_change(fmt::format("{}/ports={}/peer", cube_path, port), "simpleforwarder:peer", first, second);
}

std::string nth_address(unsigned i) {
  return fmt::format("02:00:01:{:02x}:{:02x}:{:02x}", i >> 16, i >> 8 & 255, i & 255);
}

/// A bridge whose filtering database has many entries; the one for the packets' destination leads to the first sink.
nlohmann::json bridge_json(const std::string& hook, unsigned entries) {
  nlohmann::json database = nlohmann::json::array({{{"address", destination_address}, {"port", "p1"}}});
  for (unsigned i = 1; i < entries; i++) database.push_back({{"address", nth_address(i)}, {"port", "p0"}});
  return {{"name", "br"},
          {"type", hook},
          {"ports", {{{"name", "p0"}, {"peer", "b"}}, {{"name", "p1"}, {"peer", "g0:p0"}}, {{"name", "p2"}}}},
          {"fdb", {{"entry", std::move(database)}}}};
}

Result<> create(Daemon& daemon, const std::vector<nlohmann::json>& cubes) {
  return daemon.post("", nlohmann::json{{"simpleforwarder:simpleforwarder", cubes}}.dump());
}

Result<> remove(Daemon& daemon, const std::vector<std::string>& names) {
  for (const std::string& name : names) PCN_TRY(daemon.remove("/simpleforwarder:simpleforwarder=" + name));
  return {};
}

/// The time must not grow with what the change does not touch.
Result<> measure_large(Report& report, const Effort& effort, Daemon& daemon, const std::string& hook,
                       const Field& field) {
  const std::string size = fmt::format("{} entries", effort.entries);
  const nlohmann::json bridge = bridge_json(hook, effort.entries);
  const nlohmann::json forwarders = {forwarder_json("g0", hook, {"br:p1", "c0"}),
                                     forwarder_json("g1", hook, {"br:p1", "c1"})};
  PCN_TRY(daemon.post(
      "",
      nlohmann::json{{"simplebridge:simplebridge", {bridge}}, {"simpleforwarder:simpleforwarder", forwarders}}.dump()));
  PCN_TRY(measure(report, daemon, field, fmt::format("{}: peer of a port of a bridge with {}", hook, size),
                  leaf_change(fmt::format("{}/ports=p1/peer", bridge_path), "simplebridge:peer", "g0:p0", "g1:p0"),
                  effort.changes));
  PCN_TRY(daemon.patch("/simpleforwarder:simpleforwarder=g1/ports=p0/peer", R"({"simpleforwarder:peer":"br:p2"})"));
  PCN_TRY(daemon.patch(fmt::format("{}/ports=p2/peer", bridge_path), R"({"simplebridge:peer":"g1:p0"})"));
  PCN_TRY(measure(report, daemon, field, fmt::format("{}: one of the {} of a bridge", hook, size),
                  leaf_change(fmt::format("{}/fdb/entry={}/port", bridge_path, destination_address),
                              "simplebridge:port", "p1", "p2"),
                  effort.changes));
  PCN_TRY(daemon.remove(bridge_path));
  return remove(daemon, {"g0", "g1"});
}

Result<> measure_hook(Report& report, const Effort& effort, Daemon& daemon, const Field& field,
                      const std::string& hook) {
  PCN_TRY(create(daemon, {forwarder_json("f", hook, {"b", "c0", "c1"})}));
  PCN_TRY(measure(report, daemon, field, hook + ": action of a port", action_change(), effort.changes));
  PCN_TRY(remove(daemon, {"f"}));

  PCN_TRY(create(daemon, {forwarder_json("f", hook, {"b", "g0:p0"}), forwarder_json("g0", hook, {"f:p1", "c0"}),
                          forwarder_json("g1", hook, {"f:p1", "c1"})}));
  PCN_TRY(measure(report, daemon, field, hook + ": peer of a port, another cube", peer_change("p1", "g0:p0", "g1:p0"),
                  effort.changes));
  PCN_TRY(remove(daemon, {"f", "g0", "g1"}));

  PCN_TRY(create(daemon, {forwarder_json("f", hook, {"b", "c0"})}));
  PCN_TRY(measure(report, daemon, field, hook + ": peer of a port, another device", peer_change("p1", "c0", "c1"),
                  effort.changes));
  PCN_TRY(remove(daemon, {"f"}));
  return measure_large(report, effort, daemon, hook, field);
}

}  // namespace

Result<> change(Report& report, const Effort& effort) {
  report.section("From the sending of a configuration change to the first packet that goes the new way");
  Field field;
  PCN_TRY(make_field(field));
  PCN_ASSIGN(const auto daemon, Daemon::start());
  for (const char* hook : {"XDP_DRV", "TC"}) PCN_TRY(measure_hook(report, effort, *daemon, field, hook));
  return {};
}

}  // namespace polycube::bench
