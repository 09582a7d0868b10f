// SPDX-License-Identifier: Apache-2.0
#include "bpf/constants.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "bpf/instruction.h"

namespace polycube::bpf {

namespace {

/// What a register holds, if that is known.
struct Content {
  std::optional<std::int64_t> offset;  ///< in the read-only data, of which it holds an address
  std::optional<std::uint64_t> value;
  bool operator==(const Content&) const = default;
};

/// What each register holds at one place of the program.
class Registers {
 public:
  [[nodiscard]] const Content& of(unsigned reg) const { return contents_.at(reg); }
  void set(unsigned reg, const Content& content) { contents_.at(reg) = content; }
  void forget(unsigned reg) { contents_.at(reg) = {}; }
  void forget_caller_saved() { std::fill_n(contents_.begin(), 6, Content{}); }
  /// Keeps what is known here and there. Returns whether that is less than it was.
  bool meet(const Registers& other) {
    bool changed = false;
    for (std::size_t reg = 0; reg < contents_.size(); reg++) {
      if (contents_[reg] == Content{} || contents_[reg] == other.contents_[reg]) continue;
      contents_[reg] = {};
      changed = true;
    }
    return changed;
  }

 private:
  std::array<Content, 16> contents_;
};

// Where control may come from elsewhere than the instruction before: targets of jumps and first instructions of functions.
std::vector<bool> find_targets(std::span<const bpf_insn> code) {
  std::vector<bool> targets(code.size(), false);
  for (std::size_t i = 0; i < code.size(); i++) {
    if (const auto goes = target(code, i)) targets[static_cast<std::size_t>(*goes)] = true;
    if (code[i].code == load_address) i++;
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

template <typename Unsigned, typename Signed>
std::optional<bool> compare(int operation, Unsigned left, Unsigned right) {
  switch (operation) {
    case BPF_JEQ: return left == right;
    case BPF_JNE: return left != right;
    case BPF_JGT: return left > right;
    case BPF_JGE: return left >= right;
    case BPF_JLT: return left < right;
    case BPF_JLE: return left <= right;
    case BPF_JSET: return (left & right) != 0;
    case BPF_JSGT: return static_cast<Signed>(left) > static_cast<Signed>(right);
    case BPF_JSGE: return static_cast<Signed>(left) >= static_cast<Signed>(right);
    case BPF_JSLT: return static_cast<Signed>(left) < static_cast<Signed>(right);
    case BPF_JSLE: return static_cast<Signed>(left) <= static_cast<Signed>(right);
    default: return std::nullopt;
  }
}

// Whether a conditional jump is taken, if that is known.
std::optional<bool> is_taken(const bpf_insn& jump, const Registers& registers) {
  const auto value = registers.of(jump.dst_reg).value;
  if (is_unconditional(jump) || BPF_SRC(jump.code) != BPF_K || !value) return std::nullopt;
  if (BPF_CLASS(jump.code) == BPF_JMP32)
    return compare<std::uint32_t, std::int32_t>(BPF_OP(jump.code), static_cast<std::uint32_t>(*value),
                                                static_cast<std::uint32_t>(jump.imm));
  return compare<std::uint64_t, std::int64_t>(BPF_OP(jump.code), *value,
                                              static_cast<std::uint64_t>(std::int64_t{jump.imm}));
}

// What a move of an immediate puts into its register.
std::uint64_t value_of(const bpf_insn& move) {
  return BPF_CLASS(move.code) == BPF_ALU ? std::uint64_t{static_cast<std::uint32_t>(move.imm)}
                                         : static_cast<std::uint64_t>(std::int64_t{move.imm});
}

Content result_of_arithmetic(const bpf_insn& instruction, const Registers& registers) {
  const auto kind = BPF_CLASS(instruction.code);
  if (BPF_OP(instruction.code) == BPF_MOV && BPF_SRC(instruction.code) == BPF_K)
    return {.offset = {}, .value = value_of(instruction)};
  if (kind != BPF_ALU64) return {};
  if (instruction.code == (BPF_ALU64 | BPF_MOV | BPF_X) && instruction.off == 0)
    return registers.of(instruction.src_reg);
  const auto offset = registers.of(instruction.dst_reg).offset;
  if (instruction.code == (BPF_ALU64 | BPF_ADD | BPF_K) && offset)
    return {.offset = *offset + instruction.imm, .value = {}};
  return {};
}

/// Constants followed through a program, along the ways that can be taken.
/// Source: Wegman and Zadeck, Constant Propagation with Conditional Branches, 1991.
class Folding {
 public:
  Folding(std::span<bpf_insn> code, const ReadOnlyData& data)
      : code_(code), data_(data), starts_(find_targets(code)), known_(code.size()) {}

  void run() {
    reach(0, {});
    while (!waiting_.empty()) {
      const std::size_t start = waiting_.back();
      waiting_.pop_back();
      follow(start, false);
    }
    for (std::size_t start = 0; start < code_.size(); start++)
      if (known_[start]) follow(start, true);
  }

 private:
  // Straight on from a start to the next one, or to where it ends.
  void follow(std::size_t start, bool rewrite) {
    Registers registers = *known_[start];
    for (std::size_t i = start; i < code_.size(); i++) {
      if (i != start && starts_[i]) {
        if (!rewrite) reach(i, registers);
        return;
      }
      bpf_insn& instruction = code_[i];
      if (is_exit(instruction)) return;
      if (names_function(instruction) && !rewrite) reach(static_cast<std::size_t>(*target(code_, i)), {});
      if (is_jump(instruction)) {
        const auto taken = is_unconditional(instruction) ? std::optional(true) : is_taken(instruction, registers);
        if (!rewrite && taken != false) reach(static_cast<std::size_t>(*target(code_, i)), registers);
        if (rewrite && taken && !is_unconditional(instruction)) decide(instruction, *taken);
        if (taken == true) return;
      } else {
        step(i, registers, rewrite);
      }
      if (instruction.code == load_address) i++;
    }
  }

  void reach(std::size_t start, const Registers& registers) {
    if (!known_[start])
      known_[start] = registers;
    else if (!known_[start]->meet(registers))
      return;
    waiting_.push_back(start);
  }

  static void decide(bpf_insn& jump, bool taken) {
    const __s16 offset = taken ? jump.off : __s16{0};
    jump = no_operation;
    jump.off = offset;
  }

  // What an instruction does to the registers.
  void step(std::size_t i, Registers& registers, bool rewrite) {
    bpf_insn& instruction = code_[i];
    switch (BPF_CLASS(instruction.code)) {
      case BPF_LD:
        if (instruction.code == load_address) {
          const bool ours = instruction.src_reg == BPF_PSEUDO_MAP_VALUE && instruction.imm == data_.map;
          registers.set(instruction.dst_reg, ours ? Content{.offset = code_[i + 1].imm, .value = {}} : Content{});
        } else {
          registers.forget_caller_saved();
        }
        break;
      case BPF_LDX: load(instruction, registers, rewrite); break;
      case BPF_STX:
        if (BPF_MODE(instruction.code) == BPF_ATOMIC)  // may fetch or load into any of these
          for (const unsigned reg : {unsigned{instruction.dst_reg}, unsigned{instruction.src_reg}, unsigned{BPF_REG_0}})
            registers.forget(reg);
        break;
      case BPF_ALU:
      case BPF_ALU64: registers.set(instruction.dst_reg, result_of_arithmetic(instruction, registers)); break;
      case BPF_JMP: registers.forget_caller_saved(); break;  // a call
      default: break;
    }
  }

  void load(bpf_insn& instruction, Registers& registers, bool rewrite) const {
    const auto address = registers.of(instruction.src_reg).offset;
    registers.forget(instruction.dst_reg);
    if (!address || BPF_MODE(instruction.code) != BPF_MEM) return;
    const auto immediate = as_immediate(instruction, *address + instruction.off, data_.bytes);
    if (!immediate) return;
    registers.set(instruction.dst_reg, {.offset = {}, .value = value_of(*immediate)});
    if (rewrite) instruction = *immediate;
  }

  std::span<bpf_insn> code_;
  const ReadOnlyData& data_;
  std::vector<bool> starts_;
  std::vector<std::optional<Registers>> known_;  ///< at starts that can be reached
  std::vector<std::size_t> waiting_;
};

}  // namespace

void fold_constants(std::span<bpf_insn> code, const ReadOnlyData& data) {
  if (!code.empty() && is_understood(code)) Folding(code, data).run();
}

}  // namespace polycube::bpf
