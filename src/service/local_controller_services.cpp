// SPDX-License-Identifier: Apache-2.0
// Services that come at run time, with a process of their own.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>

#include "base/file.h"
#include "base/folder.h"
#include "base/log.h"
#include "service/cube_tree.h"
#include "service/local_controller.h"

namespace polycube::service {

namespace fs = std::filesystem;

namespace {

/// A package in the making: what was in its place comes back unless it is kept. At any instant, and after a loss of power, one
/// of them is there, whole.
class StoredPackage {
 public:
  StoredPackage(const fs::path& folder, const std::string& name)
      : path_(folder / name), other_(folder / ("." + name)) {}
  StoredPackage(const StoredPackage&) = delete;
  StoredPackage& operator=(const StoredPackage&) = delete;
  ~StoredPackage() {
    if (placed_ && !kept_)
      if (auto undone = swap(); !undone) log::error("{}", undone.error().message);
    std::error_code ignored;
    fs::remove_all(other_, ignored);
  }

  [[nodiscard]] Result<> write(const ServiceOffer& offer) {
    std::error_code error;
    fs::remove_all(other_, error);
    for (const fs::path& folder : {other_.parent_path(), other_})
      if (::mkdir(folder.c_str(), 0700) < 0 && errno != EEXIST)
        return fail_errno(errno, fmt::format("cannot create the folder {}", folder.string()));
    PCN_TRY(put_file(other_ / (offer.name + ".yang"), offer.model, Lasting::power));
    for (const auto& [name, objects] : offer.objects) {
      PCN_TRY(put_file(other_ / (name + ".tc.o"), objects.first, Lasting::power));
      PCN_TRY(put_file(other_ / (name + ".xdp.o"), objects.second, Lasting::power));
    }
    PCN_TRY(swap());
    placed_ = true;
    PCN_TRY(sync_folder(path_.parent_path()));
    return sync_folder(path_.parent_path().parent_path());
  }
  [[nodiscard]] const fs::path& path() const { return path_; }
  void keep() { kept_ = true; }

 private:
  // What is in its place, if anything, and what is beside it.
  [[nodiscard]] Result<> swap() {
    const bool exchange = fs::exists(path_) && fs::exists(other_);
    const fs::path& from = fs::exists(other_) ? other_ : path_;
    const fs::path& to = fs::exists(other_) ? path_ : other_;
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), exchange ? RENAME_EXCHANGE : 0) < 0)
      return fail_errno(errno, fmt::format("cannot replace {}", path_.string()));
    return {};
  }

  fs::path path_;
  fs::path other_;
  bool placed_ = false;
  bool kept_ = false;
};

// It becomes the name of files and a word of the command line.
bool is_module_name(const std::string& name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && name.size() <= 64 && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '-'; });
}

}  // namespace

Result<> LocalController::check_offer(const ServiceOffer& offer) const {
  if (!is_module_name(offer.name))
    return fail(ErrorCode::invalid_value,
                "a service has a name of at most 64 letters, digits, '-' and '_' that begins with a letter");
  for (const auto& [name, objects] : offer.objects)
    if (!is_module_name(name))
      return fail(ErrorCode::invalid_value, "service {}: \"{}\" cannot be the name of a program", offer.name, name);
  if (is_command_word(offer.name))
    return fail(ErrorCode::invalid_value, "{} cannot be the name of a service: it is a word of the command line",
                offer.name);
  const auto known = catalogue_.entries().find(offer.name);
  if (known != catalogue_.entries().end()) {
    const Catalogue::Entry& entry = known->second;
    if (!entry.remote)
      return fail(ErrorCode::data_exists, "service {} is installed in {}", offer.name, entry.folder.string());
    if (entry.control && entry.control->place() == ControlSource::Place::remote)
      return fail(ErrorCode::data_exists, "service {} is attached already, by another process", offer.name);
  }
  if (datastore_.find(offer.name) != nullptr)
    return fail(ErrorCode::data_exists, "there is a cube with the name of service {}; delete it or rename the service",
                offer.name);
  return {};
}

// Whether it is what its cubes were made from, and would be.
bool LocalController::is_known(const ServiceOffer& offer) const {
  const auto known = catalogue_.entries().find(offer.name);
  if (known == catalogue_.entries().end() || !known->second.package) return false;
  const auto model = catalogue_.schema()->texts().find(offer.name);
  const fs::path& folder = known->second.folder;
  return model != catalogue_.schema()->texts().end() && model->second == offer.model &&
         names_in(folder, ".tc.o").size() == offer.objects.size() &&
         std::all_of(offer.objects.begin(), offer.objects.end(), [&](const auto& program) {
           return read_file(folder / (program.first + ".tc.o")) == program.second.first &&
                  read_file(folder / (program.first + ".xdp.o")) == program.second.second;
         });
}

Result<> LocalController::add_service(const ServiceOffer& offer) {
  StoredPackage stored(options_.remote_dir, offer.name);
  PCN_TRY(stored.write(offer));
  PCN_ASSIGN(Catalogue::Extension extension, catalogue_.extend(offer.name, stored.path()));
  PCN_ASSIGN(model::Datastore moved, datastore_.moved_to(extension.schema));
  catalogue_.accept(std::move(extension));
  datastore_ = std::move(moved);
  schema_ = catalogue_.schema();
  stored.keep();
  return {};
}

std::map<model::CubeId, model::CubeTree> LocalController::cubes_of(const std::string& service) const {
  std::map<model::CubeId, model::CubeTree> cubes;
  for (const auto& cube : datastore_.cubes())
    if (cube.first.service == service) cubes.insert(cube);
  return cubes;
}

Result<> LocalController::attach_service(const ServiceOffer& offer, std::shared_ptr<ControlSource> source) {
  const WriteLock lock(mutex_);
  if (devices_ == nullptr) return fail(ErrorCode::system, "the daemon is stopping");
  PCN_TRY(check_offer(offer));
  const bool was_away = is_away(offer.name);
  const auto cubes = cubes_of(offer.name);
  if (!is_known(offer)) {
    if (!cubes.empty())
      return fail(
          ErrorCode::in_use,
          "service {} has {} cubes, made from another model or other objects: delete them, or connect the service "
          "that they were made from",
          offer.name, cubes.size());
    PCN_TRY(add_service(offer));
  }
  PCN_ASSIGN(const engine::Package* package, catalogue_.package(offer.name));
  const topology::Devices devices = devices_->current();
  PCN_TRY(control_planes_.renew(cubes, *source, *package, *engine_, {topology_, wiring_, devices, port_leaves()}));
  catalogue_.connect(offer.name, std::move(source));
  if (was_away) report(Fault::cleared, "service-detached", offer.name, "its process is connected again");
  log::info("service {} is attached; it has {} cubes", offer.name, cubes.size());
  restore_missing();
  return {};
}

// Of a service with a process of its own, whether that is not connected.
bool LocalController::is_away(const std::string& service) const {
  const ControlSource* source = catalogue_.control(service);
  return source != nullptr && source->place() == ControlSource::Place::detached;
}

void LocalController::service_lost(const std::string& service, const std::string& reason) {
  report(Fault::raised, "service-detached", service, reason);
}

}  // namespace polycube::service
