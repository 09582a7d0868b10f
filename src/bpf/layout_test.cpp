// SPDX-License-Identifier: Apache-2.0
#include "bpf/layout.h"

#include <bpf/btf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

namespace polycube::bpf {
namespace {

using testing::HasSubstr;
using Kind = Layout::Kind;

/// Types as a compiler would describe them.
class LayoutTest : public testing::Test {
 protected:
  int integer(const char* name, std::size_t size, int encoding = 0) {
    return btf__add_int(types(), name, size, encoding);
  }
  int alias(const char* name, int type) { return btf__add_typedef(types(), name, type); }
  int array(int element, unsigned count) { return btf__add_array(types(), u32_, element, count); }
  void field(const char* name, int type, unsigned offset) {
    ASSERT_EQ(btf__add_field(types(), name, type, offset * 8, 0), 0);
  }
  btf* types() { return btf_.get(); }
  Layout layout(int type) {
    auto result = layout_of(types(), static_cast<std::uint32_t>(type));
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? *result : Layout{};
  }

  std::unique_ptr<btf, void (*)(btf*)> btf_{btf__new_empty(), btf__free};
  int u8_ = integer("unsigned char", 1);
  int u16_ = integer("unsigned short", 2);
  int u32_ = integer("unsigned int", 4);
  int u64_ = integer("unsigned long long", 8);
};

TEST_F(LayoutTest, IntegersHaveSizeAndSign) {
  Layout plain = layout(u32_);
  EXPECT_EQ(plain.kind, Kind::integer);
  EXPECT_EQ(plain.size, 4u);
  EXPECT_FALSE(plain.is_signed);
  EXPECT_FALSE(plain.big_endian);
  EXPECT_EQ(plain.name, "unsigned int");

  Layout negative = layout(integer("int", 4, BTF_INT_SIGNED));
  EXPECT_TRUE(negative.is_signed);

  Layout boolean = layout(integer("_Bool", 1, BTF_INT_BOOL));
  EXPECT_EQ(boolean.kind, Kind::integer);
  EXPECT_EQ(boolean.size, 1u);
}

TEST_F(LayoutTest, EnumsAreIntegers) {
  int small = btf__add_enum(types(), "action", 4);
  ASSERT_EQ(btf__add_enum_value(types(), "DROP", 0), 0);
  int wide = btf__add_enum64(types(), "wide", 8, true);
  EXPECT_EQ(layout(small).kind, Kind::integer);
  EXPECT_EQ(layout(small).size, 4u);
  EXPECT_EQ(layout(wide).kind, Kind::integer);
  EXPECT_EQ(layout(wide).size, 8u);
  EXPECT_TRUE(layout(wide).is_signed);
}

TEST_F(LayoutTest, TypedefNamesTellByteOrder) {
  for (const char* name : {"__be16", "be16"}) EXPECT_TRUE(layout(alias(name, u16_)).big_endian) << name;
  for (const char* name : {"__be32", "be32"}) EXPECT_TRUE(layout(alias(name, u32_)).big_endian) << name;
  for (const char* name : {"__be64", "be64"}) EXPECT_TRUE(layout(alias(name, u64_)).big_endian) << name;
  for (const char* name : {"__u32", "__le32", "in_addr_t"}) EXPECT_FALSE(layout(alias(name, u32_)).big_endian) << name;
}

TEST_F(LayoutTest, ByteOrderIsSeenThroughOtherTypedefsAndQualifiers) {
  int be = alias("__be16", alias("__u16", u16_));
  int l4_port = alias("l4_port", btf__add_const(types(), btf__add_volatile(types(), be)));
  Layout result = layout(l4_port);
  EXPECT_TRUE(result.big_endian);
  EXPECT_EQ(result.kind, Kind::integer);
  EXPECT_EQ(result.size, 2u);
  EXPECT_EQ(result.name, "l4_port");
}

TEST_F(LayoutTest, ByteArraysAreBytes) {
  int character = integer("char", 1, BTF_INT_SIGNED | BTF_INT_CHAR);
  for (int element : {u8_, alias("__u8", u8_), character}) {
    Layout result = layout(array(element, 6));
    EXPECT_EQ(result.kind, Kind::bytes);
    EXPECT_EQ(result.size, 6u);
  }
  Layout address = layout(array(alias("__be32", u32_), 4));
  EXPECT_EQ(address.kind, Kind::bytes);
  EXPECT_EQ(address.size, 16u);
  EXPECT_FALSE(address.big_endian);
}

TEST_F(LayoutTest, OtherTypesAreOther) {
  Layout words = layout(array(u32_, 4));
  EXPECT_EQ(words.kind, Kind::other);
  EXPECT_EQ(words.size, 16u);
  Layout pointer = layout(btf__add_ptr(types(), u32_));
  EXPECT_EQ(pointer.kind, Kind::other);
  EXPECT_EQ(pointer.size, 8u);
  EXPECT_EQ(layout(btf__add_float(types(), "double", 8)).kind, Kind::other);
  EXPECT_EQ(layout(integer("__int128", 16)).kind, Kind::other);
  EXPECT_EQ(layout(array(array(u8_, 4), 4)).kind, Kind::other);
}

TEST_F(LayoutTest, StructuresHaveMembersWithOffsets) {
  int mac = array(u8_, 6);
  int entry = btf__add_struct(types(), "entry", 16);
  field("address", mac, 0);
  field("port", u16_, 6);
  field("last_seen", u64_, 8);
  Layout result = layout(alias("entry_t", entry));
  EXPECT_EQ(result.kind, Kind::structure);
  EXPECT_EQ(result.size, 16u);
  EXPECT_EQ(result.name, "entry_t");
  ASSERT_EQ(result.members.size(), 3u);
  EXPECT_EQ(result.members[0].name, "address");
  EXPECT_EQ(result.members[0].layout.kind, Kind::bytes);
  EXPECT_EQ(result.members[1].name, "port");
  EXPECT_EQ(result.members[1].offset, 6u);
  EXPECT_EQ(result.members[2].name, "last_seen");
  EXPECT_EQ(result.members[2].offset, 8u);
}

TEST_F(LayoutTest, AnonymousMembersAreFlattened) {
  int v6 = array(u8_, 16);
  int pair = btf__add_struct(types(), nullptr, 4);
  field("low", u16_, 0);
  field("high", u16_, 2);
  int either = btf__add_union(types(), nullptr, 16);
  field("v4", u32_, 0);
  field("v6", v6, 0);
  field(nullptr, pair, 0);
  int outer = btf__add_struct(types(), "endpoint", 20);
  field("family", u32_, 0);
  field(nullptr, either, 4);
  Layout result = layout(outer);
  ASSERT_EQ(result.members.size(), 5u);
  EXPECT_EQ(result.members[1].name, "v4");
  EXPECT_EQ(result.members[1].offset, 4u);
  EXPECT_EQ(result.members[2].name, "v6");
  EXPECT_EQ(result.members[2].offset, 4u);
  EXPECT_EQ(result.members[3].name, "low");
  EXPECT_EQ(result.members[3].offset, 4u);
  EXPECT_EQ(result.members[4].name, "high");
  EXPECT_EQ(result.members[4].offset, 6u);
}

TEST_F(LayoutTest, NamedStructuresStayNested) {
  int inner = btf__add_struct(types(), "inner", 4);
  field("length", u32_, 0);
  int outer = btf__add_struct(types(), "outer", 8);
  field("flags", u32_, 0);
  field("prefix", inner, 4);
  Layout result = layout(outer);
  ASSERT_EQ(result.members.size(), 2u);
  ASSERT_EQ(result.members[1].layout.kind, Kind::structure);
  ASSERT_EQ(result.members[1].layout.members.size(), 1u);
  EXPECT_EQ(result.members[1].layout.members[0].offset, 0u);
}

TEST_F(LayoutTest, BitFieldsAreRefusedByName) {
  int flags = btf__add_struct(types(), "flags", 4);
  ASSERT_EQ(btf__add_field(types(), "valid", u32_, 0, 1), 0);
  auto result = layout_of(types(), static_cast<std::uint32_t>(flags));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::invalid_value);
  EXPECT_THAT(result.error().message, HasSubstr("member valid of flags is a bit-field"));

  int outer = btf__add_struct(types(), "outer", 8);
  field("flags", flags, 0);
  EXPECT_FALSE(layout_of(types(), static_cast<std::uint32_t>(outer)));
}

TEST_F(LayoutTest, BitFieldsInAnonymousMembersAreRefused) {
  int bits = btf__add_struct(types(), nullptr, 4);
  ASSERT_EQ(btf__add_field(types(), "a", u32_, 3, 5), 0);
  int outer = btf__add_struct(types(), "outer", 4);
  field(nullptr, bits, 0);
  auto result = layout_of(types(), static_cast<std::uint32_t>(outer));
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("member a of outer"));
}

TEST_F(LayoutTest, DamagedTypesAreErrors) {
  EXPECT_FALSE(layout_of(types(), 4711));
  int self = btf__add_struct(types(), "self", 4);
  field("self", self, 0);
  auto result = layout_of(types(), static_cast<std::uint32_t>(self));
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("nested too deeply"));
  int anonymous = btf__add_struct(types(), nullptr, 4);
  field(nullptr, anonymous, 0);
  EXPECT_FALSE(layout_of(types(), static_cast<std::uint32_t>(anonymous)));
  int next = static_cast<int>(btf__type_cnt(types()));
  EXPECT_FALSE(layout_of(types(), static_cast<std::uint32_t>(alias("circle", next))));
}

}  // namespace
}  // namespace polycube::bpf
