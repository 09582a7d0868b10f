// SPDX-License-Identifier: Apache-2.0
#include "cli/values.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <numeric>

#include "cli/document.h"

namespace polycube::cli {
namespace {

bool is_integer_type(std::string_view base) { return base.starts_with("int") || base.starts_with("uint"); }
bool is_wide(std::string_view base) { return base == "int64" || base == "uint64" || base == "decimal64"; }

/// The whole text as a decimal integer that fits 64 bits.
std::optional<Json> parse_integer(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto* end = text.data() + text.size();
  std::int64_t number = 0;
  if (const auto read = std::from_chars(text.data(), end, number); read.ec == std::errc() && read.ptr == end)
    return Json(number);
  std::uint64_t large = 0;
  if (const auto read = std::from_chars(text.data(), end, large); read.ec == std::errc() && read.ptr == end)
    return Json(large);
  return std::nullopt;
}

std::optional<Json> parse_decimal(std::string_view text) {
  double number = 0;
  const auto* end = text.data() + text.size();
  if (const auto read = std::from_chars(text.data(), end, number); read.ec == std::errc() && read.ptr == end)
    return Json(number);
  return std::nullopt;
}

std::optional<bool> parse_boolean(const std::string& text) {
  for (const char* word : {"true", "t"})
    if (strcasecmp(text.c_str(), word) == 0) return true;
  for (const char* word : {"false", "f"})
    if (strcasecmp(text.c_str(), word) == 0) return false;
  return std::nullopt;
}

Json scalar_to_wire(const Type& type, const Json& value) {
  if (value.is_null())
    return type.base == "empty" ? Json::array({nullptr}) : Json("");  // `peer:` of YAML is the empty string
  if (value.is_structured()) return value;
  const auto text = value.is_string() ? value.get<std::string>() : value.dump();
  if (type.base == "empty") return text.empty() || text == "true" ? Json::array({nullptr}) : value;
  if (type.base == "boolean") {
    const auto parsed = parse_boolean(text);
    return parsed ? Json(*parsed) : value;
  }
  if (type.base == "decimal64") return text;
  if (is_integer_type(type.base)) {
    const auto number = parse_integer(text);
    if (!number) return value;
    return is_wide(type.base) ? Json(number->dump()) : *number;
  }
  if (type.base == "union") {
    // The members of a union are not known here; digits alone mean one of its integers.
    const auto number = value.is_string() ? parse_integer(text) : std::nullopt;
    return number && number->dump() == text ? *number : value;
  }
  if (type.base == "enumeration") {
    const auto found =
        std::ranges::find_if(type.enums, [&](const auto& name) { return strcasecmp(name.c_str(), text.c_str()) == 0; });
    return found == type.enums.end() ? Json(text) : Json(*found);
  }
  return text;
}

const Node* find(const std::vector<Node>& nodes, std::string_view name) {
  const auto found = std::ranges::find(nodes, name, &Node::name);
  return found == nodes.end() ? nullptr : &*found;
}

Json scalar_from_wire(const Type& type, const Json& value) {
  if (!value.is_string() || !is_wide(type.base)) return value;
  const auto& text = value.get_ref<const std::string&>();
  const auto number = type.base == "decimal64" ? parse_decimal(text) : parse_integer(text);
  return number ? *number : value;
}

/// A number of the wire's, as one that unsigned comparison puts into place.
std::uint64_t rank_of(const Json& value, bool is_signed) {
  constexpr std::uint64_t sign = std::uint64_t{1} << 63;
  if (!value.is_number_integer()) return 0;
  return is_signed ? static_cast<std::uint64_t>(value.get<std::int64_t>()) ^ sign : value.get<std::uint64_t>();
}

/// Puts the entries of a list whose first keys are numbers into the order of these, if nobody gave them another. The
/// daemon lists them as they were added, which YANG allows (RFC 7950, 7.7.7.1).
void sort_by_numbers(const Node& list, Json& entries) {
  std::size_t width = 0;
  while (width < list.keys.size() && is_integer_type(list.child(list.keys[width])->type.base)) ++width;
  if (width == 0 || list.user_ordered) return;
  std::vector<std::uint64_t> ranks;
  ranks.reserve(entries.size() * width);
  for (const auto& entry : entries)
    for (std::size_t k = 0; k < width; ++k) {
      const auto found = entry.is_object() ? entry.find(list.keys[k]) : entry.end();
      const bool is_signed = list.child(list.keys[k])->type.base.starts_with("int");
      ranks.push_back(entry.is_object() && found != entry.end() ? rank_of(*found, is_signed) : 0);
    }
  std::vector<std::size_t> order(entries.size());
  std::iota(order.begin(), order.end(), 0);
  const auto before = [&](std::size_t a, std::size_t b) {
    for (std::size_t k = 0; k < width; ++k)
      if (ranks[a * width + k] != ranks[b * width + k]) return ranks[a * width + k] < ranks[b * width + k];
    return a < b;
  };
  if (std::ranges::is_sorted(order, before)) return;
  std::ranges::sort(order, before);
  Json sorted = Json::array();
  for (const auto i : order) sorted.push_back(std::move(entries[i]));
  entries = std::move(sorted);
}

}  // namespace

std::string_view unprefixed(std::string_view name) {
  const auto colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

Json to_wire(const Node& leaf, const Json& value) {
  if (leaf.kind != Node::Kind::leaf_list) return scalar_to_wire(leaf.type, value);
  // One value, or `[a, b]` on the command line, is a leaf-list too.
  Json items = value;
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (text.empty()) return Json::array();
    const auto parsed = text.starts_with('[') ? parse_document(text) : Result<Json>(Json::array({value}));
    items = parsed && parsed->is_array() ? *parsed : Json::array({value});
  } else if (value.is_null()) {
    return Json::array();
  } else if (!value.is_array()) {
    items = Json::array({value});
  }
  for (auto& item : items) item = scalar_to_wire(leaf.type, item);
  return items;
}

Json body_to_wire(const std::vector<Node>& children, const Json& object, State state) {
  if (!object.is_object()) return object;
  Json wire = Json::object();
  for (const auto& [prefixed, value] : object.items()) {
    const std::string name(unprefixed(prefixed));
    const auto* node = find(children, name);
    if (node == nullptr) {
      wire[prefixed] = value;
      continue;
    }
    if (state == State::drop && !node->config) continue;
    switch (node->kind) {
      case Node::Kind::list: {
        const Json given = value.is_object() ? Json::array({value}) : value.is_null() ? Json::array() : value;
        Json entries = Json::array();
        if (!given.is_array()) {
          wire[name] = value;
          break;
        }
        for (const auto& entry : given) entries.push_back(body_to_wire(node->children, entry, state));
        wire[name] = std::move(entries);
        break;
      }
      case Node::Kind::container:
        wire[name] = body_to_wire(node->children, value.is_null() ? Json::object() : value, state);
        break;
      default: wire[name] = to_wire(*node, value);
    }
  }
  return wire;
}

Json from_wire(const std::vector<Node>* children, const Json& object) {
  Json result = Json::object();
  const auto put = [&](const std::string& prefixed, const Json& value, const Node* node) {
    result[std::string(unprefixed(prefixed))] = from_wire(node, value);
  };
  if (children == nullptr) {
    for (const auto& [name, value] : object.items()) put(name, value, nullptr);
    return result;
  }
  for (const auto& node : *children)
    for (const auto& [name, value] : object.items())
      if (unprefixed(name) == node.name) put(name, value, &node);
  for (const auto& [name, value] : object.items())
    if (find(*children, unprefixed(name)) == nullptr) put(name, value, nullptr);
  return result;
}

Json from_wire(const Node* node, const Json& value) {
  if (value.is_object()) return from_wire(node != nullptr && !node->holds_value() ? &node->children : nullptr, value);
  if (value.is_array()) {
    Json items = Json::array();
    for (const auto& item : value) items.push_back(from_wire(node, item));
    if (node != nullptr && node->kind == Node::Kind::list) sort_by_numbers(*node, items);
    return items;
  }
  return node != nullptr && node->holds_value() ? scalar_from_wire(node->type, value) : value;
}

Result<> assign(Json& object, const std::vector<Node>& children, std::string_view key, const std::string& value) {
  const auto contradiction = [&] { return fail(ErrorCode::malformed_message, "{} contradicts another key", key); };
  if (std::ranges::count(key, '.') > max_document_depth)
    return fail(ErrorCode::malformed_message, "{} is not a valid key", key);
  const auto* node = find(children, key);
  // A dotted key descends by the longest member name it begins with; an unknown one by its first dot.
  auto dot = key.rfind('.');
  if (node == nullptr && dot != std::string_view::npos) {
    while (dot != std::string_view::npos && dot > 0 && find(children, key.substr(0, dot)) == nullptr)
      dot = key.rfind('.', dot - 1);
    if (dot == std::string_view::npos || dot == 0) dot = key.find('.');
    const auto head = key.substr(0, dot);
    const auto tail = key.substr(dot + 1);
    if (head.empty() || tail.empty()) return fail(ErrorCode::malformed_message, "{} is not a valid key", key);
    static const std::vector<Node> none;
    const auto* parent = find(children, head);
    auto& member = object[std::string(head)];
    if (member.is_null()) member = Json::object();
    if (!member.is_object()) return contradiction();
    return assign(member, parent != nullptr ? parent->children : none, tail, value);
  }
  auto& member = object[std::string(key)];
  if (!member.is_null()) return contradiction();
  member = value;
  return {};
}

}  // namespace polycube::cli
