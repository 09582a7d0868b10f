// SPDX-License-Identifier: Apache-2.0
/// Converts rows of a bound node to and from elements of its eBPF table.
/// Why: one conversion, driven by YANG types on one side and BTF on the other, so that no cube converts by hand.
/// Invariants: every leaf of the binding has a field of a fitting kind, checked once in make(); padding and unbound
/// fields are written as zero.
/// Threading: immutable.
/// Units: bytes. The kernel gives one value per possible CPU for elements of per-CPU tables, each rounded up to 8
/// bytes: when read, config false leaves of integer type are summed, ages are those of the latest time, and every other
/// leaf is that of the first CPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "bpf/layout.h"
#include "model/binding.h"

namespace polycube::engine {

using Bytes = std::vector<std::byte>;

/// Names of ports to indexes and back, for one cube.
struct PortNames {
  std::function<std::optional<std::uint16_t>(const std::string&)> index;
  std::function<std::optional<std::string>(std::uint16_t)> name;
};

class TableCodec {
 public:
  struct Shape {
    bpf::Layout key;  ///< for container and leaf bindings: the u32 index of an array
    bpf::Layout value;
    bool lpm = false;   ///< BPF_MAP_TYPE_LPM_TRIE: the key struct begins with a u32 prefix length
    unsigned cpus = 1;  ///< possible CPUs for per-CPU tables, else 1
  };

  /// Errors: invalid_value with leaf, field and reason when a leaf has no field or their kinds do not fit (a prefix
  /// needs an LPM key or a struct with an address and a length; a mac needs 6 bytes or a u64 ...).
  [[nodiscard]] static Result<TableCodec> make(const model::TableBinding& binding, Shape shape);
  TableCodec(TableCodec&& other) noexcept;
  TableCodec& operator=(TableCodec&& other) noexcept;
  ~TableCodec();

  [[nodiscard]] std::size_t key_size() const;
  [[nodiscard]] std::size_t value_size() const;  ///< of one CPU

  /// Writes one row. `value` may hold the element's current content: only bound fields are set (leaf bindings share an
  /// element). Absent leaves are written as zero, absent ranges as all numbers. Config false leaves are skipped.
  /// Errors: invalid_value (a number that does not fit the field, a string too long for its array, an unknown port).
  [[nodiscard]] Result<> encode_key(const model::Row& row, const PortNames& ports, std::span<std::byte> key) const;
  [[nodiscard]] Result<> encode_value(const model::Row& row, const PortNames& ports, std::span<std::byte> value) const;

  /// Reads one element; `value` holds `cpus` values. `now` is CLOCK_MONOTONIC in nanoseconds, for age leaves.
  /// nullopt when the element means nothing to the user: it names a port that does not exist.
  [[nodiscard]] std::optional<model::Row> decode(std::span<const std::byte> key, std::span<const std::byte> value,
                                                 const PortNames& ports, std::uint64_t now) const;

  /// Age in seconds of an element, by the field of the age leaf; nullopt when it does not age.
  [[nodiscard]] std::optional<std::uint64_t> age(std::span<const std::byte> value, std::uint64_t now) const;

  /// Whether a leaf with `follows` of the element names this port.
  [[nodiscard]] bool follows_port(std::span<const std::byte> key, std::span<const std::byte> value,
                                  std::uint16_t port) const;

 private:
  struct Cell;
  TableCodec() = default;
  /// `alone`: no other leaf is in the same struct.
  [[nodiscard]] Result<Cell> make_cell(const model::LeafBinding& leaf, bool alone) const;
  std::vector<Cell> cells_;
  Shape shape_;
};

}  // namespace polycube::engine
