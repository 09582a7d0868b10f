// SPDX-License-Identifier: Apache-2.0
/// Entity tags and the preconditions that are made of them.
/// Why: the tag of a resource is the revision of the configuration, which is what If-Match must compare. A reply with
/// state (counters) changes without the revision, so the tag of such a reply also carries a digest of its body: a 304
/// then never hides a new counter, and If-Match still works with it because the digest is cut off.
/// Threading: pure functions.
/// Source: RFC 9110, 8.8.3 and 13.1; RFC 8040, 3.4.1 and 3.5.1.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace polycube::api {

struct EntityTags {
  bool any = false;                 ///< "*"
  std::vector<std::string> strong;  ///< opaque tags, without quotes
  std::vector<std::string> weak;
};

/// The value of If-Match or If-None-Match. Errors: invalid_value.
[[nodiscard]] Result<EntityTags> parse_entity_tags(std::string_view text);

/// The opaque tag of a reply with state: the revision and a digest of the body.
[[nodiscard]] std::string state_tag(std::string_view revision, std::string_view body);

/// The revision in an opaque tag made by state_tag(); other tags are returned as they are.
[[nodiscard]] std::string_view revision_of(std::string_view tag);

/// Weak comparison, as If-None-Match wants it (RFC 9110, 13.1.2).
[[nodiscard]] bool matches_weakly(const EntityTags& tags, std::string_view tag);

}  // namespace polycube::api
