// SPDX-License-Identifier: Apache-2.0
#include "api/errors.h"

#include <libyang/libyang.h>

#include <set>

#include "model/datastore.h"

namespace polycube::api {

namespace {

constexpr const char* restconf_namespace = "urn:ietf:params:xml:ns:yang:ietf-restconf";

/// RFC 8040, 7.1: errors of the request itself are of the protocol layer, those of what it asks for of the application.
std::string_view error_type(ErrorCode code) {
  switch (code) {
    case ErrorCode::malformed_message:
    case ErrorCode::operation_not_supported:
    case ErrorCode::precondition_failed: return "protocol";
    default: return "application";
  }
}

/// Replaces what is not UTF-8 by U+FFFD. Messages quote what clients sent, which may be any bytes.
std::string valid_utf8(std::string_view text) {
  using nlohmann::json;
  const auto quoted = json(std::string(text)).dump(-1, ' ', false, json::error_handler_t::replace);
  return json::parse(quoted).get<std::string>();
}

/// A string literal of XPath 1.0, which has no escapes: the quote is the one that the text does not hold.
std::string quote(const std::string& text) {
  const char mark = text.find('\'') == std::string::npos ? '\'' : '"';
  return mark + text + mark;
}

/// The list of the schema description (docs/architecture.md, "The schema resource") with this name, or null.
const nlohmann::json* find_child(const nlohmann::json& nodes, const std::string& name) {
  for (const auto& node : nodes) {
    if (node.is_object() && node.value("name", "") == name) return &node;
  }
  return nullptr;
}

const nlohmann::json* top_level_node(const nlohmann::json& description, const model::PathStep& step) {
  if (step.module == "polycube") {
    const auto section = description.find("polycube");
    if (section == description.end()) return nullptr;
    const auto containers = section->find("containers");
    return containers == section->end() ? nullptr : find_child(*containers, step.name);
  }
  const auto services = description.find("services");
  if (services == description.end() || step.module != step.name) return nullptr;
  const auto service = services->find(step.name);
  return service == services->end() ? nullptr : &*service;
}

std::string predicates(const nlohmann::json* node, const std::vector<std::string>& keys) {
  if (node == nullptr || keys.empty()) return "";
  std::string text;
  const auto names = node->find("keys");
  if (names != node->end() && names->is_array()) {
    for (std::size_t i = 0; i < keys.size() && i < names->size(); ++i) {
      text += fmt::format("[{}={}]", (*names)[i].get<std::string>(), quote(keys[i]));
    }
  } else if (node->value("kind", "") == "leaf-list") {
    text = fmt::format("[.={}]", quote(keys[0]));
  }
  return text;
}

nlohmann::json to_json(const Failure& failure, const std::string& path) {
  const auto& error = failure.error;
  nlohmann::ordered_json entry;
  entry["error-type"] = error_type(error.code);
  entry["error-tag"] = error_tag(error.code);
  if (!path.empty()) entry["error-path"] = path;
  entry["error-message"] = error.message;
  if (!error.detail.empty()) {
    entry["error-info"][error.code == ErrorCode::verifier_rejected ? "polycube:verifier-log" : "polycube:detail"] =
        error.detail;
  }
  return {{"ietf-restconf:errors", {{"error", nlohmann::json::array({entry})}}}};
}

/// In XML an instance-identifier has prefixes on every name; the module's name is the prefix (RFC 7950, 9.13).
std::string xml_path(const model::Schema& schema, const std::string& path) {
  std::string names;
  std::set<std::string> modules;
  std::string module;
  for (std::size_t i = 0; i < path.size();) {
    if (path[i] != '/') {  // predicates: the names of keys belong to the module of their list
      const bool name_follows = path[i] == '[' && i + 1 < path.size() && path[i + 1] != '.';
      names += path[i];
      if (name_follows) names += module + ":";
      if (path[i] == '\'' || path[i] == '"') {
        const auto close = path.find(path[i], i + 1);
        const auto end = close == std::string::npos ? path.size() : close + 1;
        names += path.substr(i + 1, end - i - 1);
        i = end;
      } else {
        ++i;
      }
      continue;
    }
    const auto end = std::min(path.find_first_of("/[", i + 1), path.size());
    auto step = path.substr(i + 1, end - i - 1);
    if (const auto colon = step.find(':'); colon != std::string::npos) {
      module = step.substr(0, colon);
      step = step.substr(colon + 1);
      modules.insert(module);
    }
    names += "/" + module + ":" + step;
    i = end;
  }
  std::string declarations;
  for (const auto& used : modules) {
    const auto name_space = module_namespace(schema, used);
    if (name_space.empty()) return "";
    declarations += fmt::format(" xmlns:{}=\"{}\"", used, xml_text(name_space));
  }
  return fmt::format("<error-path{}>{}</error-path>", declarations, xml_text(names));
}

std::string to_xml(const Failure& failure, const std::string& path, const model::Schema* schema) {
  const auto& error = failure.error;
  std::string text = fmt::format("<errors xmlns=\"{}\"><error><error-type>{}</error-type><error-tag>{}</error-tag>",
                                 restconf_namespace, error_type(error.code), error_tag(error.code));
  if (!path.empty() && schema != nullptr) text += xml_path(*schema, path);
  text += fmt::format("<error-message>{}</error-message>", xml_text(error.message));
  if (!error.detail.empty()) {
    const auto* name = error.code == ErrorCode::verifier_rejected ? "verifier-log" : "detail";
    text += fmt::format("<error-info><{0} xmlns=\"urn:polycube\">{1}</{0}></error-info>", name, xml_text(error.detail));
  }
  return text + "</error></errors>";
}

}  // namespace

std::string_view error_tag(ErrorCode code) {
  switch (code) {
    case ErrorCode::malformed_message: return "malformed-message";
    case ErrorCode::invalid_value: return "invalid-value";
    case ErrorCode::unknown_element: return "unknown-element";
    case ErrorCode::missing_element: return "missing-element";
    case ErrorCode::data_exists: return "data-exists";
    case ErrorCode::data_missing: return "data-missing";
    case ErrorCode::not_found: return "invalid-value";
    case ErrorCode::in_use: return "in-use";
    case ErrorCode::limit_exceeded: return "too-big";
    case ErrorCode::access_denied: return "access-denied";
    case ErrorCode::operation_not_supported: return "operation-not-supported";
    case ErrorCode::precondition_failed:
    case ErrorCode::unsupported_feature:
    case ErrorCode::verifier_rejected:
    case ErrorCode::system: break;
  }
  return "operation-failed";
}

int error_status(ErrorCode code, bool reading) {
  switch (code) {
    case ErrorCode::malformed_message:
    case ErrorCode::invalid_value:
    case ErrorCode::missing_element:
    case ErrorCode::limit_exceeded: return 400;
    case ErrorCode::unknown_element: return reading ? 404 : 400;
    case ErrorCode::data_exists:
    case ErrorCode::data_missing:
    case ErrorCode::in_use: return 409;
    case ErrorCode::not_found: return 404;
    case ErrorCode::access_denied: return 403;
    case ErrorCode::operation_not_supported: return 501;
    case ErrorCode::precondition_failed: return 412;
    case ErrorCode::unsupported_feature:
    case ErrorCode::verifier_rejected:
    case ErrorCode::system: break;
  }
  return 500;
}

std::string instance_identifier(const model::Schema* schema, std::string_view api_path) {
  if (schema == nullptr || api_path.empty()) return "";
  const auto steps = model::parse_path(api_path);
  if (!steps) return "";
  std::string text;
  const nlohmann::json* node = nullptr;
  for (const auto& step : *steps) {
    if (&step == &steps->front()) {
      node = top_level_node(schema->description(), step);
    } else if (node != nullptr) {
      const auto children = node->find("children");
      node = children == node->end() ? nullptr : find_child(*children, step.name);
    }
    text += "/" + (step.module.empty() ? "" : step.module + ":") + step.name + predicates(node, step.keys);
  }
  return text;
}

std::string xml_text(std::string_view text) {
  std::string result;
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '&': result += "&amp;"; break;
      case '"': result += "&quot;"; break;
      case '\t':
      case '\n':
      case '\r': result += c; break;
      default: result += static_cast<unsigned char>(c) < 0x20 ? '?' : c;  // forbidden by XML 1.0, 2.2
    }
  }
  return result;
}

std::string module_namespace(const model::Schema& schema, const std::string& module) {
  if (schema.context() == nullptr) return "";
  const lys_module* found = ly_ctx_get_module_implemented(schema.context(), module.c_str());
  if (found == nullptr) found = ly_ctx_get_module_latest(schema.context(), module.c_str());
  return found == nullptr ? "" : found->ns;
}

HttpResponse error_response(const Failure& failure, bool reading, const MediaType& type, const model::Schema* schema) {
  HttpResponse response;
  response.status = failure.status != 0 ? failure.status : error_status(failure.error.code, reading);
  response.headers = failure.headers;
  response.headers.emplace_back("Content-Type", type.name);
  const auto path = instance_identifier(schema, failure.error.path);
  response.body = type.format == model::Format::xml
                      ? to_xml(failure, path, schema)
                      : to_json(failure, path).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return response;
}

}  // namespace polycube::api
