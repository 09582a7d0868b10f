// SPDX-License-Identifier: Apache-2.0
#include "cli/plan.h"

#include <algorithm>
#include <array>

#include "base/near_matches.h"
#include "cli/document.h"
#include "cli/values.h"

namespace polycube::cli {
namespace {

const std::string data_root = "/restconf/data";

std::string data_path(const std::string& path) { return path.empty() ? data_root : data_root + "/" + path; }

std::string member_name(const Target& target, const Node& node) { return target.module + ":" + node.name; }

bool is_rpc_word(std::string_view word) {
  return word == "connect" || word == "disconnect" || word == "attach" || word == "detach";
}

/// The members that a command gives: the document, else the assignments.
Result<Json> members_of(const CommandLine& line, const std::vector<Node>& children,
                        const std::optional<Json>& document) {
  if (document && !document->is_null()) return body_to_wire(children, *document, State::drop);
  Json object = Json::object();
  for (const auto& [key, value] : line.assignments) PCN_TRY(assign(object, children, key, value));
  return body_to_wire(children, object, State::keep);
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

/// An entry with the keys of the path; keys that the path lacks may be among the members.
Result<Json> entry_of(const Step& step, const Json& members) {
  if (!members.is_object())
    return fail(ErrorCode::malformed_message, "The body of an entry of {} is no object", step.node->name);
  Json entry = Json::object();
  for (std::size_t i = 0; i < step.node->keys.size(); ++i) {
    const auto& name = step.node->keys[i];
    if (i < step.keys.size()) {
      entry[name] = to_wire(*step.node->child(name), step.keys[i]);
      if (members.contains(name) && members[name] != entry[name])
        return fail(ErrorCode::malformed_message, "{} is '{}' in the path and '{}' in the body", name,
                    text_of(entry[name]), text_of(members[name]));
    } else if (!members.contains(name)) {
      return fail(ErrorCode::missing_element, "{} needs its key '{}'", step.node->name, name);
    }
  }
  for (const auto& [name, value] : members.items())
    if (!entry.contains(name)) entry[name] = value;
  return entry;
}

/// The message of a PATCH on the first `steps` steps of a target: that resource, holding `members`.
Result<Json> resource_of(const Target& target, std::size_t steps, const Json& members) {
  Json message = Json::object();
  const auto& step = target.steps[steps - 1];
  if (step.node->kind == Node::Kind::list) {
    PCN_ASSIGN(auto entry, entry_of(step, members));
    message[member_name(target, *step.node)] = Json::array({std::move(entry)});
  } else {
    message[member_name(target, *step.node)] = members;
  }
  return message;
}

Result<> check_service_name(const Target& target, const std::optional<Json>& document) {
  if (target.steps.size() != 1 || !document || !document->is_object() || !document->contains("service-name")) return {};
  const auto& given = (*document)["service-name"];
  if (given.is_string() && given.get_ref<const std::string&>() != target.module)
    return fail(ErrorCode::invalid_value, "service-name is '{}' in the path and '{}' in the body", target.module,
                text_of(given));
  return {};
}

Request patch_of(const std::string& path, const Json& message) { return {"PATCH", data_path(path), message.dump()}; }

/// PATCH that merges entries into a list.
Result<Request> merge_entries(const Target& target, const Json& entries) {
  Json members = Json::object();
  if (target.steps.size() == 1) {
    members[member_name(target, target.node())] = entries;
    return patch_of("", Json{{"ietf-restconf:data", members}});
  }
  members[target.node().name] = entries;
  const auto parent = target.steps.size() - 1;
  PCN_ASSIGN(const auto message, resource_of(target, parent, members));
  return patch_of(api_path(target, parent), message);
}

/// A document that is a list of entries, for a list without keys in the path.
Result<Json> entries_of(const Step& step, const Json& document) {
  Json entries = Json::array();
  for (const auto& item : document) {
    PCN_ASSIGN(auto entry, entry_of(step, body_to_wire(step.node->children, item, State::drop)));
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<Plan> plan_add(const CommandLine& line, const Target& target, const std::optional<Json>& document) {
  const auto& step = target.last();
  if (step.node->kind == Node::Kind::container) {
    PCN_ASSIGN(const auto members, members_of(line, step.node->children, document));
    PCN_ASSIGN(const auto message, resource_of(target, target.steps.size(), members));
    return Plan{patch_of(api_path(target), message), Plan::Reply::nothing, {}, {}, false};
  }
  if (step.node->kind != Node::Kind::list)
    return fail(ErrorCode::operation_not_supported, "{} is no list: add creates entries of lists; use set",
                spoken(target));
  Json entries = Json::array();
  if (step.keys.empty() && document && document->is_array()) {
    PCN_ASSIGN(entries, entries_of(step, *document));
  } else {
    PCN_TRY(check_service_name(target, document));
    PCN_ASSIGN(const auto members, members_of(line, step.node->children, document));
    PCN_ASSIGN(auto entry, entry_of(step, members));
    entries.push_back(std::move(entry));
  }
  if (entries.empty()) return fail(ErrorCode::malformed_message, "The input holds no entries of {}", step.node->name);
  const Json message{{member_name(target, *step.node), entries}};
  return Plan{{"POST", data_path(api_path(target, target.steps.size() - 1)), message.dump()},
              Plan::Reply::nothing,
              {},
              {},
              false};
}

Result<Plan> plan_set(const CommandLine& line, const Target& target, const std::optional<Json>& document) {
  const auto& step = target.last();
  if (step.node->holds_value() && document && !document->is_null()) {
    const Json message{{member_name(target, *step.node), to_wire(*step.node, *document)}};
    return Plan{patch_of(api_path(target), message), Plan::Reply::nothing, {}, {}, false};
  }
  if (step.node->holds_value() || step.node->kind == Node::Kind::action)
    return fail(ErrorCode::operation_not_supported, "{} has no members: write ... set {}=value", spoken(target),
                step.node->name);
  if (step.keyless() && document && (document->is_array() || document->is_object())) {
    const auto list = document->is_array() ? *document : Json::array({*document});
    PCN_ASSIGN(const auto entries, entries_of(step, list));
    PCN_ASSIGN(auto request, merge_entries(target, entries));
    return Plan{std::move(request), Plan::Reply::nothing, {}, {}, false};
  }
  if (step.keyless())
    return fail(ErrorCode::missing_element, "set needs the key of an entry of {}: {} <{}> set ...", step.node->name,
                spoken(target), step.node->keys.front());
  PCN_TRY(check_service_name(target, document));
  PCN_ASSIGN(const auto members, members_of(line, step.node->children, document));
  PCN_ASSIGN(const auto message, resource_of(target, target.steps.size(), members));
  return Plan{patch_of(api_path(target), message), Plan::Reply::nothing, {}, {}, false};
}

/// Request path of what holds the target, if that is not the datastore.
std::string parent_of(const Target& target) {
  return target.steps.size() > 1 ? data_path(api_path(target, target.steps.size() - 1)) + "?depth=1" : std::string();
}

Plan plan_del(const Target& target) {
  return {{"DELETE", data_path(api_path(target)), {}},
          Plan::Reply::nothing,
          {},
          parent_of(target),
          target.last().keyless()};
}

Result<Plan> plan_action(const CommandLine& line, Target target, const std::optional<Json>& document) {
  const auto& action = target.node();
  PCN_ASSIGN(const auto members, members_of(line, action.input, document));
  Plan plan;
  plan.request = {"POST", data_path(api_path(target)), {}};
  if (!action.input.empty() || !members.empty()) plan.request.body = Json{{target.module + ":input", members}}.dump();
  plan.reply = Plan::Reply::output;
  plan.target = std::move(target);
  return plan;
}

/// Without a command the original sent a POST, which runs an action and also creates: scripts rely on it. What may be a
/// misspelt command creates nothing.
Result<Plan> plan_none(const CommandLine& line, Target target, const std::optional<Json>& document) {
  const auto& step = target.last();
  if (step.node->kind == Node::Kind::action) return plan_action(line, std::move(target), document);
  const bool bare = line.assignments.empty() && !document;
  const std::string meant = bare ? meant_verb(line.words) : std::string();
  if (step.node->holds_value() || step.keyless() || !meant.empty() ||
      (step.node->kind == Node::Kind::container && bare))
    return fail(ErrorCode::malformed_message, "{}: say what to do: add, set, show or del{}", spoken(target), meant);
  return plan_add(line, target, document);
}

Result<Plan> plan_for(const CommandLine& line, const Target& target, const std::optional<Json>& document) {
  switch (line.verb) {
    case Verb::add: return plan_add(line, target, document);
    case Verb::set: return plan_set(line, target, document);
    case Verb::show: return read_plan(target, line.options);
    case Verb::del: return plan_del(target);
    case Verb::none: break;
  }
  return plan_none(line, target, document);
}

// ---- the tool's own words ------------------------------------------------------------------------------------------

Plan rpc_plan(const std::string& name, const Json& input) {
  return {{"POST", "/restconf/operations/polycube:" + name, Json{{"polycube:input", input}}.dump()},
          Plan::Reply::nothing,
          {},
          {},
          false};
}

Result<Plan> plan_attach(const CommandLine& line) {
  if (line.words.size() != 3 || line.verb != Verb::none || line.file)
    return fail(ErrorCode::malformed_message,
                "Bad syntax, usage: attach cube port [position=auto|first|last | before=cube | after=cube]");
  if (line.assignments.size() > 1) return fail(ErrorCode::malformed_message, "Only one parameter is supported");
  Json input{{"cube", line.words[1]}, {"port", line.words[2]}};
  for (const auto& [key, value] : line.assignments) {
    if (key != "position" && key != "before" && key != "after")
      return fail(ErrorCode::malformed_message, "Parameter {} is not valid", key);
    if (key == "position" && value != "auto" && value != "first" && value != "last")
      return fail(ErrorCode::malformed_message, "{} is not valid for position argument", value);
    input[key] = value;
  }
  return rpc_plan("attach", input);
}

Result<Plan> plan_rpc(const CommandLine& line) {
  const auto& name = line.words[0];
  if (name == "attach") return plan_attach(line);
  if (line.words.size() != 3 || line.verb != Verb::none || !line.assignments.empty() || line.file)
    return fail(ErrorCode::malformed_message, "Bad syntax, usage: {} {}", name,
                name == "detach" ? "cube port" : "peer1 peer2");
  if (name == "detach") return rpc_plan(name, {{"cube", line.words[1]}, {"port", line.words[2]}});
  return rpc_plan(name, {{"peer1", line.words[1]}, {"peer2", line.words[2]}});
}

/// What the document of `cubes add` and `cubes set` is read with.
struct Catalogue {
  const Schema& schema;
  const CubeLookup& lookup;
  State state = State::drop;
};

Result<> put_cube(const Catalogue& known, const std::string& service_name, const Json& cube, Json& lists) {
  const auto& schema = known.schema;
  const auto* service = schema.service(service_name);
  if (service == nullptr) {
    PCN_TRY(known.lookup.service_of(service_name));  // for its reason, when the package of that name is broken
    std::vector<std::string> names;
    for (const auto& [name, node] : schema.services) names.push_back(name);
    return fail(ErrorCode::unknown_element, "There is no service '{}'{}", service_name,
                near_matches(service_name, names));
  }
  if (!cube.is_object()) return fail(ErrorCode::malformed_message, "A cube of {} is no object", service_name);
  auto& list = lists[service_name + ":" + service->name];
  if (list.is_null()) list = Json::array();
  PCN_ASSIGN(auto entry, entry_of({service, {}}, body_to_wire(service->children, cube, known.state)));
  list.push_back(std::move(entry));
  return {};
}

Result<std::string> service_name_of(const Json& cube) {
  if (!cube.is_object()) return fail(ErrorCode::malformed_message, "A cube of the list is no object");
  const auto name = cube.find("service-name");
  if (name == cube.end() || !name->is_string())
    return fail(ErrorCode::missing_element, "A cube lacks its service-name{}",
                cube.contains("name") ? ": " + cube["name"].dump() : std::string());
  return name->get<std::string>();
}

/// Cubes as a list with service-name, one such cube, or a map from services to their lists.
Result<Json> cube_lists(const Catalogue& known, const Json& document) {
  Json lists = Json::object();
  const bool one = document.is_object() && (document.contains("service-name") || document.contains("name"));
  if (document.is_array() || one) {
    for (const auto& cube : one ? Json::array({document}) : document) {
      PCN_ASSIGN(const auto service, service_name_of(cube));
      PCN_TRY(put_cube(known, service, cube, lists));
    }
    return lists;
  }
  if (!document.is_object()) return fail(ErrorCode::malformed_message, "The input is no list of cubes");
  for (const auto& [service, cubes] : document.items()) {
    if (!cubes.is_array())
      return fail(ErrorCode::malformed_message, "The input is no list of cubes: '{}' holds no list", service);
    for (const auto& cube : cubes) PCN_TRY(put_cube(known, std::string(unprefixed(service)), cube, lists));
  }
  return lists;
}

}  // namespace

Result<Json> cubes_in(const Schema& schema, const Json& document, const CubeLookup& cubes) {
  return cube_lists({schema, cubes, State::keep}, document);
}

namespace {

Result<Plan> plan_cubes(const Catalogue& known, const CommandLine& line, const std::optional<Json>& document) {
  if (line.words.size() > 1 || (line.verb != Verb::add && line.verb != Verb::set))
    return fail(ErrorCode::malformed_message,
                "Bad syntax, usage: cubes show [name], cubes add FILE, cubes set FILE (or < FILE); to delete one: del "
                "name");
  Json cubes = document.value_or(Json(nullptr));
  if (cubes.is_null()) {
    if (line.assignments.empty())
      return fail(ErrorCode::malformed_message,
                  "cubes {} reads the cubes, as YAML or JSON, from a file or from its standard input: cubes {} FILE",
                  to_string(line.verb), to_string(line.verb));
    cubes = Json::object();
    for (const auto& [key, value] : line.assignments) PCN_TRY(assign(cubes, {}, key, value));
  }
  PCN_ASSIGN(const auto lists, cube_lists(known, cubes));
  if (lists.empty()) return fail(ErrorCode::malformed_message, "The input holds no cubes");
  if (line.verb == Verb::add) return Plan{{"POST", data_root, lists.dump()}, Plan::Reply::nothing, {}, {}, false};
  return Plan{patch_of("", Json{{"ietf-restconf:data", lists}}), Plan::Reply::nothing, {}, {}, false};
}

/// Depth below a node's members, given how many levels of lists were entered already.
int depth_below(const Node& node, int lists, Detail detail) {
  const int shown = detail == Detail::brief ? 0 : detail == Detail::normal ? 1 : 2;
  int depth = 0;
  for (const auto& child : node.children) {
    int below = 0;
    if (child.kind == Node::Kind::container)
      below = depth_below(child, lists, detail);
    else if (child.kind == Node::Kind::list)
      below = lists < shown ? depth_below(child, lists + 1, detail) : 1;  // counted only: its keys tell that it is
    else if (!child.holds_value())
      continue;
    depth = std::max(depth, 1 + below);
  }
  return depth;
}

}  // namespace

Input input_of(const CommandLine& line) {
  if (line.help || line.words.empty() || is_rpc_word(line.words[0]) || line.verb == Verb::show ||
      line.verb == Verb::del || (line.verb == Verb::set && line.assignments.size() == 1))
    return Input::none;
  if (line.words[0] == "rollback" || line.words[0] == "save" || line.words[0] == "history") return Input::none;
  const bool whole = line.words[0] == "cubes" || takes_whole_configuration(line.words);
  return line.file || (whole && line.assignments.empty()) ? Input::required : Input::optional;
}

int needed_depth(const Step& step, Detail detail) {
  return 1 + (step.node->holds_value() ? 0 : depth_below(*step.node, step.keyless() ? 1 : 0, detail));
}

Plan read_plan(Target target, const Options& options) {
  Plan plan;
  const auto& step = target.last();
  auto query = std::string("?with-defaults=report-all");
  if (options.format == Format::text) query += fmt::format("&depth={}", needed_depth(step, options.detail));
  plan.request = {"GET", data_path(api_path(target)) + query, {}};
  plan.reply = Plan::Reply::data;
  plan.may_be_empty =
      step.keyless() || step.node->kind == Node::Kind::container || step.node->kind == Node::Kind::leaf_list;
  plan.parent = parent_of(target);
  plan.target = std::move(target);
  return plan;
}

Result<Plan> make_plan(const Schema& schema, const CommandLine& line, const std::optional<Json>& document,
                       const CubeLookup& cubes) {
  if (line.words.empty())
    return fail(ErrorCode::malformed_message, "What is to be done, with which cube? Try: polycubectl ?");
  const auto& first = line.words[0];
  if (is_rpc_word(first)) return plan_rpc(line);
  if (first == "cubes") return plan_cubes({schema, cubes, State::drop}, line, document);
  auto resolved = resolve(schema, line.words, cubes);
  if (!resolved && line.verb == Verb::none) resolved.error().message += meant_verb(line.words);
  PCN_ASSIGN(auto target, std::move(resolved));
  if (target.last().partial() && line.verb != Verb::add && line.verb != Verb::none)
    return fail(ErrorCode::missing_element, "{} needs its key '{}'", spoken(target),
                target.node().keys[target.last().keys.size()]);
  if (target.node().kind == Node::Kind::action && line.verb != Verb::none)
    return fail(ErrorCode::operation_not_supported, "{} is an action: run it without {}", spoken(target),
                to_string(line.verb));
  auto plan = plan_for(line, target, document);
  if (plan) plan->target = std::move(target);
  return plan;
}

}  // namespace polycube::cli
