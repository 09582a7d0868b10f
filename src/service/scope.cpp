// SPDX-License-Identifier: Apache-2.0
#include "service/scope.h"

namespace polycube::service {

bool Scope::covers(const std::vector<Step>& path) const {
  const auto& steps = target_.steps;
  for (std::size_t i = 0; i < path.size() && i < steps.size(); i++) {
    if (path[i].name != steps[i].name) return false;
    if (path[i].key && !steps[i].keys.empty() && *path[i].key != steps[i].keys.front()) return false;
  }
  // The target is level 1 (RFC 8040, 4.8.2).
  return !depth_ || path.size() <= steps.size() || path.size() - steps.size() + 1 <= *depth_;
}

}  // namespace polycube::service
