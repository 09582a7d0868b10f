// SPDX-License-Identifier: Apache-2.0
/// A node of a service model that is bound to an eBPF table, as plain values.
/// Why: the engine converts between rows of text and map elements without knowing YANG; the model knows nothing of BTF.
/// Invariants: `leaves` begins with the key leaves (those of enclosing lists below the cube first, outermost first),
/// then the other direct leaves in model order. A Row has one cell per leaf, in the same order; an absent leaf is
/// nullopt; values are the canonical text of RFC 7950, section 9 (leafrefs: the referred-to leaf's text).
/// Threading: plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace polycube::model {

enum class LeafType {
  integer,      ///< int8..int64, uint8..uint64
  boolean,      ///< "true" | "false"
  enumeration,  ///< one of `enumerators`
  bits,         ///< space-separated names out of `enumerators` (value = bit position)
  string,       ///< any text; a char array in the table
  mac,          ///< yang:mac-address
  ipv4,         ///< inet:ipv4-address (without zone)
  ipv6,         ///< inet:ipv6-address (without zone)
  ipv4_prefix,  ///< inet:ipv4-prefix, "a.b.c.d/len"
  ipv6_prefix,  ///< inet:ipv6-prefix
  ip,           ///< pcn:ip-match: an address or a prefix, IPv4 or IPv6
  range,        ///< pcn:port-range: "first-last" or one number
  port,         ///< a leafref to the name of a port of the same cube; a port index in the table
};

struct LeafBinding {
  std::string name;   ///< the leaf's name
  std::string field;  ///< name of the struct field
  LeafType type = LeafType::string;
  std::vector<std::pair<std::string, std::int64_t>> enumerators;
  bool key = false;
  bool config = true;
  bool age = false;      ///< `age-of`: seconds since the time in `field`; never written
  bool follows = false;  ///< entries go away with the port that this leaf names
};

enum class BindingKind { list, container, leaf };

struct TableBinding {
  std::string table;  ///< name of the eBPF map
  BindingKind kind = BindingKind::list;
  std::vector<std::string> path;  ///< node names from below the cube list down to the bound node
  bool config = true;             ///< false: read only
  std::vector<LeafBinding> leaves;
  std::optional<std::vector<std::string>> max_age_path;  ///< path below the cube of the leaf with the maximum age (s)

  bool operator==(const TableBinding&) const = delete;
};

using Row = std::vector<std::optional<std::string>>;

/// What a transaction does to one bound node: rows of `before` that are gone or different, rows of `after` that are
/// new or different. A row whose key is in both and whose value differs is in `written` only.
struct RowChanges {
  std::vector<Row> removed;
  std::vector<Row> written;
  [[nodiscard]] bool empty() const { return removed.empty() && written.empty(); }
};

}  // namespace polycube::model
