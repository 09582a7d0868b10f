// SPDX-License-Identifier: Apache-2.0
// One daemon does everything over and over: memory, open files and objects of the kernel must not become more of it.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "benchmarks.h"
#include "daemon.h"
#include "interrupt.h"
#include "live.h"

namespace polycube::bench {

namespace {

using nlohmann::json;

constexpr unsigned rounds = 3;     // a leak grows in each of them
constexpr double memory_bar = 40;  // KiB in 1,000 repetitions; a page in 100

using Action = std::function<Result<>(unsigned repetition)>;

json port(const char* name, const char* peer) { return {{"name", name}, {"peer", peer}}; }

std::string forwarders(json cubes) {
  return json{{"ietf-restconf:data", {{"simpleforwarder:simpleforwarder", std::move(cubes)}}}}.dump();
}

Result<> rewire(Daemon& daemon, const std::string& hook) {
  PCN_TRY(daemon.patch("", forwarders({forwarder_json("m", hook, {"f1:p1", "f2:p0"}),
                                       {{"name", "f1"}, {"ports", {port("p1", "m:p0")}}},
                                       {{"name", "f2"}, {"ports", {port("p0", "m:p1")}}}})));
  PCN_TRY(daemon.patch("", forwarders({{{"name", "f1"}, {"ports", {port("p1", "f2:p0")}}},
                                       {{"name", "f2"}, {"ports", {port("p0", "f1:p1")}}}})));
  return daemon.remove("/simpleforwarder:simpleforwarder=m");
}

Result<> be_refused(Daemon& daemon, const std::string& body, const char* reason) {
  const auto done = daemon.patch("", body);
  if (done) return fail(ErrorCode::system, "a change that cannot be done was done");
  if (done.error().message.find(reason) == std::string::npos) return tl::unexpected<Error>(done.error());
  return {};
}

// Each service of the installation, those with a control plane among them.
Result<> make_and_remove_cubes(Daemon& daemon, const std::string& hook) {
  json body = json::object();
  const char* services[] = {"bridge",       "helloworld",      "pbforwarder",          "router",
                            "simplebridge", "simpleforwarder", "transparenthelloworld"};
  for (const std::string service : services) {
    json cube = {{"name", "x-" + service}, {"type", hook}};
    if (service != "transparenthelloworld") cube["ports"] = {{{"name", "p0"}}, {{"name", "p1"}}};
    body[fmt::format("{0}:{0}", service)] = json::array({cube});
  }
  PCN_TRY(daemon.post("", body.dump()));
  for (const std::string service : services) PCN_TRY(daemon.remove(fmt::format("/{0}:{0}=x-{0}", service)));
  return {};
}

// INFO, the default, becomes WARN, and then INFO again: the fast path is loaded with another constant.
Result<> change_level(Daemon& daemon, unsigned repetition) {
  return daemon.patch("/simpleforwarder:simpleforwarder=f1/loglevel",
                      json{{"simpleforwarder:loglevel", repetition % 2 == 0 ? "WARN" : "INFO"}}.dump());
}

Result<> trace(Daemon& daemon, unsigned repetition) {
  PCN_ASSIGN(const json begun,
             daemon.operate("start-trace", {{"filter", fmt::format("udp port {}", 10'000 + repetition)}}));
  PCN_TRY(daemon.operate("stop-trace", {{"trace", begun.at("trace")}}));
  return {};
}

Result<> simulate(Daemon& daemon, const LivePath& path) {
  PCN_TRY(daemon.operate("simulate", {{"device", path.from().name},
                                      {"direction", "ingress"},
                                      {"fields", "ip src 10.0.0.1 dst 10.0.0.2 udp dport 9"}}));
  return {};
}

Result<> wait_for(int socket, const std::string& wanted) {
  std::string received;
  char buffer[4096];
  while (received.find(wanted) == std::string::npos) {
    const ssize_t count = recv(socket, buffer, sizeof(buffer), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(ErrorCode::system, "the event stream ended: {}", received);
    received.append(buffer, static_cast<std::size_t>(count));
  }
  return {};
}

// Somebody follows events, sees one, and leaves.
Result<> follow_events(Daemon& daemon, unsigned repetition) {
  const Fd stream(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  daemon.socket().string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  const timeval patience{.tv_sec = 10, .tv_usec = 0};
  const std::string request =
      "GET /restconf/streams/NETCONF HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
  if (!stream || setsockopt(stream.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
      connect(stream.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) < 0 ||
      send(stream.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0)
    return fail_errno(errno, "cannot follow events");
  PCN_TRY(wait_for(stream.get(), "\r\n\r\n"));
  PCN_TRY(change_level(daemon, repetition));
  return wait_for(stream.get(), "configuration-change");
}

Result<> read_everything(Daemon& daemon) {
  for (const char* resource : {"/restconf/data", "/metrics", "/polycube/schema", "/restconf/data/polycube:status"})
    PCN_TRY(daemon.read(resource));
  return {};
}

struct Footprint {
  std::uint64_t memory = 0;  // KiB
  std::size_t descriptors = 0;
  KernelObjects objects;
};

Result<Footprint> footprint(const Daemon& daemon) {
  Footprint found;
  PCN_ASSIGN(found.objects, daemon.objects());  // which takes long enough for connections to be closed
  PCN_ASSIGN(found.memory, daemon.own_memory());
  PCN_ASSIGN(found.descriptors, daemon.descriptors());
  return found;
}

Result<> repeat(const Action& action, unsigned repetitions) {
  for (unsigned i = 0; i < repetitions; i++) {
    PCN_TRY(check_interrupt());
    PCN_TRY(action(i));
  }
  return {};
}

Result<> measure(Report& report, const Daemon& daemon, const std::string& what, const Action& action,
                 unsigned repetitions) {
  PCN_TRY(repeat(action, repetitions));
  PCN_ASSIGN(const Footprint before, footprint(daemon));
  std::uint64_t memory = before.memory;
  Samples growth;  // KiB in 1,000
  for (unsigned i = 0; i < rounds; i++) {
    PCN_TRY(repeat(action, repetitions));
    PCN_ASSIGN(const std::uint64_t now, daemon.own_memory());
    growth.add((static_cast<double>(now) - static_cast<double>(memory)) * 1000 / repetitions);
    memory = now;
  }
  PCN_ASSIGN(const Footprint after, footprint(daemon));
  const double grows = std::max(growth.minimum(), 0.0);
  report.add(
      {.what = fmt::format("{} x {}", rounds * repetitions, what),
       .figure = fmt::format("{:.0f} KiB in 1,000; {} files; {}", grows, after.descriptors, to_string(after.objects)),
       .reference = fmt::format("{} KiB; {} files; {}", before.memory, before.descriptors,
                                after.objects == before.objects ? "the same" : to_string(before.objects)),
       .ratio = "",
       .bar = fmt::format("< {:.0f} KiB in 1,000, no file, no object", memory_bar),
       .met = grows < memory_bar && after.descriptors <= before.descriptors && after.objects == before.objects,
       .details = {{"growth_kib", to_json(growth)}}});
  return {};
}

}  // namespace

Result<> endurance(Report& report, const Effort& effort) {
  report.section("What one daemon has more when it has done something often");
  PCN_ASSIGN(const auto path, LivePath::create());
  PCN_ASSIGN(const auto started, Daemon::start({}, true));
  Daemon& daemon = *started;
  const std::string hook = "XDP_DRV";  // which has all that TC has, and more
  PCN_TRY(daemon.post("", json{{"simpleforwarder:simpleforwarder",
                                {forwarder_json("f1", hook, {path->from().name, "f2:p0"}),
                                 forwarder_json("f2", hook, {"f1:p1", path->to().name})}}}
                              .dump()));
  // Until then the history grows, and with it what is kept of the database.
  PCN_TRY(repeat([&](unsigned i) { return change_level(daemon, i); }, 10 * effort.repetitions));
  const std::string misled = forwarders({{{"name", "f1"}, {"ports", {port("p1", "nowhere:p0")}}}});
  const std::string taken_back = forwarders({forwarder_json("y", hook, {"f1:p1", ""}),
                                             {{"name", "f1"}, {"ports", {port("p1", "y:p0")}}},
                                             {{"name", "f2"}, {"ports", {port("p2", path->end().name.c_str())}}}});
  const std::pair<const char*, Action> actions[] = {
      {"a cube is put into a chain and taken out", [&](unsigned) { return rewire(daemon, hook); }},
      {"a change is refused", [&](unsigned) { return be_refused(daemon, misled, "nowhere"); }},
      {"a change is taken back",
       [&](unsigned) { return be_refused(daemon, taken_back, "already carries an XDP program"); }},
      {"a cube of each service is made and removed", [&](unsigned) { return make_and_remove_cubes(daemon, hook); }},
      {"a change is made and rolled back",
       [&](unsigned) -> Result<> {
         PCN_TRY(change_level(daemon, 0));
         PCN_TRY(daemon.operate("rollback", json::object()));
         return {};
       }},
      {"packets are followed", [&](unsigned i) { return trace(daemon, i); }},
      {"a packet is simulated", [&](unsigned) { return simulate(daemon, *path); }},
      {"somebody follows events", [&](unsigned i) { return follow_events(daemon, i); }},
      {"everything is read", [&](unsigned) { return read_everything(daemon); }},
  };
  for (const auto& [what, action] : actions) PCN_TRY(measure(report, daemon, what, action, effort.repetitions));
  return {};
}

}  // namespace polycube::bench
