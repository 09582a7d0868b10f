// SPDX-License-Identifier: Apache-2.0
/// How a BTF type lies in memory, as a plain value.
/// Why: conversions between text and map elements need names, offsets and sizes, not libbpf.
/// Units: offsets and sizes in bytes; bit-fields are refused.
/// Threading: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

struct btf;

namespace polycube::bpf {

struct Layout {
  enum class Kind {
    integer,    ///< __u8..__u64, bool, char, enum; `big_endian` when the typedef's name says so (__be16, be32, ...)
    bytes,      ///< array of 1-byte integers: addresses, strings
    structure,  ///< `members`
    other,      ///< anything else; cannot be converted
  };
  struct Member;

  Kind kind = Kind::other;
  std::string name;  ///< of the type, for messages
  std::uint32_t size = 0;
  bool is_signed = false;
  bool big_endian = false;
  std::vector<Member> members;
};

struct Layout::Member {
  std::string name;
  std::uint32_t offset = 0;
  Layout layout;
};

/// Whether they are the same in memory and in name.
[[nodiscard]] bool operator==(const Layout& one, const Layout& other);
[[nodiscard]] inline bool operator==(const Layout::Member& one, const Layout::Member& other) {
  return one.name == other.name && one.offset == other.offset && one.layout == other.layout;
}

/// Layout of a BTF type; typedefs and qualifiers are resolved, anonymous struct and union members flattened.
[[nodiscard]] Result<Layout> layout_of(const btf* types, std::uint32_t type_id);

}  // namespace polycube::bpf
