// SPDX-License-Identifier: Apache-2.0
#include "api/entity_tag.h"

#include <algorithm>
#include <functional>

#include "api/http.h"

namespace polycube::api {

namespace {

constexpr std::size_t digest_digits = 16;

}  // namespace

Result<EntityTags> parse_entity_tags(std::string_view text) {
  EntityTags tags;
  if (trim(text) == "*") {
    tags.any = true;
    return tags;
  }
  // An opaque tag has no escapes (RFC 9110, 8.8.3): a backslash is an ordinary character, so split_list() is not used.
  while (!(text = trim(text)).empty()) {
    if (text.front() == ',') {
      text.remove_prefix(1);
      continue;
    }
    const bool weak = text.starts_with("W/");
    if (weak) text.remove_prefix(2);
    const auto close = text.starts_with('"') ? text.find('"', 1) : std::string_view::npos;
    if (close == std::string_view::npos) {
      return fail(ErrorCode::invalid_value, "an entity tag is written in double quotes, or '*' stands alone");
    }
    (weak ? tags.weak : tags.strong).emplace_back(text.substr(1, close - 1));
    text = trim(text.substr(close + 1));
    if (!text.empty() && text.front() != ',') {
      return fail(ErrorCode::invalid_value, "entity tags are separated by commas");
    }
  }
  if (tags.strong.empty() && tags.weak.empty()) return fail(ErrorCode::invalid_value, "the entity tag is missing");
  return tags;
}

std::string state_tag(std::string_view revision, std::string_view body) {
  return fmt::format("{}+{:016x}", revision, std::hash<std::string_view>{}(body));
}

std::string_view revision_of(std::string_view tag) {
  if (tag.size() <= digest_digits || tag[tag.size() - digest_digits - 1] != '+') return tag;
  const auto digest = tag.substr(tag.size() - digest_digits);
  if (digest.find_first_not_of("0123456789abcdef") != std::string_view::npos) return tag;
  return tag.substr(0, tag.size() - digest_digits - 1);
}

bool matches_weakly(const EntityTags& tags, std::string_view tag) {
  return tags.any || std::ranges::find(tags.strong, tag) != tags.strong.end() ||
         std::ranges::find(tags.weak, tag) != tags.weak.end();
}

}  // namespace polycube::api
