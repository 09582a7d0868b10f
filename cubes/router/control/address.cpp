// SPDX-License-Identifier: Apache-2.0
#include "control/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace polycube::router {

namespace {

constexpr std::array<std::uint8_t, 12> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

Address Address::ipv4(std::array<std::uint8_t, 4> bytes) {
  Address address;
  std::copy(mapped.begin(), mapped.end(), address.bytes.begin());
  std::copy(bytes.begin(), bytes.end(), address.bytes.begin() + mapped.size());
  return address;
}

std::optional<Address> Address::parse(const std::string& text) {
  std::array<std::uint8_t, 4> four{};
  if (inet_pton(AF_INET, text.c_str(), four.data()) == 1) return ipv4(four);
  Address address;
  if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) != 1 || address.is_ipv4()) return std::nullopt;
  return address;
}

bool Address::is_ipv4() const { return std::equal(mapped.begin(), mapped.end(), bytes.begin()); }

bool Address::is_link_local() const { return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80; }

bool Address::is_unicast() const {
  if (is_ipv4()) return bytes[12] != 0 && bytes[12] != 127 && bytes[12] < 224;
  const bool nowhere =
      std::all_of(bytes.begin(), bytes.end() - 1, [](auto byte) { return byte == 0; }) && bytes[15] <= 1;
  return bytes[0] != 0xff && !nowhere;
}

std::string Address::text() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  const bool four = is_ipv4();
  inet_ntop(four ? AF_INET : AF_INET6, bytes.data() + (four ? mapped.size() : 0), buffer.data(), buffer.size());
  return buffer.data();
}

Prefix Prefix::of(const Address& address, std::uint8_t length) {
  Prefix prefix{address, length};
  for (unsigned byte = 0; byte < 16; byte++) {
    const int bits = std::clamp(length - static_cast<int>(byte) * 8, 0, 8);
    prefix.address.bytes[byte] &= static_cast<std::uint8_t>(0xff00 >> bits);
  }
  return prefix;
}

std::optional<InterfaceAddress> InterfaceAddress::parse(const std::string& text) {
  const auto slash = text.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const auto address = Address::parse(text.substr(0, slash));
  unsigned length = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + slash + 1, end, length);
  if (!address || error != std::errc{} || rest != end || length > (address->is_ipv4() ? 32u : 128u))
    return std::nullopt;
  if (address->is_ipv4()) length += 96;
  return InterfaceAddress{*address, Prefix::of(*address, static_cast<std::uint8_t>(length))};
}

std::optional<Prefix> Prefix::parse(const std::string& text) {
  const auto parsed = InterfaceAddress::parse(text);
  return parsed ? std::optional(parsed->network) : std::nullopt;
}

std::string Prefix::text() const {
  // The mask takes the mark of IPv4 off a prefix of fewer than 96 bits, which only IPv6 has.
  return fmt::format("{}/{}", address.text(), address.is_ipv4() ? length - 96 : length);
}

std::optional<Mac> parse_mac(const std::string& text) {
  Mac mac{};
  if (text.size() != 17) return std::nullopt;
  for (unsigned i = 0; i < 6; i++) {
    const char* begin = text.data() + std::size_t{3} * i;
    if (std::from_chars(begin, begin + 2, mac[i], 16).ptr != begin + 2) return std::nullopt;
    if (i < 5 && begin[2] != ':') return std::nullopt;
  }
  return mac;
}

std::string text_of(const Mac& mac) { return fmt::format("{:02x}", fmt::join(mac, ":")); }

Address link_local_of(const Mac& mac) {
  return {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(mac[0] ^ 2), mac[1], mac[2], 0xff, 0xfe, mac[3],
           mac[4], mac[5]}};
}

}  // namespace polycube::router
