// SPDX-License-Identifier: Apache-2.0
/// What the files of a cube share among themselves.
/// Why: loading programs, and replacing single ones, are long enough for a file each.
#pragma once

#include "engine/cube.h"

namespace polycube::engine {

/// A microcube that is being loaded.
struct Cube::Loading {
  MicrocubeId id;
  Microcube microcube;
  CubePrograms& programs;  ///< with the constants
  const EntryObjects& entry_objects;
  /// Tables that were created, which are found by others once they are adopted.
  std::map<std::string, std::shared_ptr<Table>> framework = {};
  struct Shared {
    TableScope scope;
    std::string name;
    std::shared_ptr<Table> table;
  };
  std::vector<Shared> shared = {};
};

/// Whether the framework, not an author, declares this table.
[[nodiscard]] inline bool is_frameworks(const std::string& table) { return !Package::is_own_table(table); }
/// Whether it holds variables of a program.
[[nodiscard]] inline bool is_section(const std::string& table) { return table.starts_with('.'); }

/// A program array takes programs of one hook; everything else an XDP cube's programs for TC share with the others.
[[nodiscard]] inline std::string framework_key(const std::string& table, bool other_hook) {
  return other_hook && table.ends_with("_programs") ? table + "@tc" : table;
}

/// The program array of the slaves of this direction.
[[nodiscard]] constexpr const char* programs_map(topology::Direction direction) {
  return direction == topology::Direction::egress ? "pcn_egress_programs" : "pcn_ingress_programs";
}

}  // namespace polycube::engine
