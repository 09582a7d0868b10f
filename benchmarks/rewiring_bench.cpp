// SPDX-License-Identifier: Apache-2.0
// A cube is put between two others and taken out again, over and over, while packets flow: as many have to come out as
// went in.
#include <algorithm>
#include <chrono>
#include <thread>

#include "benchmarks.h"
#include "daemon.h"
#include "interrupt.h"
#include "live.h"

namespace polycube::bench {

namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr double max_control = 5;  // seconds of the same without rewirings

json port(const char* name, const char* peer) { return {{"name", name}, {"peer", peer}}; }

std::string datastore(json cubes) {
  return json{{"ietf-restconf:data", {{"simpleforwarder:simpleforwarder", std::move(cubes)}}}}.dump();
}

Result<Samples> rewire(Daemon& daemon, const std::string& hook, unsigned rewirings) {
  const std::string insert = datastore({forwarder_json("m", hook, {"f1:p1", "f2:p0"}),
                                        {{"name", "f1"}, {"ports", {port("p1", "m:p0")}}},
                                        {{"name", "f2"}, {"ports", {port("p0", "m:p1")}}}});
  const std::string take_out = datastore(
      {{{"name", "f1"}, {"ports", {port("p1", "f2:p0")}}}, {{"name", "f2"}, {"ports", {port("p0", "f1:p1")}}}});
  Samples times;  // ms
  for (unsigned i = 0; i < rewirings; i++) {
    PCN_TRY(check_interrupt());
    const auto begin = Clock::now();
    PCN_TRY(daemon.patch("", i % 2 == 0 ? insert : take_out));
    times.add(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    if (i % 2 == 1) PCN_TRY(daemon.remove("/simpleforwarder:simpleforwarder=m"));
  }
  return times;
}

// Where the cubes that stay say that they dropped packets, for whoever looks for the reason of a loss.
Result<std::string> drops(Daemon& daemon) {
  std::string text;
  for (const char* name : {"f1", "f2"}) {
    PCN_ASSIGN(const json cube, daemon.get(fmt::format("/simpleforwarder:simpleforwarder={}?content=nonconfig", name)));
    for (const json& entry : cube.value(json::json_pointer("/simpleforwarder:simpleforwarder/0/drops"), json::array()))
      text += fmt::format(", {} dropped {} ({})", name, entry["packets"].get<std::string>(),
                          entry["reason"].get<std::string>());
  }
  return text;
}

Result<> measure_hook(Report& report, const Effort& effort, Daemon& daemon, const LivePath& path,
                      const std::string& hook) {
  PCN_TRY(
      daemon.post("", json{{"simpleforwarder:simpleforwarder",
                            {forwarder_json("f1", hook, {"b", "f2:p0"}), forwarder_json("f2", hook, {"f1:p1", "c"})}}}
                          .dump()));
  Samples times;
  PCN_ASSIGN(const Flow flow, flow_during(path, [&]() -> Result<> {
               PCN_ASSIGN(times, rewire(daemon, hook, effort.rewirings));
               return {};
             }));
  double seconds = static_cast<double>(flow.sent.packets) / flow.sent.rate;
  seconds = std::min(seconds, max_control);
  PCN_ASSIGN(const Flow control, flow_during(path, [&]() -> Result<> {
               std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
               return check_interrupt();
             }));
  PCN_ASSIGN(const std::string dropped, drops(daemon));
  for (const char* name : {"f1", "f2"})
    PCN_TRY(daemon.remove(fmt::format("/simpleforwarder:simpleforwarder={}", name)));
  report.add({.what = fmt::format("{}: lost during {} rewirings", hook, effort.rewirings),
              .figure = fmt::format("{} of {} packets at {:.0f} kpps{}", flow.lost, flow.sent.packets,
                                    flow.sent.rate / 1e3, dropped),
              .reference = fmt::format("{} of {} without rewirings", control.lost, control.sent.packets),
              .ratio = fmt::format("a rewiring {:.1f} ms", times.median()),
              .bar = fmt::format("0 at >= {:.0f} kpps", min_flow_rate / 1e3),
              .met = flow.lost == 0 && flow.sent.rate >= min_flow_rate,
              .details = {{"lost", flow.lost},
                          {"sent", flow.sent.packets},
                          {"rate", flow.sent.rate},
                          {"lost_without", control.lost},
                          {"rewiring_ms", to_json(times)}}});
  return {};
}

}  // namespace

Result<> rewiring(Report& report, const Effort& effort) {
  report.section("Packets lost while a cube is inserted into a chain and removed from it");
  PCN_ASSIGN(const auto path, LivePath::create());
  PCN_ASSIGN(const auto daemon, Daemon::start());
  for (const char* hook : {"XDP_DRV", "TC"}) PCN_TRY(measure_hook(report, effort, *daemon, *path, hook));
  return {};
}

}  // namespace polycube::bench
