// SPDX-License-Identifier: Apache-2.0
#include "daemon/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace polycube::daemon {

namespace fs = std::filesystem;

Result<StateDir> StateDir::open(const fs::path& path) {
  StateDir dir;
  dir.path_ = path;
  std::error_code error;
  const bool fresh = fs::create_directories(path, error);
  if (error) return fail(ErrorCode::system, "cannot create the state folder {}: {}", path.string(), error.message());
  if (fresh) fs::permissions(path, fs::perms::owner_all, error);
  const fs::path lock = path / "lock";
  dir.lock_ = Fd(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!dir.lock_) return fail_errno(errno, fmt::format("cannot open {}", lock.string()));
  if (flock(dir.lock_.get(), LOCK_EX | LOCK_NB) < 0) {
    char owner[32] = {};
    const ssize_t length = pread(dir.lock_.get(), owner, sizeof(owner) - 1, 0);
    return fail(ErrorCode::in_use,
                "the state folder {} is used by another daemon (pid {}); give --state-dir another one", path.string(),
                length > 0 ? owner : "unknown");
  }
  const std::string pid = std::to_string(getpid());
  if (ftruncate(dir.lock_.get(), 0) < 0 || pwrite(dir.lock_.get(), pid.data(), pid.size(), 0) < 0)
    return fail_errno(errno, fmt::format("cannot write {}", lock.string()));
  return dir;
}

void StateDir::remove() {
  std::error_code ignored;
  fs::remove(path_ / "lock", ignored);
  fs::remove(path_, ignored);
}

}  // namespace polycube::daemon
