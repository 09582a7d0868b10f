// SPDX-License-Identifier: Apache-2.0
#include "harness/must.h"
#include "harness/places.h"
#include "harness/services.h"

namespace polycube::harness {

namespace {

using model::LeafType;

model::LeafBinding leaf(const std::string& name, LeafType type, bool key = false) {
  model::LeafBinding binding;
  binding.name = binding.field = name;
  binding.type = type;
  binding.key = key;
  return binding;
}

// As a YANG module would bind it.
model::ServiceModel probe_model(const std::string& name) {
  model::ServiceModel model;
  model.name = name;
  model.drop_reasons = {"first", "second"};
  model::TableBinding& rules = model.bindings.emplace_back();
  rules.table = "rules";
  rules.path = {"rules"};
  rules.leaves = {leaf("inport", LeafType::port, true), leaf("action", LeafType::enumeration),
                  leaf("outport", LeafType::integer), leaf("traffic_class", LeafType::integer)};
  rules.leaves[1].enumerators = {{"drop", 0}, {"host", 1},      {"forward", 2}, {"flood", 3},
                                 {"fail", 4}, {"slow-path", 5}, {"refuse", 6}};
  model::TableBinding& notes = model.bindings.emplace_back();
  notes.table = "notes";
  notes.path = {"notes"};
  notes.leaves = {leaf("number", LeafType::integer, true), leaf("text", LeafType::integer)};
  return model;
}

std::unique_ptr<Service> load(const std::string& name, model::ServiceModel model) {
  auto service = std::make_unique<Service>();
  service->name = name;
  service->own_model = std::move(model);
  const std::filesystem::path folder = places().data / "probes" / name;
  service->package = std::make_unique<engine::Package>(must(engine::Package::open(folder, service->own_model)));
  return service;
}

std::unique_ptr<Service> load_unbound(const std::string& name, bool transparent) {
  model::ServiceModel model;
  model.name = name;
  model.transparent = transparent;
  return load(name, std::move(model));
}

}  // namespace

const Service& probe() {
  static const std::unique_ptr<Service> service = load("probe", probe_model("probe"));
  return *service;
}

const Service& flooder() {
  static const std::unique_ptr<Service> service = load("flooder", probe_model("flooder"));
  return *service;
}

const Service& slow_prober() {
  static const std::unique_ptr<Service> service = load("slow_prober", probe_model("slow_prober"));
  return *service;
}

const Service& parser() {
  static const std::unique_ptr<Service> service = load_unbound("parser", false);
  return *service;
}

const Service& caller() {
  static const std::unique_ptr<Service> service = load_unbound("caller", false);
  return *service;
}

const Service& transparent_caller() {
  static const std::unique_ptr<Service> service = load_unbound("transparent_caller", true);
  return *service;
}

const Service& wide(const std::string& form) {
  static std::map<std::string, std::unique_ptr<Service>> services;
  std::unique_ptr<Service>& service = services[form];
  if (!service) service = load_unbound("wide_" + form, false);
  return *service;
}

const Service& logger() {
  static const std::unique_ptr<Service> service = load("logger", probe_model("logger"));
  return *service;
}

const Service& chatty() {
  static const std::unique_ptr<Service> service = load("chatty", probe_model("chatty"));
  return *service;
}

const Service& silent() {
  static const std::unique_ptr<Service> service = load("silent", probe_model("silent"));
  return *service;
}

const Service& refused() {
  static const std::unique_ptr<Service> service = load("refused", probe_model("refused"));
  return *service;
}

}  // namespace polycube::harness
