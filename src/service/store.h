// SPDX-License-Identifier: Apache-2.0
/// The running configuration on disk, and how it came about.
/// Why: nothing that an operator configured may get lost: not when the daemon ends, however it does, nor when the machine
/// loses its power. A database gives what that takes (atomic commits, checksums of what is read, clear errors of a full disk),
/// and costs in proportion to what a transaction changes: the configuration is kept as instances of nodes, one row each.
/// Invariants: nothing is written into the database but by waiting for the disk. When save() returns, a crash at any later instant finds the configuration; at any instant before, the one
/// before; what save() refused is never found. A file that cannot be used is left alone or put aside, never deleted. The file is
/// bounded: by the configuration, and by Limits for the history.
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
#include "service/commit.h"
#include "service/intent.h"
#include "topology/topology.h"

struct sqlite3;

namespace polycube::service {

/// One transaction as a list of them shows it.
struct CommitSummary {
  std::int64_t number = 0;
  std::chrono::system_clock::time_point time = {};
  std::string author = {};
  std::string comment = {};
  std::string changes = {};  ///< shown_text()
};

struct StoredConfiguration {
  std::map<model::CubeId, control::Changes> cubes;  ///< all of each cube, as of one that is created
  control::Changes access;                          ///< the access rules; none: they were never changed
  /// Names, indexes and UUIDs of cubes and ports, and the chains; nothing else of them.
  topology::Topology topology;
};

class Store {
 public:
  /// How much of the history is kept; older transactions are forgotten. The last one always is.
  struct Limits {
    std::int64_t commits = 1000;
    std::int64_t bytes = 64 << 20;
  };

  /// Opens the file or creates it. Errors: invalid_value (it is damaged, foreign, or of another version; it is as it was),
  /// system (a disk that cannot be written to, for example).
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(const std::filesystem::path& file, const Limits& limits);
  [[nodiscard]] static Result<std::unique_ptr<Store>> open(const std::filesystem::path& file) {
    return open(file, Limits{});
  }
  /// A file that cannot be used gets another name, which tells when, with what belongs to it. Returns that. Errors: system.
  [[nodiscard]] static Result<std::filesystem::path> put_aside(const std::filesystem::path& file);
  /// Files that were put aside and are still there, by name.
  [[nodiscard]] static std::vector<std::filesystem::path> files_aside(const std::filesystem::path& file);
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
  /// The same, at a cost that does not depend on what they changed.
  [[nodiscard]] Result<std::vector<CommitSummary>> summaries(std::size_t count);

  /// Of the name of the file beside the database in which the intent is.
  static constexpr const char* intent_suffix = "-intent";

 private:
  class Statement;
  Store(sqlite3* database, const std::filesystem::path& file, const Limits& limits)
      : database_(database), file_(file.string()), limits_(limits), intent_(file.string() + intent_suffix) {}
  [[nodiscard]] static Result<std::unique_ptr<Store>> try_open(const std::filesystem::path& file, const Limits& limits);
  [[nodiscard]] Result<> check();
  [[nodiscard]] Result<> run(const std::string& sql);
  [[nodiscard]] Result<> save_cube(const model::CubeId& id, const control::Changes& changes,
                                   const topology::Topology& after);
  [[nodiscard]] Result<> save_access(const control::Changes& changes);
  [[nodiscard]] Result<> save_commit(const Commit& commit);
  [[nodiscard]] Result<> forget_history(std::int64_t newest);
  [[nodiscard]] Result<std::map<model::CubeId, control::Changes>> changes_of(std::int64_t number);
  [[nodiscard]] Result<std::int64_t> number(const char* sql);
  [[nodiscard]] Result<> write_over();
  [[nodiscard]] tl::unexpected<Error> failure() const;
  std::mutex mutex_;
  sqlite3* database_;
  std::string file_;
  std::map<std::string, std::pair<::dev_t, ::ino_t>> places_;  ///< of its files
  Limits limits_;
  Intent intent_;
  bool refused_in_log_ = false;  ///< a commit that failed may be in the log nonetheless
};

}  // namespace polycube::service
