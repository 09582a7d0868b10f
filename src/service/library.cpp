// SPDX-License-Identifier: Apache-2.0
#include "service/library.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <deque>

namespace polycube::service {

namespace fs = std::filesystem;

namespace {

constexpr int max_links = 40;  // as in the kernel

// Whoever can write the file or a folder on the way to it decides what the daemon runs.
Result<> check_owner(const fs::path& path, const struct stat& status, bool above) {
  const bool writable = !S_ISLNK(status.st_mode) && (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  // In a sticky folder nobody can rename what belongs to another.
  const bool harmless = above && (status.st_mode & S_ISVTX) != 0;
  if ((status.st_uid != 0 && status.st_uid != ::geteuid()) || (writable && !harmless))
    return fail(ErrorCode::access_denied, "{} is not loaded: it must belong to root, and nobody else may write it",
                path.string());
  return {};
}

// Goes the way that opening the path goes, folder by folder and link by link. When all of them are root's, nobody else can
// make it lead elsewhere afterwards; a link in somebody else's folder could, whatever it leads to now.
Result<> check_trusted(const fs::path& path) {
  std::deque<fs::path> ahead;
  const auto go = [&](const fs::path& way) {
    const fs::path steps = way.relative_path();
    ahead.insert(ahead.begin(), steps.begin(), steps.end());
  };
  go(fs::absolute(path));
  fs::path here = "/";
  struct stat status{};
  const auto look = [&](const fs::path& at) -> Result<> {
    if (::lstat(at.c_str(), &status) == 0) return {};
    return fail_errno(errno, fmt::format("cannot read {}", at.string()));
  };
  PCN_TRY(look(here));
  for (int links = 0; !ahead.empty();) {
    PCN_TRY(check_owner(here, status, true));
    const fs::path next = here / ahead.front();
    ahead.pop_front();
    PCN_TRY(look(next));
    if (!S_ISLNK(status.st_mode)) {
      here = next;
      continue;
    }
    PCN_TRY(check_owner(next, status, true));
    std::error_code error;
    const fs::path target = fs::read_symlink(next, error);
    if (error || ++links > max_links)
      return fail(ErrorCode::system, "cannot follow the link {}: {}", next.string(),
                  error ? error.message() : "too many links");
    if (target.is_absolute()) here = "/";
    go(target);
    PCN_TRY(look(here));
  }
  return check_owner(here, status, false);
}

}  // namespace

Result<> check_package(const fs::path& folder) {
  PCN_TRY(check_trusted(folder));
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) PCN_TRY(check_trusted(entry.path()));
  if (error) return fail(ErrorCode::system, "cannot read {}: {}", folder.string(), error.message());
  return {};
}

Result<const control::Service*> load_control(const fs::path& library) {
  PCN_TRY(check_trusted(fs::absolute(library).parent_path()));
  PCN_TRY(check_trusted(library));
  void* handle = ::dlopen(fs::absolute(library).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return fail(ErrorCode::invalid_value, "cannot load a control plane: {}", ::dlerror());
  const auto* service = static_cast<const control::Service*>(::dlsym(handle, "polycube_service"));
  if (service == nullptr)
    return fail(ErrorCode::invalid_value, "{} is no control plane: it has no POLYCUBE_SERVICE", library.string());
  if (service->version != control::interface_version)
    return fail(ErrorCode::invalid_value, "{} was built for interface version {}, this is {}", library.string(),
                service->version, control::interface_version);
  return service;
}

}  // namespace polycube::service
