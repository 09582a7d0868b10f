// SPDX-License-Identifier: Apache-2.0
// pbforwarders with few and with many rules: a packet's time, and that of changes.
#include <bit>
#include <chrono>

#include "benchmarks.h"
#include "daemon.h"
#include "engine/engine.h"
#include "laboratory.h"
#include "model/schema.h"
#include "paths.h"
#include "trace.h"

namespace polycube::bench {

namespace {

using nlohmann::json;
using topology::Hook;

constexpr const char* service = "pbforwarder";
constexpr unsigned counts[] = {1, 10, 1000, 8192};
constexpr double write_bar = 1000;  // ms for all rules
constexpr double change_bar = 5;    // ms for one of them

std::string cube_name(unsigned rules) { return fmt::format("pb{}", rules); }

using Leaves = std::vector<std::pair<std::string, std::string>>;

/// Of the trace's packets, whose destinations are 198.18.0.0/15, each rule is for an equal part, and the last one for what
/// is left.
Leaves rule(unsigned id, unsigned rules) {
  Leaves leaves{{"id", std::to_string(id)}, {"action", "forward"}, {"out_port", "p1"}};
  if (id + 1 == rules) return leaves;
  const auto bits = static_cast<unsigned>(std::bit_width(rules - 1));
  const std::uint32_t address = (198U << 24 | 18U << 16) + (id << (17 - bits));
  leaves.emplace_back("dst_ip", fmt::format("{}.{}.{}.{}/{}", address >> 24, address >> 16 & 255, address >> 8 & 255,
                                            address & 255, 15 + bits));
  leaves.emplace_back("l4_proto", "udp");
  return leaves;
}

model::Row as_row(const model::TableBinding& binding, const Leaves& leaves) {
  model::Row row(binding.leaves.size());
  for (const auto& [name, text] : leaves)
    for (std::size_t i = 0; i < row.size(); i++)
      if (binding.leaves[i].name == name) row[i] = text;
  return row;
}

json as_json(const Leaves& leaves) {
  json object;
  for (const auto& [name, text] : leaves)
    if (name == "id")
      object[name] = std::stoul(text);
    else
      object[name] = text;
  return object;
}

/// A cube for each count, with that many rules.
class RuleCubes {
 public:
  [[nodiscard]] static Result<std::unique_ptr<RuleCubes>> create(Hook hook) {
    std::unique_ptr<RuleCubes> cubes(new RuleCubes);
    const std::filesystem::path folder = paths().services / service;
    PCN_ASSIGN(cubes->schema_, model::Schema::load(paths().yang, {folder / (std::string(service) + ".yang")}));
    const model::ServiceModel* model = cubes->schema_->service(service);
    if (model == nullptr) return fail(ErrorCode::not_found, "the model of {} cannot be used", service);
    PCN_ASSIGN(cubes->package_, engine::Package::open(folder, *model));
    PCN_ASSIGN(cubes->engine_, engine::Engine::create(paths().engine));
    for (unsigned rules : counts) {
      PCN_ASSIGN(Pair pair, create_pair(fmt::format("near{}", rules), fmt::format("far{}", rules)));
      cubes->pairs_.push_back(std::move(pair));
    }
    PCN_TRY(cubes->fill(hook, model->bindings.front()));
    return cubes;
  }

  [[nodiscard]] const bpf::Program& program(unsigned rules) const { return engine_->cube(cube_name(rules))->program(); }

 private:
  RuleCubes() = default;

  Result<> fill(Hook hook, const model::TableBinding& binding) {
    std::vector<Device> near;
    for (const Pair& pair : pairs_) near.push_back(pair.near);
    const topology::Devices devices = as_topology(near);
    topology::Topology wanted;
    std::map<std::string, std::vector<engine::TableChange>> tables;
    for (unsigned rules : counts) {
      topology::Cube cube;
      cube.service = service;
      cube.hook = hook;
      cube.log_level = "INFO";
      cube.ports["p0"] = {.index = 0, .peer = ""};
      cube.ports["p1"] = {.index = 1, .peer = fmt::format("near{}", rules)};
      wanted.cubes.emplace(cube_name(rules), std::move(cube));
      model::RowChanges changes;
      for (unsigned id = 0; id < rules; id++) changes.written.push_back(as_row(binding, rule(id, rules)));
      tables[cube_name(rules)].push_back({&binding, std::move(changes)});
    }
    const topology::Wiring wiring = topology::wire(wanted, devices);
    return engine_->apply({{}, wanted, wiring, devices, std::move(tables), {{service, &*package_}}});
  }

  std::vector<Pair> pairs_;
  std::shared_ptr<const model::Schema> schema_;
  std::optional<engine::Package> package_;
  std::unique_ptr<engine::Engine> engine_;
};

Result<> packets(Report& report, const Effort& effort, Hook hook) {
  PCN_ASSIGN(const bpf::Map trace, make_trace());
  PCN_ASSIGN(const auto cubes, RuleCubes::create(hook));
  std::vector<Driver> drivers;
  std::vector<Measurement> variants;
  for (unsigned rules : counts) {
    PCN_ASSIGN(Driver driver, Driver::create(hook, trace, cubes->program(rules)));
    drivers.push_back(std::move(driver));
  }
  for (const Driver& driver : drivers) variants.push_back([&] { return driver.run(effort.test_run / 4); });
  PCN_ASSIGN(const auto times, interleave(variants, effort.rounds));
  for (std::size_t i = 0; i < std::size(counts); i++) {
    const Samples over = pairwise(times[i], times[0], [](double x, double y) { return x - y; });
    report.add({.what = fmt::format("{}, {} rules", hook == Hook::tc ? "TC" : "XDP", counts[i]),
                .figure = median_and_minimum(times[i], "ns"),
                .reference = median_and_minimum(times[0], "ns"),
                .ratio = fmt::format("{:+.1f} ns", over.median()),
                .bar = {},
                .met = std::nullopt,
                .details = {{"ns", to_json(times[i])}}});
  }
  return {};
}

Result<double> milliseconds(const std::function<Result<>()>& request) {
  const auto sent = std::chrono::steady_clock::now();
  PCN_TRY(request());
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - sent).count();
}

Result<> changes(Report& report, const Effort& effort, unsigned rules) {
  PCN_ASSIGN(const auto daemon, Daemon::start());
  const std::string list = fmt::format("/{0}:{0}=pb/rules", service);
  const auto many = [&](unsigned first) {
    json entries = json::array();
    for (unsigned id = 0; id < rules; id++) {
      entries.push_back(as_json(rule(id, rules)));
      if (entries.back().contains("l4_proto")) entries.back()["src_port"] = fmt::format("{}-60000", first);
    }
    return json{{fmt::format("{}:rules", service), std::move(entries)}}.dump();
  };
  PCN_TRY(daemon->post(
      "", json{{fmt::format("{0}:{0}", service), {{{"name", "pb"}, {"ports", {{{"name", "p0"}}, {{"name", "p1"}}}}}}}}
              .dump()));
  unsigned round = 0;
  const Measurement write = [&] {
    round++;
    return milliseconds([&] { return daemon->patch(list, many(round)); });
  };
  const Measurement change = [&] {
    round++;
    const json one{{fmt::format("{}:vlan", service), round % 4096}};
    return milliseconds([&] { return daemon->patch(fmt::format("{}={}/vlan", list, rules / 2), one.dump()); });
  };
  // Not in turns: the daemon tidies up after a long list when it has answered.
  PCN_ASSIGN(const auto writing, interleave({write}, effort.rounds));
  PCN_ASSIGN(const auto changing, interleave({change}, effort.rounds));
  const auto add = [&](const char* what, const Samples& samples, double bar) {
    report.add({.what = fmt::format(fmt::runtime(what), rules),
                .figure = median_and_minimum(samples, "ms"),
                .reference = {},
                .ratio = {},
                .bar = fmt::format("< {} ms", bar),
                .met = samples.median() < bar,
                .details = {{"request_ms", to_json(samples)}}});
  };
  add("{} rules written, one request", writing[0], write_bar);
  add("one of {} rules changed", changing[0], change_bar);
  return {};
}

}  // namespace

Result<> rules(Report& report, const Effort& effort) {
  report.section("pbforwarder (packets: driver included, reference: one rule; requests: until the answer)");
  {
    const Pinned pinned(measuring_cpu());
    for (Hook hook : {Hook::xdp_skb, Hook::tc}) PCN_TRY(packets(report, effort, hook));
  }
  for (const unsigned count : {10U, 1000U, 8192U}) PCN_TRY(changes(report, effort, count));
  return {};
}

}  // namespace polycube::bench
