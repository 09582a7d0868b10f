// SPDX-License-Identifier: Apache-2.0
// Replies: configuration with the state that goes beside it.
#include <algorithm>

#include "engine/port_names.h"
#include "model/state.h"
#include "service/cube_tree.h"
#include "service/local_controller.h"
#include "topology/chains.h"
#include "topology/down_reason.h"

namespace polycube::service {

namespace {

Result<> add_statistics(model::DataTree& tree, const std::string& node, const engine::PortStatistics& port) {
  PCN_TRY(model::add_leaf(tree, node + "/in-pkts", std::to_string(port.in_packets)));
  PCN_TRY(model::add_leaf(tree, node + "/in-octets", std::to_string(port.in_bytes)));
  PCN_TRY(model::add_leaf(tree, node + "/out-pkts", std::to_string(port.out_packets)));
  return model::add_leaf(tree, node + "/out-octets", std::to_string(port.out_bytes));
}

// The rows of a table that a reply shows: the one that the target is in, or all.
Result<std::vector<model::Row>> rows_for(const model::Target& target, const engine::TableAccess& table,
                                         const engine::PortNames& ports, std::optional<std::uint64_t> max_age) {
  const model::TableBinding& binding = *table.table.binding;
  const auto& leaves = binding.leaves;
  const auto keys = keys_in(target, binding);
  const auto key_count = std::count_if(leaves.begin(), leaves.end(), [](const auto& leaf) { return leaf.key; });
  if (table.map.is_array() || !keys || keys->empty() || std::ssize(*keys) != key_count)
    return table.read(ports, max_age);
  model::Row wanted(leaves.size());
  std::copy(keys->begin(), keys->end(), wanted.begin());
  const auto row = table.find(wanted, ports);
  if (!row || !*row) return std::vector<model::Row>{};  // also for keys that can be none
  for (std::size_t i = 0; i < leaves.size(); i++)
    if (leaves[i].age && max_age && (**row)[i] && std::stoull(*(**row)[i]) > *max_age) return std::vector<model::Row>{};
  return std::vector<model::Row>{**row};
}

Result<> add_reason(model::DataTree& tree, const std::string& port, const std::string& reason) {
  return reason.empty() ? Result<>() : model::add_leaf(tree, port + "/status-reason", reason);
}

}  // namespace

Result<ReadReply> LocalController::read(const std::string& path, const model::ReadOptions& options,
                                        const Client& client) {
  PCN_ASSIGN(const model::Target target, model::resolve(*schema(), path));
  if (target.kind == model::Target::Kind::action)
    return fail(ErrorCode::operation_not_supported, "an action can only be invoked");
  const Scope scope(target, options.depth);
  if (options.content != model::Content::config && scope.covers({{"status"}})) refresh_fills();
  ReadLock lock(mutex_);
  PCN_ASSIGN(model::DataTree data, forest(scope, options.content));
  if (options.content != model::Content::config) PCN_TRY(add_history(data, scope, client));
  model::hide_unreadable(data, *access_rules_.load(), subject_of(client));
  std::string tag = etag();
  lock.unlock();
  PCN_ASSIGN(std::string body, model::print(data, path, options));
  return ReadReply{std::move(body), std::move(tag)};
}

Result<model::DataTree> LocalController::forest(const Scope& scope, model::Content content) const {
  model::DataTree data(schema());
  for (const auto& [id, tree] : datastore_.cubes()) {
    if (!scope.covers({{id.service, id.name}})) continue;
    PCN_ASSIGN(model::DataTree cube, content == model::Content::config
                                         ? model::part(*tree, scope.target(), scope.depth())
                                         : cube_with_state(id, *tree, scope));
    PCN_TRY(model::append(data, std::move(cube)));
  }
  PCN_TRY(add_access(data, scope, content));
  if (!scope.target().cube && content != model::Content::config) PCN_TRY(add_machine_state(data, scope));
  return data;
}

Result<model::DataTree> LocalController::cube_with_state(const model::CubeId& id, const model::DataTree& running,
                                                         const Scope& scope) const {
  PCN_ASSIGN(model::DataTree tree, model::part(running, scope.target(), scope.depth()));
  const Scope::Step top{id.service, id.name};
  const topology::Cube& described = topology_.cubes.at(id.name);
  const engine::Cube& cube = *engine_->cube(id.name);
  if (scope.covers({top, {"uuid"}})) PCN_TRY(model::add_leaf(tree, "uuid", described.uuid));
  if (scope.covers({top, {"service-name"}})) PCN_TRY(model::add_leaf(tree, "service-name", id.service));
  PCN_TRY(add_counters(tree, id.name, top, scope));
  const topology::Devices devices = devices_->current();
  for (const auto& [name, port] : described.ports) {
    const std::string node = fmt::format("ports[name={}]", model::quote_key(name));
    const Scope::Step entry{"ports", name};
    if (scope.covers({top, entry, {"uuid"}})) PCN_TRY(model::add_leaf(tree, node + "/uuid", port.uuid));
    if (scope.covers({top, entry, {"status"}}))
      PCN_TRY(model::add_leaf(tree, node + "/status",
                              topology::is_up(wiring_, id.name, port.index, devices) ? "UP" : "DOWN"));
    if (scope.covers({top, entry, {"status-reason"}}))
      PCN_TRY(add_reason(tree, node, topology::down_reason(topology_, id.name + ":" + name, port, devices)));
    if (scope.covers({top, entry, {"tcubes"}})) PCN_TRY(add_chain(tree, node, id.name + ":" + name));
  }
  if (described.transparent && scope.covers({top, {"parent"}}))
    PCN_TRY(model::add_leaf(tree, "parent", topology::parent_of(topology_, id.name)));
  const engine::PortNames ports = engine::port_names(described);
  for (const engine::BoundTable& table : cube.package().tables()) {
    const model::TableBinding& binding = *table.binding;
    // Configured leaves and containers are what the configuration says; only lists hold more than that.
    std::vector<Scope::Step> path{top};
    for (const std::string& name : binding.path) path.push_back({name});
    if (!scope.covers(path) || (binding.config && binding.kind != model::BindingKind::list)) continue;
    PCN_ASSIGN(const engine::TableAccess access, cube.table(binding));
    PCN_ASSIGN(const auto rows, rows_for(scope.target(), access, ports, max_age(running, binding)));
    PCN_TRY(model::add_rows(tree, binding, rows));
  }
  PCN_TRY(add_supplied_state(tree, id, top, scope));
  return tree;
}

// What the control plane says of the nodes that the model marks.
Result<> LocalController::add_supplied_state(model::DataTree& tree, const model::CubeId& id, const Scope::Step& top,
                                             const Scope& scope) const {
  ControlPlane* plane = control_planes_.find(id.name);
  if (plane == nullptr) return {};
  for (const model::StateNode& node : schema()->service(id.service)->states) {
    std::vector<Scope::Step> path{top};
    for (const std::string& name : node.path) path.push_back({name});
    if (!scope.covers(path)) continue;
    auto rows = plane->state(fmt::format("{}", fmt::join(node.path, "/")));
    if (!rows) return tl::unexpected<Error>(below_cube(id, std::move(rows).error()));
    if (auto added = model::add_state(tree, node, *rows); !added)
      return fail_with(added.error(), fmt::format("the control plane of cube {}", id.name));
  }
  return {};
}

// Reads the counters of a cube if any of them is shown.
Result<> LocalController::add_counters(model::DataTree& tree, const std::string& cube, const Scope::Step& top,
                                       const Scope& scope) const {
  const topology::Cube& described = topology_.cubes.at(cube);
  const auto shown = [&](const std::string& port) { return scope.covers({top, {"ports", port}, {"statistics"}}); };
  const bool drops = scope.covers({top, {"drops"}});
  const bool directions = described.transparent && scope.covers({top, {"statistics"}});
  if (!drops && !directions &&
      std::none_of(described.ports.begin(), described.ports.end(), [&](const auto& port) { return shown(port.first); }))
    return {};
  PCN_ASSIGN(const engine::CubeStatistics statistics,
             engine_->cube(cube)->statistics(topology::counted_ports(described)));
  for (const auto& [reason, packets] : statistics.drops)
    if (drops)
      PCN_TRY(model::add_leaf(tree, fmt::format("drops[reason='{}']/packets", reason), std::to_string(packets)));
  for (const auto& [name, port] : described.ports)
    if (shown(name))
      PCN_TRY(add_statistics(tree, fmt::format("ports[name={}]/statistics", model::quote_key(name)),
                             statistics.ports.at(port.index)));
  if (!directions) return {};
  const auto counted = [&](topology::Direction direction) {
    return statistics.ports.at(topology::transparent_port(direction));
  };
  PCN_TRY(add_statistics(tree, "statistics/ingress", counted(topology::Direction::ingress)));
  return add_statistics(tree, "statistics/egress", counted(topology::Direction::egress));
}

// Transparent cubes attached to a port or device, as a leaf-list of `node`.
Result<> LocalController::add_chain(model::DataTree& tree, const std::string& node, const std::string& parent) const {
  auto chain = topology_.chains.find(parent);
  if (chain == topology_.chains.end()) return {};
  for (const std::string& cube : chain->second) PCN_TRY(model::add_leaf(tree, node + "/tcubes", cube));
  return {};
}

Result<> LocalController::add_machine_state(model::DataTree& data, const Scope& scope) const {
  if (scope.covers({{"version"}})) PCN_TRY(model::add_leaf(data, "/polycube:version/polycubed", options_.version));
  PCN_TRY(add_status(data, scope));
  PCN_TRY(add_services(data, scope));
  PCN_TRY(add_cube_list(data, scope));
  PCN_TRY(add_devices(data, scope));
  if (scope.covers({{"yang-library"}}) || scope.covers({{"modules-state"}})) PCN_TRY(model::add_yang_library(data));
  return {};
}

// Where the control plane of a service is, of those that have one.
Result<> LocalController::add_control(model::DataTree& data, const std::string& node,
                                      const std::string& service) const {
  const ControlSource* source = catalogue_.control(service);
  return source == nullptr ? Result<>() : model::add_leaf(data, node + "/control-plane", to_string(source->place()));
}

Result<> LocalController::add_services(model::DataTree& data, const Scope& scope) const {
  for (const auto& [name, entry] : catalogue_.entries()) {
    if (!scope.covers({{"services"}, {"service", name}})) continue;
    const std::string node = fmt::format("/polycube:services/service[name={}]", model::quote_key(name));
    PCN_TRY(model::add_leaf(data, node + "/path", entry.folder.string()));
    if (const model::ServiceModel* service = schema()->service(name); service != nullptr) {
      PCN_TRY(model::add_leaf(data, node + "/description", service->description));
      PCN_TRY(model::add_leaf(data, node + "/version", service->version));
    }
    if (!entry.package) PCN_TRY(model::add_leaf(data, node + "/error", entry.error.message));
    PCN_TRY(add_control(data, node, name));
  }
  return {};
}

Result<> LocalController::add_cube_list(model::DataTree& data, const Scope& scope) const {
  const topology::Devices devices = devices_->current();
  for (const auto& [name, described] : topology_.cubes) {
    if (!scope.covers({{"cubes"}, {"cube", name}})) continue;
    const std::string node = fmt::format("/polycube:cubes/cube[name={}]", model::quote_key(name));
    PCN_ASSIGN(const engine::CubeStatistics statistics,
               engine_->cube(name)->statistics(topology::counted_ports(described)));
    PCN_TRY(model::add_leaf(data, node + "/uuid", described.uuid));
    PCN_TRY(model::add_leaf(data, node + "/service-name", described.service));
    PCN_TRY(model::add_leaf(data, node + "/type", std::string(topology::to_string(described.hook))));
    PCN_TRY(model::add_leaf(data, node + "/loglevel", described.log_level));
    PCN_TRY(add_control(data, node, described.service));
    std::uint64_t drops = 0;
    for (const auto& [reason, packets] : statistics.drops) drops += packets;
    PCN_TRY(model::add_leaf(data, node + "/drops", std::to_string(drops)));
    if (described.transparent) PCN_TRY(model::add_leaf(data, node + "/parent", topology::parent_of(topology_, name)));
    for (const auto& [port_name, port] : described.ports) {
      const std::string entry = fmt::format("{}/ports[name={}]", node, model::quote_key(port_name));
      PCN_TRY(model::add_leaf(data, entry + "/uuid", port.uuid));
      PCN_TRY(model::add_leaf(data, entry + "/status",
                              topology::is_up(wiring_, name, port.index, devices) ? "UP" : "DOWN"));
      PCN_TRY(add_reason(data, entry, topology::down_reason(topology_, name + ":" + port_name, port, devices)));
      PCN_TRY(model::add_leaf(data, entry + "/peer", port.peer));
      PCN_TRY(add_chain(data, entry, name + ":" + port_name));
      PCN_TRY(add_statistics(data, entry, statistics.ports.at(port.index)));
    }
  }
  return {};
}

Result<> LocalController::add_devices(model::DataTree& data, const Scope& scope) const {
  std::map<std::string, std::string> peers;
  for (const auto& [name, cube] : topology_.cubes)
    for (const auto& [port_name, port] : cube.ports) peers.emplace(port.peer, name + ":" + port_name);
  for (const auto& [name, device] : host_devices()) {
    if (!scope.covers({{"netdevs"}, {"netdev", name}})) continue;
    const std::string node = fmt::format("/polycube:netdevs/netdev[name={}]", model::quote_key(name));
    PCN_TRY(model::add_leaf(data, node + "/index", std::to_string(device.index)));
    PCN_TRY(model::add_leaf(data, node + "/status", device.running ? "UP" : "DOWN"));
    PCN_TRY(model::add_leaf(data, node + "/mac", device.mac));
    PCN_TRY(model::add_leaf(data, node + "/mtu", std::to_string(device.mtu)));
    for (const std::string& address : device.addresses) PCN_TRY(model::add_leaf(data, node + "/addresses", address));
    if (auto peer = peers.find(name); peer != peers.end()) PCN_TRY(model::add_leaf(data, node + "/peer", peer->second));
    PCN_TRY(add_chain(data, node, name));
  }
  return {};
}

}  // namespace polycube::service
