// SPDX-License-Identifier: Apache-2.0
#include "control/packets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace polycube::router {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr Mac port_mac = {2, 0, 0, 0, 1, 0};
constexpr Mac station_mac = {2, 0, 0, 0, 0, 1};

Address ip(const std::string& text) { return Address::parse(text).value(); }

Bytes bytes(const std::string& hex) {
  Bytes result;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    while (hex[i] == ' ') i++;
    result.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return result;
}
Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}
std::uint8_t at(const Bytes& frame, std::size_t offset) { return std::to_integer<std::uint8_t>(frame.at(offset)); }
unsigned u16(const Bytes& frame, std::size_t offset) { return at(frame, offset) << 8 | at(frame, offset + 1); }

// Written out by hand after the RFCs: to 02:00:00:00:01:00 from 02:00:00:00:00:01.
const Bytes ethernet4 = bytes("020000000100 020000000001 0800");
const Bytes ethernet6 = bytes("020000000100 020000000001 86dd");

// 10.0.0.1 -> 8.8.8.8 with `payload` bytes of UDP, or another protocol and flags.
Bytes packet4(std::size_t payload, std::uint8_t protocol = 17, std::uint16_t flags = 0, Bytes options = {}) {
  Bytes header = bytes("4500 0000 1234 0000 0100 0000 0a000001 08080808");
  header = header + options;
  header[0] = static_cast<std::byte>(0x40 + header.size() / 4);
  const std::size_t total = header.size() + payload;
  header[2] = static_cast<std::byte>(total >> 8);
  header[3] = static_cast<std::byte>(total);
  header[6] = static_cast<std::byte>(flags >> 8);
  header[7] = static_cast<std::byte>(flags);
  header[9] = static_cast<std::byte>(protocol);
  const auto sum = checksum(header);
  header[10] = static_cast<std::byte>(sum >> 8);
  header[11] = static_cast<std::byte>(sum);
  Bytes frame = ethernet4 + header;
  for (std::size_t i = 0; i < payload; i++) frame.push_back(static_cast<std::byte>(i * 7));
  return frame;
}
// fd00::1 -> 2001::8.
Bytes packet6(std::size_t payload, std::uint8_t protocol = 17) {
  Bytes frame =
      ethernet6 + bytes("60000000 0000 0001 fd000000000000000000000000000001 20010000000000000000000000000008");
  frame[18] = static_cast<std::byte>(payload >> 8);
  frame[19] = static_cast<std::byte>(payload);
  frame[20] = static_cast<std::byte>(protocol);
  frame.resize(frame.size() + payload);
  return frame;
}

TEST(RouterPacketsTest, Checksum) {
  EXPECT_EQ(checksum(bytes("0001f203f4f5f6f7")), 0xffff - 0xddf2) << "RFC 1071, 3";
  EXPECT_EQ(checksum(bytes("01")), 0xfeff);
  EXPECT_EQ(checksum({}), 0xffff);
}

TEST(RouterPacketsTest, AsksByArp) {
  EXPECT_EQ(solicitation({port_mac, ip("10.0.0.254")}, ip("10.0.0.1"), {}),
            bytes("ffffffffffff 020000000100 0806 0001 0800 06 04 0001 020000000100 0a0000fe 000000000000 0a000001"));
  EXPECT_EQ(at(solicitation({port_mac, ip("10.0.0.254")}, ip("10.0.0.1"), station_mac), 5), 1) << "one station only";
}

TEST(RouterPacketsTest, AsksByNeighbourSolicitation) {
  const Bytes frame = solicitation({port_mac, ip("fe80::1")}, ip("fd00::12:3456"), {});
  EXPECT_EQ(Bytes(frame.begin(), frame.begin() + 14), bytes("3333ff123456 020000000100 86dd"));
  EXPECT_EQ(at(frame, 21), 255);
  const auto message = parse_neighbour_message(frame);
  ASSERT_TRUE(message) << "also: its checksum is right";
  EXPECT_EQ(message->asked, ip("fd00::12:3456"));
  ASSERT_TRUE(message->sender);
  EXPECT_EQ(message->sender->address, ip("fe80::1"));
  EXPECT_EQ(message->sender->mac, port_mac);
}

TEST(RouterPacketsTest, Advertises) {
  const Bytes answer = advertisement({port_mac, ip("fd00::fe")}, Endpoint{station_mac, ip("fd00::1")});
  EXPECT_EQ(at(answer, 58), 0xe0);
  const auto message = parse_neighbour_message(answer);
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->asked);
  EXPECT_EQ(message->sender->address, ip("fd00::fe"));
  const Bytes all = advertisement({port_mac, ip("fd00::fe")}, {});
  EXPECT_EQ(Bytes(all.begin(), all.begin() + 6), bytes("333300000001"));
  EXPECT_EQ(at(all, 58), 0xa0) << "nobody asked";
}

TEST(RouterPacketsTest, ReadsArp) {
  const Bytes reply =
      bytes("020000000100 020000000001 0806 0001 0800 06 04 0002 020000000001 0a000001 020000000100 0a0000fe");
  const auto message = parse_neighbour_message(reply);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->sender->address, ip("10.0.0.1"));
  EXPECT_EQ(message->sender->mac, station_mac);
  EXPECT_FALSE(message->asked);
  for (std::size_t size = 0; size < reply.size(); size++)
    EXPECT_FALSE(parse_neighbour_message(Frame(reply).first(size))) << size;
  for (const std::size_t offset : {14, 16, 18, 19, 20}) {
    Bytes wrong = reply;
    wrong[offset] = std::byte{99};
    EXPECT_FALSE(parse_neighbour_message(wrong)) << offset;
  }
  Bytes probe = reply;
  std::fill_n(probe.begin() + 28, 4, std::byte{0});
  EXPECT_FALSE(parse_neighbour_message(probe)->sender) << "it has no address yet";
}

TEST(RouterPacketsTest, RefusesMalformedNeighbourDiscovery) {
  const Bytes good = solicitation({port_mac, ip("fe80::1")}, ip("fd00::1"), {});
  for (std::size_t size = 0; size < good.size(); size++) EXPECT_FALSE(parse_neighbour_message(Frame(good).first(size)));
  for (std::size_t offset = 54; offset < good.size(); offset++) {
    Bytes wrong = good;
    wrong[offset] ^= std::byte{1};
    EXPECT_FALSE(parse_neighbour_message(wrong)) << "the checksum covers byte " << offset;
  }
  Bytes from_afar = good;
  from_afar[21] = std::byte{254};
  EXPECT_FALSE(parse_neighbour_message(from_afar));
}

TEST(RouterPacketsTest, IcmpErrorQuotesThePacket) {
  const Bytes about = packet4(100);
  const auto error = icmp_error(Problem::expired, about, {port_mac, ip("10.0.0.254")});
  ASSERT_TRUE(error);
  EXPECT_EQ(checksum(Frame(*error).subspan(14, 20)), 0);
  EXPECT_EQ(checksum(Frame(*error).subspan(34)), 0);
  EXPECT_EQ(u16(*error, 16), error->size() - 14);
  EXPECT_EQ(at(*error, 34), 11);
  EXPECT_EQ(addresses_of(*error)->source, ip("10.0.0.254"));
  EXPECT_EQ(addresses_of(*error)->destination, ip("10.0.0.1"));
  EXPECT_TRUE(std::equal(about.begin() + 14, about.end(), error->begin() + 42, error->end()));
  EXPECT_EQ(icmp_error(Problem::expired, packet4(1400), {port_mac, ip("10.0.0.254")})->size(), 14u + 576);
  const auto big = icmp_error(Problem::too_big, packet4(1400, 17, 0x4000), {port_mac, ip("10.0.0.254")}, 1280);
  EXPECT_EQ(at(*big, 34), 3);
  EXPECT_EQ(at(*big, 35), 4);
  EXPECT_EQ(u16(*big, 40), 1280u) << "RFC 1191";
}

TEST(RouterPacketsTest, Icmpv6ErrorQuotesThePacket) {
  const auto error = icmp_error(Problem::too_big, packet6(1400), {port_mac, ip("fd00::fe")}, 1280);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->size(), 14u + 1280);
  EXPECT_EQ(at(*error, 54), 2);
  EXPECT_EQ(u16(*error, 60), 1280u);
  std::uint32_t pseudo = 1240 + 58;
  for (std::size_t i = 22; i < 54; i += 2) pseudo += u16(*error, i);
  EXPECT_EQ(checksum(Frame(*error).subspan(54), pseudo), 0);
  EXPECT_EQ(at(*icmp_error(Problem::host_unreachable, packet6(9), {port_mac, ip("fd00::fe")}), 55), 3);
}

TEST(RouterPacketsTest, NoErrorsAboutWhatMustNotBeAnswered) {
  const Endpoint four{port_mac, ip("10.0.0.254")};
  const Endpoint six{port_mac, ip("fd00::fe")};
  const auto error4 = icmp_error(Problem::expired, packet4(50), four);
  const auto error6 = icmp_error(Problem::expired, packet6(50), six);
  EXPECT_FALSE(icmp_error(Problem::no_route, *error4, four)) << "an error";
  EXPECT_FALSE(icmp_error(Problem::no_route, *error6, six));
  EXPECT_FALSE(icmp_error(Problem::expired, packet4(50, 17, 0x0010), four)) << "a later fragment";
  EXPECT_TRUE(icmp_error(Problem::expired, packet4(50, 17, 0x2000), four)) << "the first one";
  EXPECT_FALSE(icmp_error(Problem::expired, packet4(0, 1), four)) << "ICMP without a type";
  EXPECT_FALSE(icmp_error(Problem::expired, packet4(50), six)) << "no address of its family";
  Bytes from_many = packet4(50);
  from_many[26] = std::byte{224};
  EXPECT_FALSE(icmp_error(Problem::expired, from_many, four));
  const Bytes whole = packet4(20);
  for (std::size_t size = 0; size < whole.size(); size++)
    EXPECT_FALSE(icmp_error(Problem::expired, Frame(whole).first(size), four)) << size;
}

TEST(RouterPacketsTest, SaysWhatIsMissing) {
  EXPECT_EQ(missing_service(packet4(20)), Problem::port_unreachable);
  EXPECT_EQ(missing_service(packet6(20, 6)), Problem::port_unreachable);
  EXPECT_EQ(missing_service(packet4(20, 132)), Problem::protocol_unreachable);
}

TEST(RouterPacketsTest, CutsPackets) {
  const Bytes whole = packet4(3000, 17, 0);
  const auto pieces = fragments(whole, 1500);
  ASSERT_THAT(pieces, SizeIs(3));
  Bytes payload;
  for (const Bytes& piece : pieces) {
    EXPECT_LE(piece.size(), 1514u);
    EXPECT_EQ(u16(piece, 16), piece.size() - 14);
    EXPECT_EQ(checksum(Frame(piece).subspan(14, 20)), 0);
    EXPECT_EQ((u16(piece, 20) & 0x1fff) * 8, payload.size());
    payload.insert(payload.end(), piece.begin() + 34, piece.end());
    EXPECT_EQ(u16(piece, 20) & 0x2000, payload.size() < 3000 ? 0x2000u : 0u);
  }
  EXPECT_TRUE(std::equal(whole.begin() + 34, whole.end(), payload.begin(), payload.end()));
  const auto again = fragments(pieces[1], 800);
  ASSERT_THAT(again, SizeIs(2));
  EXPECT_EQ(u16(again[0], 20), u16(pieces[1], 20));
  EXPECT_EQ(u16(again[1], 20) & 0x2000, 0x2000u) << "more follow, from the other fragment";
  EXPECT_THAT(fragments(packet4(3000, 17, 0x4000), 1500), IsEmpty()) << "it must not be cut";
  EXPECT_THAT(fragments(whole, 27), IsEmpty());
}

TEST(RouterPacketsTest, OptionsForTheFirstFragmentStayThere) {
  // Record route (not copied), router alert (copied), end.
  const auto pieces = fragments(packet4(2000, 17, 0, bytes("0703 04 94040000 00")), 1000);
  ASSERT_THAT(pieces, SizeIs(3));
  EXPECT_EQ(Bytes(pieces[0].begin() + 34, pieces[0].begin() + 42), bytes("070304 94040000 00"));
  EXPECT_EQ(Bytes(pieces[1].begin() + 34, pieces[1].begin() + 42), bytes("010101 94040000 00"));
  EXPECT_EQ(checksum(Frame(pieces[1]).subspan(14, 28)), 0);
  EXPECT_THAT(fragments(packet4(2000, 17, 0, bytes("07ff0400")), 1000), SizeIs(0)) << "an option that is too long";
}

}  // namespace
}  // namespace polycube::router
