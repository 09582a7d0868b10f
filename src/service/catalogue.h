// SPDX-License-Identifier: Apache-2.0
/// The services that cubes can be made from, as found in package folders.
/// Why: a service is a folder (NAME/NAME.yang, NAME.tc.o, NAME.xdp.o, and NAME.so with its control plane, if any); putting one there is all that installing takes.
/// Invariants: a package that cannot be used is listed with the reason and does not stand in the way of others.
/// Threading: immutable after find().
#pragma once

#include <filesystem>
#include <map>
#include <memory>

#include <polycube/control.h>

#include "engine/package.h"
#include "model/schema.h"

namespace polycube::service {

class Catalogue {
 public:
  struct Entry {
    std::filesystem::path folder;
    std::optional<engine::Package> package;     ///< absent when `error` says why
    const control::Service* control = nullptr;  ///< of services with a control plane
    Error error;
  };

  /// Looks for packages in the sub-folders of each folder; of two with one name, the first counts.
  [[nodiscard]] static Result<Catalogue> find(const std::filesystem::path& yang_dir,
                                              const std::vector<std::filesystem::path>& service_dirs);

  [[nodiscard]] const std::shared_ptr<const model::Schema>& schema() const { return schema_; }
  [[nodiscard]] const std::map<std::string, Entry>& entries() const { return entries_; }

  /// The package from which a cube of this service can be made. Errors: the reason why not.
  [[nodiscard]] Result<const engine::Package*> package(const std::string& service) const;
  /// The control plane of a service, null when it has none.
  [[nodiscard]] const control::Service* control(const std::string& service) const;

 private:
  std::shared_ptr<const model::Schema> schema_;
  std::map<std::string, Entry> entries_;
};

}  // namespace polycube::service
