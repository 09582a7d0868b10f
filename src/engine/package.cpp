// SPDX-License-Identifier: Apache-2.0
#include "engine/package.h"

#include <linux/bpf.h>

#include <algorithm>

namespace polycube::engine {

namespace {

Result<TableCodec> codec_for(const bpf::ObjectFile& object, const model::TableBinding& binding) {
  auto map = object.maps().find(binding.table);
  if (map == object.maps().end())
    return fail(ErrorCode::invalid_value, "{} has no table {}, which the model is bound to", object.path().string(),
                binding.table);
  TableCodec::Shape shape;
  PCN_ASSIGN(shape.key, object.key_layout(binding.table));
  PCN_ASSIGN(shape.value, object.value_layout(binding.table));
  shape.lpm = map->second.type == BPF_MAP_TYPE_LPM_TRIE;
  shape.cpus = bpf::Map(Fd(), map->second).per_cpu() ? bpf::possible_cpus() : 1;
  auto codec = TableCodec::make(binding, std::move(shape));
  if (!codec) return fail_with(codec.error(), fmt::format("{}, table {}", object.path().string(), binding.table));
  return codec;
}

}  // namespace

Result<Package> Package::open(const std::filesystem::path& folder, const model::ServiceModel& model) {
  PCN_ASSIGN(bpf::ObjectFile tc, bpf::ObjectFile::read(folder / (model.name + ".tc.o")));
  PCN_ASSIGN(bpf::ObjectFile xdp, bpf::ObjectFile::read(folder / (model.name + ".xdp.o")));
  Package package(std::move(tc), std::move(xdp));
  for (const char* required : {"pcn_stats", "pcn_panel"})
    if (!package.tc_.maps().contains(required) || !package.xdp_.maps().contains(required))
      return fail(ErrorCode::invalid_value, "the objects in {} are no fast paths: they have no table {}",
                  folder.string(), required);
  for (const model::TableBinding& binding : model.bindings) {
    PCN_ASSIGN(TableCodec codec, codec_for(package.tc_, binding));
    PCN_ASSIGN([[maybe_unused]] TableCodec same, codec_for(package.xdp_, binding));
    package.tables_.push_back({&binding, std::move(codec)});
  }
  package.floods_ = package.xdp_.maps().contains("pcn_injector");
  return package;
}

const BoundTable* Package::table(const model::TableBinding& binding) const {
  auto found =
      std::find_if(tables_.begin(), tables_.end(), [&](const BoundTable& table) { return table.binding == &binding; });
  return found == tables_.end() ? nullptr : &*found;
}

}  // namespace polycube::engine
