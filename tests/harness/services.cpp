// SPDX-License-Identifier: Apache-2.0
#include "harness/services.h"

#include <map>

#include "harness/must.h"
#include "harness/places.h"

namespace polycube::harness {

const Service& service(const std::string& name) {
  static std::map<std::string, Service> services;
  auto found = services.find(name);
  if (found != services.end()) return found->second;
  std::filesystem::path folder = places().own_services / name;
  if (!std::filesystem::exists(folder)) folder = places().data / "services" / name;
  Service loaded;
  loaded.name = name;
  loaded.schema = must(model::Schema::load(places().data / "yang", {folder / (name + ".yang")}));
  for (const auto& failure : loaded.schema->failures()) throw_error(failure.error);
  const model::ServiceModel* model = loaded.schema->service(name);
  if (model == nullptr) throw std::runtime_error("no service " + name);
  loaded.package = std::make_unique<engine::Package>(must(engine::Package::open(folder, *model)));
  return services.emplace(name, std::move(loaded)).first->second;
}

}  // namespace polycube::harness
