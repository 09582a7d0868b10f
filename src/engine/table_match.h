// SPDX-License-Identifier: Apache-2.0
/// Leaves that packets are compared with: fields in a value and in a mask, and ranges.
/// Why: a leaf of a rule may be left open, and "nothing given" needs bits of its own beside every value that can be given.
/// Invariants: an absent leaf has zeros in value and mask; one that is given has ones in the mask where it counts, and
/// value & ~mask is zero, so "(packet ^ value) & mask" is all there is to comparing. A range in value and mask is the
/// prefix that its numbers have in common: necessary, not sufficient; what is exact is a struct of `first` and `last`,
/// which an absent range has as all numbers of their type.
/// Threading: pure functions.
/// Units: bytes; addresses in network order, numbers in the order of their field.
#pragma once

#include "engine/table_cell.h"

namespace polycube::engine {

/// How `leaf` lies in a field of a value at `offset` whose mask is at `mask`.
[[nodiscard]] Result<CellPlace> fit_masked(const model::LeafBinding& leaf, const bpf::Layout& field,
                                           std::uint32_t offset, std::uint32_t mask);
[[nodiscard]] Result<> encode_masked(const model::LeafBinding& leaf, const CellPlace& place, const std::string& text,
                                     const PortNames& ports, std::span<std::byte> element);
/// nullopt when the leaf is absent.
[[nodiscard]] std::optional<std::string> decode_masked(const model::LeafBinding& leaf, const CellPlace& place,
                                                       std::span<const std::byte> element, const PortNames& ports);

/// A struct of `first` and `last`.
[[nodiscard]] Result<CellPlace> fit_range(const model::LeafBinding& leaf, const bpf::Layout& field,
                                          std::uint32_t offset);
[[nodiscard]] Result<> encode_range(const model::LeafBinding& leaf, const CellPlace& place, std::string_view text,
                                    std::span<std::byte> element);
[[nodiscard]] std::optional<std::string> decode_range(const CellPlace& place, std::span<const std::byte> element);

/// Writes what stands for an absent leaf into a field that has been cleared.
void encode_absent(const model::LeafBinding& leaf, const CellPlace& place, std::span<std::byte> element);
/// Whether the field says that the leaf is absent.
[[nodiscard]] bool is_absent(const CellPlace& place, std::span<const std::byte> element);

}  // namespace polycube::engine
