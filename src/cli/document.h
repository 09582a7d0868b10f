// SPDX-License-Identifier: Apache-2.0
/// Documents: what users feed on standard input, and YAML on the way out.
/// Why: YAML from outside is bounded here (size, depth, aliases that multiply), so nothing behind need care.
/// Invariants: scalars of YAML are strings as written (null is null): the model types them, not their looks.
/// Threading: pure functions.
/// Source: YAML 1.2; RFC 8259 (JSON).
#pragma once

#include <string>
#include <string_view>

#include "cli/schema.h"

namespace polycube::cli {

inline constexpr std::size_t max_document_bytes = 64U << 20;
inline constexpr std::size_t max_document_nodes = 4'000'000;  ///< after aliases are followed
inline constexpr int max_document_depth = 64;

/// JSON or YAML, one document. Errors: malformed_message with line and column, limit_exceeded.
[[nodiscard]] Result<Json> parse_document(std::string_view text);

/// One YAML document, ending in a newline. Strings that would read as something else are quoted.
[[nodiscard]] std::string to_yaml(const Json& value);

/// One JSON document, indented by two spaces, ending in a newline.
[[nodiscard]] std::string to_json_text(const Json& value);

}  // namespace polycube::cli
