// SPDX-License-Identifier: Apache-2.0
/// The programs that a cube is made of: its master, which packets enter, and slaves, to which programs of the cube jump.
/// Why: each is replaced by itself while packets flow.
/// Threading: plain values.
/// Source: A Framework for eBPF-Based Network Functions in an Era of Microservices, III.
#pragma once

#include <polycube/abi.h>

#include <compare>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/package.h"
#include "engine/scoped_table.h"
#include "topology/wiring.h"

namespace polycube::engine {

/// Which one. The master has both directions in one object and is ingress 0.
struct MicrocubeId {
  topology::Direction direction = topology::Direction::ingress;
  std::uint16_t index = 0;

  [[nodiscard]] bool is_master() const { return index == 0; }
  auto operator<=>(const MicrocubeId&) const = default;
};
[[nodiscard]] inline MicrocubeId microcube_id(topology::Direction direction, std::uint16_t index) {
  return index == 0 ? MicrocubeId{} : MicrocubeId{direction, index};
}
/// "the master", "ingress program 2".
[[nodiscard]] std::string to_string(const MicrocubeId& id);

struct Microcube {
  Code code;
  std::map<std::string, std::shared_ptr<const TableUse>> tables = {};  ///< by name; without the framework's own
};

/// What somebody did to the programs of a cube, so that this, and nothing else, can be taken back.
struct ProgramChanges {
  struct Change {
    std::optional<Microcube> before;   ///< absent: there was none
    std::uint64_t version_before = 0;  ///< of the cube, when it became what it was
    std::uint64_t version = 0;         ///< and when it was changed, for the last time
  };
  std::map<MicrocubeId, Change> changes = {};
};

/// Hooks for which a cube of this package needs an object of a program.
[[nodiscard]] std::vector<Family> families_of(const Package& package, topology::Hook hook, const MicrocubeId& id);

/// Whether a cube of this package can have this for one of its programs. Errors: invalid_value, operation_not_supported
/// (what the cube does not have), with what to do.
[[nodiscard]] Result<> check_code(const Code& code, const Package& package, topology::Hook hook, const MicrocubeId& id);

}  // namespace polycube::engine
