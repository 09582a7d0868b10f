// SPDX-License-Identifier: Apache-2.0
#include "service/cube_host.h"

#include <linux/bpf.h>

#include <algorithm>
#include <array>

#include "service/compiler.h"
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

CubeHost::CubeHost(std::string name, std::string uuid, const engine::Package& package, engine::SlowPath& slow_path,
                   std::shared_ptr<Turn> turn)
    : name_(std::move(name)),
      uuid_(std::move(uuid)),
      package_(package),
      slow_path_(slow_path),
      turn_(std::move(turn)),
      lines_(
          [&slow_path](std::function<void()> function) {
            using Again = std::optional<engine::SlowPath::Clock::duration>;
            (void)slow_path.schedule(std::chrono::seconds(1), [function = std::move(function)]() -> Again {
              function();
              return std::nullopt;
            });
          },
          [name = name_](const std::string& text) {
            log::write(spdlog::level::warn, fmt::format("[{}] {}", name, text));
          }) {}

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
  if (!running_) return not_running();
  if (!running_->outlet)
    return fail(ErrorCode::operation_not_supported, "the fast path of cube {} has no slow path that sends", name_);
  return running_->outlet->send(
      port, direction == control::Direction::ingress ? engine::Send::in : engine::Send::onward, packet, traffic_class);
}

void CubeHost::log(control::LogLevel level, std::string_view text) {
  static constexpr std::array levels{spdlog::level::trace, spdlog::level::debug, spdlog::level::info,
                                     spdlog::level::warn,  spdlog::level::err,   spdlog::level::critical};
  const auto wanted = levels.at(static_cast<std::size_t>(level));
  if (wanted < threshold_.load() || !lines_.take(TokenBucket::Clock::now())) return;
  log::write(wanted, fmt::format("[{}] {}", name_, text));
}

CubeView CubeHost::set_view(CubeView view) {
  if (auto level = log::parse_level(view.log_level)) threshold_ = *level;
  const std::unique_lock lock(mutex_);
  std::swap(view_, view);
  return view;
}

void CubeHost::set_cube(std::optional<Running> running) {
  const std::unique_lock lock(mutex_);
  running_ = running;
}

tl::unexpected<Error> CubeHost::not_running() const {
  return fail(ErrorCode::operation_not_supported, "cube {} does not run", name_);
}

// ---- programs --------------------------------------------------------------------------------------------------------

namespace {

engine::MicrocubeId id_of(const control::Program& program) {
  return engine::microcube_id(
      program.direction == control::Direction::egress ? topology::Direction::egress : topology::Direction::ingress,
      program.index);
}

Result<std::shared_ptr<const bpf::ObjectFile>> parse_object(const control::Bytes& object, const char* name) {
  if (object.empty()) return nullptr;
  PCN_ASSIGN(bpf::ObjectFile parsed, bpf::ObjectFile::parse(name, object, bpf::Origin::outside));
  return std::make_shared<const bpf::ObjectFile>(std::move(parsed));
}

}  // namespace

Result<control::Hook> CubeHost::hook() const {
  const std::shared_lock lock(mutex_);
  if (!running_) return not_running();
  return engine::family_of(running_->cube->hook()) == engine::Family::tc ? control::Hook::tc : control::Hook::xdp;
}

// Compiles without the lock.
Result<engine::Code> CubeHost::resolve(const control::Code& code, const control::Program& program) const {
  PCN_TRY(check_kind(code));
  if (!code.name.empty()) return package_.code(code.name);
  PCN_ASSIGN(const control::Hook where, hook());
  PCN_ASSIGN(const control::Code compiled, compile(code, where, program));
  engine::Code result;
  PCN_ASSIGN(result.tc, parse_object(compiled.tc_object, "program.tc.o"));
  PCN_ASSIGN(result.xdp, parse_object(compiled.xdp_object, "program.xdp.o"));
  return result;
}

// `change` is called with what it is to be noted in, or null.
template <typename Change>
auto CubeHost::change_programs(const Change& change)
    -> decltype(change(std::declval<const engine::Microcubes&>(), nullptr)) {
  const std::shared_lock lock(mutex_);
  if (!running_) return not_running();
  if (!CommitScope::active()) return change(running_->programs, nullptr);
  const std::lock_guard commit(commit_mutex_);
  return change(running_->programs, committed_ ? &*committed_ : nullptr);
}

Result<std::uint16_t> CubeHost::add_program(const control::Code& code, control::Direction direction,
                                            std::optional<std::uint16_t> index) {
  const control::Program program{direction, index.value_or(1)};
  PCN_ASSIGN(const engine::Code resolved, resolve(code, program));
  return change_programs([&](const engine::Microcubes& programs, engine::ProgramChanges* changes) {
    return programs.add(id_of(program).direction, resolved, index, changes);
  });
}

Result<> CubeHost::reload_program(const control::Code& code, const control::Program& program) {
  PCN_ASSIGN(const engine::Code resolved, resolve(code, program));
  return change_programs([&](const engine::Microcubes& programs, engine::ProgramChanges* changes) {
    return programs.replace(id_of(program), resolved, changes);
  });
}

Result<> CubeHost::remove_program(const control::Program& program) {
  return change_programs([&](const engine::Microcubes& programs, engine::ProgramChanges* changes) {
    return programs.remove(id_of(program), changes);
  });
}

std::optional<engine::Cube::Snapshot> CubeHost::programs() const {
  const std::shared_lock lock(mutex_);
  return running_ ? std::optional(running_->programs.snapshot()) : std::nullopt;
}

void CubeHost::inherit_programs() {
  const std::shared_lock lock(mutex_);
  if (running_) running_->programs.inherit();
}

void CubeHost::drop_inherited_programs() {
  const std::shared_lock lock(mutex_);
  if (!running_) return;
  if (auto done = running_->programs.drop_inherited(); !done)
    log::error("cube {} keeps programs of its control plane before: {}", name_, done.error().message);
}

void CubeHost::put_back(const std::optional<engine::Cube::Snapshot>& programs) {
  const std::shared_lock lock(mutex_);
  if (!running_ || !programs) return;
  if (auto done = running_->programs.put_back(*programs); !done)
    log::error("the programs of cube {} cannot go back to what they were: {}", name_, done.error().message);
}

void CubeHost::begin_commit() {
  const std::lock_guard lock(commit_mutex_);
  committed_.emplace();
}

engine::ProgramChanges CubeHost::end_commit() {
  const std::lock_guard lock(commit_mutex_);
  return std::exchange(committed_, std::nullopt).value_or(engine::ProgramChanges{});
}

void CubeHost::take_back(const engine::ProgramChanges& changes) {
  const std::shared_lock lock(mutex_);
  if (!running_) return;
  if (auto done = running_->programs.take_back(changes); !done)
    log::error("the programs of cube {} cannot go back to what they were: {}", name_, done.error().message);
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
std::string struct_name(const std::optional<bpf::Layout>& layout) {
  const bool named =
      layout && layout->kind == bpf::Layout::Kind::structure && layout->name.find(' ') == std::string::npos;
  return named ? layout->name : std::string();
}

Result<TableInfo> info_of(const engine::TableShape& shape) {
  const bpf::Map map(Fd(), shape.info);
  TableInfo info{.name = shape.info.name, .key_type = {}, .value_type = {}};
  PCN_ASSIGN(info.kind, kind_of(shape.info));
  info.per_cpu = map.per_cpu();
  info.cpus = info.per_cpu ? bpf::possible_cpus() : 1;
  info.key_size = shape.info.key_size;
  info.value_size = shape.info.value_size;
  info.max_entries = shape.info.max_entries;
  info.key_type = struct_name(shape.key);
  info.value_type = struct_name(shape.value);
  return info;
}

Result<> check_size(const TableInfo& info, const char* what, std::size_t size, std::size_t wanted) {
  if (size == wanted) return {};
  return fail(ErrorCode::invalid_value, "table {}: {} of {} bytes instead of {}", info.name, what, size, wanted);
}

}  // namespace

/// A table of the host's cube, which is looked up for each access: the cube may not run yet.
class CubeHost::HostTable : public control::RawTable {
 public:
  HostTable(const CubeHost& host, const engine::MicrocubeId& program, TableInfo info)
      : host_(host), program_(program), info_(std::move(info)) {}

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
    if (!host_.running_) return host_.not_running();
    PCN_ASSIGN(const engine::MapAccess map, host_.running_->cube->map(info_.name, program_));
    PCN_ASSIGN(const TableInfo now, info_of(map.table->shape()));
    if (now.kind != info_.kind || now.per_cpu != info_.per_cpu || now.key_size != info_.key_size ||
        now.value_size != info_.value_size || now.key_type != info_.key_type || now.value_type != info_.value_type)
      return fail(ErrorCode::operation_not_supported,
                  "table {} is another one since its program was replaced: open it again", info_.name);
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
  engine::MicrocubeId program_;
  TableInfo info_;
};

Result<std::unique_ptr<control::RawTable>> CubeHost::open_table(std::string_view name,
                                                                const control::Program& program) {
  const std::string table(name);
  const engine::MicrocubeId id = id_of(program);
  const auto open = [&](const engine::TableShape& shape) -> Result<std::unique_ptr<control::RawTable>> {
    PCN_ASSIGN(TableInfo info, info_of(shape));
    return std::make_unique<HostTable>(*this, id, std::move(info));
  };
  const std::shared_lock lock(mutex_);
  if (running_)
    if (const auto map = running_->cube->map(table, id)) return open(map->table->shape());
  const bpf::ObjectFile& object = package_.object(engine::Family::tc);  // that for XDP has the same tables
  if (!id.is_master() || running_ || !object.maps().contains(table) || !engine::Package::is_own_table(table))
    return fail(ErrorCode::data_missing, "cube {}: {} has no table {}", name_,
                id.is_master() ? "its fast path" : to_string(id), table);
  return open(engine::shape_of(object, table));
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
