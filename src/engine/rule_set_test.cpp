// SPDX-License-Identifier: Apache-2.0
// Sets of rules, against going through all rules.
#include "engine/rule_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <polycube/rules_abi.h>

#include <array>
#include <cstring>
#include <random>
#include <set>

namespace polycube::engine {
namespace {

using bpf::Bytes;

constexpr std::uint32_t capacity = 256;
constexpr std::size_t rule_size = 2 * PCN_MATCH_SIZE + 8;

bpf::MapInfo rules_info() {
  return {.name = "rules", .type = BPF_MAP_TYPE_HASH, .key_size = 4, .value_size = rule_size, .max_entries = capacity};
}
bpf::MapInfo slot_info() { return {.name = "slot", .type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4}; }

class RuleSetTest : public testing::Test {
 protected:
  unsigned draw(unsigned sides) { return static_cast<unsigned>(random_() % sides); }

  /// Some bytes of a few, so that rules and packets meet.
  Bytes draw_rule() {
    Bytes made(rule_size);
    for (unsigned i = draw(4); i > 0; i--) {
      const unsigned at = draw(5) * 13;
      const std::byte mask = std::byte{std::array<std::uint8_t, 4>{0xff, 0xf0, 0x0f, 0x81}[draw(4)]};
      made[PCN_MATCH_SIZE + at] = mask;
      made[at] = static_cast<std::byte>(draw(3) * 0x11) & mask;
    }
    for (std::size_t at = 2 * PCN_MATCH_SIZE; at < rule_size; at++) made[at] = static_cast<std::byte>(draw(256));
    return made;
  }
  Bytes draw_packet() {
    Bytes made(PCN_MATCH_SIZE);
    for (unsigned at = 0; at < 5; at++) made[at * 13] = static_cast<std::byte>(draw(3) * 0x11);
    return made;
  }
  static bool matches(const Bytes& rule, const Bytes& packet) {
    for (std::size_t i = 0; i < PCN_MATCH_SIZE; i++)
      if (((packet[i] ^ rule[i]) & rule[PCN_MATCH_SIZE + i]) != std::byte{0}) return false;
    return true;
  }

  void write(const std::vector<Bytes>& rules) {
    Bytes elements;
    for (const Bytes& one : rules) elements.insert(elements.end(), one.begin(), one.end());
    memory_.assign(PCN_RULE_SET_SIZE(capacity, rule_size), std::byte{0});
    write_rule_set(elements, rule_size, capacity, memory_);
  }
  [[nodiscard]] const pcn_rule_set& head() const { return *reinterpret_cast<const pcn_rule_set*>(memory_.data()); }
  [[nodiscard]] Bytes rule(std::size_t number) const {
    const auto* first = memory_.data() + PCN_RULE_SET_SIZE(capacity, 0) + number * rule_size;
    return {first, first + rule_size};
  }

  /// Rules that the set leaves for a packet, as the fast path asks it.
  [[nodiscard]] std::vector<std::size_t> left(const Bytes& packet) const {
    const auto* rows = reinterpret_cast<const std::uint64_t*>(&head() + 1);
    std::vector<std::size_t> found;
    for (std::size_t number = 0; number < std::size_t{head().words} * PCN_WORD_RULES; number++) {
      bool stays = true;
      for (std::size_t i = 0; i < PCN_NIBBLES_USED; i++) {
        const unsigned nibble = head().nibbles[i];
        const auto byte = std::to_integer<unsigned>(packet[nibble / 2]);
        const std::size_t row = i * 16 + (nibble % 2 == 0 ? byte & 15 : byte >> 4);
        stays = stays && (rows[row * PCN_RULE_WORDS(capacity) + number / 64] >> number % 64 & 1) != 0;
      }
      if (stays) found.push_back(number);
    }
    return found;
  }

  std::mt19937 random_{1};
  Bytes memory_;
};

TEST_F(RuleSetTest, LeavesEveryRuleThatMatchesAndFewOthers) {
  std::size_t matching = 0, leaving = 0;
  for (int round = 0; round < 200; round++) {
    std::vector<Bytes> rules(draw(capacity + 1));
    for (Bytes& one : rules) one = draw_rule();
    write(rules);
    for (std::size_t number = 0; number < rules.size(); number++) ASSERT_EQ(rule(number), rules[number]);
    for (int i = 0; i < 5; i++) {
      const Bytes packet = draw_packet();
      const std::vector<std::size_t> found = left(packet);
      leaving += found.size();
      for (const std::size_t number : found) ASSERT_LT(number, rules.size());
      for (std::size_t number = 0; number < rules.size(); number++) {
        if (!matches(rules[number], packet)) continue;
        matching++;
        ASSERT_THAT(found, testing::Contains(number));
      }
    }
  }
  EXPECT_LT(leaving, matching * 11 / 10) << "hardly more than those that match";
}

TEST_F(RuleSetTest, LooksAtWhatTellsRulesApart) {
  std::vector<Bytes> rules(capacity, Bytes(rule_size));
  for (std::size_t number = 0; number < rules.size(); number++) {
    // Most of what is given is the same in all of them.
    std::fill_n(rules[number].begin() + PCN_MATCH_SIZE, 40, std::byte{0xff});
    rules[number][39] = static_cast<std::byte>(number);
  }
  write(rules);
  const std::set<unsigned> nibbles(std::begin(head().nibbles), std::end(head().nibbles));
  EXPECT_EQ(nibbles.size(), std::size_t{PCN_NIBBLES_USED});
  EXPECT_THAT(nibbles, testing::IsSupersetOf({78u, 79u}));
  EXPECT_LT(*nibbles.rbegin(), 80u) << "what is open in all rules tells nothing";
  Bytes packet(PCN_MATCH_SIZE);
  packet[39] = std::byte{77};
  EXPECT_THAT(left(packet), testing::ElementsAre(77));
}

TEST_F(RuleSetTest, LooksNoFurtherThanTheLastRule) {
  write({});
  EXPECT_EQ(head().words, 0u);
  for (const auto& [rules, words] : {std::pair(1u, 1u), {64u, 1u}, {65u, 2u}, {256u, 4u}}) {
    write(std::vector(rules, Bytes(rule_size)));
    EXPECT_EQ(head().words, words);
    EXPECT_EQ(left(Bytes(PCN_MATCH_SIZE)).size(), rules);
  }
}

TEST(RuleSet, SaysWhatIsNone) {
  EXPECT_TRUE(check_rule_set(rules_info(), slot_info()));
  const auto refused = [](auto change) {
    bpf::MapInfo table = rules_info(), slot = slot_info();
    change(table, slot);
    return !check_rule_set(table, slot);
  };
  EXPECT_TRUE(refused([](auto& table, auto&) { table.type = BPF_MAP_TYPE_ARRAY; }));
  EXPECT_TRUE(refused([](auto& table, auto&) { table.key_size = 8; }));
  EXPECT_TRUE(refused([](auto& table, auto&) { table.max_entries = 300; }));
  EXPECT_TRUE(refused([](auto& table, auto&) { table.max_entries = 32; }));
  EXPECT_TRUE(refused([](auto& table, auto&) { table.value_size = 120; }));
  EXPECT_TRUE(refused([](auto& table, auto&) { table.value_size = 132; }));
  EXPECT_TRUE(refused([](auto&, auto& slot) { slot.type = BPF_MAP_TYPE_ARRAY; }));
}

}  // namespace
}  // namespace polycube::engine
