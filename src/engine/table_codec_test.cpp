// SPDX-License-Identifier: Apache-2.0
#include "engine/table_codec.h"

#include <cstring>

#include "engine/table_test_kit.h"

namespace polycube::engine::test {
namespace {

constexpr std::uint64_t second = 1'000'000'000;

/// The filtering database of a bridge.
TableBinding fdb() {
  LeafBinding port = leaf("port", LeafType::port);
  port.follows = true;
  return list({key("address", LeafType::mac), port, age_leaf()});
}
Shape fdb_shape() {
  return {bytes(6), structure(16, {{"last_seen", 0, integer(8)}, {"port", 8, integer(2)}, {"pad", 10, bytes(6)}})};
}

TEST(TableCodecTest, RowsAndElementsOfABridge) {
  TableCodec table = codec(fdb(), fdb_shape());
  EXPECT_EQ(table.key_size(), 6u);
  EXPECT_EQ(table.value_size(), 16u);
  Row row{"02:00:00:00:00:01", "p3", std::nullopt};
  Bytes mac(6);
  Bytes value(16);
  ASSERT_TRUE(table.encode_key(row, ports(), mac));
  ASSERT_TRUE(table.encode_value(row, ports(), value));
  EXPECT_EQ(mac, to_bytes({2, 0, 0, 0, 0, 1}));
  EXPECT_EQ(table.decode(mac, value, ports(), 99 * second), row) << "written entries do not age";
  EXPECT_EQ(table.age(value, 99 * second), std::nullopt);

  std::uint64_t seen = 90 * second;
  std::memcpy(value.data(), &seen, 8);
  EXPECT_EQ(table.decode(mac, value, ports(), 99 * second + 1), (Row{"02:00:00:00:00:01", "p3", "9"}));
  EXPECT_EQ(table.age(value, 99 * second - 1), 8u);
  EXPECT_EQ(table.age(value, 89 * second), 0u) << "refreshed after the clock was read";
  EXPECT_TRUE(table.follows_port(mac, value, 3));
  EXPECT_FALSE(table.follows_port(mac, value, 2));

  TableBinding staying = fdb();
  staying.leaves[1].follows = false;
  EXPECT_FALSE(codec(staying, fdb_shape()).follows_port(mac, value, 3));
}

TEST(TableCodecTest, OnlyBoundFieldsAreWritten) {
  TableCodec table = codec(fdb(), fdb_shape());
  Bytes value(16, std::byte{0xee});
  ASSERT_TRUE(table.encode_value({"02:00:00:00:00:01", "p3", "5"}, ports(), value));
  Bytes expected(16, std::byte{0xee});
  expected[8] = std::byte{3};
  expected[9] = std::byte{0};
  EXPECT_EQ(value, expected) << "state is never written, nor what is not bound";
  ASSERT_TRUE(table.encode_value({"02:00:00:00:00:01", std::nullopt, std::nullopt}, ports(), value));
  expected[8] = std::byte{0};
  EXPECT_EQ(value, expected) << "absent leaves are zero";
}

TEST(TableCodecTest, CompositeKeysAreMatchedByNameAndPaddedWithZero) {
  TableBinding binding = list({key("src-ip", LeafType::ipv4), key("proto", LeafType::integer),
                               key("dst-port", LeafType::integer), state("in-pkts", LeafType::integer)});
  Shape shape{structure(12, {{"dst_port", 0, big_endian(2)},
                             {"proto", 2, integer(1)},
                             {"src_ip", 4, big_endian(4)},
                             {"zone", 8, integer(4)}}),
              structure(8, {{"in_pkts", 0, integer(8)}})};
  TableCodec table = codec(binding, shape);
  Bytes element(12, std::byte{0xee});
  Row row{"10.0.0.1", "17", "53", std::nullopt};
  ASSERT_TRUE(table.encode_key(row, ports(), element));
  EXPECT_EQ(element, to_bytes({0, 53, 17, 0, 10, 0, 0, 1, 0, 0, 0, 0}));
  EXPECT_EQ(table.decode(element, Bytes(8), ports(), 0), (Row{"10.0.0.1", "17", "53", "0"}));

  row[1] = std::nullopt;
  auto missing = table.encode_key(row, ports(), element);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::missing_element);
  EXPECT_THAT(missing.error().message, HasSubstr("proto"));
}

TEST(TableCodecTest, KeyPortMustExist) {
  TableCodec table = codec(list({key("inport", LeafType::port), action()}), {integer(2), integer(2, true)});
  EXPECT_EQ(table.decode(to_bytes({3, 0}), Bytes(2), ports(), 0), (Row{"p3", "drop"}));
  EXPECT_EQ(table.decode(to_bytes({99, 0}), Bytes(2), ports(), 0), std::nullopt);
}

TEST(TableCodecTest, FollowingKeyNamesItsPort) {
  LeafBinding port = key("inport", LeafType::port);
  port.follows = true;
  TableCodec table = codec(list({port, action()}), {integer(2), integer(2, true)});
  EXPECT_TRUE(table.follows_port(to_bytes({3, 0}), Bytes(2), 3));
  EXPECT_FALSE(table.follows_port(to_bytes({4, 0}), to_bytes({3, 0}), 3));
}

TEST(TableCodecTest, SingleKeyMayBeAStructWithOneMember) {
  TableCodec table =
      codec(list({key("inport", LeafType::port)}), {structure(4, {{"inport", 0, integer(4)}}), integer(1)});
  EXPECT_EQ(table.decode(to_bytes({3, 0, 0, 0}), Bytes(1), ports(), 0), (Row{"p3"}));
}

TEST(TableCodecTest, LeavesShareElementZero) {
  Layout settings = structure(8, {{"action", 0, integer(4, true)}, {"aging_time", 4, integer(4)}});
  TableBinding first = list({action()});
  first.kind = BindingKind::leaf;
  TableBinding second_leaf = list({leaf("aging-time", LeafType::integer)});
  second_leaf.kind = BindingKind::leaf;
  TableCodec one = codec(first, {integer(4), settings});
  TableCodec two = codec(second_leaf, {integer(4), settings});
  Bytes index(4, std::byte{0xee});
  ASSERT_TRUE(one.encode_key({"forward"}, ports(), index));
  EXPECT_EQ(index, Bytes(4)) << "element 0";
  Bytes value(8);
  ASSERT_TRUE(one.encode_value({"forward"}, ports(), value));
  ASSERT_TRUE(two.encode_value({"300"}, ports(), value));
  EXPECT_EQ(one.decode(index, value, ports(), 0), (Row{"forward"}));
  EXPECT_EQ(two.decode(index, value, ports(), 0), (Row{"300"}));
}

TEST(TableCodecTest, ContainerMayHoldOneScalar) {
  TableBinding binding = list({leaf("limit", LeafType::integer)});
  binding.kind = BindingKind::container;
  TableCodec table = codec(binding, {integer(4), integer(4)});
  Bytes value(4);
  ASSERT_TRUE(table.encode_value({"300"}, ports(), value));
  EXPECT_EQ(table.decode(Bytes(4), value, ports(), 0), (Row{"300"}));
}

TEST(TableCodecTest, ValuesOfAllCpusAreSummed) {
  TableBinding binding = list({key("id", LeafType::integer), state("packets", LeafType::integer),
                               state("delta", LeafType::integer), leaf("limit", LeafType::integer), age_leaf()});
  Layout layout = structure(28, {{"last_seen", 0, integer(8)},
                                 {"packets", 8, integer(8)},
                                 {"delta", 16, integer(4, true)},
                                 {"limit", 20, integer(4)},
                                 {"x", 24, integer(4)}});
  Shape shape{integer(4), layout, false, 3};
  TableCodec table = codec(binding, shape);
  EXPECT_EQ(table.value_size(), 28u);
  Bytes values(3 * 32);
  for (unsigned cpu = 0; cpu < 3; ++cpu) {
    std::uint64_t packets = 1000 + cpu;
    std::int32_t delta = -5;
    std::uint32_t limit = 7;
    std::uint64_t seen = cpu == 1 ? 80 * second : 0;
    std::memcpy(&values[cpu * 32 + 8], &packets, 8);
    std::memcpy(&values[cpu * 32 + 16], &delta, 4);
    std::memcpy(&values[cpu * 32 + 20], &limit, 4);
    std::memcpy(&values[cpu * 32], &seen, 8);
  }
  EXPECT_EQ(table.decode(Bytes(4), values, ports(), 90 * second), (Row{"0", "3003", "-15", "7", "10"}));
  values.resize(2 * 32 + 28);
  EXPECT_EQ(table.decode(Bytes(4), values, ports(), 0), std::nullopt) << "a cut off value is not read";
}

TEST(TableCodecTest, TheKeyOfAListOfStateIsNotSummed) {
  TableBinding binding = list({key("id", LeafType::integer), state("packets", LeafType::integer)});
  binding.leaves[0].config = false;
  TableCodec table = codec(binding, {integer(4), structure(8, {{"packets", 0, integer(8)}}), false, 2});
  Bytes id(4), values(2 * 8);
  id[0] = std::byte{17};
  values[0] = values[8] = std::byte{3};
  EXPECT_EQ(table.decode(id, values, ports(), 0), (Row{"17", "6"}));
}

TEST(TableCodecTest, BuffersAndRowsMustFit) {
  TableCodec table = codec(fdb(), fdb_shape());
  Bytes short_key(5);
  Bytes short_value(15);
  Row row{"02:00:00:00:00:01", "p3", std::nullopt};
  EXPECT_FALSE(table.encode_key(row, ports(), short_key));
  EXPECT_FALSE(table.encode_value(row, ports(), short_value));
  EXPECT_EQ(table.decode(short_key, Bytes(16), ports(), 0), std::nullopt);
  Bytes value(16);
  EXPECT_FALSE(table.encode_value({"02:00:00:00:00:01"}, ports(), value));
}

// ---- misfits ----

TEST(TableCodecMake, NamesLeafFieldAndReason) {
  auto value_of = [](LeafBinding one, Layout field) {
    return refusal(list({key("id", LeafType::integer), std::move(one)}),
                   {integer(4), structure(32, {{"x", 0, std::move(field)}})});
  };
  using Type = LeafType;
  for (auto type : {Type::integer, Type::boolean, Type::enumeration, Type::bits, Type::port})
    EXPECT_THAT(value_of(leaf("x", type), bytes(4)),
                testing::AllOf(HasSubstr("table fdb: leaf x: a "),
                               HasSubstr("does not fit the field x, which is __u8[4] (4 bytes)")));
  EXPECT_THAT(value_of(leaf("x", Type::string), integer(4)), HasSubstr("needs a char array"));
  EXPECT_THAT(value_of(leaf("x", Type::mac), bytes(8)), HasSubstr("needs 6 bytes or a u64"));
  EXPECT_THAT(value_of(leaf("x", Type::mac), integer(4)), HasSubstr("needs 6 bytes or a u64"));
  EXPECT_THAT(value_of(leaf("x", Type::ipv4), integer(8)), HasSubstr("needs 4 bytes"));
  EXPECT_THAT(value_of(leaf("x", Type::ipv6), other(16)), HasSubstr("needs 16 bytes"));
  EXPECT_THAT(value_of(leaf("x", Type::ipv4_prefix), big_endian(4)), HasSubstr("needs an LPM key, or a struct"));
  EXPECT_THAT(value_of(leaf("x", Type::ipv6_prefix), structure(8, {{"a", 0, big_endian(4)}, {"l", 4, integer(4)}})),
              HasSubstr("needs an LPM key, or a struct"));
  EXPECT_THAT(value_of(leaf("y", Type::integer), integer(4)), HasSubstr("leaf y: struct element has no field y"));
  EXPECT_THAT(value_of(action(), integer(4)), HasSubstr("has no field action"));
}

TEST(TableCodecMake, EnumeratorsAndBitsMustFitTheField) {
  auto table = list({key("id", LeafType::integer), action()});
  EXPECT_THAT(refusal(table, {integer(4), integer(4)}),
              HasSubstr("the value -1 of minus does not fit the field action"));
  table.leaves[1].enumerators = {{"big", 256}};
  EXPECT_THAT(refusal(table, {integer(4), integer(1)}), HasSubstr("the value 256 of big does not fit"));
  table.leaves[1].type = LeafType::bits;
  table.leaves[1].enumerators = {{"ninth", 8}};
  EXPECT_THAT(refusal(table, {integer(4), integer(1)}), HasSubstr("the position 8 of bit ninth does not fit"));
}

TEST(TableCodecMake, ScalarHoldsOneLeaf) {
  TableBinding two = list({key("id", LeafType::integer), leaf("a", LeafType::integer), leaf("b", LeafType::integer)});
  EXPECT_THAT(refusal(two, {integer(4), integer(4)}),
              HasSubstr("leaf a: __u32 has no fields, so it can hold one leaf only"));
  TableBinding keys = list({key("id", LeafType::integer), key("id2", LeafType::integer)});
  EXPECT_THAT(refusal(keys, {integer(4), integer(4)}), HasSubstr("leaf id: __u32 has no fields"));
}

TEST(TableCodecMake, AgeNeedsATime) {
  Shape shape = fdb_shape();
  shape.value.members[0].layout = integer(4);
  EXPECT_THAT(refusal(fdb(), shape), HasSubstr("leaf age: the time of an age does not fit the field last_seen"));
  shape.value = integer(2);
  EXPECT_NE(refusal(fdb(), shape), "");
}

TEST(TableCodecMake, WrittenLeavesDoNotOverlap) {
  Layout value = structure(4, {{"a", 0, integer(4)}, {"b", 2, integer(2)}});
  TableBinding binding =
      list({key("id", LeafType::integer), leaf("a", LeafType::integer), leaf("b", LeafType::integer)});
  EXPECT_THAT(refusal(binding, {integer(4), value}), HasSubstr("leaves a and b share bytes"));
  binding.leaves[2].config = false;
  EXPECT_EQ(refusal(binding, {integer(4), value}), "");
}

TEST(TableCodecMake, KindsNeedTheirTables) {
  EXPECT_THAT(refusal(list({leaf("a", LeafType::integer)}), {integer(4), integer(4)}),
              HasSubstr("a list without a key"));
  TableBinding container = list({leaf("a", LeafType::integer)});
  container.kind = BindingKind::container;
  EXPECT_THAT(refusal(container, {integer(8), integer(4)}), HasSubstr("needs an array"));
  container.leaves.push_back(key("k", LeafType::integer));
  EXPECT_THAT(refusal(container, {integer(4), integer(4)}), HasSubstr("below a list"));
  TableBinding two = list({leaf("a", LeafType::integer), leaf("b", LeafType::integer)});
  two.kind = BindingKind::leaf;
  EXPECT_THAT(refusal(two, {integer(4), integer(4)}), HasSubstr("must be one leaf"));
}

TEST(TableCodecMake, LpmKeysMustBeWhatTheKernelExpects) {
  Layout good = structure(8, {{"prefixlen", 0, integer(4)}, {"network", 4, big_endian(4)}});
  TableBinding binding = list({key("network", LeafType::ipv4_prefix)});
  EXPECT_EQ(refusal(binding, {good, integer(1), true}), "");
  EXPECT_THAT(refusal(binding, {integer(8), integer(1), true}), HasSubstr("must begin with a u32 prefix length"));
  EXPECT_THAT(refusal(list({key("network", LeafType::ipv4)}), {good, integer(1), true}),
              HasSubstr("exactly one key leaf that is a prefix"));
  EXPECT_THAT(refusal(list({key("network", LeafType::ipv6_prefix)}), {good, integer(1), true}),
              HasSubstr("needs 16 bytes of address"));
  EXPECT_THAT(refusal(list({key("prefixlen", LeafType::ipv4_prefix)}), {good, integer(1), true}),
              HasSubstr("is the prefix length"));
  Layout behind = structure(12, {{"prefixlen", 0, integer(4)}, {"network", 4, big_endian(4)}, {"vlan", 8, integer(4)}});
  EXPECT_THAT(refusal(list({key("network", LeafType::ipv4_prefix), key("vlan", LeafType::integer)}),
                      {behind, integer(1), true}),
              HasSubstr("field network must be the last"));
}

}  // namespace
}  // namespace polycube::engine::test
