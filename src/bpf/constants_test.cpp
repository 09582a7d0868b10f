// SPDX-License-Identifier: Apache-2.0
#include "bpf/constants.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace polycube::bpf {
namespace {

constexpr int read_only_map = 7;

struct Data {
  std::uint16_t a = 0x1234;
  std::uint16_t b = 0xffff;
  std::uint32_t c = 0x89abcdef;
  std::uint64_t d = 5;
  std::uint64_t e = 0x1'0000'0000;
  std::int64_t f = -3;
} const data;

std::vector<bpf_insn> address(__u8 reg, int offset, int map = read_only_map) {
  return {{.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = reg, .src_reg = BPF_PSEUDO_MAP_VALUE, .off = 0, .imm = map},
          {.code = 0, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = offset}};
}

bpf_insn instruction(int code, __u8 destination, __u8 source = 0, __s16 offset = 0, int immediate = 0) {
  return {.code = static_cast<__u8>(code), .dst_reg = destination, .src_reg = source, .off = offset, .imm = immediate};
}

bpf_insn load(int size, __u8 destination, __u8 source, std::size_t offset) {
  return instruction(BPF_LDX | BPF_MEM | size, destination, source, static_cast<__s16>(offset));
}

std::vector<bpf_insn> program(std::initializer_list<std::vector<bpf_insn>> parts) {
  std::vector<bpf_insn> code;
  for (const auto& part : parts) code.insert(code.end(), part.begin(), part.end());
  return code;
}

std::vector<bpf_insn> folded(std::vector<bpf_insn> code) {
  fold_constants(code, {read_only_map, std::as_bytes(std::span(&data, 1))});
  return code;
}

bool same(const bpf_insn& x, const bpf_insn& y) { return std::memcmp(&x, &y, sizeof(x)) == 0; }

testing::AssertionResult equal(const std::vector<bpf_insn>& actual, const std::vector<bpf_insn>& expected) {
  if (actual.size() != expected.size()) return testing::AssertionFailure() << "another number of instructions";
  for (std::size_t i = 0; i < actual.size(); i++)
    if (!same(actual[i], expected[i])) return testing::AssertionFailure() << "instruction " << i;
  return testing::AssertionSuccess();
}

TEST(FoldConstants, ALoadBecomesAMove) {
  EXPECT_TRUE(equal(folded(program({address(1, 0), {load(BPF_H, 2, 1, offsetof(Data, b)), load(BPF_W, 1, 1, 4)}})),
                    program({address(1, 0),
                             {instruction(BPF_ALU | BPF_MOV | BPF_K, 2, 0, 0, 0xffff),
                              instruction(BPF_ALU | BPF_MOV | BPF_K, 1, 0, 0, static_cast<int>(data.c))}})));
}

// Each condition for data.c (0x89abcdef), data.a (0x1234) and data.f (-3, 64 bits): taken or not.
TEST(FoldConstants, JumpsOnKnownValuesAreDecided) {
  struct Case {
    int size;
    std::size_t offset;
    int jump;
    int immediate;
    bool taken;
  };
  const int minus_one = -1;
  const Case cases[] = {
      {BPF_H, offsetof(Data, a), BPF_JMP | BPF_JEQ, 0x1234, true},
      {BPF_H, offsetof(Data, a), BPF_JMP | BPF_JEQ, 0x1235, false},
      {BPF_H, offsetof(Data, a), BPF_JMP | BPF_JNE, 0x1234, false},
      {BPF_H, offsetof(Data, a), BPF_JMP | BPF_JGT, 0x1233, true},
      {BPF_H, offsetof(Data, a), BPF_JMP | BPF_JGT, 0x1234, false},
      {BPF_H, offsetof(Data, a), BPF_JMP | BPF_JGE, 0x1234, true},
      {BPF_H, offsetof(Data, a), BPF_JMP | BPF_JLT, 0x1234, false},
      {BPF_H, offsetof(Data, a), BPF_JMP | BPF_JLE, 0x1234, true},
      {BPF_H, offsetof(Data, a), BPF_JMP | BPF_JSET, 0x1000, true},
      {BPF_H, offsetof(Data, a), BPF_JMP | BPF_JSET, 0x0001, false},
      // 32 bits are positive in 64, negative in 32.
      {BPF_W, offsetof(Data, c), BPF_JMP | BPF_JSGT, 0, true},
      {BPF_W, offsetof(Data, c), BPF_JMP32 | BPF_JSGT, 0, false},
      {BPF_W, offsetof(Data, c), BPF_JMP32 | BPF_JSLT, 0, true},
      {BPF_W, offsetof(Data, c), BPF_JMP32 | BPF_JSGE, minus_one, false},
      {BPF_W, offsetof(Data, c), BPF_JMP32 | BPF_JSLE, minus_one, true},
      {BPF_W, offsetof(Data, c), BPF_JMP32 | BPF_JLT, minus_one, true},
      // An immediate is extended with its sign.
      {BPF_W, offsetof(Data, c), BPF_JMP | BPF_JEQ, static_cast<int>(data.c), false},
      {BPF_W, offsetof(Data, c), BPF_JMP32 | BPF_JEQ, static_cast<int>(data.c), true},
      {BPF_DW, offsetof(Data, f), BPF_JMP | BPF_JSLT, -2, true},
      {BPF_DW, offsetof(Data, f), BPF_JMP | BPF_JGT, -4, true},
      {BPF_DW, offsetof(Data, f), BPF_JMP | BPF_JLT, 5, false},
  };
  for (const Case& one : cases) {
    const auto code =
        folded(program({address(1, 0),
                        {load(one.size, 1, 1, one.offset), instruction(one.jump | BPF_K, 1, 0, 1, one.immediate),
                         instruction(BPF_ALU64 | BPF_MOV | BPF_K, 0), instruction(BPF_JMP | BPF_EXIT, 0)}}));
    EXPECT_TRUE(same(code[3], instruction(BPF_JMP | BPF_JA, 0, 0, one.taken ? 1 : 0)))
        << one.jump << ' ' << one.immediate;
  }
}

TEST(FoldConstants, JumpsOnWhatIsNotKnownStay) {
  const auto back = instruction(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, -1, 0x1234);
  for (const auto& code :
       {program({address(1, 0), {load(BPF_H, 2, 1, 0), instruction(BPF_JMP | BPF_JEQ | BPF_X, 2, 3, 0)}}),
        program({address(1, 0), {load(BPF_H, 2, 1, 0), instruction(BPF_JMP | BPF_JEQ | BPF_K, 3, 0, 0)}}),
        program({address(1, 0), {load(BPF_H, 1, 1, 0), instruction(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, 1), back}})}) {
    const auto after = folded(code);
    EXPECT_TRUE(same(after.back(), code.back()));
  }
}

TEST(FoldConstants, AddressesAreFollowedThroughCopiesAndSums) {
  EXPECT_TRUE(equal(
      folded(program({address(1, 0),
                      {instruction(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1),
                       instruction(BPF_ALU64 | BPF_ADD | BPF_K, 6, 0, 0, 8), load(BPF_DW, 3, 6, 0)}})),
      program({address(1, 0),
               {instruction(BPF_ALU64 | BPF_MOV | BPF_X, 6, 1), instruction(BPF_ALU64 | BPF_ADD | BPF_K, 6, 0, 0, 8),
                instruction(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 5)}})));
}

TEST(FoldConstants, WhatIsNotKnownStays) {
  const std::vector<std::vector<bpf_insn>> programs = {
      program({address(1, 0, read_only_map + 1), {load(BPF_H, 1, 1, 0)}}),  // another map
      program({address(1, 0), {load(BPF_DW, 1, 1, offsetof(Data, e))}}),    // does not fit
      program({address(1, 0), {load(BPF_DW, 1, 1, sizeof(Data) - 4)}}),     // beyond the end
      program({address(1, -8), {load(BPF_H, 1, 1, 0)}}),                    // before the beginning
      program({address(1, 0), {instruction(BPF_JMP | BPF_CALL, 0, 0, 0, 5), load(BPF_H, 2, 1, 0)}}),
      program({address(1, 0), {instruction(BPF_ALU64 | BPF_ADD | BPF_X, 1, 2), load(BPF_H, 2, 1, 0)}}),
      program({address(1, 0), {instruction(BPF_ALU | BPF_MOV | BPF_X, 2, 1), load(BPF_H, 3, 2, 0)}}),
      program({address(1, 0), {instruction(BPF_STX | BPF_ATOMIC | BPF_DW, 10, 1, -8, BPF_XCHG), load(BPF_H, 2, 1, 0)}}),
      program(
          {address(1, 0),
           {instruction(BPF_STX | BPF_ATOMIC | BPF_DW, 1, 10, -8, 0x100 /* load-acquire */), load(BPF_H, 2, 1, 0)}}),
      program({address(1, 0), {instruction(BPF_JMP | BPF_JA | BPF_X, 3), load(BPF_H, 2, 1, 0)}}),
      program({address(1, 0), {load(BPF_H, 2, 1, 0), instruction(BPF_LDX | 0xe0 | BPF_W, 3, 10)}}),
  };
  for (std::size_t i = 0; i < programs.size(); i++) EXPECT_TRUE(equal(folded(programs[i]), programs[i])) << i;
}

TEST(FoldConstants, ARegisterThatComesFromTwoPlacesIsKnownWhenBothAgree) {
  // if r2 == 0 goto the load, with another address in r1
  const auto two = [](int second) {
    return program({address(1, 0),
                    {instruction(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 2, 0)},
                    address(1, second),
                    {load(BPF_H, 1, 1, 0)}});
  };
  EXPECT_TRUE(equal(folded(two(2)), two(2)));
  EXPECT_TRUE(same(folded(two(0)).back(), instruction(BPF_ALU | BPF_MOV | BPF_K, 1, 0, 0, 0x1234)));
}

TEST(FoldConstants, WaysThatAreNotTakenDoNotCount) {
  // r1 = a; r2 = 0; if r2 == 0 goto the load, past r1 = b
  const auto code =
      program({address(1, 0),
               {instruction(BPF_ALU64 | BPF_MOV | BPF_K, 2), instruction(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 2, 0)},
               address(1, 2),
               {load(BPF_H, 3, 1, 0)}});
  const auto after = folded(code);
  EXPECT_TRUE(same(after[3], instruction(BPF_JMP | BPF_JA, 0, 0, 2)));
  EXPECT_TRUE(same(after.back(), instruction(BPF_ALU | BPF_MOV | BPF_K, 3, 0, 0, 0x1234)));
}

TEST(FoldConstants, WhatChangesInALoopIsNotKnown) {
  const auto more = instruction(BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, 2);
  const auto again = instruction(BPF_JMP | BPF_JNE | BPF_K, 3, 0, -4, 0);
  const auto code = program({address(1, 0), address(6, 0), {load(BPF_H, 2, 1, 0), load(BPF_H, 4, 6, 0), more, again}});
  const auto after = folded(code);
  EXPECT_TRUE(same(after[4], code[4]));
  EXPECT_TRUE(same(after[5], instruction(BPF_ALU | BPF_MOV | BPF_K, 4, 0, 0, 0x1234)));
}

TEST(FoldConstants, RegistersOutliveCallsWhenTheirCalleeSavesThem) {
  const auto call = instruction(BPF_JMP | BPF_CALL, 0, 0, 0, 5);
  EXPECT_TRUE(equal(folded(program({address(7, 0), {call, load(BPF_H, 2, 7, 0)}})),
                    program({address(7, 0), {call, instruction(BPF_ALU | BPF_MOV | BPF_K, 2, 0, 0, 0x1234)}})));
}

TEST(FoldConstants, AFunctionBeginsWithoutKnowledge) {
  // The function after exit is called; nothing flows into it.
  const auto code = program({{instruction(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 3)},
                             address(1, 0),
                             {instruction(BPF_JMP | BPF_EXIT, 0), load(BPF_H, 0, 1, 0)}});
  EXPECT_TRUE(equal(folded(code), code));
}

}  // namespace
}  // namespace polycube::bpf
