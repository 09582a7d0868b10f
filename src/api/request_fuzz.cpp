// SPDX-License-Identifier: Apache-2.0
// Any request line, headers and body: the answer is HTTP with a status of the table, and an error has a body that is
// JSON or XML. Edits go into a real datastore, so that the parsers behind the API are reached with what HTTP lets through.
#include <algorithm>
#include <cstdlib>

#include "api/fake_controller.h"
#include "api/restconf.h"
#include "base/log.h"

namespace {

using namespace polycube;

/// "METHOD TARGET\nName: value\n...\n\nbody"
api::HttpRequest parse(std::string_view input) {
  api::HttpRequest request;
  const auto line = input.substr(0, input.find('\n'));
  const auto space = line.find(' ');
  request.method = line.substr(0, space);
  request.target = space == std::string_view::npos ? "/" : line.substr(space + 1);
  input.remove_prefix(std::min(line.size() + 1, input.size()));
  while (!input.empty()) {
    const auto header = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(header.size() + 1, input.size()));
    if (header.empty()) break;
    const auto colon = std::min(header.find(':'), header.size());
    request.headers.emplace_back(header.substr(0, colon), api::trim(header.substr(std::min(colon + 1, header.size()))));
  }
  request.body = input;
  return request;
}

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto schema = api::load_schema(POLYCUBE_TEST_SOURCE_DIR "/../..");
  require(schema.has_value());
  spdlog::set_level(spdlog::level::off);
  api::FakeController controller(*schema);
  model::Datastore datastore(*schema);
  controller.on_edit = [&](const model::Edit& edit, const auto&) -> Result<service::EditReply> {
    PCN_ASSIGN(const auto candidate, datastore.edit(edit));
    return service::EditReply{candidate.created, candidate.location, "r1"};
  };
  controller.on_action = [&](const auto& path, const auto& body, model::Format format) -> Result<std::string> {
    PCN_ASSIGN(const auto input, model::parse_input(**schema, path, body, format));
    return model::print_output(**schema, path, {}, format);
  };
  controller.on_rpc = controller.on_action;
  const api::Restconf restconf(controller);

  const auto response = restconf.handle(parse({reinterpret_cast<const char*>(data), size}));
  require(response.status >= 200 && response.status < 600);
  for (const auto& [name, value] : response.headers) {
    require(name.find_first_of("\r\n") == std::string::npos && value.find_first_of("\r\n") == std::string::npos);
  }
  if (response.status < 400) return 0;
  const auto type = api::find_header(response.headers, "Content-Type").value_or("");
  require(type == api::yang_xml ? response.body.starts_with("<errors ") : nlohmann::json::accept(response.body));
  return 0;
}
