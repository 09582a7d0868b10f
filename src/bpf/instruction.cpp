// SPDX-License-Identifier: Apache-2.0
#include "bpf/instruction.h"

namespace polycube::bpf {

namespace {

bool is_understood(const bpf_insn& instruction) {
  constexpr int sign_extending = 0x80;  // BPF_MEMSX
  const int mode = BPF_MODE(instruction.code);
  switch (BPF_CLASS(instruction.code)) {
    case BPF_LD: return mode == BPF_IMM || mode == BPF_ABS || mode == BPF_IND;
    case BPF_LDX: return mode == BPF_MEM || mode == sign_extending;
    case BPF_ST: return mode == BPF_MEM;
    case BPF_STX: return mode == BPF_MEM || mode == BPF_ATOMIC;
    // No indirect jumps, nor those of BPF_JCOND, which depend on no register.
    case BPF_JMP:
      return BPF_OP(instruction.code) <= BPF_JSLE &&
             (BPF_OP(instruction.code) != BPF_JA || BPF_SRC(instruction.code) == BPF_K);
    default: return true;
  }
}

}  // namespace

bool is_understood(std::span<const bpf_insn> code) {
  for (std::size_t i = 0; i < code.size(); i++) {
    if (!is_understood(code[i])) return false;
    const auto goes = target(code, i);
    if (goes && (*goes < 0 || *goes >= static_cast<std::int64_t>(code.size()))) return false;
    if (code[i].code != load_address) continue;
    i++;
    if (i == code.size()) return false;
  }
  return true;
}

}  // namespace polycube::bpf
