// SPDX-License-Identifier: Apache-2.0
/// IP and MAC addresses and IP prefixes as values, both families as one type.
/// Why: routes, next hops and neighbours are the same thing for IPv4 and IPv6; only packets differ.
/// Invariants: an IPv4 address is the mapped IPv6 address (::ffff:10.0.0.1), and a prefix counts its bits among 128. A
/// mapped address cannot be written as IPv6. A Prefix has no bits behind its length.
/// Threading: plain values.
/// Units: bytes in network order; prefix lengths in bits of 128.
/// Source: RFC 4291, 2.5.5.2 and appendix A.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace polycube::router {

using Mac = std::array<std::uint8_t, 6>;

struct Address {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const Address&) const = default;

  [[nodiscard]] static std::optional<Address> parse(const std::string& text);
  [[nodiscard]] static Address ipv4(std::array<std::uint8_t, 4> bytes);
  [[nodiscard]] bool is_ipv4() const;
  [[nodiscard]] bool is_link_local() const;  ///< fe80::/10
  /// Whether one station can have it: neither multicast, broadcast, loopback nor unspecified.
  [[nodiscard]] bool is_unicast() const;
  [[nodiscard]] std::string text() const;
};

struct Prefix {
  Address address;
  std::uint8_t length = 0;
  auto operator<=>(const Prefix&) const = default;

  /// The prefix of `length` bits that `address` is in.
  [[nodiscard]] static Prefix of(const Address& address, std::uint8_t length);
  [[nodiscard]] static std::optional<Prefix> parse(const std::string& text);
  [[nodiscard]] bool contains(const Address& other) const {
    return other.is_ipv4() == address.is_ipv4() && of(other, length).address == address;
  }
  [[nodiscard]] std::string text() const;
};

/// An address of a port and its network.
struct InterfaceAddress {
  Address address;
  Prefix network;
  bool operator==(const InterfaceAddress&) const = default;
  [[nodiscard]] static std::optional<InterfaceAddress> parse(const std::string& text);
};

[[nodiscard]] std::optional<Mac> parse_mac(const std::string& text);
[[nodiscard]] std::string text_of(const Mac& mac);
/// fe80::/64 with the interface identifier of the MAC address.
[[nodiscard]] Address link_local_of(const Mac& mac);

}  // namespace polycube::router
