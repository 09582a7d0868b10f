// SPDX-License-Identifier: Apache-2.0
#include "engine/table_cell.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string_view>

#include "engine/table_field.h"
#include "engine/table_match.h"

namespace polycube::engine {

using model::LeafBinding;
using model::LeafType;
using Kind = bpf::Layout::Kind;

namespace {

struct Range {
  std::int64_t low;
  std::uint64_t high;
};

Range range_of(const CellPlace& place) {
  unsigned bits = place.extent * 8;
  if (!place.is_signed)
    return {0, bits == 64 ? std::numeric_limits<std::uint64_t>::max() : (std::uint64_t{1} << bits) - 1};
  std::uint64_t high = (std::uint64_t{1} << (bits - 1)) - 1;
  return {-static_cast<std::int64_t>(high) - 1, high};
}

bool in_range(std::int64_t value, const Range& range) {
  return value >= range.low && (value < 0 || static_cast<std::uint64_t>(value) <= range.high);
}

/// Stores a signed or unsigned 64-bit number, given by its bits, when the field can hold it.
bool store(const CellPlace& place, std::span<std::byte> element, bool negative, std::uint64_t bits) {
  Range range = range_of(place);
  if (negative ? static_cast<std::int64_t>(bits) < range.low : bits > range.high) return false;
  store_word(element.data() + place.offset, place.extent, place.big_endian, bits);
  return true;
}

// ---- fitting ----

/// A struct of two members: the address, then its length; the other way around where the types leave no doubt.
Result<CellPlace> fit_prefix(const LeafBinding& leaf, const bpf::Layout& field, std::uint32_t offset) {
  constexpr std::string_view needs = "an LPM key, or a struct of an address and a length";
  if (field.kind != Kind::structure || field.members.size() != 2) return misfit(leaf, field, needs);
  std::uint32_t size = address_size(leaf.type);
  auto is_length = [](const bpf::Layout& layout) { return layout.kind == Kind::integer && !layout.big_endian; };
  const auto* address = &field.members[0];
  const auto* length = &field.members[1];
  if (!is_length(length->layout)) std::swap(address, length);
  if (!is_length(length->layout) || !holds_address(address->layout, size)) return misfit(leaf, field, needs);
  CellPlace place = place_at(field, offset);
  place.address = offset + address->offset;
  place.length = {offset + length->offset, length->layout.size, length->layout.big_endian, 0};
  return place;
}

Result<CellPlace> fit_enumeration(const LeafBinding& leaf, const bpf::Layout& field, std::uint32_t offset) {
  if (field.kind != Kind::integer) return misfit(leaf, field, "an integer");
  CellPlace place = place_at(field, offset);
  Range range = range_of(place);
  for (const auto& [name, value] : leaf.enumerators)
    if (!in_range(value, range))
      return fail(ErrorCode::invalid_value, "leaf {}: the value {} of {} does not fit the field {}, which is {}",
                  leaf.name, value, name, leaf.field, describe(field));
  return place;
}

Result<CellPlace> fit_bits(const LeafBinding& leaf, const bpf::Layout& field, std::uint32_t offset) {
  if (field.kind != Kind::integer) return misfit(leaf, field, "an integer");
  for (const auto& [name, position] : leaf.enumerators)
    if (position < 0 || position >= static_cast<std::int64_t>(field.size) * 8)
      return fail(ErrorCode::invalid_value, "leaf {}: the position {} of bit {} does not fit the field {}, which is {}",
                  leaf.name, position, name, leaf.field, describe(field));
  CellPlace place = place_at(field, offset);
  place.is_signed = false;  // the topmost bit is a bit like any other
  return place;
}

// ---- text to memory ----

Result<> encode_integer(const LeafBinding& leaf, const CellPlace& place, std::string_view text,
                        std::span<std::byte> element) {
  bool negative = text.starts_with('-');
  std::int64_t below_zero = 0;
  std::uint64_t bits = 0;
  if (negative ? !parse(text, below_zero) : !parse(text, bits))
    return bad_value(leaf, text, "it is not an integer of 64 bits");
  negative = below_zero < 0;
  if (negative) bits = static_cast<std::uint64_t>(below_zero);
  if (store(place, element, negative, bits)) return {};
  Range range = range_of(place);
  return bad_value(leaf, text, fmt::format("its field holds {} to {}", range.low, range.high));
}

Result<> encode_enumeration(const LeafBinding& leaf, const CellPlace& place, std::string_view text,
                            std::span<std::byte> element) {
  for (const auto& [name, value] : leaf.enumerators)
    if (name == text) {
      store_word(element.data() + place.offset, place.extent, place.big_endian, static_cast<std::uint64_t>(value));
      return {};
    }
  return bad_value(leaf, text, "there is no such name in its enumeration");
}

Result<> encode_bits(const LeafBinding& leaf, const CellPlace& place, std::string_view text,
                     std::span<std::byte> element) {
  std::uint64_t bits = 0;
  for (std::string_view rest = text; !rest.empty();) {
    std::size_t end = std::min(rest.find(' '), rest.size());
    std::string_view word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (word.empty()) continue;
    auto bit = std::find_if(leaf.enumerators.begin(), leaf.enumerators.end(),
                            [&](const auto& one) { return one.first == word; });
    if (bit == leaf.enumerators.end()) return bad_value(leaf, text, fmt::format("there is no bit {}", word));
    bits |= std::uint64_t{1} << bit->second;
  }
  store_word(element.data() + place.offset, place.extent, place.big_endian, bits);
  return {};
}

Result<> encode_string(const LeafBinding& leaf, const CellPlace& place, std::string_view text,
                       std::span<std::byte> element) {
  if (text.size() > place.extent) return bad_value(leaf, text, fmt::format("it has more than {} bytes", place.extent));
  if (text.find('\0') != std::string_view::npos) return bad_value(leaf, "the text", "it holds a NUL character");
  std::memcpy(element.data() + place.offset, text.data(), text.size());
  return {};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<> encode_mac(const LeafBinding& leaf, const CellPlace& place, std::string_view text,
                    std::span<std::byte> element) {
  bool valid = text.size() == mac_size * 3 - 1;
  for (std::uint32_t i = 0; valid && i < mac_size; ++i) {
    int high = hex_digit(text[i * 3]);
    int low = hex_digit(text[i * 3 + 1]);
    valid = high >= 0 && low >= 0 && (i + 1 == mac_size || text[i * 3 + 2] == ':');
    element[place.offset + i] = static_cast<std::byte>(high << 4 | low);
  }
  if (!valid) return bad_value(leaf, text, "it is not a MAC address");
  return {};
}

Result<> encode_address(const LeafBinding& leaf, const CellPlace& place, const std::string& text,
                        std::span<std::byte> element) {
  bool v4 = address_size(leaf.type) == 4;
  if (text.find('\0') == std::string::npos &&
      inet_pton(v4 ? AF_INET : AF_INET6, text.c_str(), element.data() + place.address) == 1)
    return {};
  return bad_value(leaf, text, v4 ? "it is not an IPv4 address" : "it is not an IPv6 address");
}

Result<> encode_prefix(const LeafBinding& leaf, const CellPlace& place, const std::string& text,
                       std::span<std::byte> element) {
  std::uint32_t size = address_size(leaf.type);
  std::size_t slash = text.find('/');
  unsigned length = 0;
  if (slash == std::string::npos || !parse(std::string_view(text).substr(slash + 1), length) || length > size * 8)
    return bad_value(leaf, text, fmt::format("it is not an address with a prefix length of 0 to {}", size * 8));
  PCN_TRY(encode_address(leaf, place, text.substr(0, slash), element));
  clear_host_bits(element.data() + place.address, size, length);
  store_word(element.data() + place.length.offset, place.length.size, place.length.big_endian,
             length + place.length.bias);
  return {};
}

Result<> encode_port(const LeafBinding& leaf, const CellPlace& place, const std::string& text, const PortNames& ports,
                     std::span<std::byte> element) {
  auto index = ports.index ? ports.index(text) : std::nullopt;
  if (!index) return fail(ErrorCode::invalid_value, "Port {} does not exist: it is the value of {}", text, leaf.name);
  if (!store(place, element, false, *index))
    return bad_value(leaf, text, fmt::format("the index {} of this port does not fit its field", *index));
  return {};
}

// ---- memory to text ----

std::optional<std::string> decode_enumeration(const LeafBinding& leaf, std::uint64_t value) {
  for (const auto& [name, number] : leaf.enumerators)
    if (static_cast<std::uint64_t>(number) == value) return name;
  return std::nullopt;
}

/// Canonical form (RFC 7950, 9.7.2): names in the order of their positions.
std::string decode_bits(const LeafBinding& leaf, std::uint64_t value) {
  std::array<const std::string*, 64> names{};
  for (const auto& [name, position] : leaf.enumerators)
    if (value >> position & 1) names[static_cast<std::size_t>(position)] = &name;
  std::string text;
  for (const std::string* name : names) {
    if (name == nullptr) continue;
    if (!text.empty()) text += ' ';
    text += *name;
  }
  return text;
}

/// Length of the UTF-8 sequence at the start of `text` that YANG strings may hold (RFC 7950, 9.4), or 0.
std::size_t character(std::string_view text) {
  auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned first = at(0);
  if (first < 0x80) return first >= 0x20 || first == '\t' || first == '\n' || first == '\r' ? 1 : 0;
  std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  char32_t code = first & (0x7f >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (at(i) & 0x3f);
  }
  constexpr std::array<char32_t, 5> smallest = {0, 0, 0x80, 0x800, 0x10000};
  bool surrogate = code >= 0xd800 && code <= 0xdfff;
  bool noncharacter = (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) == 0xfffe;
  return code < smallest[length] || code > 0x10ffff || surrogate || noncharacter ? 0 : length;
}

std::optional<std::string> decode_string(const CellPlace& place, std::span<const std::byte> element) {
  const char* start = reinterpret_cast<const char*>(element.data() + place.offset);
  std::string_view text(start, strnlen(start, place.extent));
  for (std::string_view rest = text; !rest.empty();) {
    std::size_t length = character(rest);
    if (length == 0) return std::nullopt;
    rest.remove_prefix(length);
  }
  return std::string(text);
}

std::string decode_mac(const CellPlace& place, std::span<const std::byte> element) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text(mac_size * 3 - 1, ':');
  for (std::uint32_t i = 0; i < mac_size; ++i) {
    auto byte = std::to_integer<unsigned>(element[place.offset + i]);
    text[i * 3] = digits[byte >> 4];
    text[i * 3 + 1] = digits[byte & 0xf];
  }
  return text;
}

std::string decode_address(const LeafBinding& leaf, const std::byte* address) {
  return address_text(address, address_size(leaf.type));
}

std::optional<std::string> decode_prefix(const LeafBinding& leaf, const CellPlace& place,
                                         std::span<const std::byte> element) {
  std::uint32_t size = address_size(leaf.type);
  std::uint64_t length =
      load_word(element.data() + place.length.offset, place.length.size, place.length.big_endian) - place.length.bias;
  if (length > size * 8) return std::nullopt;
  std::array<std::byte, 16> address{};
  std::memcpy(address.data(), element.data() + place.address, size);
  clear_host_bits(address.data(), size, static_cast<unsigned>(length));
  return decode_address(leaf, address.data()) + '/' + std::to_string(length);
}

}  // namespace

std::string address_text(const std::byte* address, std::uint32_t size) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(size == 4 ? AF_INET : AF_INET6, address, text.data(), text.size());
  return text.data();
}

bool is_prefix(LeafType type) { return type == LeafType::ipv4_prefix || type == LeafType::ipv6_prefix; }

Result<CellPlace> fit(const LeafBinding& leaf, const bpf::Layout& field, std::uint32_t offset) {
  if (leaf.age) {
    if (field.kind != Kind::integer || field.size != sizeof(std::uint64_t))
      return fail(ErrorCode::invalid_value,
                  "leaf {}: the time of an age does not fit the field {}, which is {}; it needs a u64", leaf.name,
                  leaf.field, describe(field));
    CellPlace place = place_at(field, offset);
    place.is_signed = false;
    return place;
  }
  switch (leaf.type) {
    case LeafType::integer:
    case LeafType::boolean:
      if (field.kind != Kind::integer) return misfit(leaf, field, "an integer");
      break;
    case LeafType::enumeration: return fit_enumeration(leaf, field, offset);
    case LeafType::bits: return fit_bits(leaf, field, offset);
    case LeafType::string:
      if (field.kind != Kind::bytes) return misfit(leaf, field, "a char array");
      break;
    case LeafType::mac:
      if (!holds_address(field, mac_size) && !(field.kind == Kind::integer && field.size == sizeof(std::uint64_t)))
        return misfit(leaf, field, "6 bytes or a u64");
      break;
    case LeafType::ipv4:
      if (!holds_address(field, 4)) return misfit(leaf, field, "4 bytes");
      break;
    case LeafType::ipv6:
      if (!holds_address(field, 16)) return misfit(leaf, field, "16 bytes");
      break;
    case LeafType::ipv4_prefix:
    case LeafType::ipv6_prefix: return fit_prefix(leaf, field, offset);
    case LeafType::ip: return misfit(leaf, field, "a field in a value and in a mask");
    case LeafType::range: return fit_range(leaf, field, offset);
    case LeafType::port:
      if (field.kind != Kind::integer) return misfit(leaf, field, "an integer for the port's index");
      break;
  }
  return place_at(field, offset);
}

Result<CellPlace> fit_lpm_prefix(const LeafBinding& leaf, const bpf::Layout& field, std::uint32_t offset) {
  std::uint32_t size = address_size(leaf.type);
  if (!holds_address(field, size)) return misfit(leaf, field, fmt::format("{} bytes of address", size));
  CellPlace place = place_at(field, offset);
  place.length = {0, sizeof(std::uint32_t), false, (offset - static_cast<std::uint32_t>(sizeof(std::uint32_t))) * 8};
  return place;
}

Result<> encode_cell(const LeafBinding& leaf, const CellPlace& place, const std::string& text, const PortNames& ports,
                     std::span<std::byte> element) {
  if (place.mask) return encode_masked(leaf, place, text, ports, element);
  switch (leaf.type) {
    case LeafType::integer: return encode_integer(leaf, place, text, element);
    case LeafType::boolean:
      if (text != "true" && text != "false") return bad_value(leaf, text, "it is neither true nor false");
      store_word(element.data() + place.offset, place.extent, place.big_endian, text == "true");
      return {};
    case LeafType::enumeration: return encode_enumeration(leaf, place, text, element);
    case LeafType::bits: return encode_bits(leaf, place, text, element);
    case LeafType::string: return encode_string(leaf, place, text, element);
    case LeafType::mac: return encode_mac(leaf, place, text, element);
    case LeafType::ipv4:
    case LeafType::ipv6: return encode_address(leaf, place, text, element);
    case LeafType::ipv4_prefix:
    case LeafType::ipv6_prefix: return encode_prefix(leaf, place, text, element);
    case LeafType::range: return encode_range(leaf, place, text, element);
    case LeafType::ip: break;
    case LeafType::port: return encode_port(leaf, place, text, ports, element);
  }
  return bad_value(leaf, text, "its type cannot be converted");
}

std::optional<std::string> decode_cell(const LeafBinding& leaf, const CellPlace& place,
                                       std::span<const std::byte> element, const PortNames& ports) {
  if (place.mask) return decode_masked(leaf, place, element, ports);
  switch (leaf.type) {
    case LeafType::integer: return integer_text(place, load(place, element));
    case LeafType::boolean: return load(place, element) != 0 ? "true" : "false";
    case LeafType::enumeration: return decode_enumeration(leaf, load(place, element));
    case LeafType::bits: return decode_bits(leaf, load(place, element));
    case LeafType::string: return decode_string(place, element);
    case LeafType::mac: return decode_mac(place, element);
    case LeafType::ipv4:
    case LeafType::ipv6: return decode_address(leaf, element.data() + place.address);
    case LeafType::ipv4_prefix:
    case LeafType::ipv6_prefix: return decode_prefix(leaf, place, element);
    case LeafType::range: return decode_range(place, element);
    case LeafType::ip: break;
    case LeafType::port: {
      std::uint64_t index = load(place, element);
      if (index > std::numeric_limits<std::uint16_t>::max() || !ports.name) return std::nullopt;
      return ports.name(static_cast<std::uint16_t>(index));
    }
  }
  return std::nullopt;
}

std::uint64_t load(const CellPlace& place, std::span<const std::byte> element) {
  std::uint64_t value = load_word(element.data() + place.offset, place.extent, place.big_endian);
  unsigned unused = 64 - place.extent * 8;
  if (!place.is_signed || unused == 0) return value;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
}

std::string integer_text(const CellPlace& place, std::uint64_t value) {
  return place.is_signed ? std::to_string(static_cast<std::int64_t>(value)) : std::to_string(value);
}

}  // namespace polycube::engine
