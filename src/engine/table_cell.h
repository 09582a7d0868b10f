// SPDX-License-Identifier: Apache-2.0
/// One leaf in one field of a table element: whether they fit, and the conversion in both directions.
/// Why: rows and elements (table_codec.h) are lists of these; the rules per YANG type are all here.
/// Invariants: a CellPlace comes from fit() or fit_lpm_prefix() for the same leaf, and the memory it is used on is at
/// least offset + extent bytes.
/// Threading: pure functions.
/// Units: bytes. Addresses lie in memory in network order whatever the field's type, as eBPF code compares them with
/// packet fields; integers in the order of their type.
/// Source: RFC 7950 section 9 (canonical forms), RFC 6991 (addresses and prefixes).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "bpf/layout.h"
#include "engine/table_codec.h"
#include "model/binding.h"

namespace polycube::engine {

/// Where and how a leaf lies in an element.
struct CellPlace {
  std::uint32_t offset = 0;  ///< of the field
  std::uint32_t extent = 0;  ///< size of the field: what is cleared before it is written
  bool is_signed = false;
  bool big_endian = false;
  std::uint32_t address = 0;  ///< of a prefix: offset of the address in the element
  struct Length {
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
    bool big_endian = false;
    std::uint32_t bias = 0;           ///< bits of an LPM key in front of the address, which its length counts too
  } length;                           ///< of a prefix; last number of a range; IP version of an ip-match
  std::optional<std::uint32_t> mask;  ///< offset of the same field in the mask (table_match.h)
};

[[nodiscard]] bool is_prefix(model::LeafType type);

/// How `leaf` lies in a field at `offset`; invalid_value names leaf, field and reason when it cannot.
[[nodiscard]] Result<CellPlace> fit(const model::LeafBinding& leaf, const bpf::Layout& field, std::uint32_t offset);

/// The same for a prefix whose length is the first word of an LPM key and whose address is `field`.
[[nodiscard]] Result<CellPlace> fit_lpm_prefix(const model::LeafBinding& leaf, const bpf::Layout& field,
                                               std::uint32_t offset);

/// Writes canonical `text`; the field has been cleared before.
[[nodiscard]] Result<> encode_cell(const model::LeafBinding& leaf, const CellPlace& place, const std::string& text,
                                   const PortNames& ports, std::span<std::byte> element);

/// nullopt when what the field holds cannot be said in the leaf's type.
[[nodiscard]] std::optional<std::string> decode_cell(const model::LeafBinding& leaf, const CellPlace& place,
                                                     std::span<const std::byte> element, const PortNames& ports);

/// Integer in the field, sign-extended to 64 bits where the field is signed.
[[nodiscard]] std::uint64_t load(const CellPlace& place, std::span<const std::byte> element);

/// Text of the 4 or 16 bytes of an IP address.
[[nodiscard]] std::string address_text(const std::byte* address, std::uint32_t size);

/// Decimal text of what load() gave, or of a sum of such.
[[nodiscard]] std::string integer_text(const CellPlace& place, std::uint64_t value);

}  // namespace polycube::engine
