// SPDX-License-Identifier: Apache-2.0
/// Private to src/model: what a transaction has of one cube.
/// Why: copying, validating, comparing and freeing a cube with 10,000 table entries takes 15 ms, and a change touches one.
/// So the entries of standalone lists (details.h) are copied when they are asked for; the rest, the trunk, at once.
/// Invariants: nothing running changes. `before` and `now` hold the same selection of the running cube: its trunk and
/// the entries that were fetched; so their difference is the whole difference. A cube that is created, replaced or
/// deleted as a whole has no selection: `before` is then all that runs.
/// Threading: one thread; the running tree is only read.
#pragma once

#include "model/datastore.h"
#include "model/details.h"

namespace polycube::model {

class WorkingCopy {
 public:
  /// `running`: null when the cube does not exist.
  explicit WorkingCopy(CubeTree running) : running_(std::move(running)) {}

  /// Copies the trunk of what runs, to be edited; nothing when there is none.
  [[nodiscard]] Result<> open();
  /// The cube as a whole: another one, or none.
  void replace(std::unique_ptr<DataTree> tree);

  [[nodiscard]] bool exists() const { return now_ != nullptr; }
  [[nodiscard]] bool existed() const { return running_ != nullptr; }
  [[nodiscard]] DataTree& now() { return *now_; }
  [[nodiscard]] const DataTree* before() const { return before_ ? before_.get() : running_.get(); }

  /// Copies the running instance of a standalone list's entry, found by the keys of `wanted`, to below `parent` (of
  /// now()). Null when there is none, or when it was fetched already: what is not found in now() then was removed.
  [[nodiscard]] Result<lyd_node*> fetch(lyd_node* parent, const lyd_node* wanted);
  /// The same, by keys as they are in a path.
  [[nodiscard]] Result<lyd_node*> fetch(lyd_node* parent, const lysc_node* list, const std::vector<std::string>& keys);
  /// Fetches all entries of the standalone lists at or below `schema`, a child of `parent` (of now()).
  [[nodiscard]] Result<> fetch_all(const lyd_node* parent, const lysc_node* schema);
  /// Fetches the entries of a standalone list for which `wanted` holds.
  template <typename Wanted>
  [[nodiscard]] Result<> fetch_if(const lysc_node* list, const Wanted& wanted);

  /// Whether the cube is as it was; once now() is valid.
  [[nodiscard]] bool is_unchanged();

  /// Gives up what was made, as a change.
  [[nodiscard]] Candidate::Change release();

 private:
  [[nodiscard]] const Schema::Details& details() const { return running_->schema()->details(); }
  [[nodiscard]] bool is_selection() const { return before_ != nullptr; }

  CubeTree running_;
  std::unique_ptr<DataTree> before_;  ///< null: no selection
  std::unique_ptr<DataTree> now_;
};

/// The same instance as `node` in another tree of the cube, or null.
[[nodiscard]] lyd_node* counterpart(const lyd_node* forest, const lyd_node* node);

/// The only instance of a container of the cube, or the cube for the cube list; null when it is not there.
[[nodiscard]] lyd_node* only_instance(lyd_node* cube, const lysc_node* schema);

/// Carries a selection's difference over into the whole tree, by moving nodes: cannot fail half-way.
void take_over(lyd_node* whole, const lyd_node* before, lyd_node* now, const Schema::Details& details);

template <typename Wanted>
Result<> WorkingCopy::fetch_if(const lysc_node* list, const Wanted& wanted) {
  if (!is_selection() || !now_) return {};
  lyd_node* parent = only_instance(now_->forest(), data_parent(list));
  const lyd_node* source = only_instance(running_->forest(), data_parent(list));
  // Without the container everything in it was removed, and so was fetched.
  if (!parent || !source) return {};
  for (const lyd_node* entry = first_instance(lyd_child(source), list); entry; entry = next_instance(entry)) {
    if (wanted(entry)) PCN_TRY(fetch(parent, entry));
  }
  return {};
}

}  // namespace polycube::model
