// SPDX-License-Identifier: Apache-2.0
#include "service/store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <functional>

#include "base/file.h"

namespace polycube::service {
namespace {

/// Stands for the disk on which databases are, by calls that SQLite makes through the linker; null: the real one.
struct Disk {
  std::function<int(const std::string& file)> sync = [](const std::string&) { return 0; };  ///< 0 or an errno
  std::function<void(const std::string& file, std::int64_t offset)> write = {};
};
const Disk* disk = nullptr;

std::string file_of(int fd) {
  std::error_code ignored;
  return std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", fd), ignored).filename();
}

extern "C" int fdatasync(int fd) {
  if (disk == nullptr) return static_cast<int>(syscall(SYS_fdatasync, fd));
  errno = disk->sync(file_of(fd));
  return errno == 0 ? 0 : -1;
}

extern "C" ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t offset) {
  if (disk != nullptr && disk->write) disk->write(file_of(fd), offset);
  return syscall(SYS_pwrite64, fd, bytes, count, offset);
}

using control::Change;
using control::Changes;
using control::Leaves;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    char name[] = "/tmp/polycube-store-XXXXXX";
    folder = mkdtemp(name);
    open();
  }
  ~StoreTest() override {
    disk = nullptr;
    std::filesystem::remove_all(folder);
  }

  void open(const Store::Limits& limits = {}) {
    store.reset();
    auto opened = Store::open(folder / "c.db", limits);
    ASSERT_TRUE(opened) << opened.error().message;
    store = std::move(*opened);
  }

  void save(std::map<model::CubeId, Changes> changes, const std::string& comment = {}) {
    Commit commit;
    commit.time = std::chrono::system_clock::time_point(std::chrono::milliseconds(1'700'000'000'123));
    commit.author = "root";
    commit.comment = comment;
    commit.changes = std::move(changes);
    const auto saved = store->save(commit, topology);
    ASSERT_TRUE(saved) << saved.error().message;
  }

  /// The instances of a cube in a text of their own, after the file was opened anew.
  std::string saved(const model::CubeId& id) {
    open();
    const auto found = store->read();
    if (!found || !found->cubes.contains(id)) return "-";
    std::string text;
    for (const Change& change : found->cubes.at(id)) {
      text += fmt::format("{}[{}]", change.node, fmt::join(change.keys, ","));
      for (const auto& [name, value] : *change.after) text += fmt::format(" {}={}", name, value);
      text += ";";
    }
    return text;
  }

  void execute(const std::string& sql) const {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open((folder / "c.db").c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(database);
  }

  /// Leaf x of r1 as one would find it who begins now.
  [[nodiscard]] std::string as_after_a_kill() const {
    const auto copy = folder / "copy";
    std::filesystem::remove_all(copy);
    std::filesystem::create_directory(copy);
    for (const char* file : {"c.db", "c.db-wal"}) std::filesystem::copy(folder / file, copy / file);
    const Disk* watched = std::exchange(disk, nullptr);
    const auto opened = Store::open(copy / "c.db");
    disk = watched;
    const auto found = opened ? (*opened)->read() : tl::unexpected<Error>(opened.error());
    return found ? found->cubes.at({"router", "r1"}).front().after->at("x") : found.error().message;
  }

  std::filesystem::path folder;
  std::unique_ptr<Store> store;
  topology::Topology topology;
};

const model::CubeId r1{"router", "r1"};

TEST_F(StoreTest, KeepsInstancesByNodeAndKeys) {
  topology.cubes["r1"] = {.service = "router", .hook = topology::Hook::xdp_drv, .log_level = "INFO", .uuid = "u1"};
  topology.cubes["r1"].ports["p'1"] = {.index = 5, .peer = "x", .uuid = "u2"};
  save({{r1, {{"", {}, {}, Leaves{{"type", "XDP_DRV"}}}, {"ports", {"p'1"}, {}, Leaves{{"ip", "::1\"\n"}}}}}});
  EXPECT_EQ(saved(r1), "[] type=XDP_DRV;ports[p'1] ip=::1\"\n;");
  save({{r1, {{"route", {"a", "b"}, {}, Leaves{}}, {"ports", {"p'1"}, Leaves{}, Leaves{{"ip", "2"}}}}}});
  EXPECT_EQ(saved(r1), "[] type=XDP_DRV;ports[p'1] ip=2;route[a,b];");
  save({{r1, {{"route", {"a", "b"}, Leaves{}, {}}}}});
  EXPECT_EQ(saved(r1), "[] type=XDP_DRV;ports[p'1] ip=2;");
  const auto found = store->read();
  EXPECT_EQ(found->topology.cubes.at("r1").uuid, "u1");
  EXPECT_EQ(found->topology.cubes.at("r1").hook, topology::Hook::xdp_drv);
  EXPECT_EQ(found->topology.cubes.at("r1").ports.at("p'1").index, 5);
  EXPECT_EQ(found->topology.cubes.at("r1").ports.at("p'1").uuid, "u2");
  topology.cubes.clear();
  save({{r1, {{"ports", {"p'1"}, Leaves{}, {}}, {"", {}, Leaves{}, {}}}}});
  EXPECT_EQ(saved(r1), "-");
  EXPECT_TRUE(store->read()->topology.cubes.empty());
}

TEST_F(StoreTest, ACubeMayBeMadeAnewByAnotherService) {
  topology.cubes["r1"] = {.service = "router", .log_level = "INFO"};
  save({{r1, {{"", {}, {}, Leaves{{"x", "1"}}}}}});
  topology.cubes["r1"] = {.service = "bridge", .log_level = "INFO"};
  // In this order both are written and deleted.
  save({{{"bridge", "r1"}, {{"", {}, {}, Leaves{{"y", "2"}}}}}, {r1, {{"", {}, Leaves{{"x", "1"}}, {}}}}});
  EXPECT_EQ(saved(r1), "-");
  EXPECT_EQ(saved({"bridge", "r1"}), "[] y=2;");
}

TEST_F(StoreTest, TellsWhatWasDone) {
  topology.cubes["r1"] = {.service = "router", .log_level = "INFO"};
  save({{r1, {{"", {}, {}, Leaves{}}}}}, "first");
  save({{r1, {{"ports", {"p1"}, {}, Leaves{{"peer", "x"}}}}}}, "second");
  open();
  const auto history = store->history(5);
  ASSERT_TRUE(history) << history.error().message;
  ASSERT_EQ(history->size(), 2U);
  EXPECT_EQ(history->at(0).comment, "second");
  EXPECT_EQ(history->at(0).author, "root");
  EXPECT_EQ(history->at(0).number, 2);
  EXPECT_EQ(history->at(0).time.time_since_epoch(), std::chrono::milliseconds(1'700'000'000'123));
  EXPECT_EQ(history->at(0).changes.at(r1), (Changes{{"ports", {"p1"}, {}, Leaves{{"peer", "x"}}}}));
  EXPECT_EQ(history->at(1).comment, "first");
  EXPECT_EQ(store->history(1)->size(), 1U);
}

TEST_F(StoreTest, ForgetsOldHistory) {
  open({.commits = 3});
  topology.cubes["r1"] = {.service = "router", .log_level = "INFO"};
  for (int i = 0; i < 5; i++) save({{r1, {{"", {}, {}, Leaves{}}}}});
  const auto history = store->history(10);
  ASSERT_TRUE(history);
  ASSERT_EQ(history->size(), 3U);
  EXPECT_EQ(history->back().number, 3);
  EXPECT_EQ(store->summaries(10)->size(), 3U);
  EXPECT_EQ(store->last(), 5);
}

TEST_F(StoreTest, ItsSizeIsBound) {
  constexpr std::size_t mebibyte = 1 << 20;
  const Disk fast;
  disk = &fast;
  const Store::Limits limits{.bytes = mebibyte};
  open(limits);
  topology.cubes["r1"] = {.service = "router", .log_level = "INFO"};
  const std::string text(mebibyte / 10, 'x');
  for (int i = 0; i < 40; i++) save({{r1, {{"", {}, {}, Leaves{{"x", text}}}}}});
  EXPECT_GT(store->history(100)->size(), 5U);
  EXPECT_LE(store->history(100)->size(), 10U);
  // One that is beyond the limit alone can be taken back, until there is another.
  save({{r1, {{"", {}, {}, Leaves{{"x", std::string(12 * mebibyte, 'y')}}}}}});
  EXPECT_EQ(store->history(100)->size(), 1U);
  store.reset();
  EXPECT_GT(std::filesystem::file_size(folder / "c.db"), 12 * mebibyte);
  open(limits);
  for (int i = 0; i < 5; i++) save({{r1, {{"", {}, {}, Leaves{{"x", "small"}}}}}});
  store.reset();
  EXPECT_LT(std::filesystem::file_size(folder / "c.db"), 8 * mebibyte) << "what is free is given back";
}

TEST_F(StoreTest, TellsWhatWasDoneInWords) {
  topology.cubes["r1"] = {.service = "router", .log_level = "INFO"};
  save({{r1, {{"", {}, {}, Leaves{}}}}}, "first");
  Changes many;
  for (int i = 0; i < 5000; i++) many.push_back({"route", {std::to_string(i)}, {}, Leaves{}});
  save({{r1, many}});
  const auto told = store->summaries(10);
  ASSERT_TRUE(told) << told.error().message;
  ASSERT_EQ(told->size(), 2U);
  EXPECT_EQ(told->at(1).comment, "first");
  EXPECT_EQ(told->at(1).author, "root");
  EXPECT_EQ(told->at(1).number, 1);
  EXPECT_EQ(told->at(1).changes, "create router r1");
  EXPECT_LT(told->at(0).changes.size(), 10'000U);
  EXPECT_TRUE(told->at(0).changes.ends_with("\n... and 4900 more")) << told->at(0).changes;
  EXPECT_EQ(store->summaries(1)->size(), 1U);
  save({{r1, {{"", {}, Leaves{}, Leaves{{"x", "x" + fmt::format("{:é>2000}", "")}}}}}});
  const std::string text = store->summaries(1)->at(0).changes;
  EXPECT_TRUE(text.starts_with("change router r1 x:") && text.ends_with("é ...")) << text;
  EXPECT_LT(text.size(), 1010U);
  // A database of before has no words.
  store.reset();
  execute("DROP TABLE summary");
  open();
  EXPECT_EQ(store->summaries(10)->at(0).changes, text);
  EXPECT_EQ(store->summaries(10)->at(1).changes, told->at(0).changes);
  EXPECT_EQ(store->summaries(10)->at(2).changes, "create router r1");
}

// The disk refuses the log of a transaction, which is in it nonetheless, whole. Killed then, or later.
TEST_F(StoreTest, WhatWasRefusedDoesNotComeBack) {
  topology.cubes["r1"] = {.service = "router", .log_level = "INFO"};
  save({{r1, {{"", {}, {}, Leaves{{"x", "saved"}}}}}});
  Disk broken;
  broken.sync = [](const std::string&) { return EIO; };
  disk = &broken;
  Commit commit;
  commit.changes = {{r1, {{"", {}, Leaves{{"x", "saved"}}, Leaves{{"x", "refused"}}}}}};
  for (int i = 0; i < 3; i++) {
    const auto refused = store->save(commit, topology);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("the change cannot be saved"), std::string::npos);
    EXPECT_EQ(as_after_a_kill(), "saved");
  }
  EXPECT_EQ(store->read()->cubes.at(r1).front().after->at("x"), "saved");
  disk = nullptr;
  save({{r1, {{"", {}, Leaves{{"x", "saved"}}, Leaves{{"x", "next"}}}}}});
  EXPECT_EQ(as_after_a_kill(), "next");
  EXPECT_EQ(store->history(10)->size(), 2U);
}

TEST_F(StoreTest, AFileThatCannotBeUsedIsLeftAlone) {
  const auto content = [&](const std::filesystem::path& file) { return read_file(file).value_or("-"); };
  const auto file = folder / "c.db";
  for (const char* sql : {"PRAGMA user_version=99", "PRAGMA application_id=5"}) {
    store.reset();
    execute(sql);
    const std::string found = content(file);
    const auto refused = Store::open(file);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_value);
    EXPECT_EQ(content(file), found);
    const std::size_t known = Store::files_aside(file).size();
    const auto aside = Store::put_aside(file);
    ASSERT_TRUE(aside) << aside.error().message;
    EXPECT_EQ(content(*aside), found);
    EXPECT_FALSE(std::filesystem::exists(file));
    EXPECT_EQ(Store::files_aside(file).size(), known + 1);
    open();
  }
}

// A log that begins anew forgets what is in it: by then that is in the database, on the disk, where it got from the disk.
TEST_F(StoreTest, NothingIsForgottenBeforeItIsOnTheDisk) {
  topology.cubes["r1"] = {.service = "router", .log_level = "INFO"};
  std::map<std::string, bool> dirty;
  int restarts = 0;
  int checkpoints = 0;
  Disk watched;
  watched.sync = [&](const std::string& file) {
    dirty[file] = false;
    return 0;
  };
  watched.write = [&](const std::string& file, std::int64_t offset) {
    if (file == "c.db" && !dirty[file]) {
      checkpoints++;
      EXPECT_FALSE(dirty["c.db-wal"]) << "pages of the log that are on no disk go into the database";
    }
    if (file == "c.db-wal" && offset == 0) {
      restarts++;
      EXPECT_FALSE(dirty["c.db"]) << "the log begins anew before the database is on the disk";
    }
    dirty[file] = true;
  };
  disk = &watched;
  const std::string long_text(100'000, 'x');
  engine::OldElement old{"u1", "table", "layout", {}};
  old.element.key.resize(100'000);
  for (int i = 0; i < 150; i++) {
    ASSERT_TRUE(store->intend({old}));
    EXPECT_FALSE(dirty["c.db"]);
    if (i % 3 == 0) save({{r1, {{"", {}, {}, Leaves{{"x", long_text + std::to_string(i)}}}}}});
  }
  EXPECT_GT(checkpoints, 1);
  EXPECT_GT(restarts, 1);
}

TEST_F(StoreTest, TheCommitMakesTheIntentVoid) {
  topology.cubes["r1"] = {.service = "router", .log_level = "INFO"};
  engine::OldElement added{"u1", "table", "one", {{std::byte{0}, std::byte{0xfe}}, {}}};
  engine::OldElement changed{"u1", "table", "other", {{std::byte{1}}, bpf::Bytes{std::byte{2}}}};
  ASSERT_TRUE(store->intend({added, changed}));
  open();
  auto found = store->intent();
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ(found->front().element.key, added.element.key);
  EXPECT_FALSE(found->front().element.value);
  EXPECT_EQ(found->front().layout, "one");
  EXPECT_EQ(found->back().element.value, changed.element.value);
  // Killed right after the commit, before anything else was written.
  std::filesystem::copy(folder / "c.db-intent", folder / "kept");
  save({{r1, {{"", {}, {}, Leaves{}}}}});
  EXPECT_FALSE(std::filesystem::exists(folder / "c.db-intent"));
  std::filesystem::copy(folder / "kept", folder / "c.db-intent");
  open();
  EXPECT_TRUE(store->intent().value().empty());
  ASSERT_TRUE(store->intend({added}));
  store->forget_intent();
  EXPECT_TRUE(store->intent().value().empty());
}

TEST_F(StoreTest, KeepsChains) {
  Commit commit;
  commit.chains["br1:p1"] = {{}, {"t1", "t2"}};
  ASSERT_TRUE(store->save(commit, topology));
  open();
  EXPECT_EQ(store->read()->topology.chains.at("br1:p1"), (std::vector<std::string>{"t1", "t2"}));
  commit.chains["br1:p1"] = {{"t1", "t2"}, {}};
  ASSERT_TRUE(store->save(commit, topology));
  EXPECT_TRUE(store->read()->topology.chains.empty());
}

TEST_F(StoreTest, AFolderThatIsNotThereIsAnError) {
  const auto refused = Store::open(folder / "no/c.db");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("unable to open"), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace polycube::service
