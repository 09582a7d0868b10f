// SPDX-License-Identifier: Apache-2.0
/// Loads of frozen read-only data become immediates in a program's instructions.
/// Why: the verifier knows the values and removes the branches that depend on them, but leaves the loads: each program then
/// touches one more cache line for every packet, and since the data is page aligned, the lines of a long chain of cubes
/// compete for one set of the cache.
/// Invariants: the number of instructions stays the same, so line information and jumps stay right; what a program
/// computes is the same. An address that is not needed any more becomes a jump to the next instruction, which the verifier
/// removes.
/// Threading: pure.
#pragma once

#include <linux/bpf.h>

#include <cstddef>
#include <span>

namespace polycube::bpf {

struct ReadOnlyData {
  int map = -1;  ///< descriptor by which the instructions name it
  std::span<const std::byte> bytes;
};

/// Source: Documentation/bpf/standardization/instruction-set.rst of Linux.
void fold_constants(std::span<bpf_insn> code, const ReadOnlyData& data);

}  // namespace polycube::bpf
