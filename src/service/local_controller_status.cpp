// SPDX-License-Identifier: Apache-2.0
// What is wrong now, what to do about it, and telling those who follow it.
#include <algorithm>

#include "model/state.h"
#include "service/local_controller.h"
#include "topology/down_reason.h"

namespace polycube::service {

namespace {

constexpr std::size_t kept_faults = 20;
constexpr std::uint64_t filling_percent = 80;

bool is_filling(std::uint64_t entries, std::uint64_t capacity) { return entries * 100 > capacity * filling_percent; }

std::string table_name(const std::pair<std::string, std::string>& table) { return table.first + ':' + table.second; }

std::string port_advice(const std::string& port, const std::string& peer, const topology::Devices& devices) {
  const std::string disconnect = fmt::format("polycubectl disconnect {} {}", port, peer);
  if (topology::parse_port_name(peer)) return fmt::format("polycubectl connect {} {}, or {}", port, peer, disconnect);
  const auto device = devices.find(peer);
  if (device == devices.end()) return fmt::format("create {}, or {}", peer, disconnect);
  if (!device->second.up) return fmt::format("ip link set {} up, or {}", peer, disconnect);
  return fmt::format("see to the other end of {}, or {}", peer, disconnect);
}

}  // namespace

// Counts without the lock: what is counted may be large.
void LocalController::refresh_fills() {
  std::vector<CountedTable> tables;
  {
    const ReadLock lock(mutex_);
    for (const auto& cube : datastore_.cubes()) add_tables(cube.first, tables);
  }
  Fills fills;
  for (const CountedTable& table : tables) {
    if (table.makes_room()) continue;
    if (const auto entries = table.count())
      fills[{table.id.name, table.name}] = {*entries, table.access.table->map().info().max_entries};
  }
  std::vector<std::pair<std::string, bool>> changed;
  {
    const std::lock_guard lock(watch_mutex_);
    fills_ = std::move(fills);
    for (const auto& [table, fill] : fills_) {
      if (fill.entries >= fill.capacity && full_.insert(table).second) changed.emplace_back(table_name(table), true);
      if (!is_filling(fill.entries, fill.capacity) && full_.erase(table) > 0)
        changed.emplace_back(table_name(table), false);
    }
    std::erase_if(full_, [&](const auto& table) { return !fills_.contains(table); });
  }
  for (const auto& [table, full] : changed)
    report(full ? Fault::raised : Fault::cleared, "table-full", table, full ? "it has no room" : "it has room again");
}

void LocalController::report(Fault state, const std::string& kind, const std::string& subject,
                             const std::string& message) {
  const Event event{"fault",
                    {{"kind", kind},
                     {"subject", subject},
                     {"state", state == Fault::raised ? "raised" : "cleared"},
                     {"message", message}}};
  const std::lock_guard lock(watch_mutex_);
  faults_.emplace_back(faults_.empty() ? 1 : faults_.back().first + 1, event);
  if (faults_.size() > kept_faults) faults_.pop_front();
  events_.publish(event);
}

// ---- problems --------------------------------------------------------------------------------------------------------

std::vector<LocalController::Problem> LocalController::problems() const {
  std::vector<Problem> problems;
  if (unusable_rules_)
    problems.push_back(
        {"access-rules-unusable", "nacm",
         fmt::format("the saved access rules cannot be used, only root is let in: {}", *unusable_rules_),
         "remove the reason and restart polycubed, or replace ietf-netconf-acm:nacm as a whole (PUT, DELETE)"});
  if (store_)
    for (const auto& file : Store::files_aside(options_.state_file))
      problems.push_back({"configuration-aside", file.filename().string(),
                          fmt::format("{} is a saved configuration that could not be used: the daemon began without it",
                                      file.string()),
                          "configure what is missing, access rules first, and move the file away"});
  for (const Unrestored& cube : unrestored_)
    problems.push_back({"cube-not-restored", cube.cube.name,
                        fmt::format("cube {} ({}) does not run: {}", cube.cube.name, cube.cube.service, cube.reason),
                        "remove the reason and restart polycubed, or make the cube anew under its name"});
  add_service_problems(problems);
  add_port_problems(problems);
  const topology::Devices devices = devices_->current();
  for (const auto& [index, refusal] : refused_devices_) {
    const auto device =
        std::find_if(devices.begin(), devices.end(), [&](const auto& known) { return known.second.index == index; });
    if (device != devices.end())
      problems.push_back(
          {"device-refused", device->first, fmt::format("device {} is not used: {}", device->first, refusal.why),
           fmt::format("remove the reason, then: ip link set {0} down; ip link set {0} up", device->first)});
  }
  add_table_problems(problems);
  add_kernel_problems(problems);
  if (store_) {
    const auto place = store_->check_place();
    const std::string& why = place ? save_failure_ : place.error().message;
    if (!why.empty())
      problems.push_back({"not-saved", "configuration", why,
                          place ? "remove the reason and make a change" : "do so: what is changed now is refused"});
  }
  return problems;
}

// What others did to programs and pins, and what a change that failed left behind.
void LocalController::add_kernel_problems(std::vector<Problem>& problems) const {
  const topology::Devices devices = devices_->current();
  for (const topology::Gate& gate : engine_->detached_gates()) {
    const auto device = std::find_if(devices.begin(), devices.end(),
                                     [&](const auto& known) { return known.second.index == gate.device; });
    if (device == devices.end()) continue;
    const std::string point = fmt::format("{} {}", topology::to_string(gate.hook),
                                          gate.direction == topology::Direction::egress ? "egress" : "ingress");
    problems.push_back({"device-detached", fmt::format("{} {}", device->first, point),
                        fmt::format("somebody detached the program from device {} ({}): its packets enter no cube",
                                    device->first, point),
                        "wait 10 s, and it is attached again"});
  }
  if (const auto missing = engine_->missing_pins(); !missing.empty())
    problems.push_back(
        {"pins-missing", options_.pin_dir.string(),
         fmt::format("{} things that outlive polycubed are not where they were pinned, such as {}", missing.size(),
                     missing.front().string()),
         fmt::format("wait 10 s, and they are pinned again, if {} is in a BPF file system (mount -t bpf bpf {})",
                     options_.pin_dir.string(), options_.pin_dir.parent_path().string())});
  if (const auto& remains = engine_->not_taken_back(); !remains.empty())
    problems.push_back(
        {"not-taken-back", "data path",
         fmt::format("a change that was refused could not be taken back wholly: {}", fmt::join(remains, "; ")),
         "restart polycubed: it builds the data path anew, and packets are forwarded meanwhile"});
}

void LocalController::add_service_problems(std::vector<Problem>& problems) const {
  for (const auto& [name, entry] : catalogue_.entries()) {
    if (!entry.package)
      problems.push_back({"service-broken", name,
                          fmt::format("service {} cannot be used: {}", name, entry.error.message),
                          fmt::format("correct or remove {} and restart polycubed", entry.folder.string())});
    const bool used = std::any_of(topology_.cubes.begin(), topology_.cubes.end(),
                                  [&](const auto& cube) { return cube.second.service == name; });
    if (used && is_away(name))
      problems.push_back({"service-detached", name,
                          fmt::format("service {} is detached: its cubes forward, but cannot be changed", name),
                          "start its process (polycube-service) again"});
  }
}

void LocalController::add_port_problems(std::vector<Problem>& problems) const {
  const topology::Devices devices = devices_->current();
  for (const auto& [name, cube] : topology_.cubes) {
    for (const auto& [port_name, port] : cube.ports) {
      if (port.peer.empty() || topology::is_up(wiring_, name, port.index, devices)) continue;
      const std::string text = name + ':' + port_name;
      const std::string reason = topology::down_reason(topology_, text, port, devices);
      problems.push_back({"port-down", text,
                          fmt::format("port {} is DOWN: {}", text, reason.empty() ? "its peer cannot be used" : reason),
                          port_advice(text, port.peer, devices)});
    }
  }
  for (const auto& [parent, cubes] : topology_.chains) {
    if (topology::parse_port_name(parent) || devices.contains(parent)) continue;
    problems.push_back(
        {"device-missing", parent,
         fmt::format("{} does not exist, to which cubes are attached: {}", parent, fmt::join(cubes, ", ")),
         fmt::format("create {0}, or polycubectl detach {1} {0}", parent, cubes.front())});
  }
}

void LocalController::add_table_problems(std::vector<Problem>& problems) const {
  const std::lock_guard lock(watch_mutex_);
  for (const auto& [table, fill] : fills_) {
    if (!topology_.cubes.contains(table.first) || !is_filling(fill.entries, fill.capacity)) continue;
    const bool full = fill.entries >= fill.capacity;
    problems.push_back({full ? "table-full" : "table-filling", table_name(table),
                        fmt::format("table {} of cube {} is {}: {} of {} entries", table.second, table.first,
                                    full ? "full" : "filling", fill.entries, fill.capacity),
                        "remove entries that are not needed, or share the load among more cubes"});
  }
}

// ---- as data ---------------------------------------------------------------------------------------------------------

Result<> LocalController::add_status(model::DataTree& data, const Scope& scope) const {
  if (!scope.covers({{"status"}})) return {};
  const auto add = [&](const std::string& leaf, const std::string& value) {
    return model::add_leaf(data, "/polycube:status/" + leaf, value);
  };
  const std::vector<Problem> wrong = problems();
  PCN_TRY(add("condition", wrong.empty() ? "well" : "faulty"));
  PCN_TRY(add("started", date_and_time(started_)));
  if (store_) {
    PCN_ASSIGN(const std::int64_t number, store_->last());
    PCN_TRY(add("revision", std::to_string(number)));
  }
  const topology::Devices devices = devices_->current();
  std::size_t ports = 0;
  std::size_t up = 0;
  for (const auto& [name, cube] : topology_.cubes) {
    ports += cube.ports.size();
    for (const auto& [port_name, port] : cube.ports) up += topology::is_up(wiring_, name, port.index, devices) ? 1 : 0;
  }
  PCN_TRY(add("cubes", std::to_string(topology_.cubes.size())));
  PCN_TRY(add("ports", std::to_string(ports)));
  PCN_TRY(add("ports-up", std::to_string(up)));
  if (trace_) PCN_TRY(add("traced-by", trace_->author()));
  for (const Problem& problem : wrong) {
    const std::string node =
        fmt::format("problem[kind='{}'][subject={}]", problem.kind, model::quote_key(problem.subject));
    PCN_TRY(add(node + "/message", problem.message));
    PCN_TRY(add(node + "/advice", problem.advice));
  }
  for (const Unrestored& cube : unrestored_) {
    const std::string node = fmt::format("not-restored[name={}]", model::quote_key(cube.cube.name));
    PCN_TRY(add(node + "/service-name", cube.cube.service));
    PCN_TRY(add(node + "/reason", cube.reason));
  }
  for (const auto& [name, cube] : topology_.cubes) {
    PCN_ASSIGN(const engine::CubeStatistics statistics, engine_->cube(name)->statistics({}));
    for (const auto& [reason, packets] : statistics.drops)
      PCN_TRY(add(fmt::format("drops[cube={}][reason='{}']/packets", model::quote_key(name), reason),
                  std::to_string(packets)));
  }
  const std::lock_guard lock(watch_mutex_);
  for (const auto& [number, fault] : faults_) {
    const std::string node = fmt::format("fault[number='{}']", number);
    PCN_TRY(add(node + "/time", date_and_time(fault.time)));
    for (const auto& [leaf, value] : fault.leaves) PCN_TRY(add(node + '/' + leaf, value));
  }
  return {};
}

// ---- events ----------------------------------------------------------------------------------------------------------

Result<std::shared_ptr<Events::Subscription>> LocalController::subscribe(const Client& client) {
  const WriteLock lock(mutex_);
  if (devices_ == nullptr) return fail(ErrorCode::system, "the daemon is stopping");
  if (!events_.watched()) told_ports_ = port_states();
  // Events are published with and without the lock, by the rules of that time.
  const auto filter = [this, subject = subject_of(client)](const std::string& name) {
    const bool permitted = model::is_permitted(*access_rules_.load(), subject, model::AccessRule::Kind::notification,
                                               "polycube", name, name == "configuration-change");
    if (!permitted) denied_notifications_++;
    return permitted;
  };
  return events_.subscribe(filter, {client.user, client.recovery});
}

std::map<std::string, LocalController::PortState> LocalController::port_states() const {
  const topology::Devices devices = devices_->current();
  std::map<std::string, PortState> states;
  for (const auto& [name, cube] : topology_.cubes) {
    for (const auto& [port_name, port] : cube.ports) {
      const std::string text = name + ':' + port_name;
      const bool up = topology::is_up(wiring_, name, port.index, devices);
      states[text] = {up, port.peer, up ? "" : topology::down_reason(topology_, text, port, devices)};
    }
  }
  return states;
}

// Nobody pays for it while nobody follows.
void LocalController::announce_ports() {
  if (devices_ == nullptr || !events_.watched()) return;
  std::map<std::string, PortState> now = port_states();
  const auto tell = [&](const std::string& text, const char* status, const PortState& port) {
    const auto name = topology::parse_port_name(text);
    Event event{"port-state-change", {{"cube", name->cube}, {"port", name->port}, {"status", status}}};
    if (!port.peer.empty()) event.leaves.emplace_back("peer", port.peer);
    if (!port.reason.empty()) event.leaves.emplace_back("reason", port.reason);
    events_.publish(std::move(event));
  };
  for (const auto& [text, port] : told_ports_)
    if (!now.contains(text)) tell(text, "removed", {});
  for (const auto& [text, port] : now) {
    const auto before = told_ports_.find(text);
    if (before == told_ports_.end() || !(before->second == port)) tell(text, port.up ? "UP" : "DOWN", port);
  }
  told_ports_ = std::move(now);
}

}  // namespace polycube::service
