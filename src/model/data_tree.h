// SPDX-License-Identifier: Apache-2.0
/// Owner of a YANG data tree.
/// Invariants: empty or a whole forest (first top-level sibling) of the schema it holds; the schema outlives the tree.
/// Threading: a const tree may be read by many threads, provided that freeze() was called after its last change (the
/// trees of a Datastore are frozen; libyang computes canonical values at their first use).
#pragma once

#include <memory>

#include "model/schema.h"

struct lyd_node;

namespace polycube::model {

class DataTree {
 public:
  explicit DataTree(std::shared_ptr<const Schema> schema, lyd_node* forest = nullptr)
      : schema_(std::move(schema)), forest_(forest) {}
  DataTree(DataTree&& other) noexcept
      : schema_(std::move(other.schema_)), forest_(std::exchange(other.forest_, nullptr)) {}
  DataTree& operator=(DataTree&& other) noexcept {
    std::swap(schema_, other.schema_);
    std::swap(forest_, other.forest_);
    return *this;
  }
  ~DataTree();

  [[nodiscard]] lyd_node* forest() const { return forest_; }
  [[nodiscard]] bool empty() const { return forest_ == nullptr; }
  [[nodiscard]] const std::shared_ptr<const Schema>& schema() const { return schema_; }
  /// Deep copy, or limit_exceeded when memory runs out.
  [[nodiscard]] Result<DataTree> duplicate() const;
  /// Deep copy as a tree of another schema, which has the same modules. Errors: as duplicate(), invalid_value when it
  /// does not have them.
  [[nodiscard]] Result<DataTree> duplicate_to(const std::shared_ptr<const Schema>& schema) const;

  /// Computes what libyang would compute at the first read, so that reading no longer writes.
  void freeze() const;

  /// For functions of this folder that grow the forest: the first sibling may change.
  void reset_forest(lyd_node* forest) { forest_ = forest; }

 private:
  std::shared_ptr<const Schema> schema_;
  lyd_node* forest_ = nullptr;
};

/// Rows of one bound node in one cube's tree (`cube` is a forest whose only node is an entry of the service's list).
[[nodiscard]] std::vector<Row> rows(const DataTree& cube, const TableBinding& binding);

/// How the rows of a bound node differ between two states of a cube; either tree may be null (created, deleted cube).
[[nodiscard]] RowChanges changes(const DataTree* before, const DataTree* after, const TableBinding& binding);

/// Adds rows read from a table to a cube's tree, creating parents: rows whose key is already there only get their
/// config false leaves. Cells of config false leaves always, of config true leaves for new entries only.
[[nodiscard]] Result<> add_rows(DataTree& cube, const TableBinding& binding, const std::vector<Row>& rows);

/// Adds ietf-yang-library:yang-library and modules-state (RFC 8525) to a forest that is going to be printed.
[[nodiscard]] Result<> add_yang_library(DataTree& forest);

/// Text of the leaf at `path` below the cube (defaults included), if present.
[[nodiscard]] std::optional<std::string> leaf(const DataTree& cube, const std::vector<std::string>& path);

}  // namespace polycube::model
