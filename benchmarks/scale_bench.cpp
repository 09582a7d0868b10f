// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "benchmarks.h"
#include "daemon.h"
#include "interrupt.h"

namespace polycube::bench {

namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr double entries_bar = 200;  // ms for the whole list

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

std::string cubes_body(unsigned first, unsigned count) {
  json cubes = json::array();
  for (unsigned i = first; i < first + count; i++)
    cubes.push_back(forwarder_json(fmt::format("f{}", i), "TC", {"", ""}));
  return json{{"simpleforwarder:simpleforwarder", std::move(cubes)}}.dump();
}

Result<> create_cubes(Report& report, const Effort& effort, unsigned per_request) {
  PCN_ASSIGN(const auto daemon, Daemon::start());
  PCN_ASSIGN(const std::uint64_t before, daemon->resident_memory());
  std::vector<std::string> bodies;
  for (unsigned i = 0; i < effort.cubes; i += per_request) bodies.push_back(cubes_body(i, per_request));
  Samples times;  // ms
  const auto begin = Clock::now();
  for (const std::string& body : bodies) {
    PCN_TRY(check_interrupt());
    const auto sent = Clock::now();
    PCN_TRY(daemon->post("", body));
    times.add(milliseconds_since(sent));
  }
  const double total = milliseconds_since(begin);
  PCN_ASSIGN(const std::uint64_t after, daemon->resident_memory());
  const double memory = (static_cast<double>(after) - static_cast<double>(before)) / effort.cubes;
  report.add({.what = fmt::format("{} cubes, {}", effort.cubes, per_request == 1 ? "one request each" : "one request"),
              .figure = fmt::format("{:.2f} s, {:.2f} ms a cube", total / 1e3, total / effort.cubes),
              .reference = per_request == 1 ? fmt::format("slowest request {:.1f} ms", times.maximum()) : "",
              .ratio = fmt::format("{:.1f} KiB of the daemon's memory a cube ({} KiB without cubes)", memory, before),
              .bar = {},
              .met = std::nullopt,
              .details = {{"request_ms", to_json(times)}, {"before_kib", before}, {"after_kib", after}}});
  return {};
}

std::string entries_body(unsigned count) {
  json entries = json::array();
  for (unsigned i = 0; i < count; i++)
    entries.push_back({{"address", fmt::format("02:00:00:{:02x}:{:02x}:{:02x}", i >> 16, i >> 8 & 255, i & 255)},
                       {"port", i % 2 == 0 ? "p0" : "p1"}});
  return json{{"simplebridge:fdb", {{"entry", std::move(entries)}}}}.dump();
}

Result<> write_entries(Report& report, const Effort& effort) {
  PCN_ASSIGN(const auto daemon, Daemon::start());
  const json bridge = {{"name", "br"}, {"ports", {{{"name", "p0"}}, {{"name", "p1"}}}}};
  const std::string body = entries_body(effort.entries);
  const Measurement write = [&]() -> Result<double> {
    PCN_TRY(daemon->post("", json{{"simplebridge:simplebridge", {bridge}}}.dump()));
    const auto sent = Clock::now();
    PCN_TRY(daemon->patch("/simplebridge:simplebridge=br/fdb", body));
    const double time = milliseconds_since(sent);
    PCN_TRY(daemon->remove("/simplebridge:simplebridge=br"));
    return time;
  };
  PCN_ASSIGN(const auto times, interleave({write}, effort.rounds));
  report.add({.what = fmt::format("list of {} entries, one request", effort.entries),
              .figure = median_and_minimum(times[0], "ms"),
              .reference = {},
              .ratio = {},
              .bar = fmt::format("< {} ms", entries_bar),
              .met = times[0].median() < entries_bar,
              .details = {{"request_ms", to_json(times[0])}}});
  return {};
}

}  // namespace

Result<> scale(Report& report, const Effort& effort) {
  report.section("Many cubes, long lists");
  PCN_TRY(create_cubes(report, effort, 1));
  PCN_TRY(create_cubes(report, effort, effort.cubes));
  return write_entries(report, effort);
}

}  // namespace polycube::bench
