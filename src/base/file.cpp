// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/fd.h"

namespace polycube {

namespace fs = std::filesystem;

namespace {

tl::unexpected<Error> cannot_write(int reason, const fs::path& file) {
  if (reason == ENOSPC || reason == EDQUOT)
    return fail(ErrorCode::system, "{} cannot be written, the disk is full: make room and try again", file.string());
  return fail_errno(reason, fmt::format("cannot write {}", file.string()));
}

Result<> write_all(int fd, std::string_view content, const fs::path& file) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return cannot_write(errno, file);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

Result<> put_file(const fs::path& file, std::string_view content, Lasting lasting) {
  const std::string fresh = file.string() + ".new";
  const auto write = [&]() -> Result<> {
    const Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return cannot_write(errno, file);
    PCN_TRY(write_all(fd.get(), content, file));
    if (lasting == Lasting::power && ::fsync(fd.get()) < 0) return cannot_write(errno, file);
    if (::rename(fresh.c_str(), file.c_str()) < 0) return cannot_write(errno, file);
    return {};
  };
  if (auto done = write(); !done) {
    ::unlink(fresh.c_str());
    return done;
  }
  return lasting == Lasting::power ? sync_folder(file.parent_path()) : Result<>();
}

Result<> sync_folder(const fs::path& folder) {
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) < 0) return cannot_write(errno, folder);
  return {};
}

Result<std::string> read_file(const fs::path& file) {
  const Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return fail(ErrorCode::data_missing, "there is no {}", file.string());
  if (!fd) return fail_errno(errno, fmt::format("cannot read {}", file.string()));
  std::string content;
  char part[65536];
  for (;;) {
    const ssize_t count = ::read(fd.get(), part, sizeof(part));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(errno, fmt::format("cannot read {}", file.string()));
    if (count == 0) return content;
    content.append(part, static_cast<std::size_t>(count));
  }
}

}  // namespace polycube
