// SPDX-License-Identifier: Apache-2.0
#include "bpf/verifier_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace polycube::bpf {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* null_lookup = R"(func#0 @0
0: R1=ctx() R10=fp0
; __u32 key = md->in_port; @ guard.bpf.c:7
30: (63) *(u32 *)(r10 -4) = r1        ; R1=scalar(id=1) R10=fp0 fp-8=mmmmmmmm
; struct val *v = bpf_map_lookup_elem(&tab, &key); @ guard.bpf.c:8
35: (85) call bpf_map_lookup_elem#1   ; R0=map_value_or_null(id=2,map=tab,ks=4,vs=4)
; return v->x ? RX_OK : RX_DROP; @ guard.bpf.c:10
38: (61) r1 = *(u32 *)(r1 +0)
R1 invalid mem access 'map_value_or_null'
processed 35 insns (limit 1000000) max_states_per_insn 0 total_states 2 peak_states 2 mark_read 0
)";

TEST(VerifierLogTest, NamesLineReasonAndWhatToDo) {
  const VerifierFinding finding = find_reason(null_lookup);
  EXPECT_EQ(finding.location, "guard.bpf.c:10");
  EXPECT_EQ(finding.source, "return v->x ? RX_OK : RX_DROP;");
  EXPECT_EQ(finding.reason, "R1 invalid mem access 'map_value_or_null'");
  EXPECT_THAT(finding.advice, HasSubstr("NULL"));
  EXPECT_THAT(finding.reached_from, IsEmpty());
  EXPECT_EQ(explain(null_lookup),
            "guard.bpf.c:10: `return v->x ? RX_OK : RX_DROP;`: R1 invalid mem access 'map_value_or_null' (" +
                finding.advice + ")");
}

TEST(VerifierLogTest, AReasonOfSeveralLines) {
  const VerifierFinding finding = find_reason(
      "; return *(volatile __u32 *)(long)ctx->data; @ refused.bpf.c:15\n"
      "7: (61) r0 = *(u32 *)(r1 +0)\n"
      "invalid access to packet, off=0 size=4, R1(id=0,off=0,r=0)\n"
      "R1 offset is outside of the packet\n");
  EXPECT_EQ(finding.reason,
            "invalid access to packet, off=0 size=4, R1(id=0,off=0,r=0); R1 offset is outside of the packet");
  EXPECT_THAT(finding.advice, HasSubstr("data_end"));
}

TEST(VerifierLogTest, InAHeaderTheAuthorsLineIsNamedToo) {
  const std::string text = explain(
      "; return parse(ctx); @ mine.bpf.c:20\n"
      "3: (bf) r6 = r1\n"
      "; version = header->version; @ parse.h:77\n"
      "4: (71) r1 = *(u8 *)(r2 +0)\n"
      "something that no hint knows\n");
  EXPECT_EQ(text,
            "parse.h:77: `version = header->version;`: something that no hint knows; reached from mine.bpf.c:20: "
            "return parse(ctx);");
}

TEST(VerifierLogTest, WithoutLineInformation) {
  EXPECT_EQ(explain("0: (b7) r0 = 0\nunreachable insn 1\n"), "unreachable insn 1");
  EXPECT_EQ(explain(""), "");
  EXPECT_EQ(explain("processed 5 insns\n"), "");
  EXPECT_EQ(explain("\n\n;\n; \n: \n@"), ": ; @");
}

TEST(VerifierLogTest, ReasonsBeforeAnotherPathDoNotCount) {
  EXPECT_EQ(find_reason("1: (07) r1 += 1\nnote\nfrom 1 to 5: R1=scalar()\n5: (95) exit\nR0 !read_ok\n").reason,
            "R0 !read_ok");
}

}  // namespace
}  // namespace polycube::bpf
