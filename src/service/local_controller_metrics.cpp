// SPDX-License-Identifier: Apache-2.0
// Metrics: of the daemon, of its cubes, and those that services declare.
#include <linux/bpf.h>

#include <algorithm>
#include <unordered_set>

#include "base/log.h"
#include "service/cube_tree.h"
#include "service/local_controller.h"

namespace polycube::service {

namespace fs = std::filesystem;
using Type = MetricFamily::Type;

namespace {

Labels labels_of(const std::string& cube, const std::string& service) { return {{"cube", cube}, {"service", service}}; }

Labels with(Labels labels, const std::string& name, const std::string& value) {
  labels.emplace_back(name, value);
  return labels;
}

/// Tables that can become full; an array has all its elements always.
bool can_fill(const bpf::Map& map) { return map.has_elements() && !map.is_array(); }

void add_packets(Metrics& metrics, const Labels& labels, const engine::PortStatistics& port) {
  auto& packets = metrics.family("polycube_port_packets", Type::counter, "Packets that ports received and sent.");
  packets.add(with(labels, "direction", "in"), static_cast<double>(port.in_packets));
  packets.add(with(labels, "direction", "out"), static_cast<double>(port.out_packets));
  auto& bytes = metrics.family("polycube_port_bytes", Type::counter, "Bytes that ports received and sent.");
  bytes.add(with(labels, "direction", "in"), static_cast<double>(port.in_bytes));
  bytes.add(with(labels, "direction", "out"), static_cast<double>(port.out_bytes));
}

/// Of a transparent cube: what came to it and what it let go on.
void add_passing(Metrics& metrics, const Labels& labels, const engine::PortStatistics& direction) {
  auto& packets = metrics.family("polycube_transparent_packets", Type::counter,
                                 "Packets that came to transparent cubes, and that these let go on.");
  packets.add(with(labels, "step", "in"), static_cast<double>(direction.in_packets));
  packets.add(with(labels, "step", "out"), static_cast<double>(direction.out_packets));
  auto& bytes = metrics.family("polycube_transparent_bytes", Type::counter,
                               "Bytes that came to transparent cubes, and that these let go on.");
  bytes.add(with(labels, "step", "in"), static_cast<double>(direction.in_bytes));
  bytes.add(with(labels, "step", "out"), static_cast<double>(direction.out_bytes));
}

MetricFamily& family_of(Metrics& metrics, const model::Metric& metric) {
  return metrics.family("polycube_" + metric.name, metric.counter ? Type::counter : Type::gauge, metric.help,
                        metric.name);
}

MetricFamily& errors_in(Metrics& metrics) {
  return metrics.family("polycube_cube_metric_errors", Type::gauge,
                        "Metrics and tables that could not be collected now; the log says why at level debug.");
}

std::string joined(const std::vector<std::string>& keys) { return fmt::format("{}", fmt::join(keys, "\n")); }

}  // namespace

bool LocalController::CountedTable::makes_room() const {
  const std::uint32_t type = access.table->map().info().type;
  return type == BPF_MAP_TYPE_LRU_HASH || type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

Result<std::uint64_t> LocalController::CountedTable::count() const {
  // Of a table that programs change meanwhile the kernel may give up a batch (EINTR of prefix trees).
  constexpr int tries = 4;
  for (int one = 1;; one++) {
    std::uint64_t entries = 0;
    const auto done = access.for_each([&](auto, auto) { entries++; });
    if (done) return entries;
    if (one == tries) return tl::unexpected<Error>(done.error());
  }
}

Result<Metrics> LocalController::metrics(const Client& client) {
  Metrics metrics;
  std::vector<CountedTable> tables;
  std::map<model::CubeId, std::size_t> failed;
  {
    const ReadLock lock(mutex_);
    PCN_ASSIGN(const bool permitted, model::may_access(*schema(), "polycube:status", model::Access::read,
                                                       *access_rules_.load(), subject_of(client)));
    if (!permitted)
      return fail(ErrorCode::access_denied, "who may not read polycube:status may not read the metrics either");
    add_general_metrics(metrics);
    const topology::Devices devices = devices_->current();
    for (const auto& [id, tree] : datastore_.cubes()) {
      PCN_TRY(add_cube_metrics(metrics, id.name, devices));
      add_tables(id, tables);
      PCN_ASSIGN(failed[id], add_model_metrics(metrics, id, *tree, tables));
    }
  }
  std::map<const void*, Result<std::uint64_t>> counted;  // cubes may share a table
  for (const CountedTable& table : tables) {
    auto known = counted.find(table.access.table.get());
    if (known == counted.end()) known = counted.emplace(table.access.table.get(), table.count()).first;
    if (!known->second) {
      log::debug("cube {}: table {}: {}", table.id.name, table.name, known->second.error().message);
      failed[table.id]++;
      continue;
    }
    const auto entries = static_cast<double>(*known->second);
    const Labels cube = labels_of(table.id.name, table.id.service);
    if (table.metric) {
      family_of(metrics, *table.metric).add(cube, entries);
      continue;
    }
    const Labels labels = with(cube, "table", table.name);
    metrics.family("polycube_table_entries", Type::gauge, "Entries of tables that can become full.")
        .add(labels, entries);
    metrics
        .family("polycube_table_capacity_entries", Type::gauge,
                "Entries for which tables have room; where eviction is lru, a full table makes room by itself.")
        .add(with(labels, "eviction", table.makes_room() ? "lru" : "none"),
             table.access.table->map().info().max_entries);
  }
  for (const auto& [id, count] : failed)
    errors_in(metrics).add(labels_of(id.name, id.service), static_cast<double>(count));
  add_process(metrics);
  return metrics;
}

void LocalController::add_general_metrics(Metrics& metrics) const {
  metrics.family("polycube_build", Type::info, "Version of the daemon.").add({{"version", options_.version}}, 1);
  std::map<std::string, unsigned> cubes;
  for (const auto& [name, entry] : catalogue_.entries())
    if (entry.package) cubes[name] = 0;
  for (const auto& [name, cube] : topology_.cubes) cubes[cube.service]++;
  for (const auto& [service, count] : cubes)
    metrics.family("polycube_cubes", Type::gauge, "Cubes, by service.").add({{"service", service}}, count);
  for (const auto& [name, entry] : catalogue_.entries()) {
    metrics
        .family("polycube_service_up", Type::gauge,
                "1 for services that can be used, 0 for those whose package is broken or whose process is away.")
        .add({{"service", name}}, entry.package && !is_away(name) ? 1 : 0);
  }
  commits_.durations.add_to(
      metrics.family("polycube_commit_duration_seconds", Type::histogram, "Transactions that were carried out."), {});
  metrics
      .family("polycube_commits_failed", Type::counter,
              "Transactions that were begun and taken back. Requests that were refused before are not among them.")
      .add({}, static_cast<double>(commits_.failed));
  if (commits_.durations.count() > 0)
    metrics.family("polycube_last_commit_timestamp_seconds", Type::gauge, "When the last one was, in Unix time.")
        .add({}, std::chrono::duration<double>(commits_.last.time_since_epoch()).count());
  if (!store_) return;
  double size = 0;
  for (const char* part : {"", "-wal"}) {
    std::error_code absent;
    const auto bytes = fs::file_size(options_.state_file.string() + part, absent);
    if (!absent) size += static_cast<double>(bytes);
  }
  metrics.family("polycube_saved_configuration_bytes", Type::gauge, "Size of the saved configuration with its history.")
      .add({}, size);
}

Result<> LocalController::add_cube_metrics(Metrics& metrics, const std::string& name,
                                           const topology::Devices& devices) const {
  const topology::Cube& described = topology_.cubes.at(name);
  const Labels labels = labels_of(name, described.service);
  const engine::Cube& cube = *engine_->cube(name);
  PCN_ASSIGN(const engine::CubeStatistics statistics, cube.statistics(topology::counted_ports(described)));
  for (const auto& [port_name, port] : described.ports) {
    const Labels of_port = with(labels, "port", port_name);
    add_packets(metrics, of_port, statistics.ports.at(port.index));
    metrics.family("polycube_port_up", Type::gauge, "1 for ports that are joined to a working peer.")
        .add(of_port, topology::is_up(wiring_, name, port.index, devices) ? 1 : 0);
    metrics.family("polycube_port_has_peer", Type::gauge, "1 for ports that are to be joined to a peer.")
        .add(of_port, port.peer.empty() ? 0 : 1);
  }
  if (described.transparent)
    for (const auto direction : {topology::Direction::ingress, topology::Direction::egress})
      add_passing(metrics, with(labels, "direction", direction == topology::Direction::ingress ? "ingress" : "egress"),
                  statistics.ports.at(topology::transparent_port(direction)));
  auto& drops =
      metrics.family("polycube_cube_dropped_packets", Type::counter,
                     "Packets that cubes dropped; slow-path-full: those that their slow path had no room for.");
  for (const auto& [reason, packets] : statistics.drops)
    drops.add(with(labels, "reason", reason), static_cast<double>(packets));
  if (const ControlPlane* plane = control_planes_.find(name); plane != nullptr && cube.package().slow_path())
    metrics
        .family("polycube_slow_path_packets", Type::counter,
                "Packets that the slow paths of cubes were given since the daemon runs.")
        .add(labels, static_cast<double>(plane->delivered()));
  PCN_ASSIGN(const std::uint64_t lost, cube.lost_log_lines());
  metrics
      .family("polycube_cube_lost_log_lines", Type::counter,
              "Lines that the fast paths of cubes logged and for which there was no room.")
      .add(labels, static_cast<double>(lost));
  return {};
}

void LocalController::add_tables(const model::CubeId& id, std::vector<CountedTable>& tables) const {
  for (const auto& [name, access] : engine_->cube(id.name)->tables())
    if (can_fill(access.table->map())) tables.push_back({id, name, access});
}

// Metrics that a cube's model declares: one that cannot be had does not keep the others from being shown. Returns how many
// there were.
Result<std::size_t> LocalController::add_model_metrics(Metrics& metrics, const model::CubeId& id,
                                                       const model::DataTree& running,
                                                       std::vector<CountedTable>& tables) const {
  const Labels labels = labels_of(id.name, id.service);
  const engine::Cube& cube = *engine_->cube(id.name);
  const model::ServiceModel& service = *schema()->service(id.service);
  std::map<std::string, Result<model::DataTree>> shown;  // by the first node of the path
  std::size_t failed = 0;
  for (const model::Metric& metric : service.metrics) {
    const auto binding = std::find_if(service.bindings.begin(), service.bindings.end(),
                                      [&](const auto& known) { return known.path == metric.path; });
    if (metric.kind == model::Metric::Kind::entries && binding != service.bindings.end()) {
      auto access = cube.map(binding->table);
      if (access && can_fill(access->table->map())) {
        tables.push_back({id, metric.name, std::move(*access), metric});
        continue;
      }
    }
    MetricFamily& family = family_of(metrics, metric);
    if ((family.type == Type::counter) != metric.counter) {
      log::debug("cube {}: metric {} is of another type in another service", id.name, metric.name);
      failed++;
      continue;
    }
    auto entries = count_entries(id, running, metric);
    if (entries && *entries) {
      family.add(labels, **entries);
      continue;
    }
    auto tree = shown.find(metric.path.front());
    if (entries && tree == shown.end()) {
      const std::string path = path_of(id.service, id.name, "", "") + '/' + metric.path.front();
      PCN_ASSIGN(const model::Target target, model::resolve(*schema(), path));
      tree = shown.emplace(metric.path.front(), cube_with_state(id, running, Scope(target, std::nullopt))).first;
    }
    if (!entries || !tree->second) {
      log::debug("cube {}: metric {}: {}", id.name, metric.name,
                 (entries ? tree->second.error() : entries.error()).message);
      failed++;
      continue;
    }
    for (const model::Measured& measured : model::measure(*tree->second, metric)) {
      Labels all = labels;
      for (std::size_t i = 0; i < measured.keys.size(); i++) all.emplace_back(metric.labels[i], measured.keys[i]);
      family.add(std::move(all), measured.value);
    }
  }
  return failed;
}

// Entries of a list of state that is in no other, without making a tree of them, of which there may be 100,000; nothing for
// other nodes.
Result<std::optional<double>> LocalController::count_entries(const model::CubeId& id, const model::DataTree& running,
                                                             const model::Metric& metric) const {
  const model::ServiceModel& service = *schema()->service(id.service);
  const auto state = std::find_if(service.states.begin(), service.states.end(), [&](const model::StateNode& node) {
    return node.entries && node.path == metric.path;
  });
  if (metric.kind != model::Metric::Kind::entries || !metric.labels.empty() || state == service.states.end())
    return std::nullopt;
  control::Rows rows;
  if (ControlPlane* plane = control_planes_.find(id.name); plane != nullptr) {
    PCN_ASSIGN(rows, plane->state(fmt::format("{}", fmt::join(metric.path, "/"))));
  }
  const auto configured = model::entries_of(running, metric.path);
  if (configured.empty()) return static_cast<double>(rows.size());
  std::unordered_set<std::string> all;
  for (const control::Row& row : rows) all.insert(joined(row.keys));
  for (const auto& keys : configured) all.insert(joined(keys));
  return static_cast<double>(all.size());
}

}  // namespace polycube::service
