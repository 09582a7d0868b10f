// SPDX-License-Identifier: Apache-2.0
/// Elements of any table of a cube, as bytes: how control planes read and write what the model does not bind.
/// Why: every write to a table goes through the engine, whoever asks for it.
/// Invariants: sizes of what is passed are those of the table, which the caller checks.
/// Threading: from any thread; the table stays as long as this lives.
#pragma once

#include "engine/scoped_table.h"

namespace polycube::engine {

struct MapAccess {
  std::shared_ptr<const Table> table;

  [[nodiscard]] Result<bpf::Bytes> get(std::span<const std::byte> key) const { return table->map().lookup(key); }
  [[nodiscard]] Result<> set(std::span<const std::byte> keys, std::span<const std::byte> values,
                             std::uint32_t count) const;
  [[nodiscard]] Result<> remove(std::span<const std::byte> keys, std::uint32_t count) const;
  using Visit = std::function<void(std::span<const std::byte>, std::span<const std::byte>)>;
  [[nodiscard]] Result<> for_each(const Visit& visit) const { return table->map().for_each(visit); }
  [[nodiscard]] Result<> clear() const;

  [[nodiscard]] Result<> push(std::span<const std::byte> value) const { return table->map().push(value); }
  [[nodiscard]] Result<bpf::Bytes> next(bool take) const { return table->map().next(take); }
  [[nodiscard]] Result<bool> contains(std::span<const std::byte> value) const { return table->map().contains(value); }
};

}  // namespace polycube::engine
