// SPDX-License-Identifier: Apache-2.0
#include "engine/log_format.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <polycube/abi.h>

#include <cstring>
#include <vector>

namespace polycube::engine {
namespace {

using Arguments = std::vector<std::uint64_t>;

std::string text(std::string_view format, const Arguments& arguments = {}) { return format_log(format, arguments); }
std::uint64_t of(std::int64_t value) { return static_cast<std::uint64_t>(value); }

TEST(LogFormat, Integers) {
  EXPECT_EQ(text("%d %i %u", {of(-5), of(-6), of(-1)}), "-5 -6 4294967295");
  EXPECT_EQ(text("%x %X %o", {0xbeef, 0xbeef, 8}), "beef BEEF 10");
  EXPECT_EQ(text("%ld %lu %lx", {of(-5), of(-1), 0x123456789abc}), "-5 18446744073709551615 123456789abc");
  EXPECT_EQ(text("%lld %llu %llX", {of(-5), of(-1), 0x123456789abc}), "-5 18446744073709551615 123456789ABC");
  EXPECT_EQ(text("%hd %hu %hhd %hhu %hhx", {0xffff, 0x1ffff, 0xff, 0x1ff, 0x1ab}), "-1 65535 -1 255 ab");
  EXPECT_EQ(text("%d %d", {0xffffffff, 0x1'0000'0007}), "-1 7") << "an int has 32 bits";
  EXPECT_EQ(text("%c%c %p", {'o', 'k', 0xffff888012345678}), "ok 0xffff888012345678");
}

TEST(LogFormat, FlagsWidthAndPrecision) {
  EXPECT_EQ(text("[%5d|%-5d|%05d|%+d|% d]", {42, 42, 42, 42, 42}), "[   42|42   |00042|+42| 42]");
  EXPECT_EQ(text("[%#x|%#o|%.4d|%6.3u|%08lx]", {255, 8, 7, 7, 255}), "[0xff|010|0007|   007|000000ff]");
  EXPECT_EQ(text("[%3c|%-3c|%16I|%-16I|%6P]", {'a', 'b', htonl(0x01020304), htonl(0x01020304), htons(53)}),
            "[  a|b  |         1.2.3.4|1.2.3.4         |    53]");
}

TEST(LogFormat, WhatIsInNetworkOrder) {
  EXPECT_EQ(text("%I:%P", {htonl(0xc0a80001), htons(8080)}), "192.168.0.1:8080");
  std::uint64_t mac = 0xffff'0000'0000'0000;  // the upper two bytes do not belong to it
  const std::array<unsigned char, 6> bytes{0x02, 0x00, 0xab, 0xcd, 0xef, 0x01};
  std::memcpy(&mac, bytes.data(), bytes.size());
  EXPECT_EQ(text("%M", {mac}), "02:00:ab:cd:ef:01");
  Arguments address(2);
  inet_pton(AF_INET6, "2001:db8::1:2", address.data());
  EXPECT_EQ(text("from %J", address), "from 2001:db8::1:2");
}

TEST(LogFormat, PlainText) {
  EXPECT_EQ(text(""), "");
  EXPECT_EQ(text("100 %% sure"), "100 % sure");
  EXPECT_EQ(text("surplus", {1, 2, 3}), "surplus");
}

TEST(LogFormat, WhatDoesNotExistIsShownAsWritten) {
  EXPECT_EQ(text("%s %d %n %q", {1, 2, 3, 4}), "%s 2 %n %q") << "the others stay in step";
  EXPECT_EQ(text("%d %d %5u", {1}), "1 %d %5u") << "no argument is left";
  EXPECT_EQ(text("%J", {1}), "%J") << "one half of an address";
  EXPECT_EQ(text("%hhhd %lllu %hld", {1, 2, 3}), "%hhhd %lllu %hld");
  EXPECT_EQ(text("%*d", {1, 2}), "%*d");
  EXPECT_EQ(text("%"), "%");
  EXPECT_EQ(text("%-08.3l", {1}), "%-08.3l");
  EXPECT_EQ(text("%5%"), "%5%");
}

TEST(LogFormat, WidthsAreBounded) {
  EXPECT_EQ(text("%999999999999d", {1}).size(), 64u);
  EXPECT_EQ(text("%.999999999999d", {1}).size(), 64u);
  EXPECT_EQ(text("%4294967297I", {1}).size(), 64u);
}

TEST(LogFormat, ALineStaysOneLineOfPrintableText) {
  EXPECT_EQ(text("an end of line\n"), "an end of line");
  EXPECT_EQ(text("a\nb\x1b[31m%c", {'\r'}), "a\\x0ab\\x1b[31m\\x0d");
  EXPECT_EQ(text("%c", {0}), "\\x00");
}

std::vector<std::byte> record(pcn_log_record head, const Arguments& arguments, std::string_view format) {
  std::vector<std::byte> bytes(sizeof(head) + arguments.size() * 8 + format.size());
  std::memcpy(bytes.data(), &head, sizeof(head));
  if (!arguments.empty()) std::memcpy(bytes.data() + sizeof(head), arguments.data(), arguments.size() * 8);
  std::memcpy(bytes.data() + sizeof(head) + arguments.size() * 8, format.data(), format.size());
  return bytes;
}

pcn_log_record header(std::uint8_t arguments, std::uint16_t format) {
  pcn_log_record head{};
  head.time = 123;
  head.level = 4;
  head.arguments = arguments;
  head.format = format;
  return head;
}

TEST(LogRecord, HoldsALine) {
  pcn_log_record head = header(2, 8);
  head.direction = 1;
  head.program = 3;
  const auto line = parse_log_record(record(head, {7, 8}, std::string_view("%d %d\0\0", 8)));
  ASSERT_TRUE(line);
  EXPECT_EQ(line->time, std::chrono::nanoseconds(123));
  EXPECT_EQ(line->level, 4);
  EXPECT_TRUE(line->egress);
  EXPECT_EQ(line->program, 3);
  EXPECT_EQ(line->text, "7 8");
}

TEST(LogRecord, IsTakenWithoutAFinalZero) {
  EXPECT_EQ(parse_log_record(record(header(0, 4), {}, "text"))->text, "text");
}

TEST(LogRecord, IsRefusedWhenItPromisesTooMuch) {
  const auto whole = record(header(2, 8), {7, 8}, std::string_view("%d %d\0\0", 8));
  for (std::size_t size = 0; size < whole.size(); size++)
    EXPECT_FALSE(parse_log_record(std::span(whole).first(size))) << size;
  EXPECT_FALSE(parse_log_record(record(header(9, 0), Arguments(9), "")));
  EXPECT_FALSE(parse_log_record(record(header(0, 300), {}, std::string(300, 'x'))));
}

TEST(LogRecord, KnowsNoLevelAboveCritical) {
  pcn_log_record head = header(0, 0);
  head.level = 77;
  EXPECT_EQ(parse_log_record(record(head, {}, ""))->level, 5);
}

}  // namespace
}  // namespace polycube::engine
