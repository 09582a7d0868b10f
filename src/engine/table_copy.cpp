// SPDX-License-Identifier: Apache-2.0
#include "engine/table_copy.h"

#include <linux/bpf.h>

namespace polycube::engine {

namespace {

constexpr std::uint32_t batch_elements = 4096;

Result<> copy_elements(const bpf::Map& from, const bpf::Map& to) {
  bpf::Bytes keys;
  bpf::Bytes values;
  std::uint32_t count = 0;
  Result<> done;
  const auto write = [&] {
    // Elements that came and went while this went on may be more than there is room for.
    if (done) done = to.update_batch(keys, values, count);
    if (!done && done.error().code == ErrorCode::limit_exceeded) done = {};
    keys.clear();
    values.clear();
    count = 0;
  };
  PCN_TRY(from.for_each([&](std::span<const std::byte> key, std::span<const std::byte> value) {
    keys.insert(keys.end(), key.begin(), key.end());
    values.insert(values.end(), value.begin(), value.end());
    if (++count == batch_elements) write();
  }));
  if (count > 0) write();
  return done;
}

}  // namespace

Result<bool> copy_table(const Table& from, const Table& to) {
  if (!from.map().has_elements()) return false;
  PCN_TRY(copy_elements(from.map(), to.map()));
  if (to.rule_set() != nullptr) PCN_TRY(to.rule_set()->publish_all());
  return true;
}

}  // namespace polycube::engine
