// SPDX-License-Identifier: Apache-2.0
#include "cli/reply.h"

#include <algorithm>

#include "cli/values.h"

namespace polycube::cli {
namespace {

Result<Json> parse_object(const std::string& body) {
  auto json = Json::parse(body, nullptr, false);
  if (!json.is_object()) return fail(ErrorCode::system, "The daemon's answer is not a JSON object");
  return json;
}

std::string text_of(const Json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string without_end(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

/// The reason is at the end of the log, after the registers of the last instructions.
constexpr std::ptrdiff_t shown_log_lines = 20;

std::string end_of_log(const std::string& log) {
  const auto lines = std::ranges::count(log, '\n') + 1;
  if (lines <= shown_log_lines) return log;
  std::size_t start = 0;
  for (auto skipped = lines - shown_log_lines; skipped > 0; --skipped) start = log.find('\n', start) + 1;
  return fmt::format("The end of the verifier's log ({} of {} lines; with -log all are printed):\n{}", shown_log_lines,
                     lines, log.substr(start));
}

std::string describe(const Json& error, bool whole_log) {
  auto message = text_of(error, "error-message");
  if (message.empty()) message = text_of(error, "error-tag");
  auto text = "error: " + message + "\n";
  if (const auto path = text_of(error, "error-path"); !path.empty()) text += " at " + path + "\n";
  if (const auto info = error.find("error-info"); info != error.end() && info->is_object())
    for (const auto& [name, value] : info->items()) {
      const auto detail = value.is_string() ? without_end(value.get<std::string>()) : value.dump();
      const bool shorten = !whole_log && unprefixed(name) == "verifier-log";
      text += (shorten ? end_of_log(detail) : detail) + "\n";
    }
  return text;
}

}  // namespace

Result<Json> resource_in(const std::string& body, const Target& target) {
  if (body.empty()) return empty_resource(target);
  PCN_ASSIGN(const auto json, parse_object(body));
  if (json.empty()) return empty_resource(target);
  const auto& step = target.last();
  const Json& value = json.front();
  if (step.node->kind == Node::Kind::list && !step.keyless() && value.is_array())
    return value.empty() ? Json::object() : from_wire(step.node, value.front());
  return from_wire(step.node, value);
}

Json empty_resource(const Target& target) {
  const bool array = target.last().keyless() || target.node().kind == Node::Kind::leaf_list;
  return array ? Json::array() : Json::object();
}

Result<Json> output_in(const std::string& body, const Node& action) {
  if (without_end(body).empty()) return Json(nullptr);
  PCN_ASSIGN(const auto json, parse_object(body));
  if (json.empty() || !json.front().is_object() || json.front().empty()) return Json(nullptr);
  return from_wire(&action.output, json.front());
}

std::string refusal(const Reply& reply, bool whole_log) {
  const auto json = Json::parse(reply.body, nullptr, false);
  if (json.is_object() && json.contains("ietf-restconf:errors")) {
    const auto& errors = json["ietf-restconf:errors"];
    if (errors.is_object() && errors.contains("error")) {
      std::string text;
      for (const auto& error : errors["error"].is_array() ? errors["error"] : Json::array({errors["error"]}))
        if (error.is_object()) text += describe(error, whole_log);
      if (!text.empty()) return text;
    }
  }
  const auto body = without_end(reply.body);
  return body.empty() ? fmt::format("error: {} {}\n", reply.status, reply.reason) : body + "\n";
}

Json by_service(const Json& cubes) {
  Json services = Json::object();
  if (!cubes.is_object() || !cubes.contains("cube")) return services;
  for (const auto& cube : cubes["cube"]) {
    auto& list = services[text_of(cube, "service-name")];
    if (list.is_null()) list = Json::array();
    list.push_back(cube);
  }
  return services;
}

Result<Json> services_in(const std::string& body, const Schema& schema) {
  Json services = Json::object();
  if (body.empty()) return services;
  PCN_ASSIGN(const auto json, parse_object(body));
  const Json& data = json.contains("ietf-restconf:data") ? json["ietf-restconf:data"] : json;
  if (!data.is_object()) return services;
  for (const auto& [name, value] : data.items()) {
    const auto* service = schema.service(unprefixed(name));
    if (service != nullptr && value.is_array()) services[service->name] = from_wire(service, value);
  }
  return services;
}

}  // namespace polycube::cli
