// SPDX-License-Identifier: Apache-2.0
/// A cube's eBPF tables in C++: typed handles that are checked once, when they are opened. @file
/// Why: the struct is that of the cube's ABI header, which both compilers have; whether it is the one that the table was
/// declared with is known from the object's BTF, so a mistake is an error instead of wrong bytes.
/// Invariants: a handle is valid as long as the cube. Table is for arrays, hashes, LRU and LPM tables (the key of the
/// latter begins with its prefix length), PerCpuTable for those that have a value per CPU. Handles may be opened in the
/// constructor of a control plane, those of slaves as soon as they are added, but hold something only from the first
/// commit() on. When a program was replaced by one that declares the table otherwise, the handle refuses: open it again. What the model binds is written
/// by the framework; a control plane writes what the model does not bind.
/// Threading: safe from every thread.
#pragma once

#include <polycube/control.h>

#include <array>
#include <cstring>
#include <functional>
#include <type_traits>
#include <utility>

namespace polycube::control {

namespace table {

/// Name of a struct without its namespaces; empty for other types.
template <typename T>
std::string struct_name() {
  if constexpr (!std::is_class_v<T>) {
    return {};
  } else {
    const std::string_view all = __PRETTY_FUNCTION__;  // "... [with T = ns::name; ...]" or "... [T = ns::name]"
    const std::size_t begin = all.find("T = ") + 4;
    std::string_view name = all.substr(begin, all.find_first_of(";]", begin) - begin);
    if (const auto colon = name.rfind(':'); colon != std::string_view::npos) name.remove_prefix(colon + 1);
    return std::string(name);
  }
}

template <typename T>
concept Plain = std::is_trivially_copyable_v<T> && std::is_default_constructible_v<T>;
/// Padding would make keys differ that are equal.
template <typename T>
concept PlainKey = Plain<T> && std::has_unique_object_representations_v<T>;

template <typename T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

template <typename T>
T value_at(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

/// Errors: invalid_value, naming table and types.
template <typename T>
Result<> check_type(const TableInfo& info, const char* what, std::uint32_t size, const std::string& type) {
  if (sizeof(T) != size)
    return fail(ErrorCode::invalid_value, "table {}: the {} has {} bytes in the fast path and {} in the control plane",
                info.name, what, size, sizeof(T));
  const std::string name = struct_name<T>();
  if (!type.empty() && !name.empty() && type != name)
    return fail(ErrorCode::invalid_value, "table {}: the {} is struct {} in the fast path and {} in the control plane",
                info.name, what, type, name);
  return {};
}

template <typename Key, typename Value>
Result<std::unique_ptr<RawTable>> open_keyed(Host& host, std::string_view name, const Program& program, bool per_cpu) {
  PCN_ASSIGN(auto raw, host.open_table(name, program));
  const TableInfo& info = raw->info();
  if (info.kind != TableInfo::Kind::array && info.kind != TableInfo::Kind::hash)
    return fail(ErrorCode::invalid_value, "table {} has no keys: open it as Queue or Bloom", name);
  if (per_cpu != info.per_cpu)
    return fail(ErrorCode::invalid_value, "table {} has {}: open it as {}", name,
                per_cpu ? "one value for all CPUs" : "a value per CPU", per_cpu ? "Table" : "PerCpuTable");
  PCN_TRY(check_type<Key>(info, "key", info.key_size, info.key_type));
  PCN_TRY(check_type<Value>(info, "value", info.value_size, info.value_type));
  return raw;
}

template <typename Value>
Result<std::unique_ptr<RawTable>> open_keyless(Host& host, std::string_view name, const Program& program,
                                               TableInfo::Kind kind, const char* what) {
  PCN_ASSIGN(auto raw, host.open_table(name, program));
  if (raw->info().kind != kind) return fail(ErrorCode::invalid_value, "table {} is no {}", name, what);
  PCN_TRY(check_type<Value>(raw->info(), "value", raw->info().value_size, raw->info().value_type));
  return raw;
}

/// What Table and PerCpuTable have in common; Element converts between an element's bytes and its C++ value.
template <PlainKey Key, typename Element>
class Keyed {
 public:
  using Value = typename Element::Value;

  [[nodiscard]] Result<std::optional<Value>> get(const Key& key) const {
    PCN_ASSIGN(const auto bytes, raw_->get(bytes_of(key)));
    return bytes ? std::optional<Value>(Element::from(bytes->data(), raw_->info())) : std::nullopt;
  }
  /// Errors: limit_exceeded when the table is full.
  [[nodiscard]] Result<> set(const Key& key, const Value& value) {
    return set(std::span(&key, 1), std::span(&value, 1));
  }
  /// Many at once; those before one that fails may be set.
  [[nodiscard]] Result<> set(std::span<const Key> keys, std::span<const Value> values) {
    if (keys.size() != values.size())
      return fail(ErrorCode::invalid_value, "table {}: {} keys and {} values", raw_->info().name, keys.size(),
                  values.size());
    if (keys.empty()) return {};
    const std::size_t size = raw_->info().element_size();
    Bytes bytes(values.size() * size);
    for (std::size_t i = 0; i < values.size(); i++) Element::to(values[i], bytes.data() + i * size, raw_->info());
    return raw_->set(std::as_bytes(keys), bytes, static_cast<std::uint32_t>(keys.size()));
  }
  /// Removing what is absent is no error; the element of an array becomes zero.
  [[nodiscard]] Result<> remove(const Key& key) { return remove(std::span(&key, 1)); }
  [[nodiscard]] Result<> remove(std::span<const Key> keys) {
    if (keys.empty()) return {};
    return raw_->remove(std::as_bytes(keys), static_cast<std::uint32_t>(keys.size()));
  }
  /// Calls `visit(key, value)` for what was in the table; it may change the table.
  template <typename Visit>
  [[nodiscard]] Result<> for_each(const Visit& visit) const {
    PCN_ASSIGN(const RawTable::Elements elements, raw_->all());
    const std::size_t size = raw_->info().element_size();
    for (std::uint32_t i = 0; i < elements.count; i++)
      visit(value_at<Key>(elements.keys.data() + i * sizeof(Key)),
            Element::from(elements.values.data() + i * size, raw_->info()));
    return {};
  }
  [[nodiscard]] Result<std::vector<std::pair<Key, Value>>> all() const {
    std::vector<std::pair<Key, Value>> entries;
    PCN_TRY(for_each([&](const Key& key, Value value) { entries.emplace_back(key, std::move(value)); }));
    return entries;
  }
  [[nodiscard]] Result<> clear() { return raw_->clear(); }

 protected:
  explicit Keyed(std::unique_ptr<RawTable> raw) : raw_(std::move(raw)) {}

 private:
  std::unique_ptr<RawTable> raw_;
};

template <Plain T>
struct One {
  using Value = T;
  static T from(const std::byte* bytes, const TableInfo&) { return value_at<T>(bytes); }
  static void to(const T& value, std::byte* bytes, const TableInfo&) { std::memcpy(bytes, &value, sizeof(T)); }
};

template <Plain T>
struct PerCpu {
  using Value = std::vector<T>;
  static constexpr std::size_t stride = (sizeof(T) + 7) / 8 * 8;
  static Value from(const std::byte* bytes, const TableInfo& info) {
    Value values;
    for (unsigned cpu = 0; cpu < info.cpus; cpu++) values.push_back(value_at<T>(bytes + cpu * stride));
    return values;
  }
  /// CPUs beyond those that are given get zero.
  static void to(const Value& values, std::byte* bytes, const TableInfo& info) {
    for (std::size_t cpu = 0; cpu < values.size() && cpu < info.cpus; cpu++)
      std::memcpy(bytes + cpu * stride, &values[cpu], sizeof(T));
  }
};

}  // namespace table

/// An array, hash, LRU or LPM table.
template <table::PlainKey Key, table::Plain Value>
class Table : public table::Keyed<Key, table::One<Value>> {
 public:
  /// Errors: data_missing (no such table), invalid_value (another kind of table, or other types).
  [[nodiscard]] static Result<Table> open(Host& host, std::string_view name, const Program& program = {}) {
    PCN_ASSIGN(auto raw, (table::open_keyed<Key, Value>(host, name, program, false)));
    return Table(std::move(raw));
  }

 private:
  explicit Table(std::unique_ptr<RawTable> raw) : table::Keyed<Key, table::One<Value>>(std::move(raw)) {}
};

/// A table with a value per possible CPU: values are vectors, and what their sum means is the caller's.
template <table::PlainKey Key, table::Plain Value>
class PerCpuTable : public table::Keyed<Key, table::PerCpu<Value>> {
 public:
  /// Errors: as Table.
  [[nodiscard]] static Result<PerCpuTable> open(Host& host, std::string_view name, const Program& program = {}) {
    PCN_ASSIGN(auto raw, (table::open_keyed<Key, Value>(host, name, program, true)));
    return PerCpuTable(std::move(raw));
  }

 private:
  explicit PerCpuTable(std::unique_ptr<RawTable> raw) : table::Keyed<Key, table::PerCpu<Value>>(std::move(raw)) {}
};

/// A queue (first in, first out) or stack (last in, first out), as the fast path declares it.
template <table::Plain Value>
class Queue {
 public:
  /// Errors: as Table.
  [[nodiscard]] static Result<Queue> open(Host& host, std::string_view name, const Program& program = {}) {
    PCN_ASSIGN(auto raw, table::open_keyless<Value>(host, name, program, TableInfo::Kind::queue, "queue or stack"));
    return Queue(std::move(raw));
  }
  /// Errors: limit_exceeded when it is full.
  [[nodiscard]] Result<> push(const Value& value) { return raw_->push(table::bytes_of(value)); }
  /// Takes the next value; nothing when there is none.
  [[nodiscard]] Result<std::optional<Value>> pop() { return next(true); }
  /// The next value, which stays.
  [[nodiscard]] Result<std::optional<Value>> peek() { return next(false); }

 private:
  explicit Queue(std::unique_ptr<RawTable> raw) : raw_(std::move(raw)) {}
  Result<std::optional<Value>> next(bool take) {
    PCN_ASSIGN(const auto bytes, raw_->next(take));
    return bytes ? std::optional<Value>(table::value_at<Value>(bytes->data())) : std::nullopt;
  }
  std::unique_ptr<RawTable> raw_;
};

/// A record of a ring buffer; nothing when it has another size.
template <table::Plain T>
[[nodiscard]] std::optional<T> record_as(std::span<const std::byte> bytes) {
  return bytes.size() == sizeof(T) ? std::optional<T>(table::value_at<T>(bytes.data())) : std::nullopt;
}

/// A bloom filter: what was added is in it for sure, other values seldom seem to be.
template <table::PlainKey Value>
class Bloom {
 public:
  /// Errors: as Table.
  [[nodiscard]] static Result<Bloom> open(Host& host, std::string_view name, const Program& program = {}) {
    PCN_ASSIGN(auto raw, table::open_keyless<Value>(host, name, program, TableInfo::Kind::bloom, "bloom filter"));
    return Bloom(std::move(raw));
  }
  [[nodiscard]] Result<> add(const Value& value) { return raw_->push(table::bytes_of(value)); }
  [[nodiscard]] Result<bool> contains(const Value& value) const { return raw_->contains(table::bytes_of(value)); }

 private:
  explicit Bloom(std::unique_ptr<RawTable> raw) : raw_(std::move(raw)) {}
  std::unique_ptr<RawTable> raw_;
};

}  // namespace polycube::control
