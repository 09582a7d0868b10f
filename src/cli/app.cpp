// SPDX-License-Identifier: Apache-2.0
#include "cli/app.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>

#include "base/near_matches.h"
#include "cli/document.h"
#include "cli/format.h"
#include "cli/help.h"
#include "cli/input.h"
#include "cli/pcap.h"
#include "cli/reply.h"
#include "cli/status_view.h"
#include "cli/topology_view.h"
#include "cli/trace_view.h"
#include "cli/values.h"

namespace polycube::cli {
namespace {

/// Why a run ends early: what to print, and the exit code.
using Stop = tl::unexpected<Outcome>;
template <typename T>
using Step_ = tl::expected<T, Outcome>;

Outcome failed(ExitCode code, std::string why) { return {code, {}, std::move(why)}; }

Outcome outcome_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::malformed_message:
    case ErrorCode::limit_exceeded: return failed(exit_syntax, error.message + "\n");
    case ErrorCode::system: return failed(exit_transport, error.message + "\n");
    default: return failed(exit_refused, "error: " + error.message + "\n");
  }
}

/// Returns the outcome of a failed step from the enclosing function.
#define PCN_STEP(declaration, expression) PCN_STEP_(PCN_CONCAT(pcn_step_, __LINE__), declaration, expression)
#define PCN_STEP_(temporary, declaration, expression)        \
  auto temporary = (expression);                             \
  if (!temporary) return Stop(std::move(temporary).error()); \
  declaration = std::move(*temporary)

template <typename T>
Step_<T> step(Result<T> result) {
  if (!result) return Stop(outcome_of(result.error()));
  return std::move(*result);
}

class Run {
 public:
  Run(Transport& transport, const Surroundings& around) : transport_(transport), around_(around) {}

  Step_<std::string> execute(const std::vector<std::string>& arguments) {
    if (!arguments.empty() && arguments[0] == "--complete") return completion({arguments.begin() + 1, arguments.end()});
    PCN_STEP(const auto line, step(parse_command_line(arguments)));
    whole_log_ = line.options.whole_log;
    if (!line.help && !line.words.empty() && line.words[0] == "version") return version(line);
    auto schema = fetch_schema();
    if (!schema) return Stop(without_daemon(line, std::move(schema).error()));
    schema_ = std::move(*schema);
    if (line.help) return help_for(line);
    const auto first = line.words.empty() ? std::string() : line.words[0];
    if (first == "services") return services(line);
    if (first == "netdevs") return netdevs(line);
    if (first == "topology") return topology(line);
    if (first == "cubes" && line.verb == Verb::show) return cubes(line);
    if (is_about_configuration(line.words)) return configuration(line);
    if (first == "save") return save(line);
    if (first == "history") return history(line);
    if (first == "trace") return trace(line);
    if (first == "metrics") return metrics(line);
    if (first == "status") return status(line);
    if (first == "events") return events(line);
    if (first == "simulate") return simulate(line);
    return command(line);
  }

 private:
  // ---- requests ----------------------------------------------------------------------------------------------------

  /// The body of a reply of 2xx; another status stops the run.
  Step_<std::string> send(const Request& request, const Target& target = {}) {
    PCN_STEP(auto reply, step(transport_.send(request)));
    if (reply.status < 200 || reply.status > 299) return Stop(refused(reply, target));
    return std::move(reply.body);
  }

  [[nodiscard]] Outcome refused(const Reply& reply) const { return failed(exit_refused, refusal(reply, whole_log_)); }

  /// The same for what the words name, with names that it may have been meant to be.
  [[nodiscard]] Outcome refused(const Reply& reply, const Target& target) {
    auto outcome = refused(reply);
    if ((reply.status != 404 && reply.status != 409) || outcome.error.find("did you mean") != std::string::npos)
      return outcome;
    if (const auto meant = meant_entry(target); !meant.empty())
      outcome.error.insert(std::min(outcome.error.find('\n'), outcome.error.size()), meant);
    return outcome;
  }

  /// "; did you mean p1?" about the first entry of the target that is not there. Lists with other keys than names may be
  /// long, and their keys are not misspelt by fingers only.
  std::string meant_entry(Target target) {
    for (const auto entries = live().entries; !target.steps.empty(); target.steps.pop_back()) {
      auto& step = target.steps.back();
      if (step.node->keys.size() != 1 || step.keys.empty()) continue;
      const auto& type = step.node->child(step.node->keys[0])->type;
      if (type.base != "string" || (!type.derived.empty() && type.derived != "name")) continue;
      const auto key = std::exchange(step.keys, {}).front();
      std::vector<std::string> names;
      for (auto& keys : entries(target))
        if (!keys.empty()) names.push_back(std::move(keys.front()));
      if (names.empty()) continue;  // what should hold the list may be what is missing
      return std::ranges::find(names, key) == names.end() ? near_matches(key, names) : std::string();
    }
    return {};
  }

  Step_<Schema> fetch_schema() {
    PCN_STEP(const auto body, send({"GET", "/polycube/schema", {}}));
    auto schema = Schema::parse(body);
    if (!schema) return Stop(failed(exit_transport, schema.error().message + "\n"));
    return std::move(*schema);
  }

  /// What the tool can do is worth reading when the daemon is away, too.
  [[nodiscard]] Outcome without_daemon(const CommandLine& line, Outcome stop) const {
    if (!line.help || !line.words.empty()) return stop;
    const Live nobody{[] { return std::vector<Live::Cube>(); },
                      [](const Target&) { return std::vector<std::vector<std::string>>(); },
                      [] { return std::vector<std::string>(); }, [] { return std::vector<std::string>(); }};
    const auto text = help(Schema{}, line, nobody, around_.expert);
    return {stop.code, text.value_or(""), stop.error};
  }

  Result<std::optional<std::string>> service_of(const std::string& cube) {
    PCN_ASSIGN(
        const auto reply,
        transport_.send({"GET", "/restconf/data/polycube:cubes/cube=" + percent_encode(cube) + "/service-name", {}}));
    if (reply.status < 200 || reply.status > 299) {
      PCN_TRY(refuse_broken(cube));
      return std::optional<std::string>();
    }
    const auto json = Json::parse(reply.body, nullptr, false);
    if (!json.is_object() || json.empty() || !json.front().is_string()) return std::optional<std::string>();
    return std::optional(json.front().get<std::string>());
  }

  /// A service whose package is broken has no model: to the grammar its name is an unknown word.
  Result<> refuse_broken(const std::string& service) {
    const auto reason =
        read_or_nothing("/restconf/data/polycube:services/service=" + percent_encode(service) + "/error");
    if (!reason.is_string()) return {};
    return fail(ErrorCode::operation_not_supported, "service {} cannot be used, its package is broken: {}", service,
                reason.get<std::string>());
  }

  Step_<std::string> help_for(const CommandLine& line) {
    auto text = help(schema_, line, live(), around_.expert);
    if (!text) {
      if (auto usable = refuse_broken(line.words[0]); !usable) return Stop(outcome_of(usable.error()));
    }
    return step(std::move(text));
  }

  Step_<Json> read(const Plan& plan) {
    PCN_STEP(const auto reply, step(transport_.send(plan.request)));
    if (reply.status == 404 && plan.may_be_empty) {
      if (!plan.parent.empty()) {
        PCN_STEP([[maybe_unused]] const auto parent, send({"GET", plan.parent, {}}, plan.target));
      }
      return empty_resource(plan.target);
    }
    if (reply.status < 200 || reply.status > 299) return Stop(refused(reply, plan.target));
    return step(resource_in(reply.body, plan.target));
  }

  /// Content of one of module polycube's containers, or of what the words name in it.
  Step_<Json> read_own(const std::string& container, const std::vector<std::string>& words, const Options& options) {
    const auto* node = schema_.container(container);
    if (node == nullptr) return Stop(failed(exit_refused, "error: the daemon has no " + container + "\n"));
    PCN_STEP(auto target, step(resolve_below("polycube", *node, words)));
    if (target.last().partial()) return Stop(failed(exit_refused, "error: " + spoken(target) + " lacks a key\n"));
    auto plan = read_plan(std::move(target), options);
    if (plan.target.steps.size() <= 2) plan.parent.clear();
    return read(plan);
  }

  /// For what is about all entries of a list: that there are none is success, if what would hold them exists.
  Step_<std::string> send_unless_empty(const Plan& plan) {
    PCN_STEP(auto reply, step(transport_.send(plan.request)));
    if (reply.status == 404 || reply.status == 409) {
      const auto list = transport_.send({"GET", plan.request.path + "?depth=1", {}});
      const auto parent = plan.parent.empty() ? list : transport_.send({"GET", plan.parent, {}});
      if (list && list->status == 404 && (plan.parent.empty() || (parent && parent->status == 200)))
        return std::string();
    }
    if (reply.status < 200 || reply.status > 299) return Stop(refused(reply, plan.target));
    return std::move(reply.body);
  }

  // ---- commands ----------------------------------------------------------------------------------------------------

  Step_<std::optional<Json>> document_for(const CommandLine& line) {
    const auto input = input_of(line);
    if (input == Input::none) return std::optional<Json>();
    if (line.file && *line.file != "-") {
      PCN_STEP(const auto text, step(read_file(*line.file)));
      auto document = parse_document(text);
      if (!document) return Stop(outcome_of(fail_with(document.error(), *line.file).value()));
      if (document->is_null()) return Stop(failed(exit_syntax, "The file " + *line.file + " holds no document\n"));
      return std::optional(std::move(*document));
    }
    PCN_STEP(const auto text, step(around_.read_input(input == Input::required)));
    PCN_STEP(auto document, step(parse_document(text.value_or(""))));
    if (document.is_null() && line.file) return Stop(failed(exit_syntax, "Standard input holds no document\n"));
    return document.is_null() ? std::optional<Json>() : std::optional(std::move(document));
  }

  Step_<std::string> command(const CommandLine& line) {
    PCN_STEP(const auto document, document_for(line));
    PCN_STEP(const auto plan, step(make_plan(schema_, line, document, lookup())));
    if (plan.reply == Plan::Reply::data) {
      PCN_STEP(auto value, read(plan));
      return render(std::move(value), line.options);
    }
    auto there = plan.target;  // but for what the request is to create
    if (plan.request.method == "POST" && !there.steps.empty()) there.steps.pop_back();
    PCN_STEP(const auto body, plan.may_be_empty ? send_unless_empty(plan) : send(plan.request, there));
    if (plan.reply == Plan::Reply::nothing) return std::string();
    PCN_STEP(auto output, step(output_in(body, plan.target.node())));
    return output.is_null() ? std::string() : render(std::move(output), line.options);
  }

  // ---- the configuration as a whole --------------------------------------------------------------------------------

  Step_<std::string> configuration(const CommandLine& line) {
    const auto& word = line.words[0];
    const bool back = word == "rollback";
    if (line.verb != Verb::none || !line.assignments.empty() || line.words.size() > (back ? 2U : 1U))
      return Stop(failed(exit_syntax, back ? "Bad syntax, usage: rollback [N] [--dry-run]\n"
                                           : "Bad syntax, usage: " + word + " FILE (or < FILE)\n"));
    Json input{{"dry-run", line.options.dry_run || word == "diff"}};
    if (line.options.comment) input["comment"] = *line.options.comment;
    if (back) {
      if (line.words.size() == 2) {
        const auto count = Json::parse(line.words[1], nullptr, false);
        if (!count.is_number_unsigned())
          return Stop(failed(exit_syntax, line.words[1] + " is not a number of changes\n"));
        input["count"] = count;
      }
    } else {
      PCN_STEP(const auto document, document_for(line));
      if (!document) return Stop(failed(exit_syntax, "The input holds no document\n"));
      PCN_STEP(const auto lists, step(cubes_in(schema_, *document, lookup())));
      input["configuration"] = lists.dump();
      input["prune"] = line.options.prune || word == "load";
    }
    PCN_STEP(const auto body,
             send({"POST", std::string("/restconf/operations/polycube:") + (back ? "rollback" : "apply"),
                   Json{{"polycube:input", input}}.dump()}));
    const auto reply = Json::parse(body, nullptr, false);
    const auto output = reply.is_object() && !reply.empty() ? reply.front() : Json::object();
    const auto changes = output.is_object() ? output.value("changes", std::string()) : std::string();
    return changes.empty() ? std::string("nothing to change\n") : changes + "\n";
  }

  Step_<std::string> save(const CommandLine& line) {
    if (line.verb != Verb::none || !line.assignments.empty() || line.words.size() > 2 || line.file)
      return Stop(failed(exit_syntax, "Bad syntax, usage: save [FILE]\n"));
    PCN_STEP(const auto body, send({"GET", "/restconf/data?content=config&with-defaults=explicit", {}}));
    PCN_STEP(auto value, step(services_in(body, schema_)));
    PCN_STEP(const auto state, read_own("cubes", {}, verbose()));
    add_chains(value, state);
    Options yaml;
    yaml.format = Format::yaml;
    const auto text = render(std::move(value), yaml);
    if (line.words.size() == 1) return text;
    if (auto written = write_file(line.words[1], text); !written)
      return Stop(failed(exit_refused, "error: " + written.error().message + "\n"));
    return std::string();
  }

  /// Where transparent cubes are, which is no configuration of theirs.
  static void add_chains(Json& services, const Json& state) {
    if (!state.contains("cube")) return;
    for (const auto& cube : state["cube"]) {
      const auto service = services.find(cube.value("service-name", std::string()));
      if (service == services.end()) continue;
      for (auto& saved : *service) {
        if (saved["name"] != cube["name"]) continue;
        if (const auto parent = cube.value("parent", std::string()); !parent.empty()) saved["parent"] = parent;
        if (!cube.contains("ports") || !saved.contains("ports")) continue;
        for (const auto& port : cube["ports"])
          for (auto& saved_port : saved["ports"])
            if (saved_port["name"] == port["name"] && port.contains("tcubes")) saved_port["tcubes"] = port["tcubes"];
      }
    }
  }

  Step_<std::string> history(const CommandLine& line) {
    if (line.verb != Verb::show || line.words.size() > 1)
      return Stop(failed(exit_syntax, "Bad syntax, usage: history [show]\n"));
    PCN_STEP(auto value, read_own("history", {}, verbose()));
    if (line.options.format != Format::text) return render(std::move(value), line.options);
    std::string text;
    if (!value.contains("commit")) return text;
    const auto& commits = value["commit"];
    for (auto commit = commits.rbegin(); commit != commits.rend(); ++commit) {  // the newest first
      text +=
          fmt::format("{} {} {}", (*commit)["number"].dump(), commit->value("time", ""), commit->value("author", "-"));
      if (const auto comment = commit->value("comment", std::string()); !comment.empty()) text += ": " + comment;
      text += '\n';
      std::istringstream changes(commit->value("changes", std::string()));
      for (std::string one; std::getline(changes, one);) text += "    " + one + '\n';
    }
    return text;
  }

  /// Output of one of module polycube's RPCs.
  Step_<Json> operate(const std::string& rpc, const Json& input) {
    PCN_STEP(const auto body,
             send({"POST", "/restconf/operations/polycube:" + rpc, Json{{"polycube:input", input}}.dump()}));
    auto reply = Json::parse(body, nullptr, false);
    return reply.is_object() && !reply.empty() && reply.front().is_object() ? std::move(reply.front()) : Json::object();
  }

  Step_<std::string> trace(const CommandLine& line) {
    Json input = Json::object();
    if (line.words.size() > 1)
      input["filter"] = fmt::format("{}", fmt::join(line.words.begin() + 1, line.words.end(), " "));
    if (line.options.count) input["count"] = std::to_string(*line.options.count);
    (void)around_.interrupted();
    PCN_STEP(const auto started, operate("start-trace", input));
    const Json trace{{"trace", started.value("trace", std::string())}};
    std::string missed = "0";
    std::string lost = "0";
    for (bool finished = false; !finished;) {
      PCN_STEP(const auto reply, operate("read-trace", trace));
      if (reply.contains("packet"))
        for (const auto& packet : reply["packet"]) around_.print(traced(packet, line.options));
      missed = reply.value("missed", missed);
      lost = reply.value("lost", lost);
      finished = reply.value("finished", false);
      if (finished || !around_.interrupted()) continue;
      PCN_STEP([[maybe_unused]] const auto stopped, operate("stop-trace", trace));
      finished = true;
    }
    if (line.options.format != Format::text) return std::string();
    std::string text;
    if (missed != "0") text += missed + " more packets were let through by the filter while others were followed\n";
    if (lost != "0") text += lost + " hops are missing\n";
    return text;
  }

  /// JSON of one line, or a YAML document: so that whoever reads can do it one by one.
  static std::string traced(const Json& packet, const Options& options) {
    if (options.format == Format::json) return packet.dump() + "\n";
    return options.format == Format::yaml ? "---\n" + render(packet, options) : draw_path(packet);
  }

  Step_<std::string> metrics(const CommandLine& line) {
    if (line.verb != Verb::show || line.words.size() > 1 || line.options.format != Format::text || line.options.tabular)
      return Stop(failed(exit_syntax, "Bad syntax, usage: metrics [show]; they have one form, that of Prometheus\n"));
    return send({"GET", "/metrics", {}});
  }

  Step_<std::string> status(const CommandLine& line) {
    if (line.verb != Verb::show || line.words.size() > 1)
      return Stop(failed(exit_syntax, "Bad syntax, usage: status [show] [-json|-yaml]\n"));
    PCN_STEP(auto value, read_own("status", {}, verbose()));
    PCN_STEP(const auto versions, read_own("version", {}, verbose()));
    const auto version = versions.is_object() ? versions.value("polycubed", "unknown") : "unknown";
    const bool faulty = is_faulty(value);
    std::string text;
    if (line.options.format == Format::text && !line.options.tabular) {
      text = status_text(value, version, around_.now());
    } else {
      value["version"] = version;
      text = render(std::move(value), line.options);
    }
    if (faulty) return Stop(Outcome{exit_faulty, std::move(text), {}});
    return text;
  }

  /// Ends when the daemon ends it, which is a failure.
  Step_<std::string> events(const CommandLine& line) {
    if (line.verb != Verb::show || line.words.size() > 1 || line.options.format == Format::yaml || line.options.tabular)
      return Stop(failed(exit_syntax, "Bad syntax, usage: events [show] [-json]\n"));
    EventReader reader;
    const auto take = [&](std::string_view bytes) {
      for (const auto& message : reader.read(bytes)) {
        const auto json = Json::parse(message, nullptr, false);
        if (line.options.format == Format::json)
          around_.print(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
        else if (json.is_object() && !json.empty())
          around_.print(event_text(json.front()));
      }
    };
    PCN_STEP(const auto reply, step(transport_.follow("/restconf/streams/NETCONF", take)));
    if (reply.status != 200) return Stop(refused(reply));
    return Stop(failed(exit_transport, "The daemon has ended the stream: " + reader.comment() + "\n"));
  }

  Step_<std::string> simulate(const CommandLine& line) {
    const auto& [words, options] = std::tie(line.words, line.options);
    const auto wrong = [](const std::string& text) { return Stop(failed(exit_syntax, text + "\n")); };
    if (words.size() < 2) return wrong("Bad syntax, usage: simulate DEVICE [egress] [FIELD...]");
    auto field = words.begin() + 2;
    Json input{{"device", words[1]}};
    if (field != words.end() && (*field == "egress" || *field == "ingress")) input["direction"] = *field++;
    if (options.pcap) {
      if (field != words.end()) return wrong("-pcap and fields of a packet cannot be used together");
      PCN_STEP(auto bytes, step(read_pcap(*options.pcap, options.packet.value_or(1))));
      input["bytes"] = std::move(bytes);
    } else {
      if (options.packet) return wrong("-packet says which packet of a file: give that by -pcap=FILE");
      input["fields"] = fmt::format("{}", fmt::join(field, words.end(), " "));
    }
    PCN_STEP(const auto reply, operate("simulate", input));
    if (options.format != Format::text) return render(reply, options);
    std::string text;
    if (reply.contains("packet"))
      for (const auto& packet : reply["packet"]) text += draw_path(packet);
    if (reply.contains("note"))
      for (const auto& note : reply["note"]) text += note.get<std::string>() + "\n";
    return text;
  }

  static Options verbose() {
    Options whole;
    whole.detail = Detail::verbose;
    return whole;
  }

  CubeLookup lookup() {
    return {[this](const std::string& cube) { return service_of(cube); },
            [this] { return names_in(all_cubes(), "cube"); }};
  }

  Step_<std::string> version(const CommandLine& line) {
    if (line.words.size() > 1 || line.verb != Verb::show || !line.assignments.empty())
      return Stop(failed(exit_syntax, "Bad syntax, usage: version [show]\n"));
    Json value{{"polycubectl", {{"version", around_.version}}}};
    auto reply = transport_.send({"GET", "/restconf/data/polycube:version", {}});
    std::optional<Outcome> stop;
    if (!reply) {
      stop = outcome_of(reply.error());
    } else if (reply->status != 200) {
      stop = refused(*reply);
    } else {
      const auto json = Json::parse(reply->body, nullptr, false);
      const bool whole =
          json.is_object() && !json.empty() && json.front().is_object() && json.front().contains("polycubed");
      value["polycubed"]["version"] = whole ? json.front()["polycubed"] : Json("unknown");
    }
    auto text = render(value, line.options);
    // The tool's own version is worth knowing when the daemon is away.
    if (stop) return Stop(Outcome{stop->code, line.options.format == Format::text ? text : std::string(), stop->error});
    return text;
  }

  Step_<std::string> services(const CommandLine& line) {
    if (line.verb == Verb::add || line.verb == Verb::del || line.verb == Verb::set)
      return Stop(failed(exit_refused,
                         "error: services are discovered from their packages when the daemon starts: put the package "
                         "into its services directory, or remove it, and restart the daemon\n"));
    if (line.verb != Verb::show || line.words.size() > 3)
      return Stop(failed(exit_syntax, "Bad syntax, usage: services show [name]\n"));
    std::vector<std::string> words{"service"};
    words.insert(words.end(), line.words.begin() + 1, line.words.end());
    PCN_STEP(auto value, read_own("services", words, line.options));
    if (line.words.size() == 2) {
      // A service whose package is broken has no model to show.
      const auto model = transport_.send({"GET", "/restconf/yang/" + percent_encode(line.words[1]) + ".yang", {}});
      if (model && model->status == 200) value["datamodel"] = model->body;
    }
    return render(std::move(value), line.options);
  }

  Step_<std::string> netdevs(const CommandLine& line) {
    if (line.verb != Verb::show)
      return Stop(failed(exit_refused, "error: network devices are the host's: netdevs can only be shown\n"));
    std::vector<std::string> words{"netdev"};
    words.insert(words.end(), line.words.begin() + 1, line.words.end());
    PCN_STEP(auto value, read_own("netdevs", words, line.options));
    return render(std::move(value), line.options);
  }

  Step_<std::string> cubes(const CommandLine& line) {
    if (line.words.size() > 1) {
      std::vector<std::string> words{"cube"};
      words.insert(words.end(), line.words.begin() + 1, line.words.end());
      PCN_STEP(auto value, read_own("cubes", words, line.options));
      return render(std::move(value), line.options);
    }
    if (line.options.format != Format::text) {
      // Whole, so that `cubes add` makes the same cubes of it again.
      PCN_STEP(const auto body, send({"GET", "/restconf/data?with-defaults=report-all", {}}));
      PCN_STEP(auto value, step(services_in(body, schema_)));
      return render(std::move(value), line.options);
    }
    auto options = line.options;
    options.detail = options.detail == Detail::brief ? Detail::normal : Detail::verbose;
    PCN_STEP(const auto value, read_own("cubes", {}, options));
    return render(by_service(value), line.options);
  }

  Step_<std::string> topology(const CommandLine& line) {
    if (line.verb != Verb::show || line.words.size() > 2)
      return Stop(failed(exit_syntax, "Bad syntax, usage: topology [show] [cube|device]\n"));
    Options whole;
    whole.detail = Detail::verbose;
    PCN_STEP(const auto before, read_own("cubes", {}, whole));
    if (line.options.format != Format::text || line.options.tabular) {
      Json cubes = before.contains("cube") ? before["cube"] : Json::array();
      if (line.words.size() == 2) {
        const Json all = std::exchange(cubes, Json::array());
        for (const auto& cube : all)
          if (cube.is_object() && cube.contains("name") && cube["name"] == line.words[1]) cubes.push_back(cube);
      }
      return render(std::move(cubes), line.options);
    }
    DrawOptions options{around_.unicode, around_.width, line.words.size() == 2 ? line.words[1] : std::string()};
    const auto interval = line.options.interval.value_or(around_.terminal ? 0.5 : 0.0);
    // Transparent cubes at devices have their order there.
    const auto devices = read_or_nothing("/restconf/data/polycube:netdevs?depth=3");
    auto view = parse_topology(before, devices);
    std::optional<Rates> rates;
    if (interval > 0 && !view.empty()) {
      const auto start = std::chrono::steady_clock::now();
      around_.sleep(interval);
      PCN_STEP(const auto after, read_own("cubes", {}, whole));
      auto later = parse_topology(after, devices);
      rates = rates_between(view, later, std::chrono::steady_clock::now() - start);
      view = std::move(later);
    }
    auto text = draw(view, rates, options);
    if (text.empty() && !options.only.empty())
      return Stop(failed(exit_refused, fmt::format("error: no cube and no wired device is named {}{}\n", options.only,
                                                   near_matches(options.only, cli::names_in(view)))));
    return text;
  }

  // ---- help and completion -----------------------------------------------------------------------------------------

  Json read_or_nothing(const std::string& path) {
    const auto reply = transport_.send({"GET", path, {}});
    if (!reply || reply->status != 200) return Json::object();
    const auto json = Json::parse(reply->body, nullptr, false);
    return json.is_object() && !json.empty() ? json.front() : Json::object();
  }

  static std::vector<std::string> names_in(const Json& object, const char* list) {
    std::vector<std::string> names;
    if (object.is_object() && object.contains(list))
      for (const auto& entry : object[list])
        if (entry.is_object() && entry.contains("name") && entry["name"].is_string())
          names.push_back(entry["name"].get<std::string>());
    return names;
  }

  const Json& all_cubes() {
    if (!cubes_) cubes_ = read_or_nothing("/restconf/data/polycube:cubes?depth=4");
    return *cubes_;
  }

  Live live() {
    return {
        [this] {
          std::vector<Live::Cube> cubes;
          const auto services = by_service(all_cubes());
          for (const auto& [service, list] : services.items())
            for (const auto& name : names_in(Json{{"cube", list}}, "cube")) cubes.push_back({name, service});
          return cubes;
        },
        [this](const Target& list) {
          std::vector<std::vector<std::string>> entries;
          Json value = read_or_nothing("/restconf/data/" + api_path(list) + "?depth=2");
          if (value.is_array())
            for (const auto& entry : value) {
              std::vector<std::string> keys;
              for (const auto& key : list.node().keys)
                if (entry.is_object() && entry.contains(key))
                  keys.push_back(entry[key].is_string() ? entry[key].get<std::string>() : entry[key].dump());
              entries.push_back(std::move(keys));
            }
          return entries;
        },
        [this] { return names_in(read_or_nothing("/restconf/data/polycube:netdevs?depth=3"), "netdev"); },
        [this] {
          std::vector<std::string> ports;
          if (const auto& cubes = all_cubes(); cubes.is_object() && cubes.contains("cube"))
            for (const auto& cube : parse_topology(cubes))
              for (const auto& port : cube.ports) ports.push_back(cube.name + ":" + port.name);
          return ports;
        },
    };
  }

  Step_<std::string> completion(std::vector<std::string> words) {
    const auto partial = words.empty() ? std::string() : words.back();
    if (!words.empty()) words.pop_back();
    PCN_STEP(schema_, fetch_schema());
    std::string text;
    for (const auto& candidate : complete(schema_, words, partial, live())) text += printable(candidate) + "\n";
    return text;
  }

  Transport& transport_;
  const Surroundings& around_;
  Schema schema_;
  bool whole_log_ = false;
  std::optional<Json> cubes_;  ///< content of polycube:cubes, once asked
};

}  // namespace

Outcome run(const std::vector<std::string>& arguments, Transport& transport, const Surroundings& around) {
  auto text = Run(transport, around).execute(arguments);
  if (!text) return text.error();
  return {exit_success, std::move(*text), {}};
}

}  // namespace polycube::cli
