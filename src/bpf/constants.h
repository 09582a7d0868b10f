// SPDX-License-Identifier: Apache-2.0
/// Loads of frozen read-only data become immediates in a program's instructions, and jumps that depend on them only are
/// decided.
/// Why: the verifier knows the values and removes the branches that depend on them, but leaves the loads: each program then
/// touches one more cache line for every packet, and since the data is page aligned, the lines of a long chain of cubes
/// compete for one set of the cache.
/// Invariants: the number of instructions stays the same; what a program computes is the same. What is not needed any more
/// is still there, some of it out of reach, which the kernel refuses: remove_dead_code() (dead_code.h) has to follow.
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
