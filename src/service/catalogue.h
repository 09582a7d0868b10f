// SPDX-License-Identifier: Apache-2.0
/// The services that cubes can be made from, as found in package folders.
/// Why: a service is a folder (NAME/NAME.yang, NAME.tc.o, NAME.xdp.o, and NAME.so with its control plane, if any); putting
/// one there is all that installing takes.
/// Invariants: a package that cannot be used is listed with the reason and does not stand in the way of others.
/// What services with a process of their own sent is kept as packages, too, in a folder of the daemon's.
/// Threading: not synchronised; the controller lets accept() and connect() run alone.
#pragma once

#include <filesystem>
#include <map>
#include <memory>

#include <polycube/control.h>

#include "engine/package.h"
#include "model/schema.h"
#include "service/control_source.h"

namespace polycube::service {

class Catalogue {
 public:
  struct Entry {
    std::filesystem::path folder;
    std::optional<engine::Package> package;  ///< absent when `error` says why
    std::shared_ptr<ControlSource> control;  ///< of services with a control plane
    bool remote = false;                     ///< with a process of its own
    Error error;
  };
  /// A service more, and the schema with it.
  struct Extension {
    std::string name;
    Entry entry;
    std::shared_ptr<const model::Schema> schema;
  };

  /// Looks for packages in the sub-folders of each folder; of two with one name, the first counts. Those in `remote_dir`,
  /// which need not exist, have their control planes elsewhere.
  [[nodiscard]] static Result<Catalogue> find(const std::filesystem::path& yang_dir,
                                              const std::vector<std::filesystem::path>& service_dirs,
                                              const std::filesystem::path& remote_dir);

  /// What accept() would make of a package whose control plane is elsewhere, in place of one of this name. Errors: those
  /// of its model and its objects.
  [[nodiscard]] Result<Extension> extend(const std::string& name, const std::filesystem::path& folder) const;
  /// Packages that were given out stay, but for that in whose place the new one comes.
  void accept(Extension extension);
  /// Where the control planes of a remote service come from, from now on.
  void connect(const std::string& service, std::shared_ptr<ControlSource> source);

  [[nodiscard]] const std::shared_ptr<const model::Schema>& schema() const { return schema_; }
  [[nodiscard]] const std::map<std::string, Entry>& entries() const { return entries_; }

  /// The package from which a cube of this service can be made. Errors: the reason why not.
  [[nodiscard]] Result<const engine::Package*> package(const std::string& service) const;
  /// The control plane of a service, null when it has none.
  [[nodiscard]] ControlSource* control(const std::string& service) const;

 private:
  std::filesystem::path yang_dir_;
  std::shared_ptr<const model::Schema> schema_;
  std::map<std::string, Entry> entries_;
};

}  // namespace polycube::service
