// SPDX-License-Identifier: Apache-2.0
#include "bpf/constants.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace polycube::bpf {

namespace {

constexpr std::uint8_t load_address = BPF_LD | BPF_IMM | BPF_DW;  // takes two instructions

/// What each register holds at one place of the program: an offset in the read-only data, or something else.
class Addresses {
 public:
  [[nodiscard]] std::optional<std::int64_t> of(unsigned reg) const { return offsets_.at(reg); }
  void set(unsigned reg, std::optional<std::int64_t> offset) { offsets_.at(reg) = offset; }
  void forget_all() { offsets_.fill(std::nullopt); }
  void forget_caller_saved() { std::fill_n(offsets_.begin(), 6, std::nullopt); }

 private:
  std::array<std::optional<std::int64_t>, 16> offsets_;
};

// Newer instructions may jump or write where this pass does not look.
bool is_understood(const bpf_insn& instruction) {
  constexpr int sign_extending = 0x80;  // BPF_MEMSX
  const int mode = BPF_MODE(instruction.code);
  switch (BPF_CLASS(instruction.code)) {
    case BPF_LD: return mode == BPF_IMM || mode == BPF_ABS || mode == BPF_IND;
    case BPF_LDX: return mode == BPF_MEM || mode == sign_extending;
    case BPF_ST: return mode == BPF_MEM;
    case BPF_STX: return mode == BPF_MEM || mode == BPF_ATOMIC;
    case BPF_JMP: return BPF_OP(instruction.code) != BPF_JA || BPF_SRC(instruction.code) == BPF_K;
    default: return true;
  }
}

bool is_understood(std::span<const bpf_insn> code) {
  for (std::size_t i = 0; i < code.size(); i++) {
    if (!is_understood(code[i])) return false;
    if (code[i].code == load_address) i++;
  }
  return true;
}

bool is_jump(const bpf_insn& instruction) {
  const auto kind = BPF_CLASS(instruction.code);
  return (kind == BPF_JMP || kind == BPF_JMP32) && BPF_OP(instruction.code) != BPF_CALL &&
         BPF_OP(instruction.code) != BPF_EXIT;
}

// Where control may come from elsewhere than the instruction before: targets of jumps and first instructions of functions.
std::vector<bool> find_targets(std::span<const bpf_insn> code) {
  std::vector<bool> targets(code.size(), false);
  const auto mark = [&](std::int64_t target) {
    if (target >= 0 && target < static_cast<std::int64_t>(code.size()))
      targets[static_cast<std::size_t>(target)] = true;
  };
  for (std::size_t i = 0; i < code.size(); i++) {
    const bpf_insn& instruction = code[i];
    const auto next = static_cast<std::int64_t>(i) + 1;
    const bool local_call = instruction.code == (BPF_JMP | BPF_CALL) && instruction.src_reg == BPF_PSEUDO_CALL;
    if (is_jump(instruction)) {
      mark(next + (instruction.code == (BPF_JMP32 | BPF_JA) ? instruction.imm : instruction.off));
    } else if (local_call) {
      mark(next + instruction.imm);
    } else if (instruction.code == load_address) {
      if (instruction.src_reg == BPF_PSEUDO_FUNC) mark(next + instruction.imm);
      i++;
    }
  }
  return targets;
}

std::size_t size_of(std::uint8_t code) {
  switch (BPF_SIZE(code)) {
    case BPF_B: return 1;
    case BPF_H: return 2;
    case BPF_W: return 4;
    default: return 8;
  }
}

// The value at an offset, if an instruction can hold it.
std::optional<bpf_insn> as_immediate(const bpf_insn& load, std::int64_t offset, std::span<const std::byte> bytes) {
  const std::size_t size = size_of(load.code);
  if (offset < 0 || static_cast<std::size_t>(offset) + size > bytes.size()) return std::nullopt;
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + offset, size);  // BPF is as little endian as the machine
  const auto immediate = static_cast<std::int32_t>(value);
  if (size == 8 && static_cast<std::uint64_t>(static_cast<std::int64_t>(immediate)) != value) return std::nullopt;
  // The 32-bit move clears the upper half, the 64-bit one extends the sign.
  const int width = size == 8 ? BPF_ALU64 : BPF_ALU;
  return bpf_insn{.code = static_cast<__u8>(width | BPF_MOV | BPF_K),
                  .dst_reg = load.dst_reg,
                  .src_reg = 0,
                  .off = 0,
                  .imm = immediate};
}

bool reads(const bpf_insn& instruction, unsigned reg) {
  switch (BPF_CLASS(instruction.code)) {
    case BPF_LD: return instruction.code != load_address;
    case BPF_LDX: return instruction.src_reg == reg;
    case BPF_ST: return instruction.dst_reg == reg;
    case BPF_ALU:
    case BPF_ALU64:
      if (BPF_SRC(instruction.code) == BPF_X && instruction.src_reg == reg) return true;
      return instruction.dst_reg == reg && BPF_OP(instruction.code) != BPF_MOV;
    case BPF_JMP:
      if (BPF_OP(instruction.code) == BPF_CALL) return reg >= 1 && reg <= 5;
      return true;
    default: return true;
  }
}

bool writes(const bpf_insn& instruction, unsigned reg) {
  switch (BPF_CLASS(instruction.code)) {
    case BPF_LD:
    case BPF_LDX:
    case BPF_ALU:
    case BPF_ALU64: return instruction.dst_reg == reg;
    default: return false;
  }
}

// Whether a register is overwritten before anything reads it, as far as the code runs straight on.
bool is_unused(std::span<const bpf_insn> code, const std::vector<bool>& targets, std::size_t from, unsigned reg) {
  for (std::size_t i = from; i < code.size() && !targets[i]; i++) {
    if (reads(code[i], reg)) return false;
    if (writes(code[i], reg)) return true;
    if (code[i].code == load_address) i++;
  }
  return false;
}

void remove_unused_addresses(std::span<bpf_insn> code, const ReadOnlyData& data, const std::vector<bool>& targets) {
  constexpr bpf_insn no_operation{.code = BPF_JMP | BPF_JA, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0};
  for (std::size_t i = 0; i + 1 < code.size(); i++) {
    if (code[i].code != load_address) continue;
    const bool ours = code[i].src_reg == BPF_PSEUDO_MAP_VALUE && code[i].imm == data.map;
    if (ours && is_unused(code, targets, i + 2, code[i].dst_reg)) code[i] = code[i + 1] = no_operation;
    i++;
  }
}

void follow_arithmetic(const bpf_insn& instruction, Addresses& registers) {
  std::optional<std::int64_t> result;
  if (instruction.code == (BPF_ALU64 | BPF_MOV | BPF_X) && instruction.off == 0)
    result = registers.of(instruction.src_reg);
  else if (instruction.code == (BPF_ALU64 | BPF_ADD | BPF_K) && registers.of(instruction.dst_reg))
    result = *registers.of(instruction.dst_reg) + instruction.imm;
  registers.set(instruction.dst_reg, result);
}

}  // namespace

void fold_constants(std::span<bpf_insn> code, const ReadOnlyData& data) {
  if (!is_understood(code)) return;
  const std::vector<bool> targets = find_targets(code);
  Addresses registers;
  for (std::size_t i = 0; i < code.size(); i++) {
    if (targets[i]) registers.forget_all();
    bpf_insn& instruction = code[i];
    switch (BPF_CLASS(instruction.code)) {
      case BPF_LD:
        if (instruction.code == load_address && i + 1 < code.size()) {
          const bool ours = instruction.src_reg == BPF_PSEUDO_MAP_VALUE && instruction.imm == data.map;
          registers.set(instruction.dst_reg, ours ? std::optional<std::int64_t>(code[i + 1].imm) : std::nullopt);
          i++;
        } else {
          registers.forget_caller_saved();
        }
        break;
      case BPF_LDX: {
        const auto address = registers.of(instruction.src_reg);
        const bool plain = BPF_MODE(instruction.code) == BPF_MEM;
        registers.set(instruction.dst_reg, std::nullopt);
        if (!address || !plain) break;
        if (const auto immediate = as_immediate(instruction, *address + instruction.off, data.bytes))
          instruction = *immediate;
        break;
      }
      case BPF_STX:
        if (BPF_MODE(instruction.code) == BPF_ATOMIC)  // may fetch or load into any of these
          for (const unsigned reg : {unsigned{instruction.dst_reg}, unsigned{instruction.src_reg}, unsigned{BPF_REG_0}})
            registers.set(reg, std::nullopt);
        break;
      case BPF_ALU:
      case BPF_ALU64: follow_arithmetic(instruction, registers); break;
      case BPF_JMP:
        if (BPF_OP(instruction.code) == BPF_CALL) registers.forget_caller_saved();
        break;
      default: break;
    }
  }
  remove_unused_addresses(code, data, targets);
}

}  // namespace polycube::bpf
