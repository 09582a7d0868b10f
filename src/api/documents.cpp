// SPDX-License-Identifier: Apache-2.0
#include "api/documents.h"

#include <libyang/libyang.h>

#include <algorithm>
#include <vector>

#include "api/errors.h"

namespace polycube::api {

namespace {

constexpr const char* restconf_namespace = "urn:ietf:params:xml:ns:yang:ietf-restconf";
constexpr const char* rpc_module = "polycube";

/// Revision of ietf-yang-library that the schema implements; that of RFC 8525 if it has none.
std::string yang_library_revision(const model::Schema& schema) {
  const lys_module* module =
      schema.context() == nullptr ? nullptr : ly_ctx_get_module_implemented(schema.context(), "ietf-yang-library");
  return module == nullptr || module->revision == nullptr ? "2019-01-04" : module->revision;
}

std::vector<std::string> rpc_names(const model::Schema& schema) {
  std::vector<std::string> names;
  const auto section = schema.description().find("polycube");
  if (section == schema.description().end()) return names;
  const auto rpcs = section->find("rpcs");
  if (rpcs == section->end()) return names;
  for (const auto& rpc : *rpcs) names.push_back(rpc.value("name", ""));
  return names;
}

}  // namespace

std::string host_meta() {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<XRD xmlns=\"http://docs.oasis-open.org/ns/xri/xrd-1.0\">\n"
         "  <Link rel=\"restconf\" href=\"/restconf\"/>\n"
         "</XRD>\n";
}

std::string api_resource(const model::Schema& schema, model::Format format) {
  const auto revision = yang_library_revision(schema);
  if (format == model::Format::xml) {
    return fmt::format(
        "<restconf xmlns=\"{}\"><data/><operations/><yang-library-version>{}</yang-library-version></restconf>",
        restconf_namespace, revision);
  }
  nlohmann::ordered_json content;
  content["data"] = nlohmann::json::object();
  content["operations"] = nlohmann::json::object();
  content["yang-library-version"] = revision;
  return nlohmann::ordered_json{{"ietf-restconf:restconf", content}}.dump();
}

std::string yang_library_version(const model::Schema& schema, model::Format format) {
  const auto revision = yang_library_revision(schema);
  if (format == model::Format::xml) {
    return fmt::format("<yang-library-version xmlns=\"{}\">{}</yang-library-version>", restconf_namespace, revision);
  }
  return nlohmann::json{{"ietf-restconf:yang-library-version", revision}}.dump();
}

std::string operations_resource(const model::Schema& schema, model::Format format) {
  const auto names = rpc_names(schema);
  if (format == model::Format::xml) {
    std::string text = fmt::format("<operations xmlns=\"{}\">", restconf_namespace);
    const auto name_space = xml_text(module_namespace(schema, rpc_module));
    for (const auto& name : names) text += fmt::format("<{} xmlns=\"{}\"/>", name, name_space);
    return text + "</operations>";
  }
  auto list = nlohmann::ordered_json::object();
  // RFC 8040, 3.3.2: an operation is shown as a leaf of type empty.
  for (const auto& name : names) list[fmt::format("{}:{}", rpc_module, name)] = nlohmann::json::array({nullptr});
  return nlohmann::ordered_json{{"ietf-restconf:operations", list}}.dump();
}

bool has_rpc(const model::Schema& schema, std::string_view rpc) {
  const auto names = rpc_names(schema);
  return std::ranges::any_of(names, [&](const auto& name) { return rpc == fmt::format("{}:{}", rpc_module, name); });
}

}  // namespace polycube::api
