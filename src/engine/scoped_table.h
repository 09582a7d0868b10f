// SPDX-License-Identifier: Apache-2.0
/// Tables of fast paths and who shares them.
/// Why: a table is made for the first program that declares it and goes with the last one, whichever cube that is in.
/// Invariants: all users of a table declare it alike.
/// Threading: SharedTables by one thread at a time; the others from any.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "bpf/object.h"
#include "engine/pins.h"
#include "engine/rule_set.h"

namespace polycube::engine {

/// Who shares a table, as its declaration says (sdk/bpf/polycube/core.h).
struct TableScope {
  enum class Kind { program, cube, space, everyone };
  Kind kind = Kind::program;
  std::string space;  ///< name of the namespace

  [[nodiscard]] bool between_cubes() const { return kind == Kind::space || kind == Kind::everyone; }
  bool operator==(const TableScope&) const = default;
};

/// Errors: invalid_value for a declaration that means nothing.
[[nodiscard]] Result<TableScope> scope_of(const bpf::ObjectFile& object, const std::string& table);

/// How a table is declared.
struct TableShape {
  bpf::MapInfo info;
  std::optional<bpf::Layout> key;  ///< absent of what was declared without types
  std::optional<bpf::Layout> value;
};
[[nodiscard]] TableShape shape_of(const bpf::ObjectFile& object, const std::string& table);
[[nodiscard]] bool operator==(const TableShape& one, const TableShape& other);
/// For messages.
[[nodiscard]] std::string to_string(const TableShape& shape);
/// A digest of what keys and values are made of, by which two versions of this program can compare tables.
[[nodiscard]] std::string fingerprint(const TableShape& shape);

/// A table in the kernel, and the programs that use it.
class Table {
 public:
  /// `pin`: with which it outlives the daemon, if any.
  Table(bpf::Map map, TableShape shape, Pin pin = {})
      : map_(std::move(map)), shape_(std::move(shape)), pin_(std::move(pin)) {}

  [[nodiscard]] const bpf::Map& map() const { return map_; }
  [[nodiscard]] const TableShape& shape() const { return shape_; }

  /// From now on it is a table of rules, whose set is in `slot`.
  void add_rule_set(std::shared_ptr<const Table> slot);
  /// What packets see of a table of rules; null for others.
  [[nodiscard]] RuleSet* rule_set() const { return rule_set_.get(); }

  /// Whether a program that declares it so can use it. Errors: invalid_value that names `user` and one that uses it.
  [[nodiscard]] Result<> check(const TableShape& shape, const std::string& user) const;
  /// Whether nobody else uses it.
  [[nodiscard]] bool is_only_user(const std::string& user) const { return is_only_user(std::set<std::string>{user}); }
  [[nodiscard]] bool is_only_user(const std::set<std::string>& users) const;

 private:
  friend class TableUse;
  bpf::Map map_;
  TableShape shape_;
  Pin pin_;
  std::shared_ptr<const Table> slot_;
  std::unique_ptr<RuleSet> rule_set_;
  mutable std::mutex mutex_;
  std::list<std::string> users_;
};

/// A program's share in a table, for as long as this lives.
class TableUse {
 public:
  TableUse(std::shared_ptr<Table> table, std::string user);
  TableUse(const TableUse&) = delete;
  TableUse& operator=(const TableUse&) = delete;
  ~TableUse();

  [[nodiscard]] const std::shared_ptr<Table>& table() const { return table_; }

 private:
  std::shared_ptr<Table> table_;
  std::list<std::string>::iterator entry_;
};

/// Tables that are found by their name while somebody uses them.
class SharedTables {
 public:
  [[nodiscard]] std::shared_ptr<Table> find(const TableScope& scope, const std::string& name) const;
  void add(const TableScope& scope, const std::string& name, const std::shared_ptr<Table>& table);

 private:
  std::map<std::string, std::weak_ptr<Table>> tables_;
};

}  // namespace polycube::engine
