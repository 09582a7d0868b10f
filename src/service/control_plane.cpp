// SPDX-License-Identifier: Apache-2.0
#include "service/control_plane.h"

#include <algorithm>

namespace polycube::service {

namespace {

std::map<std::uint16_t, std::string> names_of(const std::vector<control::Port>& ports) {
  std::map<std::uint16_t, std::string> names;
  for (const control::Port& port : ports) names.emplace(port.index, port.name);
  return names;
}

}  // namespace

ControlPlane::ControlPlane(std::string cube, std::string uuid, const engine::Package& package,
                           engine::SlowPath& slow_path)
    : turn_(std::make_shared<Turn>()),
      host_(std::make_unique<CubeHost>(std::move(cube), std::move(uuid), package, slow_path, turn_)) {}

ControlPlane::~ControlPlane() {
  stop();
  const std::lock_guard turn(turn_->mutex);
  turn_->stage = Turn::Stage::over;
}

Result<std::unique_ptr<ControlPlane>> ControlPlane::create(ControlSource& source, const std::string& cube,
                                                           const std::string& uuid, const engine::Package& package,
                                                           engine::SlowPath& slow_path) {
  std::unique_ptr<ControlPlane> plane(new ControlPlane(cube, uuid, package, slow_path));
  PCN_ASSIGN(plane->cube_, plane->call("creation", [&] { return source.create(*plane->host_); }));
  plane->paced_ = dynamic_cast<const Paced*>(plane->cube_.get());
  return plane;
}

template <typename Function>
auto ControlPlane::call(const char* what, const Function& function) -> decltype(function()) {
  return in_turn(*turn_, host_->name(), what, function);
}

void ControlPlane::notify(const char* what, const std::function<void()>& function) {
  notify_in_turn(*turn_, *host_, what, function);
}

Result<> ControlPlane::prepare(const control::Changes& changes) {
  return call("prepare", [&] { return cube_->prepare(changes); });
}

Result<engine::ProgramChanges> ControlPlane::commit(const control::Changes& changes) {
  const CommitScope scope;
  host_->begin_commit();
  auto done = call("commit", [&] { return cube_->commit(changes); });
  engine::ProgramChanges programs = host_->end_commit();
  if (done) return programs;
  host_->take_back(programs);
  return tl::unexpected<Error>(std::move(done).error());
}

Result<control::Leaves> ControlPlane::action(const std::string& path, const std::vector<std::string>& keys,
                                             const control::Leaves& input) {
  return call("action", [&] { return cube_->action(path, keys, input); });
}

Result<control::Rows> ControlPlane::state(const std::string& node) {
  return call("state", [&] { return cube_->state(node); });
}

CubeView ControlPlane::show(CubeView view) {
  const std::lock_guard turn(turn_->mutex);
  // What waits in the ring came from the ports as they were, whose indexes others may have next.
  if (names_of(view.ports) != names_of(host_->ports())) packets_.read_now();
  return host_->set_view(std::move(view));
}

void ControlPlane::follow(const Surroundings& now, bool devices_differ) {
  const topology::Cube& cube = now.topology.cubes.at(host_->name());
  const topology::CubeWires& wires = now.wiring.cubes.at(host_->name());
  // What a transparent cube sees of its parent may have changed besides.
  if (!cube.transparent && !devices_differ && cube == described_ && wires == wires_) return;
  described_ = cube;
  wires_ = wires;
  show(view_of(host_->name(), now));
  tell();
}

void ControlPlane::tell() {
  const std::vector<control::Port> ports = host_->ports();
  std::erase_if(told_, [&](const auto& told) {
    return std::none_of(ports.begin(), ports.end(), [&](const auto& port) { return port.name == told.first; });
  });
  for (const control::Port& port : ports) {
    const auto [told, fresh] = told_.try_emplace(port.name, control::Port{});
    const control::Port before = std::exchange(told->second, port);
    if (!fresh && (before.peer != port.peer || before.device != port.device || before.parent != port.parent))
      notify("peer_changed", [&] { cube_->peer_changed(port.name); });
    if (before.up != port.up) notify("link", [&] { cube_->link(port.name, port.up); });
  }
}

void ControlPlane::join(engine::Engine& engine) {
  const auto outlet = engine.outlet(host_->name());
  const auto programs = engine.microcubes(host_->name());
  if (!programs) return host_->set_cube(std::nullopt);
  host_->set_cube(
      CubeHost::Running{engine.cube(host_->name()), outlet ? std::optional(*outlet) : std::nullopt, *programs});
}

void ControlPlane::start(engine::Engine& engine) {
  join(engine);
  const std::lock_guard turn(turn_->mutex);
  turn_->stage = Turn::Stage::running;
}

Result<> ControlPlane::subscribe(engine::Engine& engine) {
  const auto gate = [this] { return this->gate(); };
  PCN_ASSIGN(records_, engine.subscribe_records(
                           host_->name(), [this](const auto& ring, auto record) { deliver(ring, record); }, gate));
  auto packets = engine.subscribe(host_->name(), [this](const engine::PacketIn& in) { deliver(in); }, gate);
  if (!packets && packets.error().code == ErrorCode::data_missing) return {};
  if (!packets) return tl::unexpected<Error>(std::move(packets).error());
  packets_ = std::move(*packets);
  return {};
}

void ControlPlane::stop() {
  packets_ = {};
  records_.clear();
  pause();
}

void ControlPlane::pause() {
  {
    const std::lock_guard turn(turn_->mutex);
    turn_->stage = Turn::Stage::waiting;
  }
  host_->set_cube(std::nullopt);
}

// For the slow path's thread: the turn, unless a function runs, perhaps a long one, or what came before is still waiting.
std::unique_lock<std::recursive_mutex> ControlPlane::gate() const {
  if (paced_ != nullptr && !paced_->keeps_up()) return {};
  std::unique_lock turn(turn_->mutex, std::try_to_lock);
  if (turn && turn_->stage != Turn::Stage::running) return {};
  return turn;
}

void ControlPlane::deliver(const std::string& ring, std::span<const std::byte> record) {
  notify("record", [&] { cube_->record(ring, record); });
}

void ControlPlane::deliver(const engine::PacketIn& in) {
  const std::string port = host_->port_name(in.port);
  if (port.empty()) return;  // of a port that went away after the packet came
  delivered_++;
  notify("packet_in", [&] {
    cube_->packet_in({.port = port,
                      .port_index = in.port,
                      .direction = in.direction == topology::Direction::egress ? control::Direction::egress
                                                                               : control::Direction::ingress,
                      .reason = in.reason,
                      .traffic_class = in.traffic_class,
                      .metadata = in.metadata,
                      .packet = in.packet,
                      .packet_length = in.packet_length});
  });
}

}  // namespace polycube::service
