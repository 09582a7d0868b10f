// SPDX-License-Identifier: Apache-2.0
#include "api/conditional.h"

#include <algorithm>

#include "api/entity_tag.h"

namespace polycube::api {

namespace {

/// Concurrent edits make an attempt fail; so many in a row mean that the client had better ask again.
constexpr int max_attempts = 16;

tl::unexpected<Error> no_match() {
  return fail(ErrorCode::precondition_failed, "the configuration is not the one that If-Match names; read it again");
}

/// The tags for the controller: weak ones never match an edit (RFC 9110, 13.1.1).
Result<std::vector<std::string>> match_list(const Headers& headers) {
  std::vector<std::string> list;
  const auto header = find_header(headers, "If-Match");
  if (!header) return list;
  PCN_ASSIGN(const auto tags, parse_entity_tags(*header));
  if (tags.any) return std::vector<std::string>{"*"};
  for (const auto& tag : tags.strong) list.emplace_back(revision_of(tag));
  if (list.empty()) return no_match();
  return list;
}

/// Whether the resource exists, as far as configuration goes.
Result<bool> exists(service::Controller& controller, const std::string& path, const service::Client& client) {
  const auto reply = controller.read(path, {.content = model::Content::config, .depth = 1}, client);
  if (reply) return true;
  if (reply.error().code == ErrorCode::not_found || reply.error().code == ErrorCode::data_missing) return false;
  return tl::unexpected<Error>(reply.error());
}

Result<service::EditReply> edit_if_none_match(service::Controller& controller, const model::Edit& edit,
                                              const EntityTags& none, const std::vector<std::string>& match,
                                              const service::Origin& origin) {
  for (int attempt = 0; attempt < max_attempts; ++attempt) {
    const std::string revision = controller.revision();  // before the resource is looked at, so never newer than it
    PCN_ASSIGN(const bool present, exists(controller, edit.path, origin.client));
    const auto names_current = [&](const std::string& tag) { return revision_of(tag) == revision; };
    if (present && (none.any || std::ranges::any_of(none.strong, names_current) ||
                    std::ranges::any_of(none.weak, names_current))) {
      return fail(ErrorCode::precondition_failed, "the resource exists, which If-None-Match excludes");
    }
    const bool star = match.size() == 1 && match[0] == "*";
    if (star && !present) return no_match();
    if (!match.empty() && !star && std::ranges::find(match, revision) == match.end()) return no_match();

    // The edit holds for the revision that was looked at, or is tried again on the next one.
    auto reply = controller.edit(edit, {revision}, origin);
    if (reply || reply.error().code != ErrorCode::precondition_failed) return reply;
  }
  return fail(ErrorCode::precondition_failed,
              "the configuration keeps changing while If-None-Match is checked; try again");
}

}  // namespace

Result<service::EditReply> conditional_edit(service::Controller& controller, const model::Edit& edit,
                                            const Headers& headers, const service::Origin& origin) {
  PCN_ASSIGN(const auto match, match_list(headers));
  const auto none_match = find_header(headers, "If-None-Match");
  if (!none_match) return controller.edit(edit, match, origin);
  PCN_ASSIGN(const auto none, parse_entity_tags(*none_match));
  return edit_if_none_match(controller, edit, none, match, origin);
}

}  // namespace polycube::api
