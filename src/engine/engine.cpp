// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_parts.h"

#include <algorithm>

namespace polycube::engine {

using topology::Gate;

const topology::CubeWires& wires_of(const topology::Wiring& wiring, const std::string& cube) {
  static const topology::CubeWires none;
  auto found = wiring.cubes.find(cube);
  return found == wiring.cubes.end() ? none : found->second;
}

std::string device_name(const topology::Devices& devices, int index) {
  for (const auto& [name, device] : devices)
    if (device.index == index) return name;
  return fmt::format("#{}", index);
}

Engine::~Engine() {
  if (pins_ && pins_->leaving()) return;
  for (auto& [key, entry] : roots_) entry.root.detach();
  (void)bpf::wait_for_running_programs();
}

void Engine::leave() {
  if (pins_) pins_->leave();
}

bool Engine::runs_already() const { return pins_ && pins_->holds_links(); }

Result<> Engine::settle() { return pins_ ? pins_->settle(Injector::remove) : Result<>(); }

Result<std::unique_ptr<Engine>> Engine::create(const std::filesystem::path& programs,
                                               const std::filesystem::path& pin_dir) {
  std::unique_ptr<Engine> engine(new Engine);
  if (!pin_dir.empty()) {
    PCN_ASSIGN(engine->pins_, Pins::open(pin_dir));
  }
  PCN_ASSIGN(engine->tracer_, Tracer::create());
  for (Family family : {Family::tc, Family::xdp}) {
    const std::string suffix = family == Family::tc ? ".tc.o" : ".xdp.o";
    PCN_ASSIGN(auto panel, Panel::create(family, engine->pins_.get(), engine->tracer_->shared_maps()));
    PCN_ASSIGN(auto root, bpf::ObjectFile::read(programs / ("root" + suffix)));
    PCN_ASSIGN(auto entry, bpf::ObjectFile::read(programs / ("entry" + suffix)));
    PCN_ASSIGN(auto tracer, bpf::ObjectFile::read(programs / ("tracer" + suffix)));
    PCN_ASSIGN(auto injector, bpf::ObjectFile::read(programs / ("injector" + suffix)));
    std::shared_ptr<const Platform::Objects> objects(
        new Platform::Objects{std::move(root), std::move(entry), std::move(tracer), std::move(injector)});
    engine->platforms_.emplace(family, new Platform{std::move(panel), std::move(objects)});
  }
  PCN_ASSIGN(auto flood, bpf::ObjectFile::read(programs / "flood.tc.o"));
  engine->flood_ = std::make_unique<bpf::ObjectFile>(std::move(flood));
  PCN_ASSIGN(auto simulator, bpf::ObjectFile::read(programs / "simulator.tc.o"));
  engine->simulator_ = std::make_shared<bpf::ObjectFile>(std::move(simulator));
  PCN_ASSIGN(engine->slow_path_, SlowPath::start());
  return engine;
}

const Cube* Engine::cube(const std::string& name) const {
  if (in_control_ != nullptr)
    if (auto created = in_control_->created.find(name); created != in_control_->created.end())
      return created->second.get();
  auto found = cubes_.find(name);
  return found == cubes_.end() ? nullptr : found->second.get();
}

std::vector<topology::Gate> Engine::detached_gates() const {
  std::vector<topology::Gate> gates;
  for (const auto& [gate, entry] : roots_)
    if (!entry.root.attached()) gates.push_back(gate);
  return gates;
}

bool Engine::has_lost_device() const {
  return std::any_of(roots_.begin(), roots_.end(), [](const auto& entry) { return !entry.second.root.attached(); });
}

Result<SlowPath::Subscription> Engine::subscribe(const std::string& cube, SlowPath::Handler handler,
                                                 SlowPath::Gate gate) {
  const Cube* found = this->cube(cube);
  const bpf::Map* ring = found == nullptr ? nullptr : found->controller_ring();
  if (ring == nullptr) return fail(ErrorCode::data_missing, "cube {} has no slow path", cube);
  return slow_path_->subscribe(*ring, std::move(handler), std::move(gate));
}

Result<std::vector<SlowPath::Subscription>> Engine::subscribe_records(const std::string& cube,
                                                                      const RecordHandler& handler,
                                                                      const SlowPath::Gate& gate) {
  std::vector<SlowPath::Subscription> subscriptions;
  const Cube* found = this->cube(cube);
  if (found == nullptr) return subscriptions;
  for (const std::string& name : found->rings()) {
    PCN_ASSIGN(const MapAccess ring, found->map(name));
    SlowPath::Reader reader;
    reader.gate = gate;
    reader.record = [handler, name](std::span<const std::byte> record) { handler(name, record); };
    PCN_ASSIGN(SlowPath::Subscription subscription, slow_path_->subscribe(ring.table->map(), std::move(reader)));
    subscriptions.push_back(std::move(subscription));
  }
  return subscriptions;
}

Result<Outlet> Engine::outlet(const std::string& cube) const {
  const Cube* found = this->cube(cube);
  const auto slot = found == nullptr ? std::nullopt : found->out_slot();
  if (!slot) return fail(ErrorCode::data_missing, "cube {} has no slow path", cube);
  return Outlet(injectors_.at(family_of(found->hook())),
                {.in = found->slot(),
                 .egress = found->package().transparent() ? found->egress_slot() : found->slot(),
                 .onward = *slot});
}

bool Engine::owns(int device) const {
  return std::any_of(injectors_.begin(), injectors_.end(),
                     [&](const auto& injector) { return injector.second.owns(device); });
}

Cube* Engine::find(const std::string& name, Staged& staged) {
  if (auto created = staged.created.find(name); created != staged.created.end()) return created->second.get();
  auto found = cubes_.find(name);
  return found == cubes_.end() ? nullptr : found->second.get();
}

const Root& Engine::root(const Gate& gate, const Staged& staged) const {
  auto prepared = staged.roots.find(gate);
  return prepared == staged.roots.end() ? roots_.at(gate).root : prepared->second;
}

Result<Injector*> Engine::injector(Family family) {
  if (auto found = injectors_.find(family); found != injectors_.end()) return &found->second;
  const Platform& tc = *platforms_.at(Family::tc);
  const Platform& xdp = *platforms_.at(Family::xdp);
  const Injector::Entry enter_tc{*tc.panel, tc.objects->injector, "pcn_inject"};
  const Injector::Entry call_flood{*tc.panel, *flood_, "pcn_call_flood"};
  const Injector::Entry enter_xdp{*xdp.panel, xdp.objects->injector, "pcn_inject"};
  PCN_ASSIGN(Injector injector, family == Family::tc ? Injector::create(family, enter_tc, nullptr, pins_.get())
                                                     : Injector::create(family, call_flood, &enter_xdp, pins_.get()));
  return &injectors_.emplace(family, std::move(injector)).first->second;
}

Result<> Engine::apply(const Transaction& transaction) {
  std::set<Family> had_injector;
  for (const auto& [family, injector] : injectors_) had_injector.insert(family);
  Result<> done = carry_out(transaction);
  if (!done) std::erase_if(injectors_, [&](const auto& injector) { return !had_injector.contains(injector.first); });
  return done;
}

Result<> Engine::carry_out(const Transaction& transaction) {
  Staged staged([this](const Error& failed) {
    constexpr std::size_t enough = 20;
    if (not_taken_back_.size() < enough) not_taken_back_.push_back(failed.message);
  });
  {
    const std::lock_guard lock(programs_mutex_);
    staged.masters_replaced = masters_replaced_;
  }
  PCN_TRY(prepare(transaction, staged));
  PCN_TRY(commit(transaction, staged));
  staged.undo.keep();
  finish(transaction, staged);
  return {};
}

Result<Microcubes> Engine::microcubes(const std::string& cube) {
  Cube* found = in_control_ == nullptr ? nullptr : [&]() -> Cube* {
    const auto created = in_control_->created.find(cube);
    return created == in_control_->created.end() ? nullptr : created->second.get();
  }();
  if (found == nullptr)
    if (const auto running = cubes_.find(cube); running != cubes_.end()) found = running->second.get();
  if (found == nullptr) return fail(ErrorCode::data_missing, "cube {} does not run", cube);
  return Microcubes(*this, *found);
}

}  // namespace polycube::engine
