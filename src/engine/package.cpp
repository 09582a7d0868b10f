// SPDX-License-Identifier: Apache-2.0
#include "engine/package.h"

#include <linux/bpf.h>
#include <polycube/abi.h>

#include <algorithm>

#include "base/folder.h"
#include "engine/scoped_table.h"

namespace polycube::engine {

namespace {

constexpr std::string_view drop_names[] = {"policy", "port-unwired", "no-such-port",   "jump-failed",
                                           "error",  "no-headroom",  "slow-path-full", "no-way-to-host"};

Result<> check_drop_names(const model::ServiceModel& model) {
  constexpr std::size_t most = PCN_DROP_REASONS - PCN_DROP_OWN;
  if (model.drop_reasons.size() > most)
    return fail(ErrorCode::invalid_value, "module {}: pcn:drop-reasons has {} names, at most {} are possible",
                model.name, model.drop_reasons.size(), most);
  for (const std::string_view name : drop_names)
    if (std::find(model.drop_reasons.begin(), model.drop_reasons.end(), name) != model.drop_reasons.end())
      return fail(ErrorCode::invalid_value, "module {}: pcn:drop-reasons has {}, which is a reason of every cube",
                  model.name, name);
  return {};
}

Result<TableCodec> codec_for(const bpf::ObjectFile& object, const model::TableBinding& binding) {
  auto map = object.maps().find(binding.table);
  if (map == object.maps().end())
    return fail(ErrorCode::invalid_value, "{} has no table {}, which the model is bound to", object.path().string(),
                binding.table);
  TableCodec::Shape shape;
  PCN_ASSIGN(shape.key, object.key_layout(binding.table));
  PCN_ASSIGN(shape.value, object.value_layout(binding.table));
  PCN_ASSIGN(const TableScope scope, scope_of(object, binding.table));
  if (scope.between_cubes())
    return fail(
        ErrorCode::invalid_value,
        "{}: the model is bound to table {}, which is shared with other cubes: a cube's configuration is its own",
        object.path().string(), binding.table);
  shape.lpm = map->second.type == BPF_MAP_TYPE_LPM_TRIE;
  shape.cpus = bpf::Map(Fd(), map->second).per_cpu() ? bpf::possible_cpus() : 1;
  auto codec = TableCodec::make(binding, std::move(shape));
  if (!codec) return fail_with(codec.error(), fmt::format("{}, table {}", object.path().string(), binding.table));
  return codec;
}

Result<Code> read_code(const std::filesystem::path& folder, const std::string& name, bpf::Origin origin) {
  Code code;
  PCN_ASSIGN(bpf::ObjectFile tc, bpf::ObjectFile::read(folder / (name + ".tc.o"), origin));
  PCN_ASSIGN(bpf::ObjectFile xdp, bpf::ObjectFile::read(folder / (name + ".xdp.o"), origin));
  code.tc = std::make_shared<const bpf::ObjectFile>(std::move(tc));
  code.xdp = std::make_shared<const bpf::ObjectFile>(std::move(xdp));
  return code;
}

Result<> check_ring_scopes(const bpf::ObjectFile& object) {
  for (const auto& [name, size] : rings_of(object)) {
    PCN_ASSIGN(const TableScope scope, scope_of(object, name));
    if (scope.between_cubes())
      return fail(ErrorCode::invalid_value,
                  "{}: ring buffer {} cannot be shared between cubes, because a record goes to one control plane",
                  object.path().string(), name);
  }
  return {};
}

Result<> check_kind(const bpf::ObjectFile& object, const model::ServiceModel& model) {
  if (object.has_constant("pcn_transparent") == model.transparent) return {};
  if (model.transparent)
    return fail(ErrorCode::invalid_value,
                "{}.yang is the model of a transparent cube, which has no ports, but {} does not include "
                "polycube/transparent.h: include that, or use pcn:standard-cube in the model",
                model.name, object.path().string());
  return fail(ErrorCode::invalid_value,
              "{}.yang is the model of a cube with ports, but {} includes polycube/transparent.h: include "
              "polycube/cube.h, or use pcn:transparent-cube in the model",
              model.name, object.path().string());
}

}  // namespace

std::map<std::string, __u32> rings_of(const bpf::ObjectFile& object) {
  std::map<std::string, __u32> rings;
  for (const auto& [name, info] : object.maps())
    if (info.type == BPF_MAP_TYPE_RINGBUF && Package::is_own_table(name)) rings.emplace(name, info.max_entries);
  return rings;
}

// What the kernel would only refuse when a cube is made.
Result<> check_program(const bpf::ObjectFile& object, const char* name, Family family) {
  const auto program = object.programs().find(name);
  if (program == object.programs().end())
    return fail(ErrorCode::invalid_value, "{} has no program {}", object.path().string(), name);
  if (program->second != (family == Family::tc ? BPF_PROG_TYPE_SCHED_CLS : BPF_PROG_TYPE_XDP))
    return fail(ErrorCode::invalid_value, "{} has no program {} for {}: it was compiled for another hook",
                object.path().string(), name, family == Family::tc ? "TC" : "XDP");
  return {};
}

Result<Package> Package::open(const std::filesystem::path& folder, const model::ServiceModel& model,
                              bpf::Origin origin) {
  PCN_ASSIGN(Code master, read_code(folder, model.name, origin));
  Package package(model.name, std::move(master));
  for (const std::string& name : names_in(folder, ".tc.o"))
    if (name != model.name) {
      PCN_ASSIGN(package.slaves_[name], read_code(folder, name, origin));
    }
  for (const char* required : {"pcn_stats", "pcn_panel"})
    for (const Family family : {Family::tc, Family::xdp})
      if (!package.object(family).maps().contains(required))
        return fail(ErrorCode::invalid_value, "the objects in {} are no fast paths: they have no table {}",
                    folder.string(), required);
  for (const Family family : {Family::tc, Family::xdp}) PCN_TRY(check_kind(package.object(family), model));
  for (const model::TableBinding& binding : model.bindings) {
    PCN_ASSIGN(TableCodec codec, codec_for(package.object(Family::tc), binding));
    PCN_ASSIGN([[maybe_unused]] TableCodec same, codec_for(package.object(Family::xdp), binding));
    package.tables_.push_back({&binding, std::move(codec)});
  }
  package.floods_ = package.object(Family::xdp).maps().contains("pcn_injector");
  package.slow_path_ = package.object(Family::xdp).maps().contains("pcn_controller");
  package.sends_ = package.object(Family::xdp).programs().contains("pcn_out");
  package.egress_ = package.object(Family::xdp).programs().contains("pcn_egress");
  package.transparent_ = model.transparent;
  PCN_TRY(check_drop_names(model));
  package.drop_names_ = model.drop_reasons;
  for (const Family family : {Family::tc, Family::xdp}) {
    PCN_TRY(check_program(package.object(family), "pcn_ingress", family));
    if (package.sends_) PCN_TRY(check_program(package.object(family), "pcn_out", family));
    if (package.egress_ || package.transparent_) PCN_TRY(check_program(package.object(family), "pcn_egress", family));
  }
  for (const Family family : {Family::tc, Family::xdp}) PCN_TRY(check_ring_scopes(package.object(family)));
  // What floods runs at the injector, on TC.
  if (package.floods_) PCN_TRY(check_program(package.object(Family::xdp), "pcn_flood", Family::tc));
  return package;
}

Result<Code> Package::code(const std::string& name) const {
  if (name == name_) return master_;
  const auto found = slaves_.find(name);
  if (found != slaves_.end()) return found->second;
  return fail(ErrorCode::data_missing, "service {} has no program {} (bpf/{}.bpf.c)", name_, name, name);
}

void Package::rebind(const model::ServiceModel& model) {
  for (std::size_t i = 0; i < tables_.size(); i++) tables_[i].binding = &model.bindings.at(i);
}

std::string Package::drop_name(std::size_t reason) const {
  if (reason < std::size(drop_names)) return std::string(drop_names[reason]);
  const std::size_t own = reason - PCN_DROP_OWN;
  if (reason >= PCN_DROP_OWN && own < drop_names_.size()) return drop_names_[own];
  return fmt::format("reason-{}", reason < PCN_DROP_OWN ? reason : own);
}

const BoundTable* Package::table(const model::TableBinding& binding) const {
  auto found =
      std::find_if(tables_.begin(), tables_.end(), [&](const BoundTable& table) { return table.binding == &binding; });
  return found == tables_.end() ? nullptr : &*found;
}

}  // namespace polycube::engine
