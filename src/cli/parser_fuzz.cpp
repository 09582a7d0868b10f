// SPDX-License-Identifier: Apache-2.0
/// Fuzzes what a user's words and documents go through: arguments (one a line), then, after an empty line, the document
/// on standard input. Whatever comes, the result is a plan with a valid body, or an error with a message.
#include <cstdlib>

#include "cli/document.h"
#include "cli/format.h"
#include "cli/help.h"
#include "cli/plan.h"
#include "cli/test_schema.h"
#include "cli/values.h"

namespace {

using namespace polycube;
using namespace polycube::cli;

void require(bool condition) {
  if (!condition) std::abort();
}

Live live() {
  return {[] { return std::vector<Live::Cube>{{"r1", "router"}, {"br1", "simplebridge"}}; },
          [](const Target&) { return std::vector<std::vector<std::string>>{{"p1"}, {}, {"a", "b"}}; },
          [] { return std::vector<std::string>{"eth0"}; }, [] { return std::vector<std::string>{"r1:p1"}; }};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> arguments;
  std::size_t at = 0;
  while (at < input.size()) {
    const auto end = std::min(input.find('\n', at), input.size());
    if (end == at) break;
    arguments.emplace_back(input.substr(at, end - at));
    at = end + 1;
  }
  std::optional<Json> document;
  if (at + 1 < input.size()) {
    auto parsed = parse_document(input.substr(at + 1));
    if (parsed) {
      require(!to_yaml(*parsed).empty());
      document = std::move(*parsed);
    } else {
      require(!parsed.error().message.empty());
    }
  }
  const auto line = parse_command_line(arguments);
  if (!line) {
    require(!line.error().message.empty());
    return 0;
  }
  const auto text = help(test_schema(), *line, live(), true);
  require(text ? !text->empty() : !text.error().message.empty());
  if (!arguments.empty()) {
    const auto partial = arguments.back();
    for (const auto& candidate : complete(test_schema(), {arguments.begin(), arguments.end() - 1}, partial, live()))
      require(candidate.starts_with(partial));
  }
  const auto plan = make_plan(test_schema(), *line, document,
                              {[](const std::string& name) {
                                 return name == "r1" ? Result<std::optional<std::string>>("router")
                                                     : Result<std::optional<std::string>>(std::nullopt);
                               },
                               [] { return std::vector<std::string>{"r1"}; }});
  if (!plan) {
    require(!plan.error().message.empty());
    return 0;
  }
  require(plan->request.path.starts_with("/restconf/"));
  require(plan->request.path.find_first_of(" \r\n#") == std::string::npos);
  if (!plan->request.body.empty()) {
    const auto body = Json::parse(plan->request.body, nullptr, false);
    require(body.is_object());
    require(!render(from_wire(test_schema().service("router"), body), line->options).empty());
  }
  return 0;
}
