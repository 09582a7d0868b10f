// SPDX-License-Identifier: Apache-2.0
#include "service/local_controller.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <random>
#include <set>

#include "base/log.h"
#include "engine/port_names.h"
#include "model/flat_changes.h"
#include "model/state.h"
#include "service/cube_tree.h"
#include "topology/chains.h"

namespace polycube::service {

namespace {

// RFC 4122, 4.4.
std::string random_uuid() {
  static thread_local std::mt19937_64 generator(std::random_device{}());
  std::uint64_t high = generator();
  std::uint64_t low = generator();
  high = (high & ~0xf000ULL) | 0x4000ULL;
  low = (low & ~(3ULL << 62)) | (2ULL << 62);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff, high & 0xffff, low >> 48,
                     low & 0xffffffffffffULL);
}

// Runs what a thread of the daemon's own does: running out of memory there must not end the data path.
void survive(const char* what, const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& failure) {
    log::error("{} failed: {}", what, failure.what());
  }
}

// What the coming and going of devices did to ports.
void log_links(const topology::Topology& topology, const topology::Wiring& before, const topology::Wiring& after) {
  const auto wired = [](const topology::Wiring& wiring, const std::string& cube, std::uint16_t port) {
    auto wires = wiring.cubes.find(cube);
    return wires != wiring.cubes.end() && wires->second.peers.contains(port);
  };
  for (const auto& [name, cube] : topology.cubes) {
    for (const auto& [port_name, port] : cube.ports) {
      const bool was = wired(before, name, port.index);
      const bool is = wired(after, name, port.index);
      if (was && !is) log::warn("port {}:{} has lost its device {}", name, port_name, port.peer);
      if (!was && is) log::info("port {}:{} has its device {}", name, port_name, port.peer);
    }
  }
}

bool is_wired(const topology::Wiring& wiring, int device) {
  return std::any_of(wiring.gates.begin(), wiring.gates.end(),
                     [&](const auto& gate) { return gate.first.device == device; });
}

}  // namespace

Result<std::unique_ptr<LocalController>> LocalController::create(const ControllerOptions& options) {
  PCN_ASSIGN(Catalogue catalogue, Catalogue::find(options.yang_dir, options.service_dirs, options.remote_dir));
  std::unique_ptr<LocalController> controller(new LocalController(options, std::move(catalogue)));
  controller->epoch_ = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  PCN_ASSIGN(controller->engine_, engine::Engine::create(options.programs_dir, options.pin_dir));
  const WriteLock lock(controller->mutex_);  // the monitor calls back as soon as it runs
  PCN_ASSIGN(controller->devices_, engine::DeviceMonitor::start([self = controller.get()] {
               survive("following the network devices", [&] { self->follow_devices(); });
             }));
  PCN_TRY(controller->restore());
  if (auto done = controller->engine_->settle(); !done)
    log::error("what a daemon before left is still there: {}", done.error().message);
  controller->sweeper_ =
      std::jthread([self = controller.get()](const std::stop_token& stop) { self->run_sweeper(stop); });
  return controller;
}

LocalController::~LocalController() {
  sweeper_ = std::jthread();
  WriteLock lock(mutex_);
  end_trace();
  const auto monitor = std::move(devices_);
  if (options_.leave_running && engine_) engine_->leave();
  lock.unlock();  // the monitor's thread, which ends with it, may be waiting for the lock in follow_devices()
}

void LocalController::wait_for_slow_path() const {
  const auto done = std::make_shared<std::promise<void>>();
  (void)engine_->slow_path().schedule({}, [done]() -> std::optional<engine::SlowPath::Clock::duration> {
    done->set_value();
    return std::nullopt;
  });
  done->get_future().wait();
}

std::string LocalController::revision() const {
  const ReadLock lock(mutex_);
  return etag();
}

std::string LocalController::etag() const { return fmt::format("{:x}-{}", epoch_, revision_); }

bool is_command_word(const std::string& name) {
  static const std::set<std::string> words = {
      "add",      "set",     "show",    "del",     "connect", "disconnect", "attach",  "detach", "topology",
      "services", "cubes",   "netdevs", "version", "apply",   "diff",       "load",    "save",   "history",
      "rollback", "metrics", "status",  "events",  "trace",   "nacm",       "simulate"};
  return words.contains(name);
}

// A cube is addressed by its name alone, where words of the command line and services stand as well.
Result<> LocalController::check_name(const model::CubeId& id) const {
  if (!is_command_word(id.name) && schema()->service(id.name) == nullptr) return {};
  auto refused = fail(ErrorCode::invalid_value, "{} cannot be the name of a cube: it is a {}", id.name,
                      is_command_word(id.name) ? "word of the command line" : "service");
  refused.value().path = path_of(id.service, id.name, "", "");
  return refused;
}

struct LocalController::Learned {
  const engine::BoundTable* table;
  engine::TableAccess access;
  engine::PortNames ports;
  std::vector<std::string> keys;  ///< empty: the whole list
  std::size_t depth;              ///< steps of the target up to the entry
};

// ---- transactions ----------------------------------------------------------------------------------------------------

Result<EditReply> LocalController::edit(const model::Edit& edit, const std::vector<std::string>& if_match,
                                        const Origin& origin) {
  const WriteLock lock(mutex_);
  origin_ = origin;
  if (!if_match.empty()) {
    const bool matches = std::any_of(if_match.begin(), if_match.end(),
                                     [&](const std::string& tag) { return tag == "*" || tag == etag(); });
    if (!matches)
      return fail(ErrorCode::precondition_failed, "the configuration has changed; it is now \"{}\"", etag());
  }
  auto candidate = datastore_.edit(edit);
  if (!candidate)
    if (const auto entry = configure_shown(edit, candidate.error())) candidate = datastore_.edit({*entry, edit});
  if (!candidate) {
    // What only the fast path has put into a table can be changed like what was configured.
    PCN_ASSIGN(const model::Target target, model::resolve(*schema(), edit.path));
    PCN_TRY(edit_learned(edit, target, explain_missing(target, candidate.error())));
    return EditReply{false, {}, etag()};
  }
  PCN_ASSIGN(const model::Target target, model::resolve(*schema(), edit.path));
  PCN_TRY(check_change(*candidate, {}));
  PCN_TRY(replace_unusable_rules(edit, target, *candidate));
  const Cleared cleared = edit.method == model::Method::remove ? find_whole_lists(target) : Cleared{};
  PCN_TRY(check_clearing(cleared));
  PCN_TRY(commit(*candidate, cleared));
  return EditReply{candidate->created, candidate->location, etag()};
}

Result<topology::Topology> LocalController::topology_of(const model::Candidate& candidate,
                                                        const Settings& settings) const {
  topology::Topology after = topology_;
  for (const auto& [id, change] : candidate.changes)
    if (!change.after) after.cubes.erase(id.name);
  for (const auto& [id, change] : candidate.changes) {
    if (!change.after) continue;
    PCN_ASSIGN(topology::Cube cube, to_topology(*change.after, *schema()->service(id.service)));
    PCN_ASSIGN(const engine::Package* package, catalogue_.package(id.service));
    cube.egress = package->egress();
    after.cubes[id.name] = std::move(cube);
  }
  const topology::Topology& known = settings.restored != nullptr ? *settings.restored : topology_;
  if (settings.restored != nullptr) after.chains = known.chains;
  if (settings.chains) after.chains = *settings.chains;
  topology::assign_indexes(known, after);
  topology::assign_uuids(known, after, random_uuid);
  topology::forget_deleted(after);
  return after;
}

Result<> LocalController::add_table_changes(const model::Candidate& candidate, engine::Transaction& transaction) const {
  for (const auto& [id, change] : candidate.changes) {
    if (!change.after) continue;
    PCN_ASSIGN(transaction.packages[id.service], catalogue_.package(id.service));
    for (const model::TableBinding& binding : schema()->service(id.service)->bindings) {
      if (!binding.config) continue;
      model::RowChanges rows = model::changes(change.before.get(), change.after.get(), binding);
      if (!rows.empty()) transaction.tables[id.name].push_back({&binding, std::move(rows)});
    }
  }
  return {};
}

topology::Devices LocalController::host_devices() const {
  topology::Devices devices = devices_->current();
  std::erase_if(devices, [&](const auto& device) { return engine_->owns(device.second.index); });
  return devices;
}

topology::Devices LocalController::usable_devices(const topology::Topology& candidate) const {
  topology::Devices devices = host_devices();
  if (refused_devices_.empty()) return devices;
  // A device that was refused is tried again when somebody asks for it anew.
  std::set<std::string> asked_for;
  for (const auto& [name, cube] : candidate.cubes) {
    auto before = topology_.cubes.find(name);
    for (const auto& [port_name, port] : cube.ports) {
      if (before != topology_.cubes.end()) {
        auto old = before->second.ports.find(port_name);
        if (old != before->second.ports.end() && old->second == port) continue;
      }
      asked_for.insert(port.peer);
    }
  }
  std::erase_if(devices, [&](const auto& device) {
    return refused_devices_.contains(device.second.index) && !asked_for.contains(device.first);
  });
  return devices;
}

// Whether it may be so; with the devices that may be used.
Result<topology::Devices> LocalController::judge(const topology::Topology& after) {
  PCN_TRY(devices_->refresh());
  topology::Devices devices = usable_devices(after);
  if (auto violation = topology::check(topology_, after, devices)) {
    violation->error.path = path_of(after.cubes.at(violation->cube).service, violation->cube, violation->port, "peer");
    return tl::unexpected<Error>(std::move(violation->error));
  }
  return devices;
}

Result<> LocalController::commit(model::Candidate& candidate, const Cleared& cleared, const Settings& settings) {
  const bool restoring = settings.restored != nullptr;
  if (candidate.changes.empty() && (!settings.chains || *settings.chains == topology_.chains)) {
    // Nothing but what the fast path has put there.
    for (const engine::TableAccess& list : cleared.lists) PCN_TRY(list.clear());
    if (!candidate.access) return {};
    // The access rules, of which the data path knows nothing.
    PCN_TRY(save(candidate, topology_));
    datastore_.publish(candidate);
    follow_access_rules();
    revision_++;
    announce_commit();
    return {};
  }
  const auto begin = std::chrono::steady_clock::now();
  for (const auto& [id, change] : candidate.changes)
    if (!change.before) PCN_TRY(check_name(id));
  PCN_ASSIGN(topology::Topology after, topology_of(candidate, settings));
  topology::Devices devices;
  if (restoring) {
    PCN_TRY(devices_->refresh());
    devices = host_devices();
    std::erase_if(devices, [&](const auto& device) { return refused_devices_.contains(device.second.index); });
  } else {
    PCN_ASSIGN(devices, judge(after));
  }
  topology::Wiring wiring = topology::wire(after, devices);
  engine::Transaction transaction{topology_, after, wiring, devices, {}, {}};
  PCN_TRY(add_table_changes(candidate, transaction));
  PCN_TRY(add_clearing(cleared, transaction));
  // The data path and the control planes, together or not at all.
  PCN_ASSIGN(ControlPlanes::Step control, control_planes_.prepare(candidate, after, catalogue_, *engine_, restoring));
  const topology::Devices all_devices = devices_->current();
  transaction.control = [&](engine::Undo& undo) {
    return control.commit({after, wiring, all_devices, port_leaves(&candidate)}, undo);
  };
  if (!restoring) transaction.save = [&] { return save(candidate, after); };
  if (store_ && !restoring) transaction.intend = [&](const auto& elements) { return store_->intend(elements); };
  transaction.interrupted = settings.interrupted;
  transaction.culprit = settings.culprit;
  control.begin();
  const std::size_t remains = engine_->not_taken_back().size();
  if (auto done = engine_->apply(transaction); !done) {
    if (!restoring) commits_.failed++;
    explain_remains(remains, done);
    if (store_ && !restoring && !transaction.tables.empty()) store_->forget_intent();
    (void)devices_->refresh();  // one that was made meanwhile is gone again
    return done;
  }
  datastore_.publish(candidate);
  if (candidate.access) follow_access_rules();
  topology_ = std::move(after);
  wiring_ = std::move(wiring);
  std::erase_if(refused_devices_, [&](const auto& refused) { return is_wired(wiring_, refused.first); });
  control.finish({topology_, wiring_, all_devices, port_leaves()});
  revision_++;
  if (!restoring) commits_.done(begin);
  for (const auto& [id, change] : candidate.changes)
    std::erase_if(unrestored_, [&](const Unrestored& known) { return change.after && known.cube.name == id.name; });
  announce_commit();
  announce_ports();
  for (const auto& [id, change] : candidate.changes)
    log::info("cube {} ({}) {}", id.name, id.service,
              restoring        ? "restored"
              : !change.before ? "created"
              : !change.after  ? "deleted"
                               : "changed");
  return {};
}

// Says what of a transaction that failed could not be taken back.
void LocalController::explain_remains(std::size_t known, Result<>& refused) {
  const auto& remains = engine_->not_taken_back();
  if (remains.size() <= known) return;
  const std::string text =
      fmt::format("{}", fmt::join(remains.begin() + static_cast<std::ptrdiff_t>(known), remains.end(), "; "));
  refused.error().message += fmt::format(
      "; and the data path could not be made again what it was: {}; restart polycubed, which builds it anew", text);
  report(Fault::raised, "not-taken-back", "data path", text);
}

std::function<control::Leaves(const topology::PortName&)> LocalController::port_leaves(
    const model::Candidate* candidate) const {
  return [this, candidate](const topology::PortName& port) {
    if (candidate != nullptr)
      for (const auto& [id, change] : candidate->changes)
        if (id.name == port.cube && change.after) return model::leaves_of(*change.after, "ports", port.port);
    const model::CubeTree* tree = datastore_.find(port.cube);
    return tree ? model::leaves_of(**tree, "ports", port.port) : control::Leaves();
  };
}

// ---- entries that only a table has -----------------------------------------------------------------------------------

std::optional<LocalController::Learned> LocalController::find_learned(const model::Target& target) const {
  if (!target.cube) return std::nullopt;
  const engine::Cube* cube = engine_->cube(target.cube->name);
  auto described = topology_.cubes.find(target.cube->name);
  if (cube == nullptr || described == topology_.cubes.end()) return std::nullopt;
  for (const engine::BoundTable& table : cube->package().tables()) {
    const model::TableBinding& binding = *table.binding;
    if (binding.kind != model::BindingKind::list || !binding.config) continue;
    auto keys = keys_in(target, binding);
    if (!keys) continue;
    auto access = cube->table(binding);
    if (access && !access->map.is_array())
      return Learned{&table, *access, engine::port_names(described->second), std::move(*keys), binding.path.size() + 1};
  }
  return std::nullopt;
}

Result<> LocalController::edit_learned(const model::Edit& edit, const model::Target& target, const Error& reason) {
  auto learned = find_learned(target);
  if (reason.code != ErrorCode::data_missing || !learned) return tl::unexpected<Error>(reason);
  const auto& leaves = learned->table->binding->leaves;
  const auto key_count =
      static_cast<std::size_t>(std::count_if(leaves.begin(), leaves.end(), [](const auto& leaf) { return leaf.key; }));
  const bool whole_entry = target.steps.size() == learned->depth;
  PCN_TRY(
      check_access(edit.path, edit.method == model::Method::remove ? model::Access::remove : model::Access::update));
  if (learned->keys.empty() && whole_entry && edit.method == model::Method::remove) {
    PCN_TRY(check_clearing({target.cube->name, {learned->access}}));
    return learned->access.clear();
  }
  if (learned->keys.size() != key_count) return tl::unexpected<Error>(reason);
  model::Row wanted(leaves.size());
  std::copy(learned->keys.begin(), learned->keys.end(), wanted.begin());
  auto row = learned->access.find(wanted, learned->ports);
  if (!row || !*row) return tl::unexpected<Error>(reason);
  if (edit.method == model::Method::remove && whole_entry) {
    PCN_TRY(check_removal(*target.cube, *learned->table->binding, {**row}));
    return learned->access.remove(**row, learned->ports);
  }
  if (edit.method != model::Method::patch) return tl::unexpected<Error>(reason);
  // A learned entry that is changed becomes a configured one.
  PCN_ASSIGN(const model::Edit adoption, adopt(target, *learned, **row));
  PCN_ASSIGN(model::Candidate candidate, datastore_.edit({adoption, edit}));
  PCN_TRY(check_change(candidate, {}));
  return commit(candidate, {});
}

// The list of state entries that a target is in.
const model::StateNode* LocalController::state_node(const model::Target& target) const {
  const model::ServiceModel* service = target.cube ? schema()->service(target.cube->service) : nullptr;
  if (service == nullptr) return nullptr;
  const auto node = std::find_if(service->states.rbegin(), service->states.rend(), [&](const model::StateNode& state) {
    return state.entries && state.path.size() < target.steps.size() &&
           std::equal(
               state.path.begin(), state.path.end(), target.steps.begin() + 1,
               [](const std::string& name, const model::PathStep& step) { return name == step.name; });
  });
  return node == service->states.rend() ? nullptr : &*node;
}

// The edit that makes the entry of pcn:editable state that the other edit is about one of the configuration.
std::optional<model::Edit> LocalController::configure_shown(const model::Edit& edit, const Error& reason) const {
  auto target = model::resolve(*schema(), edit.path);
  if (!target || reason.code != ErrorCode::data_missing || edit.method != model::Method::patch) return std::nullopt;
  const model::StateNode* node = state_node(*target);
  if (node == nullptr || !node->editable) return std::nullopt;
  std::size_t end = 0;
  for (std::size_t steps = 0; steps <= node->path.size() && end != std::string::npos; steps++)
    end = edit.path.find('/', end == 0 ? 0 : end + 1);
  const std::string path = edit.path.substr(0, end);
  target = model::resolve(*schema(), path);
  if (!target) return std::nullopt;
  const auto data = forest(Scope(*target, std::nullopt), model::Content::all);
  if (!data) return std::nullopt;
  model::ReadOptions options;
  options.content = model::Content::config;
  auto entry = model::print(*data, path, options);
  if (!entry) return std::nullopt;
  return model::Edit{model::Method::put, path, std::move(*entry), model::Format::json};
}

// What the control plane reports is shown, but nothing that a request could change.
Error LocalController::explain_missing(const model::Target& target, const Error& reason) const {
  if (reason.code != ErrorCode::data_missing) return reason;
  const bool in_state = state_node(target) != nullptr;
  const Scope scope(target, std::nullopt);
  const auto data = in_state ? forest(scope, model::Content::all) : tl::unexpected<Error>(reason);
  if (!data || !model::print(*data, reason.path, {})) return reason;
  return {reason.code, reason.message + " in the configuration: what is shown is state of the cube", reason.path, {}};
}

// A cube with nothing but these rows, as if they were configured.
Result<model::DataTree> LocalController::configured(const model::CubeId& id, const model::TableBinding& binding,
                                                    std::vector<model::Row> rows) const {
  for (model::Row& row : rows)
    for (std::size_t i = 0; i < row.size(); i++)
      if (!binding.leaves[i].config) row[i].reset();
  model::DataTree tree(schema());
  PCN_TRY(model::add_leaf(tree, cube_xpath(id) + "/name", id.name));
  PCN_TRY(model::add_rows(tree, binding, rows));
  return tree;
}

// The edit that makes a table's row an entry of the configuration.
Result<model::Edit> LocalController::adopt(const model::Target& target, const Learned& learned, model::Row row) const {
  const model::TableBinding& binding = *learned.table->binding;
  PCN_ASSIGN(const model::DataTree tree, configured(*target.cube, binding, {std::move(row)}));
  std::string path = list_path(*target.cube, binding) + "=";
  for (std::size_t i = 0; i < learned.keys.size(); i++) path += (i > 0 ? "," : "") + model::encode_key(learned.keys[i]);
  PCN_ASSIGN(std::string body, model::print(tree, path, model::ReadOptions{}));
  return model::Edit{model::Method::put, std::move(path), std::move(body), model::Format::json};
}

LocalController::Cleared LocalController::find_whole_lists(const model::Target& target) const {
  const engine::Cube* cube = target.cube ? engine_->cube(target.cube->name) : nullptr;
  if (cube == nullptr) return {};
  Cleared cleared{target.cube->name};
  for (const engine::BoundTable& table : cube->package().tables()) {
    const model::TableBinding& binding = *table.binding;
    if (binding.kind != model::BindingKind::list || !binding.config || !holds_list(target, binding)) continue;
    if (auto access = cube->table(binding); access && !access->map.is_array()) cleared.lists.push_back(*access);
  }
  return cleared;
}

// Who deletes whole lists means what the fast path put there as well: it goes in the same transaction, and comes back
// if that fails.
Result<> LocalController::add_clearing(const Cleared& cleared, engine::Transaction& transaction) const {
  for (const engine::TableAccess& list : cleared.lists) {
    const model::TableBinding* binding = list.table.binding;
    auto& tables = transaction.tables[cleared.cube];
    auto change = std::find_if(tables.begin(), tables.end(),
                               [&](const auto& known) { return known.binding->table == binding->table; });
    if (change == tables.end()) change = tables.insert(change, {binding, {}});
    PCN_ASSIGN(change->changes.removed, list.read(engine::port_names(topology_.cubes.at(cleared.cube)), std::nullopt));
  }
  return {};
}

// ---- devices and time ------------------------------------------------------------------------------------------------

void LocalController::follow_devices() {
  const WriteLock lock(mutex_);
  if (devices_ == nullptr) return;  // shutting down
  const topology::Devices all = devices_->current();
  std::erase_if(refused_devices_, [&](const auto& refused) {
    return std::none_of(all.begin(), all.end(),
                        [&](const auto& device) { return device.second.index == refused.first; });
  });
  // One that was refused is tried again when it changes in what may have been the reason, or is brought up anew.
  const auto still_refused = [&](const topology::Device& device) {
    auto refusal = refused_devices_.find(device.index);
    return refusal != refused_devices_.end() && refusal->second.device.up == device.up &&
           refusal->second.device.mtu == device.mtu;
  };
  // First without, then with each device that is new, so that one that is refused does not keep others down. Devices that
  // nothing names do not matter.
  topology::Devices devices;
  std::set<std::string> fresh;
  const auto consider = [&](const std::string& name) {
    auto device = all.find(name);
    if (device == all.end() || still_refused(device->second)) return;
    if (is_wired(wiring_, device->second.index)) {
      devices.insert(*device);
    } else {
      fresh.insert(device->first);
    }
  };
  for (const auto& [cube_name, cube] : topology_.cubes)
    for (const auto& [port_name, port] : cube.ports) consider(port.peer);
  for (const auto& [parent, cubes] : topology_.chains) consider(parent);
  const auto rewire = [&]() -> Result<> {
    topology::Wiring wiring = topology::wire(topology_, devices);
    if (wiring == wiring_ && !engine_->has_lost_device()) return {};
    PCN_TRY(engine_->apply({topology_, topology_, wiring, devices, {}, {}}));
    log_links(topology_, wiring_, wiring);
    wiring_ = std::move(wiring);
    return {};
  };
  if (auto done = rewire(); !done)
    log::error("cannot follow a change of the network devices: {}", done.error().message);
  for (const std::string& name : fresh) {
    const topology::Device& device = all.at(name);
    devices.emplace(name, device);
    if (auto done = rewire(); !done) {
      Refusal& refusal = refused_devices_[device.index];
      if (refusal.why != done.error().message) {
        log::error("device {} cannot be wired: {}", name, done.error().message);
        report(Fault::raised, "device-refused", name, done.error().message);
      }
      refusal = {device, done.error().message};
      devices.erase(name);
    } else {
      if (refused_devices_.erase(device.index) > 0) report(Fault::cleared, "device-refused", name, "it is used");
    }
  }
  control_planes_.follow({topology_, wiring_, all, port_leaves()});
  announce_ports();
}

void LocalController::run_sweeper(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wakeup;
  std::unique_lock lock(mutex);
  constexpr unsigned rounds_per_count = 10;
  unsigned rounds = 0;
  while (!stop.stop_requested()) {
    wakeup.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
    if (stop.stop_requested()) return;
    survive("removing old table entries", [&] { expire_entries(); });
    if (++rounds % rounds_per_count == 0) {
      survive("counting table entries", [&] { refresh_fills(); });
      survive("looking after what others did to the data path", [&] { mend(); });
    }
    survive("ending a trace", [&] { end_abandoned_trace(); });
  }
}

// What others detached or unpinned is attached and pinned again.
void LocalController::mend() {
  auto restored = engine_->restore_pins();
  const std::string failure = restored ? "" : restored.error().message;
  if (failure != pin_failure_ && !failure.empty())
    log::error("what outlives polycubed cannot be pinned again: {}", failure);
  pin_failure_ = failure;
  const bool detached = [&] {
    const ReadLock lock(mutex_);
    return engine_->has_lost_device();
  }();
  if (detached) follow_devices();
}

// Often enough that a table does not hold many stale entries, seldom enough that scanning it does not matter.
void LocalController::expire_entries() {
  constexpr std::uint64_t longest = 30;
  const ReadLock lock(mutex_);
  const std::uint64_t now = engine::monotonic_now() / 1'000'000'000U;
  std::erase_if(swept_, [&](const auto& entry) { return datastore_.find(entry.first) == nullptr; });
  for (const auto& [id, tree] : datastore_.cubes()) {
    for (const model::TableBinding& binding : schema()->service(id.service)->bindings) {
      const auto age = max_age(*tree, binding);
      if (!age) continue;
      std::uint64_t& last = swept_[id.name][binding.table];
      if (now - last < std::clamp<std::uint64_t>(*age / 4, 1, longest)) continue;
      last = now;
      auto table = engine_->cube(id.name)->table(binding);
      auto expired = table ? table->expire(*age) : tl::unexpected<Error>(table.error());
      if (!expired) log::error("cube {}: {}", id.name, expired.error().message);
    }
  }
}

std::optional<std::uint64_t> LocalController::max_age(const model::DataTree& cube,
                                                      const model::TableBinding& binding) const {
  if (!binding.max_age_path) return std::nullopt;
  const auto text = model::leaf(cube, *binding.max_age_path);
  if (!text) return std::nullopt;
  return std::stoull(*text);
}

}  // namespace polycube::service
