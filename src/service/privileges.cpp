// SPDX-License-Identifier: Apache-2.0
#include "service/privileges.h"

#include <cap-ng.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.h"

namespace polycube::service {

Result<> keep_capabilities(const std::vector<unsigned>& wanted) {
  if (capng_get_caps_process() != 0) return fail_errno(errno, "read the capabilities of the process");
  std::vector<unsigned> kept;
  for (const unsigned capability : wanted) {
    if (capng_have_capability(CAPNG_PERMITTED, capability) == 1)
      kept.push_back(capability);
    else if (::geteuid() == 0)
      log::warn("capability cap_{} is missing; what needs it will fail", capng_capability_to_name(capability));
  }
  const bool bounding = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) == 1;
  capng_clear(CAPNG_SELECT_ALL);
  constexpr auto sets = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET);
  for (const unsigned capability : kept)
    if (capng_update(CAPNG_ADD, sets, capability) != 0) return fail_errno(errno, "choose the capabilities to keep");
  if (capng_apply(bounding ? CAPNG_SELECT_ALL : CAPNG_SELECT_CAPS) != 0)
    return fail(ErrorCode::system, "cannot give up the capabilities that are not needed");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno(errno, "PR_SET_NO_NEW_PRIVS");
  return {};
}

}  // namespace polycube::service
