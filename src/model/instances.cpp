// SPDX-License-Identifier: Apache-2.0
// Cubes out of the instances of their nodes.
#include <list>

#include "model/document.h"
#include "model/flat_changes.h"
#include "model/yang.h"

namespace polycube::model {

namespace {

using Keys = std::vector<std::string>;

/// One instance with those below it.
struct Instance {
  const lysc_node* schema = nullptr;
  Keys keys = {};  ///< its own; of a leaf-list the value
  control::Leaves leaves = {};
  std::list<Instance> children = {};
  std::map<std::pair<const lysc_node*, Keys>, Instance*> index = {};

  Instance& child(const lysc_node* node, Keys own) {
    Instance*& known = index[{node, own}];
    if (known == nullptr) known = &children.emplace_back(Instance{node, std::move(own)});
    return *known;
  }
};

const lysc_node* find(const lysc_node* parent, std::string_view name) {
  for (const lysc_node* node : children(parent))
    if (name == node->name) return node;
  return nullptr;
}

tl::unexpected<Error> unknown(const CubeId& cube, const std::string& node) {
  return fail(ErrorCode::unknown_element, "the model of service {} has no node {} (in cube {})", cube.service, node,
              cube.name);
}

// Puts a change into the tree of its cube.
Result<> place(const CubeId& cube, Instance& top, const control::Change& change) {
  Instance* instance = &top;
  auto key = change.keys.begin();
  for (std::size_t begin = 0; begin < change.node.size();) {
    const std::size_t end = std::min(change.node.find('/', begin), change.node.size());
    const lysc_node* node = find(instance->schema, std::string_view(change.node).substr(begin, end - begin));
    if (node == nullptr) return unknown(cube, change.node);
    const std::size_t count = node->nodetype == LYS_LIST ? key_leaves(node).size() : node->nodetype == LYS_LEAFLIST;
    if (static_cast<std::size_t>(change.keys.end() - key) < count) return unknown(cube, change.node);
    instance = &instance->child(node, Keys(key, key + static_cast<std::ptrdiff_t>(count)));
    key += static_cast<std::ptrdiff_t>(count);
    begin = end + 1;
  }
  if (key != change.keys.end()) return unknown(cube, change.node);
  for (const auto& [name, value] : *change.after)
    if (find(instance->schema, name) == nullptr)
      return unknown(cube, change.node.empty() ? name : change.node + '/' + name);
  instance->leaves = *change.after;
  return {};
}

void append_escaped(std::string& xml, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&': xml += "&amp;"; break;
      case '<': xml += "&lt;"; break;
      case '>': xml += "&gt;"; break;
      case '\r': xml += "&#13;"; break;
      default: xml += c;
    }
  }
}

void open(std::string& xml, const lysc_node* node, const lysc_node* parent) {
  xml += '<';
  xml += node->name;
  if (parent == nullptr || parent->module != node->module)
    fmt::format_to(std::back_inserter(xml), " xmlns=\"{}\"", node->module->ns);
  xml += '>';
}

void close(std::string& xml, const lysc_node* node) { fmt::format_to(std::back_inserter(xml), "</{}>", node->name); }

void append_leaf(std::string& xml, const lysc_node* parent, const std::string& name, const std::string& value) {
  const lysc_node* leaf = find(parent, name);
  open(xml, leaf, parent);
  append_escaped(xml, value);
  close(xml, leaf);
}

void append(std::string& xml, const Instance& instance, const lysc_node* parent) {
  const lysc_node* node = instance.schema;
  open(xml, node, parent);
  if (node->nodetype == LYS_LEAFLIST) append_escaped(xml, instance.keys.front());
  if (node->nodetype == LYS_LIST)
    for (std::size_t i = 0; i < instance.keys.size(); i++)
      append_leaf(xml, node, key_leaves(node)[i]->name, instance.keys[i]);
  for (const auto& [name, value] : instance.leaves) append_leaf(xml, node, name, value);
  for (const Instance& child : instance.children) append(xml, child, node);
  close(xml, node);
}

}  // namespace

namespace {

Result<std::string> cube_body(const Schema& schema, const CubeId& id, const control::Changes& changes) {
  Instance top;
  if (id == access_id) {
    top.schema = top_level(ly_ctx_get_module_implemented(schema.context(), id.service.c_str())).front();
  } else {
    const ServiceModel* service = schema.service(id.service);
    if (service == nullptr)
      return fail(ErrorCode::unknown_element, "there is no service {} (of cube {})", id.service, id.name);
    top.schema = service->list;
    top.keys = {id.name};
  }
  for (const control::Change& change : changes)
    if (change.after) PCN_TRY(place(id, top, change));
  std::string xml;
  append(xml, top, nullptr);
  return xml;
}

}  // namespace

Result<std::string> datastore_body(const Schema& schema, const std::map<CubeId, control::Changes>& cubes) {
  std::string xml = "<data xmlns=\"urn:ietf:params:xml:ns:yang:ietf-restconf\">";
  for (const auto& [id, changes] : cubes) {
    PCN_ASSIGN(const std::string cube, cube_body(schema, id, changes));
    xml += cube;
  }
  return xml + "</data>";
}

Result<Edit> replacing_edit(const Schema& schema, const CubeId& cube, const control::Changes& instances) {
  PCN_ASSIGN(std::string body, cube_body(schema, cube, instances));
  std::string path = cube == access_id ? fmt::format("{}:{}", cube.service, cube.name)
                                       : fmt::format("{0}:{0}={1}", cube.service, encode_key(cube.name));
  return Edit{Method::put, std::move(path), std::move(body), Format::xml};
}

control::Changes difference(const control::Changes& changes) {
  std::map<std::pair<std::string, Keys>, std::optional<control::Leaves>> removed;
  for (const control::Change& change : changes)
    if (!change.after) removed[{change.node, change.keys}] = change.before;
  control::Changes different;
  for (const control::Change& change : changes) {
    if (!change.after) continue;
    const auto before = removed.extract({change.node, change.keys});
    if (before.empty())
      different.push_back(change);
    else if (before.mapped() != change.after)
      different.push_back({change.node, change.keys, before.mapped(), change.after});
  }
  for (auto& [place, leaves] : removed) different.push_back({place.first, place.second, std::move(leaves), {}});
  return different;
}

control::Changes changed(control::Changes instances, const control::Changes& changes) {
  std::map<std::pair<std::string, Keys>, control::Leaves> by_place;
  for (control::Change& there : instances)
    by_place[{std::move(there.node), std::move(there.keys)}] = std::move(*there.after);
  for (const control::Change& change : changes) {
    if (change.after)
      by_place[{change.node, change.keys}] = *change.after;
    else
      by_place.erase({change.node, change.keys});
  }
  control::Changes result;
  if (!by_place.contains({"", {}})) return result;
  for (auto& [where, leaves] : by_place) result.push_back({where.first, where.second, {}, std::move(leaves)});
  return result;
}

}  // namespace polycube::model
