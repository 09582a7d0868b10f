// SPDX-License-Identifier: Apache-2.0
#include "service/catalogue.h"

#include <set>

#include "base/log.h"
#include "model/user_order.h"
#include "service/library.h"
#include "service/packet_log.h"

namespace polycube::service {

namespace fs = std::filesystem;

namespace {

// Sub-folders that hold a model, in name order.
std::map<std::string, fs::path> packages_in(const fs::path& folder) {
  std::map<std::string, fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.front() == '.') continue;
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

class LibrarySource : public ControlSource {
 public:
  explicit LibrarySource(const control::Service& service) : service_(service) {}
  [[nodiscard]] Result<std::unique_ptr<control::Cube>> create(control::Host& host) override {
    return service_.create(host);
  }
  [[nodiscard]] Place place() const override { return Place::in_process; }

 private:
  const control::Service& service_;
};

Result<std::shared_ptr<ControlSource>> find_control(const fs::path& library, const engine::Package& package,
                                                    const model::ServiceModel& model) {
  std::error_code error;
  const bool exists = fs::exists(library, error);
  if (!exists && !package.slaves().empty())
    return fail(ErrorCode::invalid_value,
                "its program {} is a slave, which only a control plane can add to a cube, but {} does not exist",
                package.slaves().begin()->first, library.string());
  if (model.logs_packets && (exists || !package.slow_path()))
    return fail(
        ErrorCode::invalid_value,
        "its model has pcn:logs-packets, which is for a fast path that sends packets to a slow path, without {}",
        library.filename().string());
  if (model.logs_packets) return std::make_shared<LibrarySource>(packet_log());
  if (exists) {
    PCN_ASSIGN(const control::Service* service, load_control(library));
    return std::make_shared<LibrarySource>(*service);
  }
  if (!package.slow_path()) return nullptr;
  return fail(ErrorCode::invalid_value, "its fast path sends packets to a slow path, but {} does not exist",
              library.string());
}

// Opens the package of an entry; when that fails, the entry says why.
void open_package(const std::string& name, Catalogue::Entry& entry, const model::Schema& schema) {
  const model::ServiceModel* model = schema.service(name);
  if (model == nullptr) {
    if (entry.error.message.empty())
      entry.error = Error{ErrorCode::invalid_value, "its model could not be loaded", {}, {}};
    return;
  }
  if (const auto node = model::ordered_by_user(*model)) {
    entry.error = Error{ErrorCode::invalid_value,
                        fmt::format("{} of its model is ordered-by user, and no cube keeps such an order: give its "
                                    "entries a key or leaf that says their order",
                                    *node),
                        {},
                        {}};
    return;
  }
  auto package =
      engine::Package::open(entry.folder, *model, entry.remote ? bpf::Origin::outside : bpf::Origin::installed);
  if (!package) {
    entry.error = std::move(package).error();
    return;
  }
  if (entry.remote) {
    entry.control = std::make_shared<DetachedSource>(name);
  } else {
    auto control = find_control(entry.folder / (name + ".so"), *package, *model);
    if (!control) {
      entry.error = std::move(control).error();
      return;
    }
    entry.control = std::move(*control);
  }
  entry.package = std::move(*package);
}

}  // namespace

Result<Catalogue> Catalogue::find(const fs::path& yang_dir, const std::vector<fs::path>& service_dirs,
                                  const fs::path& remote_dir) {
  Catalogue catalogue;
  catalogue.yang_dir_ = yang_dir;
  std::vector<fs::path> models;
  const auto add = [&](const fs::path& folder, bool remote) {
    for (const auto& [name, path] : packages_in(folder)) {
      if (!catalogue.entries_.try_emplace(name, Entry{path, std::nullopt, nullptr, remote, {}}).second) {
        log::warn("service {} in {} is hidden by the one in {}", name, folder.string(),
                  catalogue.entries_.at(name).folder.string());
        continue;
      }
      if (auto trusted = remote ? Result<>() : check_package(path); !trusted)
        catalogue.entries_.at(name).error = trusted.error();
      else
        models.push_back(path / (name + ".yang"));
    }
  };
  for (const fs::path& folder : service_dirs) add(folder, false);
  std::error_code error;
  if (fs::is_directory(remote_dir, error)) add(remote_dir, true);
  PCN_ASSIGN(catalogue.schema_, model::Schema::load(yang_dir, models));
  for (const model::Schema::Failure& failure : catalogue.schema_->failures())
    catalogue.entries_.at(failure.file.stem().string()).error = failure.error;
  for (auto& [name, entry] : catalogue.entries_) {
    open_package(name, entry, *catalogue.schema_);
    if (!entry.package)
      log::error("service {} in {} cannot be used: {}", name, entry.folder.string(), entry.error.message);
  }
  return catalogue;
}

Result<Catalogue::Extension> Catalogue::extend(const std::string& name, const fs::path& folder) const {
  Extension extension{name, {folder, std::nullopt, nullptr, true, {}}, nullptr};
  model::Schema::Texts texts = schema_->texts();
  texts.erase(name);
  std::vector<fs::path> models;
  for (const auto& [other, entry] : entries_)
    if (other != name && schema_->service(other) != nullptr) models.push_back(entry.folder / (other + ".yang"));
  models.push_back(folder / (name + ".yang"));
  PCN_ASSIGN(extension.schema, model::Schema::load(yang_dir_, models, texts));
  for (const model::Schema::Failure& failure : extension.schema->failures())
    return tl::unexpected<Error>(failure.error);
  open_package(name, extension.entry, *extension.schema);
  if (!extension.entry.package) return tl::unexpected<Error>(extension.entry.error);
  return extension;
}

void Catalogue::accept(Extension extension) {
  entries_[extension.name] = std::move(extension.entry);
  for (auto& [name, entry] : entries_)
    if (entry.package) entry.package->rebind(*extension.schema->service(name));
  schema_ = std::move(extension.schema);
}

void Catalogue::connect(const std::string& service, std::shared_ptr<ControlSource> source) {
  entries_.at(service).control = std::move(source);
}

ControlSource* Catalogue::control(const std::string& service) const {
  auto entry = entries_.find(service);
  return entry == entries_.end() ? nullptr : entry->second.control.get();
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
