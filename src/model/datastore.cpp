// SPDX-License-Identifier: Apache-2.0
#include "model/datastore.h"

#include <algorithm>
#include <set>

#include "model/builder.h"
#include "model/candidate.h"
#include "model/path.h"
#include "model/text.h"
#include "model/value.h"

namespace polycube::model {

namespace {

const lysc_node* access_node(const Schema& schema) {
  return top_level(ly_ctx_get_module_implemented(schema.context(), access_id.service.c_str())).front();
}

NodePtr new_access(const Schema& schema) {
  lyd_node* node = nullptr;
  const lysc_node* container = access_node(schema);
  if (lyd_new_inner(nullptr, container->module, container->name, 0, &node) != LY_SUCCESS) throw std::bad_alloc();
  return NodePtr(node);
}

/// The cubes that a series of edits touches.
class Workspace {
 public:
  explicit Workspace(const Datastore& store) : store_(store) {}

  [[nodiscard]] bool exists(const CubeId& id) const {
    const auto touched = cubes_.find(id);
    return touched != cubes_.end() ? touched->second.exists() : id == access_id || store_.cubes().count(id) != 0;
  }

  /// The cube of this name in another service, if there is one.
  [[nodiscard]] std::optional<std::string> other_service(const CubeId& id) const {
    for (const auto& service : store_.schema()->services()) {
      if (service.name != id.service && exists({service.name, id.name})) return service.name;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::vector<CubeId> all(const std::string* service) const {
    std::vector<CubeId> ids;
    for (const auto& [id, tree] : store_.cubes()) {
      if ((!service || id.service == *service) && exists(id)) ids.push_back(id);
    }
    for (const auto& [id, cube] : cubes_) {
      if ((!service || id.service == *service) && cube.exists() && !store_.cubes().count(id)) ids.push_back(id);
    }
    return ids;
  }

  /// A cube that exists, to be changed.
  Result<WorkingCopy*> touch(const CubeId& id) {
    const auto [entry, added] = reserve(id);
    if (added) PCN_TRY(entry->second.open());
    return &entry->second;
  }

  void put(const CubeId& id, NodePtr entry) {
    reserve(id).first->second.replace(std::make_unique<DataTree>(store_.schema(), entry.release()));
  }

  void erase(const CubeId& id) { reserve(id).first->second.replace(nullptr); }

  /// As WorkingCopy::fetch(), for `parent` in any of the cubes, or in a tree that is none yet.
  Result<lyd_node*> fetch(lyd_node* parent, const lyd_node* wanted) {
    const lyd_node* root = parent;
    while (lyd_parent(root)) root = lyd_parent(root);
    if (root->schema->nodetype != LYS_LIST) return nullptr;
    const auto cube = cubes_.find({root->schema->module->name, std::string(text_of(lyd_child(root)))});
    const bool inside = cube != cubes_.end() && cube->second.exists() && cube->second.now().forest() == root;
    return inside ? cube->second.fetch(parent, wanted) : Result<lyd_node*>(nullptr);
  }

  /// Completes and validates what was touched.
  Result<std::map<CubeId, Candidate::Change>> finish() {
    std::map<CubeId, Candidate::Change> changes;
    for (auto& [id, cube] : cubes_) {
      if (cube.exists()) PCN_TRY(complete(cube));
      if (!cube.is_unchanged()) changes.emplace(id, cube.release());
    }
    return changes;
  }

 private:
  std::pair<std::map<CubeId, WorkingCopy>::iterator, bool> reserve(const CubeId& id) {
    if (id == access_id) return cubes_.try_emplace(id, store_.access());
    const auto running = store_.cubes().find(id);
    return cubes_.try_emplace(id, running == store_.cubes().end() ? nullptr : running->second);
  }

  const Datastore& store_;
  std::map<CubeId, WorkingCopy> cubes_;
};

tl::unexpected<Error> error_at(ErrorCode code, std::string message, std::string path) {
  return tl::unexpected<Error>(Error{code, std::move(message), std::move(path), {}});
}

/// One edit on a workspace.
class Editor {
 public:
  Editor(const Schema& schema, Workspace& workspace, const Edit& edit, std::uintptr_t pass)
      : schema_(schema),
        workspace_(workspace),
        edit_(edit),
        builder_(pass,
                 [&workspace](lyd_node* parent, const lyd_node* wanted) { return workspace.fetch(parent, wanted); }) {}

  Result<> run() {
    PCN_ASSIGN(path_, match_path(schema_, edit_.path));
    PCN_TRY(check_target());
    if (edit_.method != Method::remove) {
      PCN_ASSIGN(body_, parse_body(schema_.context(), edit_.body, edit_.format));
    }
    if (path_.empty()) return edit_datastore();
    if (is_access(path_.nodes.front())) {
      id_ = access_id;
      return path_.nodes.size() == 1 ? edit_access() : edit_inside();
    }
    service_ = schema_.service(path_.nodes.front()->module->name);
    if (path_.steps.front().keys.empty()) return edit_service();
    id_ = {service_->name, path_.steps.front().keys.front()};
    return path_.nodes.size() == 1 ? edit_cube() : edit_inside();
  }

  bool created = false;
  std::string location;

 private:
  using Mode = Builder::Mode;

  [[nodiscard]] tl::unexpected<Error> missing(const std::string& path) const {
    if (!path_.is_instance() && path == path_.text())
      return error_at(ErrorCode::data_missing, fmt::format("there are no entries of {}", path_.target()->name), path);
    return error_at(ErrorCode::data_missing, fmt::format("there is no {}", describe_target(path)), path);
  }

  /// "port 'p1'": the last step of the path for a message.
  [[nodiscard]] std::string describe_target(const std::string& path) const {
    const auto slash = path.rfind('/');
    const std::size_t index = static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
    if (index < path_.nodes.size() && !path_.steps[index].keys.empty()) {
      const std::string noun = index == 0 ? "cube" : singular(path_.nodes[index]->name);
      return fmt::format("{} '{}'", noun, fmt::join(path_.steps[index].keys, " "));
    }
    return slash == std::string::npos ? path : path.substr(slash + 1);
  }

  Result<> check_target() const {
    if (path_.empty()) {
      if (edit_.method == Method::remove)
        return fail(ErrorCode::operation_not_supported, "the whole configuration cannot be deleted");
      return {};
    }
    if (path_.target()->nodetype == LYS_ACTION)
      return error_at(ErrorCode::operation_not_supported, fmt::format("{} is an action", path_.target()->name),
                      path_.text());
    for (std::size_t i = 0; i < path_.nodes.size(); ++i) {
      if (!is_config(path_.nodes[i]))
        return error_at(ErrorCode::invalid_value, fmt::format("{} is read-only", path_.nodes[i]->name),
                        path_.text(i + 1));
    }
    if (!schema_.service(path_.nodes.front()->module->name) && !is_access(path_.nodes.front()))
      return error_at(ErrorCode::invalid_value, "this is read-only", path_.text());
    if (edit_.method == Method::post && (!path_.is_instance() || (path_.target()->nodetype & LYD_NODE_TERM)))
      return error_at(
          ErrorCode::operation_not_supported,
          fmt::format("POST creates what is in the body below the resource of the path, and {} cannot hold it; "
                      "leave the last step out of the path, or use PUT",
                      path_.target()->name),
          path_.text());
    return {};
  }

  // ---- bodies
  // --------------------------------------------------------------------------------------------------------

  /// {"ietf-restconf:data": {...}} is the datastore itself.
  [[nodiscard]] const Value& datastore_content() const {
    if (body_.members.size() == 1 && body_.members[0].name == "data" && body_.members[0].module == "ietf-restconf")
      return body_.members[0].value;
    return body_;
  }

  /// The value of the target in a body of PUT or PATCH, whose only member it must be.
  Result<const Value*> target_value() const {
    const lysc_node* node = path_.target();
    if (body_.members.size() != 1 || body_.members[0].name != node->name ||
        (!body_.members[0].module.empty() && body_.members[0].module != node->module->name))
      return error_at(ErrorCode::malformed_message,
                      fmt::format("the body must have one member, called {}:{}", node->module->name, node->name),
                      path_.text());
    return &body_.members[0].value;
  }

  /// The one entry in a body for a list entry, whose keys must be those of the path; keys that it leaves out are added.
  Result<Value> target_entry() const {
    PCN_ASSIGN(const Value* value, target_value());
    const lysc_node* list = path_.target();
    PCN_ASSIGN(const auto entries, entries_of(list, *value, path_.text()));
    if (entries.size() != 1)
      return error_at(ErrorCode::malformed_message, fmt::format("the body must have one entry of {}", list->name),
                      path_.text());
    Value entry = *entries.front();
    if (entry.untyped && entry.kind == Value::Kind::string) entry.kind = Value::Kind::object;
    if (entry.kind == Value::Kind::object) {
      const auto leaves = key_leaves(list);
      for (std::size_t i = 0; i < leaves.size(); ++i) add_key(entry, leaves[i], path_.keys()[i]);
    }
    PCN_ASSIGN(const auto keys, entry_keys(list, entry, path_.text()));
    PCN_TRY(compare_keys(keys));
    return entry;
  }

  static void add_key(Value& entry, const lysc_node* leaf, const std::string& text) {
    for (const auto& member : entry.members) {
      if (member.name == leaf->name) return;
    }
    Value value;
    value.kind = Value::Kind::string;
    value.untyped = true;  // of the path, not of JSON
    value.text = text;
    entry.members.push_back({{}, leaf->name, std::move(value)});
  }

  /// Compares by canonical value: "0A:.." in the path is "0a:.." in the body.
  Result<> compare_keys(const std::vector<std::string>& keys) const {
    const auto leaves = key_leaves(path_.target());
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      PCN_ASSIGN(const std::string in_path, canonical_key(leaves[i], path_.keys()[i]));
      PCN_ASSIGN(const std::string in_body, canonical_key(leaves[i], keys[i]));
      if (in_path != in_body)
        return error_at(ErrorCode::invalid_value,
                        fmt::format("{} is '{}' in the path and '{}' in the body", leaves[i]->name, shorten(in_path),
                                    shorten(in_body)),
                        path_.text());
    }
    return {};
  }

  Result<std::string> canonical_key(const lysc_node* leaf, const std::string& text) const {
    auto value = check_value(leaf, text);
    if (!value) return at(std::move(value).error(), path_.text());
    const char* canonical = nullptr;
    (void)lyd_value_validate(leaf->module->ctx, leaf, value->c_str(), value->size(), nullptr, nullptr, &canonical);
    std::string result = canonical ? canonical : *value;
    lydict_remove(leaf->module->ctx, canonical);
    return result;
  }

  // ---- whole cubes
  // ---------------------------------------------------------------------------------------------------

  Result<> add_cube(const ServiceModel& service, const Value& object, bool may_exist) {
    const std::string list_path = qualified_name(service.list);
    PCN_ASSIGN(const auto keys, entry_keys(service.list, object, list_path));
    const CubeId id{service.name, keys.front()};
    const std::string path = list_path + '=' + encode_key(id.name);
    if (!in_body_.insert(id).second)
      return error_at(ErrorCode::invalid_value, fmt::format("cube '{}' is given twice", id.name), path);
    if (workspace_.exists(id)) {
      if (!may_exist) return error_at(ErrorCode::data_exists, fmt::format("cube '{}' exists already", id.name), path);
      PCN_ASSIGN(WorkingCopy * cube, workspace_.touch(id));
      return builder_.fill_entry(cube->now().forest(), object);
    }
    PCN_ASSIGN(NodePtr entry, builder_.make_top_entry(service.list, object));
    PCN_TRY(create_cube(id, std::move(entry)));
    location = path;
    created = true;
    return {};
  }

  Result<> create_cube(const CubeId& id, NodePtr entry) {
    if (const auto other = workspace_.other_service(id))
      return error_at(ErrorCode::data_exists, fmt::format("cube '{}' exists already, of service {}", id.name, *other),
                      id.service + ':' + id.service + '=' + encode_key(id.name));
    workspace_.put(id, std::move(entry));
    return {};
  }

  /// Cubes out of an object whose members are lists of services.
  Result<> add_cubes(const Value& object, bool may_exist) {
    if (object.kind != Value::Kind::object)
      return fail(ErrorCode::malformed_message, "the content of the datastore must be an object");
    for (const auto& member : object.members) {
      if (member.module == access_id.service && member.name == access_id.name) {
        PCN_TRY(set_access(member.value));
        in_body_.insert(access_id);
        continue;
      }
      const ServiceModel* service = schema_.service(member.module.empty() ? member.name : member.module);
      if (!service || member.name != service->name) return unknown_service(member);
      PCN_ASSIGN(const auto entries, entries_of(service->list, member.value, qualified_name(service->list)));
      for (const Value* entry : entries) PCN_TRY(add_cube(*service, *entry, may_exist));
    }
    return {};
  }

  [[nodiscard]] tl::unexpected<Error> unknown_service(const Member& member) const {
    const lys_module* module = ly_ctx_get_module_implemented(schema_.context(), member.module.c_str());
    for (const lysc_node* node : module ? top_level(module) : std::vector<const lysc_node*>{}) {
      if (member.name == node->name)
        return error_at(ErrorCode::invalid_value, fmt::format("{} is read-only", member.name), qualified_name(node));
    }
    for (const auto& broken : schema_.failures()) {
      if (broken.file.stem() != member.name) continue;
      return error_at(
          ErrorCode::unknown_element,
          fmt::format("service {} cannot be used, its package is broken: {}", member.name, broken.error.message), {});
    }
    std::vector<std::string> names;
    for (const auto& service : schema_.services()) names.push_back(service.name + ':' + service.name);
    const std::string name = member.module.empty() ? member.name : member.module + ':' + member.name;
    return error_at(ErrorCode::unknown_element,
                    fmt::format("there is no service '{}'{}", shorten(name), suggest(name, names)), {});
  }

  /// PUT of many cubes begins with it: those that the body does not have go, the others are made anew.
  Result<> erase_all(const std::string* service) {
    for (const auto& id : workspace_.all(service)) workspace_.erase(id);
    return {};
  }

  Result<> edit_datastore() {
    const Value& content = datastore_content();
    if (edit_.method == Method::post && content.members.empty())
      return fail(ErrorCode::malformed_message, "the body holds nothing to create");
    if (edit_.method == Method::put) PCN_TRY(erase_all(nullptr));
    PCN_TRY(add_cubes(content, edit_.method != Method::post));
    return finish_create(in_body_.size());
  }

  Result<> edit_service() {
    if (edit_.method == Method::remove) {
      if (workspace_.all(&service_->name).empty()) return missing(path_.text());
      return erase_all(&service_->name);
    }
    PCN_ASSIGN(const Value* value, target_value());
    const bool existed = !workspace_.all(&service_->name).empty();
    if (edit_.method == Method::put) PCN_TRY(erase_all(&service_->name));
    PCN_ASSIGN(const auto entries, entries_of(service_->list, *value, path_.text()));
    for (const Value* entry : entries) PCN_TRY(add_cube(*service_, *entry, true));
    created = edit_.method == Method::put && !existed;
    location.clear();
    return {};
  }

  /// Reports what POST made: a location only when it was one resource.
  Result<> finish_create(std::size_t count) {
    created = edit_.method == Method::post;
    if (count != 1 || !created) location.clear();
    return {};
  }

  Result<> edit_cube() {
    const bool exists = workspace_.exists(id_);
    if (edit_.method == Method::remove) {
      if (!exists) return missing(path_.text());
      workspace_.erase(id_);
      return {};
    }
    if (edit_.method == Method::post)
      return exists ? create_children(path_.nodes.size()) : Result<>(missing(path_.text()));
    if (!exists && edit_.method == Method::patch) return missing(path_.text());
    PCN_ASSIGN(const Value entry, target_entry());
    if (edit_.method == Method::patch) {
      PCN_ASSIGN(WorkingCopy * cube, workspace_.touch(id_));
      return builder_.fill_entry(cube->now().forest(), entry);
    }
    PCN_ASSIGN(NodePtr made, builder_.make_top_entry(path_.target(), entry));
    created = !exists;
    return create_cube(id_, std::move(made));
  }

  // ---- the access rules
  // ------------------------------------------------------------------------------------------------------------------

  static bool is_access(const lysc_node* top) { return access_id.service == top->module->name; }

  Result<> edit_access() {
    if (edit_.method == Method::post) return create_children(path_.nodes.size());
    if (edit_.method == Method::remove) {
      workspace_.put(access_id, new_access(schema_));
      return {};
    }
    PCN_ASSIGN(const Value* value, target_value());
    return set_access(*value);
  }

  Result<> set_access(const Value& value) {
    // In XML, one without anything looks like empty text.
    if (value.kind != Value::Kind::object && !(value.untyped && value.text.empty()))
      return error_at(ErrorCode::malformed_message, "nacm is an object", qualified_name(access_node(schema_)));
    if (edit_.method == Method::put) workspace_.put(access_id, new_access(schema_));
    PCN_ASSIGN(WorkingCopy * rules, workspace_.touch(access_id));
    return builder_.add_members(rules->now().forest(), value, Mode::merge);
  }

  // ---- inside a cube
  // -------------------------------------------------------------------------------------------------

  /// The data node of the first `count` steps of the path. Non-presence containers are made where they are not.
  Result<lyd_node*> parent_node(std::size_t count) {
    if (!workspace_.exists(id_)) return missing(path_.text(1));
    PCN_ASSIGN(WorkingCopy * cube, workspace_.touch(id_));
    lyd_node* node = cube->now().forest();
    for (std::size_t i = 1; i < count; ++i) {
      const lysc_node* schema = path_.nodes[i];
      PCN_ASSIGN(lyd_node * child, find_step(node, i));
      if (!child && schema->nodetype == LYS_CONTAINER && !is_presence(schema))
        (void)lyd_new_inner(node, schema->module, schema->name, 0, &child);
      if (!child) return missing(path_.text(i + 1));
      node = child;
    }
    return node;
  }

  /// The instance of step `i` below `parent`, or null. Errors: invalid_value for keys that can be none.
  Result<lyd_node*> find_step(lyd_node* parent, std::size_t i) {
    const lysc_node* schema = path_.nodes[i];
    if (!(schema->nodetype & (LYS_LIST | LYS_LEAFLIST))) return find_single(lyd_child(parent), schema);
    PCN_ASSIGN(const auto keys, step_keys(i));
    if (lyd_node* entry = find_entry(lyd_child(parent), schema, keys)) return entry;
    PCN_ASSIGN(WorkingCopy * cube, workspace_.touch(id_));
    return cube->fetch(parent, schema, keys);
  }

  /// What is replaced, removed, or must not exist, as a whole has to be there as a whole.
  Result<> fetch_all(const lyd_node* parent, const lysc_node* child) {
    PCN_ASSIGN(WorkingCopy * cube, workspace_.touch(id_));
    return cube->fetch_all(parent, child);
  }

  Result<std::vector<std::string>> step_keys(std::size_t i) const {
    const lysc_node* schema = path_.nodes[i];
    const auto leaves = schema->nodetype == LYS_LIST ? key_leaves(schema) : std::vector<const lysc_node*>{schema};
    std::vector<std::string> keys;
    for (std::size_t k = 0; k < leaves.size(); ++k) {
      auto value = check_value(leaves[k], path_.steps[i].keys[k]);
      if (!value) return at(std::move(value).error(), path_.text(i + 1));
      keys.push_back(std::move(*value));
    }
    return keys;
  }

  Result<> edit_inside() {
    if (edit_.method == Method::post) return create_children(path_.nodes.size());
    PCN_ASSIGN(lyd_node * parent, parent_node(path_.nodes.size() - 1));
    const bool whole = !path_.is_instance() || path_.target()->nodetype == LYS_CONTAINER;
    if (whole && edit_.method != Method::patch) PCN_TRY(fetch_all(parent, path_.target()));
    if (!path_.is_instance()) return edit_whole_list(parent);
    PCN_ASSIGN(lyd_node * node, find_step(parent, path_.nodes.size() - 1));
    switch (edit_.method) {
      case Method::remove: return remove_node(node);
      case Method::patch:
        // A leaf is no element of its own: setting one that has no value yet changes the element that it is in.
        return node || (path_.target()->nodetype & (LYS_CONTAINER | LYS_LEAF)) ? merge_node(parent, node)
                                                                               : Result<>(missing(path_.text()));
      default: return replace_node(parent, node);
    }
  }

  /// POST: children of the resource of the path, one instance, or several entries of one list.
  Result<> create_children(std::size_t count) {
    PCN_ASSIGN(lyd_node * parent, parent_node(count));
    if (body_.members.size() != 1)
      return error_at(ErrorCode::malformed_message, "the body must have one member: what is to be created",
                      path_.text());
    const Member& member = body_.members[0];
    auto node = member_node(parent->schema, member, path_.text());
    if (!node) return tl::unexpected<Error>(std::move(node).error());
    if (is_key(*node))
      return error_at(ErrorCode::data_exists, fmt::format("{} is the key and exists already", member.name),
                      path_.text());
    if ((*node)->nodetype == LYS_CONTAINER) PCN_TRY(fetch_all(parent, *node));
    const bool list = (*node)->nodetype & (LYS_LIST | LYS_LEAFLIST);
    std::size_t instances = 1;
    if (list && is_config(*node)) {
      PCN_ASSIGN(const auto entries, entries_of(*node, member.value, child_path(parent, *node)));
      instances = entries.size();
    }
    if (instances == 0) return error_at(ErrorCode::malformed_message, "the body holds nothing to create", path_.text());
    PCN_TRY(builder_.add_child(parent, *node, member.value, Mode::create));
    created = true;
    if (instances == 1) location = created_path(parent, *node);
    return {};
  }

  /// Api-path of the one instance that the body has just made: of a list it is the marked one, which went to the end.
  static std::string created_path(const lyd_node* parent, const lysc_node* node) {
    const lyd_node* made = nullptr;
    for (const lyd_node* child = first_instance(lyd_child(parent), node); child; child = next_instance(child)) {
      if (child->priv) made = child;
    }
    return made ? api_path(made) : child_path(parent, node);
  }

  Result<> remove_node(lyd_node* node) {
    const lysc_node* target = path_.target();
    if (is_key(target))
      return error_at(ErrorCode::invalid_value, fmt::format("{} is the key and cannot be deleted", target->name),
                      path_.text());
    if (!node) return missing(path_.text());
    lyd_free_tree(node);
    return {};
  }

  Result<> edit_whole_list(lyd_node* parent) {
    const lysc_node* list = path_.target();
    lyd_node* first = first_instance(lyd_child(parent), list);
    const bool existed = first != nullptr;
    if (edit_.method == Method::remove && !existed) return missing(path_.text());
    const Value* value = nullptr;
    if (edit_.method != Method::remove) {
      PCN_ASSIGN(value, target_value());
    }
    if (edit_.method != Method::patch) {
      while (first) {
        lyd_node* next = next_instance(first);
        lyd_free_tree(first);
        first = next;
      }
    }
    created = edit_.method == Method::put && !existed;
    return value ? builder_.add_child(parent, list, *value, Mode::merge) : Result<>{};
  }

  Result<> merge_node(lyd_node* parent, lyd_node* node) {
    const lysc_node* target = path_.target();
    if (!node && is_presence(target)) return missing(path_.text());
    if (target->nodetype == LYS_LIST) {
      PCN_ASSIGN(const Value entry, target_entry());
      return builder_.fill_entry(node, entry);
    }
    PCN_ASSIGN(const Value* value, target_value());
    return set_target(parent, *value);
  }

  Result<> set_target(lyd_node* parent, const Value& value) {
    const lysc_node* target = path_.target();
    if (is_key(target)) {
      PCN_ASSIGN(const std::string text, leaf_text(target, value));
      if (lyd_node* key = find_single(lyd_child(parent), target);
          key && lyd_value_compare(reinterpret_cast<lyd_node_term*>(key), text.c_str(), text.size()) == LY_SUCCESS)
        return {};
      return error_at(ErrorCode::invalid_value, fmt::format("{} is the key and cannot be changed", target->name),
                      path_.text());
    }
    return builder_.add_child(parent, target, value, Mode::merge);
  }

  /// PUT: what the body does not have goes (back to its default).
  Result<> replace_node(lyd_node* parent, lyd_node* node) {
    const lysc_node* target = path_.target();
    created = !node && target->nodetype != LYS_CONTAINER;
    if (!node && is_presence(target)) created = true;
    if (target->nodetype == LYS_LIST) return replace_entry(parent, node);
    PCN_ASSIGN(const Value* value, target_value());
    if (target->nodetype == LYS_LEAFLIST) return put_leaf_list_entry(parent, node, *value);
    if (node && target->nodetype == LYS_CONTAINER) lyd_free_tree(node);
    return set_target(parent, *value);
  }

  Result<> replace_entry(lyd_node* parent, lyd_node* node) {
    PCN_ASSIGN(Value entry, target_entry());
    if (!node) {
      Value list;
      list.kind = Value::Kind::array;
      list.elements.push_back(std::move(entry));
      return builder_.add_child(parent, path_.target(), list, Mode::merge);
    }
    return builder_.replace_entry(node, entry);
  }

  Result<> put_leaf_list_entry(lyd_node* parent, const lyd_node* node, const Value& value) {
    PCN_ASSIGN(const auto entries, entries_of(path_.target(), value, path_.text()));
    if (entries.size() != 1)
      return error_at(ErrorCode::malformed_message, "the body must have one value", path_.text());
    PCN_ASSIGN(const std::string text, leaf_text(path_.target(), *entries[0]));
    PCN_ASSIGN(const std::string in_body, canonical_key(path_.target(), text));
    PCN_ASSIGN(const std::string in_path, canonical_key(path_.target(), path_.keys().front()));
    if (in_body != in_path)
      return error_at(ErrorCode::invalid_value, "the value in the path is not the one in the body", path_.text());
    return node ? Result<>{} : builder_.add_child(parent, path_.target(), value, Mode::merge);
  }

  const Schema& schema_;
  Workspace& workspace_;
  const Edit& edit_;
  Builder builder_;
  SchemaPath path_;
  Value body_;
  const ServiceModel* service_ = nullptr;
  CubeId id_;
  std::set<CubeId> in_body_;  ///< cubes that the body gave so far
};

}  // namespace

Datastore::Datastore(std::shared_ptr<const Schema> schema) : schema_(std::move(schema)) {
  lyd_node* rules = new_access(*schema_).release();
  // Of an empty container only the defaults have to be added, which fails for lack of memory alone.
  const LY_ERR error = lyd_validate_module(&rules, rules->schema->module, LYD_VALIDATE_NO_STATE, nullptr);
  auto tree = std::make_shared<DataTree>(schema_, rules);
  if (error != LY_SUCCESS) throw std::bad_alloc();
  tree->freeze();
  access_ = std::move(tree);
}

const CubeTree* Datastore::find(std::string_view name) const {
  for (const auto& service : schema_->services()) {
    const auto cube = cubes_.find(CubeId{service.name, std::string(name)});
    if (cube != cubes_.end()) return &cube->second;
  }
  return nullptr;
}

Result<Candidate> Datastore::edit(const Edit& edit) const { return this->edit(std::vector<Edit>{edit}); }

Result<Candidate> Datastore::edit(const std::vector<Edit>& edits) const {
  Workspace workspace(*this);
  Candidate candidate;
  std::uintptr_t pass = 0;
  for (const auto& edit : edits) {
    Editor editor(*schema_, workspace, edit, ++pass);
    PCN_TRY(editor.run());
    candidate.created = editor.created;
    candidate.location = editor.location;
  }
  PCN_ASSIGN(candidate.changes, workspace.finish());
  if (auto access = candidate.changes.extract(access_id)) candidate.access = std::move(access.mapped());
  return candidate;
}

namespace {

CubeTree copy_of(const DataTree& tree) {
  auto copy = tree.duplicate();
  if (!copy) throw std::bad_alloc();
  copy->freeze();
  return std::make_shared<const DataTree>(std::move(*copy));
}

}  // namespace

void Datastore::publish(Candidate& candidate) {
  if (candidate.access) access_ = candidate.access->after;
  for (auto& [id, change] : candidate.changes) {
    if (!change.after) {
      cubes_.erase(id);
    } else if (!change.selection) {
      cubes_[id] = change.after;
    } else {
      CubeTree& running = cubes_.at(id);
      if (running.use_count() > 1) running = copy_of(*running);
      take_over(running->forest(), change.before->forest(), change.after->forest(), schema_->details());
    }
  }
}

Result<Datastore> Datastore::moved_to(std::shared_ptr<const Schema> schema) const {
  Datastore moved(std::move(schema));
  for (const auto& [id, tree] : cubes_) {
    PCN_ASSIGN(DataTree copy, tree->duplicate_to(moved.schema_));
    copy.freeze();
    moved.cubes_[id] = std::make_shared<const DataTree>(std::move(copy));
  }
  PCN_ASSIGN(DataTree rules, access_->duplicate_to(moved.schema_));
  rules.freeze();
  moved.access_ = std::make_shared<const DataTree>(std::move(rules));
  return moved;
}

}  // namespace polycube::model
