// SPDX-License-Identifier: Apache-2.0
/// What the files of the engine share among themselves.
/// Why: preparing a transaction, committing it and changing single programs are long enough for a file each.
/// Invariants: Staged is what a transaction has prepared; what its undo refers to outlives it.
/// Threading: as engine.h says.
#pragma once

#include "engine/engine.h"

namespace polycube::engine {

struct Engine::Platform {
  std::unique_ptr<Panel> panel;
  /// The engine's own programs, which it has in common with its twins.
  struct Objects {
    bpf::ObjectFile root;
    bpf::ObjectFile entry;
    bpf::ObjectFile tracer;
    bpf::ObjectFile injector;
  };
  std::shared_ptr<const Objects> objects;
};

struct Engine::Staged {
  explicit Staged(Undo::Failed failed) : undo(std::move(failed)) {}
  std::map<std::string, std::unique_ptr<Cube>> created;
  struct Load {
    CubeConstants constants;
    CubePrograms programs;  ///< of a cube that only loses wires not before the others are replaced
  };
  std::map<std::string, Load> loads;  ///< cubes that are created or get other constants
  std::map<topology::Gate, Root> roots;
  std::map<std::string, std::set<CubeGate>> gates;  ///< by cube
  std::uint64_t masters_replaced = 0;               ///< before its cubes were loaded
  Undo undo;                                        // last: runs before what it refers to goes away
};

/// Of a cube that leads nowhere: none.
[[nodiscard]] const topology::CubeWires& wires_of(const topology::Wiring& wiring, const std::string& cube);

/// For messages; `#INDEX` for one that has gone.
[[nodiscard]] std::string device_name(const topology::Devices& devices, int index);

[[nodiscard]] inline bool stays(const Transaction& transaction, const std::string& name) {
  return topology::stays(transaction.before, transaction.after, name);
}

/// Leads a device to a cube. One without a program for the gate has other wires just now, as when its programs cannot go back
/// to what they were: the device leads where it did.
[[nodiscard]] inline Result<> lead(Root& root, const Cube& cube, const CubeGate& where) {
  return cube.has_entry(where) ? root.steer(cube.entry(where)) : Result<>();
}

}  // namespace polycube::engine
