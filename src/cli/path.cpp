// SPDX-License-Identifier: Apache-2.0
#include "cli/path.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/near_matches.h"
#include "cli/values.h"

namespace polycube::cli {
namespace {

/// A key as the model spells it: enumerations in their own letter case.
std::string key_text(const Node& list, std::size_t index, const std::string& word) {
  const auto* key = list.child(list.keys[index]);
  if (key == nullptr) return word;
  const Json wire = to_wire(*key, word);
  return wire.is_string() ? wire.get<std::string>() : wire.is_structured() ? word : wire.dump();
}

Result<Target> descend(Target target, const std::vector<std::string>& words, std::size_t next) {
  while (next < words.size()) {
    auto& step = target.steps.back();
    const auto& node = *step.node;
    if (node.kind == Node::Kind::list && step.keys.size() < node.keys.size()) {
      step.keys.push_back(key_text(node, step.keys.size(), words[next++]));
      continue;
    }
    const auto& word = words[next++];
    if (const auto* child = node.child(word)) {
      target.steps.push_back({child, {}});
      continue;
    }
    std::vector<std::string> names;
    for (const auto& child : node.children) names.push_back(child.name);
    return fail(ErrorCode::unknown_element, "Unknown word '{}': {} has no such member{}", word, spoken(target),
                near_matches(word, names));
  }
  return target;
}

}  // namespace

std::string meant_verb(const std::vector<std::string>& words) {
  using Pair = std::pair<std::string_view, std::string_view>;
  static constexpr std::array<Pair, 9> meant{{{"add", "add"},
                                              {"set", "set"},
                                              {"show", "show"},
                                              {"del", "del"},
                                              {"create", "add"},
                                              {"get", "show"},
                                              {"list", "show"},
                                              {"delete", "del"},
                                              {"remove", "del"}}};
  const auto looks_like = [](std::string_view word, const Pair& pair) {
    if (pair.first != pair.second) return word == pair.first;
    // One letter too many or too few, two in each other's place, or the beginning. One that is wrong may be a name: net.
    const bool slip = word.size() != pair.first.size() && edit_distance(word, pair.first) <= 1;
    return slip || pair.first.starts_with(word) || std::ranges::is_permutation(word, pair.first);
  };
  for (const auto& word : words)
    for (const auto& pair : meant)
      if (word.size() > 1 && word.size() <= pair.first.size() + 1 && looks_like(word, pair))
        return fmt::format("; did you mean the command {} instead of {}?", pair.second, word);
  return {};
}

Result<Target> resolve(const Schema& schema, const std::vector<std::string>& words, const CubeLookup& cubes) {
  const auto& first = words.front();
  if (const auto* service = schema.service(first)) return descend({first, {{service, {}}}}, words, 1);
  if (const auto* container = schema.container(first); container != nullptr && !container->module.empty())
    return descend({container->module, {{container, {}}}}, words, 1);
  PCN_ASSIGN(const auto name, cubes.service_of(first));
  const auto* service = name ? schema.service(*name) : nullptr;
  if (service != nullptr) return descend({*name, {{service, {}}}}, words, 0);
  std::vector<std::string> known{"connect",  "disconnect", "attach",   "detach", "services", "cubes",
                                 "topology", "netdevs",    "version",  "apply",  "diff",     "load",
                                 "save",     "history",    "rollback", "trace",  "nacm",     "simulate"};
  for (const auto& [service_name, node] : schema.services) known.push_back(service_name);
  for (auto& cube : cubes.names()) known.push_back(std::move(cube));
  return fail(ErrorCode::unknown_element, "Unknown word '{}': there is no service and no cube of this name{}", first,
              near_matches(first, known));
}

Result<Target> resolve_below(std::string module, const Node& root, const std::vector<std::string>& words) {
  return descend({std::move(module), {{&root, {}}}}, words, 0);
}

std::string percent_encode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                            (byte >= 'a' && byte <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved)
      encoded += c;
    else
      encoded += fmt::format("%{:02X}", byte);
  }
  return encoded;
}

std::string api_path(const Target& target, std::size_t steps) {
  std::string path;
  for (std::size_t i = 0; i < steps; ++i) {
    const auto& step = target.steps[i];
    path += i == 0 ? target.module + ":" : "/";
    path += step.node->name;
    for (std::size_t k = 0; k < step.keys.size(); ++k) path += (k == 0 ? "=" : ",") + percent_encode(step.keys[k]);
  }
  return path;
}

std::string api_path(const Target& target) { return api_path(target, target.steps.size()); }

std::string spoken(const Target& target) {
  std::vector<std::string> words;
  for (const auto& step : target.steps) {
    words.push_back(step.node->name);
    words.insert(words.end(), step.keys.begin(), step.keys.end());
  }
  return fmt::format("{}", fmt::join(words, " "));
}

}  // namespace polycube::cli
