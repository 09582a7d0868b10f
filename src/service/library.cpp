// SPDX-License-Identifier: Apache-2.0
#include "service/library.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

namespace polycube::service {

namespace fs = std::filesystem;

namespace {

// Whoever can write the file or its folder decides what the daemon runs.
Result<> check_owner(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) < 0) return fail_errno(errno, fmt::format("cannot read {}", path.string()));
  if ((status.st_uid != 0 && status.st_uid != ::geteuid()) || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return fail(ErrorCode::access_denied, "{} is not loaded: it must belong to root, and nobody else may write it",
                path.string());
  return {};
}

}  // namespace

Result<const control::Service*> load_control(const fs::path& library) {
  PCN_TRY(check_owner(library.parent_path()));
  PCN_TRY(check_owner(library));
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
