// SPDX-License-Identifier: Apache-2.0
#include "model/user_order.h"

#include <fmt/format.h>

#include "model/yang.h"

namespace polycube::model {

namespace {

std::optional<std::string> find_below(const lysc_node* parent) {
  for (const lysc_node* node = lysc_node_child(parent); node; node = node->next) {
    if (!(node->flags & LYS_CONFIG_W)) continue;
    if ((node->nodetype & (LYS_LIST | LYS_LEAFLIST)) && (node->flags & LYS_ORDBY_USER)) return node->name;
    if (const auto below = find_below(node)) return fmt::format("{}/{}", node->name, *below);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> ordered_by_user(const ServiceModel& service) { return find_below(service.list); }

}  // namespace polycube::model
