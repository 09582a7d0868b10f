// SPDX-License-Identifier: Apache-2.0
#include "service/cube_tree.h"

#include <algorithm>

#include "model/state.h"

namespace polycube::service {

namespace {

const model::TableBinding& ports_list() {
  static const model::TableBinding binding = [] {
    model::TableBinding ports;
    ports.path = {"ports"};
    ports.leaves.resize(2);
    ports.leaves[0].name = "name";
    ports.leaves[0].key = true;
    ports.leaves[1].name = "peer";
    return ports;
  }();
  return binding;
}

}  // namespace

Result<topology::Cube> to_topology(const model::DataTree& tree, const model::ServiceModel& service) {
  topology::Cube cube;
  cube.service = service.name;
  cube.loop_safe = service.loop_safe;
  cube.transparent = service.transparent;
  cube.place = service.place == "inner"   ? topology::Place::inner
               : service.place == "outer" ? topology::Place::outer
                                          : topology::Place::undecided;
  PCN_ASSIGN(cube.hook, topology::parse_hook(model::leaf(tree, {"type"}).value_or("TC")));
  cube.log_level = model::leaf(tree, {"loglevel"}).value_or("INFO");
  for (const model::Row& row : model::rows(tree, ports_list()))
    cube.ports[row[0].value_or("")] = topology::Port{0, row[1].value_or("")};
  return cube;
}

std::string path_of(const std::string& service, const std::string& cube, const std::string& port,
                    const std::string& leaf) {
  std::string path = fmt::format("{0}:{0}={1}", service, model::encode_key(cube));
  if (!port.empty()) path += "/ports=" + model::encode_key(port);
  if (!port.empty() && !leaf.empty()) path += "/" + leaf;
  return path;
}

Error below_cube(const model::CubeId& cube, Error error) {
  const std::string below = std::exchange(error.path, path_of(cube.service, cube.name, "", ""));
  if (!below.empty()) error.path += '/' + below;
  return error;
}

std::string list_path(const model::CubeId& cube, const model::TableBinding& binding) {
  std::string path = path_of(cube.service, cube.name, "", "");
  for (const std::string& name : binding.path) path += "/" + name;
  return path;
}

std::optional<std::vector<std::string>> keys_in(const model::Target& target, const model::TableBinding& binding) {
  if (target.steps.size() <= binding.path.size()) return std::nullopt;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < binding.path.size(); i++) {
    const model::PathStep& step = target.steps[i + 1];
    if (step.name != binding.path[i]) return std::nullopt;
    keys.insert(keys.end(), step.keys.begin(), step.keys.end());
  }
  return keys;
}

bool holds_list(const model::Target& target, const model::TableBinding& binding) {
  if (target.steps.size() < 2 || target.steps.size() > binding.path.size() + 1) return false;
  return std::equal(
      target.steps.begin() + 1, target.steps.end(), binding.path.begin(),
      [](const model::PathStep& step, const std::string& name) { return step.keys.empty() && step.name == name; });
}

std::string cube_xpath(const model::CubeId& cube) {
  return fmt::format("/{0}:{0}[name={1}]", cube.service, model::quote_key(cube.name));
}

model::Edit peer_edit(const std::string& service, const topology::PortName& port, const std::string& peer) {
  const nlohmann::json body = {{service + ":peer", peer}};
  return {model::Method::patch, path_of(service, port.cube, port.port, "peer"), body.dump(), model::Format::json};
}

}  // namespace polycube::service
