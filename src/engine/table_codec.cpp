// SPDX-License-Identifier: Apache-2.0
#include "engine/table_codec.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/table_cell.h"
#include "engine/table_match.h"

namespace polycube::engine {

using model::BindingKind;
using model::LeafBinding;
using model::LeafType;

struct TableCodec::Cell {
  LeafBinding leaf;
  CellPlace place;                  ///< what is read
  std::optional<CellPlace> masked;  ///< of a range: written as well

  [[nodiscard]] bool written() const { return leaf.config && !leaf.age; }
  [[nodiscard]] bool summed() const { return !leaf.config && !leaf.key && !leaf.age && leaf.type == LeafType::integer; }
};

namespace {

using Kind = bpf::Layout::Kind;

/// The kernel's alignment of the values of a per-CPU element.
std::size_t cpu_stride(const bpf::Layout& value) { return (value.size + 7u) & ~std::size_t{7}; }

const bpf::Layout::Member* find_member(const bpf::Layout& layout, const std::string& name) {
  auto found = std::find_if(layout.members.begin(), layout.members.end(),
                            [&](const bpf::Layout::Member& member) { return member.name == name; });
  return found != layout.members.end() ? &*found : nullptr;
}

/// The leaf's field in the members `value` and `mask` of `layout`, which are of one type; nullopt when it has none.
Result<std::optional<CellPlace>> place_masked_leaf(const LeafBinding& leaf, const bpf::Layout& layout) {
  const auto* value = find_member(layout, "value");
  const auto* mask = find_member(layout, "mask");
  if (leaf.age || !value || !mask || value->layout.name != mask->layout.name || value->layout.size != mask->layout.size)
    return std::nullopt;
  const auto* member = find_member(value->layout, leaf.field);
  if (member == nullptr) return std::nullopt;
  PCN_ASSIGN(CellPlace place,
             fit_masked(leaf, member->layout, value->offset + member->offset, mask->offset + member->offset));
  return place;
}

/// Looks a leaf's place up in `layout`, of which `alone` says that it holds no other leaf.
Result<CellPlace> place_leaf(const LeafBinding& leaf, const bpf::Layout& layout, bool alone) {
  if (layout.kind == Kind::structure) {
    if (const auto* member = find_member(layout, leaf.field)) return fit(leaf, member->layout, member->offset);
    // The struct as a whole may be what the leaf is, such as struct in6_addr.
    if (alone && !leaf.age)
      if (auto whole = fit(leaf, layout, 0)) return whole;
    return fail(ErrorCode::invalid_value, "leaf {}: {} has no field {}", leaf.name, layout.name, leaf.field);
  }
  if (!alone)
    return fail(ErrorCode::invalid_value, "leaf {}: {} has no fields, so it can hold one leaf only", leaf.name,
                layout.name);
  return fit(leaf, layout, 0);
}

/// Key of an LPM trie: u32 prefix length, fields that must match exactly, and the address at the end.
Result<CellPlace> place_lpm_leaf(const LeafBinding& leaf, const bpf::Layout& key, bool alone) {
  const bpf::Layout::Member* member = find_member(key, leaf.field);
  if (member == nullptr && alone && key.members.size() == 2) member = &key.members[1];
  if (member == nullptr)
    return fail(ErrorCode::invalid_value, "leaf {}: {} has no field {}", leaf.name, key.name, leaf.field);
  if (member->offset < sizeof(std::uint32_t))
    return fail(ErrorCode::invalid_value, "leaf {}: field {} of {} is the prefix length", leaf.name, leaf.field,
                key.name);
  if (!is_prefix(leaf.type)) return fit(leaf, member->layout, member->offset);
  return fit_lpm_prefix(leaf, member->layout, member->offset);
}

Result<> check_lpm_key(const model::TableBinding& binding, const bpf::Layout& key) {
  if (key.kind != Kind::structure || key.members.size() < 2 || key.members[0].offset != 0 ||
      key.members[0].layout.kind != Kind::integer || key.members[0].layout.size != sizeof(std::uint32_t))
    return fail(ErrorCode::invalid_value, "the key {} of an LPM table must begin with a u32 prefix length", key.name);
  auto prefixes = std::count_if(binding.leaves.begin(), binding.leaves.end(),
                                [](const LeafBinding& leaf) { return leaf.key && is_prefix(leaf.type); });
  if (prefixes != 1) return fail(ErrorCode::invalid_value, "an LPM table needs exactly one key leaf that is a prefix");
  return {};
}

/// Length of the binding's keys and values against what its kind allows.
Result<> check_shape(const model::TableBinding& binding, const TableCodec::Shape& shape) {
  auto keys = std::count_if(binding.leaves.begin(), binding.leaves.end(), [](const auto& leaf) { return leaf.key; });
  if (binding.kind == BindingKind::list) {
    if (keys == 0) return fail(ErrorCode::invalid_value, "a list without a key cannot be bound");
    if (shape.lpm) return check_lpm_key(binding, shape.key);
    return {};
  }
  if (keys != 0) return fail(ErrorCode::invalid_value, "a container or leaf below a list cannot be bound");
  if (shape.lpm || shape.key.kind != Kind::integer || shape.key.size != sizeof(std::uint32_t))
    return fail(ErrorCode::invalid_value, "a container or leaf needs an array, with u32 keys; the key is {}",
                shape.key.name);
  if (binding.kind == BindingKind::leaf && binding.leaves.size() != 1)
    return fail(ErrorCode::invalid_value, "a bound leaf must be one leaf, not {}", binding.leaves.size());
  return {};
}

Result<> encode_at(const LeafBinding& leaf, const CellPlace& place, const std::optional<std::string>& text,
                   const PortNames& ports, std::span<std::byte> value) {
  std::memset(value.data() + place.offset, 0, place.extent);
  if (place.mask) std::memset(value.data() + *place.mask, 0, place.extent);
  if (text) return encode_cell(leaf, place, *text, ports, value);
  encode_absent(leaf, place, value);
  return {};
}

bool overlap(const CellPlace& a, const CellPlace& b) {
  return a.offset < b.offset + b.extent && b.offset < a.offset + a.extent;
}

}  // namespace

TableCodec::TableCodec(TableCodec&& other) noexcept = default;
TableCodec& TableCodec::operator=(TableCodec&& other) noexcept = default;
TableCodec::~TableCodec() = default;

Result<TableCodec> TableCodec::make(const model::TableBinding& binding, Shape shape) {
  std::string context = "table " + binding.table;
  if (auto checked = check_shape(binding, shape); !checked) return fail_with(std::move(checked).error(), context);
  auto keys = std::count_if(binding.leaves.begin(), binding.leaves.end(), [](const auto& leaf) { return leaf.key; });
  auto others = static_cast<std::ptrdiff_t>(binding.leaves.size()) - keys;

  TableCodec codec;
  codec.shape_ = std::move(shape);
  for (const LeafBinding& leaf : binding.leaves) {
    auto cell = codec.make_cell(leaf, (leaf.key ? keys : others) == 1);
    if (!cell) return fail_with(std::move(cell).error(), context);
    codec.cells_.push_back(std::move(*cell));
  }
  if (codec.shape_.lpm)
    for (const Cell& cell : codec.cells_)
      for (const Cell& prefix : codec.cells_)
        if (cell.leaf.key && prefix.leaf.key && is_prefix(prefix.leaf.type) && cell.place.offset > prefix.place.offset)
          return fail(ErrorCode::invalid_value,
                      "{}: field {} must be the last of {}, as the prefix of an LPM key ends it", context,
                      prefix.leaf.field, codec.shape_.key.name);
  return codec;
}

Result<TableCodec::Cell> TableCodec::make_cell(const LeafBinding& leaf, bool alone) const {
  const bpf::Layout& layout = leaf.key ? shape_.key : shape_.value;
  std::optional<CellPlace> masked;
  if (!leaf.key) {
    PCN_ASSIGN(masked, place_masked_leaf(leaf, layout));
  }
  Cell cell{leaf, {}, {}};
  if (masked && leaf.type != LeafType::range) {
    cell.place = *masked;
  } else {
    PCN_ASSIGN(cell.place,
               leaf.key && shape_.lpm ? place_lpm_leaf(leaf, layout, alone) : place_leaf(leaf, layout, alone));
    cell.masked = masked;
  }
  if (cell.place.offset + cell.place.extent > layout.size)
    return fail(ErrorCode::invalid_value, "leaf {}: field {} lies outside of {}", leaf.name, leaf.field, layout.name);
  // Two leaves that are written to the same bytes would silently overwrite each other.
  for (const Cell& other : cells_)
    if (other.leaf.key == leaf.key && other.written() && cell.written() && overlap(other.place, cell.place))
      return fail(ErrorCode::invalid_value, "leaves {} and {} share bytes of {}", other.leaf.name, leaf.name,
                  layout.name);
  return cell;
}

std::size_t TableCodec::key_size() const { return shape_.key.size; }

std::size_t TableCodec::value_size() const { return shape_.value.size; }

Result<> TableCodec::encode_key(const model::Row& row, const PortNames& ports, std::span<std::byte> key) const {
  if (row.size() != cells_.size() || key.size() < key_size())
    return fail(ErrorCode::invalid_value,
                "a row of {} cells and a key of {} bytes do not fit a table with {} leaves and {} bytes", row.size(),
                key.size(), cells_.size(), key_size());
  std::memset(key.data(), 0, key.size());  // padding is part of the key for the kernel
  for (std::size_t i = 0; i < cells_.size() && cells_[i].leaf.key; ++i) {
    if (!row[i]) return fail(ErrorCode::missing_element, "leaf {} is a key and cannot be absent", cells_[i].leaf.name);
    PCN_TRY(encode_cell(cells_[i].leaf, cells_[i].place, *row[i], ports, key));
  }
  return {};
}

Result<> TableCodec::encode_value(const model::Row& row, const PortNames& ports, std::span<std::byte> value) const {
  if (row.size() != cells_.size() || value.size() < value_size())
    return fail(ErrorCode::invalid_value,
                "a row of {} cells and a value of {} bytes do not fit a table with {} leaves and {} bytes", row.size(),
                value.size(), cells_.size(), value_size());
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const Cell& cell = cells_[i];
    if (cell.leaf.key || !cell.written()) continue;
    PCN_TRY(encode_at(cell.leaf, cell.place, row[i], ports, value));
    if (cell.masked) PCN_TRY(encode_at(cell.leaf, *cell.masked, row[i], ports, value));
  }
  return {};
}

std::optional<model::Row> TableCodec::decode(std::span<const std::byte> key, std::span<const std::byte> value,
                                             const PortNames& ports, std::uint64_t now) const {
  std::size_t stride = cpu_stride(shape_.value);
  std::size_t needed = shape_.cpus > 1 ? stride * shape_.cpus : shape_.value.size;
  if (key.size() < key_size() || value.size() < needed) return std::nullopt;
  model::Row row;
  row.reserve(cells_.size());
  for (const Cell& cell : cells_) {
    if (cell.leaf.age) {
      auto seconds = age(value, now);
      row.push_back(seconds ? std::optional(std::to_string(*seconds)) : std::nullopt);
      continue;
    }
    if (cell.summed() && shape_.cpus > 1) {
      std::uint64_t sum = 0;
      for (unsigned cpu = 0; cpu < shape_.cpus; ++cpu) sum += load(cell.place, value.subspan(cpu * stride));
      row.push_back(integer_text(cell.place, sum));
      continue;
    }
    row.push_back(decode_cell(cell.leaf, cell.place, cell.leaf.key ? key : value, ports));
    bool meaningless =
        !row.back() && (cell.leaf.key || (cell.leaf.type == LeafType::port && !is_absent(cell.place, value)));
    if (meaningless) return std::nullopt;
  }
  return row;
}

std::optional<std::uint64_t> TableCodec::age(std::span<const std::byte> value, std::uint64_t now) const {
  auto cell = std::find_if(cells_.begin(), cells_.end(), [](const Cell& one) { return one.leaf.age; });
  if (cell == cells_.end()) return std::nullopt;
  std::size_t stride = cpu_stride(shape_.value);
  std::uint64_t latest = 0;
  for (unsigned cpu = 0; cpu < shape_.cpus; ++cpu) {
    if (value.size() < cpu * stride + cell->place.offset + cell->place.extent) break;
    latest = std::max(latest, load(cell->place, value.subspan(cpu * stride)));
  }
  if (latest == 0) return std::nullopt;
  // The data path may have refreshed the entry after the caller looked at its clock.
  constexpr std::uint64_t nanoseconds_per_second = 1'000'000'000;
  return now > latest ? (now - latest) / nanoseconds_per_second : 0;
}

bool TableCodec::follows_port(std::span<const std::byte> key, std::span<const std::byte> value,
                              std::uint16_t port) const {
  return std::any_of(cells_.begin(), cells_.end(), [&](const Cell& cell) {
    if (!cell.leaf.follows || cell.leaf.type != LeafType::port) return false;
    std::span<const std::byte> element = cell.leaf.key ? key : value;
    return element.size() >= cell.place.offset + cell.place.extent && !is_absent(cell.place, element) &&
           load(cell.place, element) == port;
  });
}

}  // namespace polycube::engine
