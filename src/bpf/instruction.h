// SPDX-License-Identifier: Apache-2.0
/// What the passes over eBPF instructions (constants.h, dead_code.h) need to know about them.
/// Threading: pure.
/// Source: Documentation/bpf/standardization/instruction-set.rst of Linux.
#pragma once

#include <linux/bpf.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace polycube::bpf {

inline constexpr std::uint8_t load_address = BPF_LD | BPF_IMM | BPF_DW;  ///< takes two instructions
inline constexpr bpf_insn no_operation{.code = BPF_JMP | BPF_JA, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0};

/// Within a function, conditional or not.
[[nodiscard]] inline bool is_jump(const bpf_insn& instruction) {
  const auto kind = BPF_CLASS(instruction.code);
  return (kind == BPF_JMP || kind == BPF_JMP32) && BPF_OP(instruction.code) != BPF_CALL &&
         BPF_OP(instruction.code) != BPF_EXIT;
}
[[nodiscard]] inline bool is_unconditional(const bpf_insn& jump) { return BPF_OP(jump.code) == BPF_JA; }
[[nodiscard]] inline bool is_exit(const bpf_insn& instruction) { return instruction.code == (BPF_JMP | BPF_EXIT); }

/// Calls a function of the program, or takes its address.
[[nodiscard]] inline bool names_function(const bpf_insn& instruction) {
  return (instruction.code == (BPF_JMP | BPF_CALL) && instruction.src_reg == BPF_PSEUDO_CALL) ||
         (instruction.code == load_address && instruction.src_reg == BPF_PSEUDO_FUNC);
}

/// The distance from the next instruction to the one that a jump leads to, or to the function that is named.
[[nodiscard]] inline std::int64_t distance(const bpf_insn& instruction) {
  const bool long_jump = instruction.code == (BPF_JMP32 | BPF_JA);
  return long_jump || names_function(instruction) ? instruction.imm : instruction.off;
}

/// Where the jump at `index` leads, or which function it names; nothing for other instructions.
[[nodiscard]] inline std::optional<std::int64_t> target(std::span<const bpf_insn> code, std::size_t index) {
  if (!is_jump(code[index]) && !names_function(code[index])) return std::nullopt;
  return static_cast<std::int64_t>(index) + 1 + distance(code[index]);
}

/// Whether these passes know all instructions: newer ones may jump or write where they do not look, and jumps may lead
/// nowhere.
[[nodiscard]] bool is_understood(std::span<const bpf_insn> code);

}  // namespace polycube::bpf
