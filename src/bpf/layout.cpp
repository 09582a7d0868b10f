// SPDX-License-Identifier: Apache-2.0
#include "bpf/layout.h"

#include <bpf/btf.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace polycube::bpf {

namespace {

/// C nests far less; a type that contains itself (a damaged object) must not end in endless recursion.
constexpr unsigned max_nesting = 32;

bool is_big_endian_name(std::string_view name) {
  static constexpr std::array<std::string_view, 6> names = {"__be16", "__be32", "__be64", "be16", "be32", "be64"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string_view name_of(const btf* types, std::uint32_t name_offset) {
  const char* name = btf__name_by_offset(types, name_offset);
  return name != nullptr ? name : "";
}

class Reader {
 public:
  explicit Reader(const btf* types) : types_(types) {}

  Result<Layout> read(std::uint32_t type_id, unsigned nesting) const {
    if (nesting > max_nesting) return fail(ErrorCode::invalid_value, "BTF type {} is nested too deeply", type_id);
    Layout layout;
    PCN_ASSIGN(const btf_type* type, resolve(type_id, layout));
    if (layout.name.empty()) layout.name = name_of(types_, type->name_off);

    if (btf_is_composite(type)) {
      layout.kind = Layout::Kind::structure;
      layout.size = type->size;
      if (layout.name.empty()) layout.name = btf_is_struct(type) ? "anonymous struct" : "anonymous union";
      PCN_TRY(add_members(layout, layout.name, type, 0, nesting));
      return layout;
    }
    if (btf_is_array(type)) {
      PCN_TRY(read_array(layout, type, type_id, nesting));
      return layout;
    }
    read_scalar(layout, type);
    if (layout.kind == Layout::Kind::other) layout.size = size_of(type_id);
    return layout;
  }

 private:
  /// Follows typedefs and qualifiers; takes the outermost typedef's name and the byte order on the way.
  Result<const btf_type*> resolve(std::uint32_t type_id, Layout& layout) const {
    for (unsigned hops = 0; hops <= max_nesting; ++hops) {
      const btf_type* type = btf__type_by_id(types_, type_id);
      if (type == nullptr) return fail(ErrorCode::invalid_value, "there is no BTF type {}", type_id);
      if (btf_is_typedef(type)) {
        std::string_view name = name_of(types_, type->name_off);
        if (layout.name.empty()) layout.name = name;
        layout.big_endian = layout.big_endian || is_big_endian_name(name);
      } else if (!btf_is_mod(type) && !btf_is_type_tag(type)) {
        return type;
      }
      type_id = type->type;
    }
    return fail(ErrorCode::invalid_value, "BTF type {} refers to itself", type_id);
  }

  std::uint32_t size_of(std::uint32_t type_id) const {
    std::int64_t size = btf__resolve_size(types_, type_id);
    return size > 0 ? static_cast<std::uint32_t>(size) : 0;
  }

  static void read_scalar(Layout& layout, const btf_type* type) {
    bool word = type->size == 1 || type->size == 2 || type->size == 4 || type->size == 8;
    if (btf_is_int(type)) {
      // An integer that fills only part of its storage is how old compilers describe a bit-field.
      if (!word || btf_int_offset(type) != 0 || btf_int_bits(type) != type->size * 8) {
        layout.big_endian = false;
        return;
      }
      layout.is_signed = (btf_int_encoding(type) & BTF_INT_SIGNED) != 0;
    } else if (btf_is_any_enum(type) && word) {
      layout.is_signed = btf_kflag(type);
    } else {
      layout.big_endian = false;
      return;
    }
    layout.kind = Layout::Kind::integer;
    layout.size = type->size;
    layout.big_endian = layout.big_endian && layout.size > 1;
  }

  Result<> read_array(Layout& layout, const btf_type* type, std::uint32_t type_id, unsigned nesting) const {
    PCN_ASSIGN(Layout element, read(btf_array(type)->type, nesting + 1));
    layout.size = size_of(type_id);
    layout.big_endian = false;
    if (layout.name.empty()) layout.name = fmt::format("{}[{}]", element.name, btf_array(type)->nelems);
    // Big-endian words lie in memory like the bytes of an address.
    if (element.kind == Layout::Kind::integer && (element.size == 1 || element.big_endian))
      layout.kind = Layout::Kind::bytes;
    return {};
  }

  Result<> add_members(Layout& into, const std::string& owner, const btf_type* type, std::uint32_t base,
                       unsigned nesting) const {
    const btf_member* members = btf_members(type);
    for (unsigned i = 0; i < btf_vlen(type); ++i) {
      std::string_view name = name_of(types_, members[i].name_off);
      std::uint32_t bits = btf_member_bit_offset(type, i);
      if (btf_member_bitfield_size(type, i) != 0 || bits % 8 != 0 || is_partial(members[i].type))
        return fail(ErrorCode::invalid_value, "member {} of {} is a bit-field: use whole bytes in what tables hold",
                    name.empty() ? "(unnamed)" : name, owner);
      std::uint32_t offset = base + bits / 8;
      if (name.empty()) {
        PCN_TRY(flatten(into, owner, members[i].type, offset, nesting));
        continue;
      }
      PCN_ASSIGN(Layout layout, read(members[i].type, nesting + 1));
      into.members.push_back({std::string(name), offset, std::move(layout)});
    }
    return {};
  }

  Result<> flatten(Layout& into, const std::string& owner, std::uint32_t type_id, std::uint32_t offset,
                   unsigned nesting) const {
    if (nesting > max_nesting) return fail(ErrorCode::invalid_value, "BTF type {} is nested too deeply", type_id);
    Layout ignored;
    PCN_ASSIGN(const btf_type* type, resolve(type_id, ignored));
    if (!btf_is_composite(type)) return {};
    return add_members(into, owner, type, offset, nesting + 1);
  }

  bool is_partial(std::uint32_t type_id) const {
    Layout ignored;
    auto type = resolve(type_id, ignored);
    return type && btf_is_int(*type) && (btf_int_offset(*type) != 0 || btf_int_bits(*type) != (*type)->size * 8);
  }

  const btf* types_;
};

}  // namespace

bool operator==(const Layout& one, const Layout& other) {
  return one.kind == other.kind && one.name == other.name && one.size == other.size &&
         one.is_signed == other.is_signed && one.big_endian == other.big_endian && one.members == other.members;
}

Result<Layout> layout_of(const btf* types, std::uint32_t type_id) { return Reader(types).read(type_id, 0); }

}  // namespace polycube::bpf
