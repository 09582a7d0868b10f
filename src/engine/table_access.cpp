// SPDX-License-Identifier: Apache-2.0
#include "engine/table_access.h"

#include <algorithm>
#include <ctime>
#include <set>

#include "base/log.h"

namespace polycube::engine {

namespace {

// The kernel takes one value per possible CPU for per-CPU maps: each gets the same.
void replicate(std::span<std::byte> all, std::size_t value_size) {
  const std::size_t stride = (value_size + 7) / 8 * 8;
  for (std::size_t offset = stride; offset + value_size <= all.size(); offset += stride)
    std::copy_n(all.begin(), value_size, all.begin() + static_cast<std::ptrdiff_t>(offset));
}

}  // namespace

std::uint64_t monotonic_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

/// Recorded first, it is the last that is done when everything is taken back.
void TableAccess::publish_again(Undo* undo) const {
  if (undo != nullptr && rule_set != nullptr)
    undo->add([rules = rule_set, &map = map]() -> Result<> {
      auto done = rules->publish_all();
      return done ? done : Result<>(fail_with(done.error(), fmt::format("the rules in table {}", map.info().name)));
    });
}

Result<> TableAccess::remember(std::span<const std::byte> key, Undo& undo) const {
  bpf::Bytes saved_key(key.begin(), key.end());
  auto value = map.lookup(key);
  if (!value && value.error().code != ErrorCode::data_missing) return tl::unexpected<Error>(value.error());
  if (value) {
    undo.add([&map = map, saved_key, saved = std::move(*value)] { return map.update(saved_key, saved); });
  } else {
    undo.add([&map = map, saved_key] { return map.remove(saved_key); });
  }
  return {};
}

Result<std::vector<TableAccess::Element>> TableAccess::affected(const model::RowChanges& changes,
                                                                const PortNames& before, const PortNames& after) const {
  std::vector<Element> elements;
  const auto add = [&](const model::Row& row, const PortNames& ports) -> Result<> {
    bpf::Bytes key(map.info().key_size);
    PCN_TRY(table.codec.encode_key(row, ports, key));
    auto value = map.lookup(key);
    if (!value && value.error().code != ErrorCode::data_missing) return tl::unexpected<Error>(value.error());
    elements.push_back({std::move(key), value ? std::optional(std::move(*value)) : std::nullopt});
    return {};
  };
  for (const model::Row& row : changes.removed) PCN_TRY(add(row, before));
  for (const model::Row& row : changes.written) PCN_TRY(add(row, after));
  return elements;
}

Result<> TableAccess::apply(const model::RowChanges& changes, const PortNames& before, const PortNames& after,
                            Undo* undo) const {
  const std::size_t key_size = map.info().key_size;
  const std::size_t value_size = map.lookup_size();
  bpf::Bytes key(key_size);
  bpf::Bytes removed;
  publish_again(undo);
  for (const model::Row& row : changes.removed) {
    PCN_TRY(table.codec.encode_key(row, before, key));
    removed.insert(removed.end(), key.begin(), key.end());
    if (undo != nullptr) PCN_TRY(remember(key, *undo));
    PCN_TRY(map.remove(key));
  }
  // Leaves and containers share element 0 with other bindings; list entries begin from nothing.
  const bool shared_element = table.binding->kind != model::BindingKind::list;
  bpf::Bytes keys(changes.written.size() * key_size);
  bpf::Bytes values(changes.written.size() * value_size);
  for (std::size_t i = 0; i < changes.written.size(); i++) {
    const model::Row& row = changes.written[i];
    auto one_key = std::span(keys).subspan(i * key_size, key_size);
    auto one_value = std::span(values).subspan(i * value_size, value_size);
    PCN_TRY(table.codec.encode_key(row, after, one_key));
    if (undo != nullptr) PCN_TRY(remember(one_key, *undo));
    if (shared_element) {
      PCN_ASSIGN(bpf::Bytes current, map.lookup(one_key));
      std::copy(current.begin(), current.end(), one_value.begin());
    }
    PCN_TRY(table.codec.encode_value(row, after, one_value.first(map.info().value_size)));
    if (map.per_cpu()) replicate(one_value, map.info().value_size);
  }
  if (!changes.written.empty())
    PCN_TRY(map.update_batch(keys, values, static_cast<std::uint32_t>(changes.written.size())));
  if (rule_set == nullptr) return {};
  keys.insert(keys.end(), removed.begin(), removed.end());
  return rule_set->publish(keys);
}

Result<std::vector<model::Row>> TableAccess::read(const PortNames& ports, std::optional<std::uint64_t> max_age) const {
  std::vector<model::Row> rows;
  const bool list = table.binding->kind == model::BindingKind::list;
  if (list && table.binding->config && map.is_array()) return rows;
  const std::uint64_t now = monotonic_now();
  PCN_TRY(map.for_each([&](std::span<const std::byte> key, std::span<const std::byte> value) {
    if (max_age) {
      auto age = table.codec.age(value, now);
      if (age && *age > *max_age) return;
    }
    if (auto row = table.codec.decode(key, value, ports, now)) rows.push_back(std::move(*row));
  }));
  if (!list && rows.size() > 1) rows.resize(1);
  return rows;
}

Result<std::optional<model::Row>> TableAccess::find(const model::Row& row, const PortNames& ports) const {
  if (map.is_array()) return std::nullopt;
  bpf::Bytes key(map.info().key_size);
  PCN_TRY(table.codec.encode_key(row, ports, key));
  auto value = map.lookup(key);
  if (value) return table.codec.decode(key, *value, ports, monotonic_now());
  if (value.error().code == ErrorCode::data_missing) return std::nullopt;
  return tl::unexpected<Error>(value.error());
}

Result<> TableAccess::remove(const model::Row& row, const PortNames& ports) const {
  bpf::Bytes key(map.info().key_size);
  PCN_TRY(table.codec.encode_key(row, ports, key));
  PCN_TRY(map.remove(key));
  return rule_set == nullptr ? Result<>() : rule_set->publish(key);
}

Result<std::size_t> TableAccess::remove_if(const Predicate& predicate, Undo* undo) const {
  std::vector<bpf::Bytes> doomed;
  PCN_TRY(map.for_each([&](std::span<const std::byte> key, std::span<const std::byte> value) {
    if (predicate(key, value)) doomed.emplace_back(key.begin(), key.end());
  }));
  if (doomed.empty()) return 0;
  publish_again(undo);
  for (const bpf::Bytes& key : doomed) {
    if (undo != nullptr) PCN_TRY(remember(key, *undo));
    PCN_TRY(map.remove(key));
  }
  if (rule_set != nullptr) PCN_TRY(rule_set->publish_all());
  return doomed.size();
}

Result<> TableAccess::clear() const {
  PCN_TRY(remove_if([](auto, auto) { return true; }));
  return {};
}

Result<std::size_t> TableAccess::expire(std::uint64_t max_age) const {
  const std::uint64_t now = monotonic_now();
  return remove_if([&](std::span<const std::byte>, std::span<const std::byte> value) {
    auto age = table.codec.age(value, now);
    return age && *age > max_age;
  });
}

Result<> TableAccess::forget_port(std::uint16_t port, const std::vector<model::Row>& keep, const PortNames& ports,
                                  Undo* undo) const {
  std::set<bpf::Bytes> kept;
  for (const model::Row& row : keep) {
    bpf::Bytes key(map.info().key_size);
    PCN_TRY(table.codec.encode_key(row, ports, key));
    kept.insert(std::move(key));
  }
  PCN_TRY(remove_if(
      [&](std::span<const std::byte> key, std::span<const std::byte> value) {
        return table.codec.follows_port(key, value, port) && !kept.contains(bpf::Bytes(key.begin(), key.end()));
      },
      undo));
  return {};
}

}  // namespace polycube::engine
