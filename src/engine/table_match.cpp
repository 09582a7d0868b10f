// SPDX-License-Identifier: Apache-2.0
#include "engine/table_match.h"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "engine/table_field.h"

namespace polycube::engine {

using model::LeafBinding;
using model::LeafType;
using Kind = bpf::Layout::Kind;

namespace {

constexpr std::uint32_t ip_size = 16;  ///< of the longest address; an IPv4 address is at its beginning

void fill(std::byte* to, std::uint32_t size) { std::memset(to, 0xff, size); }

void fill_prefix(std::byte* to, std::uint32_t size, unsigned length) {
  fill(to, size);
  clear_host_bits(to, size, length);
}

/// Ones in front of the first zero.
unsigned prefix_length(const std::byte* mask, std::uint32_t size) {
  unsigned length = 0;
  for (std::uint32_t i = 0; i < size; ++i) {
    const auto ones = static_cast<unsigned>(std::countl_one(std::to_integer<std::uint8_t>(mask[i])));
    length += ones;
    if (ones < 8) break;
  }
  return length;
}

/// The number of a field that has only ones.
std::uint64_t highest(std::uint32_t size) { return std::numeric_limits<std::uint64_t>::max() >> (64 - size * 8); }

bool is_number(const bpf::Layout& field) { return field.kind == Kind::integer && !field.is_signed; }

// ---- ranges ----

struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

Result<Range> parse_range(const LeafBinding& leaf, std::string_view text, std::uint64_t most) {
  Range range;
  const std::size_t dash = text.find('-');
  const std::string_view last = dash == std::string_view::npos ? text : text.substr(dash + 1);
  if (!parse(text.substr(0, dash), range.first) || !parse(last, range.last))
    return bad_value(leaf, text, "it is neither a number nor a range first-last");
  if (range.last > most || range.first > most)
    return bad_value(leaf, text, fmt::format("its field holds 0 to {}", most));
  if (range.first > range.last) return bad_value(leaf, text, "the range ends before it begins");
  return range;
}

Result<> encode_common_prefix(const LeafBinding& leaf, const CellPlace& place, std::string_view text,
                              std::span<std::byte> element) {
  const std::uint64_t most = highest(place.extent);
  PCN_ASSIGN(const Range range, parse_range(leaf, text, most));
  const auto different = static_cast<unsigned>(std::bit_width(range.first ^ range.last));
  const std::uint64_t same = different == 64 ? 0 : most >> different << different;
  store_word(element.data() + place.offset, place.extent, place.big_endian, range.first & same);
  store_word(element.data() + *place.mask, place.extent, place.big_endian, same);
  return {};
}

// ---- addresses and prefixes of either version ----

/// A struct of 16 bytes of address and an integer that says which version it is.
Result<CellPlace> fit_ip(const LeafBinding& leaf, const bpf::Layout& field, std::uint32_t offset) {
  constexpr std::string_view needs = "a struct of 16 bytes of address and an integer for the version";
  if (field.kind != Kind::structure || field.members.size() != 2) return misfit(leaf, field, needs);
  const auto* address = &field.members[0];
  const auto* version = &field.members[1];
  if (is_number(address->layout)) std::swap(address, version);
  if (!holds_address(address->layout, ip_size) || !is_number(version->layout)) return misfit(leaf, field, needs);
  CellPlace place = place_at(field, offset);
  place.address = offset + address->offset;
  place.length = {offset + version->offset, version->layout.size, version->layout.big_endian, 0};
  return place;
}

Result<> encode_ip(const LeafBinding& leaf, const CellPlace& place, const std::string& text,
                   std::span<std::byte> element) {
  const std::size_t slash = text.find('/');
  const std::string address = text.substr(0, slash);
  std::byte* value = element.data() + place.address;
  const bool v4 = inet_pton(AF_INET, address.c_str(), value) == 1;
  if ((!v4 && inet_pton(AF_INET6, address.c_str(), value) != 1) || text.find('\0') != std::string::npos)
    return bad_value(leaf, text, "it is neither an IP address nor a prefix");
  const std::uint32_t size = v4 ? 4 : ip_size;
  unsigned length = size * 8;
  if (slash != std::string::npos && (!parse(std::string_view(text).substr(slash + 1), length) || length > size * 8))
    return bad_value(leaf, text, fmt::format("a prefix length is 0 to {}", size * 8));
  clear_host_bits(value, size, length);
  store_word(element.data() + place.length.offset, place.length.size, place.length.big_endian, v4 ? 4 : 6);
  std::byte* mask = element.data() + *place.mask;
  fill_prefix(mask + (place.address - place.offset), size, length);
  fill(mask + (place.length.offset - place.offset), place.length.size);
  return {};
}

std::string prefix_text(const std::byte* address, std::uint32_t size, unsigned length, bool always) {
  std::string text = address_text(address, size);
  return always || length < size * 8 ? fmt::format("{}/{}", text, length) : text;
}

std::optional<std::string> decode_ip(const CellPlace& place, std::span<const std::byte> element) {
  const auto version = load_word(element.data() + place.length.offset, place.length.size, place.length.big_endian);
  if (version != 4 && version != 6) return std::nullopt;
  const std::uint32_t size = version == 4 ? 4 : ip_size;
  const unsigned length = prefix_length(element.data() + *place.mask + (place.address - place.offset), size);
  return prefix_text(element.data() + place.address, size, length, false);
}

Result<> encode_masked_prefix(const LeafBinding& leaf, const CellPlace& place, const std::string& text,
                              std::span<std::byte> element) {
  const std::uint32_t size = address_size(leaf.type);
  const std::size_t slash = text.find('/');
  unsigned length = 0;
  std::byte* value = element.data() + place.offset;
  if (slash == std::string::npos || text.find('\0') != std::string::npos ||
      inet_pton(size == 4 ? AF_INET : AF_INET6, text.substr(0, slash).c_str(), value) != 1 ||
      !parse(std::string_view(text).substr(slash + 1), length) || length > size * 8)
    return bad_value(leaf, text, fmt::format("it is not an address with a prefix length of 0 to {}", size * 8));
  clear_host_bits(value, size, length);
  fill_prefix(element.data() + *place.mask, size, length);
  return {};
}

bool is_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace

Result<CellPlace> fit_masked(const LeafBinding& leaf, const bpf::Layout& field, std::uint32_t offset,
                             std::uint32_t mask) {
  Result<CellPlace> place = place_at(field, offset);
  switch (leaf.type) {
    case LeafType::ip: place = fit_ip(leaf, field, offset); break;
    // Of an absent prefix and of one of no bits the mask is the same, and so is the meaning.
    case LeafType::ipv4_prefix:
    case LeafType::ipv6_prefix:
      if (!holds_address(field, address_size(leaf.type)))
        return misfit(leaf, field, fmt::format("{} bytes of address", address_size(leaf.type)));
      break;
    case LeafType::range:
      if (!is_number(field)) return misfit(leaf, field, "an unsigned integer");
      break;
    case LeafType::string: return misfit(leaf, field, "a type that can be compared with a mask");
    default: place = fit(leaf, field, offset);
  }
  if (place) place->mask = mask;
  return place;
}

Result<> encode_masked(const LeafBinding& leaf, const CellPlace& place, const std::string& text, const PortNames& ports,
                       std::span<std::byte> element) {
  switch (leaf.type) {
    case LeafType::ip: return encode_ip(leaf, place, text, element);
    case LeafType::ipv4_prefix:
    case LeafType::ipv6_prefix: return encode_masked_prefix(leaf, place, text, element);
    case LeafType::range: return encode_common_prefix(leaf, place, text, element);
    default: break;
  }
  CellPlace value = place;
  value.mask.reset();
  PCN_TRY(encode_cell(leaf, value, text, ports, element));
  fill(element.data() + *place.mask, leaf.type == LeafType::mac ? mac_size : place.extent);
  return {};
}

std::optional<std::string> decode_masked(const LeafBinding& leaf, const CellPlace& place,
                                         std::span<const std::byte> element, const PortNames& ports) {
  if (is_absent(place, element)) return std::nullopt;
  switch (leaf.type) {
    case LeafType::ip: return decode_ip(place, element);
    case LeafType::ipv4_prefix:
    case LeafType::ipv6_prefix: {
      const std::uint32_t size = address_size(leaf.type);
      return prefix_text(element.data() + place.offset, size, prefix_length(element.data() + *place.mask, size), true);
    }
    case LeafType::range: return std::nullopt;  // the range itself is elsewhere
    default: break;
  }
  CellPlace value = place;
  value.mask.reset();
  return decode_cell(leaf, value, element, ports);
}

Result<CellPlace> fit_range(const LeafBinding& leaf, const bpf::Layout& field, std::uint32_t offset) {
  constexpr std::string_view needs = "a struct of two unsigned integers of one size, first and last";
  if (field.kind != Kind::structure || field.members.size() != 2) return misfit(leaf, field, needs);
  const auto& first = field.members[0];
  const auto& last = field.members[1];
  if (first.name != "first" || last.name != "last" || !is_number(first.layout) || !is_number(last.layout) ||
      first.layout.size != last.layout.size || first.layout.big_endian != last.layout.big_endian)
    return misfit(leaf, field, needs);
  CellPlace place = place_at(field, offset);
  place.address = offset + first.offset;
  place.length = {offset + last.offset, last.layout.size, last.layout.big_endian, 0};
  return place;
}

Result<> encode_range(const LeafBinding& leaf, const CellPlace& place, std::string_view text,
                      std::span<std::byte> element) {
  const auto& [offset, size, big_endian, bias] = place.length;
  PCN_ASSIGN(const Range range, parse_range(leaf, text, highest(size)));
  store_word(element.data() + place.address, size, big_endian, range.first);
  store_word(element.data() + offset, size, big_endian, range.last);
  return {};
}

std::optional<std::string> decode_range(const CellPlace& place, std::span<const std::byte> element) {
  const auto& [offset, size, big_endian, bias] = place.length;
  const std::uint64_t first = load_word(element.data() + place.address, size, big_endian);
  const std::uint64_t last = load_word(element.data() + offset, size, big_endian);
  if (first == 0 && last == highest(size)) return std::nullopt;
  return first == last ? std::to_string(first) : fmt::format("{}-{}", first, last);
}

void encode_absent(const LeafBinding& leaf, const CellPlace& place, std::span<std::byte> element) {
  if (leaf.type == LeafType::range && !place.mask) fill(element.data() + place.length.offset, place.length.size);
}

bool is_absent(const CellPlace& place, std::span<const std::byte> element) {
  return place.mask && is_zero(element.subspan(*place.mask, place.extent));
}

}  // namespace polycube::engine
