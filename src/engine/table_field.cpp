// SPDX-License-Identifier: Apache-2.0
#include "engine/table_field.h"

#include <algorithm>
#include <bit>

namespace polycube::engine {

using model::LeafBinding;
using model::LeafType;
using Kind = bpf::Layout::Kind;

namespace {

/// What is not declared big-endian lies in the order of the machine, for which the eBPF object was compiled.
bool most_significant_first(bool big_endian) { return big_endian || std::endian::native == std::endian::big; }

std::string_view type_name(LeafType type) {
  switch (type) {
    case LeafType::integer: return "integer";
    case LeafType::boolean: return "boolean";
    case LeafType::enumeration: return "enumeration";
    case LeafType::bits: return "bits";
    case LeafType::string: return "string";
    case LeafType::mac: return "mac-address";
    case LeafType::ipv4: return "ipv4-address";
    case LeafType::ipv6: return "ipv6-address";
    case LeafType::ipv4_prefix: return "ipv4-prefix";
    case LeafType::ipv6_prefix: return "ipv6-prefix";
    case LeafType::ip: return "ip-match";
    case LeafType::range: return "port-range";
    case LeafType::port: return "port";
  }
  return "unknown type";
}

}  // namespace

std::string describe(const bpf::Layout& field) { return fmt::format("{} ({} bytes)", field.name, field.size); }

std::uint64_t load_word(const std::byte* from, std::uint32_t size, bool big_endian) {
  std::uint64_t value = 0;
  for (std::uint32_t i = 0; i < size; ++i) {
    std::uint32_t at = most_significant_first(big_endian) ? i : size - 1 - i;
    value = value << 8 | std::to_integer<std::uint64_t>(from[at]);
  }
  return value;
}

void store_word(std::byte* to, std::uint32_t size, bool big_endian, std::uint64_t value) {
  for (std::uint32_t i = 0; i < size; ++i, value >>= 8)
    to[most_significant_first(big_endian) ? size - 1 - i : i] = static_cast<std::byte>(value & 0xff);
}

void clear_host_bits(std::byte* address, std::uint32_t size, unsigned length) {
  for (std::uint32_t i = 0; i < size; ++i) {
    unsigned bits = std::clamp<int>(static_cast<int>(length) - static_cast<int>(i * 8), 0, 8);
    address[i] &= static_cast<std::byte>(0xff << (8 - bits));
  }
}

tl::unexpected<Error> misfit(const LeafBinding& leaf, const bpf::Layout& field, std::string_view needs) {
  return fail(ErrorCode::invalid_value, "leaf {}: a {} does not fit the field {}, which is {}; it needs {}", leaf.name,
              type_name(leaf.type), leaf.field, describe(field), needs);
}

bool holds_address(const bpf::Layout& field, std::uint32_t size) {
  if (field.size != size) return false;
  if (field.kind == Kind::bytes || field.kind == Kind::integer) return true;
  if (field.kind != Kind::structure) return false;
  return std::any_of(field.members.begin(), field.members.end(), [&](const bpf::Layout::Member& member) {
    return member.offset == 0 && holds_address(member.layout, size);
  });
}

std::uint32_t address_size(LeafType type) { return type == LeafType::ipv4 || type == LeafType::ipv4_prefix ? 4 : 16; }

CellPlace place_at(const bpf::Layout& field, std::uint32_t offset) {
  CellPlace place;
  place.offset = place.address = offset;
  place.extent = field.size;
  place.is_signed = field.is_signed;
  place.big_endian = field.big_endian;
  return place;
}

tl::unexpected<Error> bad_value(const LeafBinding& leaf, std::string_view text, std::string_view reason) {
  return fail(ErrorCode::invalid_value, "{} is not a valid value of {}: {}", text, leaf.name, reason);
}

}  // namespace polycube::engine
