// SPDX-License-Identifier: Apache-2.0
/// An eBPF table of a cube as bytes: what Table and its kin (table.h) are made of. @file
/// Why: one small interface to serve, whether the control plane is in the daemon or in another process.
/// Invariants: keys and values that are passed have the table's sizes; many lie back to back. Every write goes through the
/// engine, which owns the tables.
/// Threading: safe from every thread.
/// Units: sizes in bytes. An element of a per-CPU table is one value per CPU, each rounded up to 8 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace polycube::control {

using Bytes = std::vector<std::byte>;

struct TableInfo {
  enum class Kind {
    array,  ///< every element always exists
    hash,   ///< LRU and longest-prefix-match tables, too
    queue,  ///< or stack: has no keys
    bloom,  ///< has no keys
  };
  std::string name;
  Kind kind = Kind::hash;
  bool per_cpu = false;
  unsigned cpus = 1;  ///< values of an element
  std::uint32_t key_size = 0;
  std::uint32_t value_size = 0;  ///< of one CPU
  std::uint32_t max_entries = 0;
  std::string key_type;  ///< names of the structs as the fast path has them; empty for anything else
  std::string value_type;

  /// Size of an element: value_size, or that of all CPUs' values.
  [[nodiscard]] std::size_t element_size() const {
    return per_cpu ? std::size_t{cpus} * ((value_size + 7) / 8 * 8) : value_size;
  }
};

/// Errors of all functions: invalid_value (a size that is not the table's), operation_not_supported (the table is of
/// another kind, or the cube does not run yet or any more), limit_exceeded (the table is full), system.
class RawTable {
 public:
  struct Elements {
    Bytes keys;
    Bytes values;
    std::uint32_t count = 0;
  };

  virtual ~RawTable() = default;

  [[nodiscard]] virtual const TableInfo& info() const = 0;

  // Arrays and hashes.
  [[nodiscard]] virtual Result<std::optional<Bytes>> get(std::span<const std::byte> key) const = 0;
  [[nodiscard]] virtual Result<> set(std::span<const std::byte> keys, std::span<const std::byte> values,
                                     std::uint32_t count) = 0;
  /// Removing what is absent is no error; the elements of an array become zero.
  [[nodiscard]] virtual Result<> remove(std::span<const std::byte> keys, std::uint32_t count) = 0;
  /// Elements that come or go meanwhile may or may not be among them.
  [[nodiscard]] virtual Result<Elements> all() const = 0;
  [[nodiscard]] virtual Result<> clear() = 0;

  // Queues, stacks and bloom filters.
  [[nodiscard]] virtual Result<> push(std::span<const std::byte> value) = 0;
  /// The next value, which is taken out when `take`. Nothing when there is none.
  [[nodiscard]] virtual Result<std::optional<Bytes>> next(bool take) = 0;
  [[nodiscard]] virtual Result<bool> contains(std::span<const std::byte> value) const = 0;
};

}  // namespace polycube::control
