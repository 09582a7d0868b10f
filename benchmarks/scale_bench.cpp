// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <fstream>

#include "base/child_process.h"
#include "benchmarks.h"
#include "daemon.h"
#include "interrupt.h"
#include "live.h"
#include "paths.h"

namespace polycube::bench {

namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr double entries_bar = 200;  // ms for the whole list
constexpr unsigned chain_length = 100;
constexpr double chain_bar = 2000;  // ms until it is applied and saved

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
  PCN_ASSIGN(const std::uint64_t own, daemon->own_memory());
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
  report.add(
      {.what = fmt::format("{} cubes, {}", effort.cubes, per_request == 1 ? "one request each" : "one request"),
       .figure = fmt::format("{:.2f} s, {:.2f} ms a cube", total / 1e3, total / effort.cubes),
       .reference = per_request == 1 ? fmt::format("slowest request {:.1f} ms", times.maximum()) : "",
       .ratio = fmt::format("{:.1f} KiB of the daemon's memory a cube ({} KiB without cubes, {} of that no file's)",
                            memory, before, own),
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

// From one device through all cubes to the other one.
json chain(const std::string& service, const std::string& hook, const LivePath& path) {
  json cubes = json::array();
  for (unsigned i = 0; i < chain_length; i++) {
    const std::string before = i == 0 ? path.from().name : fmt::format("n{}:p1", i - 1);
    const std::string after = i == chain_length - 1 ? path.to().name : fmt::format("n{}:p0", i + 1);
    json cube = forwarder_json(fmt::format("n{}", i), hook, {before, after});
    if (service != "simpleforwarder") cube.erase("actions");
    cubes.push_back(std::move(cube));
  }
  return {{fmt::format("{0}:{0}", service), std::move(cubes)}};
}

// The command as people use it, its own start included.
Result<double> polycubectl(const Daemon& daemon, std::vector<std::string> words) {
  words.insert(words.begin(), (paths().daemon.parent_path() / "polycubectl").string());
  const auto begin = Clock::now();
  PCN_ASSIGN(const ChildResult done,
             run_child(words, {fmt::format("POLYCUBECTL_URL=http+unix://{}", daemon.socket().string())}, {}, {}));
  if (done.ending != ChildResult::Ending::exited || done.status != 0)
    return fail(ErrorCode::system, "polycubectl {}: {}{}", words.at(1), done.output, done.errors);
  return milliseconds_since(begin);
}

Result<> apply_chain(Report& report, const Effort& effort, const LivePath& path, const std::string& service,
                     const std::string& hook) {
  PCN_ASSIGN(const auto daemon, Daemon::start({}, true));
  const std::filesystem::path file = daemon->socket().replace_filename("chain.json");
  if (!(std::ofstream(file) << chain(service, hook, path).dump()))
    return fail(ErrorCode::system, "cannot write {}", file.string());
  Samples apply;
  Samples history;
  Samples rollback;
  for (unsigned i = 0; i < effort.chains; i++) {
    PCN_TRY(check_interrupt());
    PCN_ASSIGN(const double applied, polycubectl(*daemon, {"apply", "-f", file.string()}));
    PCN_ASSIGN(const double listed, polycubectl(*daemon, {"history"}));
    PCN_ASSIGN(const double taken_back, polycubectl(*daemon, {"rollback"}));
    apply.add(applied);
    history.add(listed);
    rollback.add(taken_back);
  }
  report.add({.what = fmt::format("{}: polycubectl apply of a chain of {} cubes, {}", hook, chain_length, service),
              .figure = median_and_minimum(apply, "ms", 0),
              .reference = "",
              .ratio = fmt::format("rollback {}, history {}", median_and_minimum(rollback, "ms", 0),
                                   median_and_minimum(history, "ms", 0)),
              .bar = fmt::format("< {:.0f} ms", chain_bar),
              .met = apply.median() < chain_bar,
              .details = {
                  {"apply_ms", to_json(apply)}, {"rollback_ms", to_json(rollback)}, {"history_ms", to_json(history)}}});
  return {};
}

}  // namespace

Result<> scale(Report& report, const Effort& effort) {
  report.section("Many cubes, long lists");
  PCN_TRY(create_cubes(report, effort, 1));
  PCN_TRY(create_cubes(report, effort, effort.cubes));
  PCN_TRY(write_entries(report, effort));
  PCN_ASSIGN(const auto path, LivePath::create());
  for (const char* hook : {"XDP_DRV", "TC"})
    for (const char* service : {"simpleforwarder", "bridge"})
      PCN_TRY(apply_chain(report, effort, *path, service, hook));
  return {};
}

}  // namespace polycube::bench
