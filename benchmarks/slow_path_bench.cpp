// SPDX-License-Identifier: Apache-2.0
// Packets that go from a fast path to the control plane and back out, all on one CPU.
#include <sched.h>

#include <ctime>
#include <thread>

#include "benchmarks.h"
#include "daemon.h"
#include "interrupt.h"
#include "live.h"
#include "paths.h"

namespace polycube::bench {

namespace {

using nlohmann::json;

constexpr double bar = 300e3;  // packets a second

json cube_json(const LivePath& path, const std::string& hook) {
  return json{
      {"reflector:reflector",
       {{{"name", "r"},
         {"type", hook},
         {"ports", {{{"name", "in"}, {"peer", path.from().name}}, {{"name", "out"}, {"peer", path.to().name}}}}}}}};
}

// What the calling thread does only happens while nobody else on its CPU has anything to do.
class Idle {
 public:
  Idle() { set(SCHED_IDLE); }
  ~Idle() { set(SCHED_OTHER); }
  Idle(const Idle&) = delete;
  Idle& operator=(const Idle&) = delete;

 private:
  static void set(int policy) {
    const sched_param parameter{};
    sched_setscheduler(0, policy, &parameter);
  }
};

// The daemon's CPU time and that of this thread, which makes the packets and runs the fast path.
Result<std::chrono::nanoseconds> cpu_time(const Daemon& daemon) {
  timespec own{};
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own) < 0) return fail_errno(errno, "cannot read the CPU time");
  PCN_ASSIGN(const std::chrono::nanoseconds time, daemon.cpu_time());
  return time + std::chrono::seconds(own.tv_sec) + std::chrono::nanoseconds(own.tv_nsec);
}

// Drops that the cube counted: packets for which the slow path had no room.
Result<std::uint64_t> drops(Daemon& daemon) {
  PCN_ASSIGN(const json cube, daemon.get("/reflector:reflector=r?content=nonconfig"));
  std::uint64_t sum = 0;
  for (const json& entry : cube.value(json::json_pointer("/reflector:reflector/0/drops"), json::array()))
    sum += std::stoull(entry["packets"].get<std::string>());
  return sum;
}

// Sends frames; waits until all of them have come back or are counted as dropped. Returns how many came back.
Result<std::uint64_t> reflect(Daemon& daemon, const LivePath& path, std::uint32_t frames) {
  PCN_ASSIGN(const std::uint64_t dropped, drops(daemon));
  const std::uint64_t before = path.sink().frames();
  {
    const Idle idle;
    PCN_TRY(path.send(frames));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // what is queued comes back
  PCN_ASSIGN(const std::uint64_t dropped_now, drops(daemon));
  const std::uint64_t back = path.sink().frames() - before;
  if (back + dropped_now - dropped == frames) return back;
  return fail(ErrorCode::system, "of {} packets {} came back and {} were dropped: {} are missing", frames, back,
              dropped_now - dropped, frames - back - (dropped_now - dropped));
}

Result<> measure_hook(Report& report, const Effort& effort, Daemon& daemon, const LivePath& path,
                      const std::string& hook) {
  PCN_TRY(daemon.post("", cube_json(path, hook).dump()));
  Samples times;  // ns of CPU a packet
  std::uint64_t back = 0;
  for (unsigned round = 0; round < effort.rounds; round++) {
    PCN_TRY(check_interrupt());
    PCN_ASSIGN(const auto begin, cpu_time(daemon));
    PCN_ASSIGN(const std::uint64_t returned, reflect(daemon, path, effort.live));
    PCN_ASSIGN(const auto end, cpu_time(daemon));
    times.add(static_cast<double>((end - begin).count()) / static_cast<double>(returned));
    back += returned;
  }
  PCN_TRY(daemon.remove("/reflector:reflector=r"));
  const double rate = 1e9 / times.median();
  const std::uint64_t sent = std::uint64_t{effort.live} * effort.rounds;
  report.add({.what = fmt::format("{}: packets a second of one CPU", hook),
              .figure = fmt::format("{:.0f} kpps, {}", rate / 1e3, median_and_minimum(times, "ns", 0)),
              .reference = {},
              .ratio = fmt::format("{} of {} came back, {} dropped", back, sent, sent - back),
              .bar = fmt::format(">= {:.0f} kpps", bar / 1e3),
              .met = rate >= bar,
              .details = {{"cpu_ns", to_json(times)}, {"sent", sent}, {"back", back}}});
  return {};
}

}  // namespace

Result<> slow_path(Report& report, const Effort& effort) {
  report.section("From a fast path to the control plane and back out");
  const Pinned pinned(measuring_cpu());
  PCN_ASSIGN(const auto path, LivePath::create());
  PCN_ASSIGN(const auto daemon, Daemon::start({paths().own_services}));
  for (const char* hook : {"XDP_DRV", "XDP_SKB", "TC"}) PCN_TRY(measure_hook(report, effort, *daemon, *path, hook));
  return {};
}

}  // namespace polycube::bench
