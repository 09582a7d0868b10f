// SPDX-License-Identifier: Apache-2.0
/// Sets of rules, made of a table of rules and put where packets find them (sdk/bpf/polycube/rules_abi.h).
/// Why: a packet is compared with few rules and not with all, and sees all changes of a request or none.
/// Invariants: a set that packets can see never changes. The kernel keeps it until the last of them is through.
/// Threading: publish() from any thread; packets read all the time.
/// Units: the key of a table of rules is a rule's number, an element begins with its value and mask.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bpf/map.h"

namespace polycube::engine {

/// Name of the map that holds the set of a table of rules.
[[nodiscard]] std::string rule_set_name(const std::string& table);

/// Whether `slot` can hold the set of the table. Errors: invalid_value naming what does not fit.
[[nodiscard]] Result<> check_rule_set(const bpf::MapInfo& rules, const bpf::MapInfo& slot);

/// Writes a set. `rules`: elements in order, of `rule_size` bytes each; `capacity`: of the table; `memory`: zeros, of the
/// set's size.
void write_rule_set(std::span<const std::byte> rules, std::size_t rule_size, std::uint32_t capacity,
                    std::span<std::byte> memory);

/// The set of one table, made anew when the table has changed.
class RuleSet {
 public:
  /// The maps must outlive this.
  RuleSet(const bpf::Map& rules, const bpf::Map& slot) : rules_(rules), slot_(slot) {}

  /// From now on packets see what is in the table. `keys`: all that were written or removed since, back to back.
  [[nodiscard]] Result<> publish(std::span<const std::byte> keys);
  /// The same, whatever has changed.
  [[nodiscard]] Result<> publish_all();

 private:
  [[nodiscard]] Result<> make();
  [[nodiscard]] Result<> read_all();
  [[nodiscard]] Result<> read_again(std::span<const std::byte> key);

  const bpf::Map& rules_;
  const bpf::Map& slot_;
  std::mutex mutex_;
  // What is in the table, in order: reading all of it takes longer than making a set.
  bool known_ = false;
  std::vector<std::uint32_t> numbers_;
  bpf::Bytes elements_;
};

}  // namespace polycube::engine
