// SPDX-License-Identifier: Apache-2.0
// Actions of cubes, and the operations that concern more than one cube.
#include <algorithm>

#include "base/near_matches.h"
#include "service/cube_tree.h"
#include "service/local_controller.h"
#include "topology/chains.h"

namespace polycube::service {

using topology::PortName;

Result<std::string> LocalController::invoke_action(const std::string& path, const std::string& body,
                                                   model::Format format, const Origin& origin) {
  PCN_ASSIGN(const model::Target target, model::resolve(*schema(), path));
  if (target.kind != model::Target::Kind::action || !target.cube)
    return fail(ErrorCode::operation_not_supported, "this is not an action");
  PCN_ASSIGN(const model::Invocation invocation, model::parse_input(*schema(), path, body, format));
  const WriteLock lock(mutex_);
  origin_ = origin;
  const model::CubeTree* tree = datastore_.find(target.cube->name);
  if (tree == nullptr || engine_->cube(target.cube->name) == nullptr)
    return fail(ErrorCode::data_missing, "Cube {} does not exist{}", target.cube->name,
                near_keys(target.cube->name, topology_.cubes));
  PCN_TRY(check_access(path, model::Access::exec));
  PCN_ASSIGN(const auto missing, model::missing_entry(**tree, target));
  if (missing) return tl::unexpected<Error>(Error{ErrorCode::data_missing, "there is no such entry", *missing, {}});
  PCN_ASSIGN(const bool cleared, clear_by_model(target));
  if (cleared) {
    auto said = model::print_output(*schema(), path, {{"flushed", "true"}}, format);
    return said ? said : model::print_output(*schema(), path, {}, format);  // not every action has this output
  }
  ControlPlane* plane = control_planes_.find(target.cube->name);
  if (plane == nullptr)
    return fail(ErrorCode::operation_not_supported, "service {} does not carry out this action", target.cube->service);
  auto output = plane->action(invocation.node, invocation.keys, invocation.leaves);
  if (!output) return tl::unexpected<Error>(below_cube(*target.cube, std::move(output).error()));
  return model::print_output(*schema(), path, *output, format);
}

// Whether the model says that the action clears a list, which is then done.
Result<bool> LocalController::clear_by_model(const model::Target& target) {
  const model::ServiceModel& service = *schema()->service(target.cube->service);
  for (const auto& clear : service.clears) {
    const bool same =
        clear.path.size() + 1 == target.steps.size() &&
        std::equal(clear.path.begin(), clear.path.end(), target.steps.begin() + 1,
                   [](const std::string& name, const model::PathStep& step) { return name == step.name; });
    if (!same) continue;
    for (const model::TableBinding& binding : service.bindings) {
      if (binding.table != clear.table || binding.kind != model::BindingKind::list) continue;
      const model::Edit remove{model::Method::remove, list_path(*target.cube, binding), {}, model::Format::json};
      PCN_ASSIGN(const model::Target list, model::resolve(*schema(), remove.path));
      model::Candidate candidate;
      if (!model::rows(**datastore_.find(target.cube->name), binding).empty()) {
        PCN_ASSIGN(candidate, datastore_.edit(remove));
      }
      PCN_TRY(commit(candidate, find_whole_lists(list)));
    }
    return true;
  }
  return false;
}

Result<std::string> LocalController::invoke_rpc(const std::string& rpc, const std::string& body, model::Format format,
                                                const Origin& origin) {
  PCN_ASSIGN(const model::Invocation invocation, model::parse_input(*schema(), rpc, body, format));
  const auto& input = invocation.leaves;
  if (rpc == "polycube:start-trace" || rpc == "polycube:read-trace" || rpc == "polycube:stop-trace" ||
      rpc == "polycube:simulate") {
    {
      const WriteLock lock(mutex_);  // a trace waits for packets, and must not hold it; a simulation only reads
      origin_ = origin;
      PCN_TRY(check_rpc(rpc));
    }
    PCN_ASSIGN(const model::Output output, rpc == "polycube:start-trace"  ? start_trace(input, origin)
                                           : rpc == "polycube:read-trace" ? read_trace(input)
                                           : rpc == "polycube:stop-trace" ? stop_trace(input)
                                                                          : simulate(input));
    return model::print_output_tree(*schema(), rpc, output, format);
  }
  const WriteLock lock(mutex_);
  origin_ = origin;
  PCN_TRY(check_rpc(rpc));
  if (const auto comment = input.find("comment"); comment != input.end()) origin_.comment = comment->second;
  if (rpc == "polycube:apply" || rpc == "polycube:rollback") {
    PCN_ASSIGN(const std::string changes, rpc == "polycube:apply" ? apply(input) : roll_back(input));
    return model::print_output(*schema(), rpc, {{"changes", changes}}, format);
  }
  if (rpc == "polycube:connect") {
    PCN_TRY(connect(input));
  } else if (rpc == "polycube:disconnect") {
    PCN_TRY(disconnect(input));
  } else if (rpc == "polycube:attach") {
    PCN_TRY(attach(input));
  } else if (rpc == "polycube:detach") {
    PCN_TRY(detach(input));
  } else {
    return fail(ErrorCode::operation_not_supported, "operation {} is not available", rpc);
  }
  return std::string();
}

namespace {

Result<topology::Placement> placement_of(const std::map<std::string, std::string>& input) {
  if (auto before = input.find("before"); before != input.end()) return topology::Before{before->second};
  if (auto after = input.find("after"); after != input.end()) return topology::After{after->second};
  auto position = input.find("position");
  if (position == input.end() || position->second == "auto") return topology::Position::automatic;
  return position->second == "first" ? topology::Position::first : topology::Position::last;
}

}  // namespace

Result<> LocalController::attach(const std::map<std::string, std::string>& input) {
  PCN_ASSIGN(const topology::Placement placement, placement_of(input));
  PCN_TRY(devices_->refresh());
  topology::Topology after = topology_;
  PCN_TRY(topology::attach(after, input.at("cube"), input.at("port"), placement, host_devices()));
  return set_chains(std::move(after));
}

Result<> LocalController::detach(const std::map<std::string, std::string>& input) {
  topology::Topology after = topology_;
  PCN_TRY(topology::detach(after, input.at("cube"), input.at("port")));
  return set_chains(std::move(after));
}

Result<> LocalController::set_chains(topology::Topology after) {
  PCN_TRY(check_change({}, {.restored = nullptr, .chains = after.chains}));
  const auto begin = std::chrono::steady_clock::now();
  PCN_TRY(devices_->refresh());
  const topology::Devices devices = usable_devices(after);
  topology::Wiring wiring = topology::wire(after, devices);
  engine::Transaction transaction{topology_, after, wiring, devices, {}, {}};
  transaction.save = [&] { return save({}, after); };
  if (auto done = engine_->apply(transaction); !done) {
    commits_.failed++;
    return done;
  }
  topology_ = std::move(after);
  wiring_ = std::move(wiring);
  control_planes_.follow({topology_, wiring_, devices_->current(), port_leaves()});
  revision_++;
  commits_.done(begin);
  announce_commit();
  announce_ports();
  return {};
}

Result<> LocalController::set_peers(const std::vector<std::pair<PortName, std::string>>& peers) {
  std::vector<model::Edit> edits;
  for (const auto& [port, peer] : peers) edits.push_back(peer_edit(topology_.cubes.at(port.cube).service, port, peer));
  PCN_ASSIGN(model::Candidate candidate, datastore_.edit(edits));
  PCN_TRY(check_change(candidate, {}));
  return commit(candidate, {});
}

namespace {

Result<const topology::Port*> find_port(const topology::Topology& topology, const PortName& name) {
  auto cube = topology.cubes.find(name.cube);
  if (cube == topology.cubes.end())
    return fail(ErrorCode::data_missing, "Cube {} does not exist{}", name.cube, near_keys(name.cube, topology.cubes));
  auto port = cube->second.ports.find(name.port);
  if (port == cube->second.ports.end())
    return fail(ErrorCode::data_missing, "Port {} does not exist{}", name.port,
                near_keys(name.port, cube->second.ports));
  return &port->second;
}

}  // namespace

Result<> LocalController::connect(const std::map<std::string, std::string>& input) {
  const std::string& first = input.at("peer1");
  const std::string& second = input.at("peer2");
  const auto first_port = topology::parse_port_name(first);
  const auto second_port = topology::parse_port_name(second);
  if (!first_port && !second_port)
    return fail(ErrorCode::invalid_value, "Error setting peer: one of {} and {} must be a port (cube:port)", first,
                second);
  std::vector<std::pair<PortName, std::string>> peers;
  for (const auto& [name, text, other] :
       {std::tuple(first_port, first, second), std::tuple(second_port, second, first)}) {
    if (!name) continue;
    PCN_ASSIGN(const topology::Port* port, find_port(topology_, *name));
    if (port->peer == other) continue;  // one half of the link is there already
    if (!port->peer.empty()) return fail(ErrorCode::in_use, "{} already has a peer {}", text, port->peer);
    peers.emplace_back(*name, other);
  }
  if (peers.empty()) return fail(ErrorCode::in_use, "{} already has a peer {}", first, second);
  return set_peers(peers);
}

Result<> LocalController::disconnect(const std::map<std::string, std::string>& input) {
  const std::string& first = input.at("peer1");
  const std::string& second = input.at("peer2");
  std::vector<std::pair<PortName, std::string>> peers;
  for (const auto& [text, other] : {std::pair(first, second), std::pair(second, first)}) {
    const auto name = topology::parse_port_name(text);
    if (!name) continue;
    const auto port = find_port(topology_, *name);
    if (port && (*port)->peer == other) peers.emplace_back(*name, "");  // of a link whose other half is gone as well
  }
  if (peers.empty()) return fail(ErrorCode::data_missing, "{} is not connected to {}", first, second);
  return set_peers(peers);
}

}  // namespace polycube::service
