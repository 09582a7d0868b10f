// SPDX-License-Identifier: Apache-2.0
#include "daemon/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

namespace polycube::daemon {

namespace fs = std::filesystem;

namespace {

// The lock file of the folder, open and locked; nothing when its last owner removed it, or the folder, in the meantime.
Result<std::optional<Fd>> lock_in(const fs::path& folder) {
  if (mkdir(folder.c_str(), 0700) < 0 && errno != EEXIST)
    return fail(ErrorCode::system,
                "cannot create the state folder {}: {}; give --state-dir a folder in an existing one", folder.string(),
                std::strerror(errno));
  const fs::path file = folder / "lock";
  Fd lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock && errno == ENOENT) return std::nullopt;
  if (!lock) return fail_errno(errno, fmt::format("cannot open {}", file.string()));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) < 0) {
    char owner[32] = {};
    const ssize_t length = pread(lock.get(), owner, sizeof(owner) - 1, 0);
    return fail(ErrorCode::in_use,
                "the state folder {} is used by another daemon (pid {}); give --state-dir another one", folder.string(),
                length > 0 ? owner : "unknown");
  }
  struct stat locked{};
  struct stat there{};
  if (fstat(lock.get(), &locked) < 0 || stat(file.c_str(), &there) < 0 || locked.st_ino != there.st_ino ||
      locked.st_dev != there.st_dev)
    return std::nullopt;
  return lock;
}

}  // namespace

Result<StateDir> StateDir::open(const fs::path& path) {
  std::optional<Fd> lock;
  for (int attempt = 0; attempt < 1000 && !lock; attempt++) {
    PCN_ASSIGN(lock, lock_in(path));
  }
  if (!lock) return fail(ErrorCode::system, "{} vanishes as soon as it is made", (path / "lock").string());
  const std::string pid = std::to_string(getpid());
  if (ftruncate(lock->get(), 0) < 0 || pwrite(lock->get(), pid.data(), pid.size(), 0) < 0)
    return fail_errno(errno, fmt::format("cannot write {}", (path / "lock").string()));
  StateDir dir;
  dir.path_ = path;
  dir.lock_ = std::move(*lock);
  return dir;
}

StateDir::~StateDir() {
  if (!remove_ || !lock_) return;
  std::error_code ignored;
  fs::remove_all(path_ / "services", ignored);  // what they sent
  for (const char* file : {"configuration.db", "configuration.db-wal", "configuration.db-shm",
                           "configuration.db-intent", "audit.log", "audit.log.1", "audit.log.2", "audit.log.3", "lock"})
    fs::remove(path_ / file, ignored);
  fs::remove(path_, ignored);
}

}  // namespace polycube::daemon
