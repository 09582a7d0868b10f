// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "model/path.h"
#include "model/printer.h"
#include "model/value.h"

namespace polycube::model {

namespace {

bool is_list(const lyd_node* node) { return node->schema->nodetype & (LYS_LIST | LYS_LEAFLIST); }

/// Runs of instances of one schema node, in the order in which each schema node first appears.
std::vector<std::vector<const lyd_node*>> grouped(const lyd_node* siblings) {
  std::vector<std::vector<const lyd_node*>> groups;
  std::vector<const lysc_node*> schemas;
  for (const lyd_node* node = siblings; node; node = node->next) {
    if (groups.empty() || schemas.back() != node->schema) {
      // A forest put together from several trees need not hold the instances of a list side by side.
      const auto known = std::find(schemas.begin(), schemas.end(), node->schema);
      if (known != schemas.end()) {
        groups[static_cast<std::size_t>(known - schemas.begin())].push_back(node);
        continue;
      }
      schemas.push_back(node->schema);
      groups.emplace_back();
    }
    groups.back().push_back(node);
  }
  return groups;
}

/// Type by which a value was stored: of a union, the member that took it.
const lysc_type* stored_type(const lyd_value& value) {
  const lyd_value* actual = &value;
  while (actual->realtype->basetype == LY_TYPE_UNION) actual = &actual->subvalue->value;
  return real_type(actual->realtype);
}

}  // namespace

bool Printer::passes(const lyd_node* node) const {
  const bool config = is_config(node->schema);
  if (is_key(node->schema)) return true;
  if (node->schema->nodetype & LYD_NODE_TERM) {
    if ((options_.content == Content::config && !config) || (options_.content == Content::nonconfig && config))
      return false;
    if (options_.with_defaults == WithDefaults::explicit_ && config && (node->flags & LYD_DEFAULT)) return false;
    return options_.with_defaults != WithDefaults::trim || !lyd_is_default(node);
  }
  return !(options_.content == Content::config && !config);
}

bool Printer::is_shown(const lyd_node* node) const {
  if (!passes(node)) return false;
  if (node->schema->nodetype & LYD_NODE_TERM) return true;
  // List entries and presence containers are data by themselves, unless only state is asked for.
  const bool config = is_config(node->schema);
  if (options_.content != Content::nonconfig || !config) {
    if (node->schema->nodetype == LYS_LIST || is_presence(node->schema)) return true;
  }
  for (const lyd_node* child = lyd_child(node); child; child = child->next) {
    if (!is_key(child->schema) && is_shown(child)) return true;
  }
  return false;
}

bool Printer::is_tagged(const lyd_node* node) const {
  return options_.with_defaults == WithDefaults::report_all_tagged && (node->schema->nodetype & LYD_NODE_TERM) &&
         is_config(node->schema) && lyd_is_default(node);
}

// ---- JSON
// ------------------------------------------------------------------------------------------------------------

void Printer::json_text(std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  out_ += '"';
  for (const char c : text) {
    switch (c) {
      case '"': out_ += "\\\""; break;
      case '\\': out_ += "\\\\"; break;
      case '\n': out_ += "\\n"; break;
      case '\r': out_ += "\\r"; break;
      case '\t': out_ += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out_ += "\\u00";
          out_ += digits[(c >> 4) & 15];
          out_ += digits[c & 15];
        } else {
          out_ += c;
        }
    }
  }
  out_ += '"';
}

void Printer::json_term(const lyd_node* node) {
  const auto& value = reinterpret_cast<const lyd_node_term*>(node)->value;
  const std::string_view text = text_of(node);
  switch (stored_type(value)->basetype) {
    case LY_TYPE_INT8:
    case LY_TYPE_INT16:
    case LY_TYPE_INT32:
    case LY_TYPE_UINT8:
    case LY_TYPE_UINT16:
    case LY_TYPE_UINT32:
    case LY_TYPE_BOOL: out_ += text; break;
    case LY_TYPE_EMPTY: out_ += "[null]"; break;
    default: json_text(text);
  }
}

void Printer::json_value(const lyd_node* node, unsigned level) {
  if (node->schema->nodetype & LYD_NODE_TERM) return json_term(node);
  out_ += '{';
  json_members(lyd_child(node), node->schema->module, level + 1, cut(level));
  out_ += '}';
}

void Printer::json_annotation(const Nodes& nodes, const lys_module* module) {
  static constexpr std::string_view tag = "{\"ietf-netconf-with-defaults:default\":true}";
  const lysc_node* schema = nodes.front()->schema;
  const std::string name =
      schema->module == module ? schema->name : std::string(schema->module->name) + ':' + schema->name;
  if (std::none_of(nodes.begin(), nodes.end(), [this](const lyd_node* node) { return is_tagged(node); })) return;
  out_ += ",\"@" + name + "\":";
  if (schema->nodetype == LYS_LEAF) {
    out_ += tag;
    return;
  }
  out_ += '[';
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    out_ += i ? "," : "";
    out_ += is_tagged(nodes[i]) ? tag : "null";
  }
  out_ += ']';
}

void Printer::json_instances(const Nodes& nodes, const lys_module* module, unsigned level, bool first) {
  const lysc_node* schema = nodes.front()->schema;
  out_ += first ? "\"" : ",\"";
  if (schema->module != module) out_ += std::string(schema->module->name) + ':';
  out_ += schema->name;
  out_ += "\":";
  if (!is_list(nodes.front())) {
    json_value(nodes.front(), level);
  } else {
    out_ += '[';
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      out_ += i ? "," : "";
      json_value(nodes[i], level);
    }
    out_ += ']';
  }
  json_annotation(nodes, module);
}

void Printer::json_members(const lyd_node* siblings, const lys_module* module, unsigned level, bool keys_only) {
  bool first = true;
  for (auto& group : grouped(siblings)) {
    if (keys_only && !is_key(group.front()->schema)) continue;
    std::erase_if(group, [this](const lyd_node* node) { return !is_shown(node); });
    if (group.empty()) continue;
    json_instances(group, module, level, first);
    first = false;
  }
}

// ---- XML
// -------------------------------------------------------------------------------------------------------------

void Printer::xml_text(std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '<': out_ += "&lt;"; break;
      case '>': out_ += "&gt;"; break;
      case '&': out_ += "&amp;"; break;
      case '"': out_ += "&quot;"; break;
      case '\r': out_ += "&#13;"; break;
      default: out_ += c;
    }
  }
}

void Printer::xml_element(const lyd_node* node, const lys_module* module, unsigned level) {
  const lysc_node* schema = node->schema;
  out_ += std::string("<") + schema->name;
  if (schema->module != module) {
    out_ += " xmlns=\"";
    xml_text(schema->module->ns);
    out_ += '"';
  }
  if (is_tagged(node)) out_ += " xmlns:wd=\"urn:ietf:params:xml:ns:netconf:default:1.0\" wd:default=\"true\"";
  if (schema->nodetype & LYD_NODE_TERM) {
    std::string_view text = text_of(node);
    const auto colon = text.find(':');
    if (stored_type(reinterpret_cast<const lyd_node_term*>(node)->value)->basetype == LY_TYPE_IDENT &&
        colon != std::string_view::npos) {
      const std::string owner(text.substr(0, colon));
      if (const lys_module* identity = ly_ctx_get_module_implemented(schema->module->ctx, owner.c_str())) {
        out_ += " xmlns:" + owner + "=\"";
        xml_text(identity->ns);
        out_ += '"';
      }
    }
    out_ += '>';
    xml_text(text);
  } else {
    out_ += '>';
    xml_members(lyd_child(node), schema->module, level + 1, cut(level));
  }
  out_ += std::string("</") + schema->name + '>';
}

void Printer::xml_members(const lyd_node* siblings, const lys_module* module, unsigned level, bool keys_only) {
  for (const lyd_node* node = siblings; node; node = node->next) {
    if ((!keys_only || is_key(node->schema)) && is_shown(node)) xml_element(node, module, level);
  }
}

// ---- resources
// -------------------------------------------------------------------------------------------------------

void Printer::datastore(const lyd_node* forest) {
  if (options_.format == Format::json) {
    out_ += "{\"ietf-restconf:data\":{";
    json_members(forest, nullptr, 2, cut(1));
    out_ += "}}";
    return;
  }
  out_ += "<data xmlns=\"urn:ietf:params:xml:ns:yang:ietf-restconf\">";
  xml_members(forest, nullptr, 2, cut(1));
  out_ += "</data>";
}

void Printer::resource(const std::vector<const lyd_node*>& instances) {
  if (options_.format == Format::json) {
    out_ += '{';
    json_instances(instances, nullptr, 1, true);
    out_ += '}';
    return;
  }
  // XML knows no document with several roots, so a whole list stands in an element of its own.
  const bool wrap = instances.size() > 1;
  out_ += wrap ? "<data xmlns=\"urn:ietf:params:xml:ns:yang:ietf-restconf\">" : "";
  for (const lyd_node* node : instances) xml_element(node, nullptr, 1);
  out_ += wrap ? "</data>" : "";
}

void Printer::wrapped(const lysc_node* owner, const char* name, const lyd_node* members) {
  if (options_.format == Format::json) {
    out_ += std::string("{\"") + owner->module->name + ':' + name + "\":{";
    json_members(members, owner->module, 2, false);
    out_ += "}}";
    return;
  }
  out_ += std::string("<") + name + " xmlns=\"";
  xml_text(owner->module->ns);
  out_ += "\">";
  xml_members(members, owner->module, 2, false);
  out_ += std::string("</") + name + '>';
}

namespace {

/// The instances that a path names: one, or all entries of a list.
Result<std::vector<const lyd_node*>> find_instances(const DataTree& forest, const SchemaPath& path) {
  const lyd_node* siblings = forest.forest();
  std::vector<const lyd_node*> found;
  for (std::size_t i = 0; i < path.nodes.size(); ++i) {
    const lysc_node* schema = path.nodes[i];
    const bool last = i + 1 == path.nodes.size();
    const lyd_node* node = nullptr;
    if (!(schema->nodetype & (LYS_LIST | LYS_LEAFLIST))) {
      node = siblings ? find_single(siblings, schema) : nullptr;
    } else if (!path.steps[i].keys.empty()) {
      auto keys = path.steps[i].keys;
      const auto leaves = schema->nodetype == LYS_LIST ? key_leaves(schema) : std::vector<const lysc_node*>{schema};
      for (std::size_t k = 0; k < leaves.size(); ++k) keys[k] = normalise(leaf_type(leaves[k]), keys[k]);
      node = find_entry(siblings, schema, keys);
    } else if (last) {
      for (const lyd_node* entry = siblings; entry; entry = entry->next) {
        if (entry->schema == schema) found.push_back(entry);
      }
      node = found.empty() ? nullptr : found.front();
    }
    if (!node) {
      ly_err_clean(forest.schema()->context(), nullptr);
      return tl::unexpected<Error>(Error{ErrorCode::not_found, "there is no such resource", path.text(i + 1), {}});
    }
    if (last && found.empty()) found.push_back(node);
    siblings = lyd_child(node);
  }
  return found;
}

}  // namespace

Result<std::string> print(const DataTree& forest, std::string_view path, const ReadOptions& options) {
  Printer printer(options);
  if (path.empty()) {
    printer.datastore(forest.forest());
    return printer.take();
  }
  PCN_ASSIGN(const SchemaPath matched, match_path(*forest.schema(), path));
  if (matched.target()->nodetype == LYS_ACTION)
    return tl::unexpected<Error>(
        Error{ErrorCode::operation_not_supported,
              fmt::format("{} is an action, which is invoked with POST", matched.target()->name),
              matched.text(),
              {}});
  PCN_ASSIGN(auto instances, find_instances(forest, matched));
  // The target itself is printed even when nothing in it is; a leaf that the options hide does not exist for them. As
  // the target of a request a default value exists (RFC 6243, basic mode report-all).
  if (matched.target()->nodetype & LYD_NODE_TERM) {
    ReadOptions content_only = options;
    content_only.with_defaults = WithDefaults::report_all;
    const Printer filter(content_only);
    std::erase_if(instances, [&](const lyd_node* node) { return !filter.is_shown(node); });
  } else if (options.content == Content::config && !is_config(matched.target())) {
    instances.clear();
  }
  if (instances.empty())
    return tl::unexpected<Error>(
        Error{ErrorCode::not_found, "the resource has nothing of the requested content", matched.text(), {}});
  printer.resource(instances);
  return printer.take();
}

}  // namespace polycube::model
