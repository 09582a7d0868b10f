// SPDX-License-Identifier: Apache-2.0
/// Rows of bound nodes in the tables of one cube.
/// Why: all writes to tables go through the engine, in batches, and can be taken back.
/// Invariants: every element of an array exists always, so the rows of a config true list that is bound to an array are
/// those of the configuration; other tables may hold elements that only the fast path put there. Packets see what becomes of
/// a table of rules at once, when all of it is written.
/// Threading: reads from any thread; writes under the engine's lock.
#pragma once

#include "bpf/map.h"
#include "engine/package.h"
#include "engine/rule_set.h"
#include "engine/undo.h"

namespace polycube::engine {

struct TableAccess {
  const bpf::Map& map;
  const BoundTable& table;
  RuleSet* rule_set = nullptr;  ///< of a table of rules: what packets see of it

  /// Removes and writes; records how to take it back when `undo` is given. Rows that are removed name ports as
  /// `before`, rows that are written as `after`.
  [[nodiscard]] Result<> apply(const model::RowChanges& changes, const PortNames& before, const PortNames& after,
                               Undo* undo) const;

  /// The elements that apply() is about to write or remove, as they are.
  struct Element {
    bpf::Bytes key;
    std::optional<bpf::Bytes> value;  ///< absent: there is none
  };
  [[nodiscard]] Result<std::vector<Element>> affected(const model::RowChanges& changes, const PortNames& before,
                                                      const PortNames& after) const;

  /// Elements as rows. Those older than `max_age` seconds are left out.
  [[nodiscard]] Result<std::vector<model::Row>> read(const PortNames& ports,
                                                     std::optional<std::uint64_t> max_age) const;

  /// The element with this row's key, if there is one; the other cells do not matter. Nothing for arrays.
  [[nodiscard]] Result<std::optional<model::Row>> find(const model::Row& row, const PortNames& ports) const;
  [[nodiscard]] Result<> remove(const model::Row& row, const PortNames& ports) const;

  [[nodiscard]] Result<> clear() const;
  /// Removes what is older than `max_age` seconds; returns how many.
  [[nodiscard]] Result<std::size_t> expire(std::uint64_t max_age) const;
  /// Removes what follows a port that is gone, except for the elements of these rows; records how to take it back when
  /// `undo` is given.
  [[nodiscard]] Result<> forget_port(std::uint16_t port, const std::vector<model::Row>& keep, const PortNames& ports,
                                     Undo* undo) const;

 private:
  using Predicate = std::function<bool(std::span<const std::byte>, std::span<const std::byte>)>;
  [[nodiscard]] Result<std::size_t> remove_if(const Predicate& predicate, Undo* undo = nullptr) const;
  void publish_again(Undo* undo) const;
  [[nodiscard]] Result<> remember(std::span<const std::byte> key, Undo& undo) const;
};

/// CLOCK_MONOTONIC in nanoseconds, as bpf_ktime_get_ns() has it.
[[nodiscard]] std::uint64_t monotonic_now();

}  // namespace polycube::engine
