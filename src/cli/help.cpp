// SPDX-License-Identifier: Apache-2.0
#include "cli/help.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

#include "cli/format.h"

namespace polycube::cli {
namespace {

/// One thing that may be typed next.
struct Offer {
  std::string word;
  std::string type;
  std::string description;
  std::string example;
};

/// All that may be typed next.
struct Offers {
  std::vector<Offer> words;
  std::vector<Offer> parameters;  ///< leaf=
  std::string example;            ///< a full command line
};

constexpr std::array<std::array<const char*, 3>, 20> own_words{{
    {"connect", "command", "Connect two ports, or a port and a network device"},
    {"disconnect", "command", "Disconnect what connect joined"},
    {"attach", "command", "Attach a transparent cube to a port or a network device"},
    {"detach", "command", "Detach a transparent cube"},
    {"services", "command", "Show the services of which cubes can be made"},
    {"cubes", "command", "Show all cubes, or add several at once"},
    {"topology", "command", "Show how cubes, ports and network devices are wired"},
    {"netdevs", "command", "Show the network devices of the host"},
    {"apply", "command", "Make cubes what a file says of them, all or none"},
    {"diff", "command", "Show what apply would do"},
    {"save", "command", "Write the whole configuration into a file"},
    {"load", "command", "Make the whole configuration what a file says"},
    {"history", "command", "Show what was changed when by whom"},
    {"rollback", "command", "Take back the last changes"},
    {"trace", "command", "Follow live packets hop by hop"},
    {"status", "command", "Show at a glance what is wrong, and what to do"},
    {"events", "command", "Follow changes, ports that go up and down, and faults"},
    {"metrics", "command", "Show what there is to watch, as Prometheus reads it"},
    {"nacm", "command", "Who may read, change and invoke what"},
    {"simulate", "command", "Show the way that a packet would take"},
}};

constexpr const char* flags =
    "\nFlags:\n"
    "-f FILE            add, set, actions: a YAML or JSON document instead of key=value; - is standard input\n"
    "-json, -yaml       show: one JSON or YAML document\n"
    "-normal            show: lists as tables (default)\n"
    "-brief             show: lists as numbers of entries\n"
    "-verbose           show: nested lists as well\n"
    "-hide=k1,k2.k3     show: without these members\n"
    "-interval=S|none   topology: measure the rates over S seconds, or not at all\n"
    "--count N          trace: end after N packets\n"
    "-pcap=FILE         simulate: the packet is in this file, as tcpdump -w writes it\n"
    "-packet=N          simulate: which packet of the file (1)\n"
    "--dry-run          apply, load, rollback: only show what would be done\n"
    "--prune            apply, diff: cubes that the file does not have are removed\n"
    "-comment=TEXT      apply, load, rollback: for the history\n"
    "-log               when the kernel refuses a program: the whole log of its verifier\n"
    "-h, --help, ?      this text; ? at the end of a line: what may come next\n"
    "--version          the version of polycubectl\n";

constexpr const char* no_help = "There is not help for this command\n";

std::string simple_type(const Type& type) {
  if (type.base.starts_with("uint")) return "unsigned";
  if (type.base.starts_with("int")) return "integer";
  if (type.base == "decimal64") return "decimal";
  if (type.base == "boolean" || type.base == "empty") return type.base;
  return "string";
}

std::string type_of(const Node& node) {
  switch (node.kind) {
    case Node::Kind::list: return "list";
    case Node::Kind::container: return "container";
    case Node::Kind::action:
    case Node::Kind::rpc: return "action";
    default: return simple_type(node.type);
  }
}

std::string description_of(const Node& node) {
  std::string text;  // of one line, with single spaces
  for (const char c : node.description)
    if (std::isspace(static_cast<unsigned char>(c)) == 0)
      text += c;
    else if (!text.empty() && text.back() != ' ')
      text += ' ';
  if (!node.type.enums.empty()) text += fmt::format(" ({})", fmt::join(node.type.enums, ", "));
  return text;
}

Offer offer_of(const Node& node, const std::string& before, const std::string& after) {
  return {before + node.name + after, type_of(node), description_of(node), node.example};
}

/// The words so far, the command in front of the last keys, where people write it.
std::string command_text(const CommandLine& line, std::size_t keys) {
  auto words = line.words;
  if (line.verb != Verb::none)
    words.insert(words.end() - static_cast<std::ptrdiff_t>(std::min(keys, words.size())),
                 std::string(to_string(line.verb)));
  return fmt::format("polycubectl {}", fmt::join(words, " "));
}

bool is_given(const CommandLine& line, const std::string& name) {
  return std::ranges::any_of(line.assignments, [&](const auto& assignment) { return assignment.first == name; });
}

bool is_settable(const Node& node, Verb verb, const Node* parent) {
  return node.holds_value() && node.config && !node.unavailable && !(verb == Verb::set && node.init_only) &&
         (parent == nullptr || !parent->is_key(node.name));
}

void offer_commands(const std::vector<Verb>& verbs, Offers& offers) {
  for (const auto verb : verbs) {
    static constexpr std::array<const char*, 5> texts{"", "Create an entry", "Change leaves", "Read", "Delete"};
    offers.words.push_back({std::string(to_string(verb)), "command", texts[static_cast<std::size_t>(verb)], {}});
  }
}

constexpr const char* deletes_all = "Without a key, all entries are deleted.";

/// The entries that are there already and begin with the keys typed so far: their next keys.
void offer_entries(const Target& target, const Live& live, Offers& offers) {
  const auto& step = target.last();
  auto list = target;
  list.steps.back().keys.clear();
  std::set<std::string> keys;
  for (const auto& entry : live.entries(list))
    if (entry.size() > step.keys.size() && std::equal(step.keys.begin(), step.keys.end(), entry.begin()))
      keys.insert(entry[step.keys.size()]);
  for (const auto& key : keys) offers.words.push_back({key, step.node->name, "Existing entry", {}});
}

void offer_keys(const Step& step, Offers& offers) {
  for (auto i = step.keys.size(); i < step.node->keys.size(); ++i) {
    const auto& key = *step.node->child(step.node->keys[i]);
    offers.words.push_back(offer_of(key, "<", ">"));
    offers.example += " " + (key.example.empty() ? key.name : key.example);
  }
}

void offer_parameters(const std::vector<Node>& leaves, const Node* parent, const CommandLine& line, Offers& offers) {
  for (const auto& [name, value] : line.assignments) offers.example += " " + name + "=" + value;
  for (const auto& leaf : leaves) {
    if (!is_settable(leaf, line.verb, parent) || is_given(line, leaf.name)) continue;
    offers.parameters.push_back(offer_of(leaf, "", "="));
    const bool needed = leaf.mandatory && line.verb != Verb::set;
    if (needed) offers.parameters.back().description += " (mandatory)";
    auto example = leaf.example;
    if (example.empty() && needed && !leaf.type.enums.empty()) example = leaf.type.enums.front();
    if (!example.empty()) offers.example += " " + leaf.name + "=" + example;
  }
}

void offer_members(const Node& node, Verb verb, Offers& offers) {
  for (const auto& child : node.children) {
    const bool structure = child.kind == Node::Kind::list || child.kind == Node::Kind::container;
    if (child.holds_value() ? verb == Verb::show || verb == Verb::none
        : structure         ? child.config || verb == Verb::show || verb == Verb::none
                            : verb == Verb::none)
      offers.words.push_back(offer_of(child, "", ""));
  }
}

Offers offers_at(const Target& target, const CommandLine& line, const Live& live) {
  Offers offers;
  const auto& step = target.last();
  offers.example = command_text(line, step.keys.size());
  const auto& node = *step.node;
  const bool whole = node.kind == Node::Kind::list && step.keys.size() < node.keys.size();
  if (node.kind == Node::Kind::action) {
    if (line.verb == Verb::none) offer_parameters(node.input, nullptr, line, offers);
    return offers;
  }
  if (node.holds_value()) {
    if (line.verb == Verb::none) offer_commands({Verb::show}, offers);
    return offers;
  }
  if (whole && line.verb == Verb::add) {
    offer_keys(step, offers);
    offer_parameters(node.children, &node, line, offers);
    return offers;
  }
  if (whole) {
    if (line.verb == Verb::none && line.assignments.empty())
      offer_commands(!node.config        ? std::vector{Verb::show}
                     : step.keys.empty() ? std::vector{Verb::add, Verb::show, Verb::del}
                                         : std::vector{Verb::add},
                     offers);
    if (!offers.words.empty() && offers.words.back().word == "del")
      offers.words.back().description = fmt::format("Delete an entry. {}", deletes_all);
    const auto before = offers.words.size();
    offer_entries(target, live, offers);
    if (line.verb == Verb::none || line.verb == Verb::set || offers.words.size() == before)
      offer_keys(step, offers);
    else if (line.verb == Verb::del)
      offers.example += " " + offers.words.back().word;
    return offers;
  }
  if (line.verb == Verb::none && line.assignments.empty())
    offer_commands(node.config ? std::vector{Verb::add, Verb::set, Verb::show, Verb::del} : std::vector{Verb::show},
                   offers);
  if (line.assignments.empty()) offer_members(node, line.verb, offers);
  if (line.verb == Verb::add || line.verb == Verb::set) offer_parameters(node.children, &node, line, offers);
  return offers;
}

CubeLookup lookup_in(const Live& live) {
  return {[&live](const std::string& name) -> Result<std::optional<std::string>> {
            for (const auto& cube : live.cubes())
              if (cube.name == name) return std::optional(cube.service);
            return std::optional<std::string>();
          },
          [&live] {
            std::vector<std::string> names;
            for (const auto& cube : live.cubes()) names.push_back(cube.name);
            return names;
          }};
}

// ---- help ----------------------------------------------------------------------------------------------------------

std::string columns(const std::vector<std::vector<Offer>>& groups, const std::vector<std::string>& titles,
                    bool examples, bool example_heading) {
  std::size_t word = 18;
  std::size_t type = 8;
  std::size_t description = 11;
  for (const auto& group : groups)
    for (const auto& offer : group) {
      word = std::max(word, display_width(offer.word));
      type = std::max(type, display_width(offer.type));
      description = std::max(description, display_width(offer.description));
    }
  const auto line = [&](const Offer& offer) {
    const auto pad = [](const std::string& text, std::size_t width) {
      return text + std::string(width - std::min(width, display_width(text)) + 2, ' ');
    };
    auto text = pad(offer.word, word) + pad(offer.type, type) + pad(offer.description, description) +
                (examples ? offer.example : std::string());
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
  };
  std::string text = "\n" + line({"Keyword", "Type", "Description", example_heading ? "Example" : ""});
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].empty()) continue;
    if (!titles[i].empty()) text += "\n" + titles[i] + "\n";
    for (const auto& offer : groups[i]) text += line(offer);
  }
  return text;
}

std::string root_help(const Schema& schema, const Live& live, bool expert) {
  std::vector<Offer> services;
  std::vector<Offer> cubes;
  std::vector<Offer> own;
  for (const auto& [name, node] : schema.services) services.push_back({name, "service", description_of(node), {}});
  for (const auto& cube : live.cubes()) cubes.push_back({cube.name, "cube", "Cube of service " + cube.service, {}});
  for (const auto& [word, type, description] : own_words)
    if (expert || std::string_view(word) != "services") own.push_back({word, type, description, {}});
  own.push_back({"version", "command", "Show the versions of polycubectl and polycubed", {}});
  return "\nFor help on keywords use '?'\n" + columns({services, cubes, own}, {"", "", ""}, false, false) + flags +
         "\nadd, set and actions take key=value words, or a YAML or JSON document: -f FILE (- is standard input), or\n"
         "< FILE, or a pipe. Standard input of which a loop or a script reads, too, is left alone without -f -.\n\n";
}

Result<std::string> own_help(const Schema& schema, const CommandLine& line) {
  const auto& word = line.words[0];
  if (const auto* rpc = schema.rpc(word)) {
    std::vector<Offer> inputs;
    for (const auto& leaf : rpc->input)
      inputs.push_back(offer_of(leaf, leaf.mandatory ? "<" : "", leaf.mandatory ? ">" : "=value"));
    return "\n" + description_of(*rpc) + "\n" + columns({inputs}, {""}, true, true) + "\n";
  }
  if (word == "services" && (line.verb == Verb::none || line.verb == Verb::show))
    return std::string(
        "\nservices show [name]   the services of which cubes can be made, or one with its model\n\n"
        "Services are discovered from their packages when the daemon starts.\n\n");
  if (word == "cubes")
    return std::string(
        "\ncubes show [name]      all cubes, or one\n"
        "cubes add FILE         create the cubes of a YAML or JSON file: all of them, or none\n"
        "cubes set FILE         change several cubes at once: all changes, or none\n\n"
        "A file is what `cubes show -yaml` prints, or a list of cubes with their service-name. Without FILE, or with "
        "-,\n"
        "it is read from standard input: cubes add < FILE.\n\n");
  if (word == "topology")
    return std::string(
        "\ntopology [show] [name]              draw cubes, ports, links and rates; of one cube's or device's group\n"
        "topology show -interval=S|none      measure the rates over S seconds, or not at all\n"
        "topology show -json|-yaml           an array of cubes\n"
        "topology show -normal|-verbose      a table\n\n");
  if (word == "apply" || word == "diff" || word == "load")
    return std::string(
        "\napply FILE [--prune] [--dry-run]   make cubes what a YAML or JSON file says of them, all or none\n"
        "diff FILE [--prune]                show what apply would do\n"
        "load FILE                          as apply --prune: what the file does not have is removed\n\n"
        "A file is what `save` writes or `cubes show -yaml` prints, services with lists of cubes, or a list of cubes "
        "with\n"
        "their service-name. Other cubes stay as they are; of those in the file everything becomes as it says.\n\n");
  if (word == "save")
    return std::string("\nsave [FILE]    write the whole configuration as YAML, to standard output without FILE\n\n");
  if (word == "history")
    return std::string("\nhistory [show]    the last 100 changes: number, time, user, comment, and what was done\n\n");
  if (word == "rollback")
    return std::string(
        "\nrollback [N] [--dry-run]    take back the last N changes (1), as one change, which can be taken back, "
        "too\n\n");
  if (word == "trace")
    return std::string(
        "\ntrace [FILTER] [--count N]    follow live packets through devices, cubes, programs and slow paths, until ^C "
        "or "
        "N packets\n\n"
        "FILTER is that of tcpdump, see pcap-filter(7): trace udp port 53 and host 10.0.0.1\n"
        "Each packet is shown when nothing happened to it for 0.2 s. At most 32 are followed at a time; how many "
        "passed\n"
        "meanwhile is said at the end. -json prints a line for each packet, -yaml a document.\n\n");
  if (word == "status")
    return std::string(
        "\nstatus [show]               what is wrong, and what to do about it; exit code 0 when all is well, else 1\n"
        "status show -json|-yaml     the same as a document\n\n");
  if (word == "events")
    return std::string(
        "\nevents [show]         changes of the configuration, ports that go up and down, and faults, as they happen\n"
        "events show -json     the same, a JSON object a line\n\n");
  if (word == "metrics")
    return std::string("\nmetrics [show]    counters and gauges, in the text format of Prometheus\n\n");
  if (word == "simulate")
    return std::string(
        "\nsimulate DEVICE [egress] [FIELD...]              show the way that a packet would take, without sending it\n"
        "simulate DEVICE [egress] -pcap=FILE [-packet=N]    the same of a packet in a file\n\n"
        "The packet comes in by DEVICE or, with egress, the host sends it out of it. FIELD are headers, each followed "
        "by\n"
        "fields and values; what is not said has a default, and types, lengths and checksums follow:\n\n"
        "  eth src MAC dst MAC type N             vlan ID pcp N          payload LENGTH\n"
        "  arp op N sha MAC spa IP tha MAC tpa IP\n"
        "  ip src IP dst IP ttl N tos N id N proto N                      ip6 src IP dst IP hlim N proto N\n"
        "  tcp sport N dport N seq N ack N flags SAFRPUEC                 udp sport N dport N\n"
        "  icmp type N code N id N seq N                                  icmp6 type N code N id N seq N\n\n"
        "simulate veth1 eth dst 02:00:00:00:00:fe ip src 10.0.0.1 dst 10.0.1.1 ttl 3 udp dport 53 vlan 5\n\n");
  if (word == "netdevs") return std::string("\nnetdevs show [name]    the network devices of the host, or one\n\n");
  return std::string(no_help);
}

bool is_own_word(std::string_view word) {
  return word == "version" || std::ranges::any_of(own_words, [&](const auto& own) { return word == own[0]; });
}

// ---- completion ----------------------------------------------------------------------------------------------------

std::string letter_case_of(std::string text, std::string_view typed) {
  // Letter case does not matter on input: offer what was begun, lower case first.
  const bool upper = !typed.empty() && std::isupper(static_cast<unsigned char>(typed[0])) != 0;
  for (auto& c : text)
    c = static_cast<char>(upper ? std::toupper(static_cast<unsigned char>(c))
                                : std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::vector<std::string> peers(const Live& live) {
  auto names = live.ports();
  const auto devices = live.devices();
  names.insert(names.end(), devices.begin(), devices.end());
  return names;
}

const Node* leaf_at(const std::vector<Node>& nodes, std::string_view key) {
  for (const auto& node : nodes) {
    if (node.name == key && node.holds_value()) return &node;
    if (node.kind == Node::Kind::container && key.starts_with(node.name + "."))
      return leaf_at(node.children, key.substr(node.name.size() + 1));
  }
  return nullptr;
}

std::vector<std::string> referred(const Target& target, const std::string& ref, const Live& live) {
  // "ports/name": the keys of the cube's list `ports`.
  const auto& cube = target.steps.front();
  const auto slash = ref.rfind('/');
  if (slash == std::string::npos || cube.keys.empty()) return {};
  auto words = cube.keys;
  for (std::size_t start = 0; start < slash;) {
    const auto end = std::min(ref.find('/', start), slash);
    words.push_back(ref.substr(start, end - start));
    start = end + 1;
  }
  const auto list = resolve_below(target.module, *cube.node, words);
  std::vector<std::string> keys;
  if (list && list->last().keyless())
    for (const auto& entry : live.entries(*list))
      if (!entry.empty()) keys.push_back(entry[0]);
  return keys;
}

std::vector<std::string> complete_value(const Target& target, const std::string& partial, const Live& live) {
  const auto equal = partial.find('=');
  const auto key = partial.substr(0, equal);
  const auto value = partial.substr(equal + 1);
  const auto& node = target.node();
  const auto* leaf = leaf_at(node.kind == Node::Kind::action ? node.input : node.children, key);
  if (leaf == nullptr) return {};
  std::vector<std::string> values;
  for (const auto& name : leaf->type.enums) values.push_back(letter_case_of(name, value));
  if (leaf->type.base == "boolean")
    values = {"true", "false"};
  else if (leaf->name == "peer")
    values = peers(live);
  else if (!leaf->type.ref.empty())
    values = referred(target, leaf->type.ref, live);
  for (auto& text : values) text = key + "=" + text;
  return values;
}

std::vector<std::string> complete_root(const Schema& schema, const CommandLine& line, const Live& live) {
  std::vector<std::string> words;
  for (const auto& [name, node] : schema.services) words.push_back(name);
  for (const auto& cube : live.cubes()) words.push_back(cube.name);
  if (line.verb == Verb::none) {
    for (const auto& own : own_words) words.emplace_back(own[0]);
    words.insert(words.end(), {"version", "add", "set", "show", "del"});
  } else if (line.verb == Verb::show) {
    words.insert(words.end(), {"cubes", "services", "topology", "netdevs", "version", "status", "events", "metrics"});
  }
  return words;
}

std::vector<std::string> complete_own(const Schema& schema, const CommandLine& line, const std::string& partial,
                                      const Live& live) {
  const auto& word = line.words[0];
  const auto place = line.words.size();
  std::vector<std::string> words;
  const auto cube_names = [&] {
    for (const auto& cube : live.cubes()) words.push_back(cube.name);
  };
  if (word == "connect" || word == "disconnect") return place < 3 ? peers(live) : words;
  if (word == "attach" || word == "detach") {
    if (place == 1)
      cube_names();
    else if (place == 2)
      return peers(live);
    else if (word == "attach" && partial.starts_with("position="))
      return {"position=auto", "position=first", "position=last"};
    else if (word == "attach" && line.assignments.empty())
      return {"position=", "before=", "after="};
    return words;
  }
  if (line.verb == Verb::none && place == 1) {
    words = {"show"};
    if (word == "cubes") words.insert(words.end(), {"add", "set"});
  }
  if (line.verb == Verb::show && place == 1) {
    if (word == "cubes" || word == "topology") cube_names();
    if (word == "netdevs" || word == "topology")
      for (auto& device : live.devices()) words.push_back(std::move(device));
    if (word == "services")
      for (const auto& [name, node] : schema.services) words.push_back(name);
  }
  return words;
}

std::vector<std::string> candidates(const Schema& schema, const CommandLine& line, const std::string& partial,
                                    const Live& live) {
  if (partial.starts_with('-')) {
    std::vector<std::string> flags{"-brief", "-normal", "-verbose", "-json", "-yaml", "-hide="};
    if (!line.words.empty() && line.words[0] == "topology") flags.insert(flags.end(), {"-interval=none", "-interval="});
    if (line.verb != Verb::show) flags = {"-f", "-log"};
    return line.verb == Verb::del ? std::vector<std::string>{"-log"} : flags;
  }
  if (line.words.empty()) return complete_root(schema, line, live);
  if (is_own_word(line.words[0])) return complete_own(schema, line, partial, live);
  const auto target = resolve(schema, line.words, lookup_in(live));
  if (!target) return {};
  if (partial.find('=') != std::string::npos) return complete_value(*target, partial, live);
  const auto offers = offers_at(*target, line, live);
  std::vector<std::string> words;
  for (const auto& offer : offers.words)
    // A placeholder tells a person what comes next; it would be no help once the word is begun.
    if (!offer.word.starts_with('<') || partial.empty()) words.push_back(offer.word);
  const auto& step = target->last();
  const bool wants_key = step.node->kind == Node::Kind::list && step.keys.size() < step.node->keys.size();
  if (!wants_key)
    for (const auto& offer : offers.parameters) words.push_back(offer.word);
  return words;
}

}  // namespace

Result<std::string> help(const Schema& schema, const CommandLine& line, const Live& live, bool expert) {
  if (line.words.empty() && line.verb == Verb::none) return root_help(schema, live, expert);
  if (line.words.empty()) {
    Offers offers;
    for (const auto& [name, node] : schema.services)
      offers.words.push_back({name, "service", description_of(node), {}});
    for (const auto& cube : live.cubes())
      offers.words.push_back({cube.name, "cube", "Cube of service " + cube.service, {}});
    return columns({offers.words}, {""}, false, false) + "\n";
  }
  if (is_own_word(line.words[0])) return own_help(schema, line);
  PCN_ASSIGN(const auto target, resolve(schema, line.words, lookup_in(live)));
  auto offers = offers_at(target, line, live);
  if (offers.words.empty() && offers.parameters.empty()) return std::string(no_help);
  for (auto& parameter : offers.parameters) parameter.word += "value";
  const bool adds = line.verb == Verb::add;
  const bool deletes = line.verb == Verb::del;
  auto text =
      columns({offers.words, offers.parameters}, {"", adds ? "Other parameters:" : ""}, true, !adds && !deletes);
  if (deletes && target.last().keyless()) text += fmt::format("\n{}\n", deletes_all);
  if (adds || deletes) text += "\nExample:\n" + offers.example + "\n";
  return text + "\n";
}

std::vector<std::string> complete(const Schema& schema, const std::vector<std::string>& before,
                                  const std::string& partial, const Live& live) {
  auto line = parse_command_line(before);
  if (!line || (line->help && !before.empty())) return {};
  // A lone `cubes` shows by default, but more may follow.
  if (std::ranges::find(before, "show") == before.end() && line->verb == Verb::show) line->verb = Verb::none;
  auto words = candidates(schema, *line, partial, live);
  std::erase_if(words, [&](const std::string& word) { return !word.starts_with(partial); });
  std::ranges::sort(words);
  words.erase(std::unique(words.begin(), words.end()), words.end());
  return words;
}

}  // namespace polycube::cli
