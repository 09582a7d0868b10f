// SPDX-License-Identifier: Apache-2.0
/// Values on their way to the daemon (typed by the model, RFC 7951) and back (as people and scripts read them).
/// Why: a value's type is a matter of its leaf, never of its looks: a string leaf may hold `10` or `true`.
/// Invariants: what does not fit its type is passed on unchanged: the daemon refuses it and says why. Unknown members
/// are passed on for the same reason.
/// Threading: pure functions.
/// Source: RFC 7951 (JSON encoding of YANG data), 6.1: 64-bit integers and decimal64 are strings on the wire.
#pragma once

#include "cli/schema.h"

namespace polycube::cli {

/// Value of a leaf or leaf-list as the wire has it. `value` may be a string of any source, or already typed.
[[nodiscard]] Json to_wire(const Node& leaf, const Json& value);

/// What to do with members that are state (config false): a body from `show` holds them, and none may be sent.
enum class State { keep, drop };

/// Members of a container, list entry, or input of an action. A list given as one object means one entry; module
/// prefixes of members are taken off.
[[nodiscard]] Json body_to_wire(const std::vector<Node>& children, const Json& object, State state);

/// The wire's value without module prefixes, numbers as numbers, members in model order, entries of lists whose first keys
/// are numbers in the order of these. `node` may be null.
[[nodiscard]] Json from_wire(const std::vector<Node>* children, const Json& object);
[[nodiscard]] Json from_wire(const Node* node, const Json& value);

/// Puts `value` at a dotted key: whole member names are tried first, for YANG names may contain dots.
/// Errors: malformed_message when two keys contradict each other.
[[nodiscard]] Result<> assign(Json& object, const std::vector<Node>& children, std::string_view key,
                              const std::string& value);

/// "module:name" -> "name".
[[nodiscard]] std::string_view unprefixed(std::string_view name);

}  // namespace polycube::cli
