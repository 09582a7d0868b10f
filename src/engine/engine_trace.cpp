// SPDX-License-Identifier: Apache-2.0
// Following packets: the programs of all cubes are loaded again, and tracers put between the roots and what they enter.
#include <algorithm>

#include "base/log.h"
#include "engine/engine_parts.h"

namespace polycube::engine {

Result<> Engine::put_tracers() {
  const std::lock_guard lock(programs_mutex_);
  for (auto& [gate, entry] : roots_) {
    Platform& platform = *platforms_.at(family_of(gate.hook));
    PCN_TRY(entry.root.put_tracer(*platform.panel, platform.objects->tracer, gate));
    PCN_TRY(lead(entry.root, *cubes_.at(entry.cube), entry.where));
  }
  return {};
}

void Engine::take_tracers() {
  {
    const std::lock_guard lock(programs_mutex_);
    for (auto& [gate, entry] : roots_) {
      auto slot = entry.root.take_tracer();
      if (!slot) continue;
      if (auto done = lead(entry.root, *cubes_.at(entry.cube), entry.where); !done)
        log::error("device {}: {}", gate.device, done.error().message);
      retired_.slots.push_back(std::move(*slot));
    }
  }
  release_retired();
}

Result<> Engine::trace(bool on, const Transaction& same) {
  const Tracing wanted = on ? Tracing::on : Tracing::off;
  if (!on && tracing_ == wanted) return {};
  if (!on) take_tracers();
  const Tracing before = std::exchange(tracing_, wanted);
  Result<> done =
      before == wanted ? Result<>() : apply(same);  // they are on already where they could not be switched off
  if (done && on) done = put_tracers();
  if (done) return {};
  tracing_ = before;
  if (on) take_tracers();
  if (auto back = apply(same); !back) log::error("programs cannot go back to what they were: {}", back.error().message);
  return done;
}

std::optional<std::string> Engine::traced_cube(std::uint16_t number) const {
  for (const auto& [name, cube] : cubes_)
    if (trace_number(family_of(cube->hook()), cube->slot()) == number) return name;
  return std::nullopt;
}

std::optional<topology::Gate> Engine::traced_gate(std::uint16_t number) const {
  for (const auto& [gate, entry] : roots_)
    if (trace_number(family_of(gate.hook), entry.root.slot()) == number) return gate;
  return std::nullopt;
}

}  // namespace polycube::engine
