// SPDX-License-Identifier: Apache-2.0
// Packets flow through a chain of cubes while the daemon is killed, restarted and upgraded, and while it rewires the chain
// and takes changes back: as many have to come out as went in, and nothing may be left of it all.
#include <chrono>
#include <functional>
#include <random>
#include <thread>

#include "benchmarks.h"
#include "daemon.h"
#include "interrupt.h"
#include "live.h"
#include "paths.h"

namespace polycube::bench {

namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr const char* destination_address = "02:00:00:00:00:02";  // of make_frame()
constexpr unsigned known_addresses = 1000;                        // that every upgrade takes over
constexpr unsigned full_table = 65'536;                           // entries of a simplebridge

json port(const char* name, const char* peer) { return {{"name", name}, {"peer", peer}}; }

std::string address(unsigned number) {
  return fmt::format("02:00:01:{:02x}:{:02x}:{:02x}", number >> 16, number >> 8 & 255, number & 255);
}

json entries(unsigned first, unsigned count) {
  json list = json::array();
  for (unsigned i = first; i < first + count; i++) list.push_back({{"address", address(i)}, {"port", "p0"}});
  return list;
}

json datastore(json forwarders, json bridges = json::array()) {
  json lists = {{"simpleforwarder:simpleforwarder", std::move(forwarders)}};
  if (!bridges.empty()) lists["simplebridge:simplebridge"] = std::move(bridges);
  return lists;
}

std::string patch_of(json lists) { return json{{"ietf-restconf:data", std::move(lists)}}.dump(); }

// in - f1 - br - f2 - out
std::string chain(const std::string& hook) {
  json known = entries(0, known_addresses);
  known.push_back({{"address", destination_address}, {"port", "p1"}});
  const json bridge = {{"name", "br"},
                       {"type", hook},
                       {"ports", {port("p0", "f1:p1"), port("p1", "f2:p0")}},
                       {"fdb", {{"entry", std::move(known)}}}};
  return datastore({forwarder_json("f1", hook, {"b", "br:p0"}), forwarder_json("f2", hook, {"br:p1", "c"})}, {bridge})
      .dump();
}

// Puts a cube between f1 and br, or takes it out again.
json insertion(const std::string& hook, const char* name) {
  return datastore({forwarder_json(name, hook, {"f1:p1", "br:p0"}),
                    {{"name", "f1"}, {"ports", {port("p1", fmt::format("{}:p0", name).c_str())}}}},
                   {{{"name", "br"}, {"ports", {port("p0", fmt::format("{}:p1", name).c_str())}}}});
}
json removal() {
  return datastore({{{"name", "f1"}, {"ports", {port("p1", "br:p0")}}}},
                   {{{"name", "br"}, {"ports", {port("p0", "f1:p1")}}}});
}

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// A change that is under way when the daemon is killed, or not, as chance will have it.
void change_until_killed(Daemon& daemon, const std::string& hook, std::mt19937& random) {
  std::thread changing([&] {
    for (bool there = false;; there = !there) {
      const bool done = there ? daemon.remove("/simpleforwarder:simpleforwarder=x").has_value()
                              : daemon.post("", datastore({forwarder_json("x", hook, {"", ""})}).dump()).has_value();
      if (!done) return;
    }
  });
  std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution(0, 50'000)(random)));
  daemon.kill();
  changing.join();
}

Result<Samples> kill(Daemon& daemon, const std::string& hook, unsigned times) {
  std::mt19937 random(1);
  Samples milliseconds;
  for (unsigned i = 0; i < times; i++) {
    PCN_TRY(check_interrupt());
    change_until_killed(daemon, hook, random);
    const auto begin = Clock::now();
    PCN_TRY(daemon.replace(true));
    milliseconds.add(milliseconds_since(begin));
  }
  (void)daemon.remove("/simpleforwarder:simpleforwarder=x");  // which is there or not
  return milliseconds;
}

Result<Samples> restart(Daemon& daemon, unsigned times) {
  Samples milliseconds;
  for (unsigned i = 0; i < times; i++) {
    PCN_TRY(check_interrupt());
    const auto begin = Clock::now();
    PCN_TRY(daemon.replace(false));
    milliseconds.add(milliseconds_since(begin));
  }
  return milliseconds;
}

// Every other successor has the bridge whose table has another form, so that each finds a table that is to be converted.
Result<Samples> upgrade(Daemon& daemon, unsigned times) {
  constexpr const char* conversion = "has another form than before";
  const std::size_t converted_before = daemon.logged(conversion);
  Samples milliseconds;
  for (unsigned i = 0; i < times; i++) {
    PCN_TRY(check_interrupt());
    daemon.use_services(i % 2 == 0 ? std::vector{paths().later_services} : std::vector<std::filesystem::path>());
    const auto begin = Clock::now();
    PCN_TRY(daemon.replace(false));
    milliseconds.add(milliseconds_since(begin));
    PCN_ASSIGN(const json fdb, daemon.get("/simplebridge:simplebridge=br/fdb/entry"));
    const std::size_t found = fdb.at("simplebridge:entry").size();
    const unsigned wanted =
        known_addresses + 1;  // the packets' destination; their source is learned as soon as they flow
    if (found < wanted)
      return fail(ErrorCode::system, "{} of {} entries were taken over by upgrade {}", found, wanted, i);
  }
  const std::size_t converted = daemon.logged(conversion) - converted_before;
  if (converted != times) return fail(ErrorCode::system, "{} of {} upgrades converted the table", converted, times);
  return milliseconds;
}

Result<Samples> rewire(Daemon& daemon, const std::string& hook, unsigned times) {
  const std::string insert = patch_of(insertion(hook, "m"));
  const std::string take_out = patch_of(removal());
  Samples milliseconds;
  for (unsigned i = 0; i < times; i++) {
    PCN_TRY(check_interrupt());
    const auto begin = Clock::now();
    PCN_TRY(daemon.patch("", i % 2 == 0 ? insert : take_out));
    milliseconds.add(milliseconds_since(begin));
    if (i % 2 == 1) PCN_TRY(daemon.remove("/simpleforwarder:simpleforwarder=m"));
  }
  return milliseconds;
}

Result<Samples> take_back(Daemon& daemon, const std::string& change, const char* reason, unsigned times) {
  Samples milliseconds;
  for (unsigned i = 0; i < times; i++) {
    PCN_TRY(check_interrupt());
    const auto begin = Clock::now();
    const auto done = daemon.patch("", change);
    if (done) return fail(ErrorCode::system, "a change that cannot be done was done");
    if (done.error().message.find(reason) == std::string::npos) return tl::unexpected<Error>(done.error());
    milliseconds.add(milliseconds_since(begin));
  }
  return milliseconds;
}

// A cube is put into the chain, and then a device cannot be attached to, since it has another XDP program.
std::string refused_by_device(const LivePath& path, const std::string& hook) {
  json change = insertion(hook, "y");
  change["simpleforwarder:simpleforwarder"].push_back(
      {{"name", "f2"}, {"ports", {port("p2", path.end().name.c_str())}}});
  return patch_of(std::move(change));
}

// The same, but packets have met the new cube when a table takes no more entries.
Result<Samples> take_back_late(Daemon& daemon, const std::string& hook, unsigned times) {
  constexpr unsigned at_once = 8192;
  PCN_TRY(daemon.post(
      "",
      json{{"simplebridge:simplebridge", {{{"name", "full"}, {"type", hook}, {"ports", {{{"name", "p0"}}}}}}}}.dump()));
  for (unsigned i = 0; i < full_table; i += at_once)
    PCN_TRY(daemon.patch("/simplebridge:simplebridge=full/fdb",
                         json{{"simplebridge:fdb", {{"entry", entries(i, at_once)}}}}.dump()));
  json change = insertion(hook, "y");
  change["simplebridge:simplebridge"].push_back({{"name", "full"}, {"fdb", {{"entry", entries(full_table, 1)}}}});
  PCN_ASSIGN(const Samples milliseconds, take_back(daemon, patch_of(std::move(change)), "is full", times));
  PCN_TRY(daemon.remove("/simplebridge:simplebridge=full"));
  return milliseconds;
}

// Where the cubes say that they dropped packets, for whoever looks for the reason of a loss.
Result<std::string> drops(Daemon& daemon) {
  std::string text;
  for (const char* cube :
       {"simpleforwarder:simpleforwarder=f1", "simplebridge:simplebridge=br", "simpleforwarder:simpleforwarder=f2"}) {
    PCN_ASSIGN(const json state, daemon.get(fmt::format("/{}/drops?content=nonconfig", cube)));
    for (const json& list : state)
      for (const json& entry : list)
        text += fmt::format(", {} dropped {} ({})", cube, entry["packets"].get<std::string>(),
                            entry["reason"].get<std::string>());
  }
  return text;
}

class Rows {
 public:
  Rows(Report& report, const LivePath& path, Daemon& daemon, std::string hook)
      : report_(report), path_(path), daemon_(daemon), hook_(std::move(hook)) {}

  Result<> add(const std::string& what, const std::function<Result<Samples>()>& work) {
    Samples times;
    PCN_ASSIGN(const Flow flow, flow_during(path_, [&]() -> Result<> {
                 PCN_ASSIGN(times, work());
                 return {};
               }));
    std::string dropped;
    if (flow.lost != 0) {
      PCN_ASSIGN(dropped, drops(daemon_));
    }
    report_.add(
        {.what = fmt::format("{}: lost during {}", hook_, what),
         .figure = fmt::format("{} of {} packets at {:.0f} kpps{}", flow.lost, flow.sent.packets, flow.sent.rate / 1e3,
                               dropped),
         .reference = "",
         .ratio = fmt::format("{:.1f} ms each", times.median()),
         .bar = fmt::format("0 at >= {:.0f} kpps", min_flow_rate / 1e3),
         .met = flow.lost == 0 && flow.sent.rate >= min_flow_rate,
         .details = {
             {"lost", flow.lost}, {"sent", flow.sent.packets}, {"rate", flow.sent.rate}, {"ms", to_json(times)}}});
    return {};
  }

  /// What there is in the kernel once the configuration is again what it was when there was `before`.
  Result<> add_left(const KernelObjects& before) {
    PCN_ASSIGN(const KernelObjects after, daemon_.objects());
    report_.add({.what = fmt::format("{}: in the kernel after all of it", hook_),
                 .figure = to_string(after),
                 .reference = fmt::format("{} before", to_string(before)),
                 .ratio = "",
                 .bar = "the same",
                 .met = after == before,
                 .details = {}});
    return {};
  }

 private:
  Report& report_;
  const LivePath& path_;
  Daemon& daemon_;
  std::string hook_;
};

Result<> measure_hook(Report& report, const Effort& effort, const LivePath& path, const std::string& hook) {
  const unsigned restarts = effort.kills / 4;
  const unsigned upgrades = std::max(effort.kills / 10, 2U);
  const unsigned refusals = effort.kills / 2;
  PCN_ASSIGN(const auto daemon, Daemon::start({}, true));
  PCN_TRY(daemon->post("", chain(hook)));
  // From then on tables have BTF of another time than programs, and there is what is made once.
  PCN_TRY(upgrade(*daemon, 2));
  PCN_TRY(rewire(*daemon, hook, 2));
  PCN_ASSIGN(const KernelObjects before, daemon->objects());
  Rows rows(report, path, *daemon, hook);
  PCN_TRY(
      rows.add(fmt::format("{} kills and restarts", effort.kills), [&] { return kill(*daemon, hook, effort.kills); }));
  PCN_TRY(rows.add(fmt::format("{} restarts", restarts), [&] { return restart(*daemon, restarts); }));
  PCN_TRY(rows.add(fmt::format("{} upgrades to another layout of a table", upgrades),
                   [&] { return upgrade(*daemon, upgrades); }));
  PCN_TRY(rows.add(fmt::format("{} insertions and removals of a cube", effort.rewirings),
                   [&] { return rewire(*daemon, hook, effort.rewirings); }));
  if (hook != "TC")  // whose devices take any number of programs
    PCN_TRY(rows.add(fmt::format("{} changes that a device refuses", refusals), [&] {
      return take_back(*daemon, refused_by_device(path, hook), "already carries an XDP program", refusals);
    }));
  PCN_TRY(rows.add(fmt::format("{} changes that are taken back when packets have met them", refusals),
                   [&] { return take_back_late(*daemon, hook, refusals); }));
  return rows.add_left(before);
}

}  // namespace

Result<> continuity(Report& report, const Effort& effort) {
  report.section("Packets lost while the daemon ends and begins anew, rewires and takes changes back");
  PCN_ASSIGN(const auto path, LivePath::create());
  for (const char* hook : {"XDP_DRV", "TC"}) PCN_TRY(measure_hook(report, effort, *path, hook));
  return {};
}

}  // namespace polycube::bench
