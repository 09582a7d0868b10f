// SPDX-License-Identifier: Apache-2.0
#include "benchmarks.h"
#include "forwarder_chain.h"
#include "live.h"

namespace polycube::bench {

namespace {

using topology::Hook;

constexpr double rate_bar = 0.99;  // of the rate before a trace

Result<> live(Report& report, const Effort& effort, ForwarderChain& chain, const LivePath& path, Hook hook) {
  const std::string title = hook == Hook::tc ? "TC" : "XDP native";
  // One round: a chain that was never traced, the same one traced by a filter that lets nothing through, and after that.
  const auto never = [&]() -> Result<double> {
    PCN_TRY(chain.wire(hook, 1, path.from(), path.to()));
    return path.nanoseconds_per_frame(effort.live);
  };
  const auto meanwhile = [&]() -> Result<double> {
    PCN_TRY(chain.trace(true));
    return path.nanoseconds_per_frame(effort.live);
  };
  const auto after = [&]() -> Result<double> {
    PCN_TRY(chain.trace(false));
    PCN_ASSIGN(const double time, path.nanoseconds_per_frame(effort.live));
    PCN_TRY(chain.clear());
    return time;
  };
  const Measurement round[] = {never, meanwhile, after};
  std::vector<Samples> times(std::size(round));
  for (unsigned i = 0; i < effort.rounds; i++)
    for (std::size_t k = 0; k < std::size(round); k++) {
      PCN_ASSIGN(const double time, round[k]());
      times[k].add(time);
    }
  const auto add = [&](std::string_view what, const Samples& time, bool has_bar) {
    const Samples ratio = ratios(times[0], time);
    report.add({.what = fmt::format("live frames, {}, {}", title, what),
                .figure = median_and_minimum(time, "ns"),
                .reference = median_and_minimum(times[0], "ns"),
                .ratio = ratio_text(ratio),
                .bar = has_bar ? fmt::format(">= {}", rate_bar) : "",
                .met = has_bar ? std::optional(ratio.median() >= rate_bar) : std::nullopt,
                .details = {{"ns", to_json(time)}, {"never_ns", to_json(times[0])}}});
  };
  add("after a trace", times[2], true);
  add("while packets are followed, but not these", times[1], false);
  return {};
}

}  // namespace

Result<> tracing(Report& report, const Effort& effort) {
  report.section("A forwarder whose packets are, or were, followed (rate; reference: they never were)");
  const Pinned pinned(measuring_cpu());
  PCN_ASSIGN(const auto path, LivePath::create());
  PCN_ASSIGN(const auto chain, ForwarderChain::create());
  for (Hook hook : {Hook::xdp_drv, Hook::tc}) PCN_TRY(live(report, effort, *chain, *path, hook));
  return {};
}

}  // namespace polycube::bench
