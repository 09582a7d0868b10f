// SPDX-License-Identifier: Apache-2.0
#include "service/catalogue.h"

#include <set>

#include "base/log.h"
#include "service/control_plane.h"

namespace polycube::service {

namespace fs = std::filesystem;

namespace {

// Sub-folders that hold a model, in name order.
std::map<std::string, fs::path> packages_in(const fs::path& folder) {
  std::map<std::string, fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (fs::exists(entry.path() / (name + ".yang"), error)) {
      found.emplace(name, entry.path());
    } else if (entry.is_directory(error)) {
      log::warn("{} is no service package: it has no {}.yang (the folder has the name of its module)",
                entry.path().string(), name);
    }
  }
  if (error) log::warn("cannot read the services in {}: {}", folder.string(), error.message());
  return found;
}

Result<const control::Service*> find_control(const fs::path& library, bool needed) {
  std::error_code error;
  if (fs::exists(library, error)) return load_control(library);
  if (!needed) return nullptr;
  return fail(ErrorCode::invalid_value, "its fast path sends packets to a slow path, but {} does not exist",
              library.string());
}

}  // namespace

Result<Catalogue> Catalogue::find(const fs::path& yang_dir, const std::vector<fs::path>& service_dirs) {
  Catalogue catalogue;
  std::vector<fs::path> models;
  for (const fs::path& folder : service_dirs) {
    for (const auto& [name, path] : packages_in(folder)) {
      if (!catalogue.entries_.try_emplace(name, Entry{path, std::nullopt, nullptr, {}}).second) {
        log::warn("service {} in {} is hidden by the one in {}", name, folder.string(),
                  catalogue.entries_.at(name).folder.string());
        continue;
      }
      models.push_back(path / (name + ".yang"));
    }
  }
  PCN_ASSIGN(catalogue.schema_, model::Schema::load(yang_dir, models));
  for (const model::Schema::Failure& failure : catalogue.schema_->failures())
    catalogue.entries_.at(failure.file.stem().string()).error = failure.error;
  for (auto& [name, entry] : catalogue.entries_) {
    if (const model::ServiceModel* model = catalogue.schema_->service(name); model != nullptr) {
      auto package = engine::Package::open(entry.folder, *model);
      auto control = package ? find_control(entry.folder / (name + ".so"), package->slow_path()) : nullptr;
      if (package && control) {
        entry.package = std::move(*package);
        entry.control = *control;
      } else {
        entry.error = package ? control.error() : package.error();
      }
    } else if (entry.error.message.empty()) {
      entry.error = Error{ErrorCode::invalid_value, "its model could not be loaded", {}, {}};
    }
    if (!entry.package)
      log::error("service {} in {} cannot be used: {}", name, entry.folder.string(), entry.error.message);
  }
  return catalogue;
}

const control::Service* Catalogue::control(const std::string& service) const {
  auto entry = entries_.find(service);
  return entry == entries_.end() ? nullptr : entry->second.control;
}

Result<const engine::Package*> Catalogue::package(const std::string& service) const {
  auto entry = entries_.find(service);
  if (entry == entries_.end()) return fail(ErrorCode::unknown_element, "there is no service {}", service);
  if (!entry->second.package) {
    Error error = entry->second.error;
    if (error.code != ErrorCode::verifier_rejected) error.code = ErrorCode::system;
    return fail_with(std::move(error), fmt::format("service {} cannot be used, its package is broken", service));
  }
  return &*entry->second.package;
}

}  // namespace polycube::service
