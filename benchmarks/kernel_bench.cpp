// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fstream>

#include "benchmarks.h"
#include "daemon.h"
#include "live.h"

namespace polycube::bench {

namespace {

using nlohmann::json;

// Of the rate of the kernel's own router or bridge.
constexpr double xdp_bar = 3;
constexpr double tc_bar = 1.3;

// The frames of the generator are for 198.18.0.0/15 (trace.cpp) and come to this MAC address.
constexpr const char* destination_mac = "02:00:00:00:00:02";
constexpr const char* next_hop_mac = "02:00:00:00:00:07";

Result<> run(const std::string& command) {
  if (std::system(command.c_str()) == 0) return {};
  return fail(ErrorCode::system, "{}: failed", command);
}

// The same addresses, route and neighbour for the kernel as for the cube, which takes the packets before it.
Result<> set_up_kernel_router(const LivePath& path) {
  const std::string from = path.from().name, to = path.to().name;
  for (const std::string& command :
       {"link set dev " + from + " address " + destination_mac, "addr add 10.0.0.254/8 dev " + from,
        "addr add 192.0.2.254/24 dev " + to, std::string("route add 198.18.0.0/15 via 192.0.2.1"),
        "neigh replace 192.0.2.1 lladdr " + std::string(next_hop_mac) + " nud permanent dev " + to})
    PCN_TRY(run("ip " + command));
  for (const std::string& name :
       {std::string("ip_forward=1"), std::string("conf/all/rp_filter=0"), "conf/" + from + "/rp_filter=0"}) {
    const auto equals = name.find('=');
    if (!(std::ofstream("/proc/sys/net/ipv4/" + name.substr(0, equals)) << name.substr(equals + 1)).flush())
      return fail(ErrorCode::system, "cannot set {}", name);
  }
  return {};
}

json router_cube(const LivePath& path) {
  const json ports = {{{"name", "p0"}, {"ip", "10.0.0.254/8"}, {"peer", path.from().name}},
                      {{"name", "p1"}, {"ip", "192.0.2.254/24"}, {"peer", path.to().name}}};
  return {{"ports", ports},
          {"route", {{{"network", "198.18.0.0/15"}, {"nexthop", "192.0.2.1"}}}},
          {"arp-table", {{{"address", "192.0.2.1"}, {"mac", next_hop_mac}, {"interface", "p1"}}}}};
}

// A bridge of the kernel over the same devices; both know where the destination is, and learn the source.
Result<> set_up_kernel_bridge(const LivePath& path) {
  for (const std::string& command :
       {std::string("ip link add br0 type bridge"), std::string("ip link set dev br0 up"),
        "ip link set dev " + path.from().name + " master br0", "ip link set dev " + path.to().name + " master br0",
        "bridge fdb replace " + std::string(destination_mac) + " dev " + path.to().name + " master static"})
    PCN_TRY(run(command));
  return {};
}

json bridge_cube(const LivePath& path) {
  return {{"ports", {{{"name", "p0"}, {"peer", path.from().name}}, {{"name", "p1"}, {"peer", path.to().name}}}},
          {"fdb", {{"entry", {{{"vlan", 1}, {"mac", destination_mac}, {"port", "p1"}}}}}}};
}

Result<> compare(Report& report, const Effort& effort, const LivePath& path, Daemon& daemon, const std::string& service,
                 json cube, const std::string& hook, double bar) {
  cube.update({{"name", "c"}, {"type", hook}});
  const auto ours = [&]() -> Result<double> {
    PCN_TRY(daemon.post("", json{{service + ":" + service, {cube}}}.dump()));
    PCN_ASSIGN(const double time, path.nanoseconds_per_frame(effort.live));
    PCN_TRY(daemon.remove("/" + service + ":" + service + "=c"));
    return time;
  };
  const auto kernel = [&] { return path.nanoseconds_per_frame(effort.live); };
  PCN_ASSIGN(const auto times, interleave({ours, kernel}, effort.rounds));
  const Samples ratio = ratios(times[1], times[0]);  // of rates
  const auto rates = [](const Samples& time) {
    return fmt::format("{:.2f} Mpps, {}", 1e3 / time.median(), median_and_minimum(time, "ns"));
  };
  report.add({.what = "live frames, " + hook,
              .figure = rates(times[0]),
              .reference = rates(times[1]),
              .ratio = ratio_text(ratio),
              .bar = fmt::format(">= {}", bar),
              .met = ratio.median() >= bar,
              .details = {{"ours_ns", to_json(times[0])}, {"kernel_ns", to_json(times[1])}}});
  return {};
}

}  // namespace

Result<> router(Report& report, const Effort& effort) {
  report.section("router and the kernel's own forwarding (rate: higher is better)");
  const Pinned pinned(measuring_cpu());
  PCN_ASSIGN(const auto path, LivePath::create());
  PCN_TRY(set_up_kernel_router(*path));
  PCN_ASSIGN(const auto daemon, Daemon::start());
  PCN_TRY(compare(report, effort, *path, *daemon, "router", router_cube(*path), "XDP_DRV", xdp_bar));
  return compare(report, effort, *path, *daemon, "router", router_cube(*path), "TC", tc_bar);
}

Result<> bridge(Report& report, const Effort& effort) {
  report.section("bridge and the kernel's own bridge (rate: higher is better)");
  const Pinned pinned(measuring_cpu());
  PCN_ASSIGN(const auto path, LivePath::create());
  PCN_TRY(set_up_kernel_bridge(*path));
  PCN_ASSIGN(const auto daemon, Daemon::start());
  PCN_TRY(compare(report, effort, *path, *daemon, "bridge", bridge_cube(*path), "XDP_DRV", xdp_bar));
  return compare(report, effort, *path, *daemon, "bridge", bridge_cube(*path), "TC", tc_bar);
}

}  // namespace polycube::bench
