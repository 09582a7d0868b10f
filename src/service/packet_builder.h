// SPDX-License-Identifier: Apache-2.0
/// A packet from what a person says of it.
/// Why: who asks what becomes of a packet says what matters about it and nothing else.
///
/// The text is words between spaces or commas: names of headers, each followed by its fields and their values, by the names that
/// traces have for them. Headers may come in any order, each once (`vlan` twice, the outer first):
///
///   eth src MAC dst MAC type N
///   vlan ID pcp N
///   arp op N sha MAC spa IPV4 tha MAC tpa IPV4
///   ip src IPV4 dst IPV4 ttl N tos N id N proto N
///   ip6 src IPV6 dst IPV6 hlim N proto N
///   icmp type N code N id N seq N          icmp6 the same
///   udp sport N dport N
///   tcp sport N dport N seq N ack N flags LETTERS      of FSRPAUEC
///   payload N                              so many bytes, of zeros
///
/// Numbers may be hexadecimal (0x...). What is not said has a default; types, protocols, lengths and checksums follow; a packet
/// shorter than 60 bytes is filled up, as on the wire. UDP, TCP and ICMP alone are behind IPv4, ICMPv6 behind IPv6.
/// Invariants: pure.
/// Threading: pure.
/// Source: IEEE Std 802.3 and 802.1Q, RFC 826, 791, 8200, 9293, 768, 792, 4443, 1071.
#pragma once

#include <string_view>

#include "base/result.h"
#include "bpf/map.h"

namespace polycube::service {

/// Errors: invalid_value that names the word that is wrong, and what can be there.
[[nodiscard]] Result<bpf::Bytes> build_packet(std::string_view text);

/// Two hexadecimal digits for each byte. Errors: invalid_value.
[[nodiscard]] Result<bpf::Bytes> parse_hexadecimal(std::string_view text);

}  // namespace polycube::service
