// SPDX-License-Identifier: Apache-2.0
#include "model/metric.h"

#include <algorithm>
#include <cstdlib>

#include "model/data_tree.h"
#include "model/details.h"

namespace polycube::model {

namespace {

bool is_metric_name(const std::string& name) {
  return !name.empty() && name.front() >= 'a' && name.front() <= 'z' && !name.ends_with("_total") &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

std::string one_line(const char* text) {
  std::string line;
  for (const char* c = text == nullptr ? "" : text; *c != '\0'; ++c) {
    const bool space = *c == ' ' || *c == '\n' || *c == '\t';
    if (!space)
      line += *c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  return line;
}

bool is_counter(const lysc_node* leaf) {
  const auto names = typedefs(leaf);
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return name == "ietf-yang-types:counter32" || name == "ietf-yang-types:counter64";
  });
}

Metric::Kind kind_of(const lysc_node* node) {
  if (node->nodetype != LYS_LEAF) return Metric::Kind::entries;
  const LY_DATA_TYPE type = real_type(leaf_type(node))->basetype;
  if (is_integer(type) || type == LY_TYPE_DEC64) return Metric::Kind::number;
  return type == LY_TYPE_BOOL ? Metric::Kind::truth : Metric::Kind::presence;
}

/// "port" for the cube's ports, as in the framework's own metrics; "LIST_KEY" for other lists.
std::string label_of(const lysc_node* list, const lysc_node* key) {
  if (data_parent(data_parent(list)) == nullptr && std::string_view(list->name) == "ports") return "port";
  std::string label = std::string(list->name) + '_' + key->name;
  std::replace_if(label.begin(), label.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return label;
}

Result<> add_metrics(const lysc_node* node, std::vector<std::string> path, std::vector<std::string> labels,
                     ServiceModel& service) {
  path.emplace_back(node->name);
  if (const auto name = extension(node, "metric")) {
    const auto same = [&](const Metric& other) { return other.name == *name; };
    if (node->nodetype == LYS_CONTAINER)
      return fail(ErrorCode::invalid_value, "{}: pcn:metric is for lists, leaf-lists and leaves", schema_path(node));
    if (!is_metric_name(*name))
      return fail(ErrorCode::invalid_value,
                  "{}: '{}' is no name of a metric: it has lower-case letters, digits and '_', begins with a letter "
                  "and does not end in _total",
                  schema_path(node), *name);
    if (std::any_of(service.metrics.begin(), service.metrics.end(), same))
      return fail(ErrorCode::invalid_value, "{}: another node is the metric {}", schema_path(node), *name);
    service.metrics.push_back(
        {*name, one_line(node->dsc), kind_of(node), node->nodetype == LYS_LEAF && is_counter(node), path, labels});
  }
  if (node->nodetype & LYD_NODE_TERM) return {};
  if (node->nodetype == LYS_LIST)
    for (const lysc_node* key : key_leaves(node)) labels.push_back(label_of(node, key));
  for (const lysc_node* child : children(node)) PCN_TRY(add_metrics(child, path, labels, service));
  return {};
}

/// Walks down to the instances of one metric.
class Walk {
 public:
  Walk(const lysc_node* list, const Metric& metric) : metric_(metric) {
    for (const std::string& name : metric.path) path_.push_back(list = find_child(list, "", name));
  }

  std::vector<Measured> of(const lyd_node* cube) {
    visit(lyd_child(cube), 0);
    return std::move(found_);
  }

 private:
  void visit(const lyd_node* siblings, std::size_t level) {
    const lysc_node* wanted = path_[level];
    if (level + 1 == path_.size()) return take(siblings, wanted);
    if (wanted->nodetype != LYS_LIST) {
      const lyd_node* container = find_single(siblings, wanted);
      return visit(container == nullptr ? nullptr : lyd_child(container), level + 1);
    }
    for (const lyd_node* entry = first_instance(siblings, wanted); entry; entry = next_instance(entry)) {
      const std::size_t before = keys_.size();
      for (const lyd_node* key = lyd_child(entry); key && is_key(key->schema); key = key->next)
        keys_.emplace_back(text_of(key));
      visit(lyd_child(entry), level + 1);
      keys_.resize(before);
    }
  }

  void take(const lyd_node* siblings, const lysc_node* wanted) {
    const lyd_node* node = first_instance(siblings, wanted);
    if (metric_.kind == Metric::Kind::entries) {
      std::size_t count = 0;
      for (; node; node = next_instance(node)) count++;
      found_.push_back({keys_, static_cast<double>(count)});
    } else if (node != nullptr) {
      found_.push_back({keys_, value_of(std::string(text_of(node)))});
    }
  }

  [[nodiscard]] double value_of(const std::string& text) const {
    switch (metric_.kind) {
      case Metric::Kind::number: return std::strtod(text.c_str(), nullptr);
      case Metric::Kind::truth: return text == "true" ? 1 : 0;
      default: return 1;
    }
  }

  const Metric& metric_;
  std::vector<const lysc_node*> path_;
  std::vector<std::string> keys_;
  std::vector<Measured> found_;
};

}  // namespace

Result<> derive_metrics(ServiceModel& service) {
  for (const lysc_node* child : children(service.list)) PCN_TRY(add_metrics(child, {}, {}, service));
  return {};
}

std::vector<Measured> measure(const DataTree& cube, const Metric& metric) {
  return Walk(cube.forest()->schema, metric).of(cube.forest());
}

std::vector<std::vector<std::string>> entries_of(const DataTree& cube, const std::vector<std::string>& path) {
  const lyd_node* node = cube.forest();
  for (const std::string& name : path) {
    const lysc_node* wanted = find_child(node->schema, "", name);
    node = wanted == nullptr ? nullptr : first_instance(lyd_child(node), wanted);
    if (node == nullptr) return {};
  }
  std::vector<std::vector<std::string>> entries;
  for (; node; node = next_instance(node)) {
    auto& keys = entries.emplace_back();
    for (const lyd_node* key = lyd_child(node); key && is_key(key->schema); key = key->next)
      keys.emplace_back(text_of(key));
  }
  return entries;
}

}  // namespace polycube::model
