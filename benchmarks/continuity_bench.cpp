// SPDX-License-Identifier: Apache-2.0
// The daemon is killed, restarted and made to take changes back while packets flow: as many have to come out as went in.
#include <chrono>
#include <functional>
#include <random>
#include <thread>

#include "benchmarks.h"
#include "daemon.h"
#include "interrupt.h"
#include "live.h"

namespace polycube::bench {

namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

json forwarders(json cubes) { return json{{"simpleforwarder:simpleforwarder", std::move(cubes)}}; }

// A change that is under way when the daemon is killed, or not, as chance will have it.
void change_until_killed(Daemon& daemon, const std::string& hook, std::mt19937& random,
                         const std::function<void()>& kill) {
  std::thread changing([&] {
    for (bool there = false;; there = !there) {
      const bool done = there ? daemon.remove("/simpleforwarder:simpleforwarder=x").has_value()
                              : daemon.post("", forwarders({forwarder_json("x", hook, {"", ""})}).dump()).has_value();
      if (!done) return;
    }
  });
  std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution(0, 50'000)(random)));
  kill();
  changing.join();
}

Result<Samples> replace(Daemon& daemon, const std::string& hook, unsigned times, bool kill) {
  std::mt19937 random(1);
  Samples seconds;
  for (unsigned i = 0; i < times; i++) {
    PCN_TRY(check_interrupt());
    if (kill) change_until_killed(daemon, hook, random, [&] { daemon.kill(); });
    const auto begin = Clock::now();
    PCN_TRY(daemon.replace(kill));
    seconds.add(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  return seconds;
}

// A cube is put between the two and then a device cannot be attached to, since it has another XDP program.
Result<Samples> take_back(Daemon& daemon, const LivePath& path, const std::string& hook, unsigned times) {
  const json port = {{"name", "p2"}, {"peer", path.end().name}};
  const json refused{
      {"ietf-restconf:data", forwarders({{{"name", "f1"}, {"ports", {{{"name", "p1"}, {"peer", "y:p0"}}}}},
                                         forwarder_json("y", hook, {"f1:p1", "f2:p0"}),
                                         {{"name", "f2"}, {"ports", {{{"name", "p0"}, {"peer", "y:p1"}}, port}}}})}};
  Samples milliseconds;
  for (unsigned i = 0; i < times; i++) {
    PCN_TRY(check_interrupt());
    const auto begin = Clock::now();
    const auto done = daemon.patch("", refused.dump());
    if (done) return fail(ErrorCode::system, "a change that cannot be done was done");
    if (done.error().message.find("already carries an XDP program") == std::string::npos)
      return tl::unexpected<Error>(done.error());
    milliseconds.add(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  return milliseconds;
}

Result<> row(Report& report, const LivePath& path, const std::string& what,
             const std::function<Result<Samples>()>& work) {
  Samples times;
  PCN_ASSIGN(const Flow flow, flow_during(path, [&]() -> Result<> {
               PCN_ASSIGN(times, work());
               return {};
             }));
  report.add(
      {.what = what,
       .figure = fmt::format("{} of {} packets at {:.0f} kpps", flow.lost, flow.sent.packets, flow.sent.rate / 1e3),
       .reference = "",
       .ratio = fmt::format("{:.0f} ms each", times.median()),
       .bar = fmt::format("0 at >= {:.0f} kpps", min_flow_rate / 1e3),
       .met = flow.lost == 0 && flow.sent.rate >= min_flow_rate,
       .details = {
           {"lost", flow.lost}, {"sent", flow.sent.packets}, {"rate", flow.sent.rate}, {"ms", to_json(times)}}});
  return {};
}

Result<> measure_hook(Report& report, const Effort& effort, const LivePath& path, const std::string& hook) {
  PCN_ASSIGN(const auto daemon, Daemon::start({}, true));
  PCN_TRY(daemon->post(
      "", forwarders({forwarder_json("f1", hook, {"b", "f2:p0"}), forwarder_json("f2", hook, {"f1:p1", "c"})}).dump()));
  const unsigned restarts = effort.kills / 4;
  const unsigned refusals = effort.kills / 2;
  PCN_TRY(row(report, path, fmt::format("{}: lost during {} kills and restarts", hook, effort.kills),
              [&] { return replace(*daemon, hook, effort.kills, true); }));
  PCN_TRY(row(report, path, fmt::format("{}: lost during {} restarts", hook, restarts),
              [&] { return replace(*daemon, hook, restarts, false); }));
  if (hook == "TC") return {};  // whose devices take any number of programs
  return row(report, path, fmt::format("{}: lost during {} changes that are taken back", hook, refusals),
             [&] { return take_back(*daemon, path, hook, refusals); });
}

}  // namespace

Result<> continuity(Report& report, const Effort& effort) {
  report.section("Packets lost while the daemon ends and begins anew");
  PCN_ASSIGN(const auto path, LivePath::create());
  for (const char* hook : {"XDP_DRV", "TC"}) PCN_TRY(measure_hook(report, effort, *path, hook));
  return {};
}

}  // namespace polycube::bench
