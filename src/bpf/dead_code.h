// SPDX-License-Identifier: Apache-2.0
/// Instructions that cannot be reached, or whose result nobody reads, are taken out of a program.
/// Why: the verifier removes what constants make unreachable, but only after it has decided each branch, and it keeps the
/// instructions that the branch was decided with. What is taken out before costs nothing at all, neither when the program is
/// loaded nor for a packet.
/// Invariants: what a program computes is the same.
/// Threading: pure.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <vector>

namespace polycube::bpf {

/// What became of the instructions of a program.
struct Removal {
  std::vector<std::uint32_t> position;  ///< by old index: the new one or, of a removed one, that of what follows
  std::vector<bool> reachable;          ///< by old index
};

[[nodiscard]] Removal remove_dead_code(std::vector<bpf_insn>& code);

/// The same instructions' function and line information; what belongs to removed code goes.
void move_functions(const Removal& removal, std::vector<bpf_func_info>& functions);
void move_lines(const Removal& removal, std::uint32_t instructions, std::vector<bpf_line_info>& lines);

}  // namespace polycube::bpf
