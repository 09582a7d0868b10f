// SPDX-License-Identifier: Apache-2.0
/// The programs of a cube's fast path: its master, which packets enter, and slaves, to which programs of the cube jump
/// (sdk/bpf/polycube/programs.h).
/// Threading: plain values. @file
#pragma once

#include <polycube/raw_table.h>

#include <cstdint>
#include <string>
#include <utility>

namespace polycube::control {

enum class Direction { ingress, egress };

/// Hooks of the kernel that cubes run at, by their type.
enum class Hook { tc, xdp };

/// One of a cube's programs. Index 0 is the master, with its programs for both directions; 1 to 63 are slaves.
struct Program {
  Direction direction = Direction::ingress;
  std::uint16_t index = 0;
};

/// What a program is made of: one of these.
struct Code {
  std::string name;    ///< of a program of the package: bpf/NAME.bpf.c; the service's own is that of the master
  std::string source;  ///< C, complete in itself, as in bpf/; compiled for the hook of the cube
  Bytes tc_object;     ///< compiled, for the hooks where it runs; a program for the way out runs on TC as well
  Bytes xdp_object;

  [[nodiscard]] static Code of_package(std::string name) { return {std::move(name), {}, {}, {}}; }
  [[nodiscard]] static Code from_source(std::string text) { return {{}, std::move(text), {}, {}}; }
  [[nodiscard]] static Code from_objects(Bytes tc, Bytes xdp) { return {{}, {}, std::move(tc), std::move(xdp)}; }
};

}  // namespace polycube::control
