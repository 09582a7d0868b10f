// SPDX-License-Identifier: Apache-2.0
/// Layouts and bindings in few words, for the tests of table conversions.
/// Threading: plain values.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <stdexcept>

#include "engine/table_codec.h"

namespace polycube::engine::test {

using bpf::Layout;
using model::BindingKind;
using model::LeafBinding;
using model::LeafType;
using model::Row;
using model::TableBinding;
using testing::HasSubstr;
using Shape = TableCodec::Shape;

// ---- layouts as BTF would give them ----

inline Layout integer(std::uint32_t size, bool is_signed = false) {
  return {Layout::Kind::integer, fmt::format("__{}{}", is_signed ? 's' : 'u', size * 8), size, is_signed, false, {}};
}
inline Layout big_endian(std::uint32_t size) {
  return {Layout::Kind::integer, fmt::format("__be{}", size * 8), size, false, true, {}};
}
inline Layout bytes(std::uint32_t size) {
  return {Layout::Kind::bytes, fmt::format("__u8[{}]", size), size, false, false, {}};
}
inline Layout other(std::uint32_t size) { return {Layout::Kind::other, "void *", size, false, false, {}}; }

struct Field {
  const char* name;
  std::uint32_t offset;
  Layout layout;
};
inline Layout structure(std::uint32_t size, std::vector<Field> fields) {
  Layout layout{Layout::Kind::structure, "struct element", size, false, false, {}};
  for (auto& field : fields) layout.members.push_back({field.name, field.offset, std::move(field.layout)});
  return layout;
}

// ---- bindings ----

inline LeafBinding leaf(const char* name, LeafType type) {
  LeafBinding made;
  made.name = made.field = name;
  std::replace(made.field.begin(), made.field.end(), '-', '_');
  made.type = type;
  return made;
}
inline LeafBinding key(const char* name, LeafType type) {
  LeafBinding made = leaf(name, type);
  made.key = true;
  return made;
}
inline LeafBinding state(const char* name, LeafType type) {
  LeafBinding made = leaf(name, type);
  made.config = false;
  return made;
}
inline LeafBinding age_leaf() {
  LeafBinding made = state("age", LeafType::integer);
  made.age = true;
  made.field = "last_seen";
  return made;
}
inline LeafBinding action() {
  LeafBinding made = leaf("action", LeafType::enumeration);
  made.enumerators = {{"drop", 0}, {"forward", 2}, {"minus", -1}};
  return made;
}
inline TableBinding list(std::vector<LeafBinding> leaves) {
  TableBinding binding;
  binding.table = "fdb";
  binding.leaves = std::move(leaves);
  return binding;
}

/// Ports p0 to p9 with the indexes 0 to 9, and "far" with 300.
inline PortNames ports() {
  static const std::map<std::string, std::uint16_t> far = {{"far", 300}};
  return {[](const std::string& name) -> std::optional<std::uint16_t> {
            if (name.size() == 2 && name[0] == 'p' && name[1] >= '0' && name[1] <= '9') return name[1] - '0';
            if (auto known = far.find(name); known != far.end()) return known->second;
            return std::nullopt;
          },
          [](std::uint16_t index) -> std::optional<std::string> {
            if (index < 10) return fmt::format("p{}", index);
            if (index == 300) return "far";
            return std::nullopt;
          }};
}

inline TableCodec codec(const TableBinding& binding, Shape shape) {
  auto made = TableCodec::make(binding, std::move(shape));
  if (!made) throw std::runtime_error(made.error().message);
  return std::move(*made);
}

inline std::string refusal(const TableBinding& binding, Shape shape) {
  auto made = TableCodec::make(binding, std::move(shape));
  if (made) return "";
  EXPECT_EQ(made.error().code, ErrorCode::invalid_value);
  return made.error().message;
}

inline Bytes to_bytes(std::initializer_list<int> values) {
  Bytes made;
  for (int value : values) made.push_back(static_cast<std::byte>(value));
  return made;
}

}  // namespace polycube::engine::test
