// SPDX-License-Identifier: Apache-2.0
/// Bytes of a field, and what is said of fields that do not fit: what the conversions of table_cell.h are written with.
/// Threading: pure functions.
/// Units: bytes.
#pragma once

#include <charconv>
#include <string_view>

#include "engine/table_cell.h"

namespace polycube::engine {

inline constexpr std::uint32_t mac_size = 6;

[[nodiscard]] std::uint64_t load_word(const std::byte* from, std::uint32_t size, bool big_endian);
void store_word(std::byte* to, std::uint32_t size, bool big_endian, std::uint64_t value);

/// Clears the bits behind the prefix: two texts of one prefix must be one key.
void clear_host_bits(std::byte* address, std::uint32_t size, unsigned length);

/// Bytes of an address or a prefix of one IP version.
[[nodiscard]] std::uint32_t address_size(model::LeafType type);

/// Whether the field is `size` bytes of address: a byte array, an integer of the size, or a struct or union around one.
[[nodiscard]] bool holds_address(const bpf::Layout& field, std::uint32_t size);

[[nodiscard]] CellPlace place_at(const bpf::Layout& field, std::uint32_t offset);

/// Type and size, for messages.
[[nodiscard]] std::string describe(const bpf::Layout& field);
[[nodiscard]] tl::unexpected<Error> misfit(const model::LeafBinding& leaf, const bpf::Layout& field,
                                           std::string_view needs);
[[nodiscard]] tl::unexpected<Error> bad_value(const model::LeafBinding& leaf, std::string_view text,
                                              std::string_view reason);

template <typename T>
[[nodiscard]] bool parse(std::string_view text, T& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace polycube::engine
