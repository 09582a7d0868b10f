// SPDX-License-Identifier: Apache-2.0
#include "bpf/dead_code.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>

#include "bpf/instruction.h"

namespace polycube::bpf {

namespace {

std::vector<bool> find_reachable(std::span<const bpf_insn> code) {
  std::vector<bool> reachable(code.size(), false);
  std::vector<std::size_t> starts{0};
  while (!starts.empty()) {
    std::size_t i = starts.back();
    starts.pop_back();
    while (i < code.size() && !reachable[i]) {
      const bpf_insn& instruction = code[i];
      reachable[i] = true;
      if (is_exit(instruction)) break;
      const auto goes = target(code, i);
      if (goes) starts.push_back(static_cast<std::size_t>(*goes));
      if (goes && is_jump(instruction) && is_unconditional(instruction)) break;
      if (instruction.code == load_address) reachable[++i] = true;
      i++;
    }
  }
  return reachable;
}

/// A bit for each register.
using Registers = std::uint32_t;
constexpr Registers bit(unsigned reg) { return 1U << reg; }
constexpr Registers result = bit(BPF_REG_0);
constexpr Registers arguments = bit(1) | bit(2) | bit(3) | bit(4) | bit(5);
constexpr Registers all = 0xffff;

struct Effect {
  Registers reads;
  Registers writes;
};

// Where in doubt, all are read and none is written.
Effect effect_of(const bpf_insn& instruction) {
  const Registers source = bit(instruction.src_reg);
  const Registers destination = bit(instruction.dst_reg);
  const bool has_source = BPF_SRC(instruction.code) == BPF_X;
  switch (BPF_CLASS(instruction.code)) {
    case BPF_LD: return instruction.code == load_address ? Effect{0, destination} : Effect{all, 0};
    case BPF_LDX: return {source, destination};
    case BPF_ST: return {destination, 0};
    case BPF_STX: return BPF_MODE(instruction.code) == BPF_MEM ? Effect{source | destination, 0} : Effect{all, 0};
    case BPF_ALU:
    case BPF_ALU64: {
      const Registers before = BPF_OP(instruction.code) == BPF_MOV ? Registers{0} : destination;
      return {before | (has_source ? source : 0), destination};
    }
    default:
      if (is_exit(instruction)) return {result, 0};
      if (!is_jump(instruction)) return {arguments, result | arguments};
      if (is_unconditional(instruction)) return {0, 0};
      return {destination | (has_source ? source : 0), 0};
  }
}

// The registers that somebody may still read after each instruction.
std::vector<Registers> find_live(std::span<const bpf_insn> code, const std::vector<bool>& reachable) {
  std::vector<Registers> before(code.size() + 1, 0);
  std::vector<Registers> after(code.size(), 0);
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t i = code.size(); i-- > 0;) {
      if (!reachable[i] || (i > 0 && code[i - 1].code == load_address)) continue;
      const bpf_insn& instruction = code[i];
      const bool jump = is_jump(instruction);
      Registers live = 0;
      if (!is_exit(instruction) && !(jump && is_unconditional(instruction)))
        live = before[i + (instruction.code == load_address ? 2 : 1)];
      if (jump) live |= before[static_cast<std::size_t>(*target(code, i))];
      after[i] = live;
      const Effect effect = effect_of(instruction);
      const Registers needed = (live & ~effect.writes) | effect.reads;
      changed = changed || needed != before[i];
      before[i] = needed;
    }
  }
  return after;
}

bool only_sets_register(const bpf_insn& instruction) {
  const auto kind = BPF_CLASS(instruction.code);
  const bool move = (kind == BPF_ALU || kind == BPF_ALU64) && BPF_OP(instruction.code) == BPF_MOV;
  return instruction.code == load_address || (move && BPF_SRC(instruction.code) == BPF_K);
}

std::vector<bool> find_kept(std::span<const bpf_insn> code, const std::vector<bool>& reachable) {
  const std::vector<Registers> live = find_live(code, reachable);
  std::vector<bool> kept = reachable;
  std::vector<std::size_t> follow(code.size() + 1, 0);  // kept instructions from each one on
  for (std::size_t i = code.size(); i-- > 0;) {
    if (i > 0 && code[i - 1].code == load_address) {
      follow[i] = follow[i + 1];  // decided with the first half
      continue;
    }
    const bpf_insn& instruction = code[i];
    const std::size_t size = instruction.code == load_address ? 2 : 1;
    if (only_sets_register(instruction) && (live[i] & bit(instruction.dst_reg)) == 0) kept[i] = false;
    // A jump to what follows anyway.
    if (is_jump(instruction)) {
      const auto goes = static_cast<std::size_t>(*target(code, i));
      if (goes > i && follow[goes] == follow[i + 1]) kept[i] = false;
    }
    if (size == 2) kept[i + 1] = kept[i];
    follow[i] = follow[i + size] + (kept[i] ? size : 0);
  }
  return kept;
}

void set_distance(bpf_insn& instruction, std::int64_t distance) {
  if (instruction.code == (BPF_JMP32 | BPF_JA) || names_function(instruction))
    instruction.imm = static_cast<__s32>(distance);
  else
    instruction.off = static_cast<__s16>(distance);  // never farther than it was
}

}  // namespace

Removal remove_dead_code(std::vector<bpf_insn>& code) {
  Removal removal;
  removal.position.resize(code.size() + 1);
  if (!is_understood(code)) {
    removal.reachable.assign(code.size(), true);
    std::iota(removal.position.begin(), removal.position.end(), 0U);
    return removal;
  }
  removal.reachable = find_reachable(code);
  const std::vector<bool> kept = find_kept(code, removal.reachable);
  for (std::size_t i = 0; i < code.size(); i++) removal.position[i + 1] = removal.position[i] + (kept[i] ? 1 : 0);
  for (std::size_t i = 0; i < code.size(); i++) {
    if (!kept[i]) continue;
    const auto goes = target(code, i);
    bpf_insn& instruction = code[removal.position[i]];
    instruction = code[i];
    if (goes)
      set_distance(instruction, std::int64_t{removal.position[static_cast<std::size_t>(*goes)]} -
                                    std::int64_t{removal.position[i]} - 1);
  }
  code.resize(removal.position.back());
  return removal;
}

void move_functions(const Removal& removal, std::vector<bpf_func_info>& functions) {
  std::erase_if(functions, [&](const bpf_func_info& function) { return !removal.reachable[function.insn_off]; });
  for (bpf_func_info& function : functions) function.insn_off = removal.position[function.insn_off];
}

void move_lines(const Removal& removal, std::uint32_t instructions, std::vector<bpf_line_info>& lines) {
  std::vector<bpf_line_info> moved;
  for (bpf_line_info line : lines) {
    line.insn_off = removal.position[line.insn_off];
    // Of lines whose code is gone the last one is that of the instruction.
    if (!moved.empty() && moved.back().insn_off == line.insn_off) moved.pop_back();
    if (line.insn_off < instructions) moved.push_back(line);
  }
  lines = std::move(moved);
}

}  // namespace polycube::bpf
