// SPDX-License-Identifier: Apache-2.0
/// The running configuration on disk, and how it came about.
/// Why: nothing that an operator configured may get lost: not when the daemon ends, however it does, nor when the machine
/// loses its power. A database gives what that takes (atomic commits, checksums of what is read, clear errors of a full disk),
/// and costs in proportion to what a transaction changes: the configuration is kept as instances of nodes, one row each.
/// Invariants: nothing is written into the database but by waiting for the disk. When save() returns, a crash at any later instant finds the configuration; at any instant before, the one
/// before. A file that cannot be used is put aside, never deleted.
/// Threading: safe from every thread.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "model/datastore.h"
#include "model/flat_changes.h"
#include "service/intent.h"
#include "topology/topology.h"

struct sqlite3;

namespace polycube::service {

/// Chains of transparent cubes that differ, by parent: before and after.
using ChainChanges = std::map<std::string, std::pair<std::vector<std::string>, std::vector<std::string>>>;

/// What one transaction did.
struct Commit {
  std::int64_t number = 0;  ///< as the store counts them, from 1 on
  std::chrono::system_clock::time_point time;
  std::string author;
  std::string comment;
  /// Without defaults (model::Leaf::set). Of the access rules (model::access_id) all instances go and all come.
  std::map<model::CubeId, control::Changes> changes;
  ChainChanges chains;
};

struct StoredConfiguration {
  std::map<model::CubeId, control::Changes> cubes;  ///< all of each cube, as of one that is created
  control::Changes access;                          ///< the access rules; none: they were never changed
  /// Names, indexes and UUIDs of cubes and ports, and the chains; nothing else of them.
  topology::Topology topology;
};

class Store {
 public:
  /// Opens the file or creates it. Errors: system (a disk that cannot be written to, for example).
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(const std::filesystem::path& file);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// What was saved last.
  [[nodiscard]] Result<StoredConfiguration> read();

  /// Makes a transaction durable, whole or not at all; `commit.number` is ignored. `after`: with the indexes and UUIDs of the
  /// cubes that it changes. Errors: system, after which everything is as before.
  [[nodiscard]] Result<> save(const Commit& commit, const topology::Topology& after);
  /// Whether what is saved is where the next daemon looks for it. Errors: system, with what to do.
  [[nodiscard]] Result<> check_place();

  /// Notes what a transaction is about to overwrite in tables of the kernel (intent.h), until save() or forget_intent().
  /// Errors: system.
  [[nodiscard]] Result<> intend(const std::vector<engine::OldElement>& elements);
  void forget_intent();
  /// Nothing after save(), forget_intent(), or when the machine was started since.
  [[nodiscard]] Result<std::vector<engine::OldElement>> intent();

  /// Number of the last one, 0 when there is none. Errors: system.
  [[nodiscard]] Result<std::int64_t> last();
  /// The last ones, newest first. Errors: system.
  [[nodiscard]] Result<std::vector<Commit>> history(std::size_t count);

  /// Older ones are forgotten.
  static constexpr std::int64_t kept_commits = 1000;
  /// Of the name of the file beside the database in which the intent is.
  static constexpr const char* intent_suffix = "-intent";

 private:
  class Statement;
  Store(sqlite3* database, const std::filesystem::path& file)
      : database_(database), file_(file.string()), intent_(file.string() + intent_suffix) {}
  [[nodiscard]] static Result<std::unique_ptr<Store>> try_open(const std::filesystem::path& file);
  [[nodiscard]] Result<> check();
  [[nodiscard]] Result<> run(const std::string& sql);
  [[nodiscard]] Result<> save_cube(const model::CubeId& id, const control::Changes& changes,
                                   const topology::Topology& after);
  [[nodiscard]] Result<> save_access(const control::Changes& changes);
  [[nodiscard]] Result<> save_commit(const Commit& commit);
  void bury();
  [[nodiscard]] tl::unexpected<Error> failure() const;
  std::mutex mutex_;
  sqlite3* database_;
  std::string file_;
  std::map<std::string, std::pair<::dev_t, ::ino_t>> places_;  ///< of its files
  Intent intent_;
};

}  // namespace polycube::service
