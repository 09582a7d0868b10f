// SPDX-License-Identifier: Apache-2.0
// Table bindings out of the pcn:* extensions of a service's compiled module.
#include <algorithm>
#include <set>

#include "model/details.h"

namespace polycube::model {

namespace {

template <typename... Args>
tl::unexpected<Error> impossible(const lysc_node* node, fmt::format_string<Args...> format, Args&&... args) {
  return fail(ErrorCode::invalid_value, "{}: {}", schema_path(node), fmt::format(format, std::forward<Args>(args)...));
}

std::string field_name(const lysc_node* leaf) {
  std::string name = leaf->name;
  std::replace(name.begin(), name.end(), '-', '_');
  return extension(leaf, "field").value_or(name);
}

/// What a string typedef is in a table, by the most basic derived type that tells.
LeafType string_type(const lysc_node* leaf) {
  LeafType type = LeafType::string;
  for (const auto& name : typedefs(leaf)) {
    if (name == "ietf-yang-types:mac-address")
      type = LeafType::mac;
    else if (name == "ietf-inet-types:ipv4-address" || name == "ietf-inet-types:ipv4-address-no-zone")
      type = LeafType::ipv4;
    else if (name == "ietf-inet-types:ipv6-address" || name == "ietf-inet-types:ipv6-address-no-zone")
      type = LeafType::ipv6;
    else if (name == "ietf-inet-types:ipv4-prefix")
      type = LeafType::ipv4_prefix;
    else if (name == "ietf-inet-types:ipv6-prefix")
      type = LeafType::ipv6_prefix;
  }
  return type;
}

/// What a union is in a table: only those of polycube-base have a meaning there.
std::optional<LeafType> union_type(const lysc_node* leaf) {
  for (const auto& name : typedefs(leaf)) {
    if (name == "polycube-base:ip-match") return LeafType::ip;
    if (name == "polycube-base:port-range") return LeafType::range;
  }
  return std::nullopt;
}

bool is_port_name(const lysc_node* leaf) {
  const lysc_node* list = data_parent(leaf);
  const lysc_node* cube = list ? data_parent(list) : nullptr;
  return cube && !data_parent(cube) && std::string_view(leaf->name) == "name" &&
         std::string_view(list->name) == "ports";
}

class Deriver {
 public:
  Deriver(const Schema::Details& details, ServiceModel& service) : details_(details), service_(service) {}

  Result<> run() {
    for (const lysc_node* child : children(service_.list)) PCN_TRY(visit(child, {}, {}));
    PCN_TRY(visit_actions(service_.list, {}));
    return check_clears();
  }

 private:
  using Lists = std::vector<const lysc_node*>;  ///< the lists that a node is in, below the cube

  Result<> visit(const lysc_node* node, std::vector<std::string> path, Lists lists) {
    path.emplace_back(node->name);
    PCN_TRY(check_extensions(node, lists));
    if (const auto table = extension(node, "table")) PCN_TRY(bind(node, *table, path, lists));
    if (extension(node, "state")) PCN_TRY(add_state(node, path));
    if (node->nodetype & LYD_NODE_TERM) return {};
    if (node->nodetype == LYS_LIST)
      lists.push_back(node);
    else
      PCN_TRY(visit_actions(node, path));
    for (const lysc_node* child : children(node)) PCN_TRY(visit(child, path, lists));
    return {};
  }

  Result<> visit_actions(const lysc_node* node, const std::vector<std::string>& path) {
    for (const auto* action = lysc_node_actions(node); action;
         action = reinterpret_cast<const lysc_node_action*>(action->next)) {
      if (const auto table = extension(action->exts, "clears")) {
        auto whole = path;
        whole.emplace_back(action->name);
        service_.clears.push_back({std::move(whole), *table});
      }
    }
    return {};
  }

  /// Extensions in places where they mean nothing are mistakes of the author.
  Result<> check_extensions(const lysc_node* node, const Lists& lists) const {
    const bool leaf = node->nodetype & LYD_NODE_TERM;
    const lysc_node* parent = data_parent(node);
    const bool bound = extension(node, "table") || extension(parent, "table");
    if (extension(node, "init-only") && (!leaf || !is_config(node)))
      return impossible(node, "pcn:init-only is for leaves with config true");
    if (extension(node, "field") && !(node->nodetype == LYS_LEAF && bound))
      return impossible(node, "pcn:field is for leaves of a bound node");
    if (extension(node, "max-age") && !(node->nodetype == LYS_LIST && extension(node, "table")))
      return impossible(node, "pcn:max-age is for bound lists");
    if (extension(node, "follows") && (node->nodetype != LYS_LEAF || !details_.target(node) || lists.empty()))
      return impossible(node, "pcn:follows is for leafref leaves of lists, with a plain path inside the cube");
    if (extension(node, "editable") && (node->nodetype != LYS_LIST || !is_config(node) || !extension(node, "state")))
      return impossible(node, "pcn:editable is for pcn:state lists with config true");
    if (extension(node, "age-of") &&
        (node->nodetype != LYS_LEAF || is_config(node) || parent->nodetype != LYS_LIST || !extension(parent, "table")))
      return impossible(node, "pcn:age-of is for config false leaves of a bound list");
    return {};
  }

  /// The node of which the control plane is asked for rows: for a leaf, the one that it is in.
  Result<> add_state(const lysc_node* node, std::vector<std::string> path) {
    if ((node->nodetype & LYD_NODE_TERM) && is_config(node))
      return impossible(node, "pcn:state is for leaves with config false");
    if (node->nodetype == LYS_LIST && key_leaves(node).empty())
      return impossible(node, "a list without keys cannot be supplied by a control plane");
    if (node->nodetype == LYS_LEAF && extension(node, "table"))
      return impossible(node, "a leaf is either bound to a table or supplied by the control plane");
    if (node->nodetype == LYS_LEAF) path.pop_back();
    const bool known = std::any_of(service_.states.begin(), service_.states.end(),
                                   [&](const StateNode& state) { return state.path == path; });
    if (!known)
      service_.states.push_back({std::move(path), (node->nodetype & (LYS_LIST | LYS_LEAFLIST)) != 0,
                                 extension(node, "editable").has_value()});
    return {};
  }

  Result<> bind(const lysc_node* node, const std::string& table, const std::vector<std::string>& path,
                const Lists& lists) {
    TableBinding binding;
    binding.table = table;
    binding.path = path;
    binding.config = is_config(node);
    if (table.empty() || table.size() > 15) return impossible(node, "the name of an eBPF map has 1 to 15 characters");
    if (node->nodetype == LYS_LIST) {
      PCN_TRY(bind_list(binding, node, lists));
    } else if (!lists.empty()) {
      return impossible(node, "a node inside a list cannot be bound by itself; bind the list {}", lists.back()->name);
    } else if (node->nodetype == LYS_CONTAINER) {
      binding.kind = BindingKind::container;
      PCN_TRY(add_leaves(binding, node));
    } else if (node->nodetype == LYS_LEAF) {
      binding.kind = BindingKind::leaf;
      PCN_TRY(add_leaf(binding, node, false));
    } else {
      return impossible(node, "only lists, containers and leaves can be bound to a table");
    }
    if (binding.leaves.size() > max_cells)
      return impossible(node, "at most {} leaves can be bound to a table", max_cells);
    PCN_TRY(check_fields(binding, node));
    service_.bindings.push_back(std::move(binding));
    return {};
  }

  Result<> bind_list(TableBinding& binding, const lysc_node* list, Lists lists) {
    binding.kind = BindingKind::list;
    lists.push_back(list);
    for (const lysc_node* level : lists) {
      const auto keys = key_leaves(level);
      if (keys.empty()) return impossible(list, "a list without keys cannot be bound");
      for (const lysc_node* key : keys) PCN_TRY(add_leaf(binding, key, true));
    }
    PCN_TRY(add_leaves(binding, list));
    return add_max_age(binding, list);
  }

  /// The direct leaves that are not keys; those of a container that are bound by themselves are left out, and those that
  /// the control plane supplies.
  Result<> add_leaves(TableBinding& binding, const lysc_node* parent) {
    for (const lysc_node* child : children(parent)) {
      const bool elsewhere = extension(child, "table") || extension(child, "state");
      if (child->nodetype == LYS_LEAF && !is_key(child) && !elsewhere)
        PCN_TRY(add_leaf(binding, child, false));
      else if (child->nodetype == LYS_LEAFLIST && !elsewhere)
        return impossible(child, "a leaf-list cannot be in a table");
    }
    return {};
  }

  Result<> add_leaf(TableBinding& binding, const lysc_node* node, bool key) {
    LeafBinding leaf;
    leaf.name = node->name;
    leaf.field = field_name(node);
    leaf.key = key;
    leaf.config = is_config(node);
    leaf.follows = extension(node, "follows").has_value();
    if (const auto age = extension(node, "age-of")) {
      leaf.age = true;
      leaf.field = *age;
    }
    PCN_TRY(set_type(leaf, node));
    if (leaf.age && leaf.type != LeafType::integer) return impossible(node, "an age is an integer");
    binding.leaves.push_back(std::move(leaf));
    return {};
  }

  Result<> set_type(LeafBinding& leaf, const lysc_node* node) const {
    const lysc_type* declared = leaf_type(node);
    const lysc_node* source = node;
    for (unsigned hops = 0; leaf_type(source)->basetype == LY_TYPE_LEAFREF && hops < 16; ++hops) {
      const lysc_node* target = details_.target(source);
      if (!target) return impossible(node, "a leafref in a table must have a plain path inside the cube");
      if (is_port_name(target)) {
        leaf.type = LeafType::port;
        return {};
      }
      source = target;
    }
    const lysc_type* type = real_type(declared);
    if (is_integer(type->basetype)) {
      leaf.type = LeafType::integer;
      return {};
    }
    switch (type->basetype) {
      case LY_TYPE_BOOL: leaf.type = LeafType::boolean; return {};
      case LY_TYPE_STRING: leaf.type = string_type(source); return {};
      case LY_TYPE_ENUM:
        leaf.type = LeafType::enumeration;
        add_enumerators(leaf, reinterpret_cast<const lysc_type_enum*>(type)->enums, false);
        return {};
      case LY_TYPE_BITS:
        leaf.type = LeafType::bits;
        add_enumerators(leaf, reinterpret_cast<const lysc_type_bits*>(type)->bits, true);
        return {};
      default:
        if (const auto known = union_type(source); type->basetype == LY_TYPE_UNION && known) {
          leaf.type = *known;
          return {};
        }
        return impossible(node,
                          "a leaf of this type cannot be in a table (unions but pcn:ip-match and pcn:port-range, "
                          "decimal64, identityref, binary, empty)");
    }
  }

  static void add_enumerators(LeafBinding& leaf, const lysc_type_bitenum_item* items, bool bits) {
    LY_ARRAY_COUNT_TYPE i = 0;
    LY_ARRAY_FOR(items, i) {
      leaf.enumerators.emplace_back(items[i].name,
                                    bits ? static_cast<std::int64_t>(items[i].position) : items[i].value);
    }
  }

  Result<> add_max_age(TableBinding& binding, const lysc_node* list) {
    const auto name = extension(list, "max-age");
    if (!name) return {};
    const lysc_node* parent = data_parent(list);
    const lysc_node* leaf = find_child(parent, "", *name);
    const bool aged = std::any_of(binding.leaves.begin(), binding.leaves.end(), [](const auto& l) { return l.age; });
    if (!aged) return impossible(list, "pcn:max-age needs a leaf with pcn:age-of");
    LeafBinding type;
    const bool beside = leaf && leaf->nodetype == LYS_LEAF && (parent->nodetype != LYS_LIST || parent == service_.list);
    if (!beside || !set_type(type, leaf) || type.type != LeafType::integer)
      return impossible(list, "'{}' is not an integer leaf beside the list, outside of other lists", *name);
    binding.max_age_path = std::vector<std::string>(binding.path.begin(), binding.path.end() - 1);
    binding.max_age_path->push_back(*name);
    return {};
  }

  Result<> check_fields(const TableBinding& binding, const lysc_node* node) {
    std::set<std::string> fields;
    for (const auto& leaf : binding.leaves) {
      // A key and a value may have the same field name: they are different structs.
      if (!leaf.age && !fields.insert((leaf.key ? "k " : "v ") + leaf.field).second)
        return impossible(node, "two leaves stand for the field '{}' of table {}", leaf.field, binding.table);
    }
    for (const auto& other : service_.bindings) {
      if (other.table != binding.table) continue;
      if (other.kind == BindingKind::list || binding.kind == BindingKind::list)
        return impossible(node, "table {} is bound to another node already", binding.table);
      for (const auto& leaf : other.leaves) {
        if (fields.count("v " + leaf.field))
          return impossible(node, "two leaves stand for the field '{}' of table {}", leaf.field, binding.table);
      }
    }
    return {};
  }

  Result<> check_clears() const {
    for (const auto& clear : service_.clears) {
      const bool known =
          std::any_of(service_.bindings.begin(), service_.bindings.end(), [&](const TableBinding& binding) {
            return binding.kind == BindingKind::list && binding.table == clear.table;
          });
      if (!known)
        return impossible(service_.list, "action {} clears table {}, to which no list is bound", clear.path.back(),
                          clear.table);
    }
    return {};
  }

  const Schema::Details& details_;
  ServiceModel& service_;
};

}  // namespace

Result<> derive_bindings(const Schema::Details& details, ServiceModel& service) {
  return Deriver(details, service).run();
}

}  // namespace polycube::model
