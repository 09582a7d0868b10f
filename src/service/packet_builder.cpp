// SPDX-License-Identifier: Apache-2.0
#include "service/packet_builder.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace polycube::service {

namespace {

using bpf::Bytes;

constexpr std::size_t shortest_frame = 60;      // without its check sequence
constexpr std::uint16_t unknown_type = 0x88b6;  // IEEE Std 802, local experimental EtherType 2

enum class Kind { number, mac, ipv4, ipv6, flags };

struct Field {
  std::string_view name;
  Kind kind;
  std::size_t bits;        ///< of a number
  std::string_view value;  ///< when it is not said; empty: it follows from the rest
};

struct Header {
  std::string_view name;
  std::vector<Field> fields;
  bool positional = false;  ///< the first value stands without its field's name
};

const std::vector<Header>& headers() {
  static const std::vector<Header> all = {
      {"eth", {{"src", Kind::mac, 0, "02:00:00:00:00:01"}, {"dst", Kind::mac, 0, ""}, {"type", Kind::number, 16, ""}}},
      {"vlan", {{"id", Kind::number, 12, ""}, {"pcp", Kind::number, 3, "0"}}, true},
      {"arp",
       {{"op", Kind::number, 16, "1"},
        {"sha", Kind::mac, 0, "02:00:00:00:00:01"},
        {"spa", Kind::ipv4, 0, "10.0.0.1"},
        {"tha", Kind::mac, 0, "00:00:00:00:00:00"},
        {"tpa", Kind::ipv4, 0, "10.0.0.2"}}},
      {"ip",
       {{"src", Kind::ipv4, 0, "10.0.0.1"},
        {"dst", Kind::ipv4, 0, "10.0.0.2"},
        {"ttl", Kind::number, 8, "64"},
        {"tos", Kind::number, 8, "0"},
        {"id", Kind::number, 16, "0"},
        {"proto", Kind::number, 8, ""}}},
      {"ip6",
       {{"src", Kind::ipv6, 0, "fd00::1"},
        {"dst", Kind::ipv6, 0, "fd00::2"},
        {"hlim", Kind::number, 8, "64"},
        {"proto", Kind::number, 8, ""}}},
      {"icmp",
       {{"type", Kind::number, 8, "8"},
        {"code", Kind::number, 8, "0"},
        {"id", Kind::number, 16, "1"},
        {"seq", Kind::number, 16, "1"}}},
      {"icmp6",
       {{"type", Kind::number, 8, "128"},
        {"code", Kind::number, 8, "0"},
        {"id", Kind::number, 16, "1"},
        {"seq", Kind::number, 16, "1"}}},
      {"udp", {{"sport", Kind::number, 16, "1024"}, {"dport", Kind::number, 16, "7"}}},
      {"tcp",
       {{"sport", Kind::number, 16, "1024"},
        {"dport", Kind::number, 16, "80"},
        {"seq", Kind::number, 32, "0"},
        {"ack", Kind::number, 32, "0"},
        {"flags", Kind::flags, 8, "S"}}},
      {"payload", {{"length", Kind::number, 14, "0"}}, true}};
  return all;
}

template <typename Named>
const Named* find(const std::vector<Named>& all, std::string_view name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Named& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

template <typename Named>
std::string names(const std::vector<Named>& all) {
  std::string text;
  for (const Named& one : all) text += fmt::format("{}{}", text.empty() ? "" : ", ", one.name);
  return text;
}

void put(Bytes& bytes, std::uint64_t value, std::size_t size) {
  for (std::size_t i = size; i > 0; i--) bytes.push_back(static_cast<std::byte>(value >> (8 * (i - 1))));
}

void put(Bytes& bytes, const Bytes& more) { bytes.insert(bytes.end(), more.begin(), more.end()); }

std::optional<Bytes> number(std::string_view text, std::size_t bits) {
  const bool hexadecimal = text.starts_with("0x");
  if (hexadecimal) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
  if (error != std::errc() || end != text.data() + text.size() || value >> bits != 0) return std::nullopt;
  Bytes bytes;
  put(bytes, value, (bits + 7) / 8);
  return bytes;
}

std::optional<Bytes> mac(std::string_view text) {
  Bytes bytes;
  for (std::size_t i = 0; i < ETH_ALEN; i++) {
    if (i > 0) {
      if (!text.starts_with(':')) return std::nullopt;
      text.remove_prefix(1);
    }
    const auto byte = number("0x" + std::string(text.substr(0, 2)), 8);
    if (text.size() < 2 || !byte) return std::nullopt;
    put(bytes, *byte);
    text.remove_prefix(2);
  }
  return text.empty() ? std::optional(bytes) : std::nullopt;
}

std::optional<Bytes> address(std::string_view text, int family) {
  Bytes bytes(family == AF_INET ? 4 : 16);
  return inet_pton(family, std::string(text).c_str(), bytes.data()) == 1 ? std::optional(bytes) : std::nullopt;
}

constexpr std::string_view flag_letters = "FSRPAUEC";  // from bit 0 on

std::optional<Bytes> flags(std::string_view text) {
  std::uint64_t value = 0;
  if (text != "none")
    for (const char letter : text) {
      const auto bit = flag_letters.find(letter);
      if (bit == std::string_view::npos) return std::nullopt;
      value |= 1ULL << bit;
    }
  Bytes bytes;
  put(bytes, value, 1);
  return bytes;
}

std::optional<Bytes> value_of(const Field& field, std::string_view text) {
  switch (field.kind) {
    case Kind::number: return number(text, field.bits);
    case Kind::mac: return mac(text);
    case Kind::ipv4: return address(text, AF_INET);
    case Kind::ipv6: return address(text, AF_INET6);
    case Kind::flags: return flags(text);
  }
  return std::nullopt;
}

std::string wanted(const Field& field) {
  switch (field.kind) {
    case Kind::number: return fmt::format("a number from 0 to {}", (1ULL << field.bits) - 1);
    case Kind::mac: return "a MAC address like 02:00:00:00:00:01";
    case Kind::ipv4: return "an IPv4 address like 10.0.0.1";
    case Kind::ipv6: return "an IPv6 address like fd00::1";
    case Kind::flags: return fmt::format("letters of {}, or none", flag_letters);
  }
  return {};
}

/// Fields that were said, in network byte order.
using Said = std::map<std::string, Bytes, std::less<>>;

class Parser {
 public:
  explicit Parser(std::string_view text) {
    constexpr std::string_view between = " ,\t\n";
    for (auto begin = text.find_first_not_of(between); begin != std::string_view::npos;) {
      const auto end = std::min(text.find_first_of(between, begin), text.size());
      words_.push_back(text.substr(begin, end - begin));
      begin = text.find_first_not_of(between, end);
    }
  }

  Result<std::multimap<std::string, Said, std::less<>>> parse() {
    std::multimap<std::string, Said, std::less<>> said;
    while (next_ < words_.size()) {
      const std::string_view name = words_[next_++];
      const Header* header = find(headers(), name);
      if (header == nullptr)
        return fail(ErrorCode::invalid_value, "'{}' is no header of a packet; these are: {}", name, names(headers()));
      if (said.count(name) == (name == "vlan" ? 2U : 1U))
        return fail(ErrorCode::invalid_value, "the header '{}' is there {}", name,
                    name == "vlan" ? "three times" : "twice");
      PCN_ASSIGN(Said fields, parse_fields(*header));
      said.emplace(name, std::move(fields));
    }
    return said;
  }

 private:
  Result<Said> parse_fields(const Header& header) {
    Said said;
    if (header.positional) PCN_TRY(parse_value(header, header.fields.front(), said));
    while (next_ < words_.size() && find(headers(), words_[next_]) == nullptr) {
      const std::string_view name = words_[next_++];
      const Field* field = find(header.fields, name);
      if (field == nullptr)
        return fail(ErrorCode::invalid_value, "'{}' is neither a header nor a field of '{}', which has {}", name,
                    header.name, names(header.fields));
      PCN_TRY(parse_value(header, *field, said));
    }
    return said;
  }

  Result<> parse_value(const Header& header, const Field& field, Said& said) {
    if (next_ == words_.size())
      return fail(ErrorCode::invalid_value, "'{} {}' needs {}", header.name, field.name, wanted(field));
    const std::string_view word = words_[next_++];
    const auto value = value_of(field, word);
    if (!value)
      return fail(ErrorCode::invalid_value, "'{}' is not a value of '{} {}': that is {}", word, header.name, field.name,
                  wanted(field));
    if (!said.emplace(field.name, *value).second)
      return fail(ErrorCode::invalid_value, "'{} {}' is there twice", header.name, field.name);
    return {};
  }

  std::vector<std::string_view> words_;
  std::size_t next_ = 0;
};

/// RFC 1071.
std::uint16_t checksum(const Bytes& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i++)
    sum += std::to_integer<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void set_checksum(Bytes& header, std::size_t offset, std::uint16_t sum) {
  header[offset] = static_cast<std::byte>(sum >> 8);
  header[offset + 1] = static_cast<std::byte>(sum);
}

class Builder {
 public:
  explicit Builder(const std::multimap<std::string, Said, std::less<>>& said) : said_(said) {}

  Result<Bytes> build() {
    PCN_TRY(choose());
    Bytes content = transport();
    if (network_ == "ip") {
      content = ipv4(std::move(content));
    } else if (network_ == "ip6") {
      content = ipv6(std::move(content));
    } else if (network_ == "arp") {
      Bytes header;
      put(header, 0x000108000604, 6);  // Ethernet, IPv4, and the lengths of their addresses
      for (const char* field : {"op", "sha", "spa", "tha", "tpa"}) put(header, get("arp", field));
      put(header, content);
      content = std::move(header);
    }
    return ethernet(content);
  }

 private:
  [[nodiscard]] bool has(std::string_view header) const { return said_.find(header) != said_.end(); }

  /// What was said, or the default.
  [[nodiscard]] Bytes get(std::string_view header, std::string_view field, std::string_view otherwise = {}) const {
    if (const auto found = said_.find(header); found != said_.end())
      if (const auto value = found->second.find(field); value != found->second.end()) return value->second;
    const Field& known = *find(find(headers(), header)->fields, field);
    return *value_of(known, otherwise.empty() ? known.value : otherwise);
  }

  /// At most one of each layer.
  Result<> choose() {
    const auto one_of = [&](std::initializer_list<std::string_view> names, std::string_view& chosen) -> Result<> {
      for (const std::string_view name : names) {
        if (!has(name)) continue;
        if (!chosen.empty())
          return fail(ErrorCode::invalid_value, "'{}' and '{}' cannot be in one packet", chosen, name);
        chosen = name;
      }
      return {};
    };
    PCN_TRY(one_of({"arp", "ip", "ip6"}, network_));
    PCN_TRY(one_of({"icmp", "icmp6", "udp", "tcp"}, transport_));
    if (network_.empty() && !transport_.empty()) network_ = transport_ == "icmp6" ? "ip6" : "ip";
    if (network_ == "arp" && !transport_.empty())
      return fail(ErrorCode::invalid_value, "'arp' and '{}' cannot be in one packet", transport_);
    return {};
  }

  Bytes transport() const {
    Bytes header;
    const Bytes payload(std::to_integer<std::size_t>(get("payload", "length")[0]) << 8 |
                        std::to_integer<std::size_t>(get("payload", "length")[1]));
    std::size_t sum_at = 0;
    if (transport_ == "udp") {
      for (const char* field : {"sport", "dport"}) put(header, get("udp", field));
      put(header, 8 + payload.size(), 2);
      sum_at = header.size();
      put(header, 0, 2);
    } else if (transport_ == "tcp") {
      for (const char* field : {"sport", "dport", "seq", "ack"}) put(header, get("tcp", field));
      put(header, 5 << 4, 1);
      put(header, get("tcp", "flags"));
      put(header, 0xffff, 2);
      sum_at = header.size();
      put(header, 0, 4);
    } else if (!transport_.empty()) {
      for (const char* field : {"type", "code"}) put(header, get(transport_, field));
      sum_at = header.size();
      put(header, 0, 2);
      for (const char* field : {"id", "seq"}) put(header, get(transport_, field));
    }
    put(header, payload);
    if (transport_.empty()) return header;
    Bytes summed = transport_ == "icmp" ? Bytes() : pseudo_header(header.size());
    put(summed, header);
    const std::uint16_t sum = checksum(summed);
    set_checksum(header, sum_at, transport_ == "udp" && sum == 0 ? 0xffff : sum);
    return header;
  }

  [[nodiscard]] std::uint8_t protocol() const {
    if (transport_ == "icmp") return IPPROTO_ICMP;
    if (transport_ == "icmp6") return IPPROTO_ICMPV6;
    if (transport_ == "udp") return IPPROTO_UDP;
    if (transport_ == "tcp") return IPPROTO_TCP;
    return network_ == "ip6" ? IPPROTO_NONE : 253;  // RFC 3692: for experiments
  }

  // RFC 9293, 3.1, and 8200, 8.1.
  [[nodiscard]] Bytes pseudo_header(std::size_t length) const {
    Bytes bytes = get(network_, "src");
    put(bytes, get(network_, "dst"));
    if (network_ == "ip6") {
      put(bytes, length, 4);
      put(bytes, protocol(), 4);
    } else {
      put(bytes, protocol(), 2);
      put(bytes, length, 2);
    }
    return bytes;
  }

  [[nodiscard]] Bytes ipv4(const Bytes& content) const {
    Bytes header;
    put(header, 0x45, 1);
    put(header, get("ip", "tos"));
    put(header, 20 + content.size(), 2);
    put(header, get("ip", "id"));
    put(header, 0, 2);
    put(header, get("ip", "ttl"));
    put(header, get("ip", "proto", std::to_string(protocol())));
    put(header, 0, 2);
    for (const char* field : {"src", "dst"}) put(header, get("ip", field));
    set_checksum(header, 10, checksum(header));
    put(header, content);
    return header;
  }

  [[nodiscard]] Bytes ipv6(const Bytes& content) const {
    Bytes header;
    put(header, 6U << 28, 4);
    put(header, content.size(), 2);
    put(header, get("ip6", "proto", std::to_string(protocol())));
    put(header, get("ip6", "hlim"));
    for (const char* field : {"src", "dst"}) put(header, get("ip6", field));
    put(header, content);
    return header;
  }

  [[nodiscard]] Bytes ethernet(const Bytes& content) const {
    const std::uint16_t type = network_ == "ip"    ? ETH_P_IP
                               : network_ == "ip6" ? ETH_P_IPV6
                               : network_ == "arp" ? ETH_P_ARP
                                                   : unknown_type;
    Bytes frame = get("eth", "dst", network_ == "arp" ? "ff:ff:ff:ff:ff:ff" : "02:00:00:00:00:02");
    put(frame, get("eth", "src"));
    const auto tags = said_.equal_range("vlan");
    std::size_t left = static_cast<std::size_t>(std::distance(tags.first, tags.second));
    for (auto tag = tags.first; tag != tags.second; ++tag) {
      const auto pcp = tag->second.find("pcp");
      const unsigned priority = pcp == tag->second.end() ? 0 : std::to_integer<unsigned>(pcp->second[0]);
      const Bytes& id = tag->second.find("id")->second;
      put(frame, left-- == 2 ? ETH_P_8021AD : ETH_P_8021Q, 2);
      put(frame, priority << 13 | std::to_integer<unsigned>(id[0]) << 8 | std::to_integer<unsigned>(id[1]), 2);
    }
    put(frame, get("eth", "type", fmt::format("{}", type)));
    put(frame, content);
    if (frame.size() < shortest_frame) frame.resize(shortest_frame);
    return frame;
  }

  const std::multimap<std::string, Said, std::less<>>& said_;
  std::string_view network_;
  std::string_view transport_;
};

}  // namespace

Result<Bytes> build_packet(std::string_view text) {
  PCN_ASSIGN(const auto said, Parser(text).parse());
  return Builder(said).build();
}

Result<Bytes> parse_hexadecimal(std::string_view text) {
  Bytes bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto byte = number("0x" + std::string(text.substr(i, 2)), 8);
    if (text.size() - i < 2 || !byte)
      return fail(ErrorCode::invalid_value, "'{}', at character {} of the bytes, is not two hexadecimal digits",
                  text.substr(i, 2), i + 1);
    put(bytes, *byte);
  }
  return bytes;
}

}  // namespace polycube::service
