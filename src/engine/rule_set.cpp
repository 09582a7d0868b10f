// SPDX-License-Identifier: Apache-2.0
#include "engine/rule_set.h"

#include <linux/bpf.h>
#include <polycube/rules_abi.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <numeric>
#include <utility>

namespace polycube::engine {

namespace {

using Nibbles = std::array<std::uint8_t, PCN_NIBBLES_USED>;

/// Values of a packet's nibble that a rule's nibble matches, as bits.
constexpr auto matching = [] {
  std::array<std::array<std::uint16_t, PCN_NIBBLE_VALUES>, PCN_NIBBLE_VALUES> values{};
  for (unsigned mask = 0; mask < PCN_NIBBLE_VALUES; mask++)
    for (unsigned value = 0; value < PCN_NIBBLE_VALUES; value++)
      for (unsigned packet = 0; packet < PCN_NIBBLE_VALUES; packet++)
        if (((packet ^ value) & mask) == 0) values[mask][value] |= static_cast<std::uint16_t>(1U << packet);
  return values;
}();

/// Four bits, of which the lower half of a byte comes first.
unsigned nibble_of(std::span<const std::byte> bytes, std::uint32_t number) {
  const auto byte = std::to_integer<unsigned>(bytes[number / 2]);
  return number % 2 == 0 ? byte & 0xf : byte >> 4;
}

std::uint16_t values_of(std::span<const std::byte> rule, std::uint32_t nibble) {
  return matching[nibble_of(rule.subspan(PCN_MATCH_SIZE), nibble)][nibble_of(rule, nibble)];
}

/// Calls visit(value) for each of the values.
template <typename Visit>
void for_each_value(std::uint16_t values, Visit visit) {
  for (; values != 0; values &= values - 1) visit(static_cast<unsigned>(std::countr_zero(values)));
}

/// Those that leave the fewest rules for packets that are spread as the rules are. What is the same in all rules comes
/// after what tells them apart, and before what they leave open.
Nibbles choose_nibbles(std::span<const std::byte> rules, std::size_t rule_size) {
  std::array<std::array<std::uint32_t, PCN_NIBBLE_VALUES>, PCN_NIBBLES> constrained{};
  std::array<std::uint32_t, PCN_NIBBLES> open{};
  open.fill(static_cast<std::uint32_t>(rules.size() / rule_size));
  for (auto rule = rules; !rule.empty(); rule = rule.subspan(rule_size))
    for (std::uint32_t byte = 0; byte < PCN_MATCH_SIZE; byte++) {
      if (rule[PCN_MATCH_SIZE + byte] == std::byte{0}) continue;
      for (const std::uint32_t nibble : {2 * byte, 2 * byte + 1}) {
        open[nibble]--;
        for_each_value(values_of(rule, nibble), [&](unsigned value) { constrained[nibble][value]++; });
      }
    }
  std::array<std::uint64_t, PCN_NIBBLES> left{};
  for (std::uint32_t nibble = 0; nibble < PCN_NIBBLES; nibble++)
    for (const std::uint64_t count : constrained[nibble])
      left[nibble] += (count + open[nibble]) * (count + open[nibble]);
  std::array<std::uint8_t, PCN_NIBBLES> order{};
  std::iota(order.begin(), order.end(), std::uint8_t{0});
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return std::pair(left[a], a) < std::pair(left[b], b); });
  Nibbles chosen{};
  std::copy_n(order.begin(), chosen.size(), chosen.begin());
  return chosen;
}

/// A map that is not in use yet, with the set of these rules.
Result<bpf::Map> make_rule_set(std::span<const std::byte> rules, const bpf::MapInfo& table) {
  const auto size = static_cast<std::uint32_t>(PCN_RULE_SET_SIZE(table.max_entries, table.value_size));
  PCN_ASSIGN(bpf::Map set, bpf::Map::create({.name = "pcn_rules",
                                             .type = BPF_MAP_TYPE_ARRAY,
                                             .key_size = sizeof(std::uint32_t),
                                             .value_size = size,
                                             .max_entries = 1,
                                             .flags = BPF_F_MMAPABLE}));
  PCN_ASSIGN(const bpf::MappedMemory memory, bpf::MappedMemory::of(set));
  write_rule_set(rules, table.value_size, table.max_entries, {static_cast<std::byte*>(memory.address()), size});
  return set;
}

std::uint32_t number_of(std::span<const std::byte> key) {
  std::uint32_t number = 0;
  std::memcpy(&number, key.data(), sizeof(number));
  return number;
}

}  // namespace

std::string rule_set_name(const std::string& table) { return table + "_pcn_set"; }

Result<> check_rule_set(const bpf::MapInfo& rules, const bpf::MapInfo& slot) {
  if (slot.type != BPF_MAP_TYPE_ARRAY_OF_MAPS)
    return fail(ErrorCode::invalid_value, "table {} is not the set of table {} (PCN_RULES declares both)", slot.name,
                rules.name);
  if (rules.type != BPF_MAP_TYPE_HASH || rules.key_size != sizeof(std::uint32_t) ||
      !std::has_single_bit(rules.max_entries) || rules.max_entries < PCN_WORD_RULES ||
      rules.value_size < 2 * PCN_MATCH_SIZE || rules.value_size % sizeof(std::uint64_t) != 0)
    return fail(ErrorCode::invalid_value,
                "table {} has a set of rules, so it must be a hash with u32 keys, of at least {} elements, a power of "
                "two, that begin with a value and a mask of {} bytes each (PCN_RULES declares both)",
                rules.name, PCN_WORD_RULES, PCN_MATCH_SIZE);
  return {};
}

void write_rule_set(std::span<const std::byte> rules, std::size_t rule_size, std::uint32_t capacity,
                    std::span<std::byte> memory) {
  const std::size_t words = PCN_RULE_WORDS(capacity);
  const std::size_t count = rules.size() / rule_size;
  auto& head = *reinterpret_cast<pcn_rule_set*>(memory.data());
  auto* rows = reinterpret_cast<std::uint64_t*>(&head + 1);
  const Nibbles nibbles = choose_nibbles(rules, rule_size);
  head.words = static_cast<std::uint32_t>((count + PCN_WORD_RULES - 1) / PCN_WORD_RULES);
  std::copy(nibbles.begin(), nibbles.end(), head.nibbles);
  for (std::size_t rule = 0; rule < count; rule++) {
    const std::uint64_t bit = std::uint64_t{1} << rule % PCN_WORD_RULES;
    for (std::size_t i = 0; i < nibbles.size(); i++)
      for_each_value(values_of(rules.subspan(rule * rule_size), nibbles[i]), [&](unsigned value) {
        rows[(i * PCN_NIBBLE_VALUES + value) * words + rule / PCN_WORD_RULES] |= bit;
      });
  }
  std::copy(rules.begin(), rules.end(), reinterpret_cast<std::byte*>(rows + PCN_RULE_ROWS * words));
}

Result<> RuleSet::read_all() {
  known_ = false;
  const std::size_t size = rules_.info().value_size;
  bpf::Bytes elements;
  std::vector<std::pair<std::uint32_t, std::size_t>> order;  // number and place
  PCN_TRY(rules_.for_each([&](std::span<const std::byte> key, std::span<const std::byte> element) {
    order.emplace_back(number_of(key), elements.size());
    elements.insert(elements.end(), element.begin(), element.end());
  }));
  std::sort(order.begin(), order.end());
  numbers_.clear();
  elements_.clear();
  for (const auto& [number, place] : order) {
    const auto element = std::span(elements).subspan(place, size);
    numbers_.push_back(number);
    elements_.insert(elements_.end(), element.begin(), element.end());
  }
  return {};
}

Result<> RuleSet::read_again(std::span<const std::byte> key) {
  auto element = rules_.lookup(key);
  if (!element && element.error().code != ErrorCode::data_missing) return tl::unexpected<Error>(element.error());
  const auto size = static_cast<std::ptrdiff_t>(rules_.info().value_size);
  const std::uint32_t number = number_of(key);
  const auto found = std::lower_bound(numbers_.begin(), numbers_.end(), number);
  const auto place = elements_.begin() + (found - numbers_.begin()) * size;
  const bool known = found != numbers_.end() && *found == number;
  if (known && element) {
    std::copy(element->begin(), element->end(), place);
  } else if (known) {
    elements_.erase(place, place + size);
    numbers_.erase(found);
  } else if (element) {
    elements_.insert(place, element->begin(), element->end());
    numbers_.insert(found, number);
  }
  return {};
}

Result<> RuleSet::publish(std::span<const std::byte> keys) {
  constexpr std::size_t few = 64;
  const std::size_t key_size = rules_.info().key_size;
  const std::lock_guard lock(mutex_);
  if (!std::exchange(known_, false) || keys.size() > few * key_size) {
    PCN_TRY(read_all());
  } else {
    for (; !keys.empty(); keys = keys.subspan(key_size)) PCN_TRY(read_again(keys.first(key_size)));
  }
  return make();
}

Result<> RuleSet::publish_all() {
  const std::lock_guard lock(mutex_);
  PCN_TRY(read_all());
  return make();
}

Result<> RuleSet::make() {
  known_ = true;
  PCN_ASSIGN(const bpf::Map set, make_rule_set(elements_, rules_.info()));
  return slot_.set_inner(0, set);
}

}  // namespace polycube::engine
