// SPDX-License-Identifier: Apache-2.0
#include "engine/scoped_table.h"

#include <bpf/libbpf.h>

#include <algorithm>

namespace polycube::engine {

Result<TableScope> scope_of(const bpf::ObjectFile& object, const std::string& table) {
  constexpr std::string_view mark = "pcn:scope=";
  constexpr std::string_view space = "namespace:";
  std::optional<TableScope> scope;
  for (const std::string& tag : object.tags(table)) {
    if (!tag.starts_with(mark)) continue;
    const std::string text = tag.substr(mark.size());
    if (scope)
      return fail(ErrorCode::invalid_value, "{}: table {} has two scopes, one of them is {}", object.path().string(),
                  table, text);
    if (text == "cube") {
      scope = {TableScope::Kind::cube, {}};
    } else if (text == "public") {
      scope = {TableScope::Kind::everyone, {}};
    } else if (text.starts_with(space) && text.size() > space.size()) {
      scope = {TableScope::Kind::space, text.substr(space.size())};
    } else {
      return fail(ErrorCode::invalid_value,
                  "{}: the scope \"{}\" of table {} is none: use PCN_SHARED, PCN_SHARED_IN with a name, or PCN_PUBLIC",
                  object.path().string(), text, table);
    }
  }
  return scope.value_or(TableScope{});
}

TableShape shape_of(const bpf::ObjectFile& object, const std::string& table) {
  TableShape shape;
  shape.info = object.maps().at(table);
  if (auto key = object.key_layout(table); key && shape.info.btf_key_type != 0) shape.key = std::move(*key);
  if (auto value = object.value_layout(table); value && shape.info.btf_value_type != 0) shape.value = std::move(*value);
  return shape;
}

bool operator==(const TableShape& one, const TableShape& other) {
  const auto numbers = [](const bpf::MapInfo& info) {
    return std::tuple(info.type, info.key_size, info.value_size, info.max_entries, info.flags);
  };
  return numbers(one.info) == numbers(other.info) && one.key == other.key && one.value == other.value;
}

std::string to_string(const TableShape& shape) {
  const auto part = [](std::uint32_t size, const std::optional<bpf::Layout>& layout) {
    if (!layout) return fmt::format("{} bytes", size);
    std::string text = fmt::format("{} bytes ({}", size, layout->name);
    for (const bpf::Layout::Member& member : layout->members)
      text += fmt::format("{} {} {}", &member == layout->members.data() ? ":" : ",", member.layout.name, member.name);
    return text + ")";
  };
  const char* type = libbpf_bpf_map_type_str(static_cast<bpf_map_type>(shape.info.type));
  return fmt::format("{} of {} elements, keys of {}, values of {}, flags {:#x}", type == nullptr ? "table" : type,
                     shape.info.max_entries, part(shape.info.key_size, shape.key),
                     part(shape.info.value_size, shape.value), shape.info.flags);
}

namespace {

void write(const bpf::Layout& layout, std::string& text) {
  text += fmt::format("{} {} {} {}{}{{", static_cast<int>(layout.kind), layout.name, layout.size,
                      layout.is_signed ? "s" : "", layout.big_endian ? "b" : "");
  for (const bpf::Layout::Member& member : layout.members) {
    text += fmt::format("{} {} ", member.offset, member.name);
    write(member.layout, text);
  }
  text += '}';
}

}  // namespace

// FNV-1a: nobody gains anything by two tables that look alike.
std::string fingerprint(const TableShape& shape) {
  std::string text = fmt::format("{} {} {}", shape.info.type, shape.info.key_size, shape.info.value_size);
  for (const auto* layout : {&shape.key, &shape.value}) {
    text += '/';
    if (*layout) write(**layout, text);
  }
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

void Table::add_rule_set(std::shared_ptr<const Table> slot) {
  slot_ = std::move(slot);
  rule_set_ = std::make_unique<RuleSet>(map_, slot_->map());
}

Result<> Table::check(const TableShape& shape, const std::string& user) const {
  if (shape == shape_) return {};
  const std::lock_guard lock(mutex_);
  const auto other = std::find_if(users_.begin(), users_.end(), [&](const auto& one) { return one != user; });
  return fail(ErrorCode::invalid_value,
              "table {} is shared: {} declares it as {}, and {} as {}; all that share a table must declare it alike",
              shape.info.name, user, to_string(shape), other == users_.end() ? "it until now" : *other,
              to_string(shape_));
}

bool Table::is_only_user(const std::set<std::string>& users) const {
  const std::lock_guard lock(mutex_);
  return std::all_of(users_.begin(), users_.end(), [&](const auto& one) { return users.contains(one); });
}

TableUse::TableUse(std::shared_ptr<Table> table, std::string user) : table_(std::move(table)) {
  const std::lock_guard lock(table_->mutex_);
  entry_ = table_->users_.insert(table_->users_.end(), std::move(user));
}

TableUse::~TableUse() {
  const std::lock_guard lock(table_->mutex_);
  table_->users_.erase(entry_);
}

namespace {

std::string key_of(const TableScope& scope, const std::string& name) {
  return scope.kind == TableScope::Kind::space ? scope.space + '\0' + name : name;
}

}  // namespace

std::shared_ptr<Table> SharedTables::find(const TableScope& scope, const std::string& name) const {
  const auto found = tables_.find(key_of(scope, name));
  return found == tables_.end() ? nullptr : found->second.lock();
}

void SharedTables::add(const TableScope& scope, const std::string& name, const std::shared_ptr<Table>& table) {
  std::erase_if(tables_, [](const auto& one) { return one.second.expired(); });
  tables_[key_of(scope, name)] = table;
}

}  // namespace polycube::engine
