// SPDX-License-Identifier: Apache-2.0
#include "engine/map_access.h"

namespace polycube::engine {

namespace {

/// After a change of these elements, whether it came to its end or not.
Result<> publish(RuleSet* rules, std::span<const std::byte> keys, Result<> change) {
  if (rules == nullptr) return change;
  Result<> published = rules->publish(keys);
  return change ? published : change;
}

}  // namespace

Result<> MapAccess::set(std::span<const std::byte> keys, std::span<const std::byte> values, std::uint32_t count) const {
  const bpf::Map& map = table->map();
  return publish(table->rule_set(), keys.first(count * map.info().key_size), map.update_batch(keys, values, count));
}

Result<> MapAccess::remove(std::span<const std::byte> keys, std::uint32_t count) const {
  const bpf::Map& map = table->map();
  return publish(table->rule_set(), keys.first(count * map.info().key_size), map.remove_batch(keys, count));
}

Result<> MapAccess::clear() const {
  bpf::Bytes keys;
  std::uint32_t count = 0;
  PCN_TRY(for_each([&](std::span<const std::byte> key, std::span<const std::byte>) {
    keys.insert(keys.end(), key.begin(), key.end());
    count++;
  }));
  return remove(keys, count);
}

}  // namespace polycube::engine
