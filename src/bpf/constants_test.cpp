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

const bpf_insn nothing = instruction(BPF_JMP | BPF_JA, 0);

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

TEST(FoldConstants, ALoadBecomesAMoveAndItsAddressGoes) {
  EXPECT_TRUE(equal(folded(program({address(1, 0), {load(BPF_H, 1, 1, offsetof(Data, a))}})),
                    {nothing, nothing, instruction(BPF_ALU | BPF_MOV | BPF_K, 1, 0, 0, 0x1234)}));
}

TEST(FoldConstants, AnAddressGoesWhenNothingReadsItAnyMore) {
  EXPECT_TRUE(equal(folded(program({address(1, 0), {load(BPF_H, 2, 1, offsetof(Data, b)), load(BPF_W, 1, 1, 4)}})),
                    {nothing, nothing, instruction(BPF_ALU | BPF_MOV | BPF_K, 2, 0, 0, 0xffff),
                     instruction(BPF_ALU | BPF_MOV | BPF_K, 1, 0, 0, static_cast<int>(data.c))}));
}

TEST(FoldConstants, AnAddressStaysWhenItMayBeRead) {
  const auto immediate = instruction(BPF_ALU | BPF_MOV | BPF_K, 2, 0, 0, 0x1234);
  const auto overwrite = instruction(BPF_ALU64 | BPF_MOV | BPF_K, 1);
  for (const bpf_insn& use :
       {instruction(BPF_JMP | BPF_CALL, 0, 0, 0, 5), instruction(BPF_STX | BPF_MEM | BPF_DW, 10, 1, -8),
        instruction(BPF_JMP | BPF_JEQ | BPF_K, 3, 0, 1, 0), instruction(BPF_ALU64 | BPF_ADD | BPF_X, 3, 1)})
    EXPECT_TRUE(equal(folded(program({address(1, 0), {load(BPF_H, 2, 1, 0), use, overwrite}})),
                      program({address(1, 0), {immediate, use, overwrite}})))
        << int{use.code};
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

TEST(FoldConstants, ARegisterThatComesFromTwoPlacesIsNotKnown) {
  // if r2 == 0 goto the load, with another address in r1
  const auto code = program(
      {address(1, 0), {instruction(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 2, 0)}, address(1, 2), {load(BPF_H, 1, 1, 0)}});
  EXPECT_TRUE(equal(folded(code), code));
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
