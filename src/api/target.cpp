// SPDX-License-Identifier: Apache-2.0
#include "api/target.h"

#include <algorithm>

#include "api/http.h"
#include "base/percent.h"

namespace polycube::api {

namespace {

/// Removes scheme and authority of the absolute-form, which a server has to accept (RFC 9112, 3.2.2).
std::string_view without_authority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equal_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    const auto slash = target.find_first_of("/?");
    return slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  return target;
}

Result<std::string> decode(std::string_view text) {
  auto decoded = percent_decode(text);
  if (!decoded) return fail(ErrorCode::malformed_message, "a '%' in the URL is not followed by two hexadecimal digits");
  return std::move(*decoded);
}

}  // namespace

Result<RequestTarget> parse_target(std::string_view target) {
  target = without_authority(target);
  if (target.find('#') != std::string_view::npos) {
    return fail(ErrorCode::malformed_message, "the URL of a request has no fragment; write '#' as %23");
  }
  RequestTarget result;
  const auto question = target.find('?');
  result.path = target.substr(0, question);
  if (result.path.empty() && question != std::string_view::npos) result.path = "/";
  if (result.path != "*" && !result.path.starts_with('/')) {
    return fail(ErrorCode::malformed_message, "the path of the URL does not begin with '/'");
  }
  if (result.path.size() > 1 && result.path.ends_with('/')) result.path.pop_back();
  if (question == std::string_view::npos) return result;

  std::string_view query = target.substr(question + 1);
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto item = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (item.empty()) continue;
    const auto equals = item.find('=');
    PCN_ASSIGN(auto name, decode(item.substr(0, equals)));
    PCN_ASSIGN(auto value, decode(equals == std::string_view::npos ? "" : item.substr(equals + 1)));
    result.query.emplace_back(std::move(name), std::move(value));
  }
  return result;
}

}  // namespace polycube::api
