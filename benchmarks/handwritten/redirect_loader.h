// SPDX-License-Identifier: Apache-2.0
/// User-space half of the hand-written redirect programs.
#pragma once

#include "base/fd.h"

namespace polycube::bench {

enum class RedirectHook { xdp_native, xdp_generic, tc };

struct Redirect {
  Fd program;
  Fd link;  ///< none until attached
};

/// Loads the object so that it redirects to the device with interface index `to`.
[[nodiscard]] Result<Redirect> load_redirect(const char* object, int to);
/// Attaches it to the device with interface index `from`.
[[nodiscard]] Result<> attach_redirect(Redirect& redirect, RedirectHook hook, int from);

}  // namespace polycube::bench
