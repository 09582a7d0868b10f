// SPDX-License-Identifier: Apache-2.0
#include "service/packet_filter.h"

#include <pcap/pcap.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

namespace polycube::service {

namespace {

// Words of pcap-filter(7) for Ethernet. Any other word would be taken for the name of a host or network, and looked up.
constexpr std::string_view words[] = {
    "ah",   "aarp", "and",      "arp",      "atalk",     "broadcast", "carp",     "clnp",      "decnet", "dst",
    "esis", "esp",  "ether",    "fddi",     "gateway",   "geneve",    "greater",  "host",      "icmp",   "icmp6",
    "igmp", "igrp", "inbound",  "ip",       "ip6",       "ipx",       "iso",      "is-is",     "isis",   "lat",
    "len",  "less", "link",     "mask",     "moprc",     "mopdl",     "mpls",     "multicast", "net",    "netbeui",
    "not",  "or",   "outbound", "pim",      "port",      "portrange", "pppoed",   "pppoes",    "proto",  "protochain",
    "rarp", "sca",  "sctp",     "src",      "stp",       "tcp",       "tcpflags", "tr",        "udp",    "vlan",
    "vrrp", "wlan", "icmptype", "icmpcode", "icmp6type", "icmp6code"};

bool is_word_of_filters(std::string_view word) {
  return std::ranges::find(words, word) != std::end(words) || word.starts_with("tcp-") || word.starts_with("icmp-") ||
         word.starts_with("icmp6-");
}

/// Numbers, IPv4 and IPv6 addresses, MAC addresses in all of their forms.
bool is_number(std::string_view word) {
  if (word.starts_with("0x")) return word.find_first_not_of("0123456789abcdefABCDEF", 2) == std::string_view::npos;
  if (word.starts_with('-')) word.remove_prefix(1);  // an operator
  if (word.find_first_not_of("0123456789.") == std::string_view::npos) return true;
  return word.find_first_not_of("0123456789abcdefABCDEF.:-") == std::string_view::npos &&
         (word.find(':') != std::string_view::npos || std::ranges::count(word, '-') == 5 ||
          (std::ranges::count(word, '.') == 2 && word.size() == 14));
}

/// The first word that would be looked up as a name by somebody else; empty: there is none. Services and protocols are in files.
std::string_view foreign_name(std::string_view expression) {
  constexpr std::string_view letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.:-";
  bool named = false;  // what follows is the name of a port or protocol
  for (std::size_t begin = expression.find_first_of(letters); begin != std::string_view::npos;) {
    const std::size_t end = std::min(expression.find_first_not_of(letters, begin), expression.size());
    const std::string_view word = expression.substr(begin, end - begin);
    const bool joins = word == "or" || word == "and";
    if (!is_number(word) && !is_word_of_filters(word) && !named) return word;
    if (!joins)
      named = word == "port" || word == "portrange" || word == "proto" || word == "protochain" ||
              (named && !is_word_of_filters(word));
    begin = expression.find_first_of(letters, end);
  }
  return {};
}

}  // namespace

Result<engine::PacketFilter> compile_filter(const std::string& expression) {
  if (expression.find_first_not_of(" \t") == std::string::npos) return engine::PacketFilter();
  if (const std::string_view name = foreign_name(expression); !name.empty())
    return fail(ErrorCode::invalid_value,
                "\"{}\" is not a filter: '{}' is no word of filters, and names of hosts are not looked up: give an "
                "address (see pcap-filter(7))",
                expression, name);
  constexpr int largest_packet = 65535;
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> pcap(pcap_open_dead(DLT_EN10MB, largest_packet), pcap_close);
  if (!pcap) return fail(ErrorCode::system, "cannot compile a filter: no memory");
  bpf_program program{};
  if (pcap_compile(pcap.get(), &program, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0)
    return fail(ErrorCode::invalid_value, "\"{}\" is not a filter: {} (see pcap-filter(7))", expression,
                pcap_geterr(pcap.get()));
  engine::PacketFilter filter;
  for (unsigned i = 0; i < program.bf_len; i++) {
    const bpf_insn& one = program.bf_insns[i];
    filter.push_back({one.code, one.jt, one.jf, one.k});
  }
  pcap_freecode(&program);
  return filter;
}

bool matches(const engine::PacketFilter& filter, std::span<const std::byte> packet) {
  std::vector<bpf_insn> code;
  code.reserve(filter.size());
  for (const auto& [operation, jt, jf, k] : filter) code.push_back({operation, jt, jf, k});
  const auto length = static_cast<u_int>(packet.size());
  return code.empty() || bpf_filter(code.data(), reinterpret_cast<const u_char*>(packet.data()), length, length) != 0;
}

}  // namespace polycube::service
