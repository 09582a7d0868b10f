// SPDX-License-Identifier: Apache-2.0
#include "service/store.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/file.h"

namespace polycube::service {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr int application = 0x50636e31;  // "Pcn1": in the file's header, so that it is known for what it is
constexpr int version = 1;               // of the tables below

// Keys and leaves are JSON: they are read and written whole, never searched.
constexpr const char* tables = R"(
CREATE TABLE cube (name TEXT PRIMARY KEY, service TEXT NOT NULL, hook TEXT NOT NULL, uuid TEXT NOT NULL);
CREATE TABLE port (cube TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL, uuid TEXT NOT NULL,
                   PRIMARY KEY (cube, name));
CREATE TABLE instance (id INTEGER PRIMARY KEY, cube TEXT NOT NULL, node TEXT NOT NULL, keys TEXT NOT NULL,
                       leaves TEXT NOT NULL, UNIQUE (cube, node, keys));
CREATE TABLE chain (parent TEXT PRIMARY KEY, cubes TEXT NOT NULL);
CREATE TABLE history (number INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, author TEXT NOT NULL,
                      comment TEXT NOT NULL, chains TEXT NOT NULL);
CREATE TABLE change (history INTEGER NOT NULL, id INTEGER PRIMARY KEY, cube TEXT NOT NULL, service TEXT NOT NULL,
                     node TEXT NOT NULL, keys TEXT NOT NULL, before TEXT, after TEXT);
CREATE INDEX change_of ON change (history);
)";

// Came later; a polycubed that does not know it leaves it alone.
constexpr const char* access_table =
    "CREATE TABLE IF NOT EXISTS access (id INTEGER PRIMARY KEY, node TEXT NOT NULL, keys TEXT NOT NULL, leaves TEXT "
    "NOT NULL)";
constexpr const char* former_table = "DROP TABLE IF EXISTS intent";
// Also later. What came before it has no text yet.
constexpr const char* summary_table = R"(
CREATE TABLE IF NOT EXISTS summary (number INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, changes TEXT);
INSERT INTO summary SELECT number,
    (SELECT coalesce(sum(length(keys) + coalesce(length(before), 0) + coalesce(length(after), 0)), 0)
     FROM change WHERE history=number), NULL
  FROM history WHERE number NOT IN (SELECT number FROM summary);
)";

// Pages that are free for what comes next; beyond that, so many a commit are given back.
constexpr std::int64_t spare_pages = 1024;
constexpr std::int64_t returned_pages = 2048;

std::optional<control::Leaves> leaves_from(const std::optional<std::string>& text) {
  return text ? std::optional(json::parse(*text).get<control::Leaves>()) : std::nullopt;
}

std::chrono::system_clock::time_point time_of(std::int64_t milliseconds) {
  return std::chrono::system_clock::time_point(std::chrono::milliseconds(milliseconds));
}

std::optional<std::string> text_of(const std::optional<control::Leaves>& leaves) {
  return leaves ? std::optional(json(*leaves).dump()) : std::nullopt;
}

}  // namespace

/// One SQL statement, with its values and rows.
class Store::Statement {
 public:
  Statement(Store& store, const char* sql) : store_(store) {
    status_ = sqlite3_prepare_v2(store.database_, sql, -1, &statement_, nullptr);
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  Statement& bind(const std::string& text) {
    keep(sqlite3_bind_text(statement_, ++bound_, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT));
    return *this;
  }
  Statement& bind(const std::optional<std::string>& text) {
    if (text) return bind(*text);
    keep(sqlite3_bind_null(statement_, ++bound_));
    return *this;
  }
  Statement& bind(std::int64_t number) {
    keep(sqlite3_bind_int64(statement_, ++bound_, number));
    return *this;
  }

  /// The next row, until it returns false.
  [[nodiscard]] Result<bool> step() {
    if (status_ == SQLITE_OK) status_ = sqlite3_step(statement_);
    if (status_ == SQLITE_ROW) {
      status_ = SQLITE_OK;
      column_ = 0;
      return true;
    }
    if (status_ == SQLITE_DONE) return false;
    return store_.failure();
  }
  /// To the end; then it can be bound and run again.
  [[nodiscard]] Result<> run() {
    for (;;) {
      PCN_ASSIGN(const bool more, step());
      if (!more) break;
    }
    status_ = sqlite3_reset(statement_);
    bound_ = 0;
    return {};
  }

  std::string text() { return optional_text().value_or(""); }
  std::optional<std::string> optional_text() {
    const int column = column_++;
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    if (bytes == nullptr) return std::nullopt;
    return std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }
  std::int64_t number() { return sqlite3_column_int64(statement_, column_++); }

 private:
  void keep(int status) {
    if (status_ == SQLITE_OK) status_ = status;
  }
  Store& store_;
  sqlite3_stmt* statement_ = nullptr;
  int status_ = SQLITE_OK;
  int bound_ = 0;
  int column_ = 0;
};

// ---- the file --------------------------------------------------------------------------------------------------------

Result<fs::path> Store::put_aside(const fs::path& file) {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc{};
  gmtime_r(&now, &utc);
  char stamp[32];
  std::strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc);
  std::string name = fmt::format("{}.unusable-{}", file.string(), stamp);
  for (int number = 2; fs::exists(name); number++)
    name = fmt::format("{}.unusable-{}-{}", file.string(), stamp, number);
  for (const char* part : {"-wal", "-shm", intent_suffix, ""}) {
    std::error_code error;
    if (!fs::exists(file.string() + part)) continue;
    fs::rename(file.string() + part, name + part, error);
    if (error) return fail(ErrorCode::system, "cannot rename {}{}: {}", file.string(), part, error.message());
  }
  PCN_TRY(sync_folder(file.parent_path()));
  return name;
}

std::vector<fs::path> Store::files_aside(const fs::path& file) {
  std::vector<fs::path> found;
  const std::string begin = file.filename().string() + ".unusable-";
  std::error_code error;
  for (fs::directory_iterator entry(file.parent_path(), error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.rfind(begin, 0) == 0 && !name.ends_with("-wal") && !name.ends_with("-shm") &&
        !name.ends_with(intent_suffix))
      found.push_back(entry->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

tl::unexpected<Error> Store::failure() const {
  const int status = sqlite3_errcode(database_);
  const std::string& file = file_;
  switch (status & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return fail(ErrorCode::invalid_value, "{} is damaged: {}", file, sqlite3_errmsg(database_));
    case SQLITE_FULL:
      return fail(ErrorCode::system, "{} cannot be written, the disk is full: make room and try again", file);
    case SQLITE_READONLY: return fail(ErrorCode::system, "{} cannot be written, the file system is read-only", file);
    case SQLITE_IOERR: {
      int reason = 0;
      sqlite3_file* log = nullptr;
      if (sqlite3_file_control(database_, "main", SQLITE_FCNTL_JOURNAL_POINTER, static_cast<void*>(&log)) ==
              SQLITE_OK &&
          log != nullptr && log->pMethods != nullptr)
        (void)log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &reason);
      if (reason == EROFS) return fail(ErrorCode::system, "{} cannot be written, the file system is read-only", file);
      return fail(ErrorCode::system, "{}: {}{}{}", file, sqlite3_errmsg(database_), reason != 0 ? ": " : "",
                  reason != 0 ? std::strerror(reason) : "");
    }
    default: return fail(ErrorCode::system, "{}: {}", file, sqlite3_errmsg(database_));
  }
}

Result<> Store::run(const std::string& sql) {
  return sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK ? Result<>() : failure();
}

// The answer to a question that has one.
Result<std::int64_t> Store::number(const char* sql) {
  Statement statement(*this, sql);
  PCN_ASSIGN(const bool row, statement.step());
  return row ? statement.number() : 0;
}

// What it finds there is ours, whole, and of a version that is understood.
Result<> Store::check() {
  const std::string& file = file_;
  PCN_ASSIGN(const std::int64_t owner, number("PRAGMA application_id"));
  PCN_ASSIGN(const std::int64_t things, number("SELECT count(*) FROM sqlite_schema"));
  if (owner == 0 && things == 0)
    return run(
        fmt::format("PRAGMA auto_vacuum=INCREMENTAL; BEGIN IMMEDIATE; PRAGMA application_id={}; "
                    "PRAGMA user_version={}; {} COMMIT",
                    application, version, tables));
  if (owner != application) return fail(ErrorCode::invalid_value, "{} is not a configuration of polycubed", file);
  PCN_ASSIGN(const std::int64_t found, number("PRAGMA user_version"));
  if (found != version)
    return fail(ErrorCode::invalid_value,
                "{} is of version {}, written by another polycubed; this one knows version {}", file, found, version);
  Statement quick(*this, "PRAGMA quick_check(1)");
  PCN_ASSIGN(const bool row, quick.step());
  const std::string answer = row ? quick.text() : "no answer";
  if (answer != "ok") return fail(ErrorCode::invalid_value, "{} is damaged: {}", file, answer);
  return {};
}

Result<std::unique_ptr<Store>> Store::try_open(const fs::path& file, const Limits& limits) {
  sqlite3* database = nullptr;
  const mode_t before = umask(0077);
  const int status = sqlite3_open_v2(file.c_str(), &database,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<Store> store(new Store(database, file, limits));
  const auto prepare = [&]() -> Result<> {
    if (status != SQLITE_OK) return store->failure();
    (void)sqlite3_extended_result_codes(database, 1);
    // Whoever has the state folder is alone; committing is appending to the log, and one fsync.
    PCN_TRY(store->run("PRAGMA locking_mode=EXCLUSIVE"));
    PCN_TRY(store->check());
    PCN_TRY(store->run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=8388608"));
    return store->run(fmt::format("BEGIN IMMEDIATE; {}; {}; {} COMMIT", access_table, former_table, summary_table));
  };
  const auto done = prepare();
  umask(before);
  if (!done) return tl::unexpected<Error>(done.error());
  return store;
}

Result<std::unique_ptr<Store>> Store::open(const fs::path& file, const Limits& limits) {
  auto store = try_open(file, limits);
  const Error* error = store ? nullptr : &store.error();
  const auto readable = store ? (*store)->read() : Result<StoredConfiguration>();
  if (!readable) error = &readable.error();
  if (error == nullptr) {
    (void)(*store)->check_place();  // notes where it is
    return store;
  }
  if (error->code == ErrorCode::invalid_value) return tl::unexpected<Error>(*error);
  return fail_with(*error, "cannot open the saved configuration");
}

Store::~Store() { sqlite3_close(database_); }

// ---- reading ---------------------------------------------------------------------------------------------------------

Result<StoredConfiguration> Store::read() try {
  const std::lock_guard lock(mutex_);
  StoredConfiguration stored;
  std::map<std::string, control::Changes*> by_name;
  Statement cubes(*this, "SELECT name, service, hook, uuid FROM cube");
  for (;;) {
    PCN_ASSIGN(const bool more, cubes.step());
    if (!more) break;
    const std::string name = cubes.text();
    topology::Cube& cube = stored.topology.cubes[name];
    cube.service = cubes.text();
    PCN_ASSIGN(cube.hook, topology::parse_hook(cubes.text()));
    cube.uuid = cubes.text();
    by_name[name] = &stored.cubes[{cube.service, name}];
  }
  Statement ports(*this, "SELECT cube, name, number, uuid FROM port");
  for (;;) {
    PCN_ASSIGN(const bool more, ports.step());
    if (!more) break;
    const std::string cube = ports.text();
    const std::string name = ports.text();
    topology::Port& port = stored.topology.cubes[cube].ports[name];
    port.index = static_cast<std::uint16_t>(ports.number());
    port.uuid = ports.text();
  }
  Statement instances(*this, "SELECT cube, node, keys, leaves FROM instance ORDER BY id");
  for (;;) {
    PCN_ASSIGN(const bool more, instances.step());
    if (!more) break;
    const auto cube = by_name.find(instances.text());
    if (cube == by_name.end())
      return fail(ErrorCode::invalid_value, "the saved configuration is damaged: a node of no cube");
    control::Change& change = cube->second->emplace_back();
    change.node = instances.text();
    change.keys = json::parse(instances.text()).get<std::vector<std::string>>();
    change.after = leaves_from(instances.text());
  }
  Statement rules(*this, "SELECT node, keys, leaves FROM access ORDER BY id");
  for (;;) {
    PCN_ASSIGN(const bool more, rules.step());
    if (!more) break;
    control::Change& change = stored.access.emplace_back();
    change.node = rules.text();
    change.keys = json::parse(rules.text()).get<std::vector<std::string>>();
    change.after = leaves_from(rules.text());
  }
  Statement chains(*this, "SELECT parent, cubes FROM chain");
  for (;;) {
    PCN_ASSIGN(const bool more, chains.step());
    if (!more) break;
    const std::string parent = chains.text();
    stored.topology.chains[parent] = json::parse(chains.text()).get<std::vector<std::string>>();
  }
  return stored;
} catch (const json::exception& damaged) {
  return fail(ErrorCode::invalid_value, "the saved configuration is damaged: {}", damaged.what());
}

Result<std::map<model::CubeId, control::Changes>> Store::changes_of(std::int64_t number) {
  std::map<model::CubeId, control::Changes> found;
  Statement changes(*this, "SELECT cube, service, node, keys, before, after FROM change WHERE history=? ORDER BY id");
  changes.bind(number);
  for (;;) {
    PCN_ASSIGN(const bool more, changes.step());
    if (!more) return found;
    const std::string cube = changes.text();
    control::Change& change = found[{changes.text(), cube}].emplace_back();
    change.node = changes.text();
    change.keys = json::parse(changes.text()).get<std::vector<std::string>>();
    change.before = leaves_from(changes.optional_text());
    change.after = leaves_from(changes.optional_text());
  }
}

Result<std::vector<Commit>> Store::history(std::size_t count) try {
  const std::lock_guard lock(mutex_);
  std::vector<Commit> commits;
  Statement found(*this, "SELECT number, time, author, comment, chains FROM history ORDER BY number DESC LIMIT ?");
  found.bind(static_cast<std::int64_t>(count));
  for (;;) {
    PCN_ASSIGN(const bool more, found.step());
    if (!more) return commits;
    Commit& commit = commits.emplace_back();
    commit.number = found.number();
    commit.time = time_of(found.number());
    commit.author = found.text();
    commit.comment = found.text();
    json::parse(found.text()).get_to(commit.chains);
    PCN_ASSIGN(commit.changes, changes_of(commit.number));
  }
} catch (const json::exception& damaged) {
  return fail(ErrorCode::invalid_value, "the saved history is damaged: {}", damaged.what());
}

Result<std::vector<CommitSummary>> Store::summaries(std::size_t count) try {
  const std::lock_guard lock(mutex_);
  std::vector<CommitSummary> summaries;
  Statement found(*this,
                  "SELECT number, time, author, comment, changes, chains FROM history JOIN summary USING (number) "
                  "ORDER BY number DESC LIMIT ?");
  found.bind(static_cast<std::int64_t>(count));
  for (;;) {
    PCN_ASSIGN(const bool more, found.step());
    if (!more) return summaries;
    CommitSummary& summary = summaries.emplace_back();
    summary.number = found.number();
    summary.time = time_of(found.number());
    summary.author = found.text();
    summary.comment = found.text();
    if (auto known = found.optional_text()) {
      summary.changes = std::move(*known);
      continue;
    }
    Commit commit;
    json::parse(found.text()).get_to(commit.chains);
    PCN_ASSIGN(commit.changes, changes_of(summary.number));
    summary.changes = shown_text(describe(commit));
  }
} catch (const json::exception& damaged) {
  return fail(ErrorCode::invalid_value, "the saved history is damaged: {}", damaged.what());
}

// ---- what was under way -----------------------------------------------------------------------------------------------

Result<> Store::intend(const std::vector<engine::OldElement>& elements) {
  PCN_ASSIGN(const std::int64_t revision, last());
  const auto done = intent_.write(revision, elements);
  return done ? done : Result<>(fail_with(done.error(), "the change cannot be saved"));
}

void Store::forget_intent() { intent_.remove(); }

Result<std::vector<engine::OldElement>> Store::intent() {
  PCN_ASSIGN(const std::int64_t revision, last());
  return intent_.read(revision);
}

Result<std::int64_t> Store::last() {
  const std::lock_guard lock(mutex_);
  return number("SELECT max(number) FROM history");
}

// ---- writing ---------------------------------------------------------------------------------------------------------

Result<> Store::save_cube(const model::CubeId& id, const control::Changes& changes, const topology::Topology& after) {
  const auto forget = [&](const char* sql) { return Statement(*this, sql).bind(id.name).run(); };
  const bool whole = std::any_of(changes.begin(), changes.end(), [](const auto& change) {
    return change.node.empty() && !(change.before && change.after);
  });
  if (whole) PCN_TRY(forget("DELETE FROM instance WHERE cube=?"));  // deleted, or made anew
  PCN_TRY(forget("DELETE FROM port WHERE cube=?"));
  const auto cube = after.cubes.find(id.name);
  if (cube == after.cubes.end() || cube->second.service != id.service) return forget("DELETE FROM cube WHERE name=?");
  PCN_TRY(Statement(*this, "INSERT OR REPLACE INTO cube VALUES (?, ?, ?, ?)")
              .bind(id.name)
              .bind(id.service)
              .bind(std::string(topology::to_string(cube->second.hook)))
              .bind(cube->second.uuid)
              .run());
  Statement port(*this, "INSERT INTO port VALUES (?, ?, ?, ?)");
  for (const auto& [name, value] : cube->second.ports)
    PCN_TRY(port.bind(id.name).bind(name).bind(std::int64_t{value.index}).bind(value.uuid).run());
  Statement write(*this,
                  "INSERT INTO instance (cube, node, keys, leaves) VALUES (?, ?, ?, ?) "
                  "ON CONFLICT (cube, node, keys) DO UPDATE SET leaves=excluded.leaves");
  Statement remove(*this, "DELETE FROM instance WHERE cube=? AND node=? AND keys=?");
  for (const control::Change& change : changes) {
    const std::string keys = json(change.keys).dump();
    if (change.after)
      PCN_TRY(write.bind(id.name).bind(change.node).bind(keys).bind(json(*change.after).dump()).run());
    else if (!whole)
      PCN_TRY(remove.bind(id.name).bind(change.node).bind(keys).run());
  }
  return {};
}

Result<> Store::save_access(const control::Changes& changes) {
  PCN_TRY(run("DELETE FROM access"));
  Statement write(*this, "INSERT INTO access (node, keys, leaves) VALUES (?, ?, ?)");
  for (const control::Change& change : changes)
    if (change.after)
      PCN_TRY(write.bind(change.node).bind(json(change.keys).dump()).bind(json(*change.after).dump()).run());
  return {};
}

Result<> Store::save_commit(const Commit& commit) {
  const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(commit.time.time_since_epoch()).count();
  PCN_TRY(Statement(*this, "INSERT INTO history (time, author, comment, chains) VALUES (?, ?, ?, ?)")
              .bind(std::int64_t{time})
              .bind(commit.author)
              .bind(commit.comment)
              .bind(json(commit.chains).dump())
              .run());
  const std::int64_t number = sqlite3_last_insert_rowid(database_);
  std::size_t bytes = 0;
  const auto counted = [&](std::optional<std::string> text) {
    bytes += text ? text->size() : 0;
    return text;
  };
  Statement write(
      *this, "INSERT INTO change (history, cube, service, node, keys, before, after) VALUES (?, ?, ?, ?, ?, ?, ?)");
  for (const auto& [id, changes] : commit.changes)
    for (const control::Change& change : changes)
      PCN_TRY(write.bind(number)
                  .bind(id.name)
                  .bind(id.service)
                  .bind(change.node)
                  .bind(counted(json(change.keys).dump()))
                  .bind(counted(text_of(change.before)))
                  .bind(counted(text_of(change.after)))
                  .run());
  const auto text = counted(shown_text(describe(commit)));
  PCN_TRY(Statement(*this, "INSERT INTO summary (number, bytes, changes) VALUES (?, ?, ?)")
              .bind(number)
              .bind(static_cast<std::int64_t>(bytes))
              .bind(text)
              .run());
  return forget_history(number);
}

// What is beyond the limits; the file gives back what that leaves free.
Result<> Store::forget_history(std::int64_t newest) {
  PCN_ASSIGN(const std::int64_t beyond, number(fmt::format("SELECT max(number) FROM (SELECT number, sum(bytes) OVER "
                                                           "(ORDER BY number DESC) AS total FROM summary) "
                                                           "WHERE total>{} AND number<{}",
                                                           limits_.bytes, newest)
                                                   .c_str()));
  const std::int64_t last = std::max(beyond, newest - limits_.commits);
  for (const char* sql : {"DELETE FROM change WHERE history<=?", "DELETE FROM summary WHERE number<=?",
                          "DELETE FROM history WHERE number<=?"})
    PCN_TRY(Statement(*this, sql).bind(last).run());
  PCN_ASSIGN(const std::int64_t unused, number("PRAGMA freelist_count"));
  if (unused <= spare_pages) return {};
  return run(fmt::format("PRAGMA incremental_vacuum({})", std::min(unused - spare_pages, returned_pages)));
}

// A commit that fails to reach the disk is in the log nonetheless, where a daemon that begins would find it. So something
// else is written in its place; then all goes into the database and the log begins anew, since of a log of which the disk
// refused a part nobody knows what is there.
Result<> Store::write_over() {
  if (!refused_in_log_) return {};
  const std::string same = fmt::format("PRAGMA user_version={}", version);
  PCN_TRY(run(same));
  if (sqlite3_wal_checkpoint_v2(database_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr) != SQLITE_OK)
    return failure();
  PCN_TRY(run(same));
  refused_in_log_ = false;
  return {};
}

Result<> Store::save(const Commit& commit, const topology::Topology& after) {
  if (auto lost = check_place(); !lost) return fail_with(lost.error(), "the change cannot be saved");
  const std::lock_guard lock(mutex_);
  const auto write = [&]() -> Result<> {
    PCN_TRY(write_over());
    PCN_TRY(run("BEGIN IMMEDIATE"));
    // Deleted ones first: another service may have a cube by the same name now.
    for (const bool deleted : {true, false})
      for (const auto& [id, changes] : commit.changes) {
        if (id == model::access_id) continue;
        const auto cube = after.cubes.find(id.name);
        const bool gone = cube == after.cubes.end() || cube->second.service != id.service;
        if (gone == deleted) PCN_TRY(save_cube(id, changes, after));
      }
    if (const auto access = commit.changes.find(model::access_id); access != commit.changes.end())
      PCN_TRY(save_access(access->second));
    for (const auto& [parent, sides] : commit.chains) {
      PCN_TRY(Statement(*this, "DELETE FROM chain WHERE parent=?").bind(parent).run());
      if (!sides.second.empty())
        PCN_TRY(Statement(*this, "INSERT INTO chain VALUES (?, ?)").bind(parent).bind(json(sides.second).dump()).run());
    }
    PCN_TRY(save_commit(commit));
    refused_in_log_ = true;
    PCN_TRY(run("COMMIT"));
    refused_in_log_ = false;
    return {};
  };
  auto done = write();
  if (done) {
    intent_.remove();
    return done;
  }
  if (sqlite3_get_autocommit(database_) == 0) (void)run("ROLLBACK");
  (void)write_over();  // or before the next one
  return fail_with(done.error(), "the change cannot be saved");
}

Result<> Store::check_place() {
  const std::lock_guard lock(mutex_);
  for (const std::string& path : {file_, file_ + "-wal"}) {
    struct stat there{};
    const bool exists = stat(path.c_str(), &there) == 0;
    if (!exists && errno != ENOENT && errno != ENOTDIR) continue;
    const std::pair now(there.st_dev, there.st_ino);
    if (const auto known = places_.find(path); known == places_.end()) {
      if (exists) places_.emplace(path, now);
    } else if (!exists || known->second != now) {
      return fail(ErrorCode::system,
                  "{} was removed or replaced while polycubed runs: keep the configuration (polycubectl save FILE), "
                  "restart polycubed, and apply it (polycubectl apply FILE)",
                  path);
    }
  }
  return {};
}

}  // namespace polycube::service
