// SPDX-License-Identifier: Apache-2.0
/// Private to src/model: leaf values of request bodies and paths.
/// Threading: pure functions of the schema.
/// Source: RFC 7951, section 6 (JSON encodings); RFC 7950, section 9.
#pragma once

#include "model/input.h"
#include "model/yang.h"

namespace polycube::model {

/// Text of a leaf's value as libyang is to see it: JSON kinds checked against the type, enumerations in the model's
/// letter case (on input the case does not matter), MAC addresses and UUIDs in lower case (their canonical form), XML
/// prefixes replaced by module names. Errors: invalid_value, without path.
[[nodiscard]] Result<std::string> leaf_text(const lysc_node* leaf, const Value& value);

/// The same for text that has no kind: keys in a path.
[[nodiscard]] std::string normalise(const lysc_type* type, std::string text);

/// Why `text` is no value of the leaf; to be called when libyang has just refused it, in the same thread.
[[nodiscard]] Error value_error(const lysc_node* leaf, const std::string& text);

/// Checks a value from a path; returns its normalised text, or the error without path.
[[nodiscard]] Result<std::string> check_value(const lysc_node* leaf, const std::string& text);

/// The same, in the one spelling that data have: 02:00:00:00:00:0a, 2001:db8::1, 7.
[[nodiscard]] Result<std::string> canonical_value(const lysc_node* leaf, const std::string& text);

}  // namespace polycube::model
