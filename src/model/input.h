// SPDX-License-Identifier: Apache-2.0
/// Private to src/model: request bodies as plain values, before any schema.
/// Why: libyang's data parsers are recursive, word their errors for themselves and have crashed on hostile input; these
/// values are made by iterative parsers (nlohmann's SAX parser, expat), bounded, and walked against the schema here.
/// Invariants: nesting is at most max_depth; every text is_yang_text().
/// Threading: plain values.
/// Source: RFC 7951 (JSON), RFC 7950 (XML).
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/datastore.h"

namespace polycube::model {

inline constexpr unsigned max_depth = 64;

/// Prefixes in scope of an XML element, for values that hold prefixed names: (prefix, namespace).
using Namespaces = std::vector<std::pair<std::string, std::string>>;

struct Member;

struct Value {
  enum class Kind { object, array, string, number, boolean, null };
  Kind kind = Kind::null;
  bool untyped = false;         ///< from XML, where all text is a string and one entry looks like no list
  std::string text;             ///< of a string, number or boolean
  std::vector<Member> members;  ///< of an object
  std::vector<Value> elements;  ///< of an array
  std::shared_ptr<const Namespaces> namespaces;  ///< from XML
};

struct Member {
  std::string module;  ///< empty when the name has no prefix
  std::string name;
  Value value;
};

/// The body as an object. An XML document is an object with one member, its root element.
/// Errors: malformed_message.
[[nodiscard]] Result<Value> parse_body(const ly_ctx* context, std::string_view body, Format format);

/// What a value looks like, for messages: "a string", "an array"...
[[nodiscard]] const char* kind_name(const Value& value);

}  // namespace polycube::model
