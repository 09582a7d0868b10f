// SPDX-License-Identifier: Apache-2.0
#include "engine/table_migration.h"

#include <gtest/gtest.h>

namespace polycube::engine {
namespace {

using bpf::Bytes;
using bpf::Layout;

Layout integer(std::uint32_t size, bool big_endian = false, bool is_signed = false) {
  return {.kind = Layout::Kind::integer,
          .name = "int",
          .size = size,
          .is_signed = is_signed,
          .big_endian = big_endian,
          .members = {}};
}
Layout octets(std::uint32_t size) {
  return {.kind = Layout::Kind::bytes, .name = "bytes", .size = size, .members = {}};
}
Layout structure(std::uint32_t size, std::vector<Layout::Member> members) {
  return {.kind = Layout::Kind::structure, .name = "s", .size = size, .members = std::move(members)};
}

Bytes bytes(std::initializer_list<int> values) {
  Bytes result;
  for (const int value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

/// What becomes of a value; "-" when it cannot be converted.
std::string converted(const Layout& from, const Bytes& value, const Layout& to, bool complete = false) {
  Bytes result(to.size);
  if (!convert(from, value, to, result, complete)) return "-";
  std::string text;
  for (const std::byte octet : result) text += fmt::format("{:02x}", static_cast<unsigned>(octet));
  return text;
}

TEST(Convert, IntegersKeepTheirValue) {
  EXPECT_EQ(converted(integer(2), bytes({0x34, 0x12}), integer(4)), "34120000");
  EXPECT_EQ(converted(integer(4), bytes({0x34, 0x12, 0, 0}), integer(2)), "3412");
  EXPECT_EQ(converted(integer(4), bytes({0x34, 0x12, 1, 0}), integer(2)), "-");
  EXPECT_EQ(converted(integer(2, true), bytes({0x12, 0x34}), integer(4, true)), "00001234");
  EXPECT_EQ(converted(integer(4, true), bytes({0, 0, 0x12, 0x34}), integer(2, true)), "1234");
  EXPECT_EQ(converted(integer(4, true), bytes({1, 0, 0x12, 0x34}), integer(2, true)), "-");
  EXPECT_EQ(converted(integer(2, true), bytes({0x12, 0x34}), integer(2)), "-") << "another order";
  EXPECT_EQ(converted(integer(1), bytes({0x12}), integer(2, true)), "0012");
  EXPECT_EQ(converted(integer(1, false, true), bytes({0xff}), integer(2, false, true)), "ffff");
  EXPECT_EQ(converted(integer(2, false, true), bytes({0xfe, 0xff}), integer(1, false, true)), "fe");
  EXPECT_EQ(converted(integer(2, false, true), bytes({0x80, 0}), integer(1, false, true)), "-") << "128";
  EXPECT_EQ(converted(integer(2), bytes({0x80, 0}), integer(2, false, true)), "-");
}

TEST(Convert, FieldsGoOverByName) {
  const Layout old = structure(8, {{"a", 0, integer(4)}, {"gone", 4, integer(2)}, {"mac", 6, octets(2)}});
  const Layout now = structure(12, {{"mac", 0, octets(2)}, {"fresh", 4, integer(4)}, {"a", 8, integer(2)}});
  const Bytes value = bytes({7, 0, 0, 0, 9, 9, 0xaa, 0xbb});
  EXPECT_EQ(converted(old, value, now), "aabb00000000000007000000");
  EXPECT_EQ(converted(old, value, now, true), "-") << "a key must be whole";
  EXPECT_EQ(converted(old, value, structure(2, {{"mac", 0, octets(2)}}), true), "aabb");
  EXPECT_EQ(converted(old, value, structure(3, {{"mac", 0, octets(3)}})), "-");
  EXPECT_EQ(converted(old, value, structure(4, {{"mac", 0, integer(4)}})), "-");
  EXPECT_EQ(
      converted(structure(10, {{"x", 0, integer(2)}, {"inner", 2, old}}), bytes({1, 2, 7, 0, 0, 0, 9, 9, 0xaa, 0xbb}),
                structure(2, {{"inner", 0, structure(2, {{"mac", 0, octets(2)}})}})),
      "aabb");
}

TEST(Convert, SizesMustBeThoseOfTheLayouts) {
  EXPECT_EQ(converted(integer(4), bytes({1}), integer(4)), "-");
  Layout other{.kind = Layout::Kind::other, .name = "u", .size = 2, .members = {}};
  EXPECT_EQ(converted(other, bytes({1, 2}), other), "0102");
  other.name = "v";
  EXPECT_EQ(converted(Layout{.kind = Layout::Kind::other, .name = "u", .size = 2, .members = {}}, bytes({1, 2}), other),
            "-");
}

}  // namespace
}  // namespace polycube::engine
