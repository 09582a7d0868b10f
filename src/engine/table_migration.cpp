// SPDX-License-Identifier: Apache-2.0
#include "engine/table_migration.h"

#include <linux/bpf.h>

#include <algorithm>
#include <cstring>

#include "base/log.h"

namespace polycube::engine {

using bpf::Layout;

namespace {

bool same_order(const Layout& one, const Layout& other) {
  return one.big_endian == other.big_endian || one.size == 1 || other.size == 1;
}

// By significance: an integer may become longer, or shorter when nothing is in what it loses.
bool convert_integer(const Layout& old_layout, std::span<const std::byte> from, const Layout& layout,
                     std::span<std::byte> to) {
  if (!same_order(old_layout, layout) || old_layout.is_signed != layout.is_signed) return false;
  const bool big = old_layout.big_endian || layout.big_endian;
  const auto digit = [big](std::size_t size, std::size_t i) { return big ? size - 1 - i : i; };
  const std::size_t kept = std::min(from.size(), to.size());
  const bool negative =
      layout.is_signed && (from[digit(from.size(), from.size() - 1)] & std::byte{0x80}) != std::byte{0};
  const std::byte fill = negative ? std::byte{0xff} : std::byte{0};
  for (std::size_t i = 0; i < kept; i++) to[digit(to.size(), i)] = from[digit(from.size(), i)];
  for (std::size_t i = kept; i < to.size(); i++) to[digit(to.size(), i)] = fill;
  for (std::size_t i = kept; i < from.size(); i++)
    if (from[digit(from.size(), i)] != fill) return false;
  const bool now_negative = layout.is_signed && (to[digit(to.size(), to.size() - 1)] & std::byte{0x80}) != std::byte{0};
  return now_negative == negative;
}

}  // namespace

bool convert(const Layout& old_layout, std::span<const std::byte> from, const Layout& layout, std::span<std::byte> to,
             bool complete) {
  if (from.size() != old_layout.size || to.size() != layout.size || old_layout.kind != layout.kind) return false;
  switch (layout.kind) {
    case Layout::Kind::integer: return convert_integer(old_layout, from, layout, to);
    case Layout::Kind::bytes:
      if (from.size() != to.size()) return false;
      std::copy(from.begin(), from.end(), to.begin());
      return true;
    case Layout::Kind::structure:
      for (const Layout::Member& member : layout.members) {
        const auto old = std::find_if(old_layout.members.begin(), old_layout.members.end(),
                                      [&](const Layout::Member& one) { return one.name == member.name; });
        if (old == old_layout.members.end()) {
          if (complete) return false;
        } else if (!convert(old->layout, from.subspan(old->offset, old->layout.size), member.layout,
                            to.subspan(member.offset, member.layout.size), complete)) {
          return false;
        }
      }
      return true;
    case Layout::Kind::other: break;
  }
  return from.size() == to.size() && old_layout == layout && (std::copy(from.begin(), from.end(), to.begin()), true);
}

namespace {

// One value for each CPU, or one.
bool convert_value(const bpf::KnownMap& old, std::span<const std::byte> from, const bpf::Map& now,
                   const TableShape& shape, std::span<std::byte> to) {
  const std::size_t count = now.per_cpu() ? bpf::possible_cpus() : 1;
  const std::size_t old_stride = from.size() / count;
  const std::size_t stride = to.size() / count;
  for (std::size_t cpu = 0; cpu < count; cpu++)
    if (!convert(*old.value, from.subspan(cpu * old_stride, old.value->size), *shape.value,
                 to.subspan(cpu * stride, shape.value->size), false))
      return false;
  return true;
}

}  // namespace

void migrate(const bpf::KnownMap& old, const bpf::Map& now, const TableShape& shape, const std::string& user) {
  const std::string& name = shape.info.name;
  const bool possible = old.key && old.value && shape.key && shape.value && old.map.has_elements() &&
                        now.has_elements() && old.map.per_cpu() == now.per_cpu() &&
                        old.map.is_array() == now.is_array();
  std::size_t moved = 0;
  std::size_t lost = 0;
  Result<> read;
  if (possible)
    read = old.map.for_each([&](std::span<const std::byte> key, std::span<const std::byte> value) {
      bpf::Bytes new_key(now.info().key_size);
      bpf::Bytes new_value(now.lookup_size());
      const bool fits = convert(*old.key, key, *shape.key, new_key, true) &&
                        convert_value(old, value, now, shape, new_value) && now.update(new_key, new_value);
      (fits ? moved : lost)++;
    });
  if (!possible || !read)
    log::warn("table {} of {} begins empty: it is not what it was before ({}), and cannot be made of that", name, user,
              to_string({old.map.info(), old.key, old.value}));
  else if (lost > 0)
    log::warn("table {} of {} has another form than before: {} entries were taken over, {} did not fit", name, user,
              moved, lost);
  else
    log::info("table {} of {} has another form than before: {} entries were taken over", name, user, moved);
}

}  // namespace polycube::engine
