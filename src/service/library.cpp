// SPDX-License-Identifier: Apache-2.0
#include "service/library.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace polycube::service {

namespace fs = std::filesystem;

namespace {

// Whoever can write the file or a folder on the way to it decides what the daemon runs.
Result<> check_owner(const fs::path& path, bool above) {
  struct stat status{};
  if (::stat(path.c_str(), &status) < 0) return fail_errno(errno, fmt::format("cannot read {}", path.string()));
  const bool writable = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  // In a sticky folder nobody can rename what belongs to another.
  const bool harmless = above && (status.st_mode & S_ISVTX) != 0;
  if ((status.st_uid != 0 && status.st_uid != ::geteuid()) || (writable && !harmless))
    return fail(ErrorCode::access_denied, "{} is not loaded: it must belong to root, and nobody else may write it",
                path.string());
  return {};
}

Result<> check_trusted(const fs::path& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error) return fail(ErrorCode::system, "cannot read {}: {}", path.string(), error.message());
  PCN_TRY(check_owner(real, false));
  for (fs::path folder = real; folder.has_relative_path();) {
    folder = folder.parent_path();
    PCN_TRY(check_owner(folder, true));
  }
  return {};
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
  PCN_TRY(check_owner(library.parent_path(), false));
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
