// SPDX-License-Identifier: Apache-2.0
// Each YANG type in each field that it fits, through the codec that users of the conversion see.
#include "engine/table_cell.h"

#include <arpa/inet.h>

#include <array>
#include <cstring>
#include <limits>
#include <random>

#include "engine/table_test_kit.h"

namespace polycube::engine::test {
namespace {

/// One value leaf in a table with a u32 key.
struct OneLeaf {
  OneLeaf(LeafBinding binding, const Layout& field)
      : size(field.size), table(codec(list({key("id", LeafType::integer), std::move(binding)}), {integer(4), field})) {}

  Result<Bytes> encode(std::optional<std::string> text) const {
    Bytes value(size);
    PCN_TRY(table.encode_value({"1", std::move(text)}, ports(), value));
    return value;
  }
  std::optional<std::string> decode(const Bytes& value) const {
    auto row = table.decode(Bytes(4), value, ports(), 0);
    return row ? row->at(1) : std::nullopt;
  }
  std::string error(const std::string& text) const {
    auto result = encode(text);
    if (result) return "";
    EXPECT_EQ(result.error().code, ErrorCode::invalid_value);
    return result.error().message;
  }
  /// Writes and reads back.
  std::optional<std::string> trip(const std::string& text) const {
    auto value = encode(text);
    EXPECT_TRUE(value) << (value ? "" : value.error().message);
    return value ? decode(*value) : std::nullopt;
  }

  std::size_t size;
  TableCodec table;
};

// ---- integers ----

TEST(TableCodecInteger, RangesAreThoseOfTheField) {
  for (std::uint32_t size : {1u, 2u, 4u, 8u}) {
    std::uint64_t high = std::numeric_limits<std::uint64_t>::max() >> (64 - size * 8);
    OneLeaf plain(leaf("x", LeafType::integer), integer(size));
    EXPECT_EQ(plain.trip(std::to_string(high)), std::to_string(high));
    EXPECT_EQ(plain.trip("0"), "0");
    EXPECT_NE(plain.error("-1"), "");
    if (size < 8) {
      EXPECT_THAT(plain.error(std::to_string(high + 1)), HasSubstr(fmt::format("its field holds 0 to {}", high)));
    }

    auto top = static_cast<std::int64_t>(high >> 1);
    OneLeaf negative(leaf("x", LeafType::integer), integer(size, true));
    EXPECT_EQ(negative.trip(std::to_string(top)), std::to_string(top));
    EXPECT_EQ(negative.trip(std::to_string(-top - 1)), std::to_string(-top - 1));
    EXPECT_NE(negative.error(std::to_string(static_cast<std::uint64_t>(top) + 1)), "");
    if (size < 8) {
      EXPECT_NE(negative.error(std::to_string(-top - 2)), "");
    }
  }
}

TEST(TableCodecInteger, LiesInTheOrderOfItsType) {
  OneLeaf network(leaf("port", LeafType::integer), big_endian(2));
  EXPECT_EQ(*network.encode("80"), to_bytes({0, 80}));
  EXPECT_EQ(network.decode(to_bytes({1, 187})), "443");
  OneLeaf host(leaf("port", LeafType::integer), integer(2));
  std::uint16_t expected = 443;
  Bytes memory(2);
  std::memcpy(memory.data(), &expected, 2);
  EXPECT_EQ(*host.encode("443"), memory);
}

TEST(TableCodecInteger, RefusesWhatIsNoNumber) {
  OneLeaf plain(leaf("x", LeafType::integer), integer(8));
  for (const char* text : {"", "-", "1x", " 1", "0x10", "18446744073709551616", "1.5"})
    EXPECT_THAT(plain.error(text), HasSubstr("is not a valid value of x")) << text;
}

TEST(TableCodecInteger, RandomNumbersRoundTrip) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 5000; ++i) {
    std::uint32_t size = 1u << random() % 4;
    std::uint64_t value = random() >> (64 - size * 8) >> random() % (size * 8);
    std::string text = std::to_string(value);
    ASSERT_EQ(OneLeaf(leaf("x", LeafType::integer), integer(size)).trip(text), text);
    if (size > 1) {
      ASSERT_EQ(OneLeaf(leaf("x", LeafType::integer), big_endian(size)).trip(text), text);
    }
    auto below = -static_cast<std::int64_t>(value >> 1);
    ASSERT_EQ(OneLeaf(leaf("x", LeafType::integer), integer(size, true)).trip(std::to_string(below)),
              std::to_string(below));
  }
}

// ---- booleans, enumerations, bits, strings ----

TEST(TableCodecBoolean, AnyOtherThanZeroIsTrue) {
  OneLeaf flag(leaf("flag", LeafType::boolean), integer(1));
  EXPECT_EQ(*flag.encode("true"), to_bytes({1}));
  EXPECT_EQ(*flag.encode("false"), to_bytes({0}));
  EXPECT_EQ(flag.decode(to_bytes({7})), "true");
  EXPECT_THAT(flag.error("yes"), HasSubstr("neither true nor false"));
}

TEST(TableCodecEnumeration, NamesStandForValues) {
  OneLeaf act(action(), integer(4, true));
  for (const char* name : {"drop", "forward", "minus"}) EXPECT_EQ(act.trip(name), name);
  EXPECT_EQ(*act.encode("forward"), [] {
    std::int32_t two = 2;
    Bytes memory(4);
    std::memcpy(memory.data(), &two, 4);
    return memory;
  }());
  EXPECT_THAT(act.error("FORWARD"), HasSubstr("no such name"));
}

TEST(TableCodecEnumeration, UnknownValueIsAbsent) {
  LeafBinding only = leaf("action", LeafType::enumeration);
  only.enumerators = {{"drop", 0}};
  OneLeaf act(only, integer(1));
  EXPECT_EQ(act.decode(to_bytes({0})), "drop");
  EXPECT_EQ(act.decode(to_bytes({9})), std::nullopt);
  EXPECT_TRUE(act.table.decode(Bytes(4), to_bytes({9}), ports(), 0)) << "the entry itself means something";
}

TEST(TableCodecBits, AreReadInTheOrderOfPositions) {
  LeafBinding flags = leaf("flags", LeafType::bits);
  flags.enumerators = {{"urg", 5}, {"syn", 1}, {"fin", 0}, {"top", 7}};
  OneLeaf bits(flags, integer(1, true));
  EXPECT_EQ(*bits.encode("syn fin"), to_bytes({3}));
  EXPECT_EQ(bits.trip("syn fin"), "fin syn");
  EXPECT_EQ(bits.trip("top urg"), "urg top");
  EXPECT_EQ(bits.trip(""), "");
  EXPECT_EQ(bits.decode(to_bytes({0x12})), "syn") << "unknown positions have no name";
  EXPECT_THAT(bits.error("syn ack"), HasSubstr("there is no bit ack"));
}

TEST(TableCodecString, FillsAnArrayWithoutANeedForNul) {
  OneLeaf name(leaf("name", LeafType::string), bytes(4));
  EXPECT_EQ(*name.encode("ab"), to_bytes({'a', 'b', 0, 0}));
  EXPECT_EQ(*name.encode("abcd"), to_bytes({'a', 'b', 'c', 'd'}));
  for (const char* text : {"", "a", "abcd", "\xc3\xa9!", "\xf0\x9f\x90\x9d"}) EXPECT_EQ(name.trip(text), text);
  EXPECT_THAT(name.error("abcde"), HasSubstr("more than 4 bytes"));
}

TEST(TableCodecString, WhatYangCannotSayIsAbsent) {
  OneLeaf name(leaf("name", LeafType::string), bytes(4));
  EXPECT_EQ(name.decode(to_bytes({'a', 0xff, 0, 0})), std::nullopt);
  EXPECT_EQ(name.decode(to_bytes({'a', 1, 0, 0})), std::nullopt);
  EXPECT_EQ(name.decode(to_bytes({0xc3, 0, 0, 0})), std::nullopt) << "cut off in the middle of a character";
  EXPECT_EQ(name.decode(to_bytes({0xed, 0xa0, 0x80, 0})), std::nullopt) << "surrogate";
  EXPECT_EQ(name.decode(to_bytes({0xc0, 0xaf, 0, 0})), std::nullopt) << "overlong";
  EXPECT_EQ(name.decode(to_bytes({0xe0, 0x9f, 0xbf, 0})), std::nullopt) << "overlong";
}

// ---- addresses ----

TEST(TableCodecMac, LiesByteByByte) {
  Bytes expected = to_bytes({0x02, 0xab, 0, 0, 0x0f, 0xff});
  OneLeaf array(leaf("address", LeafType::mac), bytes(6));
  EXPECT_EQ(*array.encode("02:AB:00:00:0f:ff"), expected);
  EXPECT_EQ(array.decode(expected), "02:ab:00:00:0f:ff");
  OneLeaf around(leaf("address", LeafType::mac), structure(6, {{"bytes", 0, bytes(6)}}));
  EXPECT_EQ(*around.encode("02:ab:00:00:0f:ff"), expected);
  OneLeaf word(leaf("address", LeafType::mac), integer(8));
  expected.resize(8);
  EXPECT_EQ(*word.encode("02:ab:00:00:0f:ff"), expected);
  EXPECT_EQ(word.decode(expected), "02:ab:00:00:0f:ff");
  for (const char* text :
       {"", "02:ab:00:00:0f", "02:ab:00:00:0f:fg", "02-ab-00-00-0f-ff", "02:ab:00:00:0f:ff:", "0:ab:00:00:0f:fff"})
    EXPECT_THAT(array.error(text), HasSubstr("not a MAC address")) << text;
}

TEST(TableCodecIp, LiesInNetworkOrderWhateverTheField) {
  Bytes v4 = to_bytes({10, 0, 0, 254});
  for (const Layout& field : {big_endian(4), integer(4), bytes(4), structure(4, {{"s_addr", 0, big_endian(4)}})}) {
    OneLeaf one(leaf("ip", LeafType::ipv4), field);
    EXPECT_EQ(*one.encode("10.0.0.254"), v4) << field.name;
    EXPECT_EQ(one.decode(v4), "10.0.0.254") << field.name;
  }
  Bytes v6 = to_bytes({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  Layout in6_addr =
      structure(16, {{"in6_u", 0, structure(16, {{"u6_addr8", 0, bytes(16)}, {"u6_addr32", 0, other(16)}})}});
  for (const Layout& field : {bytes(16), in6_addr}) {
    OneLeaf one(leaf("ip", LeafType::ipv6), field);
    EXPECT_EQ(*one.encode("2001:db8::1"), v6) << field.name;
    EXPECT_EQ(one.decode(v6), "2001:db8::1") << field.name;
  }
}

TEST(TableCodecIp, RefusesOtherTexts) {
  OneLeaf v4(leaf("ip", LeafType::ipv4), big_endian(4));
  for (const char* text : {"10.0.0", "10.0.0.256", "10.0.0.1%eth0", "::1", ""})
    EXPECT_THAT(v4.error(text), HasSubstr("not an IPv4 address")) << text;
  OneLeaf v6(leaf("ip", LeafType::ipv6), bytes(16));
  for (const char* text : {"1::2::3", "fe80::1%eth0", "10.0.0.1", ""})
    EXPECT_THAT(v6.error(text), HasSubstr("not an IPv6 address")) << text;
}

TEST(TableCodecIp, RandomAddressesRoundTrip) {
  std::mt19937_64 random(2);
  OneLeaf v4(leaf("ip", LeafType::ipv4), big_endian(4));
  OneLeaf v6(leaf("ip", LeafType::ipv6), bytes(16));
  OneLeaf mac(leaf("mac", LeafType::mac), bytes(6));
  for (int i = 0; i < 3000; ++i) {
    std::array<std::uint64_t, 2> noise{random(), random() >> random() % 64};
    std::array<char, 64> text{};
    inet_ntop(AF_INET, noise.data(), text.data(), text.size());
    ASSERT_EQ(v4.trip(text.data()), text.data());
    inet_ntop(AF_INET6, noise.data(), text.data(), text.size());
    ASSERT_EQ(v6.trip(text.data()), text.data());
    Bytes raw(6);
    std::memcpy(raw.data(), noise.data(), raw.size());
    ASSERT_EQ(*mac.encode(*mac.decode(raw)), raw);
  }
}

TEST(TableCodecPrefix, StructHoldsAddressAndLength) {
  Layout v4 = structure(8, {{"address", 0, big_endian(4)}, {"length", 4, integer(1)}});
  OneLeaf network(leaf("network", LeafType::ipv4_prefix), v4);
  EXPECT_EQ(*network.encode("10.1.2.0/24"), to_bytes({10, 1, 2, 0, 24, 0, 0, 0}));
  EXPECT_EQ(*network.encode("10.1.2.3/24"), to_bytes({10, 1, 2, 0, 24, 0, 0, 0})) << "host bits are no part of it";
  EXPECT_EQ(network.trip("0.0.0.0/0"), "0.0.0.0/0");
  EXPECT_EQ(network.decode(to_bytes({10, 0, 0, 0, 33, 0, 0, 0})), std::nullopt);

  // A plain u32 address beside a u32 length: the address comes first; where types leave no doubt, they decide.
  OneLeaf plain(leaf("network", LeafType::ipv4_prefix), structure(8, {{"a", 0, integer(4)}, {"l", 4, integer(4)}}));
  EXPECT_EQ(plain.encode("10.0.0.0/8")->at(0), std::byte{10});
  OneLeaf swapped(leaf("network", LeafType::ipv4_prefix),
                  structure(8, {{"l", 0, integer(4)}, {"a", 4, big_endian(4)}}));
  EXPECT_EQ(swapped.encode("10.0.0.0/8")->at(4), std::byte{10});
  EXPECT_EQ(swapped.trip("10.0.0.0/8"), "10.0.0.0/8");

  OneLeaf v6(leaf("network", LeafType::ipv6_prefix),
             structure(20, {{"address", 0, bytes(16)}, {"length", 16, integer(4)}}));
  EXPECT_EQ(v6.trip("2001:db8::/33"), "2001:db8::/33");
  EXPECT_EQ(v6.trip("2001:db8::1/128"), "2001:db8::1/128");
  EXPECT_EQ(v6.trip("::/0"), "::/0");
  EXPECT_NE(v6.error("2001:db8::/129"), "");
  for (const char* text : {"10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "/8", "10.0.0.0/8/8"})
    EXPECT_NE(network.error(text), "") << text;
}

TEST(TableCodecPrefix, LpmKeyBeginsWithTheLengthInHostOrder) {
  Layout lpm = structure(8, {{"prefixlen", 0, integer(4)}, {"network", 4, big_endian(4)}});
  TableCodec table = codec(list({key("network", LeafType::ipv4_prefix)}), {lpm, integer(1), true});
  Bytes element(8);
  ASSERT_TRUE(table.encode_key({"192.168.4.0/22"}, ports(), element));
  std::uint32_t length = 0;
  std::memcpy(&length, element.data(), 4);
  EXPECT_EQ(length, 22u);
  EXPECT_EQ(Bytes(element.begin() + 4, element.end()), to_bytes({192, 168, 4, 0}));
  EXPECT_EQ(table.decode(element, Bytes(1), ports(), 0), (Row{"192.168.4.0/22"}));
}

TEST(TableCodecPrefix, LpmLengthCountsTheFieldsInFront) {
  Layout lpm = structure(
      12, {{"prefixlen", 0, integer(4)}, {"vlan", 4, integer(2)}, {"zone", 6, integer(2)}, {"net", 8, bytes(4)}});
  TableBinding binding = list({key("vlan", LeafType::integer), key("net", LeafType::ipv4_prefix)});
  TableCodec table = codec(binding, {lpm, integer(1), true});
  Bytes element(12);
  ASSERT_TRUE(table.encode_key({"7", "10.0.0.0/8"}, ports(), element));
  std::uint32_t length = 0;
  std::memcpy(&length, element.data(), 4);
  EXPECT_EQ(length, 40u);
  EXPECT_EQ(table.decode(element, Bytes(1), ports(), 0), (Row{"7", "10.0.0.0/8"}));
  length = 31;  // shorter than the fields in front: no prefix of this model
  std::memcpy(element.data(), &length, 4);
  EXPECT_EQ(table.decode(element, Bytes(1), ports(), 0), std::nullopt);
}

TEST(TableCodecPrefix, LpmAddressMayHaveAnyNameWhenItIsAlone) {
  Layout lpm = structure(20, {{"prefixlen", 0, integer(4)}, {"data", 4, bytes(16)}});
  TableCodec table = codec(list({key("network", LeafType::ipv6_prefix)}), {lpm, integer(1), true});
  Bytes element(20);
  ASSERT_TRUE(table.encode_key({"2001:db8::/32"}, ports(), element));
  EXPECT_EQ(table.decode(element, Bytes(1), ports(), 0), (Row{"2001:db8::/32"}));
}

// ---- ports ----

TEST(TableCodecPort, NamesStandForIndexes) {
  OneLeaf port(leaf("outport", LeafType::port), integer(2));
  EXPECT_EQ(port.trip("p3"), "p3");
  EXPECT_EQ(port.trip("far"), "far");
  EXPECT_THAT(port.error("p77"), HasSubstr("Port p77 does not exist"));
  OneLeaf narrow(leaf("outport", LeafType::port), integer(1));
  EXPECT_EQ(narrow.trip("p3"), "p3");
  EXPECT_THAT(narrow.error("far"), HasSubstr("index 300"));
}

TEST(TableCodecPort, UnknownIndexMakesTheElementMeaningless) {
  OneLeaf port(leaf("outport", LeafType::port), integer(4));
  auto at = [&](std::uint32_t index) {
    Bytes value(4);
    std::memcpy(value.data(), &index, 4);
    return port.table.decode(Bytes(4), value, ports(), 0).has_value();
  };
  EXPECT_TRUE(at(9));
  EXPECT_FALSE(at(10));
  EXPECT_FALSE(at(65536)) << "not index 0";
}

}  // namespace
}  // namespace polycube::engine::test
