// SPDX-License-Identifier: Apache-2.0
#include "harness/services.h"

#include <map>

#include "harness/must.h"

namespace polycube::harness {

const Service& service(const std::string& name) {
  static std::map<std::string, Service> services;
  auto found = services.find(name);
  if (found != services.end()) return found->second;
  const std::filesystem::path folder = std::filesystem::path(POLYCUBE_HARNESS_SERVICES_DIR) / name;
  Service loaded;
  loaded.name = name;
  loaded.schema = must(model::Schema::load(POLYCUBE_HARNESS_YANG_DIR, {folder / (name + ".yang")}));
  for (const auto& failure : loaded.schema->failures()) throw_error(failure.error);
  const model::ServiceModel* model = loaded.schema->service(name);
  if (model == nullptr) throw std::runtime_error("no service " + name);
  loaded.package = std::make_unique<engine::Package>(must(engine::Package::open(folder, *model)));
  return services.emplace(name, std::move(loaded)).first->second;
}

}  // namespace polycube::harness
