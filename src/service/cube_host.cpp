// SPDX-License-Identifier: Apache-2.0
#include "service/cube_host.h"

#include <linux/bpf.h>

#include <algorithm>
#include <array>

#include "topology/chains.h"

namespace polycube::service {

using control::TableInfo;
using std::chrono::milliseconds;

namespace {

std::optional<control::Device> device_of(const topology::Devices& devices, const std::string& name) {
  const auto device = devices.find(name);
  if (device == devices.end()) return std::nullopt;
  return control::Device{device->second.mac, device->second.mtu, device->second.addresses};
}

std::vector<control::Port> transparent_ports(const std::string& name, const Surroundings& now) {
  const std::string parent = topology::parent_of(now.topology, name);
  const topology::CubeWires& wires = now.wiring.cubes.at(name);
  control::Port port{.name = "ingress",
                     .index = topology::transparent_port(topology::Direction::ingress),
                     .up = !wires.ingress.empty(),
                     .peer = parent,
                     .device = std::nullopt,
                     .parent = {}};
  if (const auto parent_port = topology::parse_port_name(parent)) {
    port.parent = now.port_leaves(*parent_port);
    port.device = device_of(now.devices, now.topology.cubes.at(parent_port->cube).ports.at(parent_port->port).peer);
  } else {
    port.device = device_of(now.devices, parent);
  }
  control::Port out = port;
  out.name = "egress";
  out.index = topology::transparent_port(topology::Direction::egress);
  return {std::move(port), std::move(out)};
}

}  // namespace

CubeView view_of(const std::string& name, const Surroundings& now) {
  const topology::Cube& cube = now.topology.cubes.at(name);
  if (cube.transparent) return {cube.log_level, transparent_ports(name, now)};
  CubeView view{cube.log_level, {}};
  const topology::Wires& peers = now.wiring.cubes.at(name).peers;
  for (const auto& [port_name, port] : cube.ports) {
    const auto peer = peers.find(port.index);
    view.ports.push_back({.name = port_name,
                          .index = port.index,
                          .up = peer != peers.end() && topology::is_up(peer->second, now.devices),
                          .peer = port.peer,
                          .device = device_of(now.devices, port.peer),
                          .parent = {}});
  }
  return view;
}

// ---- ports and packets -----------------------------------------------------------------------------------------------

std::vector<control::Port> CubeHost::ports() const {
  const std::shared_lock lock(mutex_);
  return view_.ports;
}

Result<control::Port> CubeHost::port(std::string_view name) const {
  const std::shared_lock lock(mutex_);
  const auto found =
      std::find_if(view_.ports.begin(), view_.ports.end(), [&](const auto& port) { return port.name == name; });
  if (found == view_.ports.end()) return fail(ErrorCode::data_missing, "Port {} does not exist", name);
  return *found;
}

std::string CubeHost::port_name(std::uint16_t index) const {
  const std::shared_lock lock(mutex_);
  for (const control::Port& port : view_.ports)
    if (port.index == index) return port.name;
  return {};
}

Result<> CubeHost::send_packet_out(std::uint16_t port, std::span<const std::byte> packet, control::Direction direction,
                                   std::uint32_t traffic_class) {
  const std::shared_lock lock(mutex_);
  if (cube_ == nullptr) return fail(ErrorCode::operation_not_supported, "cube {} does not run", name_);
  if (!outlet_) return fail(ErrorCode::operation_not_supported, "the fast path of cube {} has no slow path", name_);
  return outlet_->send(port, direction == control::Direction::ingress ? engine::Send::in : engine::Send::onward, packet,
                       traffic_class);
}

void CubeHost::log(control::LogLevel level, std::string_view text) {
  static constexpr std::array levels{spdlog::level::trace, spdlog::level::debug, spdlog::level::info,
                                     spdlog::level::warn,  spdlog::level::err,   spdlog::level::critical};
  const auto wanted = levels.at(static_cast<std::size_t>(level));
  if (wanted >= threshold_.load()) log::write(wanted, fmt::format("[{}] {}", name_, text));
}

CubeView CubeHost::set_view(CubeView view) {
  if (auto level = log::parse_level(view.log_level)) threshold_ = *level;
  const std::unique_lock lock(mutex_);
  std::swap(view_, view);
  return view;
}

void CubeHost::set_cube(const engine::Cube* cube, std::optional<engine::Outlet> outlet) {
  const std::unique_lock lock(mutex_);
  cube_ = cube;
  outlet_ = outlet;
}

// ---- tables ----------------------------------------------------------------------------------------------------------

namespace {

Result<TableInfo::Kind> kind_of(const bpf::MapInfo& map) {
  switch (map.type) {
    case BPF_MAP_TYPE_ARRAY:
    case BPF_MAP_TYPE_PERCPU_ARRAY: return TableInfo::Kind::array;
    case BPF_MAP_TYPE_HASH:
    case BPF_MAP_TYPE_PERCPU_HASH:
    case BPF_MAP_TYPE_LRU_HASH:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH:
    case BPF_MAP_TYPE_LPM_TRIE: return TableInfo::Kind::hash;
    case BPF_MAP_TYPE_QUEUE:
    case BPF_MAP_TYPE_STACK: return TableInfo::Kind::queue;
    case BPF_MAP_TYPE_BLOOM_FILTER: return TableInfo::Kind::bloom;
    default:
      return fail(ErrorCode::operation_not_supported,
                  "table {} cannot be opened: it is no array, hash, LPM table, queue, stack or bloom filter", map.name);
  }
}

// What both compilers call it; empty for anything but a struct.
std::string struct_name(const Result<bpf::Layout>& layout) {
  const bool named =
      layout && layout->kind == bpf::Layout::Kind::structure && layout->name.find(' ') == std::string::npos;
  return named ? layout->name : std::string();
}

Result<> check_size(const TableInfo& info, const char* what, std::size_t size, std::size_t wanted) {
  if (size == wanted) return {};
  return fail(ErrorCode::invalid_value, "table {}: {} of {} bytes instead of {}", info.name, what, size, wanted);
}

}  // namespace

/// A table of the host's cube, which is looked up for each access: the cube may not run yet.
class CubeHost::HostTable : public control::RawTable {
 public:
  HostTable(const CubeHost& host, TableInfo info) : host_(host), info_(std::move(info)) {}

  [[nodiscard]] const TableInfo& info() const override { return info_; }

  [[nodiscard]] Result<std::optional<control::Bytes>> get(std::span<const std::byte> key) const override {
    PCN_TRY(check_keyed(true));
    PCN_TRY(check_size(info_, "key", key.size(), info_.key_size));
    return present(with_map([&](const engine::MapAccess& map) { return map.get(key); }));
  }

  [[nodiscard]] Result<> set(std::span<const std::byte> keys, std::span<const std::byte> values,
                             std::uint32_t count) override {
    PCN_TRY(check_keyed(true));
    PCN_TRY(check_size(info_, "keys", keys.size(), std::size_t{count} * info_.key_size));
    PCN_TRY(check_size(info_, "values", values.size(), count * info_.element_size()));
    return with_map([&](const engine::MapAccess& map) { return map.set(keys, values, count); });
  }

  [[nodiscard]] Result<> remove(std::span<const std::byte> keys, std::uint32_t count) override {
    PCN_TRY(check_keyed(true));
    PCN_TRY(check_size(info_, "keys", keys.size(), std::size_t{count} * info_.key_size));
    return with_map([&](const engine::MapAccess& map) { return map.remove(keys, count); });
  }

  [[nodiscard]] Result<Elements> all() const override {
    PCN_TRY(check_keyed(true));
    Elements elements;
    PCN_TRY(with_map([&](const engine::MapAccess& map) {
      return map.for_each([&](std::span<const std::byte> key, std::span<const std::byte> value) {
        elements.keys.insert(elements.keys.end(), key.begin(), key.end());
        elements.values.insert(elements.values.end(), value.begin(), value.end());
        elements.count++;
      });
    }));
    return elements;
  }

  [[nodiscard]] Result<> clear() override {
    PCN_TRY(check_keyed(true));
    return with_map([](const engine::MapAccess& map) { return map.clear(); });
  }

  [[nodiscard]] Result<> push(std::span<const std::byte> value) override {
    PCN_TRY(check_keyed(false));
    PCN_TRY(check_size(info_, "value", value.size(), info_.value_size));
    return with_map([&](const engine::MapAccess& map) { return map.push(value); });
  }

  [[nodiscard]] Result<std::optional<control::Bytes>> next(bool take) override {
    PCN_TRY(check_kind(TableInfo::Kind::queue));
    return present(with_map([&](const engine::MapAccess& map) { return map.next(take); }));
  }

  [[nodiscard]] Result<bool> contains(std::span<const std::byte> value) const override {
    PCN_TRY(check_kind(TableInfo::Kind::bloom));
    PCN_TRY(check_size(info_, "value", value.size(), info_.value_size));
    return with_map([&](const engine::MapAccess& map) { return map.contains(value); });
  }

 private:
  /// The cube stays as long as its access lasts.
  template <typename Access>
  auto with_map(const Access& access) const -> decltype(access(std::declval<const engine::MapAccess&>())) {
    const std::shared_lock lock(host_.mutex_);
    if (host_.cube_ == nullptr) return fail(ErrorCode::operation_not_supported, "cube {} does not run", host_.name_);
    PCN_ASSIGN(const engine::MapAccess map, host_.cube_->map(info_.name));
    return access(map);
  }

  static Result<std::optional<control::Bytes>> present(Result<bpf::Bytes> value) {
    if (value) return std::optional<control::Bytes>(std::move(*value));
    if (value.error().code == ErrorCode::data_missing) return std::nullopt;
    return tl::unexpected<Error>(std::move(value).error());
  }

  [[nodiscard]] Result<> check_keyed(bool wanted) const {
    const bool keyed = info_.kind == TableInfo::Kind::array || info_.kind == TableInfo::Kind::hash;
    if (keyed == wanted) return {};
    return fail(ErrorCode::operation_not_supported, "table {} has {}", info_.name, keyed ? "keys" : "no keys");
  }
  [[nodiscard]] Result<> check_kind(TableInfo::Kind wanted) const {
    if (info_.kind == wanted) return {};
    return fail(ErrorCode::operation_not_supported, "table {} is no {}", info_.name,
                wanted == TableInfo::Kind::queue ? "queue or stack" : "bloom filter");
  }

  const CubeHost& host_;
  TableInfo info_;
};

Result<std::unique_ptr<control::RawTable>> CubeHost::open_table(std::string_view name) {
  const std::string table(name);
  const bpf::ObjectFile& object = package_.object(engine::Family::tc);  // that for XDP has the same tables
  const auto found = object.maps().find(table);
  if (found == object.maps().end() || !engine::Package::is_own_table(table))
    return fail(ErrorCode::data_missing, "cube {}: its fast path has no table {}", name_, table);
  const bpf::Map map(Fd(), found->second);
  TableInfo info{.name = table, .key_type = {}, .value_type = {}};
  PCN_ASSIGN(info.kind, kind_of(map.info()));
  info.per_cpu = map.per_cpu();
  info.cpus = info.per_cpu ? bpf::possible_cpus() : 1;
  info.key_size = map.info().key_size;
  info.value_size = map.info().value_size;
  info.max_entries = map.info().max_entries;
  info.key_type = struct_name(object.key_layout(table));
  info.value_type = struct_name(object.value_layout(table));
  return std::make_unique<HostTable>(*this, std::move(info));
}

// ---- timers ----------------------------------------------------------------------------------------------------------

control::Timer CubeHost::every(milliseconds interval, std::function<void()> function) {
  interval = std::max(interval, milliseconds(1));
  return TurnTimer<engine::SlowPath>::start(slow_path_, *this, turn_, interval, interval, std::move(function));
}

control::Timer CubeHost::after(milliseconds delay, std::function<void()> function) {
  return TurnTimer<engine::SlowPath>::start(slow_path_, *this, turn_, std::max(delay, milliseconds(0)), std::nullopt,
                                            std::move(function));
}

}  // namespace polycube::service
