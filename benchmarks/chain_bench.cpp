// SPDX-License-Identifier: Apache-2.0
#include <numeric>

#include "benchmarks.h"
#include "forwarder_chain.h"
#include "live.h"
#include "paths.h"
#include "trace.h"

namespace polycube::bench {

namespace {

using topology::Hook;

constexpr unsigned lengths[] = {1, 2, 4, 8, 16};
constexpr unsigned longest = 16;
constexpr double bar = 8;        // ns for one more cube, over its own work
constexpr unsigned layouts = 3;  // chains built anew: where tables and code lie in memory changes the figures

std::string_view title(Hook hook) { return hook == Hook::tc ? "TC" : "XDP"; }

// The lookups of so many forwarders in one program.
struct OwnWork {
  bpf::LoadedObject loaded;
  [[nodiscard]] const bpf::Program& program() const { return loaded.programs.at("own_work"); }
};

Result<OwnWork> own_work(Hook hook, unsigned stages, const Device& to) {
  PCN_ASSIGN(bpf::ObjectFile object,
             bpf::ObjectFile::read(paths().objects / (hook == Hook::tc ? "own_work.tc.o" : "own_work.xdp.o")));
  const __u32 count = stages;
  const __u32 index = static_cast<__u32>(to.index);
  PCN_ASSIGN(bpf::LoadedObject loaded, object.load({.constants = {{"stages", std::as_bytes(std::span(&count, 1))},
                                                                  {"redirect_to", std::as_bytes(std::span(&index, 1))}},
                                                    .maps = {}}));
  struct {
    __u16 action = 2;  // forward
    __u16 outport = 1;
  } entry;
  for (unsigned i = 0; i < longest; i++) PCN_TRY(loaded.maps.at(fmt::format("actions{}", i)).set(0, entry));
  return OwnWork{std::move(loaded)};
}

// Samples of each length, in the order of `lengths`: chains, then own work.
struct Times {
  std::vector<Samples> chain{std::size(lengths)};
  std::vector<Samples> own{std::size(lengths)};
};

Result<> measure_layout(const Effort& effort, ForwarderChain& chain, const LivePath& path, const bpf::Map& trace,
                        Hook hook, Times& times) {
  PCN_TRY(chain.wire(hook, longest, path.from(), path.to()));
  std::vector<Driver> drivers;
  std::vector<OwnWork> works;
  for (unsigned length : lengths) {  // a chain of n cubes is the last n of the longest one
    PCN_ASSIGN(const bpf::Program* first, chain.cube(longest - length));
    PCN_ASSIGN(Driver driver, Driver::create(hook, trace, *first));
    drivers.push_back(std::move(driver));
  }
  for (unsigned length : lengths) {
    PCN_ASSIGN(OwnWork work, own_work(hook, length, path.to()));
    PCN_ASSIGN(Driver driver, Driver::create(hook, trace, work.program()));
    works.push_back(std::move(work));
    drivers.push_back(std::move(driver));
  }
  std::vector<Measurement> variants;
  for (const Driver& driver : drivers) {
    PCN_ASSIGN(const std::uint32_t verdict, driver.verdict());
    if (verdict != redirect_verdict(hook))
      return fail(ErrorCode::system, "a chain on {} does not redirect: verdict {}", title(hook), verdict);
    variants.push_back([&] { return driver.run(effort.test_run / 2); });
  }
  PCN_ASSIGN(const auto samples, interleave(variants, std::max(min_rounds, effort.rounds) / layouts));
  for (std::size_t i = 0; i < std::size(lengths); i++) {
    for (double value : samples[i].values()) times.chain[i].add(value);
    for (double value : samples[std::size(lengths) + i].values()) times.own[i].add(value);
  }
  return {};
}

Samples for_each_further(const Samples& longer, const Samples& one, unsigned length) {
  return pairwise(longer, one, [&](double x, double y) { return (x - y) / (length - 1); });
}

Result<> test_run(Report& report, const Effort& effort, ForwarderChain& chain, const LivePath& path, Hook hook) {
  PCN_ASSIGN(const bpf::Map trace, make_trace());
  Times times;
  for (unsigned layout = 0; layout < layouts; layout++)
    PCN_TRY(measure_layout(effort, chain, path, trace, hook, times));
  PCN_TRY(chain.clear());
  for (std::size_t i = 1; i < std::size(lengths); i++) {
    const Samples total = for_each_further(times.chain[i], times.chain[0], lengths[i]);
    const Samples own = for_each_further(times.own[i], times.own[0], lengths[i]);
    const Samples over = pairwise(total, own, [](double x, double y) { return x - y; });
    report.add(
        {.what = fmt::format("test-run over a trace, {}, {} cubes", title(hook), lengths[i]),
         .figure = median_and_minimum(total, "ns"),
         .reference = median_and_minimum(own, "ns"),
         .ratio = fmt::format("{:+.1f} ns ({:.1f}..{:.1f})", over.median(), over.percentile(25), over.percentile(75)),
         .bar = fmt::format("<= {} ns", bar),
         .met = over.median() <= bar,
         .details = {{"chain_ns", to_json(times.chain[i])},
                     {"own_ns", to_json(times.own[i])},
                     {"chain_of_1_ns", to_json(times.chain[0])},
                     {"own_of_1_ns", to_json(times.own[0])}}});
  }
  return {};
}

Result<> live(Report& report, const Effort& effort, ForwarderChain& chain, const LivePath& path) {
  std::vector<Measurement> variants;
  for (unsigned length : lengths)
    variants.push_back([&, length]() -> Result<double> {
      PCN_TRY(chain.wire(Hook::xdp_drv, length, path.from(), path.to()));
      return path.nanoseconds_per_frame(effort.live);
    });
  PCN_ASSIGN(const auto times, interleave(variants, effort.rounds));
  PCN_TRY(chain.clear());
  for (std::size_t i = 1; i < std::size(lengths); i++) {
    const Samples total = for_each_further(times[i], times[0], lengths[i]);
    report.add({.what = fmt::format("live frames, XDP native, {} cubes", lengths[i]),
                .figure = median_and_minimum(total, "ns"),
                .reference = {},
                .ratio = {},
                .bar = {},
                .met = std::nullopt,
                .details = {{"chain_ns", to_json(times[i])}, {"chain_of_1_ns", to_json(times[0])}}});
  }
  return {};
}

}  // namespace

Result<> chain(Report& report, const Effort& effort) {
  report.section("One more cube in a chain (time for each further cube; reference: its own work, in one program)");
  const Pinned pinned(measuring_cpu());
  PCN_ASSIGN(const auto path, LivePath::create());
  PCN_ASSIGN(const auto forwarders, ForwarderChain::create());
  for (Hook hook : {Hook::xdp_drv, Hook::tc}) PCN_TRY(test_run(report, effort, *forwarders, *path, hook));
  return live(report, effort, *forwarders, *path);
}

}  // namespace polycube::bench
