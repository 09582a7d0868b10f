// SPDX-License-Identifier: Apache-2.0
#include "model/state.h"

#include <libyang/libyang.h>

namespace polycube::model {

namespace {

tl::unexpected<Error> state_error(const ly_ctx* context, const std::string& path) {
  const char* text = ly_errmsg(context);
  return fail(ErrorCode::invalid_value, "cannot show {}: {}", path, text != nullptr ? text : "no reason given");
}

}  // namespace

Result<> add_leaf(DataTree& tree, const std::string& path, const std::string& value) {
  const ly_ctx* context = tree.schema()->context();
  const bool absolute = path.starts_with('/');
  lyd_node* created = nullptr;
  if (lyd_new_path(tree.forest(), absolute ? context : nullptr, path.c_str(), value.c_str(), LYD_NEW_PATH_UPDATE,
                   &created) != LY_SUCCESS)
    return state_error(context, path);
  if (absolute) {
    lyd_node* top = tree.forest() != nullptr ? tree.forest() : created;
    while (lyd_parent(top) != nullptr) top = lyd_parent(top);
    tree.reset_forest(lyd_first_sibling(top));
  }
  return {};
}

Result<> append(DataTree& forest, DataTree&& tree) {
  lyd_node* nodes = tree.forest();
  tree.reset_forest(nullptr);
  lyd_node* first = forest.forest();
  if (nodes == nullptr) return {};
  if (lyd_insert_sibling(first, nodes, &first) != LY_SUCCESS) {
    lyd_free_all(nodes);
    return state_error(forest.schema()->context(), "the data of several cubes");
  }
  forest.reset_forest(first);
  return {};
}

std::string quote_key(const std::string& value) {
  const char quote = value.find('\'') == std::string::npos ? '\'' : '"';
  return quote + value + quote;
}

}  // namespace polycube::model
