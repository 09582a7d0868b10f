// SPDX-License-Identifier: Apache-2.0
#include "benchmarks.h"
#include "forwarder_chain.h"
#include "handwritten/redirect_loader.h"
#include "live.h"
#include "paths.h"
#include "trace.h"

namespace polycube::bench {

namespace {

using topology::Hook;

constexpr double rate_bar = 0.98;  // of the hand-written program's rate

const char* handwritten_object(Hook hook) { return hook == Hook::tc ? "tc_redirect.o" : "xdp_redirect.o"; }

RedirectHook redirect_hook(Hook hook) {
  switch (hook) {
    case Hook::tc: return RedirectHook::tc;
    case Hook::xdp_skb: return RedirectHook::xdp_generic;
    case Hook::xdp_drv: return RedirectHook::xdp_native;
  }
  return RedirectHook::tc;
}

std::string_view title(Hook hook) {
  switch (hook) {
    case Hook::tc: return "TC";
    case Hook::xdp_skb: return "XDP generic";
    case Hook::xdp_drv: return "XDP native";
  }
  return "";
}

Result<> live(Report& report, const Effort& effort, ForwarderChain& chain, const LivePath& path, Hook hook) {
  // Both are loaded anew each round, since where code and tables lie in memory changes the figures too.
  const auto ours = [&]() -> Result<double> {
    PCN_TRY(chain.wire(hook, 1, path.from(), path.to()));
    PCN_ASSIGN(const double time, path.nanoseconds_per_frame(effort.live));
    PCN_TRY(chain.clear());
    return time;
  };
  const auto handwritten = [&]() -> Result<double> {
    PCN_ASSIGN(Redirect redirect, load_redirect((paths().objects / handwritten_object(hook)).c_str(), path.to().index));
    PCN_TRY(attach_redirect(redirect, redirect_hook(hook), path.from().index));
    return path.nanoseconds_per_frame(effort.live);
  };
  PCN_ASSIGN(const auto times, interleave({ours, handwritten}, effort.rounds));
  const Samples ratio = ratios(times[1], times[0]);  // of rates
  const auto rates = [](const Samples& time) {
    return fmt::format("{:.2f} Mpps, {}", 1e3 / time.median(), median_and_minimum(time, "ns"));
  };
  report.add({.what = fmt::format("live frames, {}", title(hook)),
              .figure = rates(times[0]),
              .reference = rates(times[1]),
              .ratio = ratio_text(ratio),
              .bar = hook == Hook::xdp_skb ? "" : fmt::format(">= {}", rate_bar),
              .met = hook == Hook::xdp_skb ? std::nullopt : std::optional(ratio.median() >= rate_bar),
              .details = {{"ours_ns", to_json(times[0])}, {"handwritten_ns", to_json(times[1])}}});
  return {};
}

Result<> check_redirects(const Driver& driver, Hook hook, std::string_view what) {
  PCN_ASSIGN(const std::uint32_t verdict, driver.verdict());
  if (verdict == redirect_verdict(hook)) return {};
  return fail(ErrorCode::system, "{} on {} does not redirect: verdict {}", what, title(hook), verdict);
}

Result<> test_run(Report& report, const Effort& effort, ForwarderChain& chain, const LivePath& path, Hook hook) {
  PCN_ASSIGN(const bpf::Map trace, make_trace());
  PCN_ASSIGN(bpf::ObjectFile empty_object,
             bpf::ObjectFile::read(paths().objects / (hook == Hook::tc ? "empty.tc.o" : "empty.xdp.o")));
  PCN_ASSIGN(bpf::LoadedObject empty, empty_object.load({}));
  PCN_ASSIGN(Redirect redirect, load_redirect((paths().objects / handwritten_object(hook)).c_str(), path.to().index));
  const bpf::Program handwritten(std::move(redirect.program));
  PCN_TRY(chain.wire(hook, 1, path.from(), path.to()));
  PCN_ASSIGN(const bpf::Program* cube, chain.cube(0));
  PCN_ASSIGN(const bpf::Program root, chain.root(hook, path.from()));
  std::vector<Driver> drivers;
  for (const bpf::Program* program :
       {static_cast<const bpf::Program*>(&empty.programs.at("empty")), &handwritten, cube, &root}) {
    PCN_ASSIGN(Driver driver, Driver::create(hook, trace, *program));
    if (!drivers.empty()) PCN_TRY(check_redirects(driver, hook, "a forwarder"));
    drivers.push_back(std::move(driver));
  }
  std::vector<Measurement> variants;
  for (const Driver& driver : drivers) variants.push_back([&] { return driver.run(effort.test_run); });
  PCN_ASSIGN(const auto times, interleave(variants, effort.rounds));
  PCN_TRY(chain.clear());
  const auto difference = [](double x, double y) { return x - y; };
  const Samples reference = pairwise(times[1], times[0], difference);
  const auto add = [&](std::string_view what, const Samples& total) {
    const Samples own = pairwise(total, times[0], difference);
    report.add(
        {.what = fmt::format("test-run over a trace, {}, {}", title(hook), what),
         .figure = median_and_minimum(own, "ns"),
         .reference = median_and_minimum(reference, "ns"),
         .ratio = fmt::format("{:+.1f} ns", pairwise(total, times[1], difference).median()),
         .bar = {},
         .met = std::nullopt,
         .details = {
             {"ours_ns", to_json(total)}, {"handwritten_ns", to_json(times[1])}, {"empty_ns", to_json(times[0])}}});
  };
  add("cube alone", times[2]);
  add("root and cube", times[3]);
  return {};
}

}  // namespace

Result<> forwarder(Report& report, const Effort& effort) {
  report.section("simpleforwarder and a hand-written redirect (rate: higher is better; time: less an empty program)");
  const Pinned pinned(measuring_cpu());
  PCN_ASSIGN(const auto path, LivePath::create());
  PCN_ASSIGN(const auto chain, ForwarderChain::create());
  for (Hook hook : {Hook::xdp_drv, Hook::tc, Hook::xdp_skb}) PCN_TRY(live(report, effort, *chain, *path, hook));
  for (Hook hook : {Hook::xdp_drv, Hook::tc}) PCN_TRY(test_run(report, effort, *chain, *path, hook));
  return {};
}

}  // namespace polycube::bench
