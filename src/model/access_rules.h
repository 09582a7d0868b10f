// SPDX-License-Identifier: Apache-2.0
/// Who may do what, as values: the rules of ietf-netconf-acm and what they decide.
/// Why: a decision that protects everything else has to be readable and testable without data trees, files or sockets.
/// Invariants: pure functions of values; the rules outlive the judges made of them. The first rule that fits decides, and
/// when none does, the default.
/// Threading: plain values.
/// Source: RFC 8341, 3.4.
#pragma once

#include <polycube/change.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace polycube::model {

enum class Access { create, read, update, remove, exec };

/// "create", "read", "update", "delete" or "exec", as access-operations names it.
[[nodiscard]] const char* to_string(Access access);

/// A step of a data path, with the keys that are given, by the names of their leaves.
struct AccessStep {
  std::string module;
  std::string name;
  std::map<std::string, std::string> keys = {};
};

struct AccessRule {
  enum class Kind { any, operation, notification, data };
  std::string module = "*";
  Kind kind = Kind::any;
  std::string name = {};                          ///< of an operation or notification, or "*"
  std::vector<AccessStep> path = {};              ///< of data; no steps: all
  std::optional<std::set<Access>> accesses = {};  ///< nothing: all
  bool permit = false;
};

struct AccessRules {
  struct List {
    std::set<std::string> groups;
    std::vector<AccessRule> rules;
  };
  bool enabled = true;
  bool read_default = true;
  bool write_default = false;
  bool exec_default = true;
  bool external_groups = true;
  std::map<std::string, std::set<std::string>> groups = {};  ///< names of users
  std::vector<List> lists = {};
};

/// Whom rules are about. `groups`: of the system.
struct AccessSubject {
  std::string user;
  std::vector<std::string> groups = {};
  bool recovery = false;  ///< subject to no rule
};

/// Out of the instances of the container nacm (Change::after), in the order of the tree, defaults included. Errors:
/// invalid_value for a path that is none.
[[nodiscard]] Result<AccessRules> access_rules(const control::Changes& instances);

/// "/module:list[key='value']/child": keys may be left out. Errors: invalid_value.
[[nodiscard]] Result<std::vector<AccessStep>> parse_access_path(std::string_view text);

/// Decides about one kind of access of somebody to data nodes, from the top of the tree downwards.
class AccessJudge {
 public:
  AccessJudge(const AccessRules& rules, const AccessSubject& subject, Access access);

  /// The judge for a child of the node that this one is for; a new one is for the root, which is no node.
  [[nodiscard]] AccessJudge below(const AccessStep& step) const;

  /// `denied_by_default`: the model wants a rule that permits it (nacm:default-deny-all or -write).
  [[nodiscard]] bool permits(bool denied_by_default = false) const;
  /// Whether no path of a rule leads further down: what is decided here is so for all below, of the same module.
  [[nodiscard]] bool is_final() const;

 private:
  struct Candidate {
    const AccessRule* rule;
    std::size_t matched;  ///< steps of its path
  };
  bool unlimited_ = false;
  bool default_ = false;
  std::string module_;
  std::vector<Candidate> candidates_;
};

/// Whether an operation (exec) or, with Kind::notification, a notification (read) is permitted.
[[nodiscard]] bool is_permitted(const AccessRules& rules, const AccessSubject& subject, AccessRule::Kind kind,
                                const std::string& module, const std::string& name, bool denied_by_default = false);

}  // namespace polycube::model
