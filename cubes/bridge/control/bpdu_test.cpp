// SPDX-License-Identifier: Apache-2.0
#include "bpdu.h"

#include <gtest/gtest.h>

#include <string>

namespace bridge {
namespace {

using namespace std::chrono_literals;

constexpr MacAddress source{0x02, 0, 0, 0, 0, 0x07};
const ConfigBpdu config{.root = 0x1000'0200'0000'0001,
                        .cost = 19,
                        .bridge = 0x8000'0200'0000'0007,
                        .port = 0x8002,
                        .message_age = 1s,
                        .timers = {.max_age = 20s, .hello = 2s, .forward_delay = 15s},
                        .topology_change = true,
                        .acknowledgment = false};

std::vector<std::byte> bytes(const std::string& hex) {
  std::vector<std::byte> all;
  std::string digits;
  for (const char c : hex)
    if (c != ' ') digits += c;
  for (std::size_t i = 0; i < digits.size(); i += 2)
    all.push_back(static_cast<std::byte>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  all.resize(std::max<std::size_t>(all.size(), 60));
  return all;
}

const std::string config_hex = "0000 00 00 01 1000020000000001 00000013 8000020000000007 8002 0100 1400 0200 0f00";

// As IEEE Std 802.1D-1998, 9.3.1 and 7.12.3 have it.
TEST(Bpdu, AConfigurationOnTheWire) {
  const auto expected = bytes("0180c2000000 020000000007 0026 424203 " + config_hex);
  EXPECT_EQ(encode(config, source), expected);
  EXPECT_EQ(decode(expected, 1), Bpdu(config));
}

TEST(Bpdu, ANotificationOnTheWire) {
  const auto expected = bytes("0180c2000000 020000000007 0007 424203 0000 00 80");
  EXPECT_EQ(encode(TcnBpdu{}, source), expected);
  EXPECT_EQ(decode(expected, 1), Bpdu(TcnBpdu{}));
}

TEST(Bpdu, OfAVlanOnTheWire) {
  const std::string snap = " 0032 aaaa03 00000c 010b " + config_hex + "00 0000 0002 000a";
  const auto tagged = bytes("01000ccccccd 020000000007 8100 000a" + snap);
  const auto plain = bytes("01000ccccccd 020000000007" + snap);
  EXPECT_EQ(encode_pvst(config, source, 10, true), tagged);
  EXPECT_EQ(encode_pvst(config, source, 10, false), plain);
  EXPECT_EQ(decode(tagged, 10), Bpdu(config));
  EXPECT_EQ(decode(plain, 10), Bpdu(config));
  EXPECT_FALSE(decode(tagged, 11));
  EXPECT_FALSE(decode(plain, 11)) << "sent in VLAN 10, received in 11";
}

TEST(Bpdu, APriorityInTheTagDoesNotMatter) {
  auto frame = encode_pvst(config, source, 10, true);
  frame[14] = std::byte{0xe0};
  EXPECT_TRUE(decode(frame, 10));
}

TEST(Bpdu, TheTagSaysTheVlan) {
  const auto frame = bytes("0180c2000000 020000000007 8100 000a 0007 424203 0000 00 80");
  EXPECT_EQ(decode(frame, 10), Bpdu(TcnBpdu{}));
  EXPECT_FALSE(decode(frame, 11));
}

TEST(Bpdu, AllFieldsSurvive) {
  ConfigBpdu other = config;
  other.topology_change = false;
  other.acknowledgment = true;
  other.message_age = 1500ms;
  other.timers = {.max_age = 6s, .hello = 1s, .forward_delay = 4s};
  EXPECT_EQ(decode(encode(other, source), 1), Bpdu(other));
}

TEST(Bpdu, WhatIsCutIsNoBpdu) {
  for (const auto& whole : {encode(config, source), encode_pvst(config, source, 10, true)}) {
    const std::size_t end = whole.size() == 60 ? 14 + 38 : whole.size();
    for (std::size_t size = 0; size < end; size++)
      EXPECT_FALSE(decode(std::span(whole).first(size), 10)) << size << " of " << end;
  }
}

TEST(Bpdu, WhatTheLengthCutsIsNoBpdu) {
  auto frame = encode(config, source);
  frame[13] = std::byte{37};
  EXPECT_FALSE(decode(frame, 1));
}

TEST(Bpdu, OtherProtocolsAndTypesAreIgnored) {
  const auto with = [](std::size_t at, std::uint8_t value) {
    auto frame = encode(config, source);
    frame[at] = std::byte{value};
    return decode(frame, 1);
  };
  EXPECT_FALSE(with(14, 0x43));  // LLC
  EXPECT_FALSE(with(17, 1));     // protocol
  EXPECT_FALSE(with(20, 2));     // a rapid bridge's
  EXPECT_TRUE(with(19, 2)) << "a later version's configuration is read like ours";
}

}  // namespace
}  // namespace bridge
