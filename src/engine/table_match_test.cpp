// SPDX-License-Identifier: Apache-2.0
// Leaves that packets are compared with, through the codec that users of the conversion see.
#include "engine/table_match.h"

#include <arpa/inet.h>

#include <random>

#include "engine/table_test_kit.h"

namespace polycube::engine::test {
namespace {

/// A value and a mask of one field, and an integer behind them.
struct OneField {
  OneField(LeafBinding binding, const Layout& field, const Layout& behind = integer(4))
      : size(field.size),
        table(codec(list({key("id", LeafType::integer), std::move(binding)}), shape(field, behind))) {}

  static Shape shape(const Layout& field, const Layout& behind = integer(4)) {
    const Layout half = structure(field.size, {{"x", 0, field}});
    return {integer(4), structure(field.size * 2 + behind.size,
                                  {{"value", 0, half}, {"mask", field.size, half}, {"x", field.size * 2, behind}})};
  }

  Result<Bytes> encode(std::optional<std::string> text) const {
    Bytes element(table.value_size(), std::byte{0x5a});
    PCN_TRY(table.encode_value({"1", std::move(text)}, ports(), element));
    return element;
  }
  Bytes value(const std::string& text) const { return part(text, 0); }
  Bytes mask(const std::string& text) const { return part(text, size); }
  std::optional<std::string> trip(const std::optional<std::string>& text) const {
    auto element = encode(text);
    EXPECT_TRUE(element) << (element ? "" : element.error().message);
    auto row = element ? table.decode(Bytes(4), *element, ports(), 0) : std::nullopt;
    return row ? row->at(1) : "no row";
  }
  std::string error(const std::string& text) const {
    auto result = encode(text);
    return result ? "" : result.error().message;
  }

  std::size_t size;
  TableCodec table;

 private:
  Bytes part(const std::string& text, std::size_t from) const {
    auto element = encode(text);
    EXPECT_TRUE(element) << (element ? "" : element.error().message);
    if (!element) return {};
    return Bytes(element->begin() + static_cast<std::ptrdiff_t>(from),
                 element->begin() + static_cast<std::ptrdiff_t>(from + size));
  }
};

Layout ip_field() { return structure(17, {{"address", 0, bytes(16)}, {"version", 16, integer(1)}}); }
Layout range_field(std::uint32_t size) {
  return structure(size * 2, {{"first", 0, integer(size)}, {"last", size, integer(size)}});
}

TEST(TableMatch, AbsentIsZeroInBoth) {
  for (const auto type : {LeafType::integer, LeafType::boolean, LeafType::port}) {
    const OneField field(leaf("x", type), integer(2));
    const auto element = field.encode(std::nullopt);
    ASSERT_TRUE(element);
    EXPECT_EQ(Bytes(element->begin(), element->begin() + 4), Bytes(4));
    EXPECT_EQ(field.trip(std::nullopt), std::nullopt);
  }
}

TEST(TableMatch, GivenIsOnesInTheMaskEvenForZero) {
  const OneField number(leaf("x", LeafType::integer), big_endian(2));
  EXPECT_EQ(number.value("258"), to_bytes({1, 2}));
  EXPECT_EQ(number.mask("0"), to_bytes({0xff, 0xff}));
  EXPECT_EQ(number.trip("0"), "0");
  const OneField port(leaf("x", LeafType::port), integer(2));
  EXPECT_EQ(port.mask("p0"), to_bytes({0xff, 0xff}));
  EXPECT_EQ(port.trip("p0"), "p0");
  const OneField mac(leaf("x", LeafType::mac), integer(8));
  EXPECT_EQ(mac.mask("00:00:00:00:00:00"), to_bytes({255, 255, 255, 255, 255, 255, 0, 0}));
  EXPECT_EQ(mac.trip("02:00:00:00:00:01"), "02:00:00:00:00:01");
  LeafBinding choice = action();
  choice.field = "x";
  const OneField action_field(choice, integer(4, true));
  EXPECT_EQ(action_field.mask("drop"), to_bytes({255, 255, 255, 255}));
  EXPECT_EQ(action_field.trip("drop"), "drop");
  EXPECT_NE(action_field.error("nonsense"), "");
}

TEST(TableMatch, PrefixesHaveOnesWhereTheyCount) {
  const OneField v4(leaf("x", LeafType::ipv4_prefix), big_endian(4));
  EXPECT_EQ(v4.value("10.0.255.255/23"), to_bytes({10, 0, 254, 0}));
  EXPECT_EQ(v4.mask("10.0.254.0/23"), to_bytes({255, 255, 254, 0}));
  EXPECT_EQ(v4.trip("10.0.255.255/23"), "10.0.254.0/23");
  EXPECT_EQ(v4.trip("1.2.3.4/32"), "1.2.3.4/32");
  EXPECT_THAT(v4.error("10.0.0.0/33"), HasSubstr("prefix length of 0 to 32"));
  EXPECT_NE(v4.error("10.0.0.0"), "");
  const OneField v6(leaf("x", LeafType::ipv6_prefix), bytes(16));
  EXPECT_EQ(v6.trip("fd00::/8"), "fd00::/8");
  EXPECT_NE(v6.error("10.0.0.0/8"), "");
}

TEST(TableMatch, AddressesAndPrefixesOfBothVersions) {
  const OneField ip(leaf("x", LeafType::ip), ip_field());
  EXPECT_EQ(ip.value("10.1.2.3"), to_bytes({10, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4}));
  EXPECT_EQ(ip.mask("10.1.2.3"), to_bytes({255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255}));
  EXPECT_EQ(ip.mask("0.0.0.0/0"), to_bytes({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255}));
  EXPECT_EQ(ip.value("fd00::1:0/112"), to_bytes({0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 6}));
  for (const char* text : {"10.1.2.3", "10.1.0.0/16", "0.0.0.0/0", "::/0", "fd00::1", "fd00::/65"})
    EXPECT_EQ(ip.trip(text), text);
  EXPECT_EQ(ip.trip("10.1.2.3/32"), "10.1.2.3");
  EXPECT_EQ(ip.trip(std::nullopt), std::nullopt);
  for (const char* text : {"", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "::/129", "10.0.0.0/-1", "x/8"})
    EXPECT_THAT(ip.error(text), HasSubstr("is not a valid value of x")) << text;
}

TEST(TableMatch, RangesAreExactBehindAndCoarseInTheMask) {
  const OneField range(leaf("x", LeafType::range), big_endian(2), range_field(4));
  EXPECT_EQ(range.value("80"), to_bytes({0, 80}));
  EXPECT_EQ(range.mask("80"), to_bytes({255, 255}));
  EXPECT_EQ(range.value("1000-2000"), to_bytes({0, 0}));
  EXPECT_EQ(range.mask("1000-2000"), to_bytes({0xf8, 0}));
  EXPECT_EQ(range.mask("0-65535"), to_bytes({0, 0}));
  for (const char* text : {"0", "80", "1000-2000", "0-65535", "65535"}) EXPECT_EQ(range.trip(text), text);
  EXPECT_EQ(range.trip("7-7"), "7");
  EXPECT_EQ(range.trip(std::nullopt), std::nullopt);
  const auto absent = range.encode(std::nullopt);
  ASSERT_TRUE(absent);
  EXPECT_EQ(*absent, to_bytes({0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255}));
  EXPECT_THAT(range.error("2000-1000"), HasSubstr("the range ends before it begins"));
  EXPECT_THAT(range.error("0-65536"), HasSubstr("its field holds 0 to 65535"));
  for (const char* text : {"", "-", "1-", "-1", "1-2-3", "a-b", "1 - 2"})
    EXPECT_THAT(range.error(text), HasSubstr("neither a number nor a range")) << text;
}

TEST(TableMatch, TheMaskOfARangeCoversAllOfIt) {
  std::mt19937 random(7);
  const OneField range(leaf("x", LeafType::range), big_endian(2), range_field(2));
  for (int i = 0; i < 2000; ++i) {
    const unsigned first = random() % 65536, last = first + random() % (65536 - first) % (1u << random() % 17);
    const std::string text = fmt::format("{}-{}", first, last);
    const auto number = [](const Bytes& b) {
      return std::to_integer<unsigned>(b[0]) << 8 | std::to_integer<unsigned>(b[1]);
    };
    const unsigned value = number(range.value(text)), mask = number(range.mask(text));
    ASSERT_EQ(value & ~mask, 0u) << text;
    for (const unsigned port : {first, last, first + (last - first) / 2, first + (last > first ? 1 : 0)})
      ASSERT_EQ((port ^ value) & mask, 0u) << text << " " << port;
  }
}

TEST(TableMatch, TheRestOfTheElementStays) {
  const OneField number(leaf("x", LeafType::integer), integer(2));
  const auto element = number.encode("1");
  ASSERT_TRUE(element);
  EXPECT_EQ(element->back(), std::byte{0x5a}) << "the plain field of the same name is not the leaf's";
}

TEST(TableMatch, SaysWhatDoesNotFit) {
  const auto why = [](LeafType type, const Layout& field, const Layout& behind = integer(4)) {
    return refusal(list({key("id", LeafType::integer), leaf("x", type)}), OneField::shape(field, behind));
  };
  EXPECT_THAT(why(LeafType::ip, bytes(16)), HasSubstr("16 bytes of address and an integer for the version"));
  EXPECT_THAT(why(LeafType::string, bytes(16)), HasSubstr("compared with a mask"));
  EXPECT_THAT(why(LeafType::ipv4_prefix, integer(8)), HasSubstr("4 bytes of address"));
  EXPECT_THAT(why(LeafType::range, bytes(2), range_field(2)), HasSubstr("an unsigned integer"));
  EXPECT_THAT(why(LeafType::range, integer(2)), HasSubstr("first and last")) << "a mask alone is not exact";
  EXPECT_THAT(why(LeafType::mac, integer(4)), HasSubstr("6 bytes or a u64"));
  EXPECT_THAT(refusal(list({key("id", LeafType::integer), leaf("x", LeafType::ip)}),
                      {integer(4), structure(17, {{"x", 0, ip_field()}})}),
              HasSubstr("a field in a value and in a mask"));
  EXPECT_THAT(refusal(list({key("id", LeafType::integer), leaf("y", LeafType::integer)}), OneField::shape(integer(2))),
              HasSubstr("has no field y"));
}

TEST(TableMatch, AnAbsentPortIsNotTheFirst) {
  LeafBinding port = leaf("x", LeafType::port);
  port.follows = true;
  const OneField field(port, integer(2));
  EXPECT_FALSE(field.table.follows_port(Bytes(4), *field.encode(std::nullopt), 0));
  EXPECT_TRUE(field.table.follows_port(Bytes(4), *field.encode("p0"), 0));
}

}  // namespace
}  // namespace polycube::engine::test
