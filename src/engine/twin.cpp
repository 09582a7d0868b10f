// SPDX-License-Identifier: Apache-2.0
// The twin that packets are simulated on.
#include <algorithm>
#include <set>

#include "engine/engine_parts.h"
#include "engine/simulator.h"
#include "engine/table_copy.h"

namespace polycube::engine {

namespace {

std::map<MicrocubeId, Code> codes_of(const Cube::Snapshot& snapshot) {
  std::map<MicrocubeId, Code> codes;
  for (const auto& [id, microcube] : snapshot.microcubes) codes.emplace(id, microcube.code);
  return codes;
}

}  // namespace

Result<Simulator> Simulator::create(const Engine& running, const topology::Topology& topology,
                                    const topology::Wiring& wiring, const topology::Devices& devices, int device) {
  const topology::Wiring reached = topology::reached_from(device, wiring);
  topology::Topology part;
  for (const auto& [name, wires] : reached.cubes) part.cubes.emplace(name, topology.cubes.at(name));
  Simulator simulator;
  PCN_TRY(simulator.make_twin(running, part, reached, devices));
  PCN_TRY(simulator.load_entrances());
  return simulator;
}

Result<> Simulator::make_twin(const Engine& running, const topology::Topology& topology, const topology::Wiring& wiring,
                              const topology::Devices& devices) {
  twin_.reset(new Engine);
  twin_->attached_ = false;
  twin_->tracing_ = Tracing::simulate;
  twin_->simulator_ = running.simulator_;
  PCN_ASSIGN(twin_->tracer_, Tracer::create());
  for (const auto& [family, platform] : running.platforms_) {
    PCN_ASSIGN(auto panel, Panel::create(family, nullptr, twin_->tracer_->shared_maps()));
    twin_->platforms_.emplace(family, new Engine::Platform{std::move(panel), platform->objects});
  }
  const topology::Topology nothing;
  Transaction transaction{nothing, topology, wiring, devices, {}, {}};
  std::map<std::string, Cube::Snapshot> programs;
  {
    const std::lock_guard lock(running.programs_mutex_);
    for (const auto& [name, cube] : topology.cubes) programs.emplace(name, running.cubes_.at(name)->snapshot());
  }
  for (const auto& [name, snapshot] : programs) {
    const Cube& cube = *running.cubes_.at(name);
    transaction.packages.emplace(topology.cubes.at(name).service, &cube.package());
    transaction.programs.emplace(name, codes_of(snapshot));
  }
  PCN_TRY(twin_->apply(transaction));
  return fill_tables(programs);
}

Result<> Simulator::fill_tables(const std::map<std::string, Cube::Snapshot>& programs) {
  std::set<const Table*> filled;  // tables may be shared
  for (const auto& [name, snapshot] : programs) {
    const Cube::Snapshot copy = twin_->cubes_.at(name)->snapshot();
    for (const auto& [id, microcube] : copy.microcubes) {
      for (const auto& [table, use] : microcube.tables) {
        const auto& tables = snapshot.microcubes.at(id).tables;
        const auto from = tables.find(table);
        if (from == tables.end() || !filled.insert(use->table().get()).second) continue;
        PCN_ASSIGN(const bool copied, copy_table(*from->second->table(), *use->table()));
        const std::uint32_t type = use->table()->map().info().type;
        // What a program writes for its control plane, and sets of rules, which are made when their rules are copied.
        const bool needs_none = type == BPF_MAP_TYPE_RINGBUF || table.ends_with(rule_set_name(""));
        if (!copied && !needs_none) empty_tables_.push_back(fmt::format("{} of cube {}", table, name));
      }
    }
  }
  return {};
}

Result<> Simulator::load_entrances() {
  for (const auto& [family, platform] : twin_->platforms_) {
    const bool tc = family == Family::tc;
    const bpf::ObjectFile& object = tc ? *twin_->simulator_ : platform->objects->injector;
    PCN_ASSIGN(bpf::LoadedObject loaded, object.load({.maps = platform->panel->shared_maps()}));
    const auto program = loaded.programs.find(tc ? "pcn_simulate" : "pcn_inject");
    if (program == loaded.programs.end())
      return fail(ErrorCode::invalid_value, "{} has not the program that simulations begin with",
                  object.path().string());
    entrances_.emplace(family, std::move(program->second));
  }
  return {};
}

}  // namespace polycube::engine
