// SPDX-License-Identifier: Apache-2.0
#include "bpf/dead_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace polycube::bpf {
namespace {

using testing::ElementsAre;

using Code = std::vector<bpf_insn>;

bpf_insn instruction(int code, __u8 destination, __u8 source = 0, __s16 offset = 0, int immediate = 0) {
  return {.code = static_cast<__u8>(code), .dst_reg = destination, .src_reg = source, .off = offset, .imm = immediate};
}
bpf_insn set(__u8 reg, int value) { return instruction(BPF_ALU64 | BPF_MOV | BPF_K, reg, 0, 0, value); }
bpf_insn copy(__u8 reg, __u8 from) { return instruction(BPF_ALU64 | BPF_MOV | BPF_X, reg, from); }
bpf_insn jump(__s16 offset) { return instruction(BPF_JMP | BPF_JA, 0, 0, offset); }
bpf_insn jump_if_zero(__u8 reg, __s16 offset) { return instruction(BPF_JMP | BPF_JEQ | BPF_K, reg, 0, offset); }
bpf_insn call_function(int offset) { return instruction(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, offset); }
const bpf_insn call = instruction(BPF_JMP | BPF_CALL, 0, 0, 0, 5);
const bpf_insn done = instruction(BPF_JMP | BPF_EXIT, 0);
bpf_insn address(__u8 reg) { return instruction(BPF_LD | BPF_IMM | BPF_DW, reg, BPF_PSEUDO_MAP_VALUE, 0, 7); }
const bpf_insn second_half{};

Code without_dead(Code code) {
  (void)remove_dead_code(code);
  return code;
}

testing::AssertionResult equal(const Code& actual, const Code& expected) {
  if (actual.size() != expected.size())
    return testing::AssertionFailure() << actual.size() << " instructions, not " << expected.size();
  for (std::size_t i = 0; i < actual.size(); i++)
    if (std::memcmp(&actual[i], &expected[i], sizeof(bpf_insn)) != 0)
      return testing::AssertionFailure() << "instruction " << i;
  return testing::AssertionSuccess();
}

TEST(DeadCode, WhatIsNeededStays) {
  const Code code = {set(0, 1), jump_if_zero(1, 1), set(0, 2), done};
  EXPECT_TRUE(equal(without_dead(code), code));
}

TEST(DeadCode, WhatCannotBeReachedGoes) {
  EXPECT_TRUE(equal(without_dead({set(0, 1), jump(2), set(0, 2), call, done}), {set(0, 1), done}));
  EXPECT_TRUE(equal(without_dead({set(0, 1), done, set(0, 2), jump(-4)}), {set(0, 1), done}));
}

TEST(DeadCode, WhatNobodyReadsGoes) {
  EXPECT_TRUE(equal(without_dead({set(2, 1), address(3), second_half, set(0, 1), done}), {set(0, 1), done}));
  EXPECT_TRUE(equal(without_dead({set(0, 1), set(0, 2), done}), {set(0, 2), done}));
}

TEST(DeadCode, WhatMayBeReadStays) {
  for (const Code& use :
       {Code{call, set(0, 0), done}, Code{instruction(BPF_STX | BPF_MEM | BPF_DW, 10, 1, -8), set(0, 0), done},
        Code{copy(0, 1), done}, Code{jump_if_zero(1, 1), set(1, 2), set(0, 0), done},
        Code{instruction(BPF_ALU64 | BPF_NEG, 1), copy(0, 1), done},
        Code{instruction(BPF_STX | BPF_ATOMIC | BPF_DW, 10, 1, -8, BPF_XCHG), set(0, 0), done},
        Code{instruction(BPF_LD | BPF_ABS | BPF_W, 0), done}}) {
    const Code code = without_dead([&] {
      Code whole = {set(1, 7)};
      whole.insert(whole.end(), use.begin(), use.end());
      return whole;
    }());
    EXPECT_EQ(code.front().dst_reg, 1) << int{use.front().code};
  }
}

// r6 is set before a loop that reads it in its next round.
TEST(DeadCode, LoopsAreFollowed) {
  const Code code = {set(6, 1), set(7, 0), call, copy(7, 6), jump_if_zero(0, -3), copy(0, 7), done};
  const Code without = {set(6, 1), call, copy(7, 6), jump_if_zero(0, -3), copy(0, 7), done};
  EXPECT_TRUE(equal(without_dead(code), without));
  const Code reads_before = {set(6, 1),           call, instruction(BPF_STX | BPF_MEM | BPF_DW, 10, 6, -8), set(6, 2),
                             jump_if_zero(0, -4), done};
  EXPECT_TRUE(equal(without_dead(reads_before), reads_before));
}

TEST(DeadCode, JumpsLeadWhereTheyLed) {
  EXPECT_TRUE(equal(without_dead({jump_if_zero(1, 4), set(5, 1), address(4), second_half, set(0, 1), set(0, 2), done}),
                    {set(0, 2), done}));
  EXPECT_TRUE(equal(without_dead({call, set(9, 9), jump_if_zero(0, -3), done}), {call, jump_if_zero(0, -2), done}));
}

TEST(DeadCode, JumpsToWhatFollowsGo) {
  EXPECT_TRUE(equal(without_dead({set(0, 1), jump_if_zero(1, 1), set(3, 3), done}), {set(0, 1), done}));
  EXPECT_TRUE(equal(without_dead({set(0, 1), jump(0), jump(2), set(0, 2), set(0, 3), done}), {set(0, 1), done}));
}

// The first call is jumped over.
TEST(DeadCode, FunctionsThatNobodyCallsGo) {
  Code code = {jump(1), call_function(2), call_function(3), done, set(0, 8), done, set(0, 9), done};
  const Removal removal = remove_dead_code(code);
  EXPECT_TRUE(equal(code, {call_function(1), done, set(0, 9), done})) << code.size();
  std::vector<bpf_func_info> functions = {{0, 1}, {4, 2}, {6, 3}};
  move_functions(removal, functions);
  ASSERT_EQ(functions.size(), 2u);
  EXPECT_EQ(functions[1].insn_off, 2u);
  EXPECT_EQ(functions[1].type_id, 3u);
}

TEST(DeadCode, LinesStayWithTheirInstructions) {
  Code code = {set(6, 0), call, jump(2), set(5, 5), set(5, 6), set(0, 2), done, set(0, 3), done};
  const Removal removal = remove_dead_code(code);
  ASSERT_EQ(code.size(), 3u);
  const auto line = [](__u32 offset, __u32 number) { return bpf_line_info{offset, 0, 0, number << 10}; };
  // 10: call, by way of what went before it; 12: the first of what is kept after the jump; the rest is gone.
  std::vector<bpf_line_info> lines = {line(0, 10), line(2, 11), line(4, 12), line(6, 13), line(7, 14), line(8, 15)};
  move_lines(removal, static_cast<std::uint32_t>(code.size()), lines);
  std::vector<std::pair<__u32, __u32>> found;
  for (const bpf_line_info& one : lines) found.emplace_back(one.insn_off, one.line_col >> 10);
  EXPECT_THAT(found, ElementsAre(std::pair(0u, 10u), std::pair(1u, 12u), std::pair(2u, 13u)));
}

TEST(DeadCode, WhatIsNotUnderstoodStays) {
  for (const Code& code :
       {Code{jump(5), set(0, 1), done}, Code{jump(1), instruction(BPF_JMP | BPF_JA | BPF_X, 3), done},
        Code{jump(1), instruction(BPF_JMP | 0xe0, 0), done}, Code{set(3, 3), address(1)}}) {
    Code after = code;
    const Removal removal = remove_dead_code(after);
    EXPECT_TRUE(equal(after, code));
    EXPECT_EQ(removal.position.back(), code.size());
  }
}

}  // namespace
}  // namespace polycube::bpf
