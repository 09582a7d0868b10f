// SPDX-License-Identifier: Apache-2.0
/// The programs of a running cube: its control plane adds, replaces and removes them.
/// Why: control planes do so from timers, packets and within transactions, which must not wait for each other.
/// Invariants: a change is carried out whole or not at all; packets meet the program before or the one after. It outlasts
/// a transaction of that time, whether that succeeds or is taken back.
/// Threading: from every thread.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/cube.h"

namespace polycube::engine {

class Engine;

/// Valid as long as the cube.
class Microcubes {
 public:
  /// Loads the code as program `index`, or the lowest free one, from 1 on; returns the index. Errors: data_exists,
  /// limit_exceeded, those of Cube::replace(). This and the next two note in `changes`, if given, what they did.
  [[nodiscard]] Result<std::uint16_t> add(topology::Direction direction, const Code& code,
                                          std::optional<std::uint16_t> index, ProgramChanges* changes = nullptr) const;
  /// Of one that is there; 0 is the master. Errors: data_missing, those of Cube::replace().
  [[nodiscard]] Result<> replace(const MicrocubeId& id, const Code& code, ProgramChanges* changes = nullptr) const;
  /// Errors: data_missing; operation_not_supported for the master.
  [[nodiscard]] Result<> remove(const MicrocubeId& id, ProgramChanges* changes = nullptr) const;
  /// Takes these changes back, and leaves what others changed meanwhile. Errors: those of Cube::load().
  [[nodiscard]] Result<> take_back(const ProgramChanges& changes) const;

  /// For a control plane that begins anew with a cube that runs: it has no slaves and the package's master, but what
  /// packets meet stays as it is until the control plane adds or reloads it, or until drop_inherited().
  void inherit() const;
  /// What is left of that goes.
  [[nodiscard]] Result<> drop_inherited() const;

  /// All of them, with their tables.
  [[nodiscard]] Cube::Snapshot snapshot() const;
  /// Makes it all as it was then. Errors: those of Cube::load().
  [[nodiscard]] Result<> put_back(const Cube::Snapshot& snapshot) const;

 private:
  friend class Engine;
  Microcubes(Engine& engine, Cube& cube) : engine_(&engine), cube_(&cube) {}
  [[nodiscard]] Result<> carry_out(const MicrocubeId& id, const Code& code, ProgramChanges* changes) const;
  [[nodiscard]] Result<> lead_devices() const;
  Engine* engine_;
  Cube* cube_;
};

}  // namespace polycube::engine
